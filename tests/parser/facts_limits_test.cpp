#include <gtest/gtest.h>

#include <string>

#include "parser/facts.hpp"
#include "tests/parser/facts_check.hpp"
#include "tests/parser/generators.hpp"

namespace chaperone::parser {

using testing::cpu_seconds;
using testing::Generator;
using testing::kBoundedSeconds;
using testing::kGenerators;
using testing::repeat;

namespace {

constexpr Limits kRaised{.bytes = 1U << 30U, .tokens = 100'000'000, .nesting = 100'000'000};

/// Beside the generators of parse(): what could make the walk deep or repeat its work.
constexpr Generator kMore[] = {
    {"joins to the right", "SELECT 1 FROM ", "a LEFT JOIN (", "a", ") ON true"},
    {"subqueries in FROM", "SELECT 1 FROM ", "(SELECT 1 FROM ", "a", ") a"},
    {"EXISTS", "SELECT ", "EXISTS (SELECT ", "1", ")"},
    {"nested WITH", "", "WITH a AS (", "SELECT 1", ") SELECT 1"},
    {"row expressions", "SELECT ", "ROW(", "1", ")"},
    {"type modifiers", "SELECT 1", "::t(1)", "", ""},
    {"subscripts in subscripts", "SELECT ", "a[", "1", "]"},
    {"fields and subscripts", "SELECT (a)", ".b[1]", "", ""},
    {"COLLATE", "SELECT a", " COLLATE \"C\"", "", ""},
    {"OR of AND", "SELECT true", " OR true AND false", "", ""},
    {"IN lists", "SELECT a IN (1", ",1", ")", ""},
    {"window frames", "SELECT f() OVER (ORDER BY a", ",b", ")", ""},
    {"common table expressions", "WITH a AS (SELECT 1)", ", a AS (SELECT 1)", " SELECT 1", ""},
    {"explained", "EXPLAIN SELECT 1", "+1", "", ""},
};

}  // namespace

TEST(FactsLimits, AHundredThousandLevelsAreReadInBoundedTimeAndSpace) {
  std::size_t read = 0;
  const auto check = [&read](const Generator& generator) {
    const std::string text = generator.text(100'000);
    Result<Facts> facts = Error{};
    EXPECT_LT(cpu_seconds([&] { facts = read_facts(text, kRaised); }), kBoundedSeconds) << generator.name;
    const Result<Script> script = parse(text, kRaised);
    ASSERT_EQ(facts.has_value(), script.has_value()) << generator.name;
    if (!script) {
      EXPECT_EQ(facts.error().message, script.error().message) << generator.name;
      return;
    }
    ++read;
    EXPECT_EQ(testing::inconsistency(*facts, *script, text), "") << generator.name;
    EXPECT_LE(facts->exprs.size() + facts->names.size() + facts->queries.size() + facts->from_items.size() +
                  facts->targets.size() + facts->types.size(),
              1'000'000U)
        << generator.name;
  };
  for (const Generator& generator : kGenerators) check(generator);
  for (const Generator& generator : kMore) check(generator);
  EXPECT_GE(read, 20U) << "too few are within what the grammar takes";
}

TEST(FactsLimits, OneSourceOfAWideAssignmentIsReadOnce) {
  const std::string text =
      "UPDATE t SET (a" + repeat(",a", 20'000) + ") = ROW(1" + repeat(",1", 20'000) + ")";
  const Result<Facts> facts = read_facts(text, kRaised);
  ASSERT_TRUE(facts.has_value()) << facts.error().message;
  EXPECT_EQ(facts->queries.at(0).columns.count, 20'001U);
  EXPECT_EQ(facts->exprs.size(), 20'001U + 1 + 20'001U);
}

TEST(FactsLimits, ManyStatements) {
  const std::string text = repeat("SELECT 1;", 100'000);
  const Result<Facts> facts = read_facts(text, kRaised);
  ASSERT_TRUE(facts.has_value()) << facts.error().message;
  EXPECT_EQ(facts->statements.size(), 100'000U);
  EXPECT_EQ(facts->queries.size(), 100'000U);
  EXPECT_EQ(facts->queries.back().statement, 99'999U);
  EXPECT_LE(facts->exprs.capacity(), 4 * facts->exprs.size());
  EXPECT_FALSE(read_facts(repeat("SELECT 1;", 2'000'000)).has_value()) << "two million by default";
}

TEST(FactsLimits, ALongLiteralIsCopiedOnce) {
  constexpr std::size_t kBytes = 20'000'000;
  const Result<Facts> facts = read_facts("SELECT '" + repeat("x", kBytes) + "'", kRaised);
  ASSERT_TRUE(facts.has_value()) << facts.error().message;
  EXPECT_EQ(facts->exprs.at(0).text.size(), kBytes);
  EXPECT_EQ(facts->strings.size(), 1U);
}

TEST(FactsLimits, MovedFactsKeepTheirText) {
  Result<Facts> first = read_facts("SELECT a.b FROM c");
  ASSERT_TRUE(first.has_value());
  const Facts moved = std::move(*first);
  first = Error{};
  EXPECT_EQ(moved.at(moved.exprs.at(0).names)[1], "b");
  EXPECT_EQ(moved.at(moved.from_items.at(0).names)[0], "c");
}

}  // namespace chaperone::parser
