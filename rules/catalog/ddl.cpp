#include "rules/catalog/ddl.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::size_t kMaxName = 63;

// The longest part of at most `bytes` that ends with a character (pg_mbcliplen).
std::size_t clipped(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text.size();
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return bytes;
}

// As makeObjectName: the longer of the two names gives way.
std::string object_name(std::string_view name1, std::string_view name2, std::string_view label) {
  const std::size_t overhead = (name2.empty() ? 0 : 1) + 1 + label.size();
  const std::size_t available = kMaxName - overhead;
  std::size_t bytes1 = name1.size();
  std::size_t bytes2 = name2.size();
  while (bytes1 + bytes2 > available) --(bytes1 > bytes2 ? bytes1 : bytes2);
  std::string out(name1.substr(0, clipped(name1, bytes1)));
  if (!name2.empty()) out += fmt::format("_{}", name2.substr(0, clipped(name2, bytes2)));
  return fmt::format("{}_{}", out, label);
}

}  // namespace

DdlColumn* DdlTable::find(std::string_view column) {
  for (DdlColumn& candidate : columns) {
    if (candidate.column.name == column) return &candidate;
  }
  return nullptr;
}

Ddl::Ddl(DdlMessages messages)
    : messages_(std::move(messages)), schemas_{"public"}, search_path_{"public"}, catalog_path_{"public"} {
}

void Ddl::problem(std::uint32_t offset, std::string what, std::string expected) const {
  messages_.problem(offset, std::move(what), std::move(expected));
}

void Ddl::note(std::uint32_t offset, std::string what) const {
  messages_.note(offset, std::move(what));
}

void Ddl::apply(const parser::Definition& definition, std::string_view sql) {
  sql_ = sql;
  statement_ = definition.statement.offset;
  std::visit([this](const auto& value) { on(value); }, definition.value);
}

void Ddl::on(const parser::CreateSchema& definition) {
  if (is_reserved(definition.name, definition.offset)) return;
  if (schemas_.insert(definition.name).second || definition.if_not_exists) return;
  // Every database has it, and people create it in files that load into one without.
  if (definition.name == "public") return;
  problem(definition.offset, fmt::format("schema {} is there already", in_quotes(definition.name)),
          "CREATE SCHEMA IF NOT EXISTS, or each once");
}

void Ddl::on(const parser::SetSearchPath& definition) {
  std::vector<std::string> path = definition.reset ? std::vector<std::string>{"public"} : definition.schemas;
  std::erase(path, "$user");
  std::erase(path, "pg_catalog");
  std::erase(path, "pg_temp");
  (definition.persistent ? catalog_path_ : search_path_) = std::move(path);
}

void Ddl::on(const parser::OpaqueDefinition& definition) {
  note(statement_, fmt::format("{} is not run; what it may define is not known here", definition.command));
}

void Ddl::need_schema(const std::string& schema, std::uint32_t offset) {
  if (!schemas_.insert(schema).second) return;
  note(offset, fmt::format("schema {} is not created in this file; taken as there", in_quotes(schema)));
}

bool Ddl::is_reserved(const std::string& schema, std::uint32_t offset) const {
  if (!schema.starts_with("pg_") && schema != "information_schema") return false;
  problem(offset, fmt::format("schema {} is PostgreSQL's own", in_quotes(schema)), "another one");
  return true;
}

std::string Ddl::creation_schema(const parser::ObjectName& name) {
  if (name.schema == "pg_temp") return name.schema;
  if (is_reserved(name.schema, name.offset)) return {};
  if (!name.schema.empty()) {
    need_schema(name.schema, name.offset);
    return name.schema;
  }
  for (const std::string& schema : search_path_) {
    if (schemas_.contains(schema)) return schema;
  }
  problem(name.offset, fmt::format("no schema for {}: search_path is empty", in_quotes(name.name)),
          fmt::format("schema.{}, or SET search_path in front", name.name));
  return {};
}

DdlTable* Ddl::find_table(const std::string& schema, const std::string& name) {
  const auto found = table_names_.find({schema, name});
  return found == table_names_.end() ? nullptr : found->second;
}

DdlTable* Ddl::find_table(const parser::ObjectName& name) {
  if (!name.schema.empty()) return find_table(name.schema, name.name);
  if (DdlTable* table = find_table("pg_temp", name.name)) return table;
  for (const std::string& schema : search_path_) {
    if (DdlTable* table = find_table(schema, name.name)) return table;
  }
  return nullptr;
}

std::string Ddl::table_name(const parser::ObjectName& name) const {
  return in_quotes(name.schema.empty() ? name.name : name.schema + "." + name.name);
}

DdlTable* Ddl::need_table(const parser::ObjectName& name, bool lenient) {
  DdlTable* table = find_table(name);
  if (table != nullptr || lenient) return table;
  std::vector<std::string_view> names;
  for (const auto& [key, value] : table_names_) names.push_back(key.second);
  const bool other_schema = std::find(names.begin(), names.end(), name.name) != names.end();
  const std::string_view meant = other_schema ? std::string_view() : closest(name.name, names);
  std::string hint;
  if (!meant.empty()) hint = fmt::format(" (did you mean {}?)", in_quotes(meant));
  problem(name.offset, fmt::format("relation {} does not exist{}", table_name(name), hint),
          other_schema ? "its schema, or a search_path that holds it" : "one that stands in front of this");
  return nullptr;
}

std::string Ddl::choose_name(const std::string& schema, const std::string& name1, const std::string& name2,
                             const std::string& label) {
  for (int pass = 0;; ++pass) {
    std::string name = object_name(name1, name2, pass == 0 ? label : fmt::format("{}{}", label, pass));
    if (!table_names_.contains({schema, name}) && !index_names_.contains({schema, name})) return name;
  }
}

std::shared_ptr<const Catalog> Ddl::build() {
  CatalogBuilder builder;
  for (const auto& [name, table] : table_names_) {
    if (table->temporary) continue;
    Relation relation;
    relation.schema = table->schema;
    relation.name = table->name;
    relation.kind = table->kind;
    relation.row_security = table->row_security;
    relation.security_invoker = table->security_invoker;
    for (const DdlColumn& column : table->columns) relation.columns.push_back(column.column);
    for (const DdlTable* parent : table->parents) relation.parents.emplace_back(parent->schema, parent->name);
    for (const DdlKey& key : table->keys) {
      std::vector<std::uint16_t> columns;
      for (const std::string& column : key.columns) {
        if (const auto index = relation.find_column(column)) columns.push_back(*index);
      }
      if (key.kind == parser::ConstraintKind::kPrimaryKey) relation.primary_key = columns;
      if (key.kind == parser::ConstraintKind::kUnique && !key.partial)
        relation.unique_keys.push_back(columns);
      if (key.kind == parser::ConstraintKind::kForeignKey) {
        const DdlTable* other = key.referenced;
        relation.foreign_keys.push_back({columns, other != nullptr ? other->schema : key.outside.schema,
                                         other != nullptr ? other->name : key.outside.name});
      }
    }
    builder.add(std::move(relation));
  }
  for (auto& [name, type] : types_) builder.add(std::move(type));
  for (auto& [name, overloads] : functions_) {
    for (Function& function : overloads) builder.add(std::move(function));
  }
  for (auto& [name, operators] : operators_) {
    for (Operator& op : operators) builder.add(std::move(op));
  }
  for (const std::string& schema : schemas_) builder.add_schema(schema);
  builder.set_search_path(catalog_path_);
  builder.set_server_major(server_major_);
  return builder.build();
}

}  // namespace chaperone::rules
