#!/usr/bin/env bash
# Shows what the engine claims (parser, rules, check), one line a claim with its figure. About 3 minutes. Needs build/release
# with its tests and benchmarks: ./tests/run.sh makes it.
#
#   tests/acceptance/engine.sh [PART...]    of: suite mixed hostile speed (all)
#
# Exit status: 0 every claim holds, 1 one does not.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/scratch.sh
source "$root/tests/support/scratch.sh"
# shellcheck source=tests/support/measure.sh
source "$root/tests/support/measure.sh"
# shellcheck source=tests/support/claims.sh
source "$root/tests/support/claims.sh"
: "${PGCHAPERONE:=$root/build/release/pgchaperone}"
tests=$root/build/release/tests
if [[ ! -x $PGCHAPERONE ]]; then
  echo "FAIL  pgchaperone is not built: $PGCHAPERONE is missing (./tests/run.sh builds it)"
  exit 1
fi
(($#)) || set -- suite mixed hostile speed
parts=" $* "
scratch
policy=$root/tests/sql/shop/policy.yaml
schema=$root/tests/sql/shop/schema.sql

suite() { # the statements of tests/sql, half of them attacks
  local out=$SCRATCH/suite.out status=0
  "$PGCHAPERONE" test "$root"/tests/sql/*.yaml > "$out" 2>&1 || status=$?
  claim "tests/sql: at least 300 cases, each with the verdict it expects" "$(grep -E '^PASS' "$out" | tail -n 1)" \
    "$(holds "$status == 0 && $(sed -nE 's/^PASS: ([0-9]+).*/\1/p' "$out" | tail -n 1 | grep . || echo 0) >= 300")"
  ((status == 0)) || tail -n 30 "$out" | sed 's/^/      /'
}

mixed() { # variants of them and PostgreSQL's own, more than 10,000
  local out=$SCRATCH/mixed.out status=0 figure
  "$tests/rules_test" --gtest_filter='Mixed.*' > "$out" 2>&1 || status=$?
  figure=$(sed -n 's/^mixed: //p' "$out")
  claim "10,000 mixed statements: no crash, no attack allowed, 99 % of the ordinary ones allowed" "${figure:-did not run}" \
    "$((status == 0 && ${#figure} > 0))"
  ((status == 0)) || tail -n 30 "$out" | sed 's/^/      /'
}

# WHAT SECONDS MEGABYTES COMMAND..: holds when it ends by itself with status 0 or 1 inside of both.
bounded() {
  local what=$1 seconds=$2 megabytes=$3 figure
  shift 3
  figure=$(python3 "$root/tests/support/bounded.py" "$seconds" "$megabytes" "$@") || {
    claim "$what" "$figure" 0
    return
  }
  claim "$what" "$figure" 1
}
check=("$PGCHAPERONE" check --policy "$policy" --schema "$schema" --as triage-bot --param tenant=7)
hostile() {
  local kind file
  for kind in operators brackets subselects not casts and union array case joins; do
    file=$SCRATCH/deep_$kind.sql
    python3 "$root/tests/support/hostile_sql.py" "$kind" 100000 > "$file"
    bounded "100,000 levels of $kind" 10 200 "${check[@]}" "$file"
  done
  python3 "$root/tests/support/hostile_sql.py" long 20000000 > "$SCRATCH/long.sql"
  bounded "a statement of 20 MB" 10 200 "${check[@]}" "$SCRATCH/long.sql"
  python3 "$root/tests/support/hostile_sql.py" tiny 2000000 > "$SCRATCH/tiny.sql"
  bounded "2 million tiny statements in one file" 300 200 \
    "${check[@]}" "$SCRATCH/tiny.sql"
  python3 "$root/tests/support/hostile_sql.py" joined 2000000 > "$SCRATCH/joined.sql"
  bounded "2 million tiny statements in one string" 10 400 \
    "${check[@]}" "$SCRATCH/joined.sql"
}

# PROGRAM FILTER [FIELD]: the median of five runs in nanoseconds (or of another field), of several benchmarks the median.
benchmark() {
  "$tests/$1" --benchmark_filter="$2" --benchmark_repetitions=5 --benchmark_report_aggregates_only=true \
    --benchmark_format=json --benchmark_min_time=0.1 2> /dev/null |
    python3 -c 'import json, statistics, sys
runs = [run for run in json.load(sys.stdin)["benchmarks"] if run["name"].endswith("_median")]
print(f"{statistics.median(run[sys.argv[1]] for run in runs):.0f}")' "${3-cpu_time}" 2> /dev/null || true
}
at_most() { # WHAT NANOSECONDS PROGRAM FILTER
  local figure
  figure=$(benchmark "$3" "$4")
  claim "$1" "${figure:-no figure} ns" "$(holds "${figure:-0} > 0 && ${figure:-0} <= $2")"
}
speed() {
  local lines=60000 seconds rate figure
  python3 "$root/tests/support/hostile_sql.py" ordinary "$lines" > "$SCRATCH/ordinary.sql"
  seconds=$({ TIMEFORMAT=%R; time "${check[@]}" --format json "$SCRATCH/ordinary.sql" > "$SCRATCH/ordinary.json" || true; } 2>&1 | tail -n 1)
  rate=$(calculate "$(wc -l < "$SCRATCH/ordinary.json") / $seconds" %.0f)
  claim "check: at least 10,000 statements a second" "$rate (of $lines, $(grep -c '"verdict":"allow"' "$SCRATCH/ordinary.json" || true) allowed)" \
    "$(holds "$rate >= 10000 && $(wc -l < "$SCRATCH/ordinary.json") == $lines")"
  at_most "parse and walk of a pgbench statement: at most 3 us" 3000 parser_bench '^read_text/pgbench_select$'
  at_most "parse and walk of a 30-column ORM statement: at most 20 us" 20000 parser_bench '^read_text/orm_30_columns$'
  at_most "evaluation with 50 capabilities, the median of several statements: at most 20 us" 20000 rules_bench '^evaluate_'
  at_most "a cached decision: at most 1 us" 1000 session_bench '^cached_decision$'
  figure=$(benchmark session_bench '^cached_decision$' allocations)
  claim "a cached decision: no allocation" "${figure:-no figure}" "$(holds "\"${figure:-none}\" == \"0\"")"
}

wanted() { [[ $parts == *" $1 "* ]]; }
if wanted suite; then suite; fi
if wanted mixed; then mixed; fi
if wanted hostile; then hostile; fi
if wanted speed; then speed; fi
finish_claims
