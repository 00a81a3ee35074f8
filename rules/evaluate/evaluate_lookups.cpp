#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/builtin/builtin.hpp"
#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/projection.hpp"
#include "rules/text.hpp"

// Functions and casts of the set `introspection` that lead from a number or a name to an object: a number
// that is no column of a filtered catalog is looked up there first, so that a hidden object's is NULL; a name
// is held against the projected catalog.
namespace chaperone::rules {

using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::kNone;

using Kind = ColumnBinding::Kind;

namespace {

enum class By : std::uint8_t {
  kNumber,
  kRelation,  ///< regclass: a constant may be a name
  kAlways,    ///< the object's own catalog shows less than pg_class
  kResult,    ///< a name to a number: the result is looked up
};
struct Finder {
  std::string_view name;
  std::string_view catalog;
  std::string_view column = "oid";
  By by = By::kNumber;
};
constexpr Finder kFunctions[] = {
    {"format_type", "pg_type"},
    {"pg_basetype", "pg_type"},
    {"pg_table_is_visible", "pg_class"},
    {"pg_type_is_visible", "pg_type"},
    {"pg_function_is_visible", "pg_proc"},
    {"pg_statistics_obj_is_visible", "pg_statistic_ext"},
    {"pg_get_constraintdef", "pg_constraint"},
    {"pg_get_indexdef", "pg_index", "indexrelid"},
    {"pg_get_triggerdef", "pg_trigger"},
    {"pg_get_ruledef", "pg_rewrite"},
    {"pg_get_statisticsobjdef", "pg_statistic_ext"},
    {"pg_get_statisticsobjdef_columns", "pg_statistic_ext"},
    {"pg_get_statisticsobjdef_expressions", "pg_statistic_ext"},
    {"pg_get_function_arguments", "pg_proc"},
    {"pg_get_function_identity_arguments", "pg_proc"},
    {"pg_get_function_result", "pg_proc"},
    {"pg_get_function_arg_default", "pg_proc", "oid", By::kAlways},
    {"pg_get_viewdef", "pg_rewrite", "ev_class", By::kAlways},
    {"pg_get_partkeydef", "pg_partitioned_table", "partrelid", By::kAlways},
    {"pg_relation_is_publishable", "pg_class", "oid", By::kRelation},
    {"pg_relation_is_updatable", "pg_class", "oid", By::kRelation},
    {"pg_column_is_updatable", "pg_class", "oid", By::kRelation},
    {"pg_index_has_property", "pg_class", "oid", By::kRelation},
    {"pg_index_column_has_property", "pg_class", "oid", By::kRelation},
    {"pg_sequence_parameters", "pg_class"},
    {"pg_partition_ancestors", "pg_class", "oid", By::kRelation},
    {"pg_partition_root", "pg_class", "oid", By::kRelation},
    {"pg_partition_tree", "pg_class", "oid", By::kRelation},
    {"to_regclass", "pg_class", "oid", By::kResult},
    {"to_regtype", "pg_type", "oid", By::kResult},
    {"to_regproc", "pg_proc", "oid", By::kResult},
    {"to_regprocedure", "pg_proc", "oid", By::kResult},
    {"to_regnamespace", "pg_namespace", "oid", By::kResult},
};
/// Types that are written as a name, and the catalog of what they number.
constexpr std::pair<std::string_view, std::string_view> kNumberTypes[] = {{"regclass", "pg_class"},
                                                                          {"regtype", "pg_type"},
                                                                          {"regproc", "pg_proc"},
                                                                          {"regprocedure", "pg_proc"},
                                                                          {"regnamespace", "pg_namespace"}};

std::string_view catalog_of_type(std::string_view type) {
  const auto found = std::ranges::find_if(kNumberTypes, [&](const auto& one) { return one.first == type; });
  return found == std::end(kNumberTypes) ? std::string_view() : found->second;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789 \t\n\r\f\v+-") == std::string_view::npos;
}

/// "Schema"."Name" as PostgreSQL folds it; empty: it is not that simple.
std::vector<std::string> split_name(std::string_view text) {
  std::vector<std::string> names;
  std::size_t i = 0;
  while (true) {
    std::string name;
    if (i < text.size() && text[i] == '"') {
      for (++i; i < text.size(); ++i) {
        if (text[i] == '"' && (i + 1 == text.size() || text[i + 1] != '"')) break;
        if (text[i] == '"') ++i;
        name += text[i];
      }
      if (i == text.size()) return {};
      ++i;
    } else {
      for (; i < text.size() && text[i] != '.'; ++i) {
        const char c = text[i];
        if (c == '"' || c == ' ' || c == '(') return {};
        name += lower(c);
      }
    }
    if (name.empty()) return {};
    names.push_back(std::move(name));
    if (i == text.size()) return names;
    if (text[i++] != '.') return {};
  }
}

}  // namespace

/// Whether a name, as text that is cast to regclass, means a relation that is shown.
const Relation* Evaluation::shown_relation(std::string_view text) const {
  const std::vector<std::string> names = split_name(text);
  if (names.empty() || names.size() > 2) return nullptr;
  const Relation* relation =
      names.size() == 2 ? catalog_.find_relation(names[0], names[1]) : catalog_.find_relation(names[0]);
  if (relation == nullptr || relation->system) return relation;
  if (capability_.find_table(relation->schema, relation->name) != nullptr) return relation;
  if (relation->kind != RelationKind::kSequence) return nullptr;
  // The sequence of a serial or identity column.
  for (const auto& [key, rule] : capability_.tables) {
    if (key.first != relation->schema || !relation->name.starts_with(key.second + "_")) continue;
    const std::string_view rest = std::string_view(relation->name).substr(key.second.size() + 1);
    if (rest.ends_with("_seq") && rule.read && rule.read->columns.has(rest.substr(0, rest.size() - 4)))
      return relation;
  }
  return nullptr;
}

void Evaluation::look_up(const Target& target) {
  const auto& [place, expr, argument, catalog, column, label, part, by_name, withholds] = target;
  const Relation* relation = catalog_.find_relation("pg_catalog", catalog);
  if (relation == nullptr) return;
  const Id query = facts_.exprs[expr].query;
  if (query != kNone &&
      facts_.script.statements[facts_.queries[query].statement].kind == parser::StatementKind::kExplain) {
    return deny(
        "functions",
        fmt::format("may not run EXPLAIN over {}, which is looked up: the plan would tell of hidden objects",
                    in_quotes(label)),
        facts_.exprs[expr].offset, "Run the statement itself.");
  }
  if (resolution_.projection == nullptr)
    resolution_.projection = std::make_shared<Projection>(capability_, catalog_);
  Lookup lookup{.place = place, .expr = expr, .argument = argument, .before = {}};
  const auto text = [&](std::string sql) {
    lookup.before.parts.push_back({Expression::PartKind::kText, std::move(sql), {}});
  };
  const bool column_too = catalog == "pg_attribute";
  std::string output = "pgchaperone_number";
  if (place == Lookup::Place::kCall)
    output = fmt::format("CAST({} AS pg_catalog.{})", output, label.substr(3));
  // An output column without a name of its own keeps the one that PostgreSQL gives it.
  if (place != Lookup::Place::kArgument) output += fmt::format(" AS {}", label);
  text(fmt::format("(SELECT {} FROM (SELECT {}{} FROM pg_catalog.{} WHERE ", output, column,
                   column_too ? ", attnum" : "", catalog));
  const Expression rows = resolution_.projection->rows_of(*relation, part);
  if (rows.parts.empty()) text("true");
  lookup.before.parts.insert(lookup.before.parts.end(), rows.parts.begin(), rows.parts.end());
  if (catalog == "pg_rewrite" && column == "ev_class") text(" AND rulename OPERATOR(pg_catalog.=) '_RETURN'");
  text(fmt::format(
      ") AS pgchaperone(pgchaperone_number{}) WHERE pgchaperone_number OPERATOR(pg_catalog.=) {}(",
      column_too ? ", pgchaperone_column" : "", by_name ? "pg_catalog.to_regclass" : ""));
  lookup.with_next = column_too;
  lookup.withholds = withholds;
  lookups_.push_back(std::move(lookup));
}

/// An argument that leads to an object.
void Evaluation::look_up_argument(const Expr& call, Id id, std::uint32_t argument, std::string_view catalog,
                                  std::string_view column, bool always, bool named) {
  if (argument >= call.children.count) return;
  const Id given = call.children.first + argument;
  const Expr& value = facts_.exprs[given];
  const std::string_view function = facts_.at(call.names).back();
  if (value.kind == ExprKind::kNamedArgument || call.has(parser::flag::kVariadic)) {
    return deny("functions", fmt::format("may not call {} with arguments by name", in_quotes(function)),
                call.offset);
  }
  if (!always && is_of_catalog(given, 0)) return;
  if (value.kind == ExprKind::kConstant && value.constant == ConstantKind::kString &&
      !is_number(value.text)) {
    const bool shown = shown_relation(value.text) != nullptr;
    if (named && shown && !always) return;
    if (shown && function == "pg_get_viewdef") {
      return look_up({.place = Lookup::Place::kArgument,
                      .expr = id,
                      .argument = argument,
                      .catalog = catalog,
                      .column = column,
                      .label = function,
                      .by_name = true});
    }
    return deny(
        name_error("42P01", fmt::format("relation {} does not exist", in_quotes(value.text)), value.offset));
  }
  look_up({.place = Lookup::Place::kArgument,
           .expr = id,
           .argument = argument,
           .catalog = catalog,
           .column = column,
           .label = function});
}

bool Evaluation::shows_all_columns() const {
  return std::ranges::all_of(capability_.tables, [](const auto& table) {
    return table.second.read && table.second.read->columns.all;
  });
}

/// Whether a parent (or child) of a shown table is hidden.
bool Evaluation::has_hidden_relatives(bool children) const {
  for (const Relation& relation : catalog_.relations()) {
    for (const auto& [schema, name] : relation.parents) {
      const bool child_shown = capability_.find_table(relation.schema, relation.name) != nullptr;
      const bool parent_shown = capability_.find_table(schema, name) != nullptr;
      if (children ? parent_shown && !child_shown : child_shown && !parent_shown) return true;
    }
  }
  return false;
}

/// Columns of one row of one catalog.
bool Evaluation::are_of_one_row(const Expr& call, std::uint32_t count) const {
  Id item = kNone;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i >= call.children.count) return false;
    const ColumnBinding& bound = resolution_.columns[call.children.first + i];
    if (bound.kind != Kind::kRelation || (i > 0 && bound.item != item)) return false;
    item = bound.item;
    const Relation* relation = resolution_.items[item].relation;
    if (relation == nullptr || !relation->system) return false;
  }
  return true;
}

/// has_table_privilege([user,] table, privilege) and the like, and pg_get_serial_sequence(table, column).
void Evaluation::check_named_table(const Expr& call, Id id, std::uint32_t table, bool with_column) {
  if (table >= call.children.count) return;
  const Id given = call.children.first + table;
  const Expr& value = facts_.exprs[given];
  const std::string_view function = facts_.at(call.names).back();
  const Relation* relation = nullptr;
  if (value.kind == ExprKind::kConstant && value.constant == ConstantKind::kString &&
      !is_number(value.text)) {
    relation = shown_relation(value.text);
    if (relation == nullptr) {
      return deny(name_error("42P01", fmt::format("relation {} does not exist", in_quotes(value.text)),
                             value.offset));
    }
  } else if (!is_of_catalog(given, 0)) {
    const bool number = value.kind == ExprKind::kCast || value.kind == ExprKind::kConstant;
    if (!number || function == "pg_get_serial_sequence") {
      return deny(
          "functions",
          fmt::format(
              "may not call {} with a computed name; it may take a constant, or names out of the catalogs",
              in_quotes(function)),
          value.offset);
    }
    look_up({.place = Lookup::Place::kArgument,
             .expr = id,
             .argument = table,
             .catalog = "pg_class",
             .column = "oid",
             .label = function});
  }
  if (!with_column || table + 1 >= call.children.count) return;
  const Id column = call.children.first + table + 1;
  const Expr& name = facts_.exprs[column];
  const bool text = name.kind == ExprKind::kConstant && name.constant == ConstantKind::kString;
  if (!text) {
    if (is_of_catalog(column, 0) || shows_all_columns()) return;
    const ColumnBinding& bound = resolution_.columns[column];
    if (bound.kind == Kind::kRelation && resolution_.items[bound.item].relation->system) return;
    return deny("functions", fmt::format("may not call {} with a computed column", in_quotes(function)),
                name.offset);
  }
  if (relation == nullptr || relation->system) {
    if (relation != nullptr || shows_all_columns()) return;
    return deny("functions",
                fmt::format("may not call {} with a computed table and a column", in_quotes(function)),
                name.offset);
  }
  const TableRule* rule = capability_.find_table(relation->schema, relation->name);
  if (rule != nullptr && rule->read && rule->read->columns.has(name.text) && relation->find_column(name.text))
    return;
  deny(name_error(
      "42703",
      fmt::format("column {} of relation {} does not exist", in_quotes(name.text), in_quotes(relation->name)),
      name.offset));
}

void Evaluation::check_lookup(const Expr& call, Id id, std::string_view name) {
  const std::uint32_t count = call.children.count;
  const auto refuse = [&](std::string_view why, std::string_view hint = {}) {
    deny("functions", fmt::format("may not call {} {}", in_quotes(name), why), call.offset,
         std::string(hint));
  };
  for (const Finder& function : kFunctions) {
    if (function.name != name) continue;
    if (name.starts_with("pg_partition_") && has_hidden_relatives(name == "pg_partition_tree"))
      return refuse("where relatives of its tables are hidden", "Read pg_inherits.");
    if (function.by == By::kResult)
      return look_up({.place = Lookup::Place::kCall,
                      .expr = id,
                      .catalog = function.catalog,
                      .column = function.column,
                      .label = name});
    return look_up_argument(call, id, 0, function.catalog, function.column, function.by == By::kAlways,
                            function.by == By::kRelation);
  }
  if (name == "col_description") {
    if (count < 2 || are_of_one_row(call, 2)) return;
    Id number = call.children.first + 1;
    while (facts_.exprs[number].kind == ExprKind::kCast) number = facts_.exprs[number].children.first;
    const ExprKind kind = facts_.exprs[number].kind;
    if (kind != ExprKind::kColumn && kind != ExprKind::kConstant && kind != ExprKind::kParameter)
      return refuse("with a computed column");
    return look_up_argument(call, id, 0, "pg_attribute", "attrelid", true, false);
  }
  if (name == "obj_description") {
    std::string_view catalog = "pg_class";
    if (count > 1) {
      const Expr& of = facts_.exprs[call.children.first + 1];
      catalog = of.kind == ExprKind::kConstant ? of.text : std::string_view("pg_class");
    }
    const bool known = std::ranges::any_of(
        kFunctions, [&](const Finder& one) { return one.catalog == catalog && one.column == "oid"; });
    if (known) return look_up_argument(call, id, 0, catalog, "oid", false, false);
    if (count > 0 && !is_of_catalog(call.children.first, 0)) refuse("with a computed number");
    return;
  }
  if (name == "pg_get_expr") return check_node(call, id);
  if (withholds(call, id, name)) return;
  if (name == "pg_describe_object" || name == "pg_identify_object" ||
      name == "pg_identify_object_as_address") {
    // 0 is the object itself, without a column.
    const bool whole = are_of_one_row(call, 2) && count == 3 &&
                       facts_.exprs[call.children.first + 2].kind == ExprKind::kConstant &&
                       facts_.exprs[call.children.first + 2].text == "0";
    if (!whole && !are_of_one_row(call, 3))
      refuse("unless its arguments are columns of one row, as of pg_depend");
    return;
  }
  if (name == "pg_get_object_address" || name == "to_regtypemod" || name == "regclass")
    return refuse("(it looks up any name)", "Read the catalogs, or cast a name to regclass.");
  if (name == "oidvectortypes") {
    if (count > 0 && !is_of_catalog(call.children.first, 0)) refuse("with a computed number");
    return;
  }
  if (name == "pg_get_serial_sequence") return check_named_table(call, id, 0, true);
  if (name == "has_table_privilege" || name == "has_any_column_privilege" || name == "has_sequence_privilege")
    return check_named_table(call, id, count < 2 ? 0 : count - 2, false);
  if (name == "has_column_privilege") return check_named_table(call, id, count < 3 ? 0 : count - 3, true);
  if (name == "has_schema_privilege" || name == "has_function_privilege" || name == "has_type_privilege") {
    const std::uint32_t argument = count < 2 ? 0 : count - 2;
    if (argument >= count || is_of_catalog(call.children.first + argument, 0)) return;
    const Expr& value = facts_.exprs[call.children.first + argument];
    const bool schema = name == "has_schema_privilege" && value.kind == ExprKind::kConstant;
    if (schema && !is_number(value.text)) return check_name("regnamespace", value, value.text);
    refuse("with a computed name or number");
  }
}

/// A constant name that is cast to one of kNumberTypes.
void Evaluation::check_name(std::string_view type, const Expr& constant, std::string_view text) {
  const auto missing = [&](std::string_view sqlstate, std::string_view what) {
    deny(name_error(sqlstate, fmt::format("{} {} does not exist", what, in_quotes(text)), constant.offset));
  };
  if (type == "regclass") {
    if (shown_relation(text) == nullptr) missing("42P01", "relation");
    return;
  }
  if (type == "regnamespace") {
    const std::vector<std::string> names = split_name(text);
    const bool shown = names.size() == 1 && (names[0] == "pg_catalog" || names[0] == "information_schema" ||
                                             is_searched(catalog_, names[0]) ||
                                             std::ranges::any_of(capability_.tables, [&](const auto& table) {
                                               return table.first.first == names[0];
                                             }));
    if (!shown) missing("3F000", "schema");
    return;
  }
  if (type == "regtype") {
    std::string_view plain = text;
    while (plain.ends_with("[]")) plain.remove_suffix(2);
    const std::vector<std::string> names = split_name(plain);
    if (names.empty() || names.size() > 2) return;  // of more words: double precision, numeric(5,2)
    std::string_view last = names.back();
    const std::string_view schema = names.size() == 2 ? std::string_view(names[0]) : std::string_view();
    for (int i = 0; i < 2; ++i) {
      const Relation* relation =
          schema.empty() ? catalog_.find_relation(last) : catalog_.find_relation(schema, last);
      if (relation != nullptr && !relation->system &&
          capability_.find_table(relation->schema, relation->name) == nullptr)
        return missing("42704", "type");
      if (!last.starts_with('_')) break;
      last.remove_prefix(1);
    }
    return;
  }
  const std::vector<std::string> names = split_name(text.substr(0, text.find('(')));
  const std::string_view schema = names.size() == 2 ? std::string_view(names[0]) : std::string_view();
  bool shown = !names.empty() && names.size() <= 2;
  if (shown) {
    const auto own = catalog_.functions(schema, names.back());
    shown = std::ranges::all_of(own, [&](const rules::Function* one) {
      return capability_.functions.contains(
          std::pair(std::string_view(one->schema), std::string_view(one->name)));
    });
    shown = shown && (!own.empty() ||
                      builtin().find_name(names.back(), schema.empty() ? "pg_catalog" : schema) != nullptr);
  }
  if (!shown) missing("42883", "function");
}

/// A cast to a type that is written as a name.
void Evaluation::check_number_cast(const Expr& cast, std::string_view type) {
  const std::string_view catalog = catalog_of_type(type);
  if (catalog.empty() || denied()) return;
  Id id = cast.children.first;
  const auto is_plain_cast = [&](const Expr& expr) {
    if (expr.kind != ExprKind::kCast) return false;
    const auto names = facts_.at(facts_.types[expr.type].names);
    return !names.empty() && (names.back() == "oid" || names.back() == "int4" || names.back() == "int8" ||
                              names.back() == "text" || names.back() == "varchar" || names.back() == "name");
  };
  bool by_number = false;
  for (; is_plain_cast(facts_.exprs[id]); id = facts_.exprs[id].children.first) {
    const std::string_view to = facts_.at(facts_.types[facts_.exprs[id].type].names).back();
    by_number |= to == "oid" || to == "int4" || to == "int8";
  }
  if (facts_.types[cast.type].array_dimensions == 1 && type == "regtype") {
    const Expr& value = facts_.exprs[id];
    const std::string_view text = value.text;
    if (value.kind == ExprKind::kConstant && value.constant == ConstantKind::kString &&
        text.find_first_of("\"\\ ") == std::string_view::npos && text.starts_with('{') &&
        text.ends_with('}')) {
      for (std::size_t at = 1; at < text.size() && !denied();) {
        const std::size_t end = text.find_first_of(",}", at);
        check_name(type, value, text.substr(at, end - at));
        at = end + 1;
      }
      return;
    }
  }
  if (facts_.types[cast.type].array_dimensions == 0) {
    if (is_of_catalog(id, 0)) return;
    const Expr& value = facts_.exprs[id];
    if (value.kind == ExprKind::kConstant) {
      if (value.constant == ConstantKind::kString && !is_number(value.text))
        return check_name(type, value, value.text);
      return look_up({.expr = id, .catalog = catalog, .column = "oid", .label = type});
    }
    if (value.kind == ExprKind::kParameter && (by_number || type == "regclass")) {
      return look_up({.expr = id, .catalog = catalog, .column = "oid", .label = type, .by_name = !by_number});
    }
    // What was looked up itself, and the sequence of a column that is shown.
    if (value.kind == ExprKind::kFunction) {
      const auto names = facts_.at(value.names);
      const bool own =
          (names.size() == 1 || names[0] == "pg_catalog") && catalog_.functions("", names.back()).empty();
      if (own && (names.back().starts_with("to_reg") || names.back() == "pg_get_serial_sequence")) return;
    }
    if (value.kind == ExprKind::kCast && facts_.types[value.type].array_dimensions == 0 &&
        !catalog_of_type(facts_.at(facts_.types[value.type].names).back()).empty()) {
      return;
    }
  }
  deny("types",
       fmt::format(
           "may not cast this to {}: it could lead to any object; it may cast a constant, a parameter to "
           "regclass, or a column of a catalog",
           type),
       cast.offset, fmt::format("Join {} and read its name.", catalog));
}

/// Types of kNumberTypes elsewhere than in a cast: columns of a function's result, parameters of PREPARE.
void Evaluation::check_number_types() {
  std::vector<bool> cast(facts_.types.size());
  for (const Expr& expr : facts_.exprs) {
    if (expr.kind == ExprKind::kCast && expr.type != kNone) cast[expr.type] = true;
  }
  for (Id id = 0; id < facts_.types.size(); ++id) {
    const auto names = facts_.at(facts_.types[id].names);
    if (names.empty()) continue;
    std::string_view name = names.back();
    const bool array = name.starts_with("_");
    if (array) name.remove_prefix(1);
    if (catalog_of_type(name).empty() || (cast[id] && !array)) continue;
    return deny(
        "types",
        fmt::format("may not use the type {} here: text that is read as one could lead to any object", name),
        facts_.types[id].offset, "Use text.");
  }
}

}  // namespace chaperone::rules
