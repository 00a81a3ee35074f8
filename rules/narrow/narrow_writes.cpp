#include <algorithm>

#include <fmt/format.h>

#include "parser/tokens.hpp"
#include "rules/narrow/narrow_plan.hpp"
#include "rules/resolve/denials.hpp"
#include "rules/rewrite/items.hpp"

namespace chaperone::rules {

namespace {

using parser::Clause;
using parser::Expr;
using parser::ExprKind;
using parser::FromKind;
using parser::Id;
using parser::kNone;
using parser::Query;
using parser::QueryKind;

using Kind = ColumnBinding::Kind;

bool same_expression(const Expression& a, const Expression& b) {
  return std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                    [](const Expression::Part& x, const Expression::Part& y) {
                      return x.kind == y.kind && x.text == y.text && x.type == y.type;
                    });
}

// Whether a name is written somewhere in the policy's text, so that it could mean something else there.
bool mentions(const Expression& expression, std::string_view name) {
  for (const Expression::Part& part : expression.parts) {
    if (part.kind != Expression::PartKind::kText) continue;
    parser::Tokenizer tokenizer(part.text);
    parser::Token token;
    while (tokenizer.next(token)) {
      std::string_view word = std::string_view(part.text).substr(token.span.offset, token.span.length);
      if (token.kind == parser::TokenKind::kQuotedName && word.size() > 1 && word.front() == '"') {
        word = word.substr(1, word.size() - 2);
      }
      if (word == name) return true;
    }
  }
  return false;
}

class Writes {
 public:
  explicit Writes(Plan& plan) : plan_(plan) {}

  void run() {
    for (Id id = 0; id < plan_.facts.queries.size() && !plan_.denied(); ++id) {
      const Query& query = plan_.query(id);
      if (query.target == kNone) continue;
      first_filter_ = plan_.result.filters.size();
      const RelationBinding& bound = plan_.resolution.items[query.target];
      // Without a rule nothing is allowed, and without a relation there is nothing to narrow.
      if (bound.relation == nullptr || bound.rule == nullptr) {
        return plan_.deny("write to a table that no rule names", query.target, kNone);
      }
      switch (query.kind) {
        case QueryKind::kInsert:
          insert(id, *bound.rule);
          break;
        case QueryKind::kUpdate:
          update(id, *bound.rule);
          break;
        case QueryKind::kDelete:
          remove(id, *bound.rule);
          break;
        default:
          merge(id, *bound.rule);
          break;
      }
    }
  }

 private:
  const ItemView& target(Id query) const { return plan_.items[plan_.query(query).target]; }

  /// `by` holds the primary key: evaluate() has seen that its values are no more than max_rows.
  bool names_its_rows(Id query, const WriteBounds& bounds) const {
    const Relation* relation = target(query).relation;
    if (relation == nullptr || relation->primary_key.empty()) return false;
    // A table's key is not its children's.
    if (relation->kind == RelationKind::kTable && relation->has_children) return false;
    return std::ranges::all_of(relation->primary_key, [&](std::uint16_t column) {
      return std::ranges::find(bounds.by, relation->columns[column].name) != bounds.by.end();
    });
  }

  /// The command tag counts what the statement itself changes, and that is where the cap is held.
  void cap(Id query, const std::optional<std::uint64_t>& rows, std::string_view action) {
    const Id statement = plan_.query(query).statement;
    if (!rows || statement == kNone) return;
    const std::string rule = fmt::format("{}.max_rows", action);
    const parser::StatementFacts& facts = plan_.facts.statements[statement];
    if (facts.query != query) {
      return plan_.deny(fmt::format("{} {{}} inside a WITH, where its rows can't be counted", action),
                        plan_.query(query).target, kNone, rule, "Write it as a statement of its own.");
    }
    if (facts.command == "EXPLAIN") {
      const auto options = std::span(plan_.facts.options).subspan(facts.options.first, facts.options.count);
      const bool runs =
          std::ranges::any_of(options, [](const parser::Option& option) { return option.name == "analyze"; });
      if (!runs) return;
      return plan_.deny(fmt::format("{} {{}} under EXPLAIN ANALYZE, where its rows can't be counted", action),
                        plan_.query(query).target, kNone, rule, "Use EXPLAIN, or run the statement itself.");
    }
    auto& most = plan_.result.max_rows[statement];
    if (most && most->rows <= *rows) return;
    const Relation& relation = *target(query).relation;
    most = WriteCap{*rows, table_rule_id(relation.schema, relation.name, rule),
                    table_name(plan_.catalog, relation.schema, relation.name)};
  }

  void filter(Id query, const std::optional<RowFilter>& rows, std::string_view rule) {
    const Id item = plan_.query(query).target;
    const auto add = [&](const RowFilter& one) {
      if (one.expression.has_subquery && mentions(one.expression, plan_.name_of(item))) {
        return plan_.deny("call the table by a name that its filter uses", item, kNone, rule,
                          "Give it another alias.");
      }
      plan_.result.filters.push_back({query, &one});
      plan_.result.what |= narrowed::kRows;
    };
    const bool writes = rows && !rows->row_security;
    if (writes) add(*rows);
    const RowFilter* reads = target(query).rows;
    if (reads != nullptr && !(writes && same_expression(reads->expression, rows->expression))) add(*reads);
    if (plan_.query(query).where == kNone || plan_.denied()) return;
    const bool filtered = writes || reads != nullptr;
    if (filtered && plan_.expr(plan_.query(query).where).kind == ExprKind::kCurrentOf) {
      plan_.deny("use WHERE CURRENT OF on {}, of which it sees some rows", item,
                 plan_.query(query).where == kNone ? kNone : plan_.expr(plan_.query(query).where).offset,
                 rule, "Name the row by its key.");
    }
  }

  // The columns that decide which rows are seen stay as they are.
  void assigned(Id query, parser::Range targets, std::string_view rule) {
    const Relation& relation = *target(query).relation;
    for (std::size_t at = first_filter_; at < plan_.result.filters.size(); ++at) {
      const TargetFilter& filter = plan_.result.filters[at];
      for (std::uint32_t i = 0; i < targets.count; ++i) {
        const parser::Target& one = plan_.facts.targets[targets.first + i];
        const auto column = relation.find_column(one.name);
        const auto& uses = filter.filter->expression.columns;
        if (column && std::find(uses.begin(), uses.end(), *column) != uses.end()) {
          return plan_.deny(fmt::format("set column \"{}\", which decides whose row it is", one.name),
                            plan_.query(query).target, one.offset, rule);
        }
      }
    }
  }

  // Every use of the target's own columns. It can't be wrapped: what is hidden or masked must not be reached.
  void columns(Id query, std::string_view rule) {
    const Id item = plan_.query(query).target;
    const ItemView& view = target(query);
    for (const Id id : plan_.exprs_of_query[query]) {
      if (plan_.binding(id).kind == Kind::kStar && !plan_.denied()) star(query, id);
    }
    for (const Id id : plan_.uses_of_item[item]) {
      if (plan_.denied()) return;
      const ColumnBinding& bound = plan_.binding(id);
      const Expr& expr = plan_.expr(id);
      const bool returned = expr.clause == Clause::kReturning && expr.query == query;
      switch (bound.kind) {
        case Kind::kRelation: {
          const Mask* mask = view.mask(bound.column);
          if (mask == nullptr) break;
          if (!returned) {
            plan_.deny(fmt::format("use column \"{}\", of which it sees a mask, in a write",
                                   view.relation->columns[bound.column].name),
                       item, expr.offset, rule);
          } else if (own_name_is_safe(item, mask->expression, rule)) {
            plan_.result.returning.push_back({id, mask});
            plan_.result.what |= narrowed::kMask;
          }
          break;
        }
        case Kind::kWholeRow:
          if (returned && expr.has(parser::flag::kStar) && expr.parent == kNone) {
            star(query, id);
          } else if (view.hidden || view.masked || view.listed) {
            plan_.deny("use a whole row of {}, of which it sees some columns", item, expr.offset, rule,
                       "Name the columns.");
          }
          break;
        case Kind::kFunctionCall:
          if (view.hidden || view.masked || view.listed) {
            plan_.deny("use a whole row of {}, of which it sees some columns", item, expr.offset, rule);
          }
          break;
        case Kind::kSystem:
          if (first_filter_ < plan_.result.filters.size() &&
              plan_.facts.at(expr.names).back() != "tableoid") {
            plan_.deny("use system columns of {}, of which it sees some rows", item, expr.offset, rule);
          }
          break;
        case Kind::kExcluded:  // the values that the statement itself brings
        case Kind::kNone:
        case Kind::kDerived:
        case Kind::kStar:
        case Kind::kOutput:
          break;
      }
    }
    if (!plan_.denied() && plan_.resolution.items[item].must_wrap && view.hidden) {
      plan_.deny("write to {} with names that are not qualified", item, kNone, rule,
                 "Qualify the columns with their tables.");
    }
  }

  bool own_name_is_safe(Id item, const Expression& mask, std::string_view rule) {
    if (!mask.has_subquery || !mentions(mask, plan_.name_of(item))) return true;
    plan_.deny("call the table by a name that its mask uses", item, kNone, rule, "Give it another alias.");
    return false;
  }

  const std::optional<ColumnSet>& returning_of(Id query) const {
    static const std::optional<ColumnSet> none;
    const TableRule& rule = *plan_.resolution.items[plan_.query(query).target].rule;
    switch (plan_.query(query).kind) {
      case QueryKind::kInsert:
        return rule.insert ? rule.insert->returning : none;
      case QueryKind::kUpdate:
        return rule.update ? rule.update->returning : none;
      case QueryKind::kDelete:
        return rule.remove ? rule.remove->returning : none;
      default:
        return none;
    }
  }

  // RETURNING *: the columns that it may name.
  void star(Id query, Id id) {
    const Id item = plan_.query(query).target;
    const ItemView& view = target(query);
    const std::optional<ColumnSet>& allowed = returning_of(query);
    Expansion expansion{id, {}};
    bool all = !view.masked;
    for (std::uint16_t column = 0; column < view.relation->columns.size(); ++column) {
      const bool shown =
          allowed ? allowed->all || allowed->has(view.relation->columns[column].name) : view.shows(column);
      if (shown) expansion.columns.push_back(column);
      all &= shown;
      if (shown && view.mask(column) != nullptr &&
          !own_name_is_safe(item, view.mask(column)->expression, "returning")) {
        return;
      }
    }
    if (all && (allowed ? allowed->all : !view.listed)) return;
    if (expansion.columns.empty()) {
      return plan_.deny("use RETURNING * here", item, plan_.expr(id).offset, "returning",
                        "Name the columns to return.");
    }
    const auto merges = [this](Id one) {
      const parser::FromItem& from = plan_.item(one);
      return from.kind == FromKind::kJoin && (from.natural || from.has_using);
    };
    const auto& others = plan_.items_of_query[query];
    if (std::any_of(others.begin(), others.end(), merges)) {
      return plan_.deny("use RETURNING * with USING or NATURAL here", item, plan_.expr(id).offset,
                        "returning", "Name the columns to return.");
    }
    const auto unnamed = [this](Id one) {
      return plan_.item(one).kind != FromKind::kJoin && plan_.name_of(one).empty();
    };
    if (std::any_of(others.begin(), others.end(), unnamed)) {
      return plan_.deny("use RETURNING * here", item, plan_.expr(id).offset, "returning",
                        "Name the columns to return.");
    }
    plan_.result.what |= narrowed::kColumns;
    if (view.masked) plan_.result.what |= narrowed::kMask;
    plan_.result.expansions.push_back(std::move(expansion));
  }

  void update(Id id, const TableRule& rule) {
    if (!rule.update) return plan_.deny("update {}", plan_.query(id).target, kNone, "update");
    if (!names_its_rows(id, rule.update->bounds)) cap(id, rule.update->bounds.max_rows, "update");
    filter(id, rule.update->rows, "update.rows");
    if (plan_.denied()) return;
    assigned(id, plan_.query(id).columns, "update.rows");
    columns(id, "update");
  }

  void remove(Id id, const TableRule& rule) {
    if (!rule.remove) return plan_.deny("delete from {}", plan_.query(id).target, kNone, "delete");
    if (!names_its_rows(id, rule.remove->bounds)) cap(id, rule.remove->bounds.max_rows, "delete");
    filter(id, rule.remove->rows, "delete.rows");
    if (plan_.denied()) return;
    columns(id, "delete");
  }

  void merge(Id id, const TableRule& rule) {
    const ItemView& view = target(id);
    const bool rows =
        view.rows != nullptr || (rule.update && rule.update->rows) || (rule.remove && rule.remove->rows);
    if (rows || (rule.insert && !rule.insert->set.empty())) {
      return plan_.deny("MERGE into {}, of which it sees some rows", plan_.query(id).target, kNone,
                        "read.rows", "Use UPDATE and INSERT.");
    }
    if (rule.insert) cap(id, rule.insert->max_rows, "insert");
    if (rule.update) cap(id, rule.update->bounds.max_rows, "update");
    if (rule.remove) cap(id, rule.remove->bounds.max_rows, "delete");
    const parser::Range actions = plan_.query(id).merge_actions;
    for (std::uint32_t i = 0; i < actions.count; ++i) {
      const parser::MergeAction& action = plan_.facts.merge_actions[actions.first + i];
      if (action.command == parser::MergeCommand::kInsert && action.columns.count == 0 &&
          (view.hidden || view.listed || view.read == nullptr)) {
        return plan_.deny("INSERT without a list of columns here", plan_.query(id).target, kNone,
                          "insert.columns");
      }
    }
    columns(id, "update");
  }

  void insert(Id id, const TableRule& rule) {
    const Query& query = plan_.query(id);
    if (!rule.insert) return plan_.deny("insert into {}", query.target, kNone, "insert");
    cap(id, rule.insert->max_rows, "insert");
    if (query.conflict == parser::ConflictAction::kUpdate) {
      const bool rows = target(id).rows != nullptr || (rule.update && rule.update->rows);
      if (rows) {
        return plan_.deny("use ON CONFLICT DO UPDATE on {}, of which it sees some rows", query.target, kNone,
                          "update.rows", "Use DO NOTHING, or UPDATE and INSERT.");
      }
      if (rule.update) cap(id, rule.update->bounds.max_rows, "update");
    }
    columns(id, "insert");
    if (!plan_.denied()) insert_columns(id, *rule.insert);
  }

  void insert_columns(Id id, const InsertRule& rule) {
    const Query& query = plan_.query(id);
    const ItemView& view = target(id);
    InsertColumns insert{id, {}, rule.set.empty() ? nullptr : &rule};
    if (insert.rule != nullptr) {
      for (const auto& [name, expression] : rule.set) {
        if (!expression.columns.empty()) return plan_.deny("insert here", query.target, kNone, "insert.set");
      }
      plan_.result.what |= narrowed::kSet;
    }
    const bool all =
        rule.columns.all && rule.set.empty() && !view.hidden && !(view.listed && view.read != nullptr);
    if (query.columns.count == 0 && !query.default_values && !all) {
      const std::size_t given = values_of(id);
      // Positions count what the agent knows of: the columns that it may read or insert.
      for (std::uint16_t column = 0; column < view.relation->columns.size() && insert.names.size() < given;
           ++column) {
        const std::string& name = view.relation->columns[column].name;
        const bool may_insert = rule.columns.all || rule.columns.has(name);
        if (!may_insert && !view.shows(column)) continue;
        if (!may_insert || rule.set.contains(name)) {
          return plan_.deny(
              fmt::format("insert into column \"{}\", which the values reach by their place", name),
              query.target, kNone, "insert.columns", "Name the columns to insert.");
        }
        insert.names.push_back(name);
      }
      if (insert.names.empty()) {
        return plan_.deny("insert without a list of columns here", query.target, kNone, "insert.columns");
      }
    }
    if (insert.rule != nullptr || !insert.names.empty()) plan_.result.inserts.push_back(std::move(insert));
  }

  // How many values a row of an INSERT's source has.
  std::size_t values_of(Id id) const {
    Id source = plan_.query(id).source;
    while (source != kNone && plan_.query(source).kind == QueryKind::kSetOperation) {
      source = plan_.query(source).left;
    }
    if (source == kNone) return 0;
    const Query& query = plan_.query(source);
    if (query.kind == QueryKind::kValues && query.values.count != 0) {
      return plan_.expr(query.values.first).children.count;
    }
    return plan_.resolution.outputs[source].size();
  }

  Plan& plan_;
  std::size_t first_filter_ = 0;  // of the query at hand
};

}  // namespace

void plan_writes(Plan& plan) {
  Writes(plan).run();
}

}  // namespace chaperone::rules
