#include "proxy/commands/subjects.hpp"

#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <ostream>
#include <variant>

#include "rules/policy/load.hpp"
#include "rules/policy/problems.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

std::vector<std::string_view> names_of(const rules::PolicySet& policy) {
  std::vector<std::string_view> names;
  for (const auto& [name, agent] : policy.agents) names.push_back(name);
  return names;
}

const rules::Agent* find_agent(const rules::PolicySet& policy, const std::string& name,
                               std::ostream& errors) {
  const std::vector<std::string_view> known = names_of(policy);
  if (name.empty() && policy.agents.size() == 1) return &policy.agents.begin()->second;
  if (name.empty()) {
    fmt::print(errors, "pgchaperone: the policy has {} agents: say --as {}\n", known.size(),
               fmt::join(known, "|"));
    return nullptr;
  }
  const rules::Agent* agent = policy.find_agent(name);
  if (agent != nullptr) return agent;
  const std::string_view meant = rules::closest(name, known);
  fmt::print(errors, "pgchaperone: the policy has no agent {}; it has {}{}\n", rules::in_quotes(name),
             fmt::join(known, ", "), meant.empty() ? "" : fmt::format(". Perhaps you meant {}.", meant));
  return nullptr;
}

using Values = std::map<std::string, std::string, std::less<>>;

bool read_parameters(const std::vector<std::string>& given, const rules::Agent& agent, Values& values,
                     std::ostream& errors) {
  for (const std::string& each : given) {
    const std::size_t equals = each.find('=');
    const std::string name = each.substr(0, equals);
    if (equals == std::string::npos || name.empty()) {
      fmt::print(errors, "pgchaperone: --param {}: expected NAME=VALUE\n", rules::in_quotes(each));
      return false;
    }
    const auto found = agent.parameters.find(name);
    if (found == agent.parameters.end()) {
      std::vector<std::string_view> known;
      for (const auto& [parameter, source] : agent.parameters) known.push_back(parameter);
      fmt::print(errors, "pgchaperone: {} has no parameter {}{}\n", agent.name, rules::in_quotes(name),
                 known.empty() ? "" : fmt::format("; it has {}", fmt::join(known, ", ")));
      return false;
    }
    values[name] = each.substr(equals + 1);
  }
  return true;
}

}  // namespace

void add_subject_options(CLI::App& command, SubjectOptions& options) {
  command.add_option("--policy", options.policy, "The policy")->required()->type_name("FILE");
  command
      .add_option("--schema", options.schema,
                  "SQL DDL, as pg_dump --schema-only writes it, or a snapshot of pgchaperone catalog")
      ->required()
      ->type_name("FILE");
  command.add_option("--as", options.agent, "The agent; not needed where the policy has one alone")
      ->type_name("AGENT");
  command
      .add_option("--param", options.parameters,
                  "A value for a parameter that comes from a claim; repeatable")
      ->type_name("NAME=VALUE");
  command.add_option("--actor", options.actor, "On whose behalf it acts")->type_name("NAME");
  command.add_option("--task", options.task, "What it is for")->type_name("NAME");
}

bool load_subjects(const SubjectOptions& options, Subjects& subjects, std::ostream& errors) {
  rules::Problems problems;
  subjects.catalog = rules::load_catalog(options.schema, problems);
  if (subjects.catalog != nullptr && problems.empty()) {
    subjects.policy = rules::load_policy_file(options.policy, *subjects.catalog, problems);
  }
  if (!problems.empty() || subjects.policy == nullptr) {
    fmt::print(errors, "{}\n", problems.text());
    return false;
  }
  for (const std::string& warning : problems.warnings()) fmt::print(errors, "{}\n", warning);
  subjects.agent = find_agent(*subjects.policy, options.agent, errors);
  if (subjects.agent == nullptr) return false;
  Values values;
  if (!read_parameters(options.parameters, *subjects.agent, values, errors)) return false;
  for (const auto& [name, source] : subjects.agent->parameters) {
    if (std::holds_alternative<rules::ClaimSource>(source) && !values.contains(name))
      subjects.missing.push_back(name);
  }
  subjects.principal = rules::make_principal(*subjects.agent, values, options.actor, options.task);
  return true;
}

}  // namespace chaperone::commands
