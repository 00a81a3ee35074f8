#include "rules/expression.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace chaperone::rules
