#!/usr/bin/env bash
# Shows what the wire foundation claims, one line a claim with its figure. About 8 minutes, 3 more for the first time
# (PostgreSQL's regression suite is built). Needs build/release and the test packages: ./tests/run.sh makes both.
#
#   tests/acceptance/wire.sh [PART...]    of: clients regression sessions memory cost crash (all)
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
(($#)) || set -- clients regression sessions memory cost crash
parts=" $* "
scratch
many_files
through() { "$POSTGRES_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 "$uri" "$@"; }

clients() {
  local name out=$SCRATCH/clients.out
  "$root/tests/conformance/clients.sh" > "$out" 2>&1 || true
  for name in psql psycopg3 psycopg2 asyncpg node jdbc; do
    claim "$name through pgchaperone as direct" "$(sed -n "s/^\(ok\|FAIL\)  *$name:\{0,1\} //p" "$out" | grep . || echo 'did not run')" \
      "$(grep -c "^ok  *$name:" "$out" || true)"
  done
  sed '/^ok/d; s/^/      /' "$out"
}

regression() {
  local out=$SCRATCH/regression.out status=0
  "$root/tests/conformance/pg_regress.sh" > "$out" 2>&1 || status=$?
  claim "PostgreSQL's regression suite, the same score and output files" "$(tail -n 1 "$out")" $((status == 0))
  sed '$d' "$out" | sed 's/^/      /'
}

start() { # the servers for the parts that follow
  [[ -z $CHAPERONE_PID ]] || return 0
  local role_password agent_password
  role_password=$(random_password)
  agent_password=$(random_password)
  postgres_start max_connections=1200 shared_buffers=256MB
  postgres_role app "$role_password"
  postgres_database app app
  chaperone_agent bot "$agent_password"
  chaperone_database app "$POSTGRES_HOST:$POSTGRES_PORT" app app "$role_password"
  chaperone_start
  uri=$(chaperone_uri bot "$agent_password" app)
  "$POSTGRES_BIN/pgbench" -q -i -s 5 "$uri" > "$SCRATCH/pgbench.out" 2>&1 || die "pgbench -i: $(tail -n 3 "$SCRATCH/pgbench.out")"
}

pgbench() { # ARGUMENT...: prints the transactions that ran, or why not
  if "$POSTGRES_BIN/pgbench" -n "$@" "$uri" > "$SCRATCH/pgbench.out" 2>&1 && ! grep -q 'aborted' "$SCRATCH/pgbench.out"; then
    sed -nE 's/^number of transactions actually processed: ([0-9]+).*/\1 transactions/p' "$SCRATCH/pgbench.out"
  else
    grep -m1 -iE 'error|fatal|abort' "$SCRATCH/pgbench.out" || echo "failed"
    return 1
  fi
}

sessions() {
  local mode figure status started seconds
  start
  for mode in simple extended prepared; do
    status=1
    figure=$(pgbench -M "$mode" -c 8 -j 2 -T 3) || status=0
    claim "pgbench in $mode mode" "$figure" "$status"
  done
  started=$SECONDS status=1
  if hold_sessions "$uri" 1000; then
    seconds=$((SECONDS - started))
    figure=$(pgbench -M prepared -c 64 -j 2 -T 5) || status=0
    release_sessions || { status=0 figure+=", an idle session did not answer again"; }
    claim "1,000 idle and 64 busy sessions" "opened in $seconds s, then $figure, then each idle one answered" "$status"
  else
    claim "1,000 idle and 64 busy sessions" "the idle ones can't be opened" 0
  fi
}

grown_mb() { calculate "($(peak_resident_kb "$CHAPERONE_PID") - $1) / 1024" %.1f; }
memory() {
  local before bytes status lines=4000000 # rows of 256 bytes and a newline
  start
  through -c 'CREATE TABLE IF NOT EXISTS sink (a text)' -c 'SELECT 1' > /dev/null
  sleep 1
  reset_peak "$CHAPERONE_PID"
  before=$(resident_kb "$CHAPERONE_PID")
  # FETCH_COUNT would turn it into a cursor; psql itself holds the whole result.
  bytes=$(through -c "SELECT repeat('0123456789abcdef', 16) FROM generate_series(1, $lines)" | wc -c) || true
  claim "a result of 1 GB, memory up by less than 32 MB" "$(calculate "$bytes / 1e9") GB, up by $(grown_mb "$before") MB" \
    "$(holds "$bytes == $lines * 257 && $(grown_mb "$before") < 32")"
  bytes=$(through -c "SELECT repeat('x', 1000000000)" | wc -c) || true
  claim "one value of 1 GB, memory up by less than 32 MB" "$(calculate "$bytes / 1e9") GB, up by $(grown_mb "$before") MB" \
    "$(holds "$bytes == 1000000001 && $(grown_mb "$before") < 32")"
  reset_peak "$CHAPERONE_PID"
  status=1
  { yes "$(printf '0123456789abcdef%.0s' {1..16})" || true; } | head -n "$lines" |
    through -c "BEGIN" -c "COPY sink FROM STDIN" -c "SELECT count(*) FROM sink" -c "ROLLBACK" > "$SCRATCH/copied" || status=0
  claim "a COPY in of 1 GB, memory up by less than 32 MB" "$(cat "$SCRATCH/copied") rows, up by $(grown_mb "$before") MB" \
    "$(holds "$status && \"$(cat "$SCRATCH/copied")\" == \"$lines\" && $(grown_mb "$before") < 32")"
}

figure() { awk -F'\t' -v key="$1" -v field="$2" '$1 " " $2 " " $3 " " $4 == key { print $field }' "$SCRATCH/figures.tsv"; }
cost() {
  local mode count kind ratio out=$SCRATCH/bench.out
  if ! "$root/tests/bench/run.sh" --quick --figures "$SCRATCH/figures.tsv" > "$out" 2>&1; then
    claim "the benchmarks" "$(tail -n 1 "$out")" 0
    return
  fi
  for mode in simple prepared; do
    for count in 8 32; do
      ratio=$(figure "queries $mode $count pgchaperone" 6)
      claim "CPU per query, $mode, $count clients, at most 1.25 of PgBouncer's" \
        "$(calculate "$ratio") ($(calculate "$(figure "queries $mode $count pgchaperone" 5)" %.1f) us)" "$(holds "$ratio <= 1.25")"
    done
  done
  for kind in select copy-out copy-in; do
    ratio=$(figure "large $kind 1 pgchaperone" 6)
    claim "CPU per GB, $kind, at most PgBouncer's" \
      "$(calculate "$ratio") ($(calculate "$(figure "large $kind 1 pgchaperone" 5)") s)" "$(holds "$ratio <= 1.0")"
  done
  ratio=$(figure "idle pair 1000 pgchaperone" 5)
  claim "memory of an idle session at most 16 KB" "$ratio KB (PgBouncer $(figure "idle pair 1000 pgbouncer" 5))" "$(holds "$ratio <= 16")"
}

crash() {
  local load rows intents status=1 verified recovered
  start
  through -c 'CREATE TABLE IF NOT EXISTS written (at timestamptz DEFAULT now())'
  echo 'INSERT INTO written DEFAULT VALUES;' > "$SCRATCH/write.sql"
  "$POSTGRES_BIN/pgbench" -n -f "$SCRATCH/write.sql" -c 16 -j 2 -T 60 "$uri" > "$SCRATCH/load.out" 2>&1 &
  load=$!
  sleep 4
  kill -KILL "$CHAPERONE_PID"
  wait "$load" || true
  chaperone_restart
  rows=$(through -c 'SELECT count(*) FROM written')
  intents=$(cat "$CHAPERONE_AUDIT"* | grep -c '"kind":"statement".*INSERT INTO written' || true)
  claim "kill -9 under load: no row without its record" "$rows rows, $intents records" "$(holds "$rows > 0 && $intents >= $rows")"
  chaperone_stop
  verified=$("$PGCHAPERONE" audit verify "$CHAPERONE_AUDIT"* 2>&1) || status=0
  recovered=$(cat "$CHAPERONE_AUDIT"* | grep -c '"kind":"gap".*recovery' || true)
  claim "kill -9 under load, then restart: the chain verifies with a recovery record" \
    "$(tail -n 1 <<< "$verified"); $recovered recovery record(s)" "$((status && recovered == 1))"
}

wanted() { [[ $parts == *" $1 "* ]]; }
if wanted clients; then clients; fi
if wanted regression; then regression; fi
if wanted sessions; then sessions; fi
if wanted memory; then memory; fi
if wanted cost; then cost; fi
if wanted crash; then crash; fi
finish_claims
