#include "proxy/session/rulebook.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {
namespace {

wire::Error refused(std::string message) {
  return {.sqlstate = wire::sqlstate::kInvalidAuthorization, .message = std::move(message)};
}

}  // namespace

Rulebook::Rulebook(std::shared_ptr<const rules::PolicySet> policy,
                   std::shared_ptr<const rules::Catalog> catalog, const parser::Limits& limits,
                   std::string target)
    : policy_(std::move(policy)), catalog_(std::move(catalog)), limits_(limits), target_(std::move(target)) {
}

wire::Result<std::shared_ptr<const DecisionContext>> Rulebook::context(
    std::string_view name, const std::optional<std::vector<std::string>>& only, bool enforced) const {
  const rules::Agent* agent = policy_->find_agent(name);
  if (agent == nullptr) return refused("the policy does not name this agent");
  Key key{std::string(name), only, enforced};
  auto& bound = std::get<1>(key);
  if (bound) {  // in the agent's own order, whatever order they were given in
    auto& names = *bound;
    std::vector<std::string> ordered;
    for (const auto& capability : agent->capabilities) {
      if (std::erase(names, capability->name) != 0) ordered.push_back(capability->name);
    }
    if (!names.empty()) {
      return refused(fmt::format("the capability \"{}\" is not one of the agent's", names.front()));
    }
    names = std::move(ordered);
  }
  const std::lock_guard lock(mutex_);
  auto& context = contexts_[key];
  if (!context) {
    rules::Agent bounded = *agent;
    bounded.observe = !enforced;
    if (bound) {
      std::erase_if(bounded.capabilities, [&](const auto& capability) {
        return std::ranges::find(*bound, capability->name) == bound->end();
      });
    }
    context = std::make_shared<const DecisionContext>(policy_, catalog_, std::move(bounded), limits_);
  }
  return context;
}

wire::Result<rules::Principal> principal_of(const auth::ProvenIdentity& identity, const rules::Agent& agent) {
  rules::Principal principal{
      .agent = identity.agent, .actor = identity.actor, .task = identity.task, .parameters = {}};
  for (const auto& [name, source] : agent.parameters) {
    if (const auto* constant = std::get_if<rules::ConstantSource>(&source)) {
      principal.parameters[name] = constant->text;
      continue;
    }
    const auto& claim = std::get<rules::ClaimSource>(source).claim;
    const auto found = identity.claims.find(claim);
    if (found == identity.claims.end()) {
      return refused(fmt::format("the parameter \"{}\" needs the claim \"{}\", which the proof lacks ({})",
                                 name, claim, identity.method));
    }
    principal.parameters[name] = found->second;
  }
  principal.parameters["agent"] = identity.agent;
  principal.parameters["actor"] = identity.actor;
  principal.parameters["task"] = identity.task;
  return principal;
}

}  // namespace chaperone::session
