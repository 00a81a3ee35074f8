#include "rules/policy_test.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "rules/check.hpp"
#include "rules/file.hpp"
#include "rules/policy/load.hpp"
#include "rules/policy/yaml.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

std::string beside(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

void read_parameters(const yaml::Value& value, Parameters& parameters) {
  yaml::Map map = value.map("a map of parameters and their values, as {tenant: 7}");
  for (const auto& [name, entry] : map.entries()) {
    if (const auto text = entry.text("a value")) parameters[name] = *text;
  }
}

/// What stands at the top and holds for each test that does not say otherwise.
struct Defaults {
  std::string agent;
  Parameters parameters;
};

void check_agent(const yaml::Value& value, const std::string& agent, const PolicyTest& test) {
  if (test.policy == nullptr || test.policy->find_agent(agent) != nullptr) return;
  std::vector<std::string_view> known;
  for (const auto& [name, each] : test.policy->agents) known.push_back(name);
  const std::string_view meant = closest(agent, known);
  value.problem(fmt::format("the policy has no agent {}", in_quotes(agent)),
                meant.empty() ? "an agent of the policy" : std::string(meant));
}

void read_case(const yaml::Value& value, const Defaults& defaults, PolicyTest& test) {
  yaml::Map map = value.map("a map: {name: .., sql: .., expect: allow}");
  PolicyCase found;
  found.mark = value.mark();
  found.agent = defaults.agent;
  found.parameters = defaults.parameters;
  if (const auto name = map.need("name", "what the test shows"))
    found.name = name->text("a name").value_or("");
  if (const auto sql = map.need("sql", "a string of SQL"))
    found.sql = sql->any_text("a string of SQL").value_or("");
  if (const auto expect = map.need("expect", "allow or deny")) {
    static constexpr std::string_view kExpected[] = {"allow", "deny"};
    found.allow = expect->choice(kExpected).value_or(0) == 0;
  }
  if (const auto as = map.find("as")) {
    found.agent = as->text("an agent of the policy").value_or("");
    if (!found.agent.empty()) check_agent(*as, found.agent, test);
  }
  if (const auto parameters = map.find("parameters")) read_parameters(*parameters, found.parameters);
  const auto only_if = [&](std::string_view key, bool allow, std::string_view what,
                           std::optional<std::string>& to) {
    const auto entry = map.find(key);
    if (!entry) return;
    to = entry->any_text(what);
    if (found.allow != allow) {
      entry->problem_at_key(fmt::format("{} goes with `expect: {}`", key, allow ? "allow" : "deny"),
                            "one that can hold");
    }
  };
  only_if("sent", true, "the text that is sent", found.sent);
  only_if("rule", false, "the rule that refuses", found.rule);
  only_if("message", false, "a glob for the message", found.message);
  if (found.agent.empty() && !map.find("as")) {
    value.problem("the test names no agent", "`as: <agent>` here or at the top");
  }
  test.cases.push_back(std::move(found));
}

std::optional<std::string> read_path(yaml::Map& map, std::string_view key, std::string_view expected,
                                     const std::string& file) {
  const auto value = map.need(key, expected);
  if (!value) return std::nullopt;
  const auto path = value->text(expected);
  if (!path) return std::nullopt;
  return beside(file, *path);
}

void read_subjects(yaml::Map& root, PolicyTest& test, Problems& problems) {
  const auto schema = read_path(root, "schema", "the path of SQL DDL or of a snapshot", test.file);
  const auto policy = read_path(root, "policy", "the path of a policy", test.file);
  if (schema) test.catalog = load_catalog(*schema, problems);
  if (policy && test.catalog != nullptr) test.policy = load_policy_file(*policy, *test.catalog, problems);
}

std::string on_its_line(std::string_view text) {
  return fmt::format("\n      {}", text);
}

std::string failure_of(const PolicyCase& test, const Checked& checked, std::string_view sent) {
  if (checked.allow != test.allow) {
    return checked.allow ? fmt::format("expected deny, but it is allowed; sent:{}", on_its_line(sent))
                         : fmt::format("expected allow, but:{}", on_its_line(checked.message)) +
                               (checked.rule.empty() ? "" : fmt::format(" (rule {})", checked.rule));
  }
  if (test.sent && *test.sent != sent) {
    return fmt::format("expected to be sent:{}\n    but sent:{}", on_its_line(*test.sent), on_its_line(sent));
  }
  if (test.rule && *test.rule != checked.rule) {
    return fmt::format("expected rule {}, but rule {}:{}", *test.rule, checked.rule,
                       on_its_line(checked.message));
  }
  if (test.message && !matches_glob(*test.message, checked.message)) {
    return fmt::format("expected a message like:{}\n    but:{}", on_its_line(*test.message),
                       on_its_line(checked.message));
  }
  return {};
}

}  // namespace

PolicyTest load_policy_test(const std::string& path, Problems& problems) {
  PolicyTest test;
  test.file = path;
  const auto document = yaml::Document::from_file(path, problems);
  if (!document.readable()) return test;
  yaml::Map root = document.root().map("a map with `policy`, `schema`, `as` and `tests`");
  read_subjects(root, test, problems);
  Defaults defaults;
  if (const auto as = root.find("as")) {
    defaults.agent = as->text("an agent of the policy").value_or("");
    if (!defaults.agent.empty()) check_agent(*as, defaults.agent, test);
  }
  if (const auto parameters = root.find("parameters")) read_parameters(*parameters, defaults.parameters);
  const auto tests = root.need("tests", "a list of tests");
  if (!tests) return test;
  const auto list = tests->list("a list of tests, as - {name: .., sql: .., expect: allow}");
  if (list.empty() && tests->is_list())
    tests->problem("there are no tests", "at least one: an empty file shows nothing");
  for (const yaml::Value& each : list) read_case(each, defaults, test);
  return test;
}

PolicyTestResult run_policy_test(const PolicyTest& test) {
  PolicyTestResult result;
  std::set<std::string> used;
  for (const PolicyCase& each : test.cases) {
    const Agent& agent = *test.policy->find_agent(each.agent);
    result.rules.merge(rules_of(agent));
    const Principal principal = make_principal(agent, each.parameters);
    const Checked checked = check(each.sql, agent, *test.catalog, principal);
    used.insert(checked.exercised.begin(), checked.exercised.end());
    result.cases.push_back({&each, failure_of(each, checked, checked.rewritten.value_or(each.sql))});
  }
  std::set_difference(result.rules.begin(), result.rules.end(), used.begin(), used.end(),
                      std::inserter(result.unused, result.unused.end()));
  return result;
}

bool matches_glob(std::string_view glob, std::string_view text) {
  // The last star and where its text began: what follows fails, the star takes one character more.
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t begin = 0;
  std::size_t place = 0;
  while (place < text.size()) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      begin = place;
    } else if (at < glob.size() && (glob[at] == '?' || glob[at] == text[place])) {
      ++at;
      ++place;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      place = ++begin;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace chaperone::rules
