#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "rules/catalog/catalog_files.hpp"
#include "rules/catalog/ddl.hpp"
#include "rules/text.hpp"

// What extensions bring: from a snapshot of those that come with PostgreSQL, where the schema of each is "@"
// and its name.
namespace chaperone::rules {
namespace {

const Catalog& shipped() {
  static const std::shared_ptr<const Catalog> catalog = [] {
    Problems problems;
    auto loaded = load_catalog_snapshot(catalog_files::kExtensions, "extensions.jsonl", problems);
    if (!problems.empty()) throw std::logic_error(problems.text());
    return loaded;
  }();
  return *catalog;
}

/// Calls `visit` with each object of an extension.
template <class Objects, class Visit>
void each_of(const Objects& objects, std::string_view place, Visit&& visit) {
  for (const auto& object : objects) {
    if (object.schema == place) visit(object);
  }
}

}  // namespace

void Ddl::on(const parser::CreateExtension& definition) {
  if (extensions_.contains(definition.name)) {
    if (definition.if_not_exists) return;
    problem(definition.offset, fmt::format("extension {} is there already", in_quotes(definition.name)),
            "CREATE EXTENSION IF NOT EXISTS, or each once");
    return;
  }
  if (definition.schema == "pg_catalog") {
    extensions_[definition.name] = definition.schema;
    // A dump says so of plpgsql, and of others that bring nothing to any other schema.
    return;
  }
  const std::string schema = creation_schema({definition.schema, definition.name, definition.offset});
  if (schema.empty() || install(definition.name, schema)) return;
  strange_extension_ = true;
  note(definition.offset,
       fmt::format("extension {}: what it brings is not known here", in_quotes(definition.name)));
}

bool Ddl::install(const std::string& extension, const std::string& schema) {
  extensions_[extension] = schema;
  if (extension == "plpgsql") return true;  // all of it is in pg_catalog
  const std::string place = "@" + extension;
  const auto settle = [&](TypeName& type) {
    if (!type.schema.starts_with('@')) return;
    const std::string owner = type.schema.substr(1);
    // One that it needs: CASCADE puts it into the same schema.
    if (!extensions_.contains(owner)) install(owner, schema);
    type.schema = extensions_[owner];
  };
  bool known = false;
  each_of(shipped().types(), place, [&](Type type) {
    known = true;
    type.schema = schema;
    settle(type.base);
    types_[{schema, type.name}] = type;
  });
  each_of(shipped().relations(), place, [&](const Relation& relation) {
    known = true;
    tables_.push_back(std::make_unique<DdlTable>());
    DdlTable& table = *tables_.back();
    table.schema = schema;
    table.name = relation.name;
    table.kind = relation.kind;
    for (const Column& column : relation.columns) {
      table.columns.push_back({column, true, 0});
      settle(table.columns.back().column.type);
    }
    table_names_[{schema, table.name}] = &table;
  });
  each_of(shipped().functions(), place, [&](Function function) {
    known = true;
    function.schema = schema;
    for (TypeName& type : function.arguments) settle(type);
    functions_[{schema, function.name}].push_back(std::move(function));
  });
  each_of(shipped().operators(), place, [&](Operator op) {
    op.schema = schema;
    operators_[{schema, op.name}].push_back(std::move(op));
  });
  return known;
}

void Ddl::drop_extension(const std::string& name) {
  const auto found = extensions_.find(name);
  if (found == extensions_.end()) return;
  const std::string schema = found->second;
  extensions_.erase(found);
  const std::string place = "@" + name;
  each_of(shipped().types(), place, [&](const Type& type) { types_.erase({schema, type.name}); });
  each_of(shipped().relations(), place, [&](const Relation& relation) {
    if (DdlTable* table = find_table(schema, relation.name)) drop_table(*table);
  });
  each_of(shipped().functions(), place, [&](const Function& function) {
    std::erase_if(functions_[{schema, function.name}],
                  [&](const Function& own) { return own.extension == name; });
  });
  each_of(shipped().operators(), place, [&](const Operator& op) {
    std::erase_if(operators_[{schema, op.name}], [&](const Operator& own) { return own.extension == name; });
  });
}

void Ddl::move_extension(const std::string& name, const std::string& to) {
  const auto found = extensions_.find(name);
  if (found == extensions_.end()) return;
  const std::string from = found->second;
  drop_extension(name);
  install(name, to);
  each_of(shipped().types(), "@" + name,
          [&](const Type& type) { follow_type(from, type.name, to, type.name); });
}

}  // namespace chaperone::rules
