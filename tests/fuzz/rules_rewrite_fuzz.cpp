#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "parser/facts.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/rules/narrowing.hpp"

// Any text is answered. What would be sent parses, is as many statements, and names a table of which the
// agent sees some rows only where a filter stands beside it; and it does so whatever the agent's values are.

namespace {

using namespace chaperone;
using parser::Facts;
using parser::Id;
using parser::kNone;

bool is_filtered(std::string_view table) {
  static constexpr std::string_view kFiltered[] = {"users", "tickets", "docs", "parents", "probe"};
  return std::find(std::begin(kFiltered), std::end(kFiltered), table) != std::end(kFiltered);
}

bool is_cte(const Facts& facts, std::string_view name) {
  return std::any_of(facts.ctes.begin(), facts.ctes.end(),
                     [name](const parser::Cte& cte) { return cte.name == name; });
}

void check_item(const Facts& facts, Id id) {
  const parser::FromItem& item = facts.from_items[id];
  if (item.kind != parser::FromKind::kRelation || item.query == kNone) return;
  const auto names = facts.at(item.names);
  if (!is_filtered(names.back()) || (names.size() == 1 && is_cte(facts, names.back()))) return;
  const parser::Query& query = facts.queries[item.query];
  if (query.target == id) {
    // An INSERT shows nothing, and MERGE is refused.
    require(query.kind == parser::QueryKind::kInsert || query.where != kNone, "a write without a filter");
    require(query.kind != parser::QueryKind::kMerge, "a MERGE into a filtered table");
    return;
  }
  require(names.size() == 2 && names.front() == "public", "a filtered table by a name of its own");
  require(query.kind == parser::QueryKind::kSelect && query.from.count == 1 && query.where != kNone,
          "a filtered table without its filter");
  require(query.role != parser::QueryRole::kExpression && query.role != parser::QueryRole::kCte,
          "a filtered table outside of a wrapper");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const rules::narrowing::Shop plain;
  static const rules::narrowing::Shop capped(1000);
  const std::string sql(as_text(data, size));
  for (const rules::narrowing::Shop* shop : {&plain, &capped}) {
    rules::Rewritten rewritten;
    if (!shop->rewrite_with(sql, rewritten).empty()) continue;
    const std::string sent = shop->rewritten(sql);
    const std::string text = sent == "as written" ? sql : sent;
    parser::Limits limits;
    limits.bytes *= 16;
    limits.tokens *= 16;
    limits.nesting *= 2;
    const auto before = parser::read_facts(sql);
    const auto after = parser::read_facts(text, limits);
    require(before.has_value(), "a text that can't be read was rewritten");
    require(after.has_value(), "what would be sent does not parse");
    require(before->statements.size() == after->statements.size(), "another number of statements");
    for (Id id = 0; id < after->from_items.size(); ++id) check_item(*after, id);
    for (const parser::RelationUse& use : after->relation_uses) {
      require(use.action != parser::RelationAction::kCopyTo || !is_filtered(after->at(use.names).back()),
              "COPY of a filtered table");
    }
    // The map covers the text, and runs along it.
    const auto [mapped, map] = shop->rewritten_with_positions(sql);
    std::uint32_t last = 0;
    for (std::uint32_t position = 1; position <= std::min<std::size_t>(mapped.size(), 2000); ++position) {
      const std::uint32_t at = map.client_position(position);
      require(at >= last, "positions run back");
      last = at;
    }
  }
  return 0;
}
