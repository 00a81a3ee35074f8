#!/usr/bin/env bash
# Runs PostgreSQL's own regression suite direct and through pgchaperone, each on a fresh server with the same settings,
# and compares the two: the score and every output file. About 2 minutes, 3 more for the first time.
#
#   tests/conformance/pg_regress.sh [--self] [--keep DIRECTORY]
#
#   --self             the second run is direct as well: what differs then is the suite's own unsteadiness
#   --keep DIRECTORY   leaves both runs' results there
#
# What direct and proxy may differ in is listed, with the reason, in pg_regress.exceptions. Exit status: 0 equal but for
# these, 1 not, 2 could not run. The suite is the source package's; where its minor version is not the server's some tests
# fail on both sides, which is no matter here.
set -euo pipefail
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/tests/*}
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/chaperone.sh
source "$root/tests/support/chaperone.sh"
# shellcheck source=tests/conformance/pg_regress_build.sh
source "$here/pg_regress_build.sh"
self=0 keep=""
while (($#)); do
  case $1 in
    --self) self=1 ;;
    --keep) keep=${2:?--keep needs a directory} && shift ;;
    *)
      sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
      exit 2
      ;;
  esac
  shift
done

regress_build "$root/build/conformance" || exit 2
user=postgres
((EUID == 0)) || user=$(id -un)
scratch
kit=$SCRATCH/kit # where the server's user can read it
cp -r "$root/build/conformance/kit" "$kit"
chmod -R a+rX "$kit"

run() { # NAME HOST PORT PASSWORD: one whole suite; its results in $SCRATCH/NAME
  install -d -o "$user" "$SCRATCH/$1"
  as_user "$user" env PGPASSWORD="$4" LD_LIBRARY_PATH="$kit/lib" "$kit/bin/pg_regress" \
    --host="$2" --port="$3" --user=postgres --use-existing --dbname=regression \
    --bindir="$kit/bin" --dlpath="$kit/lib" --inputdir="$kit" --outputdir="$SCRATCH/$1" \
    --max-concurrent-tests=20 --schedule="$kit/parallel_schedule" > "$SCRATCH/$1.log" 2>&1 || true
  if ! grep -qE '[0-9]+ of [0-9]+ tests failed|All [0-9]+ tests passed' "$SCRATCH/$1.log"; then
    tail -n 20 "$SCRATCH/$1.log" >&2
    echo "pg_regress.sh: the suite did not run to its end ($1)" >&2
    exit 2
  fi
  sed -nE 's/^(test|    ) +([a-z0-9_.]+) +\.\.\. (ok|FAILED).*/\2 \3/p' "$SCRATCH/$1.log" | sort > "$SCRATCH/$1.score"
}

server() { # a fresh one, as pg_regress would make it
  POSTGRES_INITDB="--no-locale --encoding=UTF8" postgres_start max_prepared_transactions=2
  postgres_sql postgres -c "CREATE DATABASE regression TEMPLATE template0" \
    -c "ALTER DATABASE regression SET lc_messages TO 'C'" -c "ALTER DATABASE regression SET lc_monetary TO 'C'" \
    -c "ALTER DATABASE regression SET lc_numeric TO 'C'" -c "ALTER DATABASE regression SET lc_time TO 'C'" \
    -c "ALTER DATABASE regression SET bytea_output TO 'hex'" \
    -c "ALTER DATABASE regression SET timezone_abbreviations TO 'Default'"
}

server
run direct "$POSTGRES_HOST" "$POSTGRES_PORT" "$POSTGRES_PASSWORD"
postgres_stop
server
if ((self)); then
  run proxy "$POSTGRES_HOST" "$POSTGRES_PORT" "$POSTGRES_PASSWORD"
else
  agent_password=$(random_password)
  chaperone_agent postgres "$agent_password"
  chaperone_database '*' "$POSTGRES_HOST:$POSTGRES_PORT" "" postgres "$POSTGRES_PASSWORD"
  chaperone_start
  run proxy "$CHAPERONE_HOST" "$CHAPERONE_PORT" "$agent_password"
fi
if [[ -n $keep ]]; then
  rm -rf "$keep"
  mkdir -p "$keep"
  cp -r "$SCRATCH"/{direct,proxy} "$SCRATCH"/{direct,proxy}.{log,score} "$keep/"
fi

cd "$SCRATCH"
differ=0 unexplained=0
judge() { # TEST: is there a reason for its difference?
  local reason
  reason=$(sed -nE "s/^$1[[:space:]]+//p" "$here/pg_regress.exceptions")
  echo "-- $1: ${reason:-not explained}"
  [[ -n $reason ]] || unexplained=$((unexplained + 1))
}
while read -r file; do
  cmp -s "direct/results/$file" "proxy/results/$file" && continue
  differ=$((differ + 1))
  judge "${file%.*}"
  diff -aU2 "direct/results/$file" "proxy/results/$file" | head -n 40 || true
done < <(find direct/results proxy/results -type f -printf '%P\n' | sort -u)
while read -r name; do
  cmp -s <(grep "^$name " direct.score) <(grep "^$name " proxy.score) || judge "$name"
done < <(cut -d ' ' -f 1 direct.score proxy.score | sort -u)
ok() { grep -c ' ok$' "$1.score" || true; }
echo "tests: $(wc -l < direct.score), direct ok: $(ok direct), proxy ok: $(ok proxy), files that differ: $differ"
exit $((unexplained > 0))
