#include <gtest/gtest.h>

#include "tests/parser/facts_text.hpp"

// Each kind of expression.

namespace chaperone::parser {

using testing::facts_text;

TEST(FactsOfExpressions, Constants) {
  EXPECT_EQ(facts_text("SELECT 1, -1, 9999999999, 1.5, 1e10, 'it''s', E'a\\tb', U&'\\0041', B'01', X'1F', "
                       "$$d$$, true, false, NULL, N'n'"),
            R"(SELECT
  #0 select
    output 1
    output -1
    output 9999999999
    output 1.5
    output 1e10
    output 'it's'
    output 'a	b'
    output 'A'
    output bits:b01
    output bits:x1F
    output 'd'
    output true
    output false
    output null
    output cast pg_catalog.bpchar('n')
)");
}

TEST(FactsOfExpressions, Names) {
  EXPECT_EQ(facts_text("SELECT a, t.a, s.t.a, d.s.t.a, t.*, s.t.*, \"Q\".\"a.b\", MixedCase, $1"), R"(SELECT
  #0 select
    output a
    output t.a
    output s.t.a
    output d.s.t.a
    output t.*
    output s.t.*
    output Q.a.b
    output mixedcase
    output $1
)");
}

TEST(FactsOfExpressions, Fields) {
  EXPECT_EQ(facts_text("SELECT (r).f, (r).*, (f(1)).g, (t.a).b, a[1], a[1:2], a[:], a[i][j:k], (a[1]).b, "
                       "b.c[1].d, ($1).x, ((SELECT r)).y"),
            R"(SELECT
  #0 select
    output field:f(r)
    output field:*(r)
    output field:g(call:f(1))
    output field:b(t.a)
    output subscript(a, 1)
    output subscript(a, 1, 2)
    output subscript(a)
    output subscript(a, i, j, k)
    output field:b(subscript(a, 1))
    output field:d(subscript(b.c, 1))
    output field:x($1)
    output field:y(scalar #1)
  #1 select expression of #0
    output r
)");
}

TEST(FactsOfExpressions, Calls) {
  EXPECT_EQ(facts_text("SELECT f(), pg_catalog.f(1, g(2)), f(a => 1, b := 2), f(VARIADIC a), count(*), "
                       "count(DISTINCT a ORDER BY b USING <, c) FILTER (WHERE d), percentile_cont(0.5) "
                       "WITHIN GROUP (ORDER BY x), lag(a) OVER (PARTITION BY b ORDER BY c)"),
            R"(SELECT
  #0 select
    output call:f
    output call:pg_catalog.f(1, call:g(2))
    output call:f(named:a(1), named:b(2))
    output call:f variadic(a)
    output call:count*
    output call:count distinct filter(a; d, using:<(b), c)
    output call:percentile_cont within_group(0.5; x)
    output call:lag over(a; b, c)
)");
}

TEST(FactsOfExpressions, OwnSyntax) {
  EXPECT_EQ(
      facts_text(
          "SELECT extract(year FROM d), a AT TIME ZONE 'UTC', overlay('a' PLACING 'b' FROM 1), position('a' "
          "IN b), substring(a FROM 1 FOR 2), substring(a SIMILAR 'b' ESCAPE 'c'), trim(LEADING 'x' FROM y), "
          "collation for (a), normalize(a, NFC), a IS NFC NORMALIZED, (a, b) OVERLAPS (c, d)"),
      R"(SELECT
  #0 select
    output call:pg_catalog.extract syntax('year', d)
    output call:pg_catalog.timezone syntax('UTC', a)
    output call:pg_catalog.overlay syntax('a', 'b', 1)
    output call:pg_catalog.position syntax(b, 'a')
    output call:pg_catalog.substring syntax(a, 1, 2)
    output call:pg_catalog.substring syntax(a, 'b', 'c')
    output call:pg_catalog.ltrim syntax(y, 'x')
    output call:pg_catalog.pg_collation_for syntax(a)
    output call:pg_catalog.normalize syntax(a, 'NFC')
    output call:pg_catalog.is_normalized syntax(a, 'NFC')
    output call:pg_catalog.overlaps syntax(a, b, c, d)
)");
}

TEST(FactsOfExpressions, Operators) {
  EXPECT_EQ(
      facts_text("SELECT a + b, - a, a OPERATOR(pg_catalog.+) b, a <> b, a OPERATOR(s.@@) b, a = ANY (b), a "
                 "<> ALL (ARRAY[1]), a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, nullif(a, b)"),
      R"(SELECT
  #0 select
    output op:+(a, b)
    output op:-(a)
    output op:pg_catalog.+(a, b)
    output op:<>(a, b)
    output op:s.@@(a, b)
    output any:=(a, b)
    output all:<>(a, array(1))
    output distinct:=(a, b)
    output not_distinct:=(a, b)
    output nullif:=(a, b)
)");
  EXPECT_EQ(
      facts_text(
          "SELECT a IN (1, 2), a NOT IN (1, (2)), (a, b) IN ((1, 2)), a LIKE 'x%', a NOT LIKE 'x!%' ESCAPE "
          "'!', a ILIKE b, a NOT SIMILAR TO 'y', a ~~ b, a BETWEEN 1 AND 2, a NOT BETWEEN SYMMETRIC 1 AND 2"),
      R"(SELECT
  #0 select
    output in:=(a, 1, 2)
    output not_in:<> negated(a, 1, 2)
    output in:=((row)(a, b), (row)(1, 2))
    output like:~~(a, 'x%')
    output like:!~~ negated(a, call:pg_catalog.like_escape('x!%', '!'))
    output ilike:~~*(a, b)
    output similar:!~ negated(a, call:pg_catalog.similar_to_escape('y'))
    output op:~~(a, b)
    output between:BETWEEN(a, 1, 2)
    output between:NOT BETWEEN SYMMETRIC negated symmetric(a, 1, 2)
)");
}

TEST(FactsOfExpressions, Logic) {
  EXPECT_EQ(facts_text("SELECT a AND b AND c OR NOT d OR (e AND (f AND g)), a IS NULL, a IS NOT NULL, a IS "
                       "TRUE, a IS NOT TRUE, a IS FALSE, a IS NOT UNKNOWN"),
            R"(SELECT
  #0 select
    output or(and(a, b, c), not(d), and(e, and(f, g)))
    output is_null(a)
    output is_null negated(a)
    output is_true(a)
    output is_true negated(a)
    output is_false(a)
    output is_unknown negated(a)
)");
}

TEST(FactsOfExpressions, Subqueries) {
  EXPECT_EQ(
      facts_text(
          "SELECT EXISTS (SELECT FROM t WHERE t.a = u.a), a IN (SELECT b FROM v), a NOT IN (SELECT 1), a = "
          "ANY (SELECT 2), a < ALL (SELECT 3), (SELECT 4), ARRAY(SELECT 5), (a, b) = (SELECT 6, 7) FROM u"),
      R"(SELECT
  #0 select
    output exists #1
    output in:= #2(a)
    output not(in:= #3(a))
    output any:= #4(a)
    output all:< #5(a)
    output scalar #6
    output array #7
    output op:=((row)(a, b), scalar #8)
    from u @189
  #1 select expression of #0
    from t @27
    where op:=(t.a, u.a)
  #2 select expression of #0
    output b
    from v @67
  #3 select expression of #0
    output 1
  #4 select expression of #0
    output 2
  #5 select expression of #0
    output 3
  #6 select expression of #0
    output 4
  #7 select expression of #0
    output 5
  #8 select expression of #0
    output 6
    output 7
)");
}

TEST(FactsOfExpressions, Casts) {
  EXPECT_EQ(facts_text("SELECT a::int, CAST(b AS numeric(10, 2)), c::s.t[][], date '2024-01-01', interval "
                       "'1' day, interval(3) '1', f(2) 'x', bit varying(3) '1', d::\"char\", timestamp(3) "
                       "with time zone 'now', a COLLATE \"C\", b COLLATE pg_catalog.\"de_DE\""),
            R"(SELECT
  #0 select
    output cast pg_catalog.int4(a)
    output cast pg_catalog.numeric(10, 2)(b)
    output cast s.t[][](c)
    output cast date('2024-01-01')
    output cast pg_catalog.interval(8)('1')
    output cast pg_catalog.interval(32767, 3)('1')
    output cast f(2)('x')
    output cast pg_catalog.varbit(3)('1')
    output cast char(d)
    output cast pg_catalog.timestamptz(3)('now')
    output collate:C(a)
    output collate:pg_catalog.de_DE(b)
)");
}

TEST(FactsOfExpressions, Conditionals) {
  EXPECT_EQ(facts_text("SELECT CASE WHEN a THEN 1 END, CASE a WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END, "
                       "coalesce(a, b), greatest(a, b), least(c)"),
            R"(SELECT
  #0 select
    output case(a, 1)
    output case argument(a, 1, 2, 3, 4, 5)
    output coalesce(a, b)
    output greatest(a, b)
    output least(c)
)");
}

TEST(FactsOfExpressions, RowsAndArrays) {
  EXPECT_EQ(facts_text("SELECT ROW (), ROW (a), (a, b), ARRAY[1, 2], ARRAY[]::int[], ARRAY[[1], [2]]"),
            R"(SELECT
  #0 select
    output row
    output row(a)
    output (row)(a, b)
    output array(1, 2)
    output cast pg_catalog.int4[](array)
    output array(array(1), array(2))
)");
}

TEST(FactsOfExpressions, SqlValues) {
  EXPECT_EQ(facts_text("SELECT current_date, current_time, current_time(2), current_timestamp, "
                       "current_timestamp(0), localtime, localtimestamp(3), current_role, current_user, "
                       "user, session_user, current_catalog, current_schema, current_schema()"),
            R"(SELECT
  #0 select
    output current_date
    output current_time
    output current_time:2
    output current_timestamp
    output current_timestamp
    output localtime
    output localtimestamp:3
    output current_role
    output current_user
    output user
    output session_user
    output current_catalog
    output current_schema
    output call:current_schema
)");
}

TEST(FactsOfExpressions, Xml) {
  EXPECT_EQ(
      facts_text(
          "SELECT xmlelement(NAME a, xmlattributes(b AS c), d, f(e)), xmlforest(g AS h, i), xmlconcat(j), "
          "xmlparse(CONTENT k), xmlpi(NAME l, m), xmlroot(n, version '1.0', standalone yes), "
          "xmlserialize(DOCUMENT o AS text), p IS DOCUMENT, q IS NOT DOCUMENT, xmlexists('/x' PASSING r)"),
      R"(SELECT
  #0 select
    output xml:xmlelement(b, d, call:f(e))
    output xml:xmlforest(g, i)
    output xml:xmlconcat(j)
    output xml:xmlparse(k, false)
    output xml:xmlpi(m)
    output xml:xmlroot(n, '1.0', 0)
    output xml:xmlserialize text(o)
    output xml:is document(p)
    output not(xml:is document(q))
    output call:pg_catalog.xmlexists syntax('/x', r)
)");
}

}  // namespace chaperone::parser
