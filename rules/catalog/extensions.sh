#!/usr/bin/env bash
# Writes extensions.jsonl: what the extensions that come with PostgreSQL bring, as lines of a snapshot (catalog.hpp) in
# which the schema of an extension is "@" and its name.
#
#   rules/catalog/extensions.sh URI     URI: a database without anything in it, of a server with all of contrib
set -euo pipefail
[[ $# == 1 ]] || {
  sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
  exit 2
}
cd "$(dirname "$0")"
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" "${@:2}"; }

# In the order of their names, which is an order in which each finds those that it needs. Not those for other languages,
# and not those that have a schema of their own.
known=""
for extension in $(sql "$1" -c "SELECT name FROM pg_available_extensions WHERE name !~ '(perl|python|tcl)' ORDER BY name"); do
  if sql "$1" -c "CREATE SCHEMA \"@$extension\"; CREATE EXTENSION \"$extension\" SCHEMA \"@$extension\"" 2> /dev/null; then
    known+=" $extension"
  else
    sql "$1" -c "DROP SCHEMA IF EXISTS \"@$extension\"" 2> /dev/null
  fi
done
{
  printf '{"catalog":1}\n'
  sql "$1" -f live.sql | grep '"schema":"@'
} > extensions.jsonl
echo "extensions.jsonl:$known"
