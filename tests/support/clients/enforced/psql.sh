#!/usr/bin/env bash
# psql.sh URI: the transcript of psql.sql, of a cancelled statement, of settings at start-up and of a dump of rows.
set -uo pipefail
uri=$1
psql=(/usr/lib/postgresql/15/bin/psql -X)
script=$(cd "$(dirname "$0")" && pwd)/psql.sql
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
"${psql[@]}" -a -f "$script" "$uri" 2>&1 | sed -E 's/(process with PID) [0-9]+/\1 N/'
echo "status ${PIPESTATUS[0]}"

echo "== cancel"
"${psql[@]}" -c 'SELECT pg_sleep(60)' "$uri" > cancel.out 2>&1 &
pid=$!
sleep 1
# The shell has its background jobs ignore SIGINT, but psql sets its own handler.
kill -INT "$pid"
wait "$pid"
echo "status $?"
cat cancel.out

echo "== one transaction over several -c"
"${psql[@]}" -1 -c "INSERT INTO items (name) VALUES ('gone')" -c 'SELECT 1/0' "$uri" 2>&1
"${psql[@]}" -Atc "SELECT count(*) FROM items WHERE name = 'gone'" "$uri" 2>&1
"${psql[@]}" -c 'SELECT 1; SELECT 2; SELECT 1/0; SELECT 3' "$uri" 2>&1
"${psql[@]}" -l "$uri" 2>&1 | grep -c postgres > /dev/null && echo "lists the databases"
"${psql[@]}" -Atc 'SELECT count(*), count(DISTINCT a) FROM (SELECT generate_series(1, 300000) AS a) s' "$uri" 2>&1
"${psql[@]}" -Atc "SELECT repeat('0123456789', 100) FROM generate_series(1, 20000)" "$uri" 2>&1 | md5sum
echo "== settings at start-up"
PGOPTIONS='-c work_mem=3MB -c statement_timeout=5s' "${psql[@]}" -Atc 'SHOW work_mem' -c 'SHOW statement_timeout' "$uri" 2>&1
PGDATESTYLE=German PGTZ=Asia/Tokyo "${psql[@]}" -Atc 'SHOW DateStyle' -c 'SHOW TimeZone' "$uri" 2>&1
PGCLIENTENCODING=UTF8 "${psql[@]}" -Atc 'SHOW client_encoding' "$uri" 2>&1
