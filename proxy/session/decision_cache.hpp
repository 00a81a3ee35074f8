#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/session/declared_task.hpp"
#include "proxy/session/text_cache.hpp"
#include "proxy/session/text_shape.hpp"
#include "rules/decide.hpp"

namespace chaperone::session {

/// A string of SQL and its decision. Immutable and shared.
struct DecidedSql {
  std::string sql;
  rules::Decision decision;
  std::string members;  ///< audit::decision_members() of it
  std::vector<Declaration> declarations;
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
  /// False: what is decided is recorded, and does not hold.
  bool enforced() const { return !agent_.observe; }
  const parser::Limits& limits() const { return limits_; }

  rules::Decision decide(std::string_view sql) const;

 private:
  std::uint64_t number_;
  std::shared_ptr<const rules::PolicySet> policy_;
  std::shared_ptr<const rules::Catalog> catalog_;
  rules::Agent agent_;
  parser::Limits limits_;
};

/// Decisions by context and text (never by fingerprint: literals decide), for one thread. A decision holds
/// slots and no values, so that principals of one agent share it.
class DecisionCache {
 public:
  /// By exact bytes.
  SharedDecision get(const DecisionContext& context, std::string_view sql);
  /// By shape (TextShape) where the constants do not matter: the decision is that of `sql`, with its edits at
  /// the places of `sql`, but `DecidedSql::sql` may have zeros for its constants. For what is sent once: what
  /// is shown or sent is made out of `sql`, and never out of the result's.
  ///
  /// They do not matter where the text is allowed and gets the same decision with its own constants, with
  /// zeros and with others: edits may repeat a predicate of the client's, and then they differ. A refusal is
  /// never shared.
  SharedDecision get_alike(const DecisionContext& context, std::string_view sql);

 private:
  using Cache = TextCache<SharedDecision>;
  /// What a decision is found by beside its text.
  static std::uint64_t exact(const DecisionContext& context) { return context.number() * 2; }
  static std::uint64_t shape(const DecisionContext& context) { return context.number() * 2 + 1; }

  Cache cache_;  // of a shape in which constants matter: null
  TextShape shape_;
};

}  // namespace chaperone::session
