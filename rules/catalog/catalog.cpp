#include "rules/catalog/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "rules/builtin/builtin.hpp"
#include "rules/catalog/catalog_builder.hpp"
#include "rules/catalog/query_types.hpp"

namespace chaperone::rules {
namespace {

bool is_plain(std::string_view name) {
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), word);
}

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

bool is_system_schema(std::string_view schema) {
  return schema == "pg_catalog" || schema == "information_schema";
}

// Those of `objects` with that name, in all schemas if `schema` is empty.
template <class Index, class Object>
std::vector<const Object*> select(const Index& index, const std::vector<Object>& objects,
                                  std::string_view schema, std::string_view name) {
  std::vector<const Object*> out;
  const auto found = index.find(name);
  if (found == index.end()) return out;
  for (const std::uint32_t i : found->second) {
    if (schema.empty() || objects[i].schema == schema) out.push_back(&objects[i]);
  }
  return out;
}

template <class Index, class Object>
void index_by_name(Index& index, const std::vector<Object>& objects) {
  for (std::uint32_t i = 0; i < objects.size(); ++i) index[objects[i].name].push_back(i);
}

/// PostgreSQL's own relations in some versions: with the columns of all of them.
class SystemRelations {
 public:
  explicit SystemRelations(unsigned versions) {
    for (const BuiltinRelation& from : builtin().relations()) {
      if ((from.versions & versions) == 0) continue;
      // Entries of one name, one for each set of columns, stand next to each other.
      if (relations_.empty() || relations_.back().name != from.name ||
          relations_.back().schema != from.schema) {
        relations_.emplace_back();
      }
      Relation& relation = relations_.back();
      relation.schema = from.schema;
      relation.name = from.name;
      relation.kind = from.kind == 'v' ? RelationKind::kView : RelationKind::kTable;
      relation.system = true;
      for (const BuiltinColumn& column : from.columns) {
        if (relation.find_column(column.name)) continue;
        relation.columns.emplace_back();
        relation.columns.back().name = column.name;
        relation.columns.back().type = builtin_type(column.type);
      }
      const auto oid = relation.find_column("oid");
      if (from.kind == 'r' && oid) relation.primary_key = {*oid};
    }
    std::sort(relations_.begin(), relations_.end(),
              [](const Relation& a, const Relation& b) { return key(a) < key(b); });
  }

  const Relation* find(std::string_view schema, std::string_view name) const {
    const std::pair wanted(name, schema);
    const auto found = std::lower_bound(relations_.begin(), relations_.end(), wanted,
                                        [](const Relation& a, const auto& b) { return key(a) < b; });
    return found != relations_.end() && key(*found) == wanted ? &*found : nullptr;
  }

 private:
  static std::pair<std::string_view, std::string_view> key(const Relation& relation) {
    return {relation.name, relation.schema};
  }
  std::vector<Relation> relations_;
};

const SystemRelations& system_relations(int server_major) {
  if (server_major != 0 && server_major < 16) {
    static const SystemRelations relations(kIn15);
    return relations;
  }
  if (server_major == 0) {
    static const SystemRelations relations(kIn15 | kIn17);
    return relations;
  }
  static const SystemRelations relations(kIn17);
  return relations;
}

std::string signature(const Function& function) {
  std::string out;
  for (const TypeName& type : function.arguments) out += type.sql() + ',';
  return out;
}

}  // namespace

const Relation* find_system_relation(std::string_view schema, std::string_view name, int server_major) {
  return system_relations(server_major).find(schema, name);
}

std::string TypeName::sql() const {
  std::string out;
  if (!schema.empty()) {
    // A keyword could not stand unquoted in front; behind the dot any can.
    out += is_system_schema(schema) || schema == "public" ? schema : quoted(schema);
    out += '.';
  }
  out += is_plain(name) ? name : quoted(name);
  if (!modifiers.empty()) out += fmt::format("({})", modifiers);
  for (unsigned i = 0; i < dimensions; ++i) out += "[]";
  return out;
}

std::optional<std::uint16_t> Relation::find_column(std::string_view column) const {
  for (std::uint16_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return i;
  }
  return {};
}

Catalog::Catalog() : schemas_{"public"}, search_path_{"public"} {
}

const Relation* Catalog::find_relation(std::string_view schema, std::string_view name) const {
  if (is_system_schema(schema)) return find_system_relation(schema, name, server_major_);
  const auto found = relations_by_name_.find(name);
  if (found == relations_by_name_.end()) return nullptr;
  for (const std::uint32_t i : found->second) {
    if (relations_[i].schema == schema) return &relations_[i];
  }
  return nullptr;
}

const Relation* Catalog::find_relation(std::string_view name) const {
  if (const Relation* relation = find_relation("pg_catalog", name)) return relation;
  for (const std::string& schema : search_path_) {
    if (const Relation* relation = find_relation(schema, name)) return relation;
  }
  return nullptr;
}

std::vector<const Function*> Catalog::functions(std::string_view schema, std::string_view name) const {
  return select(functions_by_name_, functions_, schema, name);
}

std::vector<const Type*> Catalog::types(std::string_view schema, std::string_view name) const {
  return select(types_by_name_, types_, schema, name);
}

bool Catalog::has_operator(std::string_view schema, std::string_view name) const {
  return std::any_of(operators_.begin(), operators_.end(), [&](const Operator& op) {
    return op.name == name && (schema.empty() || op.schema == schema);
  });
}

bool Catalog::has_schema(std::string_view schema) const {
  return is_system_schema(schema) || std::find(schemas_.begin(), schemas_.end(), schema) != schemas_.end();
}

CatalogBuilder::CatalogBuilder() : catalog_(std::make_shared<Catalog>()) {
  catalog_->schemas_.clear();
}

std::shared_ptr<const Catalog> CatalogBuilder::build() {
  Catalog& c = *catalog_;
  const auto by_name = [](const auto& a, const auto& b) {
    return std::tie(a.schema, a.name) < std::tie(b.schema, b.name);
  };
  std::sort(c.relations_.begin(), c.relations_.end(), by_name);
  std::sort(c.types_.begin(), c.types_.end(), by_name);
  std::sort(c.functions_.begin(), c.functions_.end(), [](const Function& a, const Function& b) {
    return std::tuple(std::string_view(a.schema), std::string_view(a.name), signature(a)) <
           std::tuple(std::string_view(b.schema), std::string_view(b.name), signature(b));
  });
  std::sort(c.operators_.begin(), c.operators_.end());
  c.operators_.erase(std::unique(c.operators_.begin(), c.operators_.end()), c.operators_.end());
  std::sort(c.schemas_.begin(), c.schemas_.end());
  c.schemas_.erase(std::unique(c.schemas_.begin(), c.schemas_.end()), c.schemas_.end());

  index_by_name(c.relations_by_name_, c.relations_);
  index_by_name(c.functions_by_name_, c.functions_);
  index_by_name(c.types_by_name_, c.types_);
  for (Relation& relation : c.relations_) {
    std::sort(relation.unique_keys.begin(), relation.unique_keys.end());
    const auto key = [](const ForeignKey& k) { return std::tie(k.columns, k.schema, k.relation); };
    std::sort(relation.foreign_keys.begin(), relation.foreign_keys.end(),
              [&](const ForeignKey& a, const ForeignKey& b) { return key(a) < key(b); });
    for (const auto& [schema, name] : relation.parents) {
      const auto found = c.relations_by_name_.find(name);
      if (found == c.relations_by_name_.end()) continue;
      for (const std::uint32_t i : found->second) {
        if (c.relations_[i].schema == schema) c.relations_[i].has_children = true;
      }
    }
  }
  return std::exchange(catalog_, std::make_shared<Catalog>());
}

}  // namespace chaperone::rules
