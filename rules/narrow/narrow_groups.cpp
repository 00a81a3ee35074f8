#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "rules/narrow/narrow_plan.hpp"
#include "rules/narrow/narrow_values.hpp"
#include "rules/rewrite/items.hpp"

namespace chaperone::rules {

namespace {

using parser::Clause;
using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::kNone;
using parser::Query;

using Kind = ColumnBinding::Kind;

/// GROUP BY u.id lets a query name u's other columns where id is its primary key. A wrapper has no primary
/// key: the columns that are named get listed.
class Groups {
 public:
  explicit Groups(Plan& plan) : plan_(plan), values_(plan) {}

  void run() {
    for (Id id = 0; id < plan_.facts.queries.size() && !plan_.denied(); ++id) {
      if (plan_.query(id).group_by.count == 0 || plan_.result.wrappers.empty()) continue;
      if (around_.empty()) look_around();
      look_at(id);
    }
  }

 private:
  // The item and column that an expression of GROUP BY is, if it is a plain one.
  GroupColumn grouped(const Query& query, Id id) const {
    const Expr& expr = plan_.expr(id);
    if (expr.kind == ExprKind::kColumn && plan_.binding(id).kind == Kind::kRelation) {
      return {plan_.binding(id).item, plan_.binding(id).column};
    }
    Id output = kNone;
    if (expr.kind == ExprKind::kConstant && expr.constant == parser::ConstantKind::kInteger) {
      std::uint32_t place = 0;
      std::from_chars(expr.text.data(), expr.text.data() + expr.text.size(), place);
      if (place >= 1 && place <= query.outputs.count) {
        output = plan_.facts.targets[query.outputs.first + place - 1].expr;
      }
    } else if (expr.kind == ExprKind::kColumn && plan_.binding(id).kind == Kind::kOutput) {
      for (std::uint32_t i = 0; i < query.outputs.count; ++i) {
        const parser::Target& target = plan_.facts.targets[query.outputs.first + i];
        if (target.name == plan_.facts.at(expr.names).back()) output = target.expr;
      }
    }
    if (output == kNone || plan_.expr(output).kind != ExprKind::kColumn ||
        plan_.binding(output).kind != Kind::kRelation) {
      return {};
    }
    return {plan_.binding(output).item, plan_.binding(output).column};
  }

  // The columns of a grouping set, of the rows and sets in it too.
  void add_grouped(const Query& query, Id set, std::vector<GroupColumn>& columns) const {
    std::vector<Id> open = {set};
    while (!open.empty()) {
      const Expr& expr = plan_.expr(open.back());
      open.pop_back();
      for (Id id = expr.children.first; id < expr.children.first + expr.children.count; ++id) {
        const ExprKind kind = plan_.expr(id).kind;
        if (kind == ExprKind::kGroupingSet || kind == ExprKind::kRow) {
          open.push_back(id);
        } else {
          columns.push_back(grouped(query, id));
        }
      }
    }
  }

  // For every expression whether it is, or stands in, an aggregate of its own query; for every query the
  // expression that it stands in.
  void look_around() {
    aggregated_.resize(plan_.facts.exprs.size());
    for (Id id = 0; id < plan_.facts.exprs.size(); ++id) {
      const Expr& expr = plan_.expr(id);
      aggregated_[id] = (expr.parent != kNone && aggregated_[expr.parent]) ||
                        (values_.aggregates(expr) && !expr.has(parser::flag::kOver));
    }
    around_.resize(plan_.facts.queries.size(), kNone);
    for (Id id = 0; id < plan_.facts.queries.size(); ++id) {
      const Query& query = plan_.query(id);
      around_[id] = query.parent_expr != kNone                   ? query.parent_expr
                    : query.parent != kNone && query.parent < id ? around_[query.parent]
                                                                 : kNone;
    }
  }

  // Whether an expression stands inside an aggregate of `query`, and in which clause of it.
  bool is_aggregated(Id id, Id query, Clause& clause) const {
    while (plan_.expr(id).query != query) {
      if (plan_.expr(id).query == kNone || around_[plan_.expr(id).query] == kNone) return false;
      id = around_[plan_.expr(id).query];
    }
    clause = plan_.expr(id).clause;
    return aggregated_[id];
  }

  void look_at(Id id) {
    const Query& query = plan_.query(id);
    // What stands beside grouping sets is in each of them; a column inside is NULL where its set is another.
    std::vector<GroupColumn> listed;
    std::vector<GroupColumn> in_sets;
    for (std::uint32_t i = 0; i < query.group_by.count; ++i) {
      const Id one = query.group_by.first + i;
      if (plan_.expr(one).kind == ExprKind::kGroupingSet) {
        add_grouped(query, one, in_sets);
      } else {
        listed.push_back(grouped(query, one));
      }
    }
    GroupColumns group{id, {}};
    for (const Id item : plan_.items_of_query[id]) {
      const ItemView& view = plan_.items[item];
      if (!view.wrapped || view.relation->primary_key.empty()) continue;
      const auto is_in = [&](const std::vector<GroupColumn>& columns, std::uint16_t column) {
        return std::any_of(columns.begin(), columns.end(),
                           [&](const GroupColumn& one) { return one.item == item && one.column == column; });
      };
      const auto& key = view.relation->primary_key;
      // Without the key in each set PostgreSQL refuses by itself.
      if (!std::all_of(key.begin(), key.end(), [&](std::uint16_t column) { return is_in(listed, column); }))
        continue;
      std::vector<std::uint16_t> missing;
      const auto need = [&](std::uint16_t column) {
        if (!is_in(listed, column) && !is_in(in_sets, column) &&
            std::find(missing.begin(), missing.end(), column) == missing.end()) {
          missing.push_back(column);
        }
      };
      for (const Id use : plan_.uses_of_item[item]) see(use, id, need, item);
      for (const Id expr : plan_.exprs_of_query[id]) {
        if (plan_.binding(expr).kind == Kind::kStar) {
          for (const std::uint16_t column : plan_.visible_columns(item)) need(column);
        }
      }
      std::sort(missing.begin(), missing.end());
      for (const std::uint16_t column : missing) {
        const std::string_view type = values_.name_of(view.relation->columns[column].type);
        static constexpr std::array<std::string_view, 9> kUnequal = {
            "json", "xml", "point", "line", "polygon", "path", "lseg", "box", ""};
        if (std::find(kUnequal.begin(), kUnequal.end(), type) != kUnequal.end()) {
          return plan_.deny(
              fmt::format("use column \"{}\" beside GROUP BY a key", view.relation->columns[column].name),
              item, kNone, "read", "Aggregate it, or join to it behind the grouping.");
        }
        group.columns.push_back({item, column});
      }
    }
    if (!group.columns.empty()) plan_.result.groups.push_back(std::move(group));
  }

  template <class Need>
  void see(Id use, Id query, const Need& need, Id item) const {
    const ColumnBinding& bound = plan_.binding(use);
    Clause clause = Clause::kWhere;
    if (is_aggregated(use, query, clause)) return;
    // In other clauses the rows are not grouped yet.
    if (clause != Clause::kOutput && clause != Clause::kHaving && clause != Clause::kOrderBy &&
        clause != Clause::kDistinctOn && clause != Clause::kWindow) {
      return;
    }
    if (bound.kind == Kind::kRelation) {
      need(bound.column);
    } else if (bound.kind == Kind::kWholeRow) {
      for (const std::uint16_t column : plan_.visible_columns(item)) need(column);
    }
  }

  Plan& plan_;
  Values values_;
  std::vector<bool> aggregated_;
  std::vector<Id> around_;
};

}  // namespace

void plan_groups(Plan& plan) {
  Groups(plan).run();
}

}  // namespace chaperone::rules
