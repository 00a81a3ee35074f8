#include "rules/narrow/narrow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/narrow/narrow_plan.hpp"
#include "rules/resolve/denials.hpp"
#include "rules/rewrite/items.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

using parser::ExprKind;
using parser::FromKind;
using parser::Id;
using parser::kNone;

const Mask* ItemView::mask(std::uint16_t column) const {
  if (read == nullptr || read->masks.empty()) return nullptr;
  const auto found = read->masks.find(relation->columns[column].name);
  return found == read->masks.end() ? nullptr : &found->second;
}

bool ItemView::shows(std::uint16_t column) const {
  return read != nullptr && (!listed || shown[column]);
}

Plan::Plan(const parser::Facts& script, const Catalog& all, const Capability& allowed,
           const Resolution& bound)
    : facts(script),
      catalog(all),
      capability(allowed),
      resolution(bound),
      items(script.from_items.size()),
      items_of_query(script.queries.size()),
      uses_of_item(script.from_items.size()),
      exprs_of_query(script.queries.size()) {
  for (Id id = 0; id < facts.from_items.size(); ++id) {
    const Id in = item(id).query;
    ItemView& view = items[id];
    view.target = in != kNone && query(in).target == id;
    if (in != kNone && !view.target) items_of_query[in].push_back(id);
    const RelationBinding& bound_item = resolution.items[id];
    if (bound_item.relation == nullptr || bound_item.rule == nullptr) continue;
    view.relation = bound_item.relation;
    if (!bound_item.rule->read) continue;
    view.read = &*bound_item.rule->read;
    view.listed = !view.read->columns.all;
    if (view.listed) {
      for (const Column& column : view.relation->columns) {
        view.shown.push_back(view.read->columns.has(column.name));
      }
    }
    for (std::uint16_t column = 0; column < view.relation->columns.size(); ++column) {
      view.hidden |= !view.shows(column);
      view.masked |= view.shows(column) && view.mask(column) != nullptr;
    }
    if (view.read->rows && !view.read->rows->row_security) view.rows = &*view.read->rows;
  }
  for (Id id = 0; id < facts.exprs.size(); ++id) {
    const parser::Expr& one = expr(id);
    if (one.query != kNone) exprs_of_query[one.query].push_back(id);
    if (binding(id).item != kNone) uses_of_item[binding(id).item].push_back(id);
    // All that follows walks from children to parents by going down in the ids.
    if (one.parent != kNone && one.parent >= id) {
      deny("run a statement that pgchaperone can't follow", kNone, one.offset);
    }
  }
}

std::string_view Plan::name_of(Id item_id) const {
  return name_of_item(facts, item_id);
}

std::vector<std::uint16_t> Plan::visible_columns(Id item_id) const {
  std::vector<std::uint16_t> columns;
  const ItemView& view = items[item_id];
  for (std::uint16_t column = 0; column < view.relation->columns.size(); ++column) {
    if (view.shows(column)) columns.push_back(column);
  }
  return columns;
}

std::vector<Id> Plan::leaves(Id item_id) const {
  std::vector<Id> found;
  std::vector<Id> open = {item_id};
  while (!open.empty()) {
    const Id next = open.back();
    open.pop_back();
    if (next == kNone) continue;
    if (item(next).kind != FromKind::kJoin) {
      found.push_back(next);
      continue;
    }
    open.push_back(item(next).right);
    open.push_back(item(next).left);
  }
  return found;
}

std::vector<Id> Plan::conjuncts(Id condition) const {
  std::vector<Id> found;
  std::vector<Id> open = {condition};
  while (!open.empty()) {
    const Id next = open.back();
    open.pop_back();
    if (next == kNone) continue;
    const parser::Expr& one = expr(next);
    if (one.kind != ExprKind::kAnd) {
      found.push_back(next);
      continue;
    }
    for (std::uint32_t i = one.children.count; i-- > 0;) open.push_back(one.children.first + i);
  }
  return found;
}

void Plan::deny(std::string_view message, Id item_id, std::uint32_t offset, std::string_view rule,
                std::string_view hint) {
  if (denied()) return;
  Denial denial;
  denial.message = fmt::format("may not {}", message);
  denial.hint = hint;
  denial.offset = offset;
  if (item_id != kNone && items[item_id].relation != nullptr) {
    denial.schema = items[item_id].relation->schema;
    denial.table = items[item_id].relation->name;
    if (offset == kNone) denial.offset = item(item_id).offset;
    if (!rule.empty()) denial.rule = table_rule_id(denial.schema, denial.table, rule);
    const std::size_t place = denial.message.find("{}");
    if (place != std::string::npos) {
      denial.message.replace(place, 2, in_quotes(table_name(catalog, denial.schema, denial.table)));
    }
  }
  result.denial = std::move(denial);
}

std::vector<std::string_view> narrowed_words(std::uint8_t what) {
  static constexpr std::pair<std::uint8_t, std::string_view> kWords[] = {{narrowed::kMask, "mask"},
                                                                         {narrowed::kRows, "rows"},
                                                                         {narrowed::kColumns, "columns"},
                                                                         {narrowed::kLimit, "limit"},
                                                                         {narrowed::kSet, "set"}};
  std::vector<std::string_view> found;
  for (const auto& [bit, word] : kWords) {
    if ((what & bit) != 0) found.push_back(word);
  }
  return found;
}

Narrowing narrow(const parser::Facts& facts, const Catalog& catalog, const Capability& capability,
                 const Resolution& resolution) {
  Plan plan(facts, catalog, capability, resolution);
  plan.result.max_rows.resize(facts.statements.size());
  for (const auto part : {plan_wrappers, plan_writes, plan_predicates, plan_groups, plan_limits}) {
    if (plan.denied()) break;
    part(plan);
  }
  return std::move(plan.result);
}

}  // namespace chaperone::rules
