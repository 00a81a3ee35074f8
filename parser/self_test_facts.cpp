#include <fmt/format.h>

#include <string>
#include <string_view>

#include "parser/facts.hpp"
#include "parser/facts_text.hpp"
#include "parser/self_test.hpp"

namespace chaperone::parser {

namespace {

// Together they hold every struct that is lowered, with something behind each pointer of it.
struct Golden {
  std::string_view sql;
  std::string_view facts;
};

constexpr Golden kGoldens[] = {
    {"SELECT DISTINCT ON (a) b AS x, t.*, $1 FROM ONLY d.s.t AS t (q), u TABLESAMPLE m (1) REPEATABLE (2) "
     "WHERE a = 1 GROUP BY c HAVING d WINDOW w AS (PARTITION BY e ORDER BY f USING < ROWS g PRECEDING) ORDER "
     "BY h FETCH FIRST i ROWS WITH TIES FOR SHARE OF t NOWAIT",
     R"(SELECT
  #0 select distinct
    output x = b
    output t.*
    output $1
    from only d.s.t as t(q) @49
    from u sample m 1, 2 @65
    where op:=(a, 1)
    distinct_on a
    group_by c
    having d
    windows e, using:<(f), g
    order_by h
    limit_with_ties i
    lock share(t)
)"},
    {"SELECT 1 LIMIT 2 OFFSET 3",
     R"(SELECT
  #0 select
    output 1
    limit 2
    offset 3
)"},
    {"SELECT DISTINCT a FROM t LIMIT ALL",
     R"(SELECT
  #0 select distinct
    output a
    from t @23
    limit null
)"},
    {"SELECT a INTO TEMP x FROM t",
     R"(SELECT
  create temporary x @19
  #0 select into
    output a
    from t @26
)"},
    {"WITH RECURSIVE a (x) AS MATERIALIZED (SELECT 1 UNION ALL SELECT 2) SEARCH DEPTH FIRST BY x SET s CYCLE "
     "x SET c TO 'y' DEFAULT 'n' USING p SELECT 3 EXCEPT SELECT 4 INTERSECT TABLE a",
     R"(SELECT
  #0 set except recursive
    cte a(x) +(s,c,p) #1 marks 'y', 'n'
    arms #2 #3
  #1 set union all cte of #0
    arms #6 #7
  #2 select arm of #0
    output 3
  #3 set intersect arm of #0
    arms #4 #5
  #4 select arm of #3
    output 4
  #5 select arm of #3
    output *
    from a @179
  #6 select arm of #1
    output 1
  #7 select arm of #1
    output 2
)"},
    {"SELECT * FROM a NATURAL JOIN b LEFT JOIN c USING (x) AS j RIGHT JOIN d ON e FULL JOIN (f CROSS JOIN g) "
     "AS k (y) ON true",
     R"(SELECT
  #0 select
    output *
    from join full on true
      left join right on e
        left join left using(x) using_alias j
          left join inner natural
            left a @14
            right b @29
          right c @41
        right d @69
      right join inner as k(y)
        left f @87
        right g @100
)"},
    {"SELECT * FROM LATERAL f(1) WITH ORDINALITY AS g (n), ROWS FROM (h() AS (a int)) AS i, k() AS (b s.t[] "
     "COLLATE \"C\"), LATERAL (SELECT 2) AS l",
     R"(SELECT
  #0 select
    output *
    from lateral function call:f(1) ordinality as g(n)
    from function call:h typed {a pg_catalog.int4} as i
    from function call:k typed {b s.t[] collate C} as (b)
    from lateral subquery #1 as l
  #1 select from of #0
    output 2
)"},
    {"SELECT * FROM XMLTABLE(XMLNAMESPACES('u' AS n), '/r' PASSING d COLUMNS i int PATH 'p' DEFAULT 0, o FOR "
     "ORDINALITY) AS x",
     R"(SELECT
  #0 select
    output *
    from table_function d, '/r', 'u', 'p', 0 {i pg_catalog.int4, o } as x
)"},
    {"SELECT 1, 2.5, 'a', B'01', X'1F', true, NULL, -3, s.f(DISTINCT a ORDER BY b) FILTER (WHERE c) OVER (w "
     "PARTITION BY d), f(*), g(VARIADIC e), h(i => 1), p(0.5) WITHIN GROUP (ORDER BY j)",
     R"(SELECT
  #0 select
    output 1
    output 2.5
    output 'a'
    output bits:b01
    output bits:x1F
    output true
    output null
    output -3
    output call:s.f distinct over filter(a; c, b, d)
    output call:f*
    output call:g variadic(e)
    output call:h(named:i(1))
    output call:p within_group(0.5; j)
)"},
    {"SELECT a OPERATOR(s.+) b, - c, d = ANY (e), f <> ALL (g), h IS DISTINCT FROM i, j IS NOT DISTINCT FROM "
     "k, NULLIF(l, m), n IN (1, 2), o NOT LIKE 'p', q ILIKE r, s SIMILAR TO t, u NOT BETWEEN SYMMETRIC v AND "
     "w",
     R"(SELECT
  #0 select
    output op:s.+(a, b)
    output op:-(c)
    output any:=(d, e)
    output all:<>(f, g)
    output distinct:=(h, i)
    output not_distinct:=(j, k)
    output nullif:=(l, m)
    output in:=(n, 1, 2)
    output like:!~~ negated(o, 'p')
    output ilike:~~*(q, r)
    output similar:~(s, call:pg_catalog.similar_to_escape(t))
    output between:NOT BETWEEN SYMMETRIC negated symmetric(u, v, w)
)"},
    {"SELECT a AND b OR NOT c, d IS NOT NULL, e IS NOT TRUE, CASE f WHEN g THEN h ELSE i END, COALESCE(j), "
     "GREATEST(k), LEAST(l), ROW (m), (n, o), ARRAY[p], q[1:2].r, (s).*, GROUPING(t)",
     R"(SELECT
  #0 select
    output or(and(a, b), not(c))
    output is_null negated(d)
    output is_true negated(e)
    output case argument(f, g, h, i)
    output coalesce(j)
    output greatest(k)
    output least(l)
    output row(m)
    output (row)(n, o)
    output array(p)
    output field:r(subscript(q, 1, 2))
    output field:*(s)
    output grouping(t)
)"},
    {"SELECT EXISTS (SELECT 1), a IN (SELECT 2), b = ANY (SELECT 3), c < ALL (SELECT 4), (SELECT 5), "
     "ARRAY(SELECT 6)",
     R"(SELECT
  #0 select
    output exists #1
    output in:= #2(a)
    output any:= #3(b)
    output all:< #4(c)
    output scalar #5
    output array #6
  #1 select expression of #0
    output 1
  #2 select expression of #0
    output 2
  #3 select expression of #0
    output 3
  #4 select expression of #0
    output 4
  #5 select expression of #0
    output 5
  #6 select expression of #0
    output 6
)"},
    {"SELECT a::numeric(10, 2)[], b COLLATE \"C\", EXTRACT(year FROM c), CURRENT_USER, LOCALTIME(2), "
     "XMLELEMENT(NAME d, XMLATTRIBUTES(e AS f), g), XMLSERIALIZE(CONTENT h AS text), i IS DOCUMENT",
     R"(SELECT
  #0 select
    output cast pg_catalog.numeric(10, 2)[](a)
    output collate:C(b)
    output call:pg_catalog.extract syntax('year', c)
    output current_user
    output localtime:2
    output xml:xmlelement(e, g)
    output xml:xmlserialize text(h)
    output xml:is document(i)
)"},
    {"SELECT a FROM t GROUP BY ROLLUP (a), CUBE (b), GROUPING SETS ((c), ())",
     R"(SELECT
  #0 select
    output a
    from t @14
    group_by set:rollup(a), set:cube(b), set:grouping sets(c, set:)
)"},
    {"VALUES (1, DEFAULT), (2, 3)",
     R"(SELECT
  #0 values
    row (row)(1, default), (row)(2, 3)
)"},
    {"INSERT INTO t AS u (a, b[1]) OVERRIDING USER VALUE VALUES (1, 2) ON CONFLICT (a COLLATE \"C\" o) WHERE "
     "b DO UPDATE SET c = 3 WHERE d RETURNING e",
     R"(INSERT
  #0 insert overriding
    target t as u @12
    column a
    column b subfield [1]
    source #1
    conflict update 
    inferred opclass:o(collate:C(a))
    conflict_set c = 3
    conflict_where b, d
    returning e
  #1 values source of #0
    row (row)(1, 2)
)"},
    {"INSERT INTO t DEFAULT VALUES ON CONFLICT ON CONSTRAINT k DO NOTHING",
     R"(INSERT
  #0 insert default_values
    target t @12
    conflict nothing k
)"},
    {"UPDATE t SET a = 1, (b, c) = (SELECT 2, 3) FROM u WHERE CURRENT OF v RETURNING w",
     R"(UPDATE
  #0 update
    target t @7
    column a = 1
    column b = part:1(scalar #1)
    column c = part:2(scalar #1)
    from u @48
    where current_of:v
    returning w
  #1 select expression of #0
    output 2
    output 3
)"},
    {"DELETE FROM t USING u WHERE a RETURNING b",
     R"(DELETE
  #0 delete
    target t @12
    from u @20
    where a
    returning b
)"},
    {"MERGE INTO t USING s ON a WHEN MATCHED AND b THEN UPDATE SET c = 1 WHEN NOT MATCHED THEN INSERT (d) "
     "VALUES (2) WHEN MATCHED THEN DO NOTHING",
     R"(MERGE
  #0 merge
    target t @11
    from s @19
    on a
    when matched update
      if b
      column c = 1
    when not_matched insert
      column d
      values 2
    when matched nothing
)"},
    {"EXPLAIN (ANALYZE, FORMAT json) EXECUTE p (1)",
     R"(EXPLAIN
  wraps execute p
  option analyze=
  option format=json
  expr 1
)"},
    {"PREPARE p (int) AS SELECT $1",
     R"(PREPARE
  type pg_catalog.int4
  #0 select
    output $1
)"},
    {"CREATE TEMP TABLE IF NOT EXISTS x (a) AS EXECUTE p (1)",
     R"(CREATE TABLE AS temporary if_exists
  wraps execute p
  create temporary x(a) @32
  expr 1
)"},
    {"CREATE OR REPLACE VIEW v (a) WITH (b = 1) AS SELECT 1",
     R"(CREATE VIEW replace
  create v(a) @23
  option b=1
  #0 select
    output 1
)"},
    {"COPY t (a, b) FROM PROGRAM 'p' WITH (FORMAT csv, FORCE_NULL (a, b)) WHERE c",
     R"(COPY program
  file p
  copy_from t(a,b) @5
  option format=csv
  option force_null=a,b
  expr c
)"},
    {"CALL p(1)",
     R"(CALL
  expr call:p(1)
)"},
    {"SET LOCAL TimeZone = 'UTC'",
     R"(SET
  set local timezone = 'UTC'
)"},
    {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
     R"(SET
  set local transaction_isolation = 'serializable'
)"},
    {"BEGIN READ ONLY",
     R"(BEGIN
  set local transaction_read_only = 1
)"},
    {"RESET x",
     R"(RESET
  reset x
)"},
    {"SHOW x",
     R"(SHOW
  show x
)"},
    {"TRUNCATE a, ONLY b RESTART IDENTITY CASCADE",
     R"(TRUNCATE TABLE cascade
  truncate a @9
  truncate only b @17
  option RESTART IDENTITY=
)"},
    {"LOCK a IN SHARE MODE",
     R"(LOCK TABLE
  lock a @5
)"},
    {"NOTIFY c, 'x'",
     R"(NOTIFY
  option channel=c
)"},
    {"CREATE TEMP TABLE t (a int DEFAULT 1 CHECK (b) REFERENCES c (d), LIKE e, EXCLUDE (f WITH =) WHERE (g)) "
     "INHERITS (h) PARTITION BY LIST (i o) WITH (j = 1)",
     R"(CREATE TABLE temporary
  create temporary t @18
  inherit h @113
  reference c(d) @58
  reference e @70
  option j=1
  type pg_catalog.int4
  expr 1
  expr b
  expr g
  expr exclude:=(f)
  expr opclass:o(i)
)"},
    {"CREATE TABLE t PARTITION OF p FOR VALUES FROM (1) TO (2)",
     R"(CREATE TABLE
  create t @13
  inherit p @28
  expr 1
  expr 2
)"},
    {"CREATE INDEX IF NOT EXISTS i ON t (a, lower(b) COLLATE \"C\") INCLUDE (c) WITH (d = 1) WHERE e",
     R"(CREATE INDEX if_exists
  index t @32
  option d=1
  expr a
  expr collate:C(call:lower(b))
  expr c
  expr e
)"},
    {"CREATE SEQUENCE s AS bigint OWNED BY t.a",
     R"(CREATE SEQUENCE
  create s @16
  option as=pg_catalog,int8
  option owned_by=t,a
)"},
    {"ALTER TABLE IF EXISTS t ADD COLUMN a int, DROP b CASCADE, ALTER c TYPE text USING d, OWNER TO "
     "CURRENT_USER",
     R"(ALTER TABLE if_exists cascade
  alter t @22
  option ADD COLUMN=a
  option DROP COLUMN=b
  option ALTER COLUMN TYPE=c
  option OWNER TO=CURRENT_USER
  type pg_catalog.int4
  type text
  expr d
)"},
    {"ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)",
     R"(ALTER TABLE
  alter t @12
  inherit p @31
  option ATTACH PARTITION=
  expr 1
)"},
    {"ALTER TABLE t RENAME COLUMN a TO b",
     R"(ALTER TABLE
  alter t @12
  option RENAME=a
  option RENAME TO=b
)"},
    {"ALTER VIEW IF EXISTS v SET SCHEMA s",
     R"(ALTER VIEW if_exists
  alter v @21
  option SET SCHEMA=s
)"},
    {"DROP TABLE IF EXISTS a.b CASCADE",
     R"(DROP TABLE if_exists cascade
  drop a.b
)"},
    {"COMMENT ON COLUMN t.a IS 'x'",
     R"(COMMENT
  comment t(a)
)"},
    {"VACUUM (FULL) t (a)",
     R"(VACUUM
  vacuum t(a) @14
  option full=
)"},
    {"REFRESH MATERIALIZED VIEW v",
     R"(REFRESH MATERIALIZED VIEW
  refresh v @26
)"},
    {"GRANT SELECT ON t TO r",
     R"(GRANT unread
)"},
    {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'x'",
     R"(CREATE FUNCTION unread
)"},
};

}  // namespace

std::string self_test_of_facts() {
  for (const Golden& golden : kGoldens) {
    const Result<Facts> facts = read_facts(golden.sql);
    if (!facts) return fmt::format("{}: {}", golden.sql, facts.error().message);
    if (const std::string found = to_text(*facts); found != golden.facts) {
      return fmt::format("{}: read as\n{}expected\n{}", golden.sql, found, golden.facts);
    }
  }
  return {};
}

}  // namespace chaperone::parser
