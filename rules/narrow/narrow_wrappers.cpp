#include <algorithm>

#include "rules/narrow/narrow_plan.hpp"

namespace chaperone::rules {

namespace {

using parser::Expr;
using parser::ExprKind;
using parser::FromKind;
using parser::Id;
using parser::kNone;
using parser::QueryKind;

using Kind = ColumnBinding::Kind;

class Wrapping {
 public:
  explicit Wrapping(Plan& plan) : plan_(plan), touches_mask_(plan.items.size()), system_(plan.items.size()) {}

  void run() {
    for (Id id = 0; id < plan_.facts.exprs.size(); ++id) see(id);
    for (Id id = 0; id < plan_.items.size(); ++id) see_join(id);
    refuse_explain();
    for (Id id = 0; id < plan_.items.size() && !plan_.denied(); ++id) decide(id);
    for (Id id = 0; id < plan_.facts.exprs.size() && !plan_.denied(); ++id) see_qualified(id);
    for (Id id = 0; id < plan_.facts.types.size() && !plan_.denied(); ++id) see_type(id);
  }

 private:
  ItemView& view(Id item) { return plan_.items[item]; }

  void see_all(Id item) {
    for (const Id leaf : plan_.leaves(item)) view(leaf).whole = true;
  }

  void see_column_of_join(Id item, std::string_view name) {
    for (const Id leaf : plan_.leaves(item)) {
      if (view(leaf).relation == nullptr) continue;
      if (plan_.item(leaf).column_aliases.count != 0) view(leaf).whole = true;
      const auto column = view(leaf).relation->find_column(name);
      if (column && view(leaf).mask(*column) != nullptr) touches_mask_[leaf] = true;
    }
  }

  void see(Id id) {
    const ColumnBinding& bound = plan_.binding(id);
    const Expr& expr = plan_.expr(id);
    switch (bound.kind) {
      case Kind::kRelation:
        if (view(bound.item).mask(bound.column) != nullptr) touches_mask_[bound.item] = true;
        break;
      case Kind::kDerived:
        if (plan_.item(bound.item).kind == FromKind::kJoin) {
          if (plan_.item(bound.item).column_aliases.count != 0 || expr.names.count == 0) {
            see_all(bound.item);
          } else {
            see_column_of_join(bound.item, plan_.facts.at(expr.names).back());
          }
        }
        break;
      case Kind::kWholeRow:
      case Kind::kFunctionCall:
        if (bound.item != kNone) see_all(bound.item);
        break;
      case Kind::kStar:
        // The target's own star in RETURNING is spelled out, its other items are seen whole.
        if (expr.query != kNone) {
          for (const Id item : plan_.items_of_query[expr.query]) view(item).whole = true;
        }
        break;
      case Kind::kSystem:
        system_[bound.item].push_back(id);
        break;
      case Kind::kNone:
      case Kind::kOutput:
      case Kind::kExcluded:
        break;
    }
  }

  void see_join(Id id) {
    const parser::FromItem& join = plan_.item(id);
    if (join.kind != FromKind::kJoin) return;
    if (join.natural) see_all(id);
    for (const std::string_view name : plan_.facts.at(join.using_columns)) see_column_of_join(id, name);
  }

  bool has_to_be_wrapped(Id id) {
    const ItemView& item = view(id);
    if (!item.narrowed()) return false;
    // A column aliases' list counts the hidden ones.
    const bool counted = plan_.item(id).column_aliases.count != 0 && item.hidden;
    return item.rows != nullptr || touches_mask_[id] || item.whole || counted ||
           plan_.resolution.items[id].must_wrap;
  }

  void decide(Id id) {
    ItemView& item = view(id);
    if (item.target || item.relation == nullptr || !has_to_be_wrapped(id)) return;
    const parser::FromItem& from = plan_.item(id);
    if (item.relation->kind == RelationKind::kSequence ||
        item.relation->kind == RelationKind::kCompositeType) {
      return plan_.deny("read this kind of relation while part of it is hidden", id, kNone);
    }
    Wrapper wrapper;
    wrapper.item = id;
    wrapper.columns = plan_.visible_columns(id);
    for (const Id use : system_[id]) {
      const std::string_view name = plan_.facts.at(plan_.expr(use).names).back();
      if ((item.rows != nullptr && name != "tableoid" && !item.relation->system) || item.whole) {
        return plan_.deny("read system columns of {}, of which it sees a part", id, plan_.expr(use).offset,
                          "read");
      }
      const auto known = std::find(wrapper.system_columns.begin(), wrapper.system_columns.end(), name);
      if (known == wrapper.system_columns.end()) wrapper.system_columns.emplace_back(name);
    }
    if (from.sampled && item.rows != nullptr) {
      return plan_.deny("sample {}, of which it sees some rows", id, kNone, "read.rows",
                        "The size of a sample depends on all rows. Use ORDER BY random() LIMIT n.");
    }
    if (name_is_taken(id)) {
      return plan_.deny("name two tables of one name in one FROM", id, kNone, {},
                        "Give each of them an alias.");
    }
    if (item.rows != nullptr) plan_.result.what |= narrowed::kRows;
    if (touches_mask_[id] || (item.whole && item.masked)) plan_.result.what |= narrowed::kMask;
    if (item.hidden) plan_.result.what |= narrowed::kColumns;
    item.wrapped = true;
    item.wrapper = static_cast<Id>(plan_.result.wrappers.size());
    plan_.result.wrappers.push_back(std::move(wrapper));
  }

  // Two relations of one name are told apart by their schemas, which a wrapper has not.
  bool name_is_taken(Id id) const {
    if (!plan_.item(id).alias.empty()) return false;
    const Id in = plan_.item(id).query;
    const auto same = [&](Id other) {
      return other != id && plan_.item(other).kind != FromKind::kJoin &&
             plan_.name_of(other) == plan_.name_of(id);
    };
    const auto& all = plan_.items_of_query[in];
    const Id target = plan_.query(in).target;
    return std::any_of(all.begin(), all.end(), same) || (target != kNone && same(target));
  }

  void see_qualified(Id id) {
    const ColumnBinding& bound = plan_.binding(id);
    const Expr& expr = plan_.expr(id);
    if (bound.item == kNone || !view(bound.item).wrapped || expr.kind != ExprKind::kColumn) return;
    const std::uint32_t parts = expr.names.count + (expr.has(parser::flag::kStar) ? 1U : 0U);
    if (parts > 2 &&
        (bound.kind == Kind::kRelation || bound.kind == Kind::kWholeRow || bound.kind == Kind::kSystem)) {
      plan_.result.unqualify.push_back(id);
    }
  }

  // The row type of a table shows its columns, and a wrapper's row is not of it.
  void see_type(Id id) {
    const parser::TypeUse& type = plan_.facts.types[id];
    const auto names = plan_.facts.at(type.names);
    if (names.empty()) return;
    const std::size_t count = names.size() - (type.percent_type ? 1U : 0U);
    if (count == 0) return;
    const Relation* relation = count == 1 ? plan_.catalog.find_relation(names[0])
                                          : plan_.catalog.find_relation(names[count - 2], names[count - 1]);
    if (relation == nullptr || relation->system) return;
    const TableRule* rule = plan_.capability.find_table(relation->schema, relation->name);
    if (rule != nullptr && rule->read && rule->read->columns.all && rule->read->masks.empty() &&
        !rule->read->rows) {
      return;
    }
    plan_.deny("use the row type of a table of which it sees a part", kNone, type.offset);
  }

  // Estimates tell about hidden rows, VERBOSE names hidden columns.
  void refuse_explain() {
    for (Id id = 0; id < plan_.items.size(); ++id) {
      const ItemView& item = view(id);
      const Id in = plan_.item(id).query;
      if (!item.narrowed() || item.read->explain || in == kNone) continue;
      const Id statement = plan_.query(in).statement;
      if (statement == kNone || plan_.facts.statements[statement].command != "EXPLAIN") continue;
      return plan_.deny("EXPLAIN a statement over {}, of which it sees a part", id, kNone, "read.explain",
                        "Run the statement itself, or EXPLAIN one over other tables.");
    }
  }

  Plan& plan_;
  std::vector<bool> touches_mask_;
  std::vector<std::vector<Id>> system_;
};

}  // namespace

void plan_wrappers(Plan& plan) {
  Wrapping(plan).run();
}

}  // namespace chaperone::rules
