#include "rules/resolve/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/builtin/introspection.hpp"
#include "rules/evaluate/mutant.hpp"
#include "rules/evaluate/projection.hpp"
#include "rules/resolve/resolver.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

using parser::Clause;
using parser::Expr;
using parser::ExprKind;
using parser::FromItem;
using parser::FromKind;
using parser::kNone;
using parser::QueryKind;

void Resolver::deny(Denial denial) {
  if (!out_.denial) out_.denial = std::move(denial);
}

Resolution Resolver::resolve() {
  out_.items.resize(facts_.from_items.size());
  out_.columns.resize(facts_.exprs.size());
  out_.outputs.resize(facts_.queries.size());
  columns_.resize(facts_.from_items.size());
  output_states_.resize(facts_.queries.size(), Columns::State::kNew);
  open_queries_.resize(facts_.queries.size(), 0);
  if (sources_.denial) deny(*sources_.denial);
  bind_items();
  for (Id i = 0; i < facts_.from_items.size() && !denied(); ++i) {
    const FromItem& item = facts_.from_items[i];
    if (item.kind == FromKind::kJoin && (item.has_using || item.natural)) check_using(i);
    if (item.column_aliases.count > 0) columns_of(i);
  }
  for (Id i = 0; i < facts_.exprs.size() && !denied(); ++i) {
    const Expr& expr = facts_.exprs[i];
    if (expr.kind == ExprKind::kColumn && expr.query != kNone) bind_column(i);
    if (expr.kind == ExprKind::kField && expr.query != kNone) check_field(i);
  }
  for (Id i = 0; i < facts_.queries.size() && !denied(); ++i) outputs_of(i);
  return std::move(out_);
}

void Resolver::bind_items() {
  for (Id i = 0; i < facts_.from_items.size() && !denied(); ++i) {
    const Source& source = sources_.items[i];
    out_.items[i].cte = source.cte;
    if (facts_.from_items[i].kind == FromKind::kRelation && source.cte == kNone) bind_relation(i, source);
  }
}

void Resolver::bind_relation(Id id, const Source& source) {
  const FromItem& item = facts_.from_items[id];
  RelationBinding& binding = out_.items[id];
  Action action = Action::kRead;
  if (source.target) {
    const parser::Query& query = facts_.queries[item.query];
    switch (query.kind) {
      case QueryKind::kInsert:
        action = Action::kInsert;
        break;
      case QueryKind::kDelete:
        action = Action::kDelete;
        break;
      case QueryKind::kMerge:
        // By its first action; evaluate() looks at each.
        action = Action::kUpdate;
        for (Id i = query.merge_actions.first + query.merge_actions.count; i-- > query.merge_actions.first;) {
          const parser::MergeCommand command = facts_.merge_actions[i].command;
          action = command == parser::MergeCommand::kInsert   ? Action::kInsert
                   : command == parser::MergeCommand::kDelete ? Action::kDelete
                                                              : Action::kUpdate;
        }
        break;
      default:
        action = Action::kUpdate;
    }
  }
  const auto names = facts_.at(item.names);
  const TableRule* rule = source.relation == nullptr
                              ? nullptr
                              : capability_.find_table(source.relation->schema, source.relation->name);
  if (rule != nullptr && CHAPERONE_MUTANT(5, allows(*rule, action), true)) {
    binding.relation = source.relation;
    binding.rule = rule;
    return;
  }
  if (rule == nullptr && source.relation != nullptr && source.relation->system && !source.target &&
      capability_.introspection) {
    const SystemRelation* system = find_system_relation(*source.relation);
    if (system != nullptr && CHAPERONE_MUTANT(6, system->shown, true)) {
      binding.relation = source.relation;
      if (out_.projection == nullptr) out_.projection = std::make_shared<Projection>(capability_, catalog_);
      binding.rule = out_.projection->rule_of(*source.relation, *system);
      return;
    }
    Denial denial = table_denial(catalog_, capability_, action, names, source.relation, item.offset);
    if (system != nullptr) {
      denial.message = fmt::format("may not read {}: {}", in_quotes(source.relation->name), system->reason);
    }
    return deny(std::move(denial));
  }
  Denial denial = table_denial(catalog_, capability_, action, names, source.relation, item.offset);
  if (source.relation != nullptr && source.relation->system && !capability_.introspection) {
    denial.hint = "System catalogs are read with the capability \"introspection\", which is not included.";
  }
  deny(std::move(denial));
}

void Resolver::bind_column(Id id) {
  const Expr& expr = facts_.exprs[id];
  if (expr.has(parser::flag::kStar)) return bind_star(id, expr);
  if (expr.names.count == 1) return bind_unqualified(id, expr);
  bind_qualified(id, expr);
}

void Resolver::bind_star(Id id, const Expr& expr) {
  ColumnBinding& binding = out_.columns[id];
  if (expr.names.count == 0) {
    binding.kind = ColumnBinding::Kind::kStar;
    return;
  }
  const auto names = facts_.at(expr.names);
  if (names.size() > 2) {
    return deny(name_error("42501", "may not name a database in front of a column", expr.offset));
  }
  for (Scope scope = scope_of(id); !ends(scope); scope = outer(scope)) {
    int matches = 0;
    const Id item = find_item(scope, names.size() > 1 ? names[0] : std::string_view(), names.back(), matches);
    if (matches > 1) {
      return deny(name_error("42P09", fmt::format("table reference {} is ambiguous", in_quotes(names.back())),
                             expr.offset));
    }
    if (matches == 1) {
      binding = {ColumnBinding::Kind::kWholeRow, item, 0};
      return;
    }
    if (denied()) return;
  }
  deny(name_error("42P01", fmt::format("missing FROM-clause entry for table {}", in_quotes(names.back())),
                  expr.offset));
}

void Resolver::bind_qualified(Id id, const Expr& expr) {
  const auto names = facts_.at(expr.names);
  if (names.size() > 3) {
    return deny(name_error("42501", "may not name a database in front of a column", expr.offset));
  }
  const std::string_view schema = names.size() == 3 ? names[0] : std::string_view();
  const std::string_view table = names[names.size() - 2];
  const std::string_view name = names.back();
  for (Scope scope = scope_of(id); !ends(scope); scope = outer(scope)) {
    const bool conflict = scope.clause == Clause::kConflict && !scope.inference;
    if (conflict && schema.empty() && table == "excluded" && scope.kind == Scope::Kind::kAll) {
      const Id target = facts_.queries[scope.query].target;
      const RelationBinding& binding = out_.items[target];
      const auto column = binding.relation->find_column(name);
      const InsertRule& insert = *binding.rule->insert;
      const auto may = [&](std::string_view candidate) {
        return insert.columns.has(candidate) && !insert.set.contains(candidate);
      };
      if (column && may(name)) {
        out_.columns[id] = {ColumnBinding::Kind::kExcluded, target, *column};
        return;
      }
      std::vector<std::string_view> allowed;
      for (const Column& candidate : binding.relation->columns) {
        if (may(candidate.name)) allowed.push_back(candidate.name);
      }
      return deny(column_denial(catalog_, *binding.relation, binding.rule, Action::kInsert, name, allowed,
                                expr.offset));
    }
    int matches = 0;
    const Id item = find_item(scope, schema, table, matches);
    if (denied()) return;
    if (matches == 0) continue;
    if (matches > 1) {
      return deny(
          name_error("42P09", fmt::format("table reference {} is ambiguous", in_quotes(table)), expr.offset));
    }
    const View view = view_of(scope, item);
    Found found;
    if (facts_.from_items[item].kind == FromKind::kJoin && facts_.from_items[item].alias.empty()) {
      // JOIN .. USING (..) AS x: x has the merged columns.
      const std::vector<std::string_view>& merged = columns_of(item).merged;
      const auto place = std::ranges::find(merged, name);
      if (place != merged.end()) {
        out_.columns[id] = {ColumnBinding::Kind::kDerived, item,
                            static_cast<std::uint16_t>(place - merged.begin())};
        return;
      }
    } else {
      match(scope, item, name, found);
    }
    if (found.matches > 1) {
      return deny(
          name_error("42702", fmt::format("column reference {} is ambiguous", in_quotes(name)), expr.offset));
    }
    if (found.matches == 1) {
      out_.columns[id] = found.binding;
      return;
    }
    const Relation* relation = out_.items[item].relation;
    if (relation != nullptr) {
      if (has_system_columns(item, view) && (name == "ctid" || name == "xmin" || name == "xmax" ||
                                             name == "cmin" || name == "cmax" || name == "tableoid")) {
        out_.columns[id] = {ColumnBinding::Kind::kSystem, item, 0};
        return;
      }
      std::vector<std::string_view> allowed;
      for (const Column& column : relation->columns) {
        if (visible(item, view, column.name)) allowed.push_back(column.name);
      }
      return deny(column_denial(catalog_, *relation, out_.items[item].rule, Action::kRead, name, allowed,
                                expr.offset));
    }
    const Columns& columns = columns_of(item);
    if (columns.open) {
      out_.columns[id] = {ColumnBinding::Kind::kDerived, item, kUnknownColumn};
      return;
    }
    std::vector<std::string_view> candidates;
    for (const Entry& entry : columns.entries) candidates.push_back(entry.name);
    Denial denial = name_error("42703", fmt::format("column {}.{} does not exist", table, name), expr.offset);
    if (const auto meant = closest(name, candidates); !meant.empty()) {
      denial.hint = fmt::format("Perhaps you meant to reference the column {}.",
                                in_quotes(fmt::format("{}.{}", table, meant)));
    }
    return deny(std::move(denial));
  }
  deny(name_error("42P01", fmt::format("missing FROM-clause entry for table {}", in_quotes(table)),
                  expr.offset));
}

void Resolver::bind_unqualified(Id id, const Expr& expr) {
  const std::string_view name = facts_.names[expr.names.first];
  if (bind_output(id, expr) || denied()) return;
  for (Scope scope = scope_of(id); !ends(scope) && !denied(); scope = outer(scope)) {
    Found found;
    find_in_scope(scope, name, found);
    if (found.matches > 1) {
      return deny(
          name_error("42702", fmt::format("column reference {} is ambiguous", in_quotes(name)), expr.offset));
    }
    if (found.matches == 1) {
      out_.columns[id] = found.binding;
      if (found.uncertain) mark_outer(scope, name);
      return;
    }
  }
  // A table's name alone is its row.
  for (Scope scope = scope_of(id); !ends(scope) && !denied(); scope = outer(scope)) {
    int matches = 0;
    const Id item = find_item(scope, {}, name, matches);
    if (matches > 1) {
      return deny(
          name_error("42P09", fmt::format("table reference {} is ambiguous", in_quotes(name)), expr.offset));
    }
    if (matches == 1) {
      out_.columns[id] = {ColumnBinding::Kind::kWholeRow, item, 0};
      return;
    }
  }
  if (denied()) return;
  const Id open = find_open(scope_of(id), name);
  if (open != kNone) {
    out_.columns[id] = {ColumnBinding::Kind::kDerived, open, kUnknownColumn};
  } else if (!denied()) {
    deny_unqualified(scope_of(id), name, expr.offset);
  }
}

/// As findTargetlistEntrySQL92: a bare name in ORDER BY and DISTINCT ON is an output column if there is one,
/// in GROUP BY only if it is no column of FROM.
bool Resolver::bind_output(Id id, const Expr& expr) {
  if (expr.clause != Clause::kOrderBy && expr.clause != Clause::kGroupBy &&
      expr.clause != Clause::kDistinctOn) {
    return false;
  }
  for (Id parent = expr.parent; parent != kNone; parent = facts_.exprs[parent].parent) {
    const Expr& over = facts_.exprs[parent];
    const bool sorts = over.kind == ExprKind::kOperator && over.form == parser::Form::kSortUsing;
    const bool groups = expr.clause == Clause::kGroupBy &&
                        (over.kind == ExprKind::kGroupingSet ||
                         (over.kind == ExprKind::kRow && over.has(parser::flag::kImplicitRow)));
    if (!sorts && !groups) return false;
  }
  const std::string_view name = facts_.names[expr.names.first];
  const parser::Query& query = facts_.queries[expr.query];
  if (expr.clause == Clause::kGroupBy) {
    Found found;
    find_in_scope(scope_of(id), name, found);
    if (found.matches > 0) return false;
  } else if (query.kind == QueryKind::kSelect) {
    // Most often an output is the column itself, and the outputs need not be named for that.
    bool named = false;
    for (Id i = query.outputs.first; i < query.outputs.first + query.outputs.count && !named; ++i) {
      const parser::Target& target = facts_.targets[i];
      const Expr& output = facts_.exprs[target.expr];
      named = target.name == name || (target.name.empty() && output.kind != ExprKind::kColumn) ||
              output.has(parser::flag::kStar) ||
              (target.name.empty() && facts_.names[output.names.first + output.names.count - 1] == name);
    }
    if (!named) return false;
  }
  const std::vector<std::string>& outputs = outputs_of(expr.query);
  const auto place = std::ranges::find(outputs, name);
  if (place == outputs.end()) return false;
  out_.columns[id] = {ColumnBinding::Kind::kOutput, kNone,
                      static_cast<std::uint16_t>(place - outputs.begin())};
  return true;
}

void Resolver::deny_unqualified(const Scope& scope, std::string_view name, std::uint32_t offset) {
  // What the innermost level with tables has.
  std::vector<Id> relations;
  std::vector<std::string_view> others;
  Scope level = scope;
  for (; !ends(level) && relations.empty(); level = outer(level)) {
    each_item(level, [&](Id item) {
      if (out_.items[item].relation != nullptr) {
        relations.push_back(item);
      } else if (facts_.from_items[item].kind != FromKind::kJoin) {
        for (const Entry& entry : columns_of(item).entries) others.push_back(entry.name);
      }
    });
    if (!relations.empty()) break;
  }
  if (relations.empty()) {
    Denial denial = name_error("42703", fmt::format("column {} does not exist", in_quotes(name)), offset);
    if (const auto meant = closest(name, others); !meant.empty()) {
      denial.hint = fmt::format("Perhaps you meant {}.", in_quotes(meant));
    }
    return deny(std::move(denial));
  }
  const auto allowed_in = [&](Id item) {
    std::vector<std::string_view> allowed;
    const View view = view_of(level, item);
    for (const Column& column : out_.items[item].relation->columns) {
      if (visible(item, view, column.name)) allowed.push_back(column.name);
    }
    return allowed;
  };
  Denial denial = column_denial(catalog_, *out_.items[relations[0]].relation, out_.items[relations[0]].rule,
                                Action::kRead, name, allowed_in(relations[0]), offset);
  if (relations.size() > 1) {
    std::string text = fmt::format("may not read column {}; it may read ", in_quotes(name));
    std::vector<std::string_view> all = others;
    constexpr std::size_t kMostTables = 5;
    for (std::size_t i = 0; i < relations.size() && i < kMostTables; ++i) {
      const std::vector<std::string_view> allowed = allowed_in(relations[i]);
      all.insert(all.end(), allowed.begin(), allowed.end());
      const Relation& relation = *out_.items[relations[i]].relation;
      text += fmt::format("{}{} of {}", i == 0 ? "" : "; ", list_names({allowed.begin(), allowed.end()}),
                          in_quotes(table_name(catalog_, relation.schema, relation.name)));
    }
    denial.message = std::move(text);
    const std::string_view meant = closest(name, all);
    denial.hint = meant.empty() ? std::string() : fmt::format("Perhaps you meant {}.", in_quotes(meant));
    denial.table.clear();
    denial.schema.clear();
  }
  deny(std::move(denial));
}

/// (t).column: a column of a row that is known must be one that may be read.
void Resolver::check_field(Id id) {
  const Expr& expr = facts_.exprs[id];
  const Id child = expr.children.first;
  if (facts_.exprs[child].kind != ExprKind::kColumn || expr.has(parser::flag::kStar)) return;
  // What stands inside has the higher index, and is bound only now.
  if (out_.columns[child].kind == ColumnBinding::Kind::kNone) bind_column(child);
  if (denied()) return;
  const Id item = row_of(out_.columns[child]);
  const Relation* relation = item == kNone ? nullptr : out_.items[item].relation;
  if (relation == nullptr) return;
  if (relation->find_column(expr.text) && visible(item, View::kRead, expr.text)) {
    out_.known_fields.push_back(id);
    return;
  }
  std::vector<std::string_view> allowed;
  for (const Column& column : relation->columns) {
    if (visible(item, View::kRead, column.name)) allowed.push_back(column.name);
  }
  deny(column_denial(catalog_, *relation, out_.items[item].rule, Action::kRead, expr.text, allowed,
                     expr.offset));
}

/// The FROM item whose row a column holds, also when subqueries hand it on; kNone: not known.
Resolver::Id Resolver::row_of(ColumnBinding binding) {
  while (binding.kind == ColumnBinding::Kind::kDerived && step()) {
    const FromItem& item = facts_.from_items[binding.item];
    const Id cte = out_.items[binding.item].cte;
    const Id query = cte != kNone ? facts_.ctes[cte].query : item.subquery;
    if (query == kNone || facts_.queries[query].kind != QueryKind::kSelect) return kNone;
    const parser::Range outputs = facts_.queries[query].outputs;
    for (Id i = outputs.first; i < outputs.first + outputs.count; ++i) {
      if (facts_.exprs[facts_.targets[i].expr].has(parser::flag::kStar)) return kNone;
    }
    if (binding.column >= outputs.count) return kNone;
    const Id expr = facts_.targets[outputs.first + binding.column].expr;
    if (facts_.exprs[expr].kind != ExprKind::kColumn) return kNone;
    if (out_.columns[expr].kind == ColumnBinding::Kind::kNone) bind_column(expr);
    if (denied()) return kNone;
    binding = out_.columns[expr];
  }
  return binding.kind == ColumnBinding::Kind::kWholeRow ? binding.item : kNone;
}

/// Every column of USING must be there on both sides.
void Resolver::check_using(Id join) {
  const FromItem& item = facts_.from_items[join];
  const std::vector<std::string_view> merged = columns_of(join).merged;
  for (const std::string_view name : merged) {
    for (const Id side : {item.left, item.right}) {
      Scope scope;
      scope.query = item.query;
      scope.clause = Clause::kOn;
      Found found;
      each_in_tree(side, [&](Id id) { match(scope, id, name, found); });
      if (denied()) return;
      if (found.matches == 0) {
        scope.kind = Scope::Kind::kOn;
        scope.owner = join;
        return deny_unqualified(scope, name, facts_.from_items[side].offset);
      }
    }
  }
}

Resolution resolve(const parser::Facts& facts, const Catalog& catalog, const Capability& capability,
                   const Sources& sources) {
  return Resolver(facts, catalog, capability, sources).resolve();
}

Resolution resolve(const parser::Facts& facts, const Catalog& catalog, const Capability& capability) {
  return resolve(facts, catalog, capability, find_sources(facts, catalog));
}

}  // namespace chaperone::rules
