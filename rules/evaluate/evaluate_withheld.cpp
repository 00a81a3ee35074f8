#include <algorithm>

#include "rules/builtin/builtin.hpp"
#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/projection.hpp"
#include "rules/rewrite/items.hpp"
#include "rules/rewrite/literal.hpp"

// Functions that tell about rows, places or bodies that may be hidden, and that clients ask with the names of
// all tables: of what is shown whole they tell, of all else they give NULL.
namespace chaperone::rules {

using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::kNone;

using Kind = ColumnBinding::Kind;

namespace {

struct Withheld {
  std::string_view name;
  std::string_view catalog;  // nothing: of no object
  std::string_view column = {};
  std::string_view part = {};  // of rules/builtin/rows.tsv: whose are told
};
constexpr Withheld kWithheld[] = {
    {"pg_table_size", "pg_class", "oid", "sizes"},
    {"pg_relation_size", "pg_class", "oid", "sizes"},
    {"pg_indexes_size", "pg_class", "oid", "sizes"},
    {"pg_total_relation_size", "pg_class", "oid", "sizes"},
    {"pg_stat_get_live_tuples", "pg_class", "oid", "sizes"},
    {"pg_stat_get_numscans", {}},
    {"pg_database_size", {}},
    {"pg_tablespace_size", {}},
    {"pg_tablespace_location", {}},
    {"pg_get_functiondef", "pg_proc", "oid", "bodies"},
    {"pg_get_function_sqlbody", "pg_proc", "oid", "bodies"},
    {"pg_get_partition_constraintdef", "pg_inherits", "inhrelid", "bounds"},
};

/// Catalogs with expressions, and whose columns these name.
struct Node {
  std::string_view catalog;
  std::string_view node;
  std::string_view relation;
};
constexpr Node kNodes[] = {
    {"pg_attrdef", "adbin", "adrelid"},    {"pg_index", "indexprs", "indrelid"},
    {"pg_index", "indpred", "indrelid"},   {"pg_constraint", "conbin", "conrelid"},
    {"pg_policy", "polqual", "polrelid"},  {"pg_policy", "polwithcheck", "polrelid"},
    {"pg_trigger", "tgqual", "tgrelid"},   {"pg_partitioned_table", "partexprs", "partrelid"},
    {"pg_rewrite", "ev_qual", "ev_class"}, {"pg_statistic_ext", "stxexprs", "stxrelid"}};

}  // namespace

/// Whether the argument is a relation's name, as text.
bool Evaluation::is_relation_name(Id id) const {
  const Expr& value = facts_.exprs[id];
  switch (value.kind) {
    case ExprKind::kParameter:
      return true;
    case ExprKind::kConstant:
      return value.constant == ConstantKind::kString &&
             value.text.find_first_not_of("0123456789") != std::string_view::npos;
    case ExprKind::kOperator:
      return facts_.at(value.names).back() == "||";
    case ExprKind::kFunction: {
      const std::string_view name = facts_.at(value.names).back();
      return name == "quote_ident" || name == "format" || name == "concat" || name == "concat_ws";
    }
    case ExprKind::kCast: {
      const auto names = facts_.at(facts_.types[value.type].names);
      return !names.empty() && (names.back() == "text" || names.back() == "varchar");
    }
    default:
      return false;
  }
}

/// Whether it is a function whose result may be withheld; then its argument is looked up, or left out.
bool Evaluation::withholds(const Expr& call, Id id, std::string_view name) {
  const auto found = std::ranges::find(kWithheld, name, &Withheld::name);
  if (found == std::end(kWithheld) || !in_sets("introspection") || call.children.count == 0) return false;
  if (call.has(parser::flag::kVariadic) || facts_.exprs[call.children.first].kind == ExprKind::kNamedArgument)
    return false;
  if (found->catalog.empty()) {
    Lookup lookup;
    lookup.place = Lookup::Place::kNothing;
    lookup.expr = id;
    lookup.before.parts.push_back({Expression::PartKind::kText, "CASE WHEN false THEN (", {}});
    lookup.withholds = true;
    lookups_.push_back(std::move(lookup));
    return true;
  }
  const bool by_name = found->catalog == "pg_class" && is_relation_name(call.children.first);
  look_up({.place = Lookup::Place::kArgument,
           .expr = id,
           .catalog = found->catalog,
           .column = found->column,
           .label = name,
           .part = found->part,
           .by_name = by_name,
           .withholds = true});
  return true;
}

/// pg_get_expr(expression, relation): the columns that it names have to be those of its own relation.
void Evaluation::check_node(const Expr& call, Id id) {
  if (shows_all_columns()) return;
  const auto refuse = [&] {
    deny("functions", "may not call \"pg_get_expr\" with an expression and a table of different rows",
         call.offset, "Take both from one row, as pg_get_expr(d.adbin, d.adrelid).");
  };
  if (call.children.count < 2) return refuse();
  const ColumnBinding& bound = resolution_.columns[call.children.first];
  const Relation* relation = bound.kind == Kind::kRelation ? resolution_.items[bound.item].relation : nullptr;
  if (relation == nullptr || !relation->system) return refuse();
  const std::string_view node = relation->columns[bound.column].name;
  // A partition's bounds, and what publications filter by, name no column of another table.
  if (node == "relpartbound" || node == "prqual") return;
  const Expr& table = facts_.exprs[call.children.first + 1];
  // Without a table no column can be named.
  if (node == "proargdefaults" || node == "typdefaultbin") {
    if (table.kind == ExprKind::kConstant && table.text == "0") return;
    return refuse();
  }
  const auto known = std::ranges::find_if(
      kNodes, [&](const Node& one) { return one.catalog == relation->name && one.node == node; });
  if (known == std::end(kNodes)) return refuse();
  const ColumnBinding& of = resolution_.columns[call.children.first + 1];
  if (of.kind == Kind::kRelation && of.item == bound.item &&
      relation->columns[of.column].name == known->relation) {
    return;
  }
  // Its name has to mean this item here: not another query's, nor one behind a join's alias.
  const parser::FromItem& item = facts_.from_items[bound.item];
  bool named = item.query == call.query && item.column_aliases.count == 0;
  for (Id join = item.parent; join != kNone; join = facts_.from_items[join].parent)
    named = named && facts_.from_items[join].alias.empty();
  if (!named || table.kind == ExprKind::kNamedArgument) return refuse();
  Lookup lookup;
  lookup.place = Lookup::Place::kArgument;
  lookup.expr = id;
  lookup.argument = 1;
  lookup.before.parts.push_back(
      {Expression::PartKind::kText,
       "(SELECT pgchaperone_number FROM (SELECT " + identifier(name_of_item(facts_, bound.item)) + "." +
           std::string(known->relation) +
           ") AS pgchaperone(pgchaperone_number) WHERE pgchaperone_number OPERATOR(pg_catalog.=) (",
       {}});
  lookups_.push_back(std::move(lookup));
}

/// pg_show_all_settings(), which pgAdmin asks for one by its name: the names of settings may be known.
bool Evaluation::names_settings_alone(const Expr& call, Id id) const {
  if (!in_sets("introspection") || call.query == kNone || call.children.count > 0) return false;
  const auto item = std::ranges::find_if(facts_.from_items, [&](const parser::FromItem& one) {
    return one.kind == parser::FromKind::kFunction && one.exprs.count == 1 && one.exprs.first == id;
  });
  if (item == facts_.from_items.end() || item->column_aliases.count > 0) return false;
  const auto place = static_cast<Id>(item - facts_.from_items.begin());
  for (Id i = 0; i < facts_.exprs.size(); ++i) {
    const ColumnBinding& bound = resolution_.columns[i];
    if (bound.kind == Kind::kStar && facts_.exprs[i].query == call.query) return false;
    if (bound.item != place) continue;
    if (bound.kind != Kind::kDerived || facts_.at(facts_.exprs[i].names).back() != "name") return false;
  }
  // What is joined may show its columns by another name.
  return item->parent == kNone;
}

/// current_setting(name) of each row of pg_settings, which are those that may be shown.
bool Evaluation::is_shown_setting(Id id) const {
  while (facts_.exprs[id].kind == ExprKind::kCast) id = facts_.exprs[id].children.first;
  const ColumnBinding& bound = resolution_.columns[id];
  if (bound.kind != Kind::kRelation) return false;
  const Relation* relation = resolution_.items[bound.item].relation;
  return relation != nullptr && relation->system && relation->schema == "pg_catalog" &&
         relation->name == "pg_settings" && relation->columns[bound.column].name == "name";
}

}  // namespace chaperone::rules
