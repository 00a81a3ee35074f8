#!/usr/bin/env bash
# Compares the tables of rules/builtin/ with a real server, and calls what they say is total.
#
#   tests/conformance/builtin.sh [VERSION URI]    a throwaway PostgreSQL 15, or that server (15 or 17, as superuser)
#
# Fails when the server has or lacks a function, operator, type, cast, relation or setting of the tables, when a function has no
# class, or when what is said to be total raised an error for some value.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/postgres.sh
source tests/support/postgres.sh
scratch

version=${1-15}
if [[ -n ${2-} ]]; then
  uri=$2
else
  postgres_start max_connections=20
  uri=$(postgres_uri postgres "$POSTGRES_PASSWORD" postgres)
fi

status=0
rules/builtin/generate.sh --check "$version" "$uri" || status=1

awk -F '\t' -v OFS='\t' -v version="$version" '
  index("," $NF ",", "," version ",") && $(NF - 1) != "partial" {
    gsub(/\\/, "\\\\")
    if (FILENAME ~ /functions/ && $1 == "pg_catalog") print "functions", $2, $3, $(NF - 1)
    else if (FILENAME ~ /operators/) print "operators", $1, $2 "," $3, $(NF - 1)
    else if (FILENAME ~ /casts/) print "casts", $2, $1, $(NF - 1)
  }' rules/builtin/functions.tsv rules/builtin/operators.tsv rules/builtin/casts.tsv > "$SCRATCH/total"
for zone in UTC America/New_York Asia/Kathmandu Pacific/Kiritimati; do
  psql -X -v zone="$zone" -f tests/conformance/totality.sql "$uri" < "$SCRATCH/total" > "$SCRATCH/outcome"
  called=$(sed -n 's/^called //p' "$SCRATCH/outcome")
  if grep -vE '^(called|not called)' "$SCRATCH/outcome"; then
    echo "raised an error, but is said to be total ($zone)" >&2
    status=1
  fi
  if ((called < 900)); then
    echo "only $called of $(wc -l < "$SCRATCH/total") could be called" >&2
    status=1
  fi
done
echo "PostgreSQL $version: $called of $(wc -l < "$SCRATCH/total") total functions, operators and casts called with edge values"
exit $status
