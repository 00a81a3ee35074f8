#include "rules/answers.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "rules/resolve/denials.hpp"
#include "rules/rewrite/literal.hpp"

namespace chaperone::rules {
namespace {

using Row = std::vector<std::string>;

/// SELECT * FROM (VALUES ..) AS t(..), with a name for each column.
Expression query(std::initializer_list<std::string_view> columns, const std::vector<Row>& rows) {
  std::string text = "SELECT * FROM (VALUES ";
  const Row none(columns.size());
  const std::vector<Row> nothing = {none};
  for (const Row& row : rows.empty() ? nothing : rows) {
    text += text.ends_with(')') ? ", (" : "(";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "" : ", ";
      text += row[i].empty() ? "CAST(NULL AS pg_catalog.text)"
                             : fmt::format("CAST({} AS pg_catalog.text)", literal(row[i]));
    }
    text += ")";
  }
  text += ") AS t(";
  for (const std::string_view column : columns)
    text += fmt::format("{}\"{}\"", text.ends_with('(') ? "" : ", ", column);
  text += rows.empty() ? ") WHERE false" : ")";
  Expression expression;
  expression.parts.push_back({Expression::PartKind::kText, std::move(text), {}});
  return expression;
}

std::string list(const ColumnSet& columns, const ReadRule* read = nullptr) {
  if (columns.all) return "*";
  std::string text;
  for (const std::string& name : columns.names) {
    text += text.empty() ? "" : ", ";
    text += name;
    if (read != nullptr && read->masks.contains(name)) text += " (masked)";
  }
  return text;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator = "; ") {
  return fmt::format("{}", fmt::join(parts, separator));
}

void add_bounds(const WriteBounds& bounds, std::vector<std::string>& notes) {
  if (!bounds.by.empty())
    notes.push_back(fmt::format("WHERE has to pin {} with = or IN", joined(bounds.by, ", ")));
  if (bounds.max_rows) notes.push_back(fmt::format("at most {} rows a statement", *bounds.max_rows));
}

class Rows {
 public:
  Rows(const Capability& capability, const Catalog& catalog, std::vector<Row>& rows)
      : capability_(capability), catalog_(catalog), rows_(rows) {}

  void run() {
    for (const auto& [key, rule] : capability_.tables) table(rule);
    for (const std::string& set : capability_.function_sets)
      add("call", fmt::format("functions of the set {}", set));
    for (const auto& [schema, name] : capability_.functions)
      add("call", schema.empty() || schema == "pg_catalog" ? name : fmt::format("{}.{}", schema, name));
    static constexpr std::string_view kClasses[] = {"truncate", "listen",    "notify", "call",
                                                    "ddl",      "copy_from", "lock"};
    for (const StatementClass one : capability_.statements)
      add(std::string(kClasses[static_cast<std::size_t>(one)]), "");
    if (capability_.introspection)
      add("read", "system catalogs", "", "some",
          "what this capability shows: pg_catalog and information_schema");
  }

 private:
  void add(std::string action, std::string object, std::string columns = {}, std::string rows = {},
           std::string notes = {}) {
    rows_.push_back({capability_.name, std::move(action), std::move(object), std::move(columns),
                     std::move(rows), std::move(notes)});
  }

  static std::string of(const std::optional<RowFilter>& rows) { return rows ? "some" : "all"; }

  void table(const TableRule& rule) {
    const std::string name = table_name(catalog_, rule.schema, rule.name);
    if (rule.read)
      add("read", name, list(rule.read->columns, &*rule.read), of(rule.read->rows),
          rule.read->masks.empty() ? "" : "masked columns show something else than what is stored");
    if (rule.insert) {
      std::vector<std::string> notes;
      if (!rule.insert->set.empty()) notes.emplace_back("other columns are filled in");
      add_returning(rule.insert->returning, notes);
      add_bounds({{}, rule.insert->max_rows}, notes);
      add("insert", name, list(rule.insert->columns), "", joined(notes));
    }
    if (rule.update) {
      std::vector<std::string> notes;
      add_bounds(rule.update->bounds, notes);
      add_returning(rule.update->returning, notes);
      add("update", name, list(rule.update->columns), of(rule.update->rows), joined(notes));
    }
    if (rule.remove) {
      std::vector<std::string> notes;
      add_bounds(rule.remove->bounds, notes);
      add_returning(rule.remove->returning, notes);
      add("delete", name, "", of(rule.remove->rows), joined(notes));
    }
  }

  static void add_returning(const std::optional<ColumnSet>& returning, std::vector<std::string>& notes) {
    if (returning) notes.push_back(fmt::format("RETURNING may name {}", list(*returning)));
  }

  const Capability& capability_;
  const Catalog& catalog_;
  std::vector<Row>& rows_;
};

Expression identity() {
  Expression expression;
  const auto text = [&](std::string sql) {
    expression.parts.push_back({Expression::PartKind::kText, std::move(sql), {}});
  };
  text("SELECT * FROM (VALUES (");
  for (const std::string_view name : {"agent", "actor", "task"}) {
    TypeName type;
    type.schema = "pg_catalog";
    type.name = "text";
    if (name != "agent") text(", ");
    expression.parts.push_back({Expression::PartKind::kParameter, std::string(name), std::move(type)});
  }
  text(R"()) AS t("agent", "actor", "task"))");
  return expression;
}

}  // namespace

std::optional<Expression> answer_query(std::string_view name, const Agent& agent, const Catalog& catalog) {
  if (name == "chaperone.identity") return identity();
  std::vector<Row> rows;
  if (name == "chaperone.capabilities") {
    for (const auto& capability : agent.capabilities) Rows(*capability, catalog, rows).run();
    return query({"capability", "action", "object", "columns", "rows", "notes"}, rows);
  }
  if (name != "chaperone.limits") return std::nullopt;
  for (const auto& capability : agent.capabilities) {
    const ResultLimits& limits = capability->limits;
    const auto number = [](const auto& value, std::string_view unit) {
      return value ? fmt::format("{}{}", *value, unit) : std::string();
    };
    const std::string over = !limits.rows ? "" : limits.rows_fail ? "an error" : "cut, with a warning";
    const std::string time = limits.time ? fmt::format("{} ms", limits.time->count()) : std::string();
    rows.push_back({capability->name, number(limits.rows, ""), over, number(limits.bytes, ""), time});
  }
  return query({"capability", "rows", "over", "bytes", "time"}, rows);
}

}  // namespace chaperone::rules
