#include <algorithm>

#include "rules/narrow/narrow_flow.hpp"

// What comes out of queries, and columns that are joined by their names.
namespace chaperone::rules {

using parser::Expr;
using parser::ExprKind;
using parser::kNone;
using parser::Query;
using parser::QueryKind;

using Kind = ColumnBinding::Kind;

void Flow::Outputs::push(const Value& value, std::string_view type) {
  all.add(value);
  columns.push_back(value);
  types.push_back(type);
}

// Columns that are joined by their names are predicates, too.
void Flow::join_by_name(Id query, Id join) {
  for (const Id leaf : plan_.leaves(join)) {
    std::string_view type;
    const Id from = query_of(leaf);
    if (from == kNone) {
      if (plan_.resolution.items[leaf].relation != nullptr)
        predicate(query, item_value(leaf, {}, type).partial);
      continue;
    }
    const auto names = plan_.facts.at(plan_.item(join).using_columns);
    const auto& outputs = plan_.resolution.outputs[from];
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!plan_.item(join).natural && plan_.item(leaf).column_aliases.count == 0 &&
          std::find(names.begin(), names.end(), outputs[i]) == names.end()) {
        continue;
      }
      predicate(query, item_value(leaf, static_cast<std::uint16_t>(i), type).partial);
    }
  }
}

void Flow::find_outputs(Id id) {
  const Query& query = plan_.query(id);
  Outputs& result = outputs_[id];
  switch (query.kind) {
    case QueryKind::kSelect:
      for (std::uint32_t i = 0; i < query.outputs.count; ++i) {
        const Id expr = plan_.facts.targets[query.outputs.first + i].expr;
        if (!push_star(expr, result)) result.push(value_[expr], values_.type(expr));
      }
      break;
    case QueryKind::kValues:
      for (std::uint32_t i = 0; i < query.values.count; ++i) result.all.add(value_[query.values.first + i]);
      break;
    case QueryKind::kSetOperation: {
      const Outputs& left = outputs_[query.left];
      const Outputs& right = outputs_[query.right];
      result.all.add(left.all);
      result.all.add(right.all);
      if (left.columns.size() != right.columns.size()) break;
      for (std::size_t i = 0; i < left.columns.size(); ++i) {
        Value value = left.columns[i];
        value.add(right.columns[i]);
        result.push(value, left.types[i] == right.types[i] ? left.types[i] : std::string_view());
      }
      break;
    }
    default:
      break;  // what writes has written before its rows are read
  }
  // Where stars of unknown width stand, the columns can't be counted.
  if (result.columns.size() != plan_.resolution.outputs[id].size()) {
    result.columns.clear();
    result.types.clear();
  }
  if (recursive_[id]) {  // evaluated whole before anything is asked of it
    result = {};
    result.types.resize(plan_.resolution.outputs[id].size());
    result.columns.resize(plan_.resolution.outputs[id].size());
  }
}

// A star in a select list, column by column; false: it is none.
bool Flow::push_star(Id expr, Outputs& outputs) {
  const ColumnBinding& bound = plan_.binding(expr);
  if (!plan_.expr(expr).has(parser::flag::kStar) || plan_.expr(expr).kind != ExprKind::kColumn) return false;
  std::vector<Id> items;
  if (bound.kind == Kind::kWholeRow) {
    items = plan_.leaves(bound.item);
  } else {
    const Query& query = plan_.query(plan_.expr(expr).query);
    for (std::uint32_t i = 0; i < query.from.count; ++i) {
      const auto more = plan_.leaves(query.from.first + i);
      items.insert(items.end(), more.begin(), more.end());
    }
  }
  for (const Id item : items) {
    std::string_view type;
    const Relation* relation = plan_.resolution.items[item].relation;
    if (relation != nullptr) {
      for (std::uint16_t column = 0; column < relation->columns.size(); ++column) {
        if (plan_.items[item].read != nullptr && !plan_.items[item].shows(column)) continue;
        const Value value = item_value(item, column, type);
        outputs.push(value, type);
      }
      continue;
    }
    const Id from = query_of(item);
    const std::size_t width = from == kNone ? 1 : plan_.resolution.outputs[from].size();
    for (std::size_t column = 0; column < width; ++column) {
      const Value value = item_value(item, static_cast<std::uint16_t>(column), type);
      outputs.push(value, type);
    }
  }
  return true;
}

}  // namespace chaperone::rules
