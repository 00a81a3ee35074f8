#include <fmt/format.h>

#include <algorithm>

#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/mutant.hpp"
#include "rules/text.hpp"

// What queries need beside the columns that they read: INSERT, UPDATE, DELETE, MERGE, row locks.
namespace chaperone::rules {

using parser::Clause;
using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::FromItem;
using parser::FromKind;
using parser::Id;
using parser::kNone;
using parser::Query;
using parser::QueryKind;

namespace {

/// Row-level security in the database handles conflicts and MERGE itself; a filter in the text does not.
bool is_filtered(const TableRule& rule) {
  const auto by_text = [](const std::optional<RowFilter>& rows) { return rows && !rows->row_security; };
  return (rule.read && by_text(rule.read->rows)) || (rule.update && by_text(rule.update->rows)) ||
         (rule.remove && by_text(rule.remove->rows));
}

bool uses_column(const std::optional<RowFilter>& rows, std::uint16_t column) {
  return rows && std::ranges::find(rows->expression.columns, column) != rows->expression.columns.end();
}

}  // namespace

void Evaluation::check_query(Id id) {
  const Query& query = facts_.queries[id];
  if (query.into && !makes_table(query.statement)) {
    return deny("statements.ddl", "may not use SELECT INTO here");
  }
  switch (query.kind) {
    case QueryKind::kInsert:
      check_insert(query);
      break;
    case QueryKind::kUpdate:
      check_update(query);
      break;
    case QueryKind::kDelete:
      check_delete(query);
      break;
    case QueryKind::kMerge:
      check_merge(query);
      break;
    default:
      if (query.lock != parser::LockStrength::kUnlocked) check_locks(query);
      return;
  }
  if (!denied()) check_target(query.target);
}

/// A target can't be wrapped: what its names mean must not hang on what is hidden of it.
void Evaluation::check_target(Id item) {
  const RelationBinding& binding = resolution_.items[item];
  if (!CHAPERONE_MUTANT(20, binding.must_wrap, false) || !is_narrowed(*binding.relation, *binding.rule))
    return;
  deny(table_rule_id(binding.relation->schema, binding.relation->name, "read.columns"),
       fmt::format("may not use names without their table in front in a statement that writes {}",
                   in_quotes(table_name(catalog_, binding.relation->schema, binding.relation->name))),
       facts_.from_items[item].offset);
}

/// The columns of an INSERT's list.
void Evaluation::check_inserted(parser::Range targets, const RelationBinding& target) {
  const InsertRule& rule = *target.rule->insert;
  const auto may = [&](std::string_view name) { return rule.columns.has(name) && !rule.set.contains(name); };
  for (Id i = targets.first; i < targets.first + targets.count; ++i) {
    const parser::Target& column = facts_.targets[i];
    const bool known = target.relation->find_column(column.name).has_value();
    if (known && CHAPERONE_MUTANT(21, may(column.name), rule.columns.has(column.name))) continue;
    std::vector<std::string_view> allowed;
    for (const Column& candidate : target.relation->columns) {
      if (may(candidate.name)) allowed.push_back(candidate.name);
    }
    Denial denial = column_denial(catalog_, *target.relation, target.rule, Action::kInsert, column.name,
                                  allowed, column.offset);
    if (rule.set.contains(column.name)) {
      denial.rule = table_rule_id(target.relation->schema, target.relation->name, "insert.set");
      denial.hint =
          fmt::format("The column {} is filled in by pgchaperone; leave it out.", in_quotes(column.name));
    }
    return deny(std::move(denial));
  }
}

void Evaluation::check_insert(const Query& query) {
  const RelationBinding& target = resolution_.items[query.target];
  const InsertRule& rule = *target.rule->insert;
  check_inserted(query.columns, target);
  if (denied()) return;
  const Query* source = query.source == kNone ? nullptr : &facts_.queries[query.source];
  if (source != nullptr && source->kind == QueryKind::kValues && source->values.count > 0) {
    // Without a list the values go to the columns that it may set, in their order.
    const std::uint32_t width = facts_.exprs[source->values.first].children.count;
    std::vector<std::string> may;
    for (const Column& column : target.relation->columns) {
      if (rule.columns.has(column.name) && !rule.set.contains(column.name)) may.push_back(column.name);
    }
    if (query.columns.count == 0 && width > may.size()) {
      return deny(table_rule_id(target.relation->schema, target.relation->name, "insert.columns"),
                  fmt::format("may not insert {} columns into {}; it may set {}", width,
                              in_quotes(table_name(catalog_, target.relation->schema, target.relation->name)),
                              list_names(may)),
                  facts_.from_items[query.target].offset, "Name the columns.");
    }
  }
  const std::uint64_t rows = source == nullptr                    ? 1
                             : source->kind == QueryKind::kValues ? source->values.count
                                                                  : 0;
  if (rule.max_rows && CHAPERONE_MUTANT(22, rows > *rule.max_rows, false)) {
    return deny(table_rule_id(target.relation->schema, target.relation->name, "insert.max_rows"),
                fmt::format("may not insert {} rows into {} at once; it may insert {}", rows,
                            in_quotes(table_name(catalog_, target.relation->schema, target.relation->name)),
                            *rule.max_rows),
                facts_.from_items[query.target].offset);
  }
  if (query.conflict != parser::ConflictAction::kRaise) check_conflict(query, target);
}

void Evaluation::check_conflict(const Query& query, const RelationBinding& target) {
  const TableRule& rule = *target.rule;
  const std::string name = table_name(catalog_, target.relation->schema, target.relation->name);
  const std::uint32_t offset = facts_.from_items[query.target].offset;
  if (CHAPERONE_MUTANT(32, is_filtered(rule), false)) {
    return deny(
        table_rule_id(target.relation->schema, target.relation->name, "insert"),
        fmt::format(
            "may not use ON CONFLICT on {}, whose rows are filtered: a conflict could be with a hidden row",
            in_quotes(name)),
        offset, "Send the INSERT without ON CONFLICT.");
  }
  if (CHAPERONE_MUTANT(24, query.conflict != parser::ConflictAction::kUpdate, true)) return;
  if (!rule.update.has_value()) {
    return deny(table_denial(catalog_, capability_, Action::kUpdate,
                             facts_.at(facts_.from_items[query.target].names), target.relation, offset));
  }
  check_set(query.conflict_set, target);
  if (denied() || !rule.update) return;
  // A row that conflicts is pinned by the key that it conflicts on.
  for (const std::string& column : rule.update->bounds.by) {
    bool pinned = false;
    for (Id e = query.conflict_columns.first; e < query.conflict_columns.first + query.conflict_columns.count;
         ++e) {
      const Expr& key = facts_.exprs[e];
      pinned = pinned || (key.kind == ExprKind::kColumn && facts_.at(key.names).back() == column);
    }
    if (CHAPERONE_MUTANT(25, pinned, true)) continue;
    return deny(table_rule_id(target.relation->schema, target.relation->name, "update.by"),
                fmt::format("may not update {} by ON CONFLICT unless its key has {}", in_quotes(name),
                            in_quotes(column)),
                offset);
  }
}

/// The columns that UPDATE .. SET, DO UPDATE SET or MERGE assign.
void Evaluation::check_set(parser::Range targets, const RelationBinding& target) {
  const UpdateRule& rule = *target.rule->update;
  const auto may = [&](std::string_view name) {
    const auto column = target.relation->find_column(name);
    return column && CHAPERONE_MUTANT(26, rule.columns.has(name), true) && !uses_column(rule.rows, *column) &&
           !(target.rule->read && uses_column(target.rule->read->rows, *column));
  };
  for (Id i = targets.first; i < targets.first + targets.count; ++i) {
    const parser::Target& column = facts_.targets[i];
    if (may(column.name)) continue;
    std::vector<std::string_view> allowed;
    for (const Column& candidate : target.relation->columns) {
      if (may(candidate.name)) allowed.push_back(candidate.name);
    }
    return deny(column_denial(catalog_, *target.relation, target.rule, Action::kUpdate, column.name, allowed,
                              column.offset));
  }
}

void Evaluation::check_update(const Query& query) {
  const RelationBinding& target = resolution_.items[query.target];
  check_set(query.columns, target);
  if (!denied()) check_pinned(query, target, target.rule->update->bounds, Action::kUpdate);
}

void Evaluation::check_delete(const Query& query) {
  const RelationBinding& target = resolution_.items[query.target];
  check_pinned(query, target, target.rule->remove->bounds, Action::kDelete);
}

/// A constant or parameter, perhaps cast.
bool Evaluation::is_fixed(Id id) const {
  while (facts_.exprs[id].kind == ExprKind::kCast) id = facts_.exprs[id].children.first;
  const ExprKind kind = facts_.exprs[id].kind;
  return kind == ExprKind::kConstant || kind == ExprKind::kParameter ||
         CHAPERONE_MUTANT(28, false, kind == ExprKind::kColumn);
}

/// column = value or column IN (values), of the target.
bool Evaluation::pins(const Expr& expr, Id target, std::string_view column, std::uint64_t& values) const {
  if (expr.kind != ExprKind::kOperator || expr.children.count < 2) return false;
  const auto names = facts_.at(expr.names);
  if (names.empty() || names.back() != CHAPERONE_MUTANT(29, std::string_view("="), names.back()))
    return false;
  const auto is_column = [&](Id id) {
    const ColumnBinding& binding = resolution_.columns[id];
    return binding.kind == ColumnBinding::Kind::kRelation && binding.item == target &&
           resolution_.items[target].relation->columns[binding.column].name == column;
  };
  const Id left = expr.children.first;
  if (expr.form == Form::kPlain) {
    values = 1;
    return (is_column(left) && is_fixed(left + 1)) || (is_column(left + 1) && is_fixed(left));
  }
  if (expr.form != Form::kIn || !is_column(left)) return false;
  values = CHAPERONE_MUTANT(27, expr.children.count - 1, 1);
  for (Id id = left + 1; id < left + expr.children.count; ++id) {
    if (!is_fixed(id)) return false;
  }
  return true;
}

/// `by`: each of its columns stands in a top-level conjunct of WHERE.
void Evaluation::check_pinned(const Query& query, const RelationBinding& target, const WriteBounds& bounds,
                              Action action) {
  if (bounds.by.empty()) return;
  std::vector<Id> conjuncts;
  if (query.where != kNone) conjuncts.push_back(query.where);
  for (std::size_t i = 0; i < conjuncts.size(); ++i) {
    const Expr& expr = facts_.exprs[conjuncts[i]];
    if (expr.kind != CHAPERONE_MUTANT(30, ExprKind::kAnd, ExprKind::kOr)) continue;
    for (Id id = expr.children.first; id < expr.children.first + expr.children.count; ++id)
      conjuncts.push_back(id);
  }
  std::uint64_t rows = 1;
  for (const std::string& column : bounds.by) {
    std::uint64_t fewest = 0;
    for (const Id id : conjuncts) {
      std::uint64_t values = 0;
      if (!pins(facts_.exprs[id], query.target, column, values)) continue;
      fewest = fewest == 0 ? values : std::min(fewest, values);
    }
    const std::string rule =
        table_rule_id(target.relation->schema, target.relation->name, fmt::format("{}.by", key_of(action)));
    const std::string name = table_name(catalog_, target.relation->schema, target.relation->name);
    if (fewest == 0) {
      Denial denial;
      denial.rule = rule;
      denial.message =
          fmt::format("may not {} {} without {} = a value in its WHERE, at the top and joined by AND",
                      action == Action::kUpdate ? "update" : "delete from", in_quotes(name), column);
      denial.hint =
          fmt::format("Add: WHERE {} = .. {}", column,
                      bounds.max_rows && *bounds.max_rows > 1
                          ? fmt::format("or {} IN (..) of at most {} values", column, *bounds.max_rows)
                          : std::string());
      while (denial.hint.ends_with(' ')) denial.hint.pop_back();
      denial.offset = query.where != kNone && facts_.exprs[query.where].offset != kNone
                          ? facts_.exprs[query.where].offset
                          : facts_.from_items[query.target].offset;
      denial.schema = target.relation->schema;
      denial.table = target.relation->name;
      denial.column = column;
      return deny(std::move(denial));
    }
    rows = std::max(rows, fewest);
    if (bounds.max_rows && CHAPERONE_MUTANT(31, rows > *bounds.max_rows, false)) {
      return deny(table_rule_id(target.relation->schema, target.relation->name,
                                fmt::format("{}.max_rows", key_of(action))),
                  fmt::format("may not {} {} rows of {} at once; it may {} {}", key_of(action), rows,
                              in_quotes(name), key_of(action), *bounds.max_rows),
                  facts_.from_items[query.target].offset);
    }
  }
}

void Evaluation::check_merge(const Query& query) {
  const RelationBinding& target = resolution_.items[query.target];
  const TableRule& rule = *target.rule;
  const std::uint32_t offset = facts_.from_items[query.target].offset;
  const std::string name = table_name(catalog_, target.relation->schema, target.relation->name);
  if (is_filtered(rule)) {
    return deny(table_rule_id(target.relation->schema, target.relation->name, "update"),
                fmt::format("may not MERGE into {}, whose rows are filtered", in_quotes(name)), offset,
                "Use UPDATE and INSERT.");
  }
  for (Id i = query.merge_actions.first;
       i < query.merge_actions.first + query.merge_actions.count && !denied(); ++i) {
    const parser::MergeAction& merge = facts_.merge_actions[i];
    if (merge.command == parser::MergeCommand::kNothing) continue;
    const Action action = merge.command == parser::MergeCommand::kInsert   ? Action::kInsert
                          : merge.command == parser::MergeCommand::kUpdate ? Action::kUpdate
                                                                           : Action::kDelete;
    if (!allows(rule, action)) {
      return deny(table_denial(catalog_, capability_, action,
                               facts_.at(facts_.from_items[query.target].names), target.relation, offset));
    }
    const bool bounded = action == Action::kInsert
                             ? rule.insert->max_rows.has_value() || !rule.insert->set.empty()
                         : action == Action::kUpdate ? !rule.update->bounds.by.empty()
                                                     : !rule.remove->bounds.by.empty();
    if (CHAPERONE_MUTANT(34, bounded, false)) {
      return deny(
          table_rule_id(target.relation->schema, target.relation->name, key_of(action)),
          fmt::format("may not MERGE into {}, whose {}s are bounded", in_quotes(name), key_of(action)),
          offset, "Use UPDATE, INSERT or DELETE.");
    }
    if (action == CHAPERONE_MUTANT(33, Action::kUpdate, Action::kRead)) check_set(merge.columns, target);
    if (action != Action::kInsert) continue;
    check_inserted(merge.columns, target);
    const bool all = std::ranges::all_of(target.relation->columns, [&](const Column& column) {
      return column.generated || rule.insert->columns.has(column.name);
    });
    if (!denied() && merge.columns.count == 0 && merge.values.count > 0 && !all) {
      deny(table_rule_id(target.relation->schema, target.relation->name, "insert.columns"),
           fmt::format("may not MERGE into {} without a list of columns in its INSERT", in_quotes(name)),
           offset);
    }
  }
  if (!denied() && query.returning.count > 0 && is_narrowed(*target.relation, rule)) {
    deny(table_rule_id(target.relation->schema, target.relation->name, "read"),
         fmt::format("may not use RETURNING in a MERGE into {}, which is narrowed", in_quotes(name)), offset);
  }
}

/// FOR UPDATE, FOR SHARE and their like need the right to update, as in PostgreSQL.
void Evaluation::check_locks(const Query& query) {
  const auto names = facts_.at(query.lock_names);
  std::vector<Id> items;
  for (Id i = query.from.first; i < query.from.first + query.from.count; ++i) items.push_back(i);
  std::vector<char> all(items.size(), query.lock_all || names.empty());
  while (!items.empty() && !denied()) {
    const Id id = items.back();
    const bool whole = all.back() != 0;
    items.pop_back();
    all.pop_back();
    const FromItem& item = facts_.from_items[id];
    const auto push = [&](Id child, bool locked) {
      items.push_back(child);
      all.push_back(locked);
    };
    const std::string_view name =
        !item.alias.empty() || item.kind != FromKind::kRelation ? item.alias : facts_.at(item.names).back();
    const bool locked = whole || (!name.empty() && std::ranges::find(names, name) != names.end());
    if (item.kind == FromKind::kJoin) {
      push(item.left, locked);
      push(item.right, locked);
    } else if (item.kind == FromKind::kSubquery && locked) {
      // It locks all tables of the subquery.
      std::vector<Id> queries = {item.subquery};
      while (!queries.empty()) {
        const Query& inner = facts_.queries[queries.back()];
        queries.pop_back();
        if (inner.kind == QueryKind::kSetOperation) {
          queries.push_back(inner.left);
          queries.push_back(inner.right);
        }
        for (Id i = inner.from.first; i < inner.from.first + inner.from.count; ++i) push(i, true);
      }
    } else if (locked) {
      check_lock(id);
    }
  }
}

void Evaluation::check_lock(Id item) {
  const RelationBinding& binding = resolution_.items[item];
  if (binding.relation == nullptr) return;
  if (binding.rule != nullptr && CHAPERONE_MUTANT(35, binding.rule->update.has_value(), true)) return;
  Denial denial =
      table_denial(catalog_, capability_, Action::kUpdate, facts_.at(facts_.from_items[item].names),
                   binding.relation, facts_.from_items[item].offset);
  denial.hint = "FOR UPDATE and FOR SHARE need the right to update; leave them out to read.";
  deny(std::move(denial));
}

/// A target of UPDATE, DELETE or MERGE is not wrapped: its masked columns can only be given out, by
/// RETURNING.
void Evaluation::check_target_column(const Expr& expr, const ColumnBinding& binding) {
  const RelationBinding& target = resolution_.items[binding.item];
  const auto refuse = [&](std::string_view what, std::string_view column) {
    Denial denial;
    denial.rule = table_rule_id(target.relation->schema, target.relation->name, "read.columns");
    denial.message =
        fmt::format("may not use {} of {} in a statement that writes it", what,
                    in_quotes(table_name(catalog_, target.relation->schema, target.relation->name)));
    denial.offset = expr.offset;
    denial.schema = target.relation->schema;
    denial.table = target.relation->name;
    denial.column = column;
    deny(std::move(denial));
  };
  const bool returning = expr.clause == Clause::kReturning;
  if (binding.kind == ColumnBinding::Kind::kRelation) {
    const std::string& column = target.relation->columns[binding.column].name;
    if (!returning && target.rule->read &&
        CHAPERONE_MUTANT(36, target.rule->read->masks.contains(column), false)) {
      refuse(fmt::format("the masked column {}", in_quotes(column)), column);
    }
  } else if (binding.kind == ColumnBinding::Kind::kWholeRow) {
    const bool listed = returning && expr.has(parser::flag::kStar) && expr.parent == kNone;
    if (!listed && CHAPERONE_MUTANT(37, is_narrowed(*target.relation, *target.rule), false))
      refuse("the whole row", {});
  }
}

}  // namespace chaperone::rules
