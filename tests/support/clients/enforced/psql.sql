-- What psql does with shop.sql's items, as one transcript.
\set ON_ERROR_STOP off
\pset pager off
\echo == start-up
SELECT current_setting('client_encoding') AS encoding, current_setting('DateStyle') AS dates, current_setting('server_version') AS version;
SHOW standard_conforming_strings;

\echo == schema
\d items
\d+ lines
\dt items
\di items*
\df say
\dT mood
\dn public

\echo == rows
INSERT INTO items (name, price, tags, data, feels) VALUES
  ('apple', 1.50, '{fruit,red}', '{"kg": 1}', 'happy'), ('pear', 2.25, '{}', NULL, 'ok'), ('gold', 1999.99, NULL, '[]', NULL);
SELECT name, price, tags, data, feels, made AT TIME ZONE 'UTC' AS made FROM items ORDER BY name;
UPDATE items SET price = price * 2 WHERE name IN ('apple', 'pear') RETURNING name, price;
DELETE FROM items WHERE id = -99;
\x on
SELECT name, raw FROM items ORDER BY name;
\x off
SELECT name, price FROM items ORDER BY name \gx
SELECT count(*) AS n, max(price) AS top FROM items \gset
\echo :n :top
SELECT 1 AS a, 'x'::text AS b, NULL::numeric(8, 3) AS c, feels FROM items \gdesc
SELECT format('SELECT %s AS generated', i) FROM generate_series(1, 3) i \gexec
SELECT g % 3 AS a, g % 2 AS b, sum(g) FROM generate_series(1, 12) g GROUP BY 1, 2 ORDER BY 1, 2 \crosstabview
SELECT;
SELECT FROM items;
;
SELECT '' AS empty, NULL AS nothing, E'tab\there\nline' AS text, 'a\b' AS backslash, $q$it's$q$ AS dollars, U&'\00e4' AS escaped;
SELECT md5(repeat('x', 10000)), length(repeat('ä', 7000));
SELECT 1 AS one \; SELECT 2 AS two \; SELECT 3 AS three;
WITH cheap AS (SELECT name, price FROM items WHERE price < 10) SELECT name, rank() OVER (ORDER BY price DESC) FROM cheap ORDER BY name;
TABLE lines;
SELECT i.name, l.b FROM items i LEFT JOIN lines l ON l.a = i.id ORDER BY 1 LIMIT 2;
INSERT INTO items (name, price) VALUES ('apple', 9) ON CONFLICT (name) DO UPDATE SET price = excluded.price RETURNING name, price;

\echo == errors
SELECT 1 / 0;
INSERT INTO items (id, name, price) VALUES (-1, 'bad', -1);
INSERT INTO items (name) VALUES ('apple');
\errverbose
INSERT INTO items (id, price) VALUES (-1, 1);
SELEC 1;
SELECT 1 \; SELECT 1 / 0 \; SELECT 2;
SELECT 'ä', 1 / 0
 AS "on the second line"
 FROM items;
SELECT name FROM items WHERE price = 'ä';
SELECT 'x'::int, name FROM items;

\echo == notices
SELECT say('careful');

\echo == transactions
BEGIN;
INSERT INTO items (name) VALUES ('gone');
SAVEPOINT a;
SELECT 1 / 0;
SELECT 'refused in a failed transaction';
ROLLBACK TO a;
SELECT count(*) FROM items;
ROLLBACK;
SELECT count(*) FROM items;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
INSERT INTO items (name) VALUES ('read only');
COMMIT;
\set AUTOCOMMIT off
SELECT 'opens a transaction';
SELECT now() = transaction_timestamp() AS same;
COMMIT;
\set AUTOCOMMIT on
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1 / 0;
SELECT 'the transaction lives';
COMMIT;
\set ON_ERROR_ROLLBACK off
INSERT INTO items (name) VALUES ('first of two') \; INSERT INTO items (name) VALUES ('apple');
SELECT count(*) FROM items WHERE name = 'first of two';
BEGIN \; INSERT INTO items (name) VALUES ('kept') \; COMMIT \; SELECT 1 / 0;
SELECT count(*) FROM items WHERE name = 'kept';
COMMIT;
BEGIN;
LOCK TABLE items IN SHARE MODE;
SELECT name FROM items WHERE name = 'apple' FOR UPDATE;
COMMIT;

\echo == prepared statements and cursors
PREPARE by_name (text) AS SELECT price FROM items WHERE name = $1;
EXECUTE by_name('apple');
EXECUTE by_name('nothing');
DEALLOCATE by_name;
EXECUTE by_name('apple');
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT g FROM generate_series(1, 10) g;
FETCH 3 FROM c;
MOVE 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH ALL FROM c;
CLOSE c;
FETCH 1 FROM c;
COMMIT;
\set FETCH_COUNT 4
SELECT g, g * g AS square FROM generate_series(1, 10) g;
\unset FETCH_COUNT
EXPLAIN (COSTS off) SELECT * FROM lines WHERE a = 1;

\echo == COPY
COPY items (name, price) FROM STDIN;
plum	0.75
fig	\N
tab\\tand\\nline	1
\.
COPY items (name, price) FROM STDIN WITH (FORMAT csv, HEADER);
name,price
"quoted, with comma",3
\.
COPY items (name, price) FROM STDIN;
broken	not a number
\.
COPY items (name, price) FROM STDIN;
\.
COPY (SELECT name, price FROM items ORDER BY name) TO STDOUT;
COPY (SELECT name, price FROM items ORDER BY name) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY (SELECT 1 / 0) TO STDOUT;
COPY (SELECT g / (3 - g) FROM generate_series(1, 5) g) TO STDOUT;
COPY items (name) FROM STDIN \; SELECT 'after the copy' AS next \; COPY (SELECT 'out') TO STDOUT;
in between
\.
\copy (SELECT g, repeat('y', 20) FROM generate_series(1, 2000) g) to rows.copy
\copy lines from rows.copy
SELECT count(*), sum(length(b)) FROM lines;
\copy lines to binary.copy with (format binary)
TRUNCATE lines;
\copy lines from binary.copy with (format binary)
SELECT sum(a) FROM lines;
TRUNCATE lines;
\copy lines from nosuchfile.copy

\echo == LISTEN and NOTIFY
LISTEN here;
BEGIN;
NOTIFY here;
SELECT 'before commit';
COMMIT;
UNLISTEN *;
NOTIFY here, 'nobody hears';

\echo == settings
SET TimeZone = 'Asia/Tokyo';
SHOW TimeZone;
SET DateStyle = 'German';
SELECT date '2026-02-01';
SELECT set_config('work_mem', '5MB', false);
RESET ALL;
SHOW TimeZone;
SHOW work_mem;
SET client_encoding = 'UTF8';
\encoding
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
DELETE FROM items;
DISCARD ALL;
SHOW transaction_read_only;

\echo == timeouts
SET statement_timeout = '50ms';
SELECT pg_sleep(10);
RESET statement_timeout;
SELECT 'still here';

\echo == away
DELETE FROM items;
SELECT 'bye';
