-- What psql does, as one transcript. Process ids are taken out by psql.sh.
\set ON_ERROR_STOP off
\pset pager off
\echo == start-up
SELECT current_setting('application_name') AS application, current_setting('client_encoding') AS encoding,
       current_setting('DateStyle') AS dates, current_setting('server_version') AS version;
SHOW standard_conforming_strings;

\echo == schema
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS client_psql CASCADE;
RESET client_min_messages;
CREATE SCHEMA client_psql;
SET search_path = client_psql;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, price numeric(10, 2), tags text[], data jsonb, m mood,
  made timestamptz DEFAULT '2026-01-01 00:00:00+00', CHECK (price >= 0));
CREATE INDEX item_name ON item (name);
CREATE VIEW cheap AS SELECT id, name FROM item WHERE price < 10;
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
COMMENT ON TABLE item IS 'things for sale';
\d
\d item
\d+ cheap
\dt
\di
\df
\dT
\dn client_psql
\sf add
\sv cheap

\echo == rows
INSERT INTO item (name, price, tags, data, m) VALUES
  ('apple', 1.50, '{fruit,red}', '{"kg": 1}', 'happy'), ('pear', 2.25, '{}', NULL, 'ok'), ('gold', 1999.99, NULL, '[]', NULL);
SELECT id, name, price, tags, data, m, made AT TIME ZONE 'UTC' AS made FROM item ORDER BY id;
UPDATE item SET price = price * 2 WHERE id < 3 RETURNING id, price;
DELETE FROM item WHERE id = 99;
\x on
SELECT * FROM cheap ORDER BY id;
\x off
SELECT name, price FROM item ORDER BY id \gx
SELECT count(*) AS n, max(price) AS top FROM item \gset
\echo :n :top
SELECT 1 AS a, 'x'::text AS b, NULL::numeric(8, 3) AS c \gdesc
SELECT format('SELECT %s AS generated', i) FROM generate_series(1, 3) i \gexec
SELECT g % 3 AS a, g % 2 AS b, sum(g) FROM generate_series(1, 12) g GROUP BY 1, 2 ORDER BY 1, 2 \crosstabview
SELECT;
SELECT FROM item;
;
SELECT '' AS empty, NULL AS nothing, E'tab\there\nline' AS text;
SELECT md5(repeat('x', 100000)), length(repeat('ä', 70000));
SELECT 1 AS one \; SELECT 2 AS two \; SELECT 3 AS three;

\echo == errors
SELECT * FROM nowhere;
SELECT 1 / 0;
SELECT 'ä' || nonsense FROM item;
INSERT INTO item (name, price) VALUES ('bad', -1);
INSERT INTO item (id, name) VALUES (1, 'again');
\errverbose
SELEC 1;
SELECT 1 \; SELECT 1 / 0 \; SELECT 2;
DO $$ BEGIN RAISE EXCEPTION 'made here' USING ERRCODE = 'P0042', DETAIL = 'a detail', HINT = 'a hint', TABLE = 'item'; END $$;
\errverbose
SET VERBOSITY TO nonsense;
SELECT 1 / 0
 AS "on the second line"
 FROM item;

\echo == notices
DO $$ BEGIN RAISE NOTICE 'a notice'; RAISE WARNING 'a warning' USING HINT = 'with a hint'; END $$;
DROP TABLE IF EXISTS nowhere;
SET client_min_messages = debug1;
CREATE TEMP TABLE debugged (id int PRIMARY KEY);
RESET client_min_messages;

\echo == transactions
BEGIN;
INSERT INTO item (name) VALUES ('gone');
SAVEPOINT a;
SELECT 1 / 0;
SELECT 'refused in a failed transaction';
ROLLBACK TO a;
SELECT count(*) FROM item;
ROLLBACK;
SELECT count(*) FROM item;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
INSERT INTO item (name) VALUES ('read only');
COMMIT;
\set AUTOCOMMIT off
SELECT 'opens a transaction';
SELECT now() = statement_timestamp() AS same;
COMMIT;
\set AUTOCOMMIT on
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1 / 0;
SELECT 'the transaction lives';
COMMIT;
\set ON_ERROR_ROLLBACK off
INSERT INTO item (name) VALUES ('first of two') \; INSERT INTO item (id, name) VALUES (1, 'second fails');
SELECT count(*) FROM item WHERE name = 'first of two';
BEGIN \; INSERT INTO item (name) VALUES ('kept') \; COMMIT \; SELECT 1 / 0;
SELECT count(*) FROM item WHERE name = 'kept';
COMMIT;

\echo == prepared statements and cursors
PREPARE by_name (text) AS SELECT id, price FROM item WHERE name = $1;
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
EXPLAIN (COSTS off) SELECT * FROM item WHERE id = 1;

\echo == COPY
COPY item (name, price) FROM STDIN;
plum	0.75
fig	\N
tab\\tand\\nline	1
\.
COPY item (name, price) FROM STDIN WITH (FORMAT csv, HEADER);
name,price
"quoted, with comma",3
\.
COPY item (name, price) FROM STDIN;
broken	not a number
\.
COPY item (name, price) FROM STDIN;
\.
COPY (SELECT name, price FROM item ORDER BY id) TO STDOUT;
COPY (SELECT name, price FROM item ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY (SELECT 1 / 0) TO STDOUT;
COPY (SELECT g / (3 - g) FROM generate_series(1, 5) g) TO STDOUT;
COPY item (name) FROM STDIN \; SELECT 'after the copy' AS next \; COPY (SELECT 'out') TO STDOUT;
in between
\.
\copy (SELECT g, repeat('y', g) FROM generate_series(1, 2000) g) to rows.copy
CREATE TEMP TABLE copied (a int, b text);
\copy copied from rows.copy
SELECT count(*), sum(length(b)) FROM copied;
\copy (SELECT g FROM generate_series(1, 100) g) to binary.copy with (format binary)
CREATE TEMP TABLE copied_binary (a int);
\copy copied_binary from binary.copy with (format binary)
SELECT sum(a) FROM copied_binary;
\copy copied from nosuchfile.copy

\echo == LISTEN and NOTIFY
LISTEN here;
NOTIFY here, 'payload one';
SELECT pg_notify('here', 'payload two');
BEGIN;
NOTIFY here, 'at commit';
SELECT 'before commit';
COMMIT;
UNLISTEN *;
NOTIFY here, 'nobody hears';

\echo == settings
SET TimeZone = 'Asia/Tokyo';
SHOW TimeZone;
SET DateStyle = 'German';
SELECT date '2026-02-01';
RESET ALL;
SHOW TimeZone;
SET client_encoding = 'LATIN1';
SELECT 'e' AS latin, length(convert_to('é', 'LATIN1'));
SELECT chr(233) = 'é' AS same;
SELECT chr(8364) AS "no such character in LATIN1";
RESET client_encoding;
\encoding
SET ROLE none;
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
DELETE FROM item;
DISCARD ALL;
SET search_path = client_psql;
SHOW transaction_read_only;

\echo == large objects
SELECT lo_create(424242);
\lo_export 424242 empty.lo
SELECT lo_put(424242, 0, 'large object'), lo_get(424242, 0, 5);
\lo_unlink 424242
\lo_unlink 424242

\echo == timeouts
SET statement_timeout = '50ms';
SELECT pg_sleep(10);
RESET statement_timeout;
SET idle_in_transaction_session_timeout = 0;
SELECT 'still here';

\echo == away
SET client_min_messages = warning;
DROP SCHEMA client_psql CASCADE;
SELECT 'bye';
