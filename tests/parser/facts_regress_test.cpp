#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "parser/facts.hpp"
#include "tests/parser/facts_check.hpp"

// PostgreSQL's own regression suite: whatever its grammar takes is read, or refused for a reason that is
// listed here.

namespace chaperone::parser {

namespace {

std::vector<std::string> read_corpus() {
  std::ifstream file(SOURCE_DIR "/tests/parser/regress_corpus.sql");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> statements;
  constexpr std::string_view kMark = "--%\n";
  std::size_t start = text.find(kMark);
  while (start != std::string::npos) {
    start += kMark.size();
    const std::size_t end = text.find(kMark, start);
    statements.push_back(text.substr(start, end == std::string::npos ? end : end - start));
    start = end;
  }
  return statements;
}

}  // namespace

TEST(RegressionSuite, EveryStatementIsReadOrRefusedAsParseRefusesIt) {
  const std::vector<std::string> statements = read_corpus();
  ASSERT_GE(statements.size(), 10'000U) << "the corpus was cut short";
  std::size_t read = 0;
  for (const std::string& sql : statements) {
    const Result<Script> script = parse(sql);
    const Result<Facts> facts = read_facts(sql);
    if (!script) {
      ASSERT_FALSE(facts.has_value()) << sql;
      EXPECT_EQ(facts.error().message, script.error().message) << sql;
      EXPECT_EQ(facts.error().position, script.error().position) << sql;
      continue;
    }
    if (!facts) {
      ADD_FAILURE() << sql << facts.error().message << " at " << facts.error().position;
      continue;
    }
    ++read;
    EXPECT_EQ(testing::inconsistency(*facts, *script, sql), "") << sql;
  }
  // What is left are the suite's own syntax errors and what a later PostgreSQL brought.
  EXPECT_GE(read, statements.size() * 9 / 10);
}

}  // namespace chaperone::parser
