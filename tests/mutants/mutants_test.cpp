// Does a test notice when the rules are wrong? Each mutant of rules/evaluate/mutant.hpp is one plausible
// mistake; at least 45 of the 50 must change a decision that the cases below or tests/sql expect.
#include "rules/evaluate/mutant.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "rules/policy_test.hpp"
#include "tests/rules/cases.hpp"
#include "tests/rules/engine.hpp"

namespace chaperone::rules {
namespace {

constexpr int kFewestKilled = 45;

/// A statement with what the rules are to say of it.
struct Expectation {
  const Agent* agent;
  const Catalog* catalog;
  parser::Facts facts;
  bool allow;
  std::string text;
  std::optional<std::string> rule;  // of the denial, where one is expected

  bool holds() const {
    const Verdict verdict = evaluate(*agent, *catalog, facts);
    return verdict.allow == allow && (verdict.allow || !rule || verdict.denial->rule == *rule);
  }
};

/// Whether the decision allows it, and what follows refuses: `pgchaperone test` sees to those.
bool is_left_to_rewrite(const PolicyTest& file, const PolicyCase& wanted) {
  const Agent* agent = file.policy->find_agent(wanted.agent);
  const auto facts = parser::read_facts(wanted.sql);
  return agent != nullptr && facts && evaluate(*agent, *file.catalog, *facts).allow;
}

class Mutants : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto add = [&](const Agent* agent, const Catalog& catalog, std::string_view sql, bool allow,
                         std::optional<std::string> rule) {
      auto facts = parser::read_facts(sql);
      if (!facts || agent == nullptr) return;
      expectations_.push_back({agent, &catalog, std::move(*facts), allow, std::string(sql), std::move(rule)});
    };
    for (const std::span<const cases::Case> topic :
         {std::span<const cases::Case>(cases::kReads), std::span<const cases::Case>(cases::kWrites),
          std::span<const cases::Case>(cases::kStatements), std::span<const cases::Case>(cases::kSession),
          std::span<const cases::Case>(cases::kExpressions)}) {
      for (const cases::Case& wanted : topic) {
        add(engine_.policy().find_agent(wanted.agent), engine_.catalog(), wanted.sql, wanted.rule.empty(),
            std::string(wanted.rule));
      }
    }
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/sql")) {
      if (entry.path().extension() != ".yaml") continue;
      Problems problems;
      files_.push_back(load_policy_test(entry.path().string(), problems));
      ASSERT_TRUE(problems.empty()) << problems.text();
    }
    for (const PolicyTest& file : files_) {
      for (const PolicyCase& wanted : file.cases) {
        if (!wanted.allow && is_left_to_rewrite(file, wanted)) continue;
        add(file.policy->find_agent(wanted.agent), *file.catalog, wanted.sql, wanted.allow, wanted.rule);
      }
    }
  }
  void TearDown() override { active_mutant = 0; }

  const Engine engine_{cases::kSchema, cases::kPolicy};
  std::vector<PolicyTest> files_;
  std::vector<Expectation> expectations_;
};

TEST_F(Mutants, AreKilled) {
  for (const Expectation& expectation : expectations_) {
    ASSERT_TRUE(expectation.holds()) << "without a mutant: " << expectation.text;
  }
  std::string survivors;
  int killed = 0;
  for (int mutant = 1; mutant <= kMutants; ++mutant) {
    active_mutant = mutant;
    if (!std::ranges::all_of(expectations_, &Expectation::holds)) {
      ++killed;
    } else {
      survivors += ' ' + std::to_string(mutant);
    }
  }
  RecordProperty("killed", killed);
  std::printf("mutants: %d of %d killed by %zu statements; alive:%s\n", killed, kMutants,
              expectations_.size(), survivors.empty() ? " none" : survivors.c_str());
  EXPECT_GE(killed, kFewestKilled) << "alive:" << survivors;
}

}  // namespace
}  // namespace chaperone::rules
