#include "rules/introspection.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "rules/builtin.hpp"

namespace chaperone::rules {
namespace {

using Relations = std::map<std::pair<std::string, std::string>, SystemRelation, QualifiedLess>;

Relations make() {
  Relations relations;
  for (const BuiltinRelation& builtin_relation : builtin().relations()) {
    SystemRelation& relation =
        relations[{std::string(builtin_relation.schema), std::string(builtin_relation.name)}];
    relation.rule.schema = builtin_relation.schema;
    relation.rule.name = builtin_relation.name;
    relation.shown = builtin_relation.value == BuiltinClass::kIntrospection;
    relation.reason = builtin_relation.reason;
    if (!relation.rule.read) {
      relation.rule.read.emplace();
      relation.complete = true;
    }
    // Versions with other columns have an entry each.
    if (!builtin_relation.hidden.empty()) relation.complete = false;
    std::vector<std::string>& names = relation.rule.read->columns.names;
    for (const BuiltinColumn& column : builtin_relation.columns) {
      const bool hidden =
          std::ranges::find(builtin_relation.hidden, column.name) != builtin_relation.hidden.end();
      if (!hidden && std::ranges::find(names, column.name) == names.end()) names.emplace_back(column.name);
    }
  }
  return relations;
}

}  // namespace

const SystemRelation* find_system_relation(const Relation& relation) {
  static const Relations relations = make();
  const auto found =
      relations.find(std::pair(std::string_view(relation.schema), std::string_view(relation.name)));
  return found == relations.end() ? nullptr : &found->second;
}

}  // namespace chaperone::rules
