#!/usr/bin/env bash
# Shows what enforcing claims, with real clients, one line a claim with its figure. About 8 minutes. Needs build/release, the test
# packages (./tests/run.sh makes both) and npm.
#
#   tests/acceptance/enforce.sh [PART...]    of: drivers tools escape token seen attacks reload replay cost (all)
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
(($#)) || set -- drivers tools escape token seen attacks reload replay cost
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
  CHAPERONE_IDENTITY=$'default: scram\n  passwords: passwords\n  agents: {witness: token}\n  tokens: [{keys: builtin}]'
  CHAPERONE_TLS=$SCRATCH/tls
  certificate "$CHAPERONE_TLS"
  "$PGCHAPERONE" token key --state "$CHAPERONE_DIRECTORY/state" > /dev/null
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

# The agent `witness` has a token, and a TLS that proves the server.
issue() {
  "$PGCHAPERONE" token issue --config "$CHAPERONE_CONFIG" --agent witness --actor alice@example.com --task TICKET-4711 "$@"
}
witness() { # SSLMODE TOKEN [psql arguments]
  PGPASSWORD=$2 PGSSLMODE=$1 PGSSLROOTCERT=$CHAPERONE_TLS/server.crt PGAPPNAME=witness-app "$POSTGRES_BIN/psql" -X -q -At \
    -h localhost -p "$CHAPERONE_PORT" -U witness "${@:3}" shop 2>&1
}
# Prints application_name and query of what sleeps, as soon as it does.
sleeper() {
  local shown
  for _ in {1..100}; do
    shown=$(whole -F ' | ' -c "SELECT application_name, query FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")
    [[ -z $shown ]] || break
    sleep 0.1
  done
  echo "$shown"
}
token() {
  local token figure pid seconds
  start
  token=$(issue)
  figure=$(witness verify-full "$token" -c '\conninfo' -c 'SELECT 1' | tr '\n' ' ') || true
  claim "an agent logs in with a token over TLS, sslmode=verify-full" "$figure" "$([[ $figure == *TLSv1.3*1* ]] && echo 1 || echo 0)"
  figure=$(witness disable "$token" -c 'SELECT 1' | head -n 1) || true
  claim "without TLS the token is not asked for" "$figure" "$([[ $figure == *FATAL* && $figure != *password\ auth* ]] && echo 1 || echo 0)"
  seconds=$SECONDS
  figure=$(witness verify-full "$(issue --lifetime 3s)" -c 'SELECT pg_sleep(30)') || true
  seconds=$((SECONDS - seconds))
  claim "a session ends with its token" "after $seconds s: $(head -n 1 <<< "$figure")" "$([[ $seconds -le 6 && $figure == *FATAL*expired* ]] && echo 1 || echo 0)"
  witness verify-full "$token" -c 'SELECT pg_sleep(30)' > "$SCRATCH/revoked" &
  pid=$!
  sleeper > /dev/null
  "$PGCHAPERONE" token revoke --config "$CHAPERONE_CONFIG" --agent witness > /dev/null || true
  seconds=$SECONDS
  wait "$pid" || true
  seconds=$((SECONDS - seconds))
  figure="after $seconds s: $(head -n 1 "$SCRATCH/revoked")"
  claim "a session ends within 5 s of its token's revocation" "$figure" \
    "$(holds "$seconds <= 6 && $(grep -c 'FATAL' "$SCRATCH/revoked" || true) > 0")"
  "$PGCHAPERONE" token revoke --config "$CHAPERONE_CONFIG" --agent witness --lift > /dev/null || true
  for _ in {1..50}; do # it is looked at once a second
    witness verify-full "$token" -c 'SELECT 1' > /dev/null && break
    sleep 0.1
  done
  NODE_PATH=$("$clients/tools/install.sh") && export NODE_PATH
  figure="postgresql://witness:$(issue)@localhost:$CHAPERONE_PORT/shop?sslmode=verify-full&sslrootcert=$CHAPERONE_TLS/server.crt"
  figure=$(/usr/bin/python3 "$clients/tools/mcp.py" postgres "$figure" "SELECT place FROM visits" 2>&1) || true
  claim "mcp-postgres with a token over TLS" "${figure:0:120}" "$([[ $figure == "answer: ["* ]] && echo 1 || echo 0)"
}

# What a client, a DBA and the database itself are told.
seen() {
  local shown token pid wanted status=1 out=$SCRATCH/seen.out
  start
  token=$(issue)
  "$POSTGRES_BIN/psql" -X -q -v VERBOSITY=verbose "$(through tool)" -c "SELECT 'ä', id, ssn FROM customers" > "$out" 2>&1 || true
  cat > "$SCRATCH/wanted" << 'TEXT'
ERROR:  42501: pgchaperone: tool may not read column "ssn" of "customers"; it may read id, name, email (masked)
LINE 1: SELECT 'ä', id, ssn FROM customers
                        ^
DETAIL:  capability triage, rule tables.customers.read.columns
SCHEMA NAME:  public
TABLE NAME:  customers
COLUMN NAME:  ssn
CONSTRAINT NAME:  tables.customers.read.columns
TEXT
  diff "$SCRATCH/wanted" <(grep -v '^LOCATION' "$out") > "$SCRATCH/diff" || status=0
  claim "a denial: 42501, message, detail, position, schema, table, column, and the rule as constraint" \
    "$(head -n 1 "$out" | cut -c -60).." "$status"
  sed 's/^/      /' "$SCRATCH/diff"
  shown=$("$POSTGRES_BIN/psql" -X -q "$(through tool)" -c "SELECT nam FROM customers" 2>&1 | sed -n 's/^HINT:  //p') || true
  claim "a misspelt name: a hint out of what may be read" "$shown" "$([[ $shown == *'"name"'* ]] && echo 1 || echo 0)"

  witness verify-full "$token" -c 'SELECT pg_sleep(2)' > "$SCRATCH/sleeper" &
  pid=$!
  shown=$(sleeper)
  wait "$pid" || true
  wanted="/*actor='alice%40example.com',agent='witness',task='TICKET-4711'*/ SELECT pg_sleep(2)"
  claim "pg_stat_activity: who runs it, for whom, what for" "$shown" \
    "$([[ $shown == "witness/TICKET-4711"*"$wanted" && $shown != *alice*"|"* ]] && echo 1 || echo 0)"

  witness verify-full "$token" -c 'SELECT amount FROM salaries' > "$out" || true
  shown=$(grep -a "chaperone.denied" "$SCRATCH/postgres.log" | grep -a "witness" | tail -n 1 | sed 's/.*STATEMENT:  //') || true
  claim "PostgreSQL's log: whose statement was denied, and by which rule" "$shown" \
    "$([[ $shown == "/*actor='alice%40example.com',agent='witness',rule='"*"',task='TICKET-4711'*/"* ]] && echo 1 || echo 0)"

  witness verify-full "$token" -c "INSERT INTO visits (place) VALUES ('harbour')" > "$out" || true
  shown=$(whole -c "SELECT who FROM visits WHERE place = 'harbour'")
  claim "current_setting('chaperone.actor') in a trigger" "$shown" \
    "$([[ $shown == "alice@example.com via witness for TICKET-4711" ]] && echo 1 || echo 0)"
  shown=$(witness verify-full "$token" -c 'SELECT place FROM visits' | tr '\n' ' ') || true
  claim "current_setting('chaperone.actor') in row-level security" "$shown" "$([[ $shown == "harbour " ]] && echo 1 || echo 0)"

  shown=$(grep '"kind":"statement".*INSERT INTO visits' "$CHAPERONE_AUDIT" | tail -n 1 | python3 -c 'import json, sys
record = json.loads(sys.stdin.read() or "{}")
print(*(record.get(key) for key in ("agent", "actor", "task", "proof", "verdict", "capability", "enforced")))') || true
  claim "the record: agent, actor, task, proof, verdict" "$shown" \
    "$([[ $shown == "witness alice@example.com TICKET-4711 token allow visit True" ]] && echo 1 || echo 0)"
  for wanted in capabilities identity limits; do
    shown=$("$POSTGRES_BIN/psql" -X -q -At "$(through tool)" -c "SHOW chaperone.$wanted" 2>&1) && status=1 || status=0
    claim "SHOW chaperone.$wanted" "$(wc -l <<< "$shown") rows, $(head -n 1 <<< "$shown" | cut -c -100)" "$status"
  done
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
}
# Of all parts that ran before it.
replay() {
  local agent status out=$SCRATCH/replay.out
  start
  variants
  "$PGCHAPERONE" catalog --config "$CHAPERONE_CONFIG" --database shop > "$SCRATCH/catalog.json"
  for agent in driver tool; do
    grep -q "\"kind\":\"statement\".*\"agent\":\"$agent\"" "$CHAPERONE_AUDIT" || continue
    status=1
    cat "$CHAPERONE_AUDIT"* | PGCHAPERONE=$PGCHAPERONE /usr/bin/python3 "$root/tests/support/attacks/replay.py" "$agent" \
      "$SCRATCH/catalog.json" "$clients/shop.yaml" "$SCRATCH"/variants/*.yaml "$CHAPERONE_DIRECTORY"/policy.yaml* > "$out" 2>&1 || status=0
    claim "each record of $agent has the verdict that its policy gives offline" "$(tail -n 1 "$out")" "$status"
    sed '$d; s/^/      /' "$out" | head -n 20
  done
}

figure() { awk -F'\t' -v key="$1" -v field="$2" '$1 " " $2 " " $3 " " $4 == key { print $field }' "$SCRATCH/figures.tsv"; }
cost() {
  local mode most ratio same out=$SCRATCH/bench.out
  if ! "$root/tests/bench/run.sh" --enforce --parts queries --clients 8 --seconds 3 --figures "$SCRATCH/figures.tsv" > "$out" 2>&1; then
    claim "the benchmarks" "$(tail -n 1 "$out")" 0
    return
  fi
  while read -r mode most; do
    ratio=$(figure "queries $mode 8 enforce" 6)
    same=$(figure "queries $mode 8 enforce" 7)
    claim "CPU per query, everything on, $mode, at most $most of PgBouncer's" \
      "$(calculate "${ratio:-0}") ($(calculate "$(figure "queries $mode 8 enforce" 5)" %.1f) us; where PgBouncer's clients send the same SQL: $(calculate "${same:-0}"))" \
      "$(holds "${ratio:-9} <= $most")"
  done <<< $'simple 1.30\nextended 1.35\nprepared 1.20'
  "$root/tests/bench/run.sh" --tls --parts idle --figures "$SCRATCH/figures.tsv" > "$out" 2>&1 || true
  ratio=$(figure "idle pair 1000 pgchaperone" 5)
  claim "memory of an idle TLS session at most 30 KB" "${ratio:-no figure} KB (PgBouncer $(figure "idle pair 1000 pgbouncer" 5))" \
    "$(holds "${ratio:-99} <= 30")"
}

wanted() { [[ $parts == *" $1 "* ]]; }
if wanted drivers; then drivers; fi
if wanted tools; then tools; fi
if wanted escape; then escape; fi
if wanted token; then token; fi
if wanted seen; then seen; fi
if wanted attacks; then attacks; fi
if wanted reload; then reload; fi
if wanted replay; then replay; fi
if wanted cost; then cost; fi
finish_claims
