#!/usr/bin/env bash
# psql.sh URI: the transcript of psql.sql, of a cancelled statement and of refused logins.
set -uo pipefail
uri=$1
psql=(/usr/lib/postgresql/15/bin/psql -X)
script=$(cd "$(dirname "$0")" && pwd)/psql.sql
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
without_pids() { sed -E 's/(process with PID) [0-9]+/\1 N/; s/connection to server at .* failed: //'; }

"${psql[@]}" -a -f "$script" "$uri" 2>&1 | without_pids
echo "status ${PIPESTATUS[0]}"

echo "== cancel"
PGAPPNAME=client_cancel "${psql[@]}" -c 'SELECT pg_sleep(60)' "$uri" > cancel.out 2>&1 &
pid=$!
for _ in {1..100}; do
  running=$("${psql[@]}" -Atc "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'client_cancel' AND query ~ '^SELECT pg_sleep' AND state = 'active'" "$uri")
  [[ $running == 1 ]] && break
  sleep 0.1
done
# The shell has its background jobs ignore SIGINT, but psql sets its own handler.
kill -INT "$pid"
wait "$pid"
echo "status $?"
cat cancel.out

echo "== one transaction over several -c"
"${psql[@]}" -1 -c 'CREATE TABLE client_psql_single (a int)' -c 'SELECT 1/0' "$uri" 2>&1
"${psql[@]}" -c 'SELECT 1; SELECT 2; SELECT 1/0; SELECT 3' "$uri" 2>&1
"${psql[@]}" -l "$uri" > list.out && grep -c postgres list.out > /dev/null && echo "lists the databases"
"${psql[@]}" -Atc 'SELECT count(*), count(DISTINCT a) FROM (SELECT generate_series(1, 300000) AS a) s' "$uri"
"${psql[@]}" -Atc "SELECT repeat('0123456789', 100) FROM generate_series(1, 20000)" "$uri" | md5sum
"${psql[@]}" -Atc "SELECT repeat('x', 50000000)" "$uri" | md5sum
echo "== options and settings at start-up"
PGOPTIONS='-c work_mem=3MB -c search_path=pg_catalog' "${psql[@]}" -Atc 'SHOW work_mem' -c 'SHOW search_path' "$uri"
PGOPTIONS='-c nonsense=1' "${psql[@]}" -Atc 'SELECT 1' "$uri" 2>&1 | without_pids
PGDATESTYLE=German PGTZ=Asia/Tokyo "${psql[@]}" -Atc 'SHOW DateStyle' -c 'SHOW TimeZone' "$uri"
PGCLIENTENCODING=LATIN1 "${psql[@]}" -Atc 'SHOW client_encoding' "$uri"
PGCLIENTENCODING=nonsense "${psql[@]}" -Atc 'SHOW client_encoding' "$uri" 2>&1 | without_pids
echo "== pg_dump"
"${psql[@]}" -qc 'CREATE TABLE client_psql_dump (a int PRIMARY KEY, b text)' -c "INSERT INTO client_psql_dump VALUES (1, 'one')" "$uri"
/usr/lib/postgresql/15/bin/pg_dump -t client_psql_dump "$uri" 2>&1 | sed -E "s/^(.(un)?restrict) .*/\1 KEY/"
"${psql[@]}" -qc 'DROP TABLE client_psql_dump' "$uri"
