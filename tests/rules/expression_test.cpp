#include "rules/policy/expression.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/rules/shop.hpp"

/// What an expression of a policy becomes, and what is refused.
namespace chaperone::rules {
namespace {

/// The compiled condition over kinds, or "what; expected".
std::string compiled(std::string_view text, std::string_view table = "kinds",
                     ExpressionUse use = ExpressionUse::kFilter, std::string_view column = {}) {
  const Catalog& catalog = *test::shop();
  const Relation& relation = *catalog.find_relation("public", table);
  const Column* target = column.empty() ? nullptr : &relation.columns[*relation.find_column(column)];
  const auto expression = compile_expression(text, {catalog, relation, use, target});
  if (!expression) return expression.error().what + "; " + expression.error().expected;
  EXPECT_TRUE(expression->total || use == ExpressionUse::kSet) << text;
  return describe(*expression);
}

TEST(Expression, OperatorsTypesAndParametersAreWrittenOut) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"id = 7", "(id OPERATOR(pg_catalog.=) 7)"},
      {"id = :tenant", "(id OPERATOR(pg_catalog.=) CAST(:tenant AS pg_catalog.int4))"},
      {"v = :x", "(v OPERATOR(pg_catalog.=) CAST(:x AS pg_catalog.text))"},
      {"u = :x AND big = :y",
       "((u OPERATOR(pg_catalog.=) CAST(:x AS pg_catalog.uuid)) AND (big OPERATOR(pg_catalog.=) CAST(:y AS "
       "pg_catalog.int8)))"},
      {"p = :x", "(p OPERATOR(pg_catalog.=) CAST(:x AS pg_catalog.int4))"},
      {"m = 'ok'", "(m OPERATOR(pg_catalog.=) 'ok')"},
      {"t != 'it''s'", "(t OPERATOR(pg_catalog.<>) 'it''s')"},
      {"t = 'a\\b'", "(t OPERATOR(pg_catalog.=) E'a\\\\b')"},
      {"t = E'a\\nb'", "(t OPERATOR(pg_catalog.=) 'a\nb')"},
      {"t = $$:x$$", "(t OPERATOR(pg_catalog.=) ':x')"},
      {"v IN ('a', 'b')", "(v OPERATOR(pg_catalog.=) ANY (CAST(ARRAY['a', 'b'] AS pg_catalog.varchar[])))"},
      {"id NOT IN (1, 2)", "(id OPERATOR(pg_catalog.<>) ALL (CAST(ARRAY[1, 2] AS pg_catalog.int4[])))"},
      {"id IN (1, 3000000000)", "((id OPERATOR(pg_catalog.=) 1) OR (id OPERATOR(pg_catalog.=) 3000000000))"},
      {"id IN (:a, :b)",
       "(id OPERATOR(pg_catalog.=) ANY (CAST(ARRAY[CAST(:a AS pg_catalog.int4), CAST(:b AS pg_catalog.int4)] "
       "AS pg_catalog.int4[])))"},
      {"id = ANY (:ids)", "(id OPERATOR(pg_catalog.=) ANY (CAST(:ids AS pg_catalog.int4[])))"},
      {"t LIKE 'x%'", "(t OPERATOR(pg_catalog.~~) 'x%')"},
      {"t NOT ILIKE 'x%'", "(t OPERATOR(pg_catalog.!~~*) 'x%')"},
      {"id BETWEEN 1 AND 5", "((id OPERATOR(pg_catalog.>=) 1) AND (id OPERATOR(pg_catalog.<=) 5))"},
      {"id NOT BETWEEN 1 AND 5", "((id OPERATOR(pg_catalog.<) 1) OR (id OPERATOR(pg_catalog.>) 5))"},
      {"t IS NULL OR NOT b", "((t IS NULL) OR (NOT b))"},
      {"t IS NOT NULL AND b IS NOT TRUE", "((t IS NOT NULL) AND (b IS NOT true))"},
      {"b", "b"},
      {"lower(t) = 'x'", "(pg_catalog.lower(t) OPERATOR(pg_catalog.=) 'x')"},
      {"COALESCE(t, 'x') = 'x'", "(COALESCE(t, 'x') OPERATOR(pg_catalog.=) 'x')"},
      {"id = -1", "(id OPERATOR(pg_catalog.=) (-1))"},
      {"id > 5 + 2 * 3",
       "(id OPERATOR(pg_catalog.>) (5 OPERATOR(pg_catalog.+) (2 OPERATOR(pg_catalog.*) 3)))"},
      {"id = :a::smallint", "(id OPERATOR(pg_catalog.=) CAST(:a AS pg_catalog.int2))"},
      {"kinds.id = 1", "(id OPERATOR(pg_catalog.=) 1)"},
      {"tz > timestamptz '2026-01-31 18:00:00+00'",
       "(tz OPERATOR(pg_catalog.>) CAST('2026-01-31 18:00:00+00' AS pg_catalog.timestamptz))"},
      {"tz > now() - interval '168 hours'",
       "(tz OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) CAST('168 hours' AS "
       "pg_catalog.interval)))"},
      {"tz > now() AT TIME ZONE 'UTC' AT TIME ZONE 'UTC'",
       "(tz OPERATOR(pg_catalog.>) pg_catalog.timezone('UTC', pg_catalog.timezone('UTC', "
       "pg_catalog.now())))"},
      {"d > (now() AT TIME ZONE 'UTC')::date - 7",
       "(d OPERATOR(pg_catalog.>) (CAST(pg_catalog.timezone('UTC', pg_catalog.now()) AS pg_catalog.date) "
       "OPERATOR(pg_catalog.-) 7))"},
      {"ci::text = 'x'", "(CAST(ci AS pg_catalog.text) OPERATOR(pg_catalog.=) 'x')"},
      {"CASE WHEN b THEN t = 'x' ELSE false END",
       "CASE WHEN b THEN (t OPERATOR(pg_catalog.=) 'x') ELSE false END"},
      {"CASE m WHEN 'ok' THEN true END", "CASE WHEN (m OPERATOR(pg_catalog.=) 'ok') THEN true END"},
      {"t IS DISTINCT FROM 'x'",
       "(NOT COALESCE((t OPERATOR(pg_catalog.=) 'x'), ((t IS NULL) AND ('x' IS NULL))))"},
      {"jb @> '{\"a\": 1}'", "(jb OPERATOR(pg_catalog.@>) '{\"a\": 1}')"},
      {"jb ->> 'a' = 'x'", "((jb OPERATOR(pg_catalog.->>) 'a') OPERATOR(pg_catalog.=) 'x')"},
      {"id IN (SELECT tenant_id FROM public.members WHERE agent = :agent)",
       "(id OPERATOR(pg_catalog.=) ANY (SELECT members.tenant_id FROM public.members AS members WHERE "
       "(members.agent OPERATOR(pg_catalog.=) CAST(:agent AS pg_catalog.text))))"},
      {"id /* a :comment */ = 1 -- and :another", "(id OPERATOR(pg_catalog.=) 1)"},
  };
  for (const auto& [text, sql] : cases) EXPECT_EQ(compiled(text), sql) << "of: " << text;
}

/// What an agent could bend, what could fail on a hidden row, and what is no expression at all.
TEST(Expression, RefusalsSayWhyAndWhatWouldDo) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      // What depends on settings of the session.
      {"d > current_date", "CURRENT_DATE depends on TimeZone; (now() AT TIME ZONE 'UTC')::date"},
      {"ts > localtimestamp", "localtimestamp depends on TimeZone; now() AT TIME ZONE 'UTC'"},
      {"t = current_user",
       "current_user is about the database's role or session, not about the agent; a parameter, as :agent, "
       ":actor or :task"},
      {"t = session_user",
       "session_user is about the database's role or session, not about the agent; a parameter, as :agent, "
       ":actor or :task"},
      {"t = current_setting('app.tenant')",
       "current_setting() depends on what the agent sets; a parameter, as :tenant"},
      {"tz > '2026-01-31 18:00:00'",
       "what the timestamptz literal \"2026-01-31 18:00:00\" means depends on settings of the session; ISO "
       "form with an offset, as '2026-01-31 18:00:00+00'"},
      {"tz > '2026-01-31'",
       "what the timestamptz literal \"2026-01-31\" means depends on settings of the session; ISO form with "
       "an offset, as '2026-01-31 18:00:00+00'"},
      {"d > '31.01.2026'",
       "what the date literal \"31.01.2026\" means depends on settings of the session; ISO form, as "
       "'2026-01-31'"},
      {"d > date '01/02/2026'",
       "what the date literal \"01/02/2026\" means depends on settings of the session; ISO form, as "
       "'2026-01-31'"},
      {"d = 'today'",
       "what the date literal \"today\" means depends on settings of the session; ISO form, as '2026-01-31'"},
      {"d IN ('2026-01-31', 'yesterday')",
       "what the date literal \"yesterday\" means depends on settings of the session; ISO form, as "
       "'2026-01-31'"},
      {"iv > '-1 2:03:04'",
       "what the interval literal \"-1 2:03:04\" means depends on settings of the session; the form '36 "
       "hours' or '1 day 12 hours', without signs"},
      {"tz > now() - interval '7 days'",
       "timestamptz - interval depends on settings of the session; an interval of hours, as interval '168 "
       "hours', since days are not equally long everywhere"},
      {"tz::date = '2026-01-31'",
       "the cast of timestamptz to date depends on settings of the session; (.. AT TIME ZONE 'UTC')::date"},
      {"now()::text = 'x'",
       "the cast of timestamptz to text depends on settings of the session; (.. AT TIME ZONE 'UTC')::text"},
      {"d::text = 'x'",
       "the cast of date to text depends on settings of the session; a comparison with a literal of the same "
       "type"},
      {"by::text = 'x'",
       "the cast of bytea to text depends on settings of the session; a comparison with a literal of the "
       "same type"},
      {"f8::text = 'x'",
       "the cast of float8 to text depends on settings of the session; a comparison with a literal of the "
       "same type"},
      {"tz > d",
       "timestamptz > date depends on settings of the session; both sides of one type: (.. AT TIME ZONE "
       "'UTC') makes a timestamp of a timestamptz"},
      {"to_char(tz, 'YYYY') = '2026'",
       "to_char(timestamptz, unknown) depends on settings of the session; (.. AT TIME ZONE 'UTC') in place "
       "of the timestamptz"},
      {"date_trunc('day', tz) = now()",
       "date_trunc(unknown, timestamptz) depends on settings of the session; (.. AT TIME ZONE 'UTC') in "
       "place of the timestamptz"},
      {"concat(t, d) = 'x'",
       "concat(text, date) depends on settings of the session; a form that says format and time zone itself"},
      {"t::regclass = 'x'",
       "what a regclass means depends on the search_path or on other tables; a type whose values mean the "
       "same everywhere"},
      {"mny > '1'",
       "what the money literal \"1\" means depends on settings of the session; a numeric instead: money is "
       "read by lc_monetary"},
      {"to_tsvector('english', t) @@ 'x'::tsquery",
       "what the regconfig literal \"english\" means depends on settings of the session; its schema in "
       "front, as "
       "'pg_catalog.english'"},
      {"tz > :since",
       "how :since would be read as timestamptz depends on settings of the session or can't be told; "
       "seconds, as to_timestamp(:since::float8)"},
      {"t COLLATE \"de_DE\" = 'x'",
       "the collation \"de_DE\" is found by the search_path; C, POSIX, default or ucs_basic"},
      // What could fail on a hidden row.
      {"10 / id = 1",
       "int4 / int4 can fail on the value of a row that is hidden, and its message would tell the value; a "
       "constant divisor other than 0, or a condition without the division"},
      {"id + 1 > 3",
       "int4 + int4 can fail on the value of a row that is hidden, and its message would tell the value; the "
       "arithmetic on the side without a column, as amount > 100 - 1"},
      {"t::int = 42",
       "the cast of text to int4 can fail on the value of a row that is hidden, and its message would tell "
       "the value; a comparison as text, as column = '42'"},
      {"t LIKE v",
       "text ~~ varchar can fail on the value of a row that is hidden, and its message would tell the value; "
       "LIKE with a constant pattern that does not end in a backslash"},
      {"t LIKE 'x\\'",
       "text ~~ unknown can fail on the value of a row that is hidden, and its message would tell the value; "
       "LIKE with a constant pattern that does not end in a backslash"},
      {"public.word_count(t) > 3",
       "public.word_count() is not PostgreSQL's own, so that it can't be told what it does with hidden rows; "
       "comparisons, IN, LIKE with a constant, IS NULL, COALESCE, lower, length and the like, which can't "
       "fail"},
      {"ci = 'x'",
       "= on public.citext is no operator of PostgreSQL's own; a cast to text, as lower(column::text) = "
       "lower(:name)"},
      {"id = (SELECT tenant_id FROM public.members)",
       "a subquery for a value can fail when there is more than one row; column IN (SELECT ..) or EXISTS "
       "(SELECT ..)"},
      // What is no expression of one row.
      {"random() < 0.5",
       "random() gives another value at each call; an expression that stays the same for a row"},
      {"count(*) > 1", "count() is called as an aggregate; a function of one row"},
      {"max(id) > 1", "max() is an aggregate or window function; a function of one row"},
      {"row_number() OVER () = 1", "row_number() OVER is a window function; a function of one row"},
      {"generate_series(1, 3) = 1",
       "generate_series() is a function that returns rows; a function of one row"},
      {"pg_sleep(1) IS NULL",
       "pg_sleep() is not for policies (holds a connection and a snapshot for as long as it likes); a "
       "function of the sets safe, "
       "json and text_search"},
      {"id = 1, id = 2",
       "this form has no place in a policy; columns, constants, :parameters, operators, functions, CASE, "
       "COALESCE, IN and casts"},
      {"id = 1 FROM public.members", "it can't be read: syntax error at or near \"FROM\"; an SQL expression"},
      {"id = 1) FROM public.members WHERE (true", "it is more than one expression; one SQL expression"},
      {"id = 1); DROP TABLE kinds; SELECT (1", "it is more than one expression; one SQL expression"},
      {"id = ", "it can't be read: syntax error at or near \")\"; an SQL expression"},
      {"id = $1", "$1 is a parameter of a statement; a parameter of the policy, as :tenant"},
      {"t = :'x'", "a parameter stands in quotes; :name, which is a value of its own"},
      {"t", "it is of type text; a condition, as tenant_id = :tenant"},
      {"id AND b", "a part of AND, OR, NOT or IS TRUE is of type int4; a condition"},
      {"(id, t) = (1, 'x')",
       "this form has no place in a policy; columns, constants, :parameters, operators, functions, CASE, "
       "COALESCE, IN and casts"},
      // Names.
      {"idd = 1",
       "kinds has no column \"idd\"; id, small, big, num, amount, f4, f8, t, v, c, n, b, by, u, d, ts, tz, "
       "tm, iv, j, jb, m, p, k, tags, ns, ip, r, mny, bits, ms, x or ci (did you mean \"id\"?)"},
      {"other.id = 1",
       "there is no column other.id; id, small, big, num, amount, f4, f8, t, v, c, n, b, by, u, d, ts, tz, "
       "tm, iv, j, jb, m, p, k, tags, ns, ip, r, mny, bits, ms, x or ci (did you mean \"id\"?)"},
      {"m = 'okk'", "the enum mood has no label \"okk\"; sad, ok or happy (did you mean \"ok\"?)"},
      {"wordcount(t) = 1",
       "PostgreSQL has no function \"wordcount\"; one that it has, or one of the database with its schema in "
       "front"},
      {"word_count(t) = 1",
       "PostgreSQL has no function \"word_count\"; its schema in front, as public.word_count"},
      {"t::nothing = 'x'", "there is no type \"nothing\"; a type of PostgreSQL or of the database"},
      {"t::public.posint = 1",
       "a cast to posint can run code or fail; a type of PostgreSQL's own or an enum"},
      {"id = 'x'::text",
       "there is no operator int4 = text; operands of types that it takes, with a cast where needed, as "
       ":name::int4"},
      {"t OPERATOR(public.=) 'x'", "the operator = is not PostgreSQL's own; operators of pg_catalog"},
      {"id IN (SELECT tenant_id FROM members)",
       "the table \"members\" of a subquery is without a schema; public.members, or another schema"},
      {"id IN (SELECT tenant_id FROM public.nothing)",
       "there is no table public.nothing; a table of the database"},
      {"id IN (SELECT oid::int FROM pg_catalog.pg_class)",
       "there is no table pg_catalog.pg_class; a table of the database"},
      {"id IN (SELECT tenant_id FROM public.members WHERE agent = kinds.t)",
       "the subquery refers to the column \"t\" of kinds itself; column IN (SELECT ..), whose subquery "
       "stands alone"},
      {"id IN (SELECT tenant_id FROM public.members LIMIT 1)",
       "a subquery holds more than one column, tables and a condition; (SELECT column FROM schema.table "
       "WHERE ..)"},
      {"id IN (WITH kinds AS (SELECT 1) SELECT 1 FROM public.members)",
       "a subquery holds more than one column, tables and a condition; (SELECT column FROM schema.table "
       "WHERE ..)"},
      {"id IN (SELECT f FROM public.word_count('x') f)",
       "the FROM of a subquery holds something else than tables; FROM schema.table [alias] [JOIN .. ON ..]"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(compiled(text), message) << "of: " << text;
}

TEST(Expression, ValuesOfInserts) {
  const auto set = [](std::string_view text, std::string_view column) {
    return compiled(text, "kinds", ExpressionUse::kSet, column);
  };
  EXPECT_EQ(set(":tenant", "id"), "CAST(:tenant AS pg_catalog.int4)");
  EXPECT_EQ(set(":tenant", "v"), "CAST(:tenant AS pg_catalog.text)");
  EXPECT_EQ(set(":x", "m"), "CAST(:x AS public.mood)");
  EXPECT_EQ(set("now()", "tz"), "pg_catalog.now()");
  EXPECT_EQ(set("gen_random_uuid()", "u"), "pg_catalog.gen_random_uuid()");
  EXPECT_EQ(set("public.word_count(:x)", "id"), "public.word_count(CAST(:x AS pg_catalog.text))");
  EXPECT_EQ(set("'2026-01-31'", "tz"),
            "what the timestamptz literal \"2026-01-31\" means depends on settings of the session; ISO form "
            "with an offset, as '2026-01-31 18:00:00+00'");
  EXPECT_EQ(
      set("t", "v"),
      "the column \"t\" has no value yet where a row is made; constants, :parameters and functions of them");
  EXPECT_EQ(set("(SELECT 1)", "id"),
            "a subquery has no place here; columns, constants, :parameters and functions");
}

TEST(Expression, MasksTakeTheColumnsType) {
  const auto mask = [](std::string_view text, std::string_view column) {
    return compiled(text, "kinds", ExpressionUse::kMask, column);
  };
  EXPECT_EQ(mask("left(v, 1)", "v"), "CAST(pg_catalog.\"left\"(v, 1) AS pg_catalog.varchar(12))");
  EXPECT_EQ(mask("id - id % 100", "id"),
            "CAST((id OPERATOR(pg_catalog.-) (id OPERATOR(pg_catalog.%) 100)) AS pg_catalog.int4)");
  EXPECT_EQ(mask("trunc(amount, -3)", "amount"),
            "CAST(pg_catalog.trunc(amount, (-3)) AS pg_catalog.numeric(10,2))");
  EXPECT_EQ(mask("'ok'", "m"), "CAST('ok' AS public.mood)");
  EXPECT_EQ(mask("1", "p"), "CAST(1 AS pg_catalog.int4)") << "without the domain and its checks";
  EXPECT_EQ(mask("id - small % 100", "id"),
            "int4 - int4 can fail on the value of a row that is hidden, and its message would tell the "
            "value; the arithmetic on the side without a column, as amount > 100 - 1");
  EXPECT_EQ(mask("big", "id"),
            "it is of type int8, and the cast to the column's pg_catalog.int4 can fail or depends on "
            "settings; an expression of the "
            "column's own type");
  EXPECT_EQ(mask("trunc(num, -3)", "amount"),
            "it is of type numeric, and the cast to the column's pg_catalog.numeric(10,2) can fail or "
            "depends on settings; an "
            "expression of the column's own type");
}

TEST(Expression, ParametersStandOutsideOfLiteralsAndCasts) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(parameters_of("a = :x AND b = ':y' AND c = $$:z$$ AND d::text = \":w\" -- :v"), Names{"x"});
  EXPECT_EQ(parameters_of(":b:::a + :b /* :c */"), (Names{"b", "a"}));
  EXPECT_EQ(parameters_of("a := 1 AND a[1 : 2] AND : x"), Names{});
}

/// Nothing makes the reader run long, however it is nested.
TEST(Expression, LongOnesAreRefused) {
  std::string between = "b";
  for (int i = 0; i < 45; ++i) between = "(" + between + " BETWEEN false AND true)";
  EXPECT_EQ(compiled(between), "it is too long when it is written out; a shorter expression");
  std::string deep(60, '(');
  EXPECT_TRUE(compiled(deep + "b" + std::string(60, ')')).starts_with("it can't be read: "))
      << compiled(deep);
  std::string wide = "id = 1";
  for (int i = 0; i < 5'000; ++i) wide += " OR id = 1";
  EXPECT_TRUE(compiled(wide).starts_with("it can't be read: ")) << compiled(wide).substr(0, 200);
}

/// Pieces of SQL in any order: refused or compiled, and what is compiled reads again as itself.
TEST(Expression, NoTextBreaksTheReader) {
  constexpr std::string_view kPieces[] = {"id",
                                          "t",
                                          "d",
                                          "tz",
                                          "jb",
                                          "m",
                                          "tags",
                                          "kinds.id",
                                          "=",
                                          "<>",
                                          "+",
                                          "-",
                                          "/",
                                          "||",
                                          "~~",
                                          "->>",
                                          "@>",
                                          "IN",
                                          "NOT",
                                          "(",
                                          ")",
                                          "(",
                                          ")",
                                          "AND",
                                          "OR",
                                          "'x'",
                                          "'2026-01-31'",
                                          "E'\\\\'",
                                          "$$",
                                          ":p",
                                          ":q::int4",
                                          "::text",
                                          "::date",
                                          "[1]",
                                          "ARRAY[",
                                          "]",
                                          ",",
                                          "1",
                                          "2.5",
                                          "-3",
                                          "NULL",
                                          "true",
                                          "CASE",
                                          "WHEN",
                                          "THEN",
                                          "ELSE",
                                          "END",
                                          "IS",
                                          "NULL",
                                          "BETWEEN",
                                          "LIKE",
                                          "lower(",
                                          "now()",
                                          "COALESCE(",
                                          "SELECT",
                                          "FROM",
                                          "public.members",
                                          "WHERE",
                                          "EXISTS",
                                          "ANY",
                                          "interval",
                                          "COLLATE",
                                          "\"C\"",
                                          "--",
                                          "/*",
                                          "*/",
                                          ";",
                                          "AT TIME ZONE",
                                          "DISTINCT",
                                          "OVER",
                                          "*",
                                          ".",
                                          "current_date"};
  std::mt19937 random(7);
  int compiled_ones = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::string text;
    const std::size_t count = 1 + random() % 9;
    for (std::size_t j = 0; j < count; ++j)
      text += std::string(kPieces[random() % std::size(kPieces)]) + (random() % 4 == 0 ? "" : " ");
    const Catalog& catalog = *test::shop();
    const Relation& relation = *catalog.find_relation("public", "kinds");
    const auto use = static_cast<ExpressionUse>(random() % 3);
    const Column* column =
        use == ExpressionUse::kFilter ? nullptr : &relation.columns[random() % relation.columns.size()];
    const auto expression = compile_expression(text, {catalog, relation, use, column});
    if (!expression) {
      EXPECT_FALSE(expression.error().what.empty()) << text;
      EXPECT_FALSE(expression.error().expected.empty()) << text;
      continue;
    }
    ++compiled_ones;
    if (use == ExpressionUse::kMask) continue;  // the cast to the column's type stands around it
    const std::string once = describe(*expression);
    const auto again = compile_expression(once, {catalog, relation, use, column});
    ASSERT_TRUE(again) << text << "\n" << once << "\n" << again.error().what;
    EXPECT_EQ(describe(*again), once) << text;
  }
  EXPECT_GT(compiled_ones, 300);
}

}  // namespace
}  // namespace chaperone::rules
