#!/usr/bin/env bash
# What pgchaperone costs, beside a direct connection and beside PgBouncer in session mode: the same throwaway PostgreSQL,
# SCRAM on both legs, runs interleaved (A B C, B C A, ..) so that a noisy machine disturbs all alike.
#
#   tests/bench/run.sh [OPTION...]
#
#   --parts "queries large connects idle micro"   which parts (all)
#   --modes "simple extended prepared"            pgbench modes of queries
#   --clients "1 8 32"                            client counts of queries
#   --seconds 5      of a run          --rounds 3
#   --megabytes 1000 of a large result --sessions 1000 idle ones
#   --figures FILE   also writes the figures as lines of tab-separated fields:
#                    what, mode, clients, endpoint, median, median ratio to PgBouncer's in the same round; with --enforce
#                    also that to "narrowed"
#   --tls            clients encrypt towards both proxies (TLS 1.3, a P-256 certificate); these go on to the server in clear
#   --quick          what the acceptance script needs: simple and prepared at 8 and 32 clients, large, idle
#   --enforce        with two endpoints more. "enforce": an agent whose policy narrows columns, rows and results, with the
#                    context comment in each statement and the settings that a session is pinned to. "narrowed": PgBouncer,
#                    whose clients send the very SQL that PostgreSQL gets from "enforce". What PostgreSQL needs longer for a
#                    narrowed statement makes a proxy find less to do at each wake-up, so that each statement costs it more:
#                    beside "pgbouncer" that is part of the ratio, beside "narrowed" it is not
#
# "1t" is pgchaperone with one I/O thread; its audit log is a file, with durability batch. CPU is the proxy's, of all its
# threads; steer by it: it is steadier than throughput on a machine that others use too. About 12 minutes; --quick 3.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/chaperone.sh
source "$root/tests/support/chaperone.sh"
# shellcheck source=tests/support/pgbouncer.sh
source "$root/tests/support/pgbouncer.sh"
# shellcheck source=tests/support/measure.sh
source "$root/tests/support/measure.sh"

parts="queries large connects idle micro" modes="simple extended prepared" clients="1 8 32"
seconds=5 rounds=3 megabytes=1000 sessions=1000 figures="" tls="" enforce="" endpoints=(direct pgbouncer pgchaperone 1t)
while (($#)); do
  case $1 in
    --parts) parts=$2 ;;
    --modes) modes=$2 ;;
    --clients) clients=$2 ;;
    --seconds) seconds=$2 ;;
    --rounds) rounds=$2 ;;
    --megabytes) megabytes=$2 ;;
    --sessions) sessions=$2 ;;
    --figures) figures=$2 ;;
    --tls)
      tls=yes
      shift
      continue
      ;;
    --quick)
      parts="queries large idle" modes="simple prepared" clients="8 32" seconds=3 megabytes=500
      endpoints=(pgbouncer pgchaperone)
      shift
      continue
      ;;
    --enforce)
      enforce=1
      shift
      continue
      ;;
    *)
      sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
      [[ $1 == -h || $1 == --help ]] && exit 0
      exit 2
      ;;
  esac
  (($# >= 2)) || die "$1 needs a value"
  shift 2
done
[[ -x /usr/sbin/pgbouncer ]] || die "PgBouncer is not installed (tests/install.sh)"
many_files
[[ -z $enforce ]] || endpoints+=(enforce narrowed)

postgres_start max_connections=$((sessions + 100)) shared_buffers=256MB
role_password=$(random_password)
postgres_role bench "$role_password"
postgres_database bench bench
parameters=""
if [[ $tls ]]; then
  scratch
  certificate "$SCRATCH/tls"
  PGBOUNCER_TLS=$SCRATCH/tls CHAPERONE_TLS=$SCRATCH/tls parameters="?sslmode=require"
fi
pgbouncer_start bench
start_chaperone() { # NAME YAML
  CHAPERONE_NAME=$1 CHAPERONE_DATABASES="" CHAPERONE_EXTRA=$2 CHAPERONE_CONNECTIONS=$((sessions + 100))
  chaperone_agent bench "$role_password"
  chaperone_database bench "$POSTGRES_HOST:$POSTGRES_PORT" bench bench "$role_password"
  chaperone_start
  pid[$1]=$CHAPERONE_PID
  uri[$1]=$(chaperone_uri bench "$role_password" bench)$parameters
}
start_enforcing() {
  CHAPERONE_NAME=enforce
  chaperone_directory
  cat > "$CHAPERONE_DIRECTORY/policy.yaml" << 'YAML'
version: 1
capabilities:
  tellers:
    tables:
      pgbench_tellers:
        read: {columns: "*"}
        update: {columns: [tbalance], by: [tid], max_rows: 1}
  history:
    tables:
      pgbench_history:
        read: {columns: "*"}
        insert: {columns: "*"}
  balances:
    include: [introspection]
    tables:
      pgbench_branches:
        read: {columns: [bid]}
      pgbench_accounts:
        read:
          columns: [aid, bid, abalance]
          rows: "bid <= :branches"
    functions: [safe]
    limits: {rows: 1000, time: 30s}
agents:
  bench:
    capabilities: [tellers, history, balances]
    parameters: {branches: 10}
YAML
  start_chaperone enforce "policy: policy.yaml"
}
start_narrowed() { # as the server sees it, with the variable of pgbench in the place of the constant
  local sent
  sent=$("$psql" -X -q -At "${uri[enforce]}" << SQL
SELECT abalance FROM pgbench_accounts WHERE aid = 1 \g /dev/null
\! "$psql" -X -q -At "${uri[direct]}" -c "SELECT query FROM pg_stat_activity WHERE query LIKE '/*agent=%pgbench_accounts%' AND pid <> pg_backend_pid()"
SQL
  )
  [[ $sent == "/*agent="*" WHERE "*"aid = 1 LIMIT "* ]] || die "what pgchaperone sends is not what it should be: $sent"
  script[narrowed]=$SCRATCH/narrowed.sql
  printf '\\set aid random(1, 100000 * :scale)\n%s;\n' "${sent/aid = 1 /aid = :aid }" > "${script[narrowed]}"
  uri[narrowed]=${uri[pgbouncer]}
  pid[narrowed]=${pid[pgbouncer]}
}
declare -A uri pid script
uri[direct]=$(postgres_uri bench "$role_password" bench)
uri[pgbouncer]=$(pgbouncer_uri bench "$role_password" bench)$parameters
pid[pgbouncer]=$PGBOUNCER_PID
start_chaperone pgchaperone ""
[[ " ${endpoints[*]} " != *" 1t "* ]] || start_chaperone 1t "threads: 1"
pgbench=$POSTGRES_BIN/pgbench psql=$POSTGRES_BIN/psql
"$pgbench" -q -i -s 10 "${uri[direct]}" 2> /dev/null > /dev/null
if [[ $enforce ]]; then # the catalog is read now
  start_enforcing
  start_narrowed
fi

rows=$SCRATCH/rows.tsv # what mode clients round endpoint cost throughput
: > "$rows"
cpu() { if [[ -v pid[$1] ]]; then cpu_us "${pid[$1]}"; else echo 0; fi; }
row() { printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >> "$rows"; }

query_run() { # WHAT MODE CLIENTS ROUND ENDPOINT SECONDS [pgbench arguments]
  local what=$1 mode=$2 count=$3 round=$4 endpoint=$5 time=$6 before out
  shift 6
  if [[ -v script[$endpoint] ]]; then set -- -f "${script[$endpoint]}" -s 10 "$@"; else set -- -S "$@"; fi
  before=$(cpu "$endpoint")
  out=$("$pgbench" -n -M "$mode" -c "$count" -j $((count < 2 ? count : 2)) -T "$time" "$@" "${uri[$endpoint]}" 2> "$SCRATCH/pgbench.err") ||
    die "pgbench -M $mode -c $count on $endpoint: $(grep -m1 -iE 'error|fatal|abort' "$SCRATCH/pgbench.err")"
  awk -v b="$before" -v a="$(cpu "$endpoint")" -v row="$what\t$mode\t$count\t$round\t$endpoint" '
    /^number of transactions actually processed/ { split($6, n, "/") }
    /^tps = / { tps = $3 }
    END { if (!n[1]) exit 1; printf "%s\t%s\t%s\n", row, (a - b) / n[1], tps }' <<< "$out" >> "$rows" ||
    die "pgbench -M $mode -c $count on $endpoint ran nothing: $out"
}

large_run() { # KIND ROUND ENDPOINT
  [[ $3 != enforce && $3 != narrowed ]] || return 0 # results are cut there
  local kind=$1 round=$2 endpoint=$3 before start lines=$((megabytes * 1000000 / 257)) sql
  sql="SELECT repeat('0123456789abcdef', 16) FROM generate_series(1, $lines)"
  before=$(cpu "$endpoint") start=$(date +%s%N)
  case $kind in
    select) "$psql" -X -q -A -t -v ON_ERROR_STOP=1 -v FETCH_COUNT=0 -c "$sql" "${uri[$endpoint]}" > /dev/null ;;
    copy-out) "$psql" -X -q -v ON_ERROR_STOP=1 -c "COPY ($sql) TO STDOUT" "${uri[$endpoint]}" > /dev/null ;;
    copy-in) # the rows cross the wire and are dropped
      { yes "$(printf '0123456789abcdef%.0s' {1..16})" || true; } | head -n "$lines" |
        "$psql" -X -q -v ON_ERROR_STOP=1 -c "COPY sink FROM STDIN WHERE false" "${uri[$endpoint]}"
      ;;
  esac || die "$kind of $megabytes MB on $endpoint failed"
  row large "$kind" 1 "$round" "$endpoint" "$(calculate "($(cpu "$endpoint") - $before) / 1e6 / ($lines * 257 / 1e9)")" \
    "$(calculate "$lines * 257 / 1e6 / (($(date +%s%N) - $start) / 1e9)")"
}

for_each_endpoint() { # ROUND COMMAND...: in this round's order
  local i n=${#endpoints[@]} round=$1
  shift
  for ((i = 0; i < n; i++)); do "$@" "${endpoints[(i + round - 1) % n]}"; done
}
queries() {
  local mode count
  for mode in $modes; do
    for count in $clients; do for_each_endpoint "$1" query_at "$mode" "$count" "$1"; done
  done
}
query_at() { query_run queries "$1" "$2" "$3" "$4" "$seconds"; }
connects() { for_each_endpoint "$1" connect_at "$1"; }
connect_at() { query_run connects simple 4 "$1" "$2" "$seconds" -C; }
large() {
  local kind
  for kind in select copy-out copy-in; do for_each_endpoint "$1" large_run "$kind" "$1"; done
}

postgres_sql bench -c 'CREATE UNLOGGED TABLE sink (a text); ALTER TABLE sink OWNER TO bench'
for endpoint in "${endpoints[@]}"; do query_run warm-up simple 4 0 "$endpoint" 1; done
for ((round = 1; round <= rounds; round++)); do
  for part in queries large connects; do [[ " $parts " != *" $part "* ]] || "$part" "$round"; done
  echo "round $round of $rounds done" >&2
done

idle() { # ENDPOINT
  local before after
  before=$(resident_kb "${pid[$1]}")
  hold_sessions "${uri[$1]}" "$sessions" || die "$sessions idle sessions on $1"
  sleep 2
  after=$(resident_kb "${pid[$1]}")
  release_sessions || die "not all idle sessions on $1 answered"
  row idle pair "$sessions" 1 "$1" "$(calculate "($after - $before) / $sessions")" "$after"
}
if [[ " $parts " == *" idle "* ]]; then
  # PgBouncer keeps its connections to the server, so it comes last.
  for endpoint in pgchaperone pgbouncer; do idle "$endpoint"; done
fi

awk -F'\t' -v figures="$figures" -v enforce="$enforce" '
  function median(list,   a, n, i, j, v) {
    n = split(list, a, " "); if (!n) return ""
    for (i = 2; i <= n; i++) { v = a[i] + 0; for (j = i - 1; j > 0 && a[j] + 0 > v; j--) a[j + 1] = a[j]; a[j + 1] = v }
    return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
  function ratio(group, e, base, field,   r, list) { # the median of the ratios of each round
    for (r = 1; r <= last; r++) if (value[group, base, r, field] + 0 > 0 && value[group, e, r, field] != "")
      list = list " " value[group, e, r, field] / value[group, base, r, field]
    return median(list) }
  function shown(x) { return x == "" ? "-" : sprintf("%.2f", x) }
  $1 == "warm-up" { next }
  { group = $1 "\t" $2 "\t" $3
    if (!(group in seen)) { seen[group] = 1; groups[++count] = group }
    if (!((group, $5) in has)) { has[group, $5] = 1; members[group] = members[group] " " $5 }
    if ($4 > last) last = $4
    value[group, $5, $4, "cpu"] = $6; value[group, $5, $4, "rate"] = $7
    all[group, $5, "cpu"] = all[group, $5, "cpu"] " " $6; all[group, $5, "rate"] = all[group, $5, "rate"] " " $7 }
  END {
    for (i = 1; i <= count; i++) {
      split(groups[i], g, "\t")
      if (g[1] == "queries") { title = g[2] ", " g[3] " clients"; unit = "CPU us/query"; speed = "queries/s" }
      else if (g[1] == "connects") { title = "a connection for each query, " g[3] " clients"; unit = "CPU us/login"; speed = "logins/s" }
      else if (g[1] == "large") { title = g[2]; unit = "CPU s/GB"; speed = "MB/s" }
      else { title = g[3] " idle sessions"; unit = "KB/pair"; speed = "KB resident" }
      printf "\n%-34s %13s %12s%s %13s %10s\n", title, unit, "vs PgBouncer", enforce ? "  vs narrowed" : "", speed, "vs direct"
      n = split(members[groups[i]], e, " ")
      for (j = 1; j <= n; j++) {
        cpu = median(all[groups[i], e[j], "cpu"]); versus = ratio(groups[i], e[j], "pgbouncer", "cpu")
        same = enforce ? ratio(groups[i], e[j], "narrowed", "cpu") : ""
        printf "  %-32s %13s %12s%s %13.0f %10s\n", e[j], e[j] == "direct" ? "-" : sprintf("%.2f", cpu), e[j] == "direct" ? "-" : shown(versus),
          enforce ? sprintf("%13s", e[j] == "direct" ? "-" : shown(same)) : "",
          median(all[groups[i], e[j], "rate"]), g[1] == "idle" ? "-" : shown(ratio(groups[i], e[j], "direct", "rate"))
        if (figures != "") printf "%s\t%s\t%s\t%s\t%s\n", groups[i], e[j], cpu, versus, same > figures } } }' "$rows"

if [[ " $parts " == *" micro "* ]]; then
  for program in "$root"/build/release/tests/*_bench; do
    [[ -x $program ]] || continue
    printf '\n%s\n' "${program##*/}"
    "$program" --benchmark_min_time=0.2 2> /dev/null
  done
fi
