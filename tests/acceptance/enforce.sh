#!/usr/bin/env bash
# Shows what enforcing claims, with real clients, one line a claim with its figure. About 8 minutes. Needs build/release and the
# test packages: ./tests/run.sh makes both.
#
#   tests/acceptance/enforce.sh [PART...]    of: drivers tools escape token seen attacks reload cost (all)
#
# Exit status: 0 every claim holds, 1 one does not.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/claims.sh
source "$root/tests/support/claims.sh"
(($#)) || set -- drivers tools escape token seen attacks reload cost
parts=" $* "

missing() { claim "$1" "not shown yet" 0; }
drivers() {
  local name
  for name in psql psycopg3 psycopg2 asyncpg node jdbc; do
    missing "$name under a capability that covers it: the same lines as direct"
  done
}
tools() {
  local name
  for name in pg postgres.js knex sequelize drizzle sqlalchemy mcp-postgres mcp-dbhub; do
    missing "$name: lists, reads and writes as on a database that holds only what the capability shows"
  done
}
escape() {
  missing "@modelcontextprotocol/server-postgres: COMMIT; DROP TABLE is stopped, the table is there"
  missing "@bytebase/dbhub: COMMIT; DROP TABLE is stopped, the table is there"
}
token() { missing "an agent logs in with a token over TLS, sslmode=verify-full"; }
seen() {
  missing "a denial's fields: 42501, message, detail, hint, position, schema, table, column, constraint"
  missing "pg_stat_activity shows agent, actor and task, and application_name agent/task"
  missing "PostgreSQL's log says whose denied statement it was"
  missing "current_setting('chaperone.actor') in a trigger and in row-level security"
}
attacks() { missing "attacks through the protocol: nothing gets through"; }
reload() {
  missing "64 busy sessions, the policy reloaded 100 times: no dropped session"
  missing "each record's verdict is the one that its policy gives offline"
}
cost() {
  missing "CPU per query, everything on, simple: at most 1.30 of PgBouncer's"
  missing "CPU per query, everything on, extended: at most 1.35 of PgBouncer's"
  missing "CPU per query, everything on, prepared: at most 1.20 of PgBouncer's"
  missing "memory of an idle TLS session at most 30 KB"
}

wanted() { [[ $parts == *" $1 "* ]]; }
if wanted drivers; then drivers; fi
if wanted tools; then tools; fi
if wanted escape; then escape; fi
if wanted token; then token; fi
if wanted seen; then seen; fi
if wanted attacks; then attacks; fi
if wanted reload; then reload; fi
if wanted cost; then cost; fi
finish_claims
