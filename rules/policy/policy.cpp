#include "rules/policy/policy.hpp"

#include <algorithm>

namespace chaperone::rules {

bool ColumnSet::has(std::string_view name) const {
  return all || std::find(names.begin(), names.end(), name) != names.end();
}

const TableRule* Capability::find_table(std::string_view schema, std::string_view table) const {
  const auto found = tables.find(std::pair(schema, table));
  return found == tables.end() ? nullptr : &found->second;
}

const Agent* PolicySet::find_agent(std::string_view name) const {
  const auto found = agents.find(name);
  return found == agents.end() ? nullptr : &found->second;
}

std::set<std::string, std::less<>> PolicySet::observed() const {
  std::set<std::string, std::less<>> names;
  for (const auto& [name, agent] : agents) {
    if (agent.observe) names.insert(name);
  }
  return names;
}

}  // namespace chaperone::rules
