#include "proxy/session/decision_cache.hpp"

#include <atomic>
#include <utility>

namespace chaperone::session {
namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
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
  return cache_.get(
      context.number(), sql,
      [&] {
        return std::make_shared<const DecidedSql>(DecidedSql{std::string(sql), context.decide(sql)});
      },
      [](const SharedDecision& decided) { return std::string_view(decided->sql); },
      [](const SharedDecision& decided) { return decided->sql.size() + decided->decision.bytes(); });
}

}  // namespace chaperone::session
