#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "parser/facts.hpp"
#include "parser/tokens.hpp"
#include "rules/check.hpp"
#include "rules/policy_test.hpp"

// The cases of tests/sql in many spellings: what stands between tokens, what is put around a statement. None
// changes what a statement does, so none may change its verdict.

namespace chaperone::rules {
namespace {

constexpr std::string_view kBetween[] = {" ",   "  ",      "\t", " /**/ ", " /* a /* nested */ ; -- */ ",
                                         "\r ", " -- ;\r "};
constexpr int kSpellings = 11;

/// The tokens of a text with something else between them.
std::string spell(std::string_view sql, std::mt19937& random) {
  std::string out;
  parser::Tokenizer tokenizer(sql);
  parser::Token token;
  std::size_t end = 0;
  bool first = true;
  while (tokenizer.next(token)) {
    const std::string_view bytes = sql.substr(token.span.offset, token.span.length);
    const bool joined = token.span.offset == end;
    // N'..' is two tokens, and junk that ends in an error must stay junk.
    const bool apart = !first && !joined;
    if (apart) out += kBetween[random() % std::size(kBetween)];
    out += bytes;
    end = token.span.offset + token.span.length;
    first = false;
  }
  return out;
}

bool is_query(const parser::Facts& facts) {
  using parser::StatementKind;
  if (facts.script.statements.size() != 1) return false;
  const StatementKind kind = facts.script.statements[0].kind;
  return kind == StatementKind::kSelect || kind == StatementKind::kInsert || kind == StatementKind::kUpdate ||
         kind == StatementKind::kDelete;
}

bool is_into(const parser::Facts& facts) {
  return std::ranges::any_of(facts.queries, [](const parser::Query& query) { return query.into; });
}

/// The statement as it is and in other forms.
std::vector<std::string> variants(const PolicyCase& test, std::mt19937& random) {
  std::vector<std::string> found = {test.sql, "/* actor='root' */ " + test.sql, test.sql + " ;"};
  const auto facts = parser::read_facts(test.sql);
  if (!facts) return found;
  for (int i = 0; i < kSpellings; ++i) found.push_back(spell(test.sql, random));
  if (!is_query(*facts) || is_into(*facts)) return found;
  const parser::Span span = facts->script.statements[0].span;
  const std::string statement = test.sql.substr(span.offset, span.length);
  found.push_back("PREPARE p AS " + statement);
  found.push_back("BEGIN; " + statement + "; COMMIT");
  found.push_back(statement + "; " + statement);
  return found;
}

struct Count {
  std::size_t all = 0;
  std::size_t right = 0;
};

TEST(Mixed, EverySpellingOfACaseHasItsVerdict) {
  std::mt19937 random(20261125);
  Count attacks;
  Count ordinary;
  std::vector<std::string> wrong;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/sql")) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("attack_") || name.starts_with("ordinary_")) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    Problems problems;
    const PolicyTest test = load_policy_test(file, problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
    for (const PolicyCase& each : test.cases) {
      const Agent& agent = *test.policy->find_agent(each.agent);
      const Principal principal = make_principal(agent, each.parameters);
      Count& count = each.allow ? ordinary : attacks;
      for (const std::string& sql : variants(each, random)) {
        const Checked checked = check(sql, agent, *test.catalog, principal);
        ++count.all;
        if (checked.allow == each.allow) {
          ++count.right;
        } else {
          wrong.push_back(fmt::format("{}:{}: expected {}: {}\n    {}", file, each.mark.line,
                                      each.allow ? "allow" : "deny", sql, checked.message));
        }
      }
    }
  }
  const double share =
      ordinary.all == 0 ? 0 : 100.0 * static_cast<double>(ordinary.right) / static_cast<double>(ordinary.all);
  std::cout << fmt::format(
      "mixed: {} statements, {} of {} attacks refused, {:.2f} % of {} ordinary ones allowed\n",
      attacks.all + ordinary.all, attacks.right, attacks.all, share, ordinary.all);
  EXPECT_GE(attacks.all + ordinary.all, 10'000U);
  EXPECT_EQ(attacks.right, attacks.all);
  EXPECT_GE(share, 99.0);
  for (std::size_t i = 0; i < std::min<std::size_t>(wrong.size(), 20); ++i) std::cout << wrong[i] << '\n';
}

}  // namespace
}  // namespace chaperone::rules
