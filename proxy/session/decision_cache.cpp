#include "proxy/session/decision_cache.hpp"

#include <atomic>
#include <utility>

#include "proxy/audit/record.hpp"

namespace chaperone::session {
namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

SharedDecision decide(const DecisionContext& context, std::string_view sql) {
  auto decided = std::make_shared<DecidedSql>();
  decided->sql = sql;
  decided->decision = context.decide(sql);
  const rules::Decision& decision = decided->decision;
  if (decision.allow) decided->declarations = declarations_of(sql, decision.script, context.limits());
  decided->members = audit::decision_members(
      decision.capability ? decision.capability->name : "", decision.denial ? decision.denial->rule : "",
      rules::narrowed_words(decision.narrowed), context.policy().hash, context.enforced());
  return decided;
}

std::size_t bytes_of(const DecidedSql& decided) {
  return decided.sql.size() + decided.decision.bytes() + decided.members.size();
}

}  // namespace

DecisionContext::DecisionContext(std::shared_ptr<const rules::PolicySet> policy,
                                 std::shared_ptr<const rules::Catalog> catalog, rules::Agent agent,
                                 const parser::Limits& limits)
    : number_(next_number()),
      policy_(std::move(policy)),
      catalog_(std::move(catalog)),
      agent_(std::move(agent)),
      limits_(limits) {
}

rules::Decision DecisionContext::decide(std::string_view sql) const {
  return rules::decide(sql, agent_, *catalog_, limits_);
}

SharedDecision DecisionCache::get(const DecisionContext& context, std::string_view sql) {
  const Cache::Key key(exact(context), sql);
  if (const auto* known = cache_.find(key)) return *known;
  auto decided = decide(context, sql);
  if (cache_.seen_before(key)) cache_.keep(key, decided, bytes_of(*decided));
  return decided;
}

SharedDecision DecisionCache::get_alike(const DecisionContext& context, std::string_view sql) {
  const std::string_view text = shape_.of(sql);
  if (text.empty()) return get(context, sql);
  const Cache::Key key(shape(context), text);
  const auto* known = cache_.find(key);
  if (known != nullptr && *known != nullptr) return *known;
  const bool matters = known != nullptr;
  auto decided = get(context, sql);
  const auto& decision = decided->decision;
  if (matters || !decision.allow || !is_query_text(decision.script) || !cache_.seen_before(key)) {
    return decided;
  }
  auto alike = decide(context, text);
  if (alike->decision == decision && context.decide(shape_.twin(sql)) == decision) {
    cache_.keep(key, alike, bytes_of(*alike));
  } else {
    cache_.keep(key, nullptr, 0);
  }
  return decided;
}

}  // namespace chaperone::session
