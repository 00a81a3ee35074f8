-- What agents, drivers, ORMs and people send, with what the parser has to make of it. A line "--@ kind [name] [+flag..]" holds
-- for the statements below it; a statement ends at the line that ends with its semicolon.
--@ select
SELECT 1;
SELECT;
TABLE shop_order;
VALUES (1, 'a'), (2, 'b') ORDER BY 1 DESC;
(SELECT 1);
((SELECT 1) UNION ALL (SELECT 2)) LIMIT 1;
SELECT abalance FROM pgbench_accounts WHERE aid = 1;
SELECT abalance FROM pgbench_accounts WHERE aid = $1;
--@ create_table_as
SELECT * INTO new_table FROM shop_order;
SELECT * INTO TEMPORARY t FROM shop_order;
--@ select
SELECT a.*, b."c" FROM public.a AS a JOIN LATERAL (SELECT * FROM b WHERE b.id = a.id) b ON true;
SELECT count(*) FILTER (WHERE x > 0), sum(y) OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b ROWS BETWEEN 1
  PRECEDING AND CURRENT ROW);
SELECT DISTINCT ON (a, b) a, b, c FROM t ORDER BY a, b, c DESC NULLS LAST;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM shop_order;
SELECT CASE status WHEN 'open' THEN 1 WHEN 'paid' THEN 2 ELSE 0 END FROM shop_order;
SELECT CASE WHEN a IS NULL THEN b WHEN a IS NOT DISTINCT FROM c THEN d END FROM t;
SELECT a[1], a[2:3], (r).f, (r).*, (array[1,2])[1] FROM t;
SELECT a::int, CAST(b AS numeric(10, 2)), date '2024-01-01', interval '1' day, timestamp with time zone '2024-01-01
  00:00+00';
SELECT 'it''s', E'a\nb\x41', U&'d\0061t\+000061', U&"d!0061ta" UESCAPE '!', B'0101', X'1FF', $$dollar$$, $tag$ $$
  $tag$, N'national' FROM t AS u(U&"d\0061ta");
SELECT 'one'
  'literal';
SELECT a, b FROM t WHERE (a, b) = (1, 2) AND ROW(a, b) < ROW(3, 4) AND (a, b) OVERLAPS (c, d);
SELECT * FROM t WHERE a = ANY ($1) AND b <> ALL (ARRAY[1, 2]) AND c = SOME (SELECT d FROM u);
SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id) AND a NOT IN (SELECT b FROM v) AND c NOT BETWEEN
  SYMMETRIC 1 AND 2;
SELECT * FROM t WHERE name LIKE 'a!%' ESCAPE '!' OR name ILIKE ANY (ARRAY['x%']) OR name SIMILAR TO '(a|b)' OR name ~*
  '^x';
SELECT a FROM t GROUP BY GROUPING SETS ((a), (b), ()) HAVING count(*) > 1;
SELECT a, b, grouping(a) FROM t GROUP BY ROLLUP (a, b), CUBE (c, d);
SELECT a FROM t GROUP BY DISTINCT a;
SELECT a FROM t UNION SELECT b FROM u EXCEPT ALL SELECT c FROM v INTERSECT SELECT d FROM w;
SELECT * FROM a NATURAL JOIN b LEFT OUTER JOIN c USING (x, y) AS j RIGHT JOIN d ON d.id = c.id FULL JOIN e ON true
  CROSS JOIN f;
SELECT * FROM ONLY parent, child *, generate_series(1, 10) WITH ORDINALITY AS g(n, o), ROWS FROM (f(1), g(2) AS (a
  int)) AS r;
SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (42);
SELECT * FROM t ORDER BY a USING > OFFSET 10 ROWS FETCH FIRST 5 ROWS WITH TIES;
SELECT * FROM t LIMIT ALL OFFSET $1;
SELECT * FROM t FOR UPDATE OF t NOWAIT;
SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED FOR KEY SHARE;
WITH a AS (SELECT 1), b AS MATERIALIZED (SELECT 2), c AS NOT MATERIALIZED (SELECT 3) SELECT * FROM a, b, c;
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t;
WITH RECURSIVE t(a) AS (SELECT 1 UNION SELECT a FROM t) SEARCH DEPTH FIRST BY a SET s CYCLE a SET c USING p SELECT *
  FROM t;
WITH moved AS (DELETE FROM a RETURNING *) SELECT * FROM moved;
WITH n AS (INSERT INTO t VALUES (1) RETURNING id) SELECT id FROM n;
SELECT xmlelement(name a, xmlattributes(b AS c), 'd'), xmlforest(e AS f), xmlparse(DOCUMENT '<a/>'),
  xmlserialize(CONTENT x AS text), x IS DOCUMENT FROM t;
SELECT * FROM xmltable('/r' PASSING data COLUMNS id int PATH '@id', o FOR ORDINALITY) x;
SELECT extract(epoch FROM now()), substring('a' FROM 1 FOR 2), position('b' IN 'abc'), trim(BOTH 'x' FROM 'xax'),
  overlay('a' PLACING 'b' FROM 1), normalize('a', NFC);
SELECT current_date, current_time(3), localtimestamp, current_user, session_user, current_catalog, current_schema,
  coalesce(a, b), nullif(a, b), greatest(1, 2), least(1, 2);
SELECT a COLLATE "C", b AT TIME ZONE 'UTC', -c, @ d, e -> 'f' ->> 'g' #> '{h}' #>> '{i}', j @> k, l ?| m, n ?& o FROM
  t;
SELECT a OPERATOR(pg_catalog.+) b, a != b, a <> b, a <= b, a >= b, a ^ b, a % b, !! c FROM t;
SELECT f(a => 1, b := 2), g(VARIADIC ARRAY[1]), h(DISTINCT a ORDER BY b), public.i(ALL c), j(*) FROM t;
SELECT 1 AS "select", 2 AS select_, 3 "from", 4 AS year, 5 value FROM "table" AS "where";
SELECT 1., .5, 1e10, 1.5E-3, 0, 9223372036854775808, 1::bigint - -1;
SELECT é, "ÄÖ" FROM "naïve" WHERE ключ = '値';
SELECT set_config('search_path', '', false);
SELECT pg_catalog.set_config('search_path', '', false);
SELECT pg_advisory_lock(1), pg_sleep(0), nextval('s'), currval('s'::regclass), lastval();
SELECT lo_import('/etc/passwd'), pg_read_file('a'), dblink('host=x', 'select 1');
SELECT "django_content_type"."id", "django_content_type"."app_label", "django_content_type"."model" FROM
  "django_content_type" WHERE ("django_content_type"."app_label" = 'shop' AND "django_content_type"."model" = 'order')
  LIMIT 21;
SELECT COUNT(*) AS "__count" FROM "auth_user" INNER JOIN "auth_user_groups" ON ("auth_user"."id" =
  "auth_user_groups"."user_id") WHERE "auth_user_groups"."group_id" IN (1, 2, 3);
SELECT (1) AS "a" FROM "auth_user" WHERE "auth_user"."username" = 'alice' LIMIT 1;
SELECT "shop_order"."id", (SELECT SUM(U0."price") AS "s" FROM "shop_item" U0 WHERE U0."order_id" = ("shop_order"."id")
  GROUP BY U0."order_id") AS "total" FROM "shop_order" ORDER BY "total" DESC NULLS LAST;
SELECT anon_1.users_id AS anon_1_users_id, addresses_1.id AS addresses_1_id FROM (SELECT users.id AS users_id FROM
  users LIMIT $1) AS anon_1;
SELECT users.id AS users_id, users.name AS users_name FROM users WHERE users.name = $1::VARCHAR ORDER BY users.id
  LIMIT $2::INTEGER OFFSET $3::INTEGER;
SELECT "users".* FROM "users" WHERE "users"."id" = $1 LIMIT $2;
SELECT 1 AS one FROM "users" WHERE "users"."email" = $1 AND "users"."id" != $2 LIMIT $3;
SELECT DISTINCT "posts"."created_at" AS alias_0, "posts"."id" FROM "posts" LEFT OUTER JOIN "comments" ON
  "comments"."post_id" = "posts"."id" ORDER BY "posts"."created_at" DESC LIMIT $1;
SELECT "public"."User"."id", "public"."User"."email" FROM "public"."User" WHERE ("public"."User"."email" = $1 AND 1=1)
  LIMIT $2 OFFSET $3;
SELECT u1_0.id,u1_0.name,o1_0.user_id,o1_0.id FROM users u1_0 LEFT JOIN orders o1_0 ON u1_0.id=o1_0.user_id WHERE
  u1_0.name LIKE $1 ESCAPE '';
SELECT "User"."id" AS "User_id", "User"."name" AS "User_name" FROM "user" "User" WHERE ( ("User"."id" = $1) ) AND (
  "User"."deletedAt" IS NULL ) LIMIT 1;
SELECT "id", "createdAt" AS "createdAt" FROM "Users" AS "User" WHERE ("User"."age" >= 18 AND "User"."meta"#>>'{a,b}' =
  'c') ORDER BY "User"."createdAt" ASC;
SELECT "u"."Id", "u"."Name" FROM "Users" AS "u" WHERE "u"."Name" = $1 OR "u"."Tags" @> $2 LIMIT $3;
SELECT t.oid, t.typname, t.typelem, a.typname AS elem FROM pg_type t LEFT JOIN pg_type a ON a.oid = t.typelem WHERE
  t.typname = ANY ($1::text[]);
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname =
  'information_schema' WHEN true THEN 'SYSTEM TABLE' ELSE 'TABLE' END AS TABLE_TYPE FROM pg_catalog.pg_namespace n,
  pg_catalog.pg_class c WHERE c.relnamespace = n.oid ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;
SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' AND
  table_name = 'orders' ORDER BY ordinal_position;
SELECT version(), current_setting('server_version_num')::int, pg_is_in_recovery(), inet_server_addr();
SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, avg(l_discount) AS avg_disc FROM lineitem WHERE
  l_shipdate <= date '1998-12-01' - interval '90' day GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag;
SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM customer, orders, lineitem, supplier, nation,
  region WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey GROUP BY n_name ORDER BY revenue DESC;
SELECT date_trunc('month', created_at AT TIME ZONE 'Europe/Berlin') AS month, count(*) FROM orders GROUP BY 1 ORDER BY
  1;
SELECT jsonb_path_query(data, '$.a[*] ? (@.b > 1)'), data['a']['b'], jsonb_set(data, '{a}', '1') FROM docs;
SELECT to_tsvector('english', body) @@ plainto_tsquery('a & b'), ts_rank_cd(v, q) FROM docs, to_tsquery('x') q;
SELECT (a).b.c, (f(x)).y, (SELECT 1)::text, ARRAY(SELECT 1), ARRAY[[1, 2], [3, 4]], ROW(), ROW(1, NULL) FROM t;
SELECT a IS TRUE, b IS NOT UNKNOWN, c ISNULL, d NOTNULL, e IS NFC NORMALIZED, NOT f FROM t;
SELECT /* hint */ 1 -- trailing
  + /* nested /* comment */ here */ 2;
--@ insert
INSERT INTO t VALUES (1);
INSERT INTO t DEFAULT VALUES;
INSERT INTO t (a, b) VALUES ($1, $2), (DEFAULT, NULL) RETURNING id, a AS b;
INSERT INTO s.t AS x (a, b[1], c.d) SELECT 1, 2, 3;
INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1);
INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO t (a, b) VALUES (1, 2) ON CONFLICT (a) WHERE b > 0 DO UPDATE SET b = EXCLUDED.b, (c, d) = (SELECT 1, 2)
  WHERE t.b <> EXCLUDED.b RETURNING *;
INSERT INTO t (a) VALUES (1) ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING;
WITH x AS (SELECT 1 AS a) INSERT INTO t SELECT a FROM x;
WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d;
INSERT INTO t TABLE u;
INSERT INTO "auth_user" ("password", "last_login", "is_superuser", "username") VALUES ('x', NULL, false, 'alice')
  RETURNING "auth_user"."id";
INSERT INTO "users" ("name", "created_at", "updated_at") VALUES ($1, $2, $3) RETURNING "id";
INSERT INTO "public"."User" ("email","createdAt") VALUES ($1,$2) RETURNING "public"."User"."id";
INSERT INTO users (name) SELECT p0::VARCHAR FROM (VALUES ($1, $2, 0)) AS imp_sen(p0, p1, sen_counter) ORDER BY
  sen_counter RETURNING users.id;
INSERT INTO "Users" ("Name") VALUES ($1) RETURNING "Id";
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, 1, -5, CURRENT_TIMESTAMP);
--@ update
UPDATE t SET a = 1;
UPDATE ONLY s.t AS x SET a = DEFAULT, b[1] = 2, (c, d) = ROW (1, 2), (e, f) = (SELECT 1, 2) FROM u WHERE u.id = x.id
  RETURNING x.*;
UPDATE t SET a = 1 WHERE CURRENT OF c;
WITH x AS (SELECT 1 AS id) UPDATE t SET a = x.id FROM x;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1;
UPDATE "shop_order" SET "status" = 'paid', "updated_at" = '2024-01-01T00:00:00+00:00'::timestamptz WHERE
  "shop_order"."id" = 1;
UPDATE users SET name = $1::VARCHAR WHERE users.id = $2::INTEGER;
UPDATE "users" SET "name" = $1, "updated_at" = $2 WHERE "users"."id" = $3;
UPDATE "counters" SET "n" = COALESCE("n", 0) + 1 WHERE "counters"."id" IN (1, 2);
--@ delete
DELETE FROM t;
DELETE FROM ONLY s.t AS x USING u, v WHERE u.id = x.id RETURNING *;
DELETE FROM t WHERE CURRENT OF "C";
WITH x AS (SELECT 1) DELETE FROM t WHERE a IN (SELECT * FROM x);
DELETE FROM "django_session" WHERE "django_session"."session_key" IN ('a', 'b');
--@ merge
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.x THEN UPDATE SET a = s.a WHEN MATCHED THEN DELETE WHEN NOT
  MATCHED THEN INSERT (id, a) VALUES (s.id, s.a);
MERGE INTO ONLY t AS a USING (SELECT 1 AS id) b ON a.id = b.id WHEN NOT MATCHED THEN DO NOTHING;
WITH s AS (SELECT 1 AS id) MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT DEFAULT VALUES;
--@ copy_from_stdin
COPY t FROM STDIN;
COPY s.t (a, b) FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER ';', NULL '', FORCE_NULL (a));
COPY t FROM STDIN BINARY;
COPY BINARY t FROM STDIN;
COPY t FROM STDIN WITH CSV HEADER QUOTE AS '"' WHERE a > 0;
COPY t FROM STDOUT;
--@ copy_from
COPY t FROM '/tmp/file.csv' WITH (FORMAT csv);
COPY t (a) FROM PROGRAM 'gunzip -c /tmp/a.gz' DELIMITER ',' NULL '\N';
--@ copy_to
COPY t TO STDOUT;
COPY (SELECT * FROM t) TO STDOUT WITH (FORMAT binary);
COPY t TO '/tmp/file.csv' CSV;
COPY (INSERT INTO t VALUES (1) RETURNING *) TO PROGRAM 'cat > /tmp/x';
COPY (WITH x AS (SELECT 1) TABLE x) TO STDOUT;
--@ begin
BEGIN;
BEGIN WORK;
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE;
BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE NOT DEFERRABLE;
START TRANSACTION;
START TRANSACTION READ ONLY;
--@ commit
COMMIT;
COMMIT WORK;
COMMIT TRANSACTION AND NO CHAIN;
END;
END TRANSACTION;
--@ commit +chain
COMMIT AND CHAIN;
END AND CHAIN;
--@ rollback
ROLLBACK;
ROLLBACK WORK;
ABORT;
ABORT TRANSACTION AND NO CHAIN;
--@ rollback +chain
ROLLBACK AND CHAIN;
ABORT AND CHAIN;
--@ savepoint s1
SAVEPOINT s1;
SAVEPOINT S1;
SAVEPOINT "s1";
SAVEPOINT U&"s\0031";
--@ savepoint S1
SAVEPOINT "S1";
--@ savepoint active_record_1
SAVEPOINT active_record_1;
--@ savepoint s139872_x2
SAVEPOINT "s139872_x2";
--@ release_savepoint s1
RELEASE s1;
RELEASE SAVEPOINT S1;
--@ rollback_to_savepoint s1
ROLLBACK TO s1;
ROLLBACK TO SAVEPOINT s1;
ROLLBACK WORK TO SAVEPOINT S1;
--@ prepare_transaction
PREPARE TRANSACTION 'gid';
--@ commit_prepared
COMMIT PREPARED 'gid';
--@ rollback_prepared
ROLLBACK PREPARED 'gid';
--@ prepare p
PREPARE p AS SELECT 1;
PREPARE P (int, text) AS INSERT INTO t VALUES ($1, $2);
PREPARE "p" AS WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x;
PREPARE p AS VALUES ($1);
--@ execute p
EXECUTE p;
EXECUTE P (1, 'a');
--@ deallocate p
DEALLOCATE p;
DEALLOCATE PREPARE P;
--@ deallocate
DEALLOCATE ALL;
DEALLOCATE PREPARE ALL;
--@ declare_cursor c
DECLARE c CURSOR FOR SELECT 1;
DECLARE C BINARY INSENSITIVE NO SCROLL CURSOR WITHOUT HOLD FOR TABLE t;
DECLARE "c" ASENSITIVE SCROLL CURSOR FOR SELECT * FROM t FOR UPDATE;
--@ declare_cursor c +holdable
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t;
DECLARE c NO SCROLL CURSOR WITH HOLD FOR VALUES (1);
--@ declare_cursor _django_curs_1_sync_1 +holdable
DECLARE "_django_curs_1_sync_1" NO SCROLL CURSOR WITH HOLD FOR SELECT 1;
--@ fetch c
FETCH c;
FETCH NEXT FROM c;
FETCH FORWARD ALL IN C;
FETCH ABSOLUTE -1 "c";
FETCH BACKWARD 10 FROM c;
MOVE c;
MOVE LAST IN c;
MOVE RELATIVE 5 FROM c;
--@ close_cursor c
CLOSE c;
CLOSE "c";
--@ close_cursor
CLOSE ALL;
--@ discard_all
DISCARD ALL;
--@ discard_other
DISCARD PLANS;
DISCARD SEQUENCES;
DISCARD TEMP;
DISCARD TEMPORARY;
--@ listen
LISTEN channel;
LISTEN "Mixed";
--@ notify
NOTIFY channel;
NOTIFY channel, 'payload';
--@ unlisten
UNLISTEN channel;
UNLISTEN *;
--@ set
SET search_path = public, "$user";
SET SESSION statement_timeout TO '5s';
SET LOCAL lock_timeout = 100;
SET TIME ZONE 'UTC';
SET TIME ZONE LOCAL;
SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE;
SET application_name TO DEFAULT;
SET NAMES 'UTF8';
SET ROLE alice;
SET ROLE NONE;
SET SESSION AUTHORIZATION DEFAULT;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SET TRANSACTION SNAPSHOT '00000003-0000001B-1';
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
--@ set_constraints
SET CONSTRAINTS ALL DEFERRED;
--@ set
SET chaperone.task = 'TICKET-1';
SET XML OPTION DOCUMENT;
--@ reset
RESET search_path;
RESET ALL;
RESET SESSION AUTHORIZATION;
--@ show
SHOW server_version;
SHOW ALL;
SHOW TIME ZONE;
SHOW TRANSACTION ISOLATION LEVEL;
--@ explain
EXPLAIN SELECT 1;
EXPLAIN ANALYZE VERBOSE DELETE FROM t;
EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT * FROM t;
EXPLAIN EXECUTE p (1);
EXPLAIN DECLARE c CURSOR FOR SELECT 1;
EXPLAIN CREATE TABLE x AS SELECT 1;
--@ ddl
CREATE TABLE t (a int);
CREATE TABLE IF NOT EXISTS s.t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text COLLATE "C" NOT NULL
  DEFAULT 'x' CHECK (a <> ''), b numeric(10,2) GENERATED ALWAYS AS (c * 2) STORED, c int REFERENCES u (id) ON DELETE
  CASCADE DEFERRABLE INITIALLY DEFERRED, UNIQUE NULLS NOT DISTINCT (a), EXCLUDE USING gist (r WITH &&), LIKE v
  INCLUDING ALL) INHERITS (p) WITH (fillfactor = 70) TABLESPACE ts;
CREATE TEMP TABLE t (a int) ON COMMIT DROP;
CREATE UNLOGGED TABLE t (a int[] , b serial, c double precision, d "Type", e s.typ[3][4], f timestamp(3) with time
  zone, g bit varying(5), h interval day to second(2), i setof int);
CREATE TABLE p (a int) PARTITION BY RANGE (a, (b + 1));
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1, MINVALUE) TO (10, MAXVALUE);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (1, NULL) PARTITION BY HASH (a);
CREATE TABLE p3 PARTITION OF p FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE p4 PARTITION OF p DEFAULT;
CREATE TABLE t OF typ (PRIMARY KEY (a));
--@ create_table_as
CREATE TABLE x AS SELECT 1;
CREATE TABLE x AS EXECUTE p (1);
CREATE TABLE x (a) AS TABLE t WITH NO DATA;
CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT 1 WITH NO DATA;
--@ ddl
REFRESH MATERIALIZED VIEW CONCURRENTLY v;
REFRESH MATERIALIZED VIEW v WITH NO DATA;
CREATE OR REPLACE TEMP VIEW v (a) WITH (security_barrier) AS SELECT 1 WITH LOCAL CHECK OPTION;
CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v;
CREATE INDEX ON t (a);
CREATE UNIQUE INDEX IF NOT EXISTS i ON ONLY s.t USING gin (a gin_trgm_ops, lower(b) DESC NULLS FIRST, (c || d))
  INCLUDE (e) WITH (fastupdate = off) TABLESPACE ts WHERE f > 0;
CREATE SEQUENCE s AS bigint INCREMENT BY 2 MINVALUE 1 NO MAXVALUE START 1 CACHE 10 CYCLE OWNED BY t.a;
ALTER SEQUENCE s RESTART WITH 100;
--@ other
CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION CURRENT_USER;
CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT 1 GRANT SELECT ON t TO PUBLIC;
CREATE TYPE t AS (a int, b text);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE r AS RANGE (subtype = float8);
CREATE TYPE b (INPUT = f, OUTPUT = g);
CREATE TYPE shell;
CREATE DOMAIN d AS text COLLATE "C" NOT NULL DEFAULT '' CHECK (VALUE ~ '^x');
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public VERSION '1.6' CASCADE;
CREATE FUNCTION f(a int, OUT b int, VARIADIC c text[] DEFAULT '{}') RETURNS SETOF record LANGUAGE plpgsql STABLE
  STRICT SECURITY DEFINER PARALLEL SAFE COST 10 ROWS 5 SET search_path FROM CURRENT AS $$BEGIN RETURN; END$$;
CREATE OR REPLACE FUNCTION f() RETURNS TABLE (a int) LANGUAGE sql RETURN 1;
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
CREATE FUNCTION f(internal) RETURNS internal AS 'lib', 'symbol' LANGUAGE C;
CREATE PROCEDURE p(INOUT a int) LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
CREATE AGGREGATE a (int) (SFUNC = f, STYPE = int, INITCOND = '0');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = f, COMMUTATOR = ===);
CREATE OPERATOR CLASS oc DEFAULT FOR TYPE int USING btree AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
CREATE OPERATOR FAMILY of USING btree;
CREATE CAST (int AS text) WITH FUNCTION f(int) AS IMPLICIT;
CREATE COLLATION c (provider = icu, locale = 'de');
CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM f;
CREATE LANGUAGE l HANDLER h;
CREATE TEXT SEARCH CONFIGURATION c (COPY = english);
CREATE TRIGGER t BEFORE INSERT OR UPDATE OF a, b ON x REFERENCING NEW TABLE AS n FOR EACH ROW WHEN (NEW.a > 0) EXECUTE
  FUNCTION f('x');
CREATE CONSTRAINT TRIGGER t AFTER DELETE ON x DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE f();
CREATE EVENT TRIGGER e ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION f();
CREATE RULE r AS ON INSERT TO t WHERE NEW.a > 0 DO INSTEAD NOTHING;
CREATE OR REPLACE RULE r AS ON DELETE TO v DO ALSO (DELETE FROM a WHERE id = OLD.id; NOTIFY x);
CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO alice, PUBLIC USING (tenant = 1) WITH CHECK (true);
CREATE STATISTICS s (ndistinct) ON a, (b + 1) FROM t;
CREATE PUBLICATION p FOR TABLE t (a, b) WHERE (a > 0), TABLES IN SCHEMA s WITH (publish = 'insert');
CREATE PUBLICATION p FOR ALL TABLES;
CREATE FOREIGN DATA WRAPPER w HANDLER h NO VALIDATOR;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE t (a int OPTIONS (column_name 'x')) SERVER s OPTIONS (schema_name 'y');
IMPORT FOREIGN SCHEMA s LIMIT TO (a, b) FROM SERVER x INTO y;
CREATE ACCESS METHOD m TYPE TABLE HANDLER h;
CREATE TRANSFORM FOR int LANGUAGE l (FROM SQL WITH FUNCTION f(internal), TO SQL WITH FUNCTION g(internal));
CREATE ROLE r LOGIN CREATEDB CONNECTION LIMIT 5 VALID UNTIL '2030-01-01' IN ROLE a, b;
CREATE USER u;
ALTER ROLE r NOLOGIN;
ALTER ROLE r PASSWORD NULL;
ALTER ROLE r IN DATABASE d SET search_path = s;
ALTER ROLE ALL RESET ALL;
ALTER GROUP g ADD USER u;
--@ ddl
ALTER TABLE t ADD COLUMN IF NOT EXISTS a int DEFAULT 1, DROP COLUMN b CASCADE, ALTER COLUMN c TYPE text USING c::text,
  ALTER d SET NOT NULL, ADD CONSTRAINT k CHECK (a > 0) NOT VALID;
ALTER TABLE IF EXISTS ONLY t RENAME COLUMN a TO b;
ALTER TABLE t RENAME TO u;
ALTER TABLE t SET SCHEMA s;
ALTER TABLE t OWNER TO SESSION_USER, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, DISABLE TRIGGER ALL, CLUSTER
  ON i, SET LOGGED, SET (fillfactor = 50);
ALTER TABLE p ATTACH PARTITION c FOR VALUES FROM (1) TO (2);
ALTER TABLE p DETACH PARTITION c;
ALTER TABLE p DETACH PARTITION c FINALIZE;
--@ other
ALTER TABLE ALL IN TABLESPACE a OWNED BY b SET TABLESPACE c NOWAIT;
--@ ddl
ALTER INDEX i ATTACH PARTITION j;
ALTER VIEW v ALTER COLUMN a SET DEFAULT 1;
--@ other
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'happy' BEFORE 'ok';
ALTER TYPE t ADD ATTRIBUTE c int CASCADE;
ALTER DOMAIN d VALIDATE CONSTRAINT k;
ALTER FUNCTION f(int) IMMUTABLE SET work_mem = '1MB';
ALTER EXTENSION x UPDATE TO '2.0';
ALTER EXTENSION x ADD FUNCTION f(int);
ALTER POLICY p ON t USING (false);
ALTER PUBLICATION p ADD TABLE t;
ALTER SERVER s VERSION '2';
ALTER DEFAULT PRIVILEGES FOR ROLE r IN SCHEMA s GRANT SELECT ON TABLES TO x;
ALTER SYSTEM SET work_mem = '1GB';
ALTER SYSTEM RESET ALL;
ALTER DATABASE d SET default_transaction_read_only = on;
ALTER DATABASE d RENAME TO e;
ALTER DATABASE d REFRESH COLLATION VERSION;
ALTER TABLESPACE s SET (random_page_cost = 1);
ALTER LARGE OBJECT 1 OWNER TO r;
ALTER TRIGGER t ON x DEPENDS ON EXTENSION e;
ALTER STATISTICS s SET STATISTICS 100;
ALTER TEXT SEARCH DICTIONARY d (StopWords = x);
ALTER EVENT TRIGGER e ENABLE ALWAYS;
ALTER OPERATOR + (int, int) SET (RESTRICT = NONE);
--@ ddl
DROP TABLE IF EXISTS a, b.c CASCADE;
DROP VIEW v;
DROP MATERIALIZED VIEW v;
DROP INDEX i;
DROP SEQUENCE s;
--@ other
DROP SCHEMA s CASCADE;
DROP TYPE t;
DROP FUNCTION f(int, VARIADIC text[]), g;
DROP AGGREGATE a(*);
DROP OPERATOR + (NONE, int);
DROP TRIGGER t ON x;
DROP POLICY p ON t;
DROP RULE r ON t;
DROP OWNED BY r CASCADE;
DROP ROLE IF EXISTS a, b;
DROP USER MAPPING FOR u SERVER s;
DROP SERVER s;
DROP EXTENSION x;
DROP CAST (int AS text);
DROP TRANSFORM FOR int LANGUAGE l;
DROP PUBLICATION p;
REASSIGN OWNED BY a TO b;
--@ truncate
TRUNCATE TABLE a, ONLY b RESTART IDENTITY CASCADE;
--@ ddl
COMMENT ON TABLE t IS 'x';
COMMENT ON COLUMN t.a IS NULL;
--@ other
COMMENT ON FUNCTION f(int) IS 'y';
SECURITY LABEL FOR p ON TABLE t IS 'l';
GRANT SELECT (a, b), INSERT ON t TO r WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA s TO r;
GRANT a TO b WITH ADMIN OPTION GRANTED BY CURRENT_USER;
GRANT SET ON PARAMETER work_mem TO r;
REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION f(int) FROM r CASCADE;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
--@ lock
LOCK TABLE t IN ACCESS EXCLUSIVE MODE NOWAIT;
--@ other
CHECKPOINT;
LOAD 'lib';
CREATE USER MAPPING FOR PUBLIC SERVER s;
--@ call +commits
CALL p(1, b => 2);
--@ do +commits
DO $$BEGIN PERFORM 1; END$$;
DO LANGUAGE plpgsql 'BEGIN END';
--@ vacuum +commits
VACUUM;
VACUUM FULL VERBOSE t;
VACUUM (ANALYZE, PARALLEL 2) t (a), u;
ANALYZE;
ANALYZE VERBOSE t (a, b);
--@ other +commits
CLUSTER;
CLUSTER VERBOSE t USING i;
REINDEX INDEX i;
REINDEX (VERBOSE) TABLE CONCURRENTLY t;
REINDEX DATABASE d;
REINDEX SCHEMA s;
--@ ddl +commits
CREATE INDEX CONCURRENTLY ON t (a);
DROP INDEX CONCURRENTLY IF EXISTS i;
ALTER TABLE p DETACH PARTITION c CONCURRENTLY;
--@ other +commits
CREATE DATABASE d WITH OWNER r TEMPLATE template0 ENCODING 'UTF8';
DROP DATABASE IF EXISTS d WITH (FORCE);
ALTER DATABASE d SET TABLESPACE s;
CREATE TABLESPACE s OWNER r LOCATION '/x';
DROP TABLESPACE IF EXISTS s;
ALTER SUBSCRIPTION s ENABLE;
ALTER SUBSCRIPTION s REFRESH PUBLICATION WITH (copy_data = false);
DROP SUBSCRIPTION s;
--@ other +commits +secret
CREATE SUBSCRIPTION s CONNECTION 'host=x password=y' PUBLICATION p WITH (enabled = false);
ALTER SUBSCRIPTION s CONNECTION 'password=z';
--@ other +secret
CREATE ROLE r LOGIN PASSWORD 'x';
CREATE USER u WITH ENCRYPTED PASSWORD 'SCRAM-SHA-256$4096:a$b:c';
CREATE GROUP g PASSWORD 'x';
ALTER USER u PASSWORD 'x';
ALTER ROLE CURRENT_USER WITH PASSWORD 'x' VALID UNTIL 'infinity';
CREATE USER MAPPING IF NOT EXISTS FOR u SERVER s OPTIONS (user 'a', password 'b');
ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'c', DROP user);
CREATE SERVER IF NOT EXISTS s TYPE 't' FOREIGN DATA WRAPPER w OPTIONS (host 'h');
ALTER SERVER s OPTIONS (SET host 'i');
