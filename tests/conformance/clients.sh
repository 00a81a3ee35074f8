#!/usr/bin/env bash
# Real clients, direct and through pgchaperone: the same transcripts, byte for byte. About 30 seconds.
#
#   tests/conformance/clients.sh [CLIENT...]     see tests/support/clients/run.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/chaperone.sh
source "$root/tests/support/chaperone.sh"
postgres_start max_connections=60
role_password=$(random_password)
agent_password=$(random_password)
postgres_role client "$role_password"
postgres_database client client
chaperone_agent client "$agent_password"
chaperone_database client "$POSTGRES_HOST:$POSTGRES_PORT" client client "$role_password"
chaperone_start
"$root/tests/support/clients/run.sh" "$(postgres_uri client "$role_password" client)" \
  "$(chaperone_uri client "$agent_password" client)" "$@"
"$PGCHAPERONE" audit verify "$CHAPERONE_AUDIT"*
