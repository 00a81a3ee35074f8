#include <gtest/gtest.h>

#include "tests/parser/facts_text.hpp"

// Statements that are no queries, or wrap one.

namespace chaperone::parser {

using testing::facts_text;

TEST(FactsOfStatements, Explain) {
  EXPECT_EQ(facts_text("EXPLAIN SELECT 1 FROM t"), R"(EXPLAIN
  #0 select
    output 1
    from t @22
)");
  EXPECT_EQ(facts_text("EXPLAIN ANALYZE VERBOSE DELETE FROM t"), R"(EXPLAIN
  option analyze=
  option verbose=
  #0 delete
    target t @36
)");
  EXPECT_EQ(facts_text("EXPLAIN (ANALYZE, BUFFERS off, FORMAT json) EXECUTE p (1, f())"), R"(EXPLAIN
  wraps execute p
  option analyze=
  option buffers=off
  option format=json
  expr 1
  expr call:f
)");
  EXPECT_EQ(facts_text("EXPLAIN DECLARE c CURSOR FOR SELECT a FROM t"), R"(EXPLAIN
  wraps declare c
  #0 select
    output a
    from t @43
)");
  EXPECT_EQ(facts_text("EXPLAIN ANALYZE CREATE TABLE x AS EXECUTE p (1)"), R"(EXPLAIN
  wraps create_table_as p
  create x @29
  option analyze=
  expr 1
)");
  EXPECT_EQ(facts_text("EXPLAIN ANALYZE SELECT 1 INTO x"), R"(EXPLAIN
  wraps create_table_as 
  create x @30
  option analyze=
  #0 select into
    output 1
)");
  EXPECT_EQ(facts_text("EXPLAIN REFRESH MATERIALIZED VIEW v"), R"(EXPLAIN
  wraps ddl 
  refresh v @34
)");
}

TEST(FactsOfStatements, PreparedStatements) {
  EXPECT_EQ(facts_text("PREPARE p (int, numeric(3)) AS DELETE FROM t WHERE a = $1"), R"(PREPARE
  type pg_catalog.int4
  type pg_catalog.numeric(3)
  #0 delete
    target t @43
    where op:=(a, $1)
)");
  EXPECT_EQ(facts_text("EXECUTE p (1, (SELECT a FROM t))"), R"(EXECUTE
  expr 1
  expr scalar #0
  #0 select expression
    output a
    from t @29
)");
  EXPECT_EQ(facts_text("DEALLOCATE p"), R"(DEALLOCATE
)");
  EXPECT_EQ(facts_text("DEALLOCATE ALL"), R"(DEALLOCATE ALL
)");
}

TEST(FactsOfStatements, Cursors) {
  EXPECT_EQ(facts_text("DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM t FOR UPDATE"), R"(DECLARE CURSOR
  #0 select
    output *
    from t @52
    lock update all
)");
  EXPECT_EQ(facts_text("FETCH 5 FROM c"), R"(FETCH
)");
  EXPECT_EQ(facts_text("MOVE c"), R"(MOVE
)");
  EXPECT_EQ(facts_text("CLOSE c"), R"(CLOSE CURSOR
)");
  EXPECT_EQ(facts_text("CLOSE ALL"), R"(CLOSE CURSOR ALL
)");
}

TEST(FactsOfStatements, Copies) {
  EXPECT_EQ(facts_text("COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', FORCE_NULL (a, b), "
                       "FORCE_QUOTE *) WHERE a > f(1)"),
            R"(COPY
  copy_from t(a,b) @5
  option format=csv
  option header=
  option delimiter=;
  option force_null=a,b
  option force_quote=*
  expr op:>(a, call:f(1))
)");
  EXPECT_EQ(facts_text("COPY s.t TO '/tmp/f'"), R"(COPY
  file /tmp/f
  copy_to s.t @5
)");
  EXPECT_EQ(facts_text("COPY (DELETE FROM t RETURNING a) TO PROGRAM 'x'"), R"(COPY program
  file x
  #0 delete
    target t @18
    returning a
)");
  EXPECT_EQ(facts_text("COPY t FROM STDIN CSV QUOTE 'q'"), R"(COPY
  copy_from t @5
  option format=csv
  option quote=q
)");
}

TEST(FactsOfStatements, TablesFromQueries) {
  EXPECT_EQ(
      facts_text(
          "CREATE TEMP TABLE IF NOT EXISTS x (a, b) WITH (fillfactor = 10) AS SELECT 1 FROM t WITH NO DATA"),
      R"(CREATE TABLE AS temporary if_exists
  create temporary x(a,b) @32
  option fillfactor=10
  #0 select
    output 1
    from t @81
)");
  EXPECT_EQ(facts_text("CREATE TABLE x AS EXECUTE p (f(1))"), R"(CREATE TABLE AS
  wraps execute p
  create x @13
  expr call:f(1)
)");
  EXPECT_EQ(facts_text("CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t"),
            R"(CREATE MATERIALIZED VIEW materialized
  create v @25
  #0 select
    output 1
    from t @44
)");
  EXPECT_EQ(
      facts_text(
          "CREATE OR REPLACE TEMP VIEW v (a) WITH (security_barrier) AS SELECT 1 FROM t WITH CHECK OPTION"),
      R"(CREATE VIEW temporary replace
  create temporary v(a) @28
  option security_barrier=
  #0 select
    output 1
    from t @75
)");
  EXPECT_EQ(facts_text("REFRESH MATERIALIZED VIEW CONCURRENTLY v"), R"(REFRESH MATERIALIZED VIEW
  refresh v @39
)");
}

TEST(FactsOfStatements, Settings) {
  EXPECT_EQ(facts_text("SET search_path = a, \"B\", 'c'"), R"(SET
  set search_path = 'a', 'B', 'c'
)");
  EXPECT_EQ(facts_text("SET LOCAL TimeZone TO 'UTC'"), R"(SET
  set local timezone = 'UTC'
)");
  EXPECT_EQ(facts_text("SET TIME ZONE INTERVAL '1' HOUR TO MINUTE"), R"(SET
  set timezone = cast pg_catalog.interval(3072)('1')
)");
  EXPECT_EQ(facts_text("SET TIME ZONE LOCAL"), R"(SET
  set_default timezone
)");
  EXPECT_EQ(facts_text("SET NAMES 'utf8'"), R"(SET
  set client_encoding = 'utf8'
)");
  EXPECT_EQ(facts_text("SET SCHEMA 's'"), R"(SET
  set search_path = 's'
)");
  EXPECT_EQ(facts_text("SET ROLE r"), R"(SET
  set role = 'r'
)");
  EXPECT_EQ(facts_text("SET ROLE NONE"), R"(SET
  set role = 'none'
)");
  EXPECT_EQ(facts_text("SET SESSION AUTHORIZATION DEFAULT"), R"(SET
  set_default session_authorization
)");
  EXPECT_EQ(facts_text("SET SESSION AUTHORIZATION 'u'"), R"(SET
  set session_authorization = 'u'
)");
  EXPECT_EQ(facts_text("SET \"App\".\"Name\" = 1.5"), R"(SET
  set app.name = 1.5
)");
  EXPECT_EQ(facts_text("SET x TO DEFAULT"), R"(SET
  set_default x
)");
  EXPECT_EQ(facts_text("SET x FROM CURRENT"), R"(SET
  set_from_current x
)");
  EXPECT_EQ(facts_text("SET XML OPTION DOCUMENT"), R"(SET
  set xmloption = 'DOCUMENT'
)");
  EXPECT_EQ(facts_text("RESET x"), R"(RESET
  reset x
)");
  EXPECT_EQ(facts_text("RESET ALL"), R"(RESET
  reset_all 
)");
  EXPECT_EQ(facts_text("RESET SESSION AUTHORIZATION"), R"(RESET
  reset session_authorization
)");
  EXPECT_EQ(facts_text("SHOW x"), R"(SHOW
  show x
)");
  EXPECT_EQ(facts_text("SHOW \"ALL\""), R"(SHOW
  show_all 
)");
  EXPECT_EQ(facts_text("SHOW TIME ZONE"), R"(SHOW
  show timezone
)");
  EXPECT_EQ(facts_text("SHOW TRANSACTION ISOLATION LEVEL"), R"(SHOW
  show transaction_isolation
)");
  EXPECT_EQ(facts_text("SHOW SESSION AUTHORIZATION"), R"(SHOW
  show session_authorization
)");
}

TEST(FactsOfStatements, TransactionModes) {
  EXPECT_EQ(facts_text("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE"), R"(BEGIN
  set local transaction_isolation = 'repeatable read'
  set local transaction_read_only = 0
)");
  EXPECT_EQ(facts_text("START TRANSACTION READ ONLY DEFERRABLE"), R"(START TRANSACTION
  set local transaction_read_only = 1
  set local transaction_deferrable = 1
)");
  EXPECT_EQ(facts_text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, NOT DEFERRABLE"), R"(SET
  set local transaction_isolation = 'serializable'
  set local transaction_deferrable = 0
)");
  EXPECT_EQ(facts_text("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"), R"(SET
  set default_transaction_read_only = 0
)");
  EXPECT_EQ(facts_text("SET TRANSACTION SNAPSHOT 'x'"), R"(SET
  set local transaction_snapshot = 'x'
)");
  EXPECT_EQ(facts_text("SET CONSTRAINTS ALL DEFERRED"), R"(SET CONSTRAINTS
)");
  EXPECT_EQ(facts_text("COMMIT AND CHAIN"), R"(COMMIT
)");
  EXPECT_EQ(facts_text("ROLLBACK TO a"), R"(ROLLBACK
)");
  EXPECT_EQ(facts_text("PREPARE TRANSACTION 'x'"), R"(PREPARE TRANSACTION
)");
}

TEST(FactsOfStatements, OnRelations) {
  EXPECT_EQ(facts_text("TRUNCATE a, ONLY s.b RESTART IDENTITY CASCADE"), R"(TRUNCATE TABLE cascade
  truncate a @9
  truncate only s.b @17
  option RESTART IDENTITY=
)");
  EXPECT_EQ(facts_text("LOCK TABLE a, ONLY b IN SHARE MODE NOWAIT"), R"(LOCK TABLE
  lock a @11
  lock only b @19
)");
  EXPECT_EQ(facts_text("VACUUM (FULL, ANALYZE) t (a, b), u"), R"(VACUUM
  vacuum t(a,b) @23
  vacuum u @33
  option full=
  option analyze=
)");
  EXPECT_EQ(facts_text("ANALYZE t"), R"(ANALYZE
  vacuum t @8
)");
  EXPECT_EQ(facts_text("COMMENT ON COLUMN s.t.c IS 'x'"), R"(COMMENT
  comment s.t(c)
)");
  EXPECT_EQ(facts_text("COMMENT ON TABLE t IS NULL"), R"(COMMENT
  comment t
)");
  EXPECT_EQ(facts_text("COMMENT ON FUNCTION f() IS 'x'"), R"(COMMENT unread
)");
  EXPECT_EQ(facts_text("DROP TABLE IF EXISTS s.a, b CASCADE"), R"(DROP TABLE if_exists cascade
  drop s.a
  drop b
)");
  EXPECT_EQ(facts_text("DROP VIEW v"), R"(DROP VIEW
  drop v
)");
  EXPECT_EQ(facts_text("DROP FUNCTION f()"), R"(DROP FUNCTION unread
)");
}

TEST(FactsOfStatements, Calls) {
  EXPECT_EQ(facts_text("CALL s.p(1, a => (SELECT a FROM t))"), R"(CALL
  expr call:s.p(1, named:a(scalar #0))
  #0 select expression
    output a
    from t @32
)");
  EXPECT_EQ(facts_text("DO 'x'"), R"(DO unread
)");
  EXPECT_EQ(facts_text("LISTEN c"), R"(LISTEN
  option channel=c
)");
  EXPECT_EQ(facts_text("NOTIFY c, 'x'"), R"(NOTIFY
  option channel=c
)");
  EXPECT_EQ(facts_text("UNLISTEN *"), R"(UNLISTEN
  option channel=
)");
  EXPECT_EQ(facts_text("DISCARD ALL"), R"(DISCARD ALL
)");
  EXPECT_EQ(facts_text("CHECKPOINT"), R"(CHECKPOINT unread
)");
}

TEST(FactsOfStatements, NotReadAnyDeeper) {
  EXPECT_EQ(facts_text("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'x'"), R"(CREATE FUNCTION unread
)");
  EXPECT_EQ(facts_text("CREATE SCHEMA s CREATE TABLE t (a int)"), R"(CREATE SCHEMA unread
)");
  EXPECT_EQ(facts_text("CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM u"), R"(CREATE RULE unread
)");
  EXPECT_EQ(facts_text("GRANT SELECT ON t TO r"), R"(GRANT unread
)");
  EXPECT_EQ(facts_text("GRANT a TO b"), R"(GRANT ROLE unread
)");
  EXPECT_EQ(facts_text("CREATE ROLE r"), R"(CREATE ROLE unread
)");
  EXPECT_EQ(facts_text("CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()"), R"(CREATE TRIGGER unread
)");
  EXPECT_EQ(facts_text("CREATE POLICY p ON t USING (true)"), R"(CREATE POLICY unread
)");
  EXPECT_EQ(facts_text("ALTER SYSTEM SET a = 1"), R"(ALTER SYSTEM unread
)");
  EXPECT_EQ(facts_text("ALTER ROLE r SET a = 1"), R"(ALTER ROLE unread
)");
  EXPECT_EQ(facts_text("REINDEX TABLE t"), R"(REINDEX unread
)");
  EXPECT_EQ(facts_text("CLUSTER t"), R"(CLUSTER unread
)");
  EXPECT_EQ(facts_text("CREATE DOMAIN d AS int"), R"(CREATE DOMAIN unread
)");
  EXPECT_EQ(facts_text("CREATE EXTENSION e"), R"(CREATE EXTENSION unread
)");
  EXPECT_EQ(facts_text("LOAD 'x'"), R"(LOAD unread
)");
  EXPECT_EQ(facts_text("CREATE FOREIGN TABLE f (a int) SERVER s"), R"(CREATE FOREIGN TABLE unread
)");
}

}  // namespace chaperone::parser
