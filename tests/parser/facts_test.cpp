#include "parser/facts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/parser/facts_text.hpp"

namespace chaperone::parser {

namespace {

/// What of the text stands at each expression's offset, up to the next blank, comma or bracket; "-" where it
/// has none.
std::string expr_tokens(std::string_view sql) {
  const Result<Facts> facts = read_facts(sql);
  if (!facts) return facts.error().message;
  std::string text;
  for (const Expr& expr : facts->exprs) {
    if (!text.empty()) text += '|';
    if (expr.offset == kNone) {
      text += '-';
      continue;
    }
    const std::string_view rest = sql.substr(expr.offset);
    text += rest.substr(0, std::max<std::size_t>(1, rest.find_first_of(" ,()")));
  }
  return text;
}

}  // namespace

TEST(Facts, OffsetsAreWherePostgresqlPoints) {
  EXPECT_EQ(expr_tokens("SELECT a, 'é', b.c + 1, f(d), e::int, CAST(g AS text), NOT h"),
            "a|'é'|+|f|::int|CAST|NOT|b.c|1|d|e::int|g|h");
  EXPECT_EQ(expr_tokens("SELECT x IN (1), CASE WHEN y THEN 2 END, (SELECT 3), true"),
            "IN|CASE|(|true|x|1|y|2|3");
}

TEST(Facts, OffsetsCountFromTheTextsBeginning) {
  const Result<Facts> facts = read_facts("/* é */ SELECT 1; SELECT a FROM \"é\".t");
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->exprs.at(1).offset, 26U);
  EXPECT_EQ(facts->from_items.at(0).offset, 33U);
}

TEST(Facts, NamesAreFoldedAndTruncated) {
  const Result<Facts> facts = read_facts("SELECT Abc, \"Abc\", " + std::string(70, 'X') + ", U&\"\\0041\"");
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->names.at(0), "abc");
  EXPECT_EQ(facts->names.at(1), "Abc");
  EXPECT_EQ(facts->names.at(2), std::string(63, 'x'));
  EXPECT_EQ(facts->names.at(3), "A");
}

TEST(Facts, ClausesOfExpressions) {
  const Result<Facts> facts = read_facts(
      "SELECT DISTINCT ON (a) b FROM f(c) JOIN t ON d WHERE e GROUP BY g HAVING h WINDOW w AS (ORDER BY i) "
      "ORDER BY "
      "j LIMIT k");
  ASSERT_TRUE(facts.has_value());
  const auto clause_of = [&](std::string_view name) {
    for (const Expr& expr : facts->exprs) {
      if (expr.kind == ExprKind::kColumn && facts->at(expr.names)[0] == name) return expr.clause;
    }
    return Clause::kUtility;
  };
  EXPECT_EQ(clause_of("a"), Clause::kDistinctOn);
  EXPECT_EQ(clause_of("b"), Clause::kOutput);
  EXPECT_EQ(clause_of("c"), Clause::kFrom);
  EXPECT_EQ(clause_of("d"), Clause::kOn);
  EXPECT_EQ(clause_of("e"), Clause::kWhere);
  EXPECT_EQ(clause_of("g"), Clause::kGroupBy);
  EXPECT_EQ(clause_of("h"), Clause::kHaving);
  EXPECT_EQ(clause_of("i"), Clause::kWindow);
  EXPECT_EQ(clause_of("j"), Clause::kOrderBy);
  EXPECT_EQ(clause_of("k"), Clause::kLimit);
}

TEST(Facts, SeveralStatements) {
  EXPECT_EQ(testing::facts_text("BEGIN; SELECT (SELECT 1); ; SET a = 1; COMMIT"), R"(BEGIN
SELECT
  #0 select
    output scalar #1
  #1 select expression of #0
    output 1
SET
  set a = 1
COMMIT
)");
  EXPECT_EQ(testing::facts_text(" -- nothing"), "");
}

TEST(Facts, RefusalsAreThoseOfParse) {
  EXPECT_EQ(testing::facts_text("SELECT 'é' FORM t"), "error 0 at 17: syntax error at or near \"t\"\n");
  EXPECT_EQ(testing::facts_text("SELECT 1", {.bytes = 4}).substr(0, 12), "error 1 at 0");
  EXPECT_EQ(testing::facts_text("SELECT '\xff'").substr(0, 12), "error 2 at 0");
}

}  // namespace chaperone::parser
