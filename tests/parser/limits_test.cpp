#include <gtest/gtest.h>

#include <string>

#include "parser/parser.hpp"
#include "parser/prescan.hpp"
#include "tests/parser/generators.hpp"

namespace chaperone::parser {

namespace {

using testing::cpu_seconds;
using testing::Generator;
using testing::kBoundedSeconds;
using testing::kGenerators;
using testing::repeat;

void expect_refused(const Result<Script>& script, std::string_view limit, const std::string& what) {
  ASSERT_FALSE(script.has_value()) << what << ": accepted";
  EXPECT_EQ(script.error().kind, ErrorKind::kLimit) << what << ": " << script.error().message;
  EXPECT_NE(script.error().message.find(limit), std::string::npos) << what << ": " << script.error().message;
}

}  // namespace

TEST(Limits, EachHoldsToTheUnit) {
  const std::string text = "SELECT (f(a))";  // 13 bytes, 7 tokens, 2 levels
  EXPECT_TRUE(parse(text, {.bytes = 13, .tokens = 7, .nesting = 2}).has_value());
  expect_refused(parse(text, {.bytes = 12, .tokens = 7, .nesting = 2}), "statement_bytes",
                 "one byte too many");
  expect_refused(parse(text, {.bytes = 13, .tokens = 6, .nesting = 2}), "statement_tokens",
                 "one token too many");
  expect_refused(parse(text, {.bytes = 13, .tokens = 7, .nesting = 1}), "statement_nesting",
                 "one level too many");
}

TEST(Limits, RefusalNamesTheLimitWhatTheTextHasWhereAndTheWayOut) {
  const auto bytes = parse("SELECT 'é'", {.bytes = 4});
  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(
      bytes.error().message,
      "SQL text of 11 bytes is over the limit of 4 (statement_bytes): split it, send data with COPY or as "
      "parameters, or raise the limit");
  EXPECT_EQ(bytes.error().position, 0U);

  const auto tokens = parse("SELECT 'é', 2, 3", {.tokens = 3});
  ASSERT_FALSE(tokens.has_value());
  EXPECT_EQ(tokens.error().message,
            "SQL text of 6 tokens is over the limit of 3 (statement_tokens): split it, send lists as an "
            "array parameter "
            "and data with COPY, or raise the limit");
  EXPECT_EQ(tokens.error().position, 13U);  // in characters: the 2

  const auto nesting = parse("SELECT (1), 'é', [(]((1)))", {.nesting = 2});
  ASSERT_FALSE(nesting.has_value());
  EXPECT_EQ(nesting.error().message,
            "SQL text nested 3 levels deep is over the limit of 2 (statement_nesting): flatten its brackets, "
            "or raise "
            "the limit");
  EXPECT_EQ(nesting.error().position, 22U);

  const auto run = parse("SELECT 'é' " + repeat("/**/", 17));
  ASSERT_FALSE(run.has_value());
  EXPECT_EQ(run.error().message,
            "SQL text with 17 comments or signs in one run of operator characters is over the limit of 16: "
            "put spaces "
            "between them");
  EXPECT_EQ(run.error().position, 76U);
}

TEST(Limits, BracketsInStringsNamesAndCommentsAreNotLevels) {
  const std::string text = "SELECT '((((', \"((((\", $$(((($$, E'((((' /* (((( */ -- ((((\n";
  EXPECT_TRUE(parse(text, {.nesting = 0}).has_value());
}

TEST(Limits, ClosingBracketsTooManyDoNotBuyDepth) {
  expect_refused(parse("SELECT 1)))))) + ((1))", {.nesting = 1}), "statement_nesting", "closed in advance");
}

TEST(Limits, RunsOfCommentsAndSigns) {
  EXPECT_TRUE(parse("SELECT 1" + repeat("/**/", kMaxRun)).has_value());
  expect_refused(parse("SELECT 1" + repeat("/**/", kMaxRun + 1)), "comments or signs", "comments");
  expect_refused(parse("SELECT 1 " + repeat("/*", kMaxRun + 1) + repeat("*/", kMaxRun + 1)),
                 "comments or signs", "nested comments");
  expect_refused(parse("SELECT " + repeat("+", kMaxRun + 2) + "1"), "comments or signs", "signs");
  expect_refused(parse("SELECT 1 =" + repeat("-+", kMaxRun) + "1"), "comments or signs",
                 "signs behind an operator");
}

TEST(Limits, DefaultsRefuseTwoHundredThousandTerms) {
  for (const Generator& generator : kGenerators) {
    const std::string text = generator.text(200'001);
    const Limits limits{.bytes = 1U << 24U};
    Result<Span> refused = Span{};
    EXPECT_LT(cpu_seconds([&] { refused = prescan(text, limits); }), 0.5) << generator.name;
    EXPECT_EQ(refused.has_value(), !generator.counts) << generator.name;
  }
}

TEST(Limits, AnyShapeIsAnsweredInBoundedTimeWithinTheDefaults) {
  for (const Generator& generator : kGenerators) {
    for (const std::size_t terms : {199U, 201U, 9'000U, 60'000U}) {
      const std::string text = generator.text(terms);
      EXPECT_LT(cpu_seconds([&] { (void)parse(text); }), kBoundedSeconds) << generator.name << " x " << terms;
    }
  }
}

TEST(Limits, AHundredThousandLevelsNeitherCrashNorStall) {
  const Limits none{.bytes = 1U << 30U, .tokens = 100'000'000, .nesting = 100'000'000};
  for (const Generator& generator : kGenerators) {
    const std::string text = generator.text(100'000);
    EXPECT_LT(cpu_seconds([&] { (void)parse(text, none); }), kBoundedSeconds) << generator.name;
  }
}

// Without the bound the first of these takes libpg_query many minutes.
TEST(Limits, NoTextOfAMebibyteMakesTheScannerReadQuadratically) {
  const std::size_t most = (1U << 20U) - 100;
  const std::string texts[] = {
      "SELECT 1 " + repeat("/**/", most / 4),
      "SELECT 1 " + repeat("/*", most / 4) + repeat("*/", most / 4),
      "SELECT " + repeat("+", most) + "1",
      "SELECT 1" + repeat("=/**/", most / 5),
      "SELECT 1 " + repeat("/**/", kMaxRun - 1) + "/" + repeat("*", most - 80) + "/",
      "SELECT 1 " + repeat(repeat("/**/", kMaxRun) + " ", most / (4 * kMaxRun + 1)),
      "SELECT 1 " + repeat(repeat("/*", kMaxRun) + " ", most / 3 / kMaxRun),
      "SELECT " + repeat(repeat("-+", kMaxRun / 2) + " ", most / (kMaxRun + 1)) + "1",
      "SELECT " + repeat("$a", most / 2),
      "SELECT '" + repeat("'\n'", most / 3),
      "SELECT 'a'" + repeat("\n", most),
      "SELECT " + repeat("'a'  ", most / 5),
      "SELECT " + repeat("a", most),
      "SELECT " + repeat("1", most),
      "SELECT U&'" + repeat("\\0041", most / 5) + "'",
  };
  for (const std::string& text : texts) {
    EXPECT_LT(cpu_seconds([&] { (void)parse(text); }), kBoundedSeconds) << text.substr(0, 60) << " ..";
  }
}

TEST(Limits, TwentyMegabytes) {
  constexpr std::size_t kBytes = 20'000'000;
  const Limits raised{.bytes = 1U << 25U};
  const std::string literal = "SELECT '" + repeat("x", kBytes) + "'";
  const std::string comment = "/*" + repeat("x", kBytes) + "*/ SELECT 1";
  const std::string tiny = repeat("SELECT 1; ", kBytes / 10);
  expect_refused(parse(literal), "statement_bytes", "a literal of 20 MB");
  EXPECT_LT(cpu_seconds([&] {
              const auto script = parse(literal, raised);
              ASSERT_TRUE(script.has_value()) << script.error().message;
              EXPECT_EQ(script->statements.at(0).span.length, literal.size());
            }),
            kBoundedSeconds);
  EXPECT_LT(cpu_seconds([&] {
              const auto script = parse(comment, raised);
              ASSERT_TRUE(script.has_value()) << script.error().message;
              EXPECT_EQ(script->statements.at(0).span.length, 8U);
            }),
            kBoundedSeconds);
  EXPECT_LT(cpu_seconds(
                [&] { expect_refused(parse(tiny, raised), "of 6000000 tokens", "two million statements"); }),
            kBoundedSeconds);
}

TEST(Limits, AHundredThousandStatementsAreAnswered) {
  const std::string text = repeat("SELECT 1;", 100'000);
  const auto script = parse(text, {.tokens = 1'000'000});
  ASSERT_TRUE(script.has_value()) << script.error().message;
  ASSERT_EQ(script->statements.size(), 100'000U);
  EXPECT_EQ(script->statements.back().span.offset, 99'999U * 9);
  EXPECT_EQ(script->statements.back().span.length, 8U);
}

}  // namespace chaperone::parser
