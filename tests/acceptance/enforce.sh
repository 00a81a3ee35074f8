#!/usr/bin/env bash
# Shows what enforcing claims, with real clients, one line a claim with its figure. About 8 minutes. Needs build/release, the test
# packages (./tests/run.sh makes both) and npm.
#
#   tests/acceptance/enforce.sh [PART...]    of: drivers tools escape token seen attacks reload cost (all)
#
# Exit status: 0 every claim holds, 1 one does not.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/chaperone.sh
source "$root/tests/support/chaperone.sh"
# shellcheck source=tests/support/measure.sh
source "$root/tests/support/measure.sh"
# shellcheck source=tests/support/claims.sh
source "$root/tests/support/claims.sh"
if [[ ! -x $PGCHAPERONE ]]; then
  echo "FAIL  pgchaperone is not built: $PGCHAPERONE is missing (./tests/run.sh builds it)"
  exit 1
fi
(($#)) || set -- drivers tools escape token seen attacks reload cost
parts=" $* "
scratch
many_files
clients=$root/tests/support/clients

# The shop as it is, behind pgchaperone; direct, what each agent's capability shows of it; and shops to attack, where the role
# may do everything.
worker_password=$(random_password)
agent_password=$(random_password)
start() {
  local shape
  [[ -z $CHAPERONE_PID ]] || return 0
  postgres_start max_connections=300 max_prepared_transactions=5
  postgres_role worker "$worker_password"
  postgres_role attacker "$worker_password" SUPERUSER
  for shape in whole driver tool template attacked; do
    postgres_database "shop_$shape" postgres
    postgres_sql "shop_$shape" -v shape="$(sed -E 's/template|attacked/whole/' <<< "$shape")" -f "$clients/shop.sql"
  done
  chaperone_agent driver "$agent_password"
  chaperone_agent tool "$agent_password"
  chaperone_database shop "$POSTGRES_HOST:$POSTGRES_PORT" shop_whole worker "$worker_password"
  chaperone_database attacked "$POSTGRES_HOST:$POSTGRES_PORT" shop_attacked attacker "$worker_password"
  cp "$clients/shop.yaml" "$CHAPERONE_DIRECTORY/policy.yaml"
  CHAPERONE_EXTRA="policy: policy.yaml"
  chaperone_start
}
direct() { postgres_uri worker "$worker_password" "shop_$1"; }
through() { chaperone_uri "$1" "$agent_password" "${2-shop}"; }
whole() { postgres_sql shop_whole -At "$@"; }

# AGENT CLAIM CLIENT...: the clients' transcripts direct, on what the agent is shown, and through pgchaperone on the whole.
transcripts() {
  local agent=$1 what=$2 name out=$SCRATCH/$1.out
  shift 2
  start
  "$clients/run.sh" "$(direct "$agent")" "$(through "$agent")" "$@" > "$out" 2>&1 || true
  for name in "$@"; do
    claim "$name $what" "$(sed -n "s/^\(ok\|FAIL\)  *$name:\{0,1\} //p" "$out" | grep . || echo 'did not run')" \
      "$(grep -c "^ok  *$name:" "$out" || true)"
  done
  sed '/^ok/d; s/^/      /' "$out"
}
drivers() {
  CLIENT_SCRIPTS=enforced transcripts driver "under a capability that covers it: as direct" psql psycopg3 psycopg2 asyncpg node jdbc
}
tools() {
  transcripts tool "lists, reads and writes: as on a database that holds only what is shown" \
    pg postgres.js knex sequelize drizzle sqlalchemy mcp-postgres mcp-dbhub
}

# The server of MCP opens a read-only transaction and believes in it; the other splits at semicolons.
escape() {
  local name answer status sql="COMMIT; DROP TABLE notes; SELECT 'escaped'"
  start
  NODE_PATH=$("$clients/tools/install.sh") && export NODE_PATH
  for name in postgres dbhub; do
    answer=$(/usr/bin/python3 "$clients/tools/mcp.py" "$name" "$(through tool)" "$sql" 2>&1) || true
    status=1
    [[ $answer == *"pgchaperone: tool may not run DROP TABLE"* ]] || status=0
    [[ $(whole -c "SELECT to_regclass('notes') IS NOT NULL") == t ]] || { status=0 answer+=" (and the table is gone)"; }
    claim "mcp-$name: COMMIT; DROP TABLE is stopped, the table is there" "${answer:0:160}" "$status"
  done
}

missing() { claim "$1" "not shown yet" 0; }
token() { missing "an agent logs in with a token over TLS, sslmode=verify-full"; }
seen() {
  missing "a denial's fields: 42501, message, detail, hint, position, schema, table, column, constraint"
  missing "pg_stat_activity shows agent, actor and task, and application_name agent/task"
  missing "PostgreSQL's log says whose denied statement it was"
  missing "current_setting('chaperone.actor') in a trigger and in row-level security"
}
attacks() {
  local out=$SCRATCH/attacks.out status=1
  start
  cat > "$SCRATCH/reset.sh" << SH
"$POSTGRES_BIN/psql" -X -q "$(postgres_uri attacker "$worker_password" shop_direct)" -c "ROLLBACK PREPARED 'x'" 2> /dev/null
"$POSTGRES_BIN/psql" -X -q -v ON_ERROR_STOP=1 "$(postgres_uri attacker "$worker_password" postgres)" -c 'SET client_min_messages = warning' \
  -c 'ALTER ROLE attacker RESET ALL' -c 'DROP DATABASE IF EXISTS shop_direct WITH (FORCE)' -c 'CREATE DATABASE shop_direct TEMPLATE shop_template'
SH
  bash "$SCRATCH/reset.sh"
  /usr/bin/python3 "$root/tests/support/attacks/attacks.py" "$(postgres_uri attacker "$worker_password" shop_direct)" \
    "$(through tool attacked)" "$(postgres_uri attacker "$worker_password" shop_attacked)" "bash $SCRATCH/reset.sh" \
    "$POSTGRES_SOCKET" "$CHAPERONE_PID" "$CHAPERONE_DIRECTORY/policy.yaml" > "$out" 2>&1 || status=0
  claim "attacks of an agent with a valid login: nothing gets through" "$(tail -n 1 "$out")" "$status"
  sed '$d; s/^/      /' "$out"
}

# The policy in three variants, each of which alone allows the statement in its first line.
variants() {
  local directory=$SCRATCH/variants
  mkdir -p "$directory"
  (echo "# only here: SELECT subject FROM tickets" && cat "$clients/shop.yaml") > "$directory/1.yaml"
  (echo "# only here: SELECT tenant_id FROM tickets" &&
    sed 's/id, customer_id, subject, status, created_at/id, tenant_id, status/' "$clients/shop.yaml") > "$directory/2.yaml"
  (echo "# only here: SELECT ssn FROM customers" &&
    sed 's/id, customer_id, subject, status, created_at/id, status/; s/id, name, email\]/id, name, ssn]/
      s/{email: email}/{name: redact}/; s/columns: \[status\]/columns: [customer_id]/' "$clients/shop.yaml") > "$directory/3.yaml"
}
reload() {
  local out=$SCRATCH/reload.out status=1 variants=$SCRATCH/variants
  start
  variants
  /usr/bin/python3 "$root/tests/support/attacks/reload.py" "$(through tool)" 64 100 "$CHAPERONE_PID" "$CHAPERONE_DIRECTORY/policy.yaml" \
    "$variants"/*.yaml > "$out" 2>&1 || status=0
  claim "64 busy sessions, the policy reloaded 100 times: no dropped session" "$(tail -n 1 "$out")" "$status"
  sed '$d; s/^/      /' "$out"
  status=1
  "$PGCHAPERONE" catalog --config "$CHAPERONE_CONFIG" --database shop > "$SCRATCH/catalog.json"
  cat "$CHAPERONE_AUDIT"* | PGCHAPERONE=$PGCHAPERONE /usr/bin/python3 "$root/tests/support/attacks/replay.py" tool "$SCRATCH/catalog.json" \
    "$clients/shop.yaml" "$variants"/*.yaml > "$out" 2>&1 || status=0
  claim "each record's verdict is the one that its policy gives offline" "$(tail -n 1 "$out")" "$status"
  sed '$d; s/^/      /' "$out" | head -n 20
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
