#include "rules/load.hpp"

#include <fmt/format.h>

#include "rules/text.hpp"
#include "rules/yaml.hpp"

namespace chaperone::rules {
namespace {

constexpr std::string_view kObservesOnly = "this version observes only and can't enforce yet";
constexpr std::string_view kAgent = "agents of `mode: observe` alone";
constexpr std::string_view kMode = "mode: observe";

void load_agent(const std::string& name, const yaml::Value& value, PolicySet& policy) {
  if (name.find(':') != std::string::npos) {
    value.problem_at_key("the name of an agent holds a colon", "a name that can stand in the passwords file");
  }
  yaml::Map agent = value.map("a map: {mode: observe}");
  if (const auto mode = agent.find("mode")) {
    const auto text = mode->text("observe");
    if (text && text != "observe") {
      mode->problem(fmt::format("{} is {}: {}", mode->path(), in_quotes(*text), kObservesOnly), "observe");
    }
  } else if (value.is_map()) {
    value.problem_at_key(fmt::format("agent without `mode: observe`: {}", kObservesOnly), kMode);
  }
  for (const std::string_view key : {"capabilities", "parameters", "session"}) {
    agent.refuse(key, kObservesOnly, kMode);
  }
  Agent& loaded = policy.agents[name];
  loaded.name = name;
  loaded.observe = true;
}

}  // namespace

PolicySet load_policy(std::string_view text, const std::string& file, Problems& problems) {
  PolicySet policy;
  const auto document = yaml::Document::from_text(text, file, problems);
  if (!document.readable()) return policy;
  yaml::Map root = document.root().map("a map with `version` and `agents`");
  if (const auto version = root.need("version", "version: 1")) version->integer(1, 1);
  for (const std::string_view key : {"capabilities", "include"}) root.refuse(key, kObservesOnly, kAgent);
  const auto agents = root.need("agents", "a map of agents, as {triage-bot: {mode: observe}}");
  if (!agents) return policy;
  yaml::Map map = agents->map("a map of agents, as {triage-bot: {mode: observe}}");
  for (const auto& [name, value] : map.entries()) load_agent(name, value, policy);
  if (agents->is_map() && policy.agents.empty()) {
    agents->problem("agents is empty", "at least one agent, as {triage-bot: {mode: observe}}");
  }
  return policy;
}

}  // namespace chaperone::rules
