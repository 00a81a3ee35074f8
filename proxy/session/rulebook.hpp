#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "proxy/auth/proof.hpp"
#include "proxy/session/decision_cache.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::session {

/// What decides in one database: a policy that was loaded over its catalog. Immutable; a reload of either
/// makes another one. Any thread.
class Rulebook {
 public:
  Rulebook(std::shared_ptr<const rules::PolicySet> policy, std::shared_ptr<const rules::Catalog> catalog,
           const parser::Limits& limits, std::string target);

  const rules::PolicySet& policy() const { return *policy_; }
  const rules::Catalog& catalog() const { return *catalog_; }
  /// Database::target() of the database that the catalog is of.
  const std::string& target() const { return target_; }

  /// What decides for an agent with the capabilities of `only`, or all that it has; the same for the same
  /// arguments. `enforced` false: of a session that is only observed, whatever the policy says now. An error:
  /// the policy does not name the agent, or not these among its capabilities.
  wire::Result<std::shared_ptr<const DecisionContext>> context(
      std::string_view agent, const std::optional<std::vector<std::string>>& only,
      bool enforced = true) const;

 private:
  std::shared_ptr<const rules::PolicySet> policy_;
  std::shared_ptr<const rules::Catalog> catalog_;
  parser::Limits limits_;
  std::string target_;
  using Key = std::tuple<std::string, std::optional<std::vector<std::string>>, bool>;
  mutable std::mutex mutex_;
  mutable std::map<Key, std::shared_ptr<const DecisionContext>> contexts_;
};

/// The rulebooks of one I/O thread, by the database's name as agents use it.
using Rulebooks = std::map<std::string, std::shared_ptr<const Rulebook>, std::less<>>;

/// The principal of who logged in: its claims as the agent's parameters. An error names the claim that it
/// lacks.
wire::Result<rules::Principal> principal_of(const auth::ProvenIdentity& identity, const rules::Agent& agent);

}  // namespace chaperone::session
