#include "rules/resolve/denials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::size_t kMostNames = 20;

std::string perhaps(std::string_view meant) {
  return meant.empty() ? std::string() : fmt::format("Perhaps you meant {}.", in_quotes(meant));
}

std::string_view verb_of(Action action) {
  switch (action) {
    case Action::kRead:
      return "read";
    case Action::kInsert:
      return "insert into";
    case Action::kUpdate:
      return "update";
    case Action::kDelete:
      return "delete from";
  }
  return "";
}

}  // namespace

std::string_view key_of(Action action) {
  switch (action) {
    case Action::kRead:
      return "read";
    case Action::kInsert:
      return "insert";
    case Action::kUpdate:
      return "update";
    case Action::kDelete:
      return "delete";
  }
  return "";
}

bool allows(const TableRule& rule, Action action) {
  switch (action) {
    case Action::kRead:
      return rule.read.has_value();
    case Action::kInsert:
      return rule.insert.has_value();
    case Action::kUpdate:
      return rule.update.has_value();
    case Action::kDelete:
      return rule.remove.has_value();
  }
  return false;
}

std::string table_name(const Catalog& catalog, std::string_view schema, std::string_view name) {
  const Relation* found = catalog.find_relation(name);
  if (found != nullptr && found->schema == schema) return std::string(name);
  return fmt::format("{}.{}", schema, name);
}

std::string table_rule_id(std::string_view schema, std::string_view name, std::string_view tail) {
  std::string id =
      schema == "public" ? fmt::format("tables.{}", name) : fmt::format("tables.{}.{}", schema, name);
  if (!tail.empty()) id += fmt::format(".{}", tail);
  return id;
}

std::string list_names(const std::vector<std::string>& names) {
  if (names.empty()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMostNames; ++i) {
    text += i == 0 ? "" : ", ";
    text += names[i];
  }
  if (names.size() > kMostNames) text += fmt::format(" and {} more", names.size() - kMostNames);
  return text;
}

Denial column_denial(const Catalog& catalog, const Relation& relation, const TableRule* rule, Action action,
                     std::string_view column, const std::vector<std::string_view>& allowed,
                     std::uint32_t offset) {
  Denial denial;
  std::vector<std::string> names;
  for (const std::string_view name : allowed) {
    const bool masked =
        action == Action::kRead && rule != nullptr && rule->read && rule->read->masks.contains(name);
    names.push_back(masked ? fmt::format("{} (masked)", name) : std::string(name));
  }
  const std::string_view verb = action == Action::kInsert ? "set" : key_of(action);
  denial.rule = table_rule_id(relation.schema, relation.name, fmt::format("{}.columns", key_of(action)));
  denial.message =
      fmt::format("may not {} column {} of {}; it may {} {}", verb, in_quotes(column),
                  in_quotes(table_name(catalog, relation.schema, relation.name)), verb, list_names(names));
  denial.hint = perhaps(closest(column, allowed));
  denial.offset = offset;
  denial.schema = relation.schema;
  denial.table = relation.name;
  denial.column = column;
  return denial;
}

Denial table_denial(const Catalog& catalog, const Capability& capability, Action action,
                    std::span<const std::string_view> names, const Relation* relation, std::uint32_t offset) {
  Denial denial;
  const std::string written = fmt::format("{}", fmt::join(names, "."));
  std::vector<std::string> allowed;
  for (const auto& [key, rule] : capability.tables) {
    if (allows(rule, action)) allowed.push_back(table_name(catalog, key.first, key.second));
  }
  const std::string_view schema = relation != nullptr ? std::string_view(relation->schema)
                                  : names.size() > 1  ? names[names.size() - 2]
                                                      : std::string_view("public");
  const std::string_view name = relation != nullptr ? std::string_view(relation->name) : names.back();
  // A table that the capability names is no secret; of any other not even its existence is told.
  const bool named = capability.find_table(schema, name) != nullptr;
  const std::string tail = named ? std::string(key_of(action)) : std::string();
  denial.rule = table_rule_id(named ? schema : "public", named ? name : std::string_view(written), tail);
  denial.message = fmt::format("may not {} {}; it may {} {}", verb_of(action), in_quotes(written),
                               verb_of(action), list_names(allowed));
  const std::vector<std::string_view> candidates(allowed.begin(), allowed.end());
  denial.hint = perhaps(closest(written, candidates));
  denial.offset = offset;
  denial.schema = names.size() > 1 ? std::string(names[names.size() - 2]) : std::string();
  denial.table = names.back();
  return denial;
}

Denial name_error(std::string_view sqlstate, std::string message, std::uint32_t offset) {
  Denial denial;
  denial.rule = "names";
  denial.sqlstate = sqlstate;
  denial.message = std::move(message);
  denial.offset = offset;
  return denial;
}

Denial too_complex() {
  Denial denial;
  denial.rule = "limits.names";
  denial.sqlstate = "54001";
  denial.message =
      "statement too complex: its names take too long to resolve; use fewer tables, subqueries or "
      "columns, or several statements";
  return denial;
}

}  // namespace chaperone::rules
