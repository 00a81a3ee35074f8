#include <algorithm>

#include "rules/rewrite/items.hpp"
#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

using parser::Id;
using parser::kNone;

namespace {

std::vector<Id> tree_conjuncts(const parser::Facts& facts, Id condition) {
  std::vector<Id> found;
  std::vector<Id> open = {condition};
  while (!open.empty()) {
    const Id next = open.back();
    open.pop_back();
    const parser::Expr& expr = facts.exprs[next];
    if (expr.kind != parser::ExprKind::kAnd) {
      found.push_back(next);
      continue;
    }
    for (std::uint32_t i = expr.children.count; i-- > 0;) open.push_back(expr.children.first + i);
  }
  return found;
}

}  // namespace

TokenRange Rewriter::where_of(Id query) const {
  const Extent extent = extents_[facts_.queries[query].where];
  const std::size_t first = text_.at(extent.first);
  if (extent.first == kNone || first == text_.size()) throw CannotRewrite{"a condition without a place"};
  const std::size_t where = text_.word_before(first, "WHERE");
  if (where == text_.size()) throw CannotRewrite{"no WHERE"};
  const TokenRange range{where + 1, text_.clause_end(where + 1)};
  if (range.empty() || extent.last > text_.begin(range.end - 1)) throw CannotRewrite{"WHERE ends too early"};
  return range;
}

const Rewriter::Condition& Rewriter::condition_of(Id query) {
  const auto known = conditions_.find(query);
  if (known != conditions_.end()) return known->second;
  Condition& cut = conditions_[query];
  cut.whole = where_of(query);
  const std::vector<TokenRange> ranges = text_.conjuncts(cut.whole);
  const std::vector<Id> exprs = tree_conjuncts(facts_, facts_.queries[query].where);
  if (ranges.size() != exprs.size()) return cut;
  for (std::size_t i = 0; i < exprs.size(); ++i) {
    const Extent extent = extents_[exprs[i]];
    if (extent.first == kNone || extent.first < text_.begin(ranges[i].first) ||
        extent.last >= text_.end(ranges[i].end - 1)) {
      cut.ranges.clear();
      return cut;
    }
    cut.ranges.emplace(exprs[i], ranges[i]);
  }
  return cut;
}

// The whole condition, where text and tree are not cut alike.
TokenRange Rewriter::conjunct_range(Id expr) {
  const Condition& condition = condition_of(facts_.exprs[expr].query);
  if (condition.ranges.empty()) return condition.whole;
  const auto found = condition.ranges.find(expr);
  if (found == condition.ranges.end()) throw CannotRewrite{"no such conjunct"};
  return found->second;
}

// The filters of an item, as they are said beside it.
Composer Rewriter::filter_of(Id item) const {
  Composer filter;
  const Id query = facts_.from_items[item].query;
  const auto add = [&](const RowFilter& rows) {
    filter.sql(filter.empty() ? "(" : " AND (")
        .add(expression(rows.expression, name_of(item), item))
        .sql(")");
  };
  if (facts_.queries[query].target != item) {
    add(*resolution_.items[item].rule->read->rows);
  } else if (const auto found = filters_.find(query); found != filters_.end()) {
    for (const RowFilter* rows : found->second) add(*rows);
  }
  return filter;
}

void Rewriter::narrow_where(Id id) {
  const parser::Query& query = facts_.queries[id];
  const bool target = filters_.contains(id);
  if (query.where == kNone) {
    // Of a target: a guard has a condition.
    const std::size_t end = query_end(item_token(query.target));
    const std::size_t returning = text_.find_word({item_token(query.target), end}, "RETURNING");
    put(text_.end(returning - 1), std::move(Composer().sql(" WHERE ").add(filter_of(query.target))));
    return;
  }
  const TokenRange where = condition_of(id).whole;
  if (target) put(text_.begin(where.first), std::move(Composer().sql("(")));

  // What is not told apart in the text is guarded as one.
  std::map<std::size_t, std::pair<TokenRange, std::vector<Id>>> guards;  // by first token
  for (const Guard* guard : guards_[id]) {
    const TokenRange range = conjunct_range(guard->conjunct);
    auto& [where_of_guard, items] = guards[range.first];
    where_of_guard = range;
    for (const Id item : guard->items) {
      if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
    }
  }
  for (const auto& [first, guard] : guards) {
    const auto& [range, items] = guard;
    Composer open;
    open.sql("CASE WHEN ");
    for (const Id item : items) open.sql(item == items.front() ? "" : " AND ").add(filter_of(item));
    put(text_.begin(range.first), std::move(open.sql(" THEN (")));
    put(text_.end(range.end - 1), std::move(Composer().sql(") ELSE false END")));
  }
  if (target) put(text_.end(where.end - 1), std::move(Composer().sql(") AND ").add(filter_of(query.target))));
}

void Rewriter::group_columns(const GroupColumns& group) {
  const parser::Query& query = facts_.queries[group.query];
  std::uint32_t first = kNone;
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < query.group_by.count; ++i) {
    const Extent extent = extents_[query.group_by.first + i];
    if (extent.first == kNone) throw CannotRewrite{"GROUP BY without a place"};
    first = std::min(first, extent.first);
    last = std::max(last, extent.last);
  }
  const std::size_t by = text_.word_before(text_.from(first), "BY");
  if (by == text_.size() || by == 0 || !text_.is_word(by - 1, "GROUP")) throw CannotRewrite{"no GROUP BY"};
  const std::size_t end = text_.clause_end(by + 1);
  if (last > text_.begin(end - 1)) throw CannotRewrite{"GROUP BY ends too early"};
  Composer list;
  for (const GroupColumn& column : group.columns) {
    list.sql(", ").column(name_of(column.item),
                          name_of_column(facts_, resolution_, column.item, column.column));
  }
  put(text_.end(end - 1), std::move(list));
}

}  // namespace chaperone::rules
