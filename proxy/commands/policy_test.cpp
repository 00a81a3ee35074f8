#include "proxy/commands/policy_test.hpp"

#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <vector>

#include "proxy/commands/audit_view.hpp"
#include "rules/policy_test.hpp"

namespace chaperone::commands {
namespace {

void print_result(const std::string& file, const rules::PolicyCaseResult& result, bool verbose,
                  std::ostream& out) {
  const rules::PolicyCase& test = *result.test;
  if (result.failure.empty()) {
    if (verbose) fmt::print(out, "{}:{}: pass: {}\n", file, test.mark.line, test.name);
    return;
  }
  fmt::print(out, "{}:{}: FAIL: {}\n    {}\n    {}\n", file, test.mark.line, test.name, printable(test.sql),
             result.failure);
}

}  // namespace

int test_policies(std::span<const std::string> files, bool verbose, std::ostream& out, std::ostream& errors) {
  rules::Problems problems;
  std::vector<rules::PolicyTest> tests;
  for (const std::string& file : files) tests.push_back(rules::load_policy_test(file, problems));
  if (!problems.empty()) {
    fmt::print(errors, "{}\n", problems.text());
    return 2;
  }
  for (const std::string& warning : problems.warnings()) fmt::print(errors, "{}\n", warning);
  std::size_t passed = 0;
  std::size_t all = 0;
  std::set<std::string> rules;
  std::set<std::string> unused;
  std::set<std::string> used;
  for (const rules::PolicyTest& test : tests) {
    const rules::PolicyTestResult result = rules::run_policy_test(test);
    for (const rules::PolicyCaseResult& each : result.cases) {
      print_result(test.file, each, verbose, out);
      passed += each.failure.empty() ? 1U : 0U;
    }
    all += result.cases.size();
    // A rule that one file leaves alone may be what another is about.
    std::set_difference(result.rules.begin(), result.rules.end(), result.unused.begin(), result.unused.end(),
                        std::inserter(used, used.end()));
    rules.insert(result.rules.begin(), result.rules.end());
  }
  std::set_difference(rules.begin(), rules.end(), used.begin(), used.end(),
                      std::inserter(unused, unused.end()));
  if (!unused.empty()) {
    fmt::print(out, "{} of {} rules were put to use by no test:\n", unused.size(), rules.size());
    for (const std::string& rule : unused) fmt::print(out, "    {}\n", rule);
  }
  fmt::print(out, "{}\nPASS: {}/{}\n", std::string(80, '-'), passed, all);
  if (passed < all) fmt::print(out, "FAIL: {}/{}\n", all - passed, all);
  return passed == all ? 0 : 1;
}

void add_policy_test(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand("test", "Run expectations about a policy, like unit tests.");
  command->footer(
      "A file names a policy, a schema and an agent, and lists statements with the verdict that is expected\n"
      "(docs/policy.md). Rules that no test put to use are listed; a file without tests is an error.\n"
      "Exit status: 0 all passed, 1 one failed, 2 could not run.\n\n"
      "Example: pgchaperone test policy.test.yaml");
  const auto files = std::make_shared<std::vector<std::string>>();
  const auto verbose = std::make_shared<bool>(false);
  command->add_flag("-v,--verbose", *verbose, "List what passes too");
  command->add_option("FILE", *files, "Files of expectations")->required()->type_name("FILE");
  command->callback([files, verbose, &exit_status] {
    exit_status = test_policies(*files, *verbose, std::cout, std::cerr);
  });
}

}  // namespace chaperone::commands
