#!/usr/bin/env bash
# Shows what a credential for one session alone claims, with a real PostgreSQL, one line a claim with its figure. About 6 minutes.
# Needs build/release and the test packages (./tests/run.sh makes both).
#
#   tests/acceptance/leases.sh [PART...]    of: rate log end kill wall quickstart (all)
#
#   RATE=50 SECONDS_OF_RATE=60 KILLS=50     sizes of the parts
#
# Exit status: 0 every claim holds, 1 one does not.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/chaperone.sh
source "$root/tests/support/chaperone.sh"
# shellcheck source=tests/support/claims.sh
source "$root/tests/support/claims.sh"
: "${RATE:=50}" "${SECONDS_OF_RATE:=60}" "${KILLS:=50}"
if [[ ! -x $PGCHAPERONE ]]; then
  echo "FAIL  pgchaperone is not built: $PGCHAPERONE is missing (./tests/run.sh builds it)"
  exit 1
fi
(($#)) || set -- rate log end kill wall quickstart
parts=" $* "
scratch

agent_password=$(random_password)
broker_password=$(random_password)
sql() { postgres_sql shop -At "$@"; }

# Agent `load` with a password, `witness` with a token; a role for each session, made by what `broker sql` prints.
start() {
  [[ -z $CHAPERONE_PID ]] || return 0
  postgres_start max_connections=300 fsync=on log_statement=all log_connections=on
  postgres_database shop postgres
  sql -c 'CREATE TABLE visits (id int PRIMARY KEY, place text, tenant int, secret text)' \
    -c "INSERT INTO visits SELECT n, 'place ' || n, n % 3 FROM generate_series(1, 100) n" \
    -c 'CREATE TABLE salaries (id int PRIMARY KEY, amount int)' > /dev/null
  chaperone_agent load "$agent_password"
  chaperone_leases shop "$POSTGRES_HOST:$POSTGRES_PORT" shop pgchaperone_broker "$broker_password"
  cat > "$CHAPERONE_DIRECTORY/policy.yaml" << 'YAML'
version: 1
capabilities:
  read-visits:
    tables:
      visits: {read: {columns: [id, place], rows: "tenant = :tenant"}}
    functions: [safe, pg_catalog.pg_sleep]
agents:
  load: {capabilities: [read-visits], parameters: {tenant: 1}}
  witness: {capabilities: [read-visits], parameters: {tenant: 2}}
YAML
  CHAPERONE_EXTRA=$'instance: acceptance\npolicy: policy.yaml'
  CHAPERONE_IDENTITY=$'default: scram\n  passwords: passwords\n  agents: {witness: token}\n  tokens: [{keys: builtin}]\n  insecure_token_without_tls: true'
  "$PGCHAPERONE" token key --state "$CHAPERONE_DIRECTORY/state" > /dev/null
  CHAPERONE_PORT=1 CHAPERONE_ADMIN_PORT=2 chaperone_write_config
  postgres_dump shop > "$SCRATCH/schema.sql"
  "$PGCHAPERONE" broker sql --config "$CHAPERONE_CONFIG" --schema "$SCRATCH/schema.sql" > "$SCRATCH/broker.sql" 2> "$SCRATCH/broker.err" || die "$(cat "$SCRATCH/broker.err")"
  sql -f "$SCRATCH/broker.sql" > "$SCRATCH/broker.log" 2>&1 || die "broker sql: $(tail -n 3 "$SCRATCH/broker.log")"
  sql -c "ALTER ROLE pgchaperone_broker PASSWORD '$broker_password'" > /dev/null
  chaperone_start
}
postgres_dump() { PGPASSWORD=$POSTGRES_PASSWORD "$POSTGRES_BIN/pg_dump" -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U postgres --schema-only "$1"; }
through() { chaperone_uri "$1" "$agent_password" shop; }
roles() { sql -c "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'agp\_%'"; }
# Prints after how many seconds no lease role is left, at most $1; its status is 1 when there still is one.
until_gone() {
  local begun=$SECONDS
  while (($(roles) > 0)); do
    ((SECONDS - begun < $1)) || return 1
    sleep 0.5
  done
  echo $((SECONDS - begun))
}
left() { [[ -z $1 ]] && echo "$(roles) are left" || echo "none after $1 s"; }
# Sessions of one statement each, RATE a second for so many seconds; prints what pgbench says.
sessions() {
  echo 'SELECT place FROM visits WHERE id = 1;' > "$SCRATCH/session.sql"
  "$POSTGRES_BIN/pgbench" -n -C -R "$RATE" -c 8 -T "$1" -f "$SCRATCH/session.sql" "$(through load)" 2>&1
}

rate() {
  local out=$SCRATCH/rate.out status=1 wanted done_ opened gone
  start
  sessions "$SECONDS_OF_RATE" > "$out" || status=0
  done_=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$out")
  wanted=$((RATE * SECONDS_OF_RATE * 9 / 10)) # pgbench draws the moments at random
  opened=$(grep -c '"kind":"session".*"event":"opened"' "$CHAPERONE_AUDIT" || true)
  grep -q 'failed\|aborted\|FATAL' <(grep -v '^number of failed transactions: 0' "$out") && status=0
  claim "$RATE new sessions a second for $SECONDS_OF_RATE s, no failed login" \
    "${done_:-0} sessions, $opened opened, $(grep -c '"event":"refused"' "$CHAPERONE_AUDIT" || true) refused" \
    "$((status && ${done_:-0} >= wanted && opened >= ${done_:-0}))"
  ((status)) || sed 's/^/      /' "$out" | tail -n 5
  gone=$(until_gone 60) && status=1 || status=0
  claim "no role is left after 60 s" "$(left "$gone")" "$status"
}

# What has been in the log of PostgreSQL since the start, with every statement in it.
log() {
  local log=$SCRATCH/postgres.log leases clear
  start
  while (($(grep -ac 'chaperone\.assign(' "$log") < 1000)); do sessions 10 > /dev/null; done
  leases=$(grep -ac 'chaperone\.assign(' "$log")
  clear=$(grep -aoi "password '[^']*'" "$log" | grep -avi "password 'SCRAM-SHA-256\$" | grep -avc "$broker_password" || true)
  claim "log_statement = all holds no clear password" \
    "$leases leases, $(grep -ac 'SCRAM-SHA-256\$' "$log") verifiers, $clear passwords" "$((leases >= 1000 && clear == 0))"
  clear=$(grep -acF "$agent_password" "$log" || true)
  claim "nor the agent's own" "$clear times" "$((clear == 0))"
}

issue() { "$PGCHAPERONE" token issue --config "$CHAPERONE_CONFIG" --agent witness --actor alice@example.com "$@"; }
witness() { PGPASSWORD=$1 "$POSTGRES_BIN/psql" -X -q -At -h "$CHAPERONE_HOST" -p "$CHAPERONE_PORT" -U witness "${@:2}" shop 2>&1; }
running() { sql -c "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'agp\_%' AND query LIKE '%pg_sleep%' AND state = 'active'"; }
end() {
  local token pid begun after out=$SCRATCH/end.out
  start
  begun=$SECONDS
  witness "$(issue --lifetime 3s)" -c 'SELECT pg_sleep(60)' > "$out" || true
  after=$((SECONDS - begun))
  claim "a session whose token expires stops in the middle of a statement, within 5 s" \
    "after $((after - 3)) s: $(head -n 1 "$out"); $(running) still running" "$((after <= 8 && $(running) == 0 && $(grep -c FATAL "$out")))"
  token=$(issue)
  witness "$token" -c 'SELECT pg_sleep(60)' > "$out" &
  pid=$!
  until (($(running) == 1)); do sleep 0.1; done
  "$PGCHAPERONE" token revoke --config "$CHAPERONE_CONFIG" --agent witness > /dev/null
  begun=$SECONDS
  wait "$pid" || true
  after=$((SECONDS - begun))
  claim "one that is revoked does, within 5 s" "after $after s: $(head -n 1 "$out"); $(running) still running" \
    "$((after <= 5 && $(running) == 0 && $(grep -c FATAL "$out")))"
}

kill_() {
  local kill pid status gone
  start
  for ((kill = 1; kill <= KILLS; ++kill)); do
    RATE=100 sessions 3 > /dev/null &
    pid=$!
    sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
    stop "$CHAPERONE_PID" KILL || true
    wait "$pid" || true
    chaperone_restart
  done
  gone=$(until_gone 60) && status=1 || status=0
  claim "kill -9 at $KILLS random points, no orphan 60 s after the restart" \
    "$(left "$gone"), $(grep -c '"event":"making"\|"event":"opening"' "$CHAPERONE_AUDIT") made" "$status"
  status=1
  sessions 2 > "$SCRATCH/after.out" || status=0
  claim "and sessions are served" "$(sed -n 's/^number of transactions actually processed: //p' "$SCRATCH/after.out")" "$status"
}

# What a lease role may do by itself: the wall, without the guardrail in front.
wall() {
  local role answer status statement
  start
  role=agp_acceptance_$(head -c 2000 /dev/urandom | tr -dc a-z2-7 | head -c 16)
  sql -c "SELECT chaperone.open('$role', '10 minutes')" \
    -c "SELECT chaperone.assign('$role', 'SCRAM-SHA-256\$4096:AAAAAAAAAAAAAAAAAAAAAA==\$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', '10 minutes', '{agc_read-visits}', '{\"tenant\": \"1\"}')" > /dev/null
  sql -c "ALTER ROLE \"$role\" PASSWORD '$agent_password'" > /dev/null
  while read -r statement; do
    answer=$(PGPASSWORD=$agent_password "$POSTGRES_BIN/psql" -X -q -v VERBOSITY=sqlstate -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$role" -c "$statement" shop 2>&1) && status=0 || status=1
    [[ $answer == *42501* ]] || status=0
    claim "direct, as the lease role: $statement" "${answer:0:60}" "$status"
  done << 'SQL'
SELECT amount FROM salaries
SELECT secret FROM visits
SELECT * FROM visits
UPDATE visits SET place = 'x'
DELETE FROM visits
CREATE TABLE mine (a int)
CREATE ROLE other
COPY visits TO PROGRAM 'cat'
SELECT chaperone.open('agp_x_aaaaaaaaaaaaaaaa', '1 hour')
SQL
  answer=$(PGPASSWORD=$agent_password "$POSTGRES_BIN/psql" -X -q -At -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$role" -c "SELECT count(place) FROM visits WHERE tenant >= 0" shop 2>&1) || true
  claim "and what the capability reads it may" "$answer rows" "$((answer == 100))"
  sql -c "SELECT chaperone.shut('{$role}')" -c "SELECT chaperone.drop('{$role}')" > /dev/null
}

quickstart() {
  local out=$SCRATCH/quickstart.out status=1
  "$root/examples/quickstart.sh" --once > "$out" 2>&1 || status=0
  claim "the quickstart runs on leases" "$(grep -m1 'agp_' "$out" || tail -n 1 "$out")" "$((status && $(grep -c 'agp_' "$out" || true) > 0))"
}

wanted() { [[ $parts == *" $1 "* ]]; }
if wanted rate; then rate; fi
if wanted log; then log; fi
if wanted end; then end; fi
if wanted kill; then kill_; fi
if wanted wall; then wall; fi
if wanted quickstart; then quickstart; fi
finish_claims
