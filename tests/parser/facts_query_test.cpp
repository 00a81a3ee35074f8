#include <gtest/gtest.h>

#include "tests/parser/facts_text.hpp"

// Queries: each clause of each kind.

namespace chaperone::parser {

using testing::facts_text;

TEST(FactsOfQueries, Selects) {
  EXPECT_EQ(facts_text("SELECT abalance FROM pgbench_accounts WHERE aid = 917"), R"(SELECT
  #0 select
    output abalance
    from pgbench_accounts @21
    where op:=(aid, 917)
)");
  EXPECT_EQ(facts_text("SELECT DISTINCT ON (a, b) c AS x, t.*, * FROM ONLY s.t AS t (q, r), d.s.u * GROUP BY "
                       "a, b HAVING count(*) > 1 ORDER BY c DESC, d LIMIT 10 OFFSET $1"),
            R"(SELECT
  #0 select distinct
    output x = c
    output t.*
    output *
    from only s.t as t(q,r) @51
    from d.s.u @68
    distinct_on a, b
    group_by a, b
    having op:>(call:count*, 1)
    order_by c, d
    limit 10
    offset $1
)");
  EXPECT_EQ(facts_text("SELECT DISTINCT a FROM t"), R"(SELECT
  #0 select distinct
    output a
    from t @23
)");
  EXPECT_EQ(facts_text("TABLE t"), R"(SELECT
  #0 select
    output *
    from t @6
)");
  EXPECT_EQ(facts_text("SELECT"), R"(SELECT
  #0 select
)");
  EXPECT_EQ(facts_text("SELECT 1 ORDER BY 1 FETCH FIRST 3 ROWS WITH TIES"), R"(SELECT
  #0 select
    output 1
    order_by 1
    limit_with_ties 3
)");
  EXPECT_EQ(facts_text("SELECT 1 LIMIT ALL"), R"(SELECT
  #0 select
    output 1
    limit null
)");
}

TEST(FactsOfQueries, GroupingSetsAndWindows) {
  EXPECT_EQ(facts_text("SELECT a, grouping(a, b) FROM t GROUP BY ROLLUP (a, b), CUBE (c), GROUPING SETS "
                       "((a), ()), (d, e)"),
            R"(SELECT
  #0 select
    output a
    output grouping(a, b)
    from t @30
    group_by set:rollup(a, b), set:cube(c), set:grouping sets(a, set:), (row)(d, e)
)");
  EXPECT_EQ(facts_text("SELECT sum(x) OVER w, rank() OVER (w ORDER BY z ROWS BETWEEN 1 + 1 PRECEDING AND n "
                       "FOLLOWING) FROM t WINDOW w AS (PARTITION BY q)"),
            R"(SELECT
  #0 select
    output call:sum over(x)
    output call:rank over(; z, op:+(1, 1), n)
    from t @99
    windows q
)");
}

TEST(FactsOfQueries, Values) {
  EXPECT_EQ(facts_text("VALUES (1, 'a'), (2, DEFAULT) ORDER BY 1"), R"(SELECT
  #0 values
    row (row)(1, 'a'), (row)(2, default)
    order_by 1
)");
}

TEST(FactsOfQueries, SetOperations) {
  EXPECT_EQ(facts_text("SELECT a FROM t UNION ALL (SELECT b FROM u ORDER BY b LIMIT 1) EXCEPT SELECT c FROM "
                       "v INTERSECT ALL VALUES (1) ORDER BY 1"),
            R"(SELECT
  #0 set except
    order_by 1
    arms #1 #2
  #1 set union all arm of #0
    arms #5 #6
  #2 set intersect all arm of #0
    arms #3 #4
  #3 select arm of #2
    output c
    from v @84
  #4 values arm of #2
    row (row)(1)
  #5 select arm of #1
    output a
    from t @14
  #6 select arm of #1
    output b
    from u @41
    order_by b
    limit 1
)");
}

TEST(FactsOfQueries, Joins) {
  EXPECT_EQ(facts_text("SELECT * FROM a NATURAL JOIN b LEFT JOIN c USING (x, y) AS j RIGHT JOIN d ON d.id = "
                       "c.id FULL JOIN e ON true CROSS JOIN f"),
            R"(SELECT
  #0 select
    output *
    from join inner
      left join full on true
        left join right on op:=(d.id, c.id)
          left join left using(x,y) using_alias j
            left join inner natural
              left a @14
              right b @29
            right c @41
          right d @72
        right e @99
      right f @120
)");
  EXPECT_EQ(facts_text("SELECT * FROM (a JOIN b ON a.i = b.i) AS j (x, y), LATERAL (SELECT a.z) AS s (q)"),
            R"(SELECT
  #0 select
    output *
    from join inner as j(x,y) on op:=(a.i, b.i)
      left a @15
      right b @22
    from lateral subquery #1 as s(q)
  #1 select from of #0
    output a.z
)");
}

TEST(FactsOfQueries, FunctionsInFrom) {
  EXPECT_EQ(
      facts_text("SELECT * FROM generate_series(1, f(2)) WITH ORDINALITY AS g (n, o), LATERAL h(g.n) AS k"),
      R"(SELECT
  #0 select
    output *
    from function call:generate_series(1, call:f(2)) ordinality as g(n,o)
    from lateral function call:h(g.n) as k
)");
  EXPECT_EQ(facts_text("SELECT * FROM f() AS (a int, b text COLLATE \"C\")"), R"(SELECT
  #0 select
    output *
    from function call:f typed {a pg_catalog.int4, b text collate C} as (a,b)
)");
  EXPECT_EQ(facts_text("SELECT * FROM ROWS FROM (f(1), g(2) AS (c numeric(10,2)[])) AS r (x, y)"), R"(SELECT
  #0 select
    output *
    from function call:f(1), call:g(2) typed {c pg_catalog.numeric(10, 2)[]} as r(x,y)
)");
  EXPECT_EQ(facts_text("SELECT * FROM t TABLESAMPLE bernoulli (10) REPEATABLE (f(1))"), R"(SELECT
  #0 select
    output *
    from t sample bernoulli 10, call:f(1) @14
)");
  EXPECT_EQ(facts_text("SELECT * FROM XMLTABLE(XMLNAMESPACES('u' AS n), '/r' PASSING d COLUMNS id int PATH "
                       "'@id' DEFAULT g(), o FOR ORDINALITY) x"),
            R"(SELECT
  #0 select
    output *
    from table_function d, '/r', 'u', '@id', call:g {id pg_catalog.int4, o } as x
)");
}

TEST(FactsOfQueries, CommonTableExpressions) {
  EXPECT_EQ(facts_text("WITH RECURSIVE a (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM a), b AS "
                       "MATERIALIZED (DELETE FROM t RETURNING *) SELECT * FROM a, b"),
            R"(SELECT
  #0 select recursive
    cte a(x) #1
    cte b #2
    output *
    from a @128
    from b @131
  #1 set union all cte of #0
    arms #3 #4
  #2 delete cte of #0
    target t @99
    returning *
  #3 values arm of #1
    row (row)(1)
  #4 select arm of #1
    output op:+(x, 1)
    from a @64
)");
  EXPECT_EQ(facts_text("WITH RECURSIVE t AS (SELECT 1 AS a UNION SELECT a FROM t) SEARCH DEPTH FIRST BY a "
                       "SET s CYCLE a SET c TO date '2024-01-01' DEFAULT 'n' USING p SELECT * FROM t"),
            R"(SELECT
  #0 select recursive
    cte t +(s,c,p) #1 marks cast date('2024-01-01'), 'n'
    output *
    from t @157
  #1 set union cte of #0
    arms #2 #3
  #2 select arm of #1
    output a = 1
  #3 select arm of #1
    output a
    from t @55
)");
  EXPECT_EQ(facts_text("SELECT (WITH x AS (SELECT 1) SELECT * FROM x)"), R"(SELECT
  #0 select
    output scalar #1
  #1 select expression of #0
    cte x #2
    output *
    from x @43
  #2 select cte of #1
    output 1
)");
}

TEST(FactsOfQueries, Locks) {
  EXPECT_EQ(facts_text("SELECT * FROM t, u FOR NO KEY UPDATE OF t, u NOWAIT FOR KEY SHARE SKIP LOCKED"),
            R"(SELECT
  #0 select
    output *
    from t @14
    from u @17
    lock no_key_update all(t,u)
)");
}

TEST(FactsOfQueries, Inserts) {
  EXPECT_EQ(facts_text("INSERT INTO s.t AS z (a, b[1 + i], c.d) OVERRIDING USER VALUE VALUES (1, DEFAULT, "
                       "$1), (2, 3, 4) RETURNING a, z.b AS x"),
            R"(INSERT
  #0 insert overriding
    target s.t as z @12
    column a
    column b subfield [op:+(1, i)]
    column c subfield
    source #1
    returning a
    returning x = z.b
  #1 values source of #0
    row (row)(1, default, $1), (row)(2, 3, 4)
)");
  EXPECT_EQ(facts_text("INSERT INTO t SELECT * FROM u"), R"(INSERT
  #0 insert
    target t @12
    source #1
  #1 select source of #0
    output *
    from u @28
)");
  EXPECT_EQ(facts_text("INSERT INTO t DEFAULT VALUES"), R"(INSERT
  #0 insert default_values
    target t @12
)");
  EXPECT_EQ(facts_text("WITH w AS (SELECT 1) INSERT INTO t TABLE w"), R"(INSERT
  #0 insert
    cte w #1
    target t @33
    source #2
  #1 select cte of #0
    output 1
  #2 select source of #0
    output *
    from w @41
)");
}

TEST(FactsOfQueries, Conflicts) {
  EXPECT_EQ(facts_text("INSERT INTO t VALUES (1) ON CONFLICT (a, lower(b) COLLATE \"C\" text_ops) WHERE c > "
                       "1 DO UPDATE SET d = excluded.d, e = DEFAULT WHERE t.f"),
            R"(INSERT
  #0 insert
    target t @12
    source #1
    conflict update 
    inferred a, opclass:text_ops(collate:C(call:lower(b)))
    conflict_set d = excluded.d
    conflict_set e = default
    conflict_where op:>(c, 1), t.f
  #1 values source of #0
    row (row)(1)
)");
  EXPECT_EQ(facts_text("INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT k DO NOTHING"), R"(INSERT
  #0 insert
    target t @12
    source #1
    conflict nothing k
  #1 values source of #0
    row (row)(1)
)");
  EXPECT_EQ(facts_text("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING"), R"(INSERT
  #0 insert
    target t @12
    source #1
    conflict nothing 
  #1 values source of #0
    row (row)(1)
)");
}

TEST(FactsOfQueries, UpdatesAndDeletes) {
  EXPECT_EQ(facts_text("UPDATE ONLY s.t AS z SET a[1] = 2, b.c = 3, (d, e) = (SELECT 1, x.y FROM x), (f, g) "
                       "= ROW (h, DEFAULT), i = DEFAULT FROM u WHERE z.id = u.id RETURNING *"),
            R"(UPDATE
  #0 update
    target only s.t as z @12
    column a subfield [1] = 2
    column b subfield = 3
    column d = part:1(scalar #1)
    column e = part:2(scalar #1)
    column f = part:1(row(h, default))
    column g = part:2(row(h, default))
    column i = default
    from u @121
    where op:=(z.id, u.id)
    returning *
  #1 select expression of #0
    output 1
    output x.y
    from x @73
)");
  EXPECT_EQ(facts_text("DELETE FROM t USING u, v WHERE CURRENT OF c"), R"(DELETE
  #0 delete
    target t @12
    from u @20
    from v @23
    where current_of:c
)");
}

TEST(FactsOfQueries, Merges) {
  EXPECT_EQ(
      facts_text("MERGE INTO t USING (SELECT * FROM s) AS q ON t.a = q.a WHEN MATCHED AND q.x THEN UPDATE "
                 "SET a = 1, (b, c) = (2, 3) WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND q.y THEN INSERT "
                 "(a, b) OVERRIDING SYSTEM VALUE VALUES (q.a, DEFAULT) WHEN NOT MATCHED THEN DO NOTHING"),
      R"(MERGE
  #0 merge
    target t @11
    from subquery #1 as q
    on op:=(t.a, q.a)
    when matched update
      if q.x
      column a = 1
      column b = part:1((row)(2, 3))
      column c = part:2((row)(2, 3))
    when matched delete
    when not_matched insert overriding
      if q.y
      column a
      column b
      values q.a, default
    when not_matched nothing
  #1 select from of #0
    output *
    from s @34
)");
}

TEST(FactsOfQueries, SelectInto) {
  EXPECT_EQ(facts_text("SELECT a INTO TEMP x FROM t"), R"(SELECT
  create temporary x @19
  #0 select into
    output a
    from t @26
)");
  EXPECT_EQ(facts_text("SELECT a INTO s.x FROM t UNION SELECT b FROM u"), R"(SELECT
  create s.x @14
  #0 set union
    arms #1 #2
  #1 select arm of #0 into
    output a
    from t @23
  #2 select arm of #0
    output b
    from u @45
)");
}

}  // namespace chaperone::parser
