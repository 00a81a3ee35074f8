#include <fmt/format.h>

#include "rules/catalog/ddl.hpp"
#include "rules/catalog/query_columns.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

void Ddl::on(const parser::CreateView& definition) {
  DdlTable* view = nullptr;
  if (definition.replace) {
    const std::string schema = definition.temporary ? "pg_temp" : creation_schema(definition.name);
    view = find_table(schema, definition.name.name);
    if (view != nullptr && view->kind != RelationKind::kView) {
      problem(definition.name.offset, fmt::format("{} is not a view", table_name(definition.name)), "a view");
      return;
    }
  }
  if (view == nullptr) view = new_table(definition.name, RelationKind::kView, definition.temporary, false);
  if (view == nullptr) return;
  view->security_invoker = definition.security_invoker;
  view->columns.clear();
  set_query_columns(*view, definition.columns);
}

void Ddl::on(const parser::CreateTableAs& definition) {
  const RelationKind kind = definition.materialized ? RelationKind::kMaterializedView : RelationKind::kTable;
  DdlTable* table = new_table(definition.name, kind, definition.temporary, definition.if_not_exists);
  if (table != nullptr) set_query_columns(*table, definition.columns);
}

/// The columns of the query of the statement, under the names of the list as far as it goes.
void Ddl::set_query_columns(DdlTable& table, const std::vector<std::string>& names) {
  QueryContext context;
  context.relation = [&](std::string_view schema, std::string_view name) {
    return columns_of_relation(schema, name, &table);
  };
  std::optional<std::vector<Column>> columns;
  const auto facts = parser::read_facts(sql_, kFileLimits);
  if (facts) {
    context.type = [&](const parser::TypeUse& use) { return resolve(*facts, use); };
    context.has_function = [&](std::string_view name) { return has_routine(name); };
    for (const parser::StatementFacts& statement : facts->statements) {
      if (statement.query != parser::kNone) columns = query_columns(*facts, statement.query, context);
    }
  }
  if (!columns) {
    note(statement_, fmt::format("the columns of {} can't be told from its query{}", in_quotes(table.name),
                                 names.empty() ? "" : "; those of its list are there, without types"));
    columns.emplace();
  }
  if (columns->size() < names.size()) columns->resize(names.size());
  for (std::size_t i = 0; i < columns->size(); ++i) {
    DdlColumn column;
    column.column.name = i < names.size() ? names[i] : (*columns)[i].name;
    column.column.type = (*columns)[i].type;
    if (table.find(column.column.name) != nullptr) {
      problem(statement_,
              fmt::format("column {} of {} is there already", in_quotes(column.column.name),
                          in_quotes(table.name)),
              "each column once, as with AS");
      continue;
    }
    table.columns.push_back(std::move(column));
  }
}

std::optional<std::vector<Column>> Ddl::columns_of_relation(std::string_view schema, std::string_view name,
                                                            const DdlTable* except) {
  const Relation* system = nullptr;
  if (schema.empty() || schema == "pg_catalog" || schema == "information_schema") {
    system = find_system_relation(schema.empty() ? "pg_catalog" : schema, name, server_major_);
  }
  if (system != nullptr) return system->columns;
  const DdlTable* found = find_table({std::string(schema), std::string(name), 0});
  if (found == nullptr || found == except) return {};
  std::vector<Column> out;
  for (const DdlColumn& column : found->columns) out.push_back(column.column);
  return out;
}

}  // namespace chaperone::rules
