#include "rules/builtin/introspection.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "rules/builtin/builtin.hpp"
#include "rules/builtin/settings.hpp"

namespace chaperone::rules {
namespace {

using Relations = std::map<std::pair<std::string, std::string>, SystemRelation, QualifiedLess>;

Expression text_expression(std::string text) {
  Expression expression;
  expression.parts.push_back({Expression::PartKind::kText, std::move(text), {}});
  expression.total = true;
  return expression;
}

/// Estimates tell how many rows a table has, those that a policy hides too: they read as "not known".
void mask_estimates(ReadRule& read) {
  static constexpr std::pair<std::string_view, std::string_view> kMasks[] = {
      {"reltuples", "CAST(-1 AS pg_catalog.float4)"},
      {"relpages", "CAST(0 AS pg_catalog.int4)"},
      {"relallvisible", "CAST(0 AS pg_catalog.int4)"},
  };
  for (const auto& [column, text] : kMasks) {
    read.columns.names.emplace_back(column);
    read.masks[std::string(column)] = {MaskKind::kExpression, text_expression(std::string(text))};
  }
}

/// Of the statistics of tables their names; what is counted is not known.
void mask_statistics(SystemRelation& relation, const BuiltinRelation& of) {
  for (const BuiltinColumn& column : of.columns) {
    if (column.name == "relid" || column.name == "schemaname" || column.name == "relname") continue;
    relation.rule.read->masks[std::string(column.name)] = {
        MaskKind::kExpression, text_expression("CAST(NULL AS pg_catalog." + std::string(column.type) + ")")};
  }
}

/// Of pg_settings the settings that may be shown, without the files that they come from.
void show_settings(SystemRelation& relation) {
  relation.shown = true;
  relation.complete = false;
  relation.rule.read->columns.names = {"name",       "setting",  "unit",     "category", "short_desc",
                                       "extra_desc", "context",  "vartype",  "source",   "min_val",
                                       "max_val",    "enumvals", "boot_val", "reset_val"};
  std::string names;
  for (const Setting& setting : settings()) {
    if (!setting.is_shown()) continue;
    names += names.empty() ? "'" : ", '";
    names.append(setting.name).append("'");
  }
  Expression rows = text_expression("pg_catalog.lower(");
  rows.parts.push_back({Expression::PartKind::kColumn, "name", {}});
  rows.parts.push_back({Expression::PartKind::kText,
                        ") OPERATOR(pg_catalog.=) ANY (CAST(ARRAY[" + names + "] AS pg_catalog.text[]))",
                        {}});
  rows.columns = {0};
  relation.rule.read->rows = RowFilter{std::move(rows), false};
}

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
    if (relation.shown && builtin_relation.name.starts_with("pg_stat_") &&
        builtin_relation.name.ends_with("_tables")) {
      mask_statistics(relation, builtin_relation);
    }
  }
  for (auto& [name, relation] : relations) {
    if (name.first == "pg_catalog" && name.second == "pg_class") mask_estimates(*relation.rule.read);
    if (name.first == "pg_catalog" && name.second == "pg_settings") show_settings(relation);
    // No plan of a system relation tells about the rows of a policy's tables; where it is filtered itself,
    // here or by Projection, it does of its own.
    relation.rule.read->explain = !relation.rule.read->rows;
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
