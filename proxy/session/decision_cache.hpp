#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/session/text_cache.hpp"
#include "rules/decide.hpp"

namespace chaperone::session {

/// A string of SQL as it came, and its decision. Immutable and shared.
struct DecidedSql {
  std::string sql;
  rules::Decision decision;
};
using SharedDecision = std::shared_ptr<const DecidedSql>;

/// All that a decision depends on besides the SQL: one policy, one catalog, the agent with its capabilities
/// in their order. Each gets a number of its own when it is made, so that a decision made under another one
/// is never found. Shared by the sessions of an agent on all threads.
class DecisionContext {
 public:
  DecisionContext(std::shared_ptr<const rules::PolicySet> policy,
                  std::shared_ptr<const rules::Catalog> catalog, rules::Agent agent,
                  const parser::Limits& limits);

  std::uint64_t number() const { return number_; }
  const rules::PolicySet& policy() const { return *policy_; }
  const rules::Catalog& catalog() const { return *catalog_; }
  /// With the capabilities that count here.
  const rules::Agent& agent() const { return agent_; }
  const parser::Limits& limits() const { return limits_; }

  rules::Decision decide(std::string_view sql) const;

 private:
  std::uint64_t number_;
  std::shared_ptr<const rules::PolicySet> policy_;
  std::shared_ptr<const rules::Catalog> catalog_;
  rules::Agent agent_;
  parser::Limits limits_;
};

/// Decisions by context and exact bytes (never by fingerprint: literals decide), for one thread. A decision
/// holds slots and no values, so that principals of one agent share it.
class DecisionCache {
 public:
  SharedDecision get(const DecisionContext& context, std::string_view sql);

  std::uint64_t hits() const { return cache_.hits(); }
  std::uint64_t misses() const { return cache_.misses(); }

 private:
  TextCache<SharedDecision> cache_;
};

}  // namespace chaperone::session
