#include <fmt/format.h>

#include <algorithm>

#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/mutant.hpp"
#include "rules/text.hpp"

// What each kind of statement needs, beside what its queries do.
namespace chaperone::rules {

using parser::kNone;
using parser::RelationAction;
using parser::RelationUse;
using parser::StatementFacts;
using parser::StatementKind;

void Evaluation::deny(Denial denial) {
  if (!denial_) denial_ = std::move(denial);
}

void Evaluation::deny(std::string rule, std::string message, std::uint32_t offset, std::string hint) {
  Denial denial;
  denial.rule = std::move(rule);
  denial.message = std::move(message);
  denial.offset = offset;
  denial.hint = std::move(hint);
  deny(std::move(denial));
}

void Evaluation::never(std::string_view command, std::string_view why) {
  deny("statements", fmt::format("may not run {}{}{}", command, why.empty() ? "" : ": ",
                                 why.empty() ? "; no capability can allow it" : why));
}

bool Evaluation::needs_class(StatementClass value, std::string_view command) {
  static constexpr std::string_view kNames[] = {"truncate", "listen",    "notify", "call",
                                                "ddl",      "copy_from", "lock"};
  if (CHAPERONE_MUTANT(10, capability_.statements.contains(value), true)) return true;
  const std::string_view name = kNames[static_cast<std::size_t>(value)];
  std::vector<std::string> allowed;
  for (const StatementClass other : capability_.statements) {
    allowed.emplace_back(kNames[static_cast<std::size_t>(other)]);
  }
  deny(fmt::format("statements.{}", name),
       fmt::format("may not run {}; of the rare kinds of statement it may run {}", command,
                   list_names(allowed)));
  return false;
}

void Evaluation::check_statement(Id id) {
  const StatementFacts& statement = facts_.statements[id];
  switch (facts_.script.statements[id].kind) {
    case StatementKind::kSelect:
      return check_bare(id);
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
    case StatementKind::kMerge:
    case StatementKind::kPrepare:
    case StatementKind::kExecute:
    case StatementKind::kDeclareCursor:
    case StatementKind::kFetch:
      if (session_alone_ && statement.query != kNone) check_bare(id);
      return;
    case StatementKind::kBegin:
    case StatementKind::kCommit:
    case StatementKind::kRollback:
    case StatementKind::kSavepoint:
    case StatementKind::kReleaseSavepoint:
    case StatementKind::kRollbackToSavepoint:
    case StatementKind::kDeallocate:
    case StatementKind::kCloseCursor:
    case StatementKind::kDiscardAll:
    case StatementKind::kDiscardOther:
    case StatementKind::kUnlisten:
    case StatementKind::kSet:
    case StatementKind::kReset:
    case StatementKind::kShow:
    case StatementKind::kSetConstraints:
      return check_session_statement(statement);
    case StatementKind::kPrepareTransaction:
    case StatementKind::kCommitPrepared:
    case StatementKind::kRollbackPrepared:
      if (CHAPERONE_MUTANT(11, true, false))
        never(statement.command, "a transaction in two phases outlives the session");
      return;
    case StatementKind::kExplain:
      return check_explain(id);
    case StatementKind::kCopyFrom:
    case StatementKind::kCopyFromStdin:
    case StatementKind::kCopyTo:
      return check_copy(id);
    case StatementKind::kListen:
      needs_class(StatementClass::kListen, statement.command);
      return;
    case StatementKind::kNotify:
      needs_class(StatementClass::kNotify, statement.command);
      return;
    case StatementKind::kTruncate:
      return check_truncate(statement);
    case StatementKind::kLock:
      return check_lock_table(statement);
    case StatementKind::kCall:
      needs_class(StatementClass::kCall, statement.command);
      return;
    case StatementKind::kCreateTableAs:
    case StatementKind::kDdl:
      return check_definition(id);
    default:
      return never(statement.command.empty() ? std::string_view("this statement") : statement.command);
  }
}

void Evaluation::check_session_statement(const StatementFacts& statement) {
  if (!CHAPERONE_MUTANT(12, agent_.session, true)) {
    return deny("session", fmt::format("may not run {}: it has no session statements", statement.command));
  }
  if (statement.command == "SET CONSTRAINTS" && statement.options.count > 0) {
    return deny(
        "statements",
        "may not name constraints in SET CONSTRAINTS: a table that is hidden may have one of that name",
        parser::kNone, "Use SET CONSTRAINTS ALL.");
  }
  check_settings(statement);
}

/// A SELECT without FROM, for the set `session`.
void Evaluation::check_bare(Id id) {
  if (!session_alone_) return;
  // is_session_script() saw to it that there is no FROM; what is left are writes and their like.
  const parser::Query* query =
      facts_.statements[id].query == kNone ? nullptr : &facts_.queries[facts_.statements[id].query];
  if (query == nullptr || query->kind != parser::QueryKind::kSelect) {
    deny("capabilities", fmt::format("may not run {}: no capability of it covers this statement",
                                     facts_.statements[id].command));
  }
}

void Evaluation::check_explain(Id id) {
  const StatementFacts& statement = facts_.statements[id];
  switch (CHAPERONE_MUTANT(13, statement.wrapped, StatementKind::kOther)) {
    case StatementKind::kOther:
    case StatementKind::kDeclareCursor:
      return check_bare(id);
    case StatementKind::kCreateTableAs:
      return check_definition(id);
    case StatementKind::kExecute:
      return deny("statements", "may not run EXPLAIN EXECUTE; explain the statement itself");
    default:
      return never("EXPLAIN of this statement");
  }
}

/// Whether it is one in which SELECT INTO was judged as a definition.
bool Evaluation::makes_table(Id statement) const {
  return facts_.script.statements[statement].kind == StatementKind::kCreateTableAs ||
         facts_.statements[statement].wrapped == StatementKind::kCreateTableAs;
}

/// Estimates tell about hidden rows and values: each table under an EXPLAIN must be whole or say
/// `explain: true`.
void Evaluation::check_explained(Id statement) {
  for (std::size_t i = 0; i < facts_.from_items.size(); ++i) {
    const RelationBinding& binding = resolution_.items[i];
    if (binding.relation == nullptr || binding.rule == nullptr || binding.relation->system) continue;
    if (facts_.queries[facts_.from_items[i].query].statement != statement) continue;
    const TableRule& rule = *binding.rule;
    const bool filtered = (rule.update && rule.update->rows) || (rule.remove && rule.remove->rows);
    if (!(is_narrowed(*binding.relation, rule) || filtered)) continue;
    if (rule.read && rule.read->explain) continue;
    const std::string name = table_name(catalog_, binding.relation->schema, binding.relation->name);
    Denial denial;
    denial.rule = table_rule_id(binding.relation->schema, binding.relation->name, "read.explain");
    denial.message =
        fmt::format("may not run EXPLAIN over {}, which is narrowed: the plan would tell of what is hidden",
                    in_quotes(name));
    denial.hint = "Run the statement itself; EXPLAIN works over tables that are shown whole.";
    denial.offset = facts_.from_items[i].offset;
    denial.schema = binding.relation->schema;
    denial.table = binding.relation->name;
    return deny(std::move(denial));
  }
}

const TableRule* Evaluation::named_table(const RelationUse& use, const Relation* relation) {
  const auto names = facts_.at(use.names);
  if (names.empty()) {
    never("this statement");
    return nullptr;
  }
  const TableRule* rule = nullptr;
  if (relation != nullptr) {
    rule = capability_.find_table(relation->schema, relation->name);
  } else if (use.action == RelationAction::kCreate) {
    const std::string_view schema = names.size() > 1 ? names[names.size() - 2]
                                    : catalog_.search_path().empty()
                                        ? std::string_view()
                                        : std::string_view(catalog_.search_path()[0]);
    rule = capability_.find_table(schema, names.back());
  }
  if (rule == nullptr) deny(table_denial(catalog_, capability_, Action::kRead, names, relation, use.offset));
  return rule;
}

void Evaluation::check_copy(Id id) {
  const StatementFacts& statement = facts_.statements[id];
  const StatementKind kind = facts_.script.statements[id].kind;
  if (CHAPERONE_MUTANT(
          14, statement.program || !statement.copy_file.empty() || kind == StatementKind::kCopyFrom, false)) {
    return never(statement.program ? "COPY .. PROGRAM" : "COPY of a file of the server",
                 "use COPY .. TO STDOUT or FROM STDIN");
  }
  const auto uses =
      std::span(facts_.relation_uses).subspan(statement.relations.first, statement.relations.count);
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const RelationUse& use = uses[i];
    const Relation* relation = sources_.uses[statement.relations.first + i];
    const Action action = kind == StatementKind::kCopyTo ? Action::kRead : Action::kInsert;
    const TableRule* rule =
        relation == nullptr ? nullptr : capability_.find_table(relation->schema, relation->name);
    if (rule == nullptr || !allows(*rule, action)) {
      return deny(table_denial(catalog_, capability_, action, facts_.at(use.names), relation, use.offset));
    }
    const ColumnSet& columns = action == Action::kRead ? rule->read->columns : rule->insert->columns;
    const auto may = [&](std::string_view name) {
      return columns.has(name) && (action == Action::kRead || !rule->insert->set.contains(name));
    };
    for (const std::string_view name : facts_.at(use.columns)) {
      if (relation->find_column(name) && CHAPERONE_MUTANT(16, may(name), true)) continue;
      std::vector<std::string_view> allowed;
      for (const Column& column : relation->columns) {
        if (may(column.name)) allowed.push_back(column.name);
      }
      return deny(column_denial(catalog_, *relation, rule, action, name, allowed, use.offset));
    }
    if (action == Action::kRead) continue;
    if (CHAPERONE_MUTANT(15, !needs_class(StatementClass::kCopyFrom, "COPY .. FROM STDIN"), false)) return;
    const std::string id_of_insert = table_rule_id(relation->schema, relation->name, "insert");
    if (!rule->insert->set.empty() || rule->insert->max_rows) {
      return deny(id_of_insert + (rule->insert->max_rows ? ".max_rows" : ".set"),
                  fmt::format("may not run COPY .. FROM STDIN into {}, whose rows are bounded or get columns "
                              "filled in; use INSERT",
                              in_quotes(table_name(catalog_, relation->schema, relation->name))),
                  use.offset);
    }
    const bool all = std::ranges::all_of(
        relation->columns, [&](const Column& column) { return column.generated || may(column.name); });
    if (use.columns.count == 0 && !all) {
      return deny(id_of_insert + ".columns",
                  fmt::format("may not run COPY .. FROM STDIN into {} without a list of columns",
                              in_quotes(table_name(catalog_, relation->schema, relation->name))),
                  use.offset);
    }
  }
  if (statement.exprs.count > 0) deny("statements.copy_from", "may not use WHERE in COPY .. FROM STDIN");
  for (const parser::Option& option :
       std::span(facts_.options).subspan(statement.options.first, statement.options.count)) {
    static constexpr std::string_view kOptions[] = {
        "format",   "delimiter", "null",          "default",        "header",
        "quote",    "escape",    "force_quote",   "force_not_null", "force_null",
        "encoding", "on_error",  "log_verbosity", "reject_limit"};
    if (std::ranges::find(kOptions, option.name) == std::end(kOptions)) {
      deny("statements.copy_from", fmt::format("may not use the option {} of COPY", in_quotes(option.name)));
    }
  }
}

void Evaluation::check_truncate(const StatementFacts& statement) {
  if (!needs_class(StatementClass::kTruncate, "TRUNCATE")) return;
  for (parser::Id i = statement.relations.first; i < statement.relations.first + statement.relations.count;
       ++i) {
    const RelationUse& use = facts_.relation_uses[i];
    const Relation* relation = sources_.uses[i];
    const TableRule* rule =
        relation == nullptr ? nullptr : capability_.find_table(relation->schema, relation->name);
    if (rule == nullptr || !CHAPERONE_MUTANT(17, rule->remove.has_value(), true)) {
      return deny(
          table_denial(catalog_, capability_, Action::kDelete, facts_.at(use.names), relation, use.offset));
    }
    const bool bounded = rule->remove->rows || rule->remove->bounds.max_rows ||
                         !rule->remove->bounds.by.empty() || (rule->read && rule->read->rows);
    if (CHAPERONE_MUTANT(18, bounded, false)) {
      return deny(table_rule_id(relation->schema, relation->name, "delete"),
                  fmt::format("may not truncate {}: only some of its rows may be deleted",
                              in_quotes(table_name(catalog_, relation->schema, relation->name))),
                  use.offset);
    }
  }
  if (CHAPERONE_MUTANT(50, statement.cascade, false)) {
    deny("statements.truncate", "may not run TRUNCATE .. CASCADE: it empties tables that are not named");
  }
}

void Evaluation::check_lock_table(const StatementFacts& statement) {
  if (!needs_class(StatementClass::kLock, "LOCK TABLE")) return;
  for (parser::Id i = statement.relations.first; i < statement.relations.first + statement.relations.count;
       ++i) {
    if (named_table(facts_.relation_uses[i], sources_.uses[i]) == nullptr) return;
  }
}

/// The parts of ALTER that leave a table where the policy found it, and its triggers and row-level security
/// on.
void Evaluation::check_alter(const StatementFacts& statement) {
  if (!statement.command.starts_with("ALTER")) return;
  static constexpr std::string_view kParts[] = {
      "ADD COLUMN",       "DROP COLUMN", "ADD CONSTRAINT", "DROP CONSTRAINT", "VALIDATE CONSTRAINT",
      "ALTER CONSTRAINT", "SET",         "RESET",          "RENAME"};
  bool renames_part = false;
  for (const parser::Option& part :
       std::span(facts_.options).subspan(statement.options.first, statement.options.count)) {
    const bool option = std::ranges::none_of(part.name, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (option || part.name.starts_with("ALTER COLUMN") || (part.name == "RENAME TO" && renames_part))
      continue;
    renames_part = part.name == "RENAME";
    if (std::ranges::find(kParts, part.name) == std::end(kParts)) {
      return deny("statements.ddl", fmt::format("may not run {} .. {}", statement.command, part.name));
    }
  }
}

/// DDL of named tables. Over a narrowed table it would undo what narrows it: a column could be renamed into
/// the list, or a view read past a filter.
void Evaluation::check_definition(Id id) {
  const StatementFacts& statement = facts_.statements[id];
  if (!statement.read) return never(statement.command);
  if (!needs_class(StatementClass::kDdl, statement.command)) return;
  if (statement.temporary) {
    return deny("statements.ddl", "may not make temporary objects: their names would hide others");
  }
  if (statement.wrapped == StatementKind::kExecute) {
    return deny("statements.ddl", "may not run CREATE TABLE AS EXECUTE; write the query itself");
  }
  if (statement.relations.count == 0) return never(statement.command);
  if (statement.cascade) {
    return deny("statements.ddl",
                fmt::format("may not run {} .. CASCADE: it drops what is not named", statement.command));
  }
  check_alter(statement);
  if (denied()) return;
  for (parser::Id i = statement.relations.first; i < statement.relations.first + statement.relations.count;
       ++i) {
    const RelationUse& use = facts_.relation_uses[i];
    if (use.temporary)
      return deny("statements.ddl", "may not make temporary objects: their names would hide others");
    const Relation* relation = sources_.uses[i];
    const TableRule* rule = named_table(use, relation);
    if (rule == nullptr) return;
    if (relation == nullptr) continue;
    const bool narrowed = is_narrowed(*relation, *rule) || (rule->update && rule->update->rows) ||
                          (rule->remove && rule->remove->rows);
    if (CHAPERONE_MUTANT(19, narrowed, false)) {
      return deny(table_rule_id(relation->schema, relation->name, "read"),
                  fmt::format("may not run {} on {}, which is narrowed", statement.command,
                              in_quotes(table_name(catalog_, relation->schema, relation->name))),
                  use.offset);
    }
  }
  // The text of a stored query is kept, and what narrows it today would be kept with it.
  const bool stored = statement.command == "CREATE VIEW" || statement.materialized;
  if (stored) {
    for (std::size_t i = 0; i < sources_.items.size(); ++i) {
      const Relation* relation = sources_.items[i].relation;
      if (relation == nullptr || facts_.queries[facts_.from_items[i].query].statement != id) continue;
      const TableRule* rule = capability_.find_table(relation->schema, relation->name);
      if (rule != nullptr && is_narrowed(*relation, *rule)) {
        return deny(table_rule_id(relation->schema, relation->name, "read"),
                    fmt::format("may not run {} over {}, which is narrowed", statement.command,
                                in_quotes(table_name(catalog_, relation->schema, relation->name))),
                    facts_.from_items[i].offset);
      }
    }
  }
}

}  // namespace chaperone::rules
