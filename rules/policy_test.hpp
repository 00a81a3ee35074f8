#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/policy/problems.hpp"

/// Expectations about a policy, run like unit tests (docs/policy.md, "A policy's tests").
namespace chaperone::rules {

/// One expectation of a file.
struct PolicyCase {
  std::string name;
  std::string sql;
  bool allow = true;
  std::optional<std::string> sent;     ///< the exact text sent, without the context comment
  std::optional<std::string> rule;     ///< of the denial
  std::optional<std::string> message;  ///< of the denial; a glob: * any text, ? any character
  std::string agent;
  std::map<std::string, std::string, std::less<>> parameters;
  Mark mark;
};

/// A file of them with what it is about.
struct PolicyTest {
  std::string file;
  std::shared_ptr<const Catalog> catalog;
  std::shared_ptr<const PolicySet> policy;
  std::vector<PolicyCase> cases;
};

/// Reads a file of expectations with the policy and the schema that it names (relative to it). An empty list
/// of tests is a problem. What it says counts only if `problems` got nothing.
PolicyTest load_policy_test(const std::string& path, Problems& problems);

struct PolicyCaseResult {
  const PolicyCase* test = nullptr;
  std::string failure;  ///< what was expected and what came; empty: passed
};

struct PolicyTestResult {
  std::vector<PolicyCaseResult> cases;
  /// Rules of the agents that were tested, and those of them that no test put to use; as rules_of() has them.
  std::set<std::string> rules;
  std::set<std::string> unused;
};

PolicyTestResult run_policy_test(const PolicyTest& test);

/// Whether `text` is what the glob says: * any text, ? any character, all else itself.
bool matches_glob(std::string_view glob, std::string_view text);

}  // namespace chaperone::rules
