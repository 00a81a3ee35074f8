#include "rules/narrow/narrow_flow.hpp"

#include <algorithm>

namespace chaperone::rules {

using parser::Clause;
using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::FromKind;
using parser::kNone;
using parser::Query;
using parser::QueryKind;
using parser::QueryRole;

using Kind = ColumnBinding::Kind;

Flow::Flow(Plan& plan)
    : plan_(plan),
      values_(plan),
      value_(plan.facts.exprs.size()),
      bit_(plan.items.size()),
      cte_(plan.facts.queries.size(), kNone),
      recursive_(plan.facts.queries.size()),
      level_(plan.facts.queries.size()),
      inside_(plan.facts.queries.size()),
      ancestors_(plan.facts.queries.size()),
      direct_(plan.facts.queries.size()),
      outputs_(plan.facts.queries.size()),
      outer_(plan.facts.queries.size()),
      lateral_(plan.facts.queries.size()),
      done_(plan.facts.queries.size()),
      calls_(plan.items.size()),
      aggregate_(plan.facts.exprs.size()),
      fenced_(plan.items.size()) {
}

bool Flow::run() {
  if (!number_items()) return false;
  order_queries();
  find_recursion();
  for (const Id query : order_) find_level(query);
  for (auto query = order_.rbegin(); query != order_.rend(); ++query) {
    const Id parent = plan_.query(*query).parent;
    if (parent != kNone) ancestors_[*query] = level_[parent] | ancestors_[parent];
  }
  for (const Id query : order_) {
    follow(query);
    done_[query] = true;
  }
  return true;
}

// False: nothing is filtered.
bool Flow::number_items() {
  std::map<Id, std::vector<Id>> by_statement;
  for (Id id = 0; id < plan_.items.size(); ++id) {
    const Id in = plan_.item(id).query;
    if (in == kNone) continue;
    if (filters_of(id).empty()) continue;
    by_statement[plan_.query(in).statement].push_back(id);
  }
  for (const auto& [statement, items] : by_statement) {
    if (items.size() > 64) {
      plan_.deny("read more than 64 tables of which it sees some rows in one statement", items.back(), kNone);
      return false;
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      bit_[items[i]] = Bits{1} << i;
      direct_[plan_.item(items[i]).query] |= bit_[items[i]];
      for (const RowFilter* filter : filters_of(items[i])) {
        if (filter->expression.has_subquery) joins_[plan_.item(items[i]).query] |= bit_[items[i]];
      }
    }
    items_of_statement_[statement] = items;
  }
  return !by_statement.empty();
}

std::vector<const RowFilter*> Flow::filters_of(Id item) const {
  std::vector<const RowFilter*> filters;
  if (!plan_.items[item].target) {
    if (plan_.items[item].rows != nullptr) filters.push_back(plan_.items[item].rows);
    return filters;
  }
  const Id query = plan_.item(item).query;
  const auto& all = plan_.result.filters;
  const auto first = std::partition_point(all.begin(), all.end(),
                                          [query](const TargetFilter& f) { return f.query < query; });
  for (auto at = first; at != all.end() && at->query == query; ++at) filters.push_back(at->filter);
  return filters;
}

// Children before their parents, CTEs before what may name them.
void Flow::order_queries() {
  std::vector<std::vector<Id>> children(plan_.facts.queries.size());
  std::vector<Id> roots;
  for (Id id = 0; id < plan_.facts.queries.size(); ++id) {
    const Id parent = plan_.query(id).parent;
    (parent == kNone ? roots : children[parent]).push_back(id);
  }
  for (auto& some : children) {
    std::stable_partition(some.begin(), some.end(),
                          [this](Id id) { return plan_.query(id).role == QueryRole::kCte; });
  }
  std::vector<std::pair<Id, bool>> open;
  for (const Id root : roots) open.emplace_back(root, false);
  while (!open.empty()) {
    const auto [id, expanded] = open.back();
    open.pop_back();
    if (expanded) {
      order_.push_back(id);
      continue;
    }
    open.emplace_back(id, true);
    for (auto child = children[id].rbegin(); child != children[id].rend(); ++child) {
      open.emplace_back(*child, false);
    }
  }
  children_ = std::move(children);
}

// The query that an item's columns come from; kNone: it is no subquery and no CTE.
Flow::Id Flow::query_of(Id item) const {
  const Id cte = plan_.resolution.items[item].cte;
  return cte != kNone ? plan_.facts.ctes[cte].query : plan_.item(item).subquery;
}

void Flow::find_level(Id id) {
  const Query& query = plan_.query(id);
  Bits level = direct_[id];
  for (const Id item : plan_.items_of_query[id]) {
    const Id from = query_of(item);
    if (from != kNone) level |= inside_[from];
  }
  Bits inside = level;
  for (const Id child : children_[id]) inside |= inside_[child];
  level_[id] = query.kind == QueryKind::kSetOperation ? inside : level;
  inside_[id] = inside;
}

// Bits that can only have come in by this query's own FROM: what aggregates over its rows settles them.
Flow::Bits Flow::own(Id query) const {
  return direct_[query] | (level_[query] & ~ancestors_[query]);
}

Flow::Bits Flow::all_of(Id query) const {
  const auto found = items_of_statement_.find(plan_.query(query).statement);
  Bits bits = 0;
  if (found != items_of_statement_.end()) {
    for (const Id item : found->second) bits |= bit_[item];
  }
  return bits;
}

// Whether a query is that CTE's, or stands in it.
bool Flow::is_within(Id query, Id cte) const {
  for (Id at = cte_[query]; at != kNone;) {
    if (at == cte) return true;
    const Id parent = plan_.query(at).parent;
    at = parent == kNone ? kNone : cte_[parent];
  }
  return false;
}

void Flow::find_recursion() {
  for (auto query = order_.rbegin(); query != order_.rend(); ++query) {
    const Id parent = plan_.query(*query).parent;
    cte_[*query] = plan_.query(*query).role == QueryRole::kCte ? *query
                   : parent == kNone                           ? kNone
                                                               : cte_[parent];
  }
  for (Id item = 0; item < plan_.items.size(); ++item) {
    if (plan_.resolution.items[item].cte == kNone || plan_.item(item).query == kNone) continue;
    const Id from = query_of(item);
    if (is_within(plan_.item(item).query, from)) recursive_[from] = true;
  }
}

// A row, or column `column`, of an item.
Flow::Value Flow::item_value(Id item, std::optional<std::uint16_t> column, std::string_view& type) {
  type = {};
  if (plan_.item(item).kind == FromKind::kJoin) {
    Value all;
    for (const Id leaf : plan_.leaves(item)) all.add(item_value(leaf, {}, type));
    type = {};
    return all;
  }
  if (plan_.items[item].relation != nullptr || plan_.resolution.items[item].relation != nullptr) {
    Value value{bit_[item], 0};
    const Relation& relation = *plan_.resolution.items[item].relation;
    const auto partial_mask = [&](std::uint16_t at) {
      const Mask* mask = plan_.items[item].mask(at);
      return mask != nullptr && !mask->expression.total;
    };
    if (column && *column < relation.columns.size()) {
      type = values_.name_of(relation.columns[*column].type);
      if (partial_mask(*column)) value.partial = value.reach;
    } else {
      for (std::uint16_t at = 0; at < relation.columns.size(); ++at) {
        if (partial_mask(at)) value.partial = value.reach;
      }
    }
    return value;
  }
  const Id from = query_of(item);
  if (from == kNone) return calls_[item];
  if (!done_[from]) {
    // Within itself a recursive CTE gives rows that have passed every filter.
    if (is_within(plan_.item(item).query, from)) {
      const Id first = plan_.query(from).left;
      if (column && first != kNone && *column < outputs_[first].types.size())
        type = outputs_[first].types[*column];
      return {};
    }
    const Bits all = all_of(from);
    return {all, all};
  }
  const Outputs& outputs = outputs_[from];
  if (!column || *column >= outputs.columns.size()) return outputs.all;
  type = outputs.types[*column];
  return outputs.columns[*column];
}

Flow::Value Flow::column_value(Id id) {
  const ColumnBinding& bound = plan_.binding(id);
  const Id in = plan_.expr(id).query;
  Value value;
  std::string_view type;
  switch (bound.kind) {
    case Kind::kRelation:
    case Kind::kDerived:
      value = item_value(bound.item, bound.column, type);
      break;
    case Kind::kWholeRow:
    case Kind::kSystem:
    case Kind::kFunctionCall:
      if (bound.item != kNone) value = item_value(bound.item, {}, type);
      type = {};
      break;
    case Kind::kStar:
      for (const Id item : plan_.items_of_query[in]) value.add(item_value(item, {}, type));
      type = {};
      break;
    case Kind::kOutput:    // in GROUP BY and ORDER BY alone, which are evaluated behind the filters
    case Kind::kExcluded:  // what the statement itself brings
      break;
    case Kind::kNone: {
      const Bits all = all_of(in);
      value = {all, all};
      break;
    }
  }
  values_.set_type(id, type);
  // A filter with a subquery is a join, and may come behind everything of its query.
  const Id level = bound.item == kNone ? in : plan_.item(bound.item).query;
  if (const auto joins = joins_.find(level); joins != joins_.end() && bound.item != kNone) {
    value.reach |= joins->second;
  }
  return value;
}

Flow::Value Flow::subquery_value(const Expr& expr) {
  const Id query = expr.subquery;
  Value value = outer_[query];
  // IN and ANY become joins, which may come before the subquery's own conditions.
  if (expr.form == Form::kIn || expr.form == Form::kAny || expr.form == Form::kAll ||
      expr.form == Form::kNotIn) {
    value.partial |= outputs_[query].all.partial;
    value.reach |= outputs_[query].all.reach;
  }
  return value;
}

void Flow::judge(Id id) {
  const Expr& expr = plan_.expr(id);
  Value value;
  const auto add = [&](const parser::Range& range) {
    for (std::uint32_t i = 0; i < range.count; ++i) {
      value.add(value_[range.first + i]);
      if (aggregate_[range.first + i]) aggregate_[id] = true;
    }
  };
  if (expr.kind == ExprKind::kColumn) value = column_value(id);
  add(expr.children);
  add(expr.extra);
  if (expr.kind == ExprKind::kSubquery) value.add(subquery_value(expr));
  if (!values_.is_total(id)) value.partial |= value.reach;
  if (values_.aggregates(expr)) {
    aggregate_[id] = true;
    const Bits settled = ~own(expr.query);
    value.reach &= settled;
    value.partial &= settled;
  }
  value_[id] = value;
}

void Flow::follow(Id id) {
  const Query& query = plan_.query(id);
  const std::vector<Id>& exprs = plan_.exprs_of_query[id];
  for (auto expr = exprs.rbegin(); expr != exprs.rend(); ++expr) judge(*expr);

  for (const Id child : children_[id]) {
    if (plan_.query(child).role == QueryRole::kExpression) continue;
    outer_[id].reach |= outer_[child].reach & ~own(id);
    outer_[id].partial |= outer_[child].partial & ~own(id);
    predicate(id, lateral_[child]);
  }
  for (const Id expr : exprs) {
    if (plan_.expr(expr).parent != kNone) continue;
    const Value& value = value_[expr];
    outer_[id].reach |= value.reach & ~own(id);
    outer_[id].partial |= value.partial & ~own(id);
    switch (plan_.expr(expr).clause) {
      case Clause::kOutput:
      case Clause::kValues:
      case Clause::kGroupBy:
      case Clause::kWindow:
      case Clause::kOrderBy:
      case Clause::kDistinctOn:
      case Clause::kSet:
      case Clause::kReturning:
      case Clause::kUtility:
        break;  // evaluated behind the filters
      case Clause::kLimit:
        outer_[id].partial |= value.reach & ~own(id);
        break;
      case Clause::kFrom:
        if (const auto joins = joins_.find(id); joins != joins_.end())
          predicate(id, value.partial & joins->second);
        break;
      case Clause::kWhere:
        break;
      case Clause::kHaving:
        for (const Id part : plan_.conjuncts(expr)) {
          // Without an aggregate it becomes part of WHERE.
          if (!aggregate_[part]) predicate(id, value_[part].partial);
        }
        break;
      case Clause::kOn:
      case Clause::kConflict:
      case Clause::kMerge:
        predicate(id, value.partial);
        break;
    }
  }
  for (const Id part : plan_.conjuncts(query.where)) condition(id, part);
  for (const Id item : plan_.items_of_query[id]) {
    const parser::FromItem& from = plan_.item(item);
    if (from.kind == FromKind::kJoin && (from.natural || from.has_using)) join_by_name(id, item);
    Value call;
    for (std::uint32_t i = 0; i < from.exprs.count; ++i) call.add(value_[from.exprs.first + i]);
    calls_[item] = {call.reach, 0};
  }
  find_outputs(id);
}

// What a predicate of `query` that can't be guarded applies partial operations to.
void Flow::predicate(Id query, Bits partial) {
  if (partial == 0) return;
  const Bits above = partial & ancestors_[query] & ~direct_[query];
  fence(query, partial & (level_[query] | ~ancestors_[query]));
  outer_[query].partial |= above;
  // Behind FROM or WITH there is no expression around it that could be guarded.
  if (plan_.query(query).role != QueryRole::kExpression) lateral_[query] |= above;
}

void Flow::fence(Id query, Bits bits) {
  const auto found = items_of_statement_.find(plan_.query(query).statement);
  if (bits == 0 || found == items_of_statement_.end()) return;
  for (const Id item : found->second) {
    if ((bits & bit_[item]) != 0) fenced_[item] = true;
  }
}

void Flow::condition(Id query, Id conjunct) {
  const Bits partial = value_[conjunct].partial;
  if (partial == 0) return;
  std::vector<Id> guarded;
  for (const Id item : items_of_statement_[plan_.query(query).statement]) {
    if ((partial & direct_[query] & bit_[item]) != 0) guarded.push_back(item);
  }
  predicate(query, partial & ~direct_[query]);
  if (!guarded.empty()) guards_.push_back({conjunct, std::move(guarded)});
}

}  // namespace chaperone::rules
