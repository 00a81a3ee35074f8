#include <fmt/format.h>

#include <algorithm>

#include "rules/builtin/builtin.hpp"
#include "rules/builtin/extensions.hpp"
#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/mutant.hpp"
#include "rules/text.hpp"

// Functions, operators and types, wherever they stand: judged by all candidates of their name.
namespace chaperone::rules {

using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::kNone;

namespace {

// A cast to char(n) or bit(n) pads: from some bytes to some megabytes, as often as the text has room for.
constexpr std::uint64_t kMostPadding = 100'000;

bool is_pg_catalog(std::span<const std::string_view> names) {
  return names.size() == 2 && (names[0] == "pg_catalog" || names[0] == "information_schema");
}

}  // namespace

bool Evaluation::in_sets(std::string_view set) const {
  if (session_alone_) return set == "safe";
  if (set == "introspection" && capability_.introspection) return true;
  return capability_.function_sets.contains(set);
}

void Evaluation::check_expression(Id id) {
  const Expr& expr = facts_.exprs[id];
  switch (expr.kind) {
    case ExprKind::kFunction:
      return check_function(id);
    case ExprKind::kOperator:
    case ExprKind::kSubquery:
      if (expr.names.count > 0) check_operator(facts_.at(expr.names), expr.offset);
      return;
    case ExprKind::kCase:
      if (expr.has(parser::flag::kHasArgument)) {
        static constexpr std::string_view kEquals[] = {"="};
        check_operator(kEquals, expr.offset);
      }
      return;
    case ExprKind::kColumn: {
      const ColumnBinding& binding = resolution_.columns[id];
      if (binding.kind == ColumnBinding::Kind::kDerived && binding.column == kUnknownColumn &&
          expr.names.count > 1)
        check_functional(id, facts_.names[expr.names.first + expr.names.count - 1]);
      if (binding.item != kNone && sources_.items[binding.item].target) check_target_column(expr, binding);
      if (expr.query == kNone && expr.clause == parser::Clause::kWhere) {
        deny("statements.copy_from", "may not use WHERE in COPY .. FROM STDIN");
      }
      return;
    }
    case ExprKind::kField:
      if (!expr.has(parser::flag::kStar) && !std::ranges::binary_search(resolution_.known_fields, id))
        check_functional(id, expr.text);
      return;
    case ExprKind::kCast:
      return check_cast(expr);
    case ExprKind::kXml:
      if (expr.text == "xmlparse") {
        return deny("functions",
                    "may not call xmlparse: a document is read by a library that nothing interrupts",
                    expr.offset);
      }
      [[fallthrough]];
    case ExprKind::kJson:
      if (!in_sets("safe") && !(expr.kind == ExprKind::kJson && in_sets("json"))) {
        deny("functions",
             fmt::format("may not call {}; it may call {}", in_quotes(expr.text),
                         "the functions that its capability lists"),
             expr.offset);
      }
      return;
    case ExprKind::kCurrentOf: {
      const parser::Query& query = facts_.queries[expr.query];
      const RelationBinding& target = resolution_.items[query.target];
      if (CHAPERONE_MUTANT(38, is_narrowed(*target.relation, *target.rule), false)) {
        deny(table_rule_id(target.relation->schema, target.relation->name, "read"),
             fmt::format("may not use WHERE CURRENT OF on {}, which is narrowed",
                         in_quotes(table_name(catalog_, target.relation->schema, target.relation->name))),
             expr.offset, "Use a WHERE over its key.");
      }
      return;
    }
    case ExprKind::kCollate: {
      const auto names = facts_.at(expr.names);
      const std::string_view schema = names.size() > 1 ? names[names.size() - 2] : std::string_view();
      if (names.size() > 2 || (!schema.empty() && !is_searched(catalog_, schema))) {
        deny("types", fmt::format("may not use the collation {}", in_quotes(names.back())), expr.offset);
      }
      return;
    }
    case ExprKind::kOperatorClass: {
      const auto names = facts_.at(expr.names);
      const bool own = names.size() > 1 && names[0] != "pg_catalog";
      if (own)
        deny("operators", fmt::format("may not use the operator class {}", in_quotes(names.back())),
             expr.offset);
      return;
    }
    default:
      return;
  }
}

/// Whether the capability allows all functions that the name can mean.
bool Evaluation::allows_function(const Expr& call, std::string_view schema, std::string_view name,
                                 bool& bounded) {
  const bool builtin_schema = schema == "pg_catalog" || schema == "information_schema";
  const BuiltinName* own = nullptr;
  if (schema.empty() || builtin_schema) {
    own = builtin().find_name(name, schema.empty() ? "pg_catalog" : schema);
  }
  std::size_t candidates = 0;
  if (own != nullptr) {
    ++candidates;
    const bool listed = capability_.functions.contains(std::pair(own->schema, name)) ||
                        capability_.functions.contains(std::pair(std::string_view(), name));
    bool allowed = listed;
    for (const std::string_view set : {"safe", "json", "text_search", "introspection"}) {
      allowed = allowed || (in_sets(set) && in_set(own->value, set));
    }
    if (!CHAPERONE_MUTANT(39, allowed, true)) return false;
    if (own->value == BuiltinClass::kBounded && !listed) {
      // Its argument must be a constant within bounds, given by place.
      if (own->bound.argument == 0 || call.children.count < own->bound.argument)
        return call.children.count > 0;
      Id argument = call.children.first + own->bound.argument - 1;
      for (Id i = call.children.first; i < call.children.first + call.children.count; ++i) {
        if (facts_.exprs[i].kind == ExprKind::kNamedArgument) return !(bounded = true);
      }
      while (facts_.exprs[argument].kind == ExprKind::kCast) argument = facts_.exprs[argument].children.first;
      const Expr& value = facts_.exprs[argument];
      const bool constant = value.kind == ExprKind::kConstant && !call.has(parser::flag::kVariadic);
      if (!constant ||
          !CHAPERONE_MUTANT(
              40, own->bound.admits(value.text, value.constant == parser::ConstantKind::kString), true)) {
        bounded = true;
        return false;
      }
    }
    if (session_alone_) {
      // Nothing there bounds the number of rows.
      for (const BuiltinFunction& function : builtin().find_functions(name, own->schema)) {
        if (function.returns_set) return false;
      }
    }
  }
  for (const Function* function : catalog_.functions(schema, name)) {
    if (schema.empty() && !is_searched(catalog_, function->schema)) continue;
    ++candidates;
    const bool listed =
        capability_.functions.contains(std::pair(std::string_view(function->schema), name)) ||
        (own == nullptr && capability_.functions.contains(std::pair(std::string_view(), name)));
    // In a statement that no capability covers whole nothing bounds the number of rows.
    const bool safe =
        in_sets("safe") && is_safe_of_extension(*function) && (own != nullptr || !session_alone_);
    if (!CHAPERONE_MUTANT(41, listed || safe, true)) return false;
  }
  return candidates > 0;
}

void Evaluation::check_function(Id id) {
  const Expr& call = facts_.exprs[id];
  const auto names = facts_.at(call.names);
  if (names.empty() || names.size() > 2) {
    return deny("functions", "may not name a database in front of a function", call.offset);
  }
  const std::string_view schema = names.size() == 2 ? names[0] : std::string_view();
  const std::string_view name = names.back();
  if (schema.empty() || schema == "pg_catalog") {
    const BuiltinName* own = builtin().find_name(name);
    if (own != nullptr && own->value == BuiltinClass::kSession && catalog_.functions("", name).empty()) {
      return check_setting_call(call, name);
    }
  }
  bool bounded = false;
  if (allows_function(call, schema, name, bounded)) {
    const BuiltinName* looked = builtin().find_name(name, schema.empty() ? "pg_catalog" : schema);
    if (looked != nullptr && looked->value == BuiltinClass::kIntrospection) check_lookup(call, id, name);
    return;
  }
  const BuiltinName* own = schema.empty() || is_pg_catalog(names)
                               ? builtin().find_name(name, schema.empty() ? "pg_catalog" : schema)
                               : nullptr;
  const bool alone = own != nullptr && (!schema.empty() || catalog_.functions("", name).empty());
  if (alone && withholds(call, id, name)) return;
  if (alone && name == "pg_show_all_settings" && names_settings_alone(call, id)) return;
  if (bounded) {
    return deny(
        "functions.safe",
        fmt::format(
            "may not call {} with this argument: {}; the argument {} must be a constant of at most {}",
            in_quotes(name), own->reason, own->bound.argument, own->bound.most),
        call.offset);
  }
  deny_function(call, own == nullptr || is_allowed(own->value) ? std::string_view() : own->reason);
}

/// `(value).name` calls the function of that name, or casts to the type, where the value is no row that has
/// such a column, whatever it is (parse_func.c, ParseFuncOrColumn). What is judged by its argument has to be
/// written as a call.
void Evaluation::check_functional(Id id, std::string_view name) {
  const auto takes_one = [](const auto& arguments, std::size_t defaults, bool variadic) {
    return variadic || (!arguments.empty() && arguments.size() <= 1 + defaults);
  };
  const bool own_call =
      std::ranges::any_of(builtin().find_functions(name, "pg_catalog"), [&](const BuiltinFunction& function) {
        return takes_one(function.arguments, function.defaults, !function.variadic.empty());
      });
  const bool others_call = std::ranges::any_of(catalog_.functions("", name), [&](const Function* function) {
    return is_searched(catalog_, function->schema) &&
           takes_one(function->arguments, function->defaults, function->variadic);
  });
  const BuiltinType* type = builtin().find_type(name);
  bool allowed = type == nullptr || type->value == BuiltinClass::kSafe || type->value == BuiltinClass::kJson;
  if (type == nullptr) {
    // An array of rows is such a type, too.
    allowed = !name.starts_with('_');
    for (const Type* candidate : catalog_.types("", name))
      allowed = allowed && (!is_searched(catalog_, candidate->schema) || is_plain_type(*candidate));
  }
  if (own_call || others_call) {
    const BuiltinName* own = builtin().find_name(name);
    const bool by_argument = own != nullptr && (own->value == BuiltinClass::kBounded ||
                                                own->value == BuiltinClass::kIntrospection ||
                                                own->value == BuiltinClass::kSession);
    bool bounded = false;
    allowed = allowed && !by_argument && allows_function(facts_.exprs[id], {}, name, bounded);
  }
  if (allowed) return;
  deny("functions",
       fmt::format("may not take {} of a value, as that may call what has this name", in_quotes(name)),
       facts_.exprs[id].offset,
       "Write a call of the function, or give the column another name in a subquery.");
}

void Evaluation::deny_function(const Expr& call, std::string_view reason) {
  const auto names = facts_.at(call.names);
  std::string written;
  for (const std::string_view part : names)
    written += written.empty() ? std::string(part) : fmt::format(".{}", part);
  std::vector<std::string> allowed;
  for (const std::string& set : capability_.function_sets) allowed.push_back(fmt::format("the set {}", set));
  if (session_alone_) allowed.emplace_back("the set safe");
  if (capability_.introspection && !capability_.function_sets.contains("introspection")) {
    allowed.emplace_back("the set introspection");
  }
  for (const auto& [schema, name] : capability_.functions) {
    allowed.push_back(schema.empty() || is_searched(catalog_, schema) ? name
                                                                      : fmt::format("{}.{}", schema, name));
  }
  Denial denial;
  denial.rule = "functions";
  denial.message = fmt::format("may not call {}{}; it may call {}", in_quotes(written),
                               reason.empty() ? "" : fmt::format(" ({})", reason), list_names(allowed));
  denial.offset = call.offset;
  // The nearest of those that it may call.
  std::vector<std::string_view> candidates;
  for (const BuiltinName& candidate : builtin().names()) {
    if (candidate.schema != "pg_catalog" || !is_allowed(candidate.value)) continue;
    const std::size_t a = candidate.name.size();
    const std::size_t b = names.back().size();
    if ((a > b ? a - b : b - a) > std::max<std::size_t>(1, b / 3)) continue;
    for (const std::string_view set : {"safe", "json", "text_search", "introspection"}) {
      if (in_sets(set) && in_set(candidate.value, set)) {
        candidates.push_back(candidate.name);
        break;
      }
    }
  }
  for (const auto& [schema, name] : capability_.functions) candidates.push_back(name);
  if (const auto meant = closest(names.back(), candidates); !meant.empty() && meant != names.back()) {
    denial.hint = fmt::format("Perhaps you meant \"{}\".", meant);
  }
  deny(std::move(denial));
}

/// PostgreSQL's own, unless a schema that is searched has another of that name: then only if it belongs to a
/// reviewed extension, or the capability lists it as "schema.operator" among its functions.
void Evaluation::check_operator(std::span<const std::string_view> names, std::uint32_t offset) {
  const std::string_view name = names.back();
  const std::string_view schema = names.size() > 1 ? names[names.size() - 2] : std::string_view();
  if (schema == "pg_catalog") return;
  const auto refuse = [&](std::string_view what) {
    deny("operators",
         fmt::format("may not use the operator {}; it may use those of PostgreSQL itself", in_quotes(what)),
         offset);
  };
  // BETWEEN compares.
  const bool between = name.find("BETWEEN") != std::string_view::npos;
  bool found = false;
  for (const Operator& op : catalog_.operators()) {
    if (op.name != name && !(between && (op.name == ">=" || op.name == "<="))) continue;
    if (schema.empty() ? !is_searched(catalog_, op.schema) : op.schema != schema) continue;
    found = true;
    if (has_safe_operators(op.extension) ||
        capability_.functions.contains(std::pair(std::string_view(op.schema), std::string_view(op.name)))) {
      continue;
    }
    if (CHAPERONE_MUTANT(42, true, false)) return refuse(op.name);
  }
  if (!schema.empty() && !found) refuse(fmt::format("{}.{}", schema, name));
}

/// A name that is looked up in the catalogs must be there to be read, or a number: not computed text.
void Evaluation::check_cast(const Expr& cast) {
  const auto names = facts_.at(facts_.types[cast.type].names);
  if (names.empty() || !names.back().starts_with("reg")) return;
  const BuiltinType* type = builtin().find_type(names.back());
  if (type == nullptr || type->value != BuiltinClass::kIntrospection) return;
  const Expr& operand = facts_.exprs[cast.children.first];
  bool computed = operand.kind == ExprKind::kOperator && facts_.at(operand.names).back() == "||";
  if (operand.kind == ExprKind::kCast) {
    const std::string_view to = facts_.at(facts_.types[operand.type].names).back();
    const ExprKind inner = facts_.exprs[operand.children.first].kind;
    computed = (to == "text" || to == "varchar" || to == "bpchar" || to == "name") &&
               inner != ExprKind::kConstant && inner != ExprKind::kParameter;
  }
  if (CHAPERONE_MUTANT(46, computed, false) && !is_of_catalog(cast.children.first, 1)) {
    return deny(
        "types",
        fmt::format("may not cast computed text to {}; it may cast a constant or a number", names.back()),
        cast.offset);
  }
  check_number_cast(cast, names.back());
}

/// Of a type that users made: whether its input does no more than read a value.
bool Evaluation::is_plain_type(const Type& type) const {
  if (type.kind == TypeKind::kComposite) return false;
  if (type.kind != TypeKind::kDomain || !type.checked) return true;
  // Its CHECK may call functions: only where the capability has a column of it.
  bool used = false;
  for (const auto& [key, rule] : capability_.tables) {
    const Relation* relation = catalog_.find_relation(key.first, key.second);
    if (relation == nullptr) continue;
    for (const Column& column : relation->columns) {
      used = used || (column.type.schema == type.schema && column.type.name == type.name);
    }
  }
  return CHAPERONE_MUTANT(45, used, true);
}

void Evaluation::check_type(Id id) {
  const parser::TypeUse& type = facts_.types[id];
  const auto names = facts_.at(type.names);
  if (names.empty()) return;  // FOR ORDINALITY
  const auto refuse = [&](std::string_view why) {
    std::string written;
    for (const std::string_view part : names)
      written += written.empty() ? std::string(part) : fmt::format(".{}", part);
    deny("types",
         fmt::format(
             "may not use the type {}{}; it may use the plain types of PostgreSQL, and enums and domains",
             in_quotes(written), why),
         type.offset);
  };
  if (type.percent_type || type.set_of || names.size() > 2) return refuse("");
  const std::string_view name = names.back();
  const std::string_view schema = names.size() == 2 ? names[0] : std::string_view();
  const BuiltinType* own = nullptr;
  if (schema.empty() || is_pg_catalog(names))
    own = builtin().find_type(name, schema.empty() ? "pg_catalog" : schema);
  if (own != nullptr) {
    if (name == "xml" || name == "_xml") {
      return refuse(", whose input is read by a library that nothing interrupts");
    }
    const bool allowed =
        own->value == BuiltinClass::kSafe || own->value == BuiltinClass::kJson ||
        own->value == BuiltinClass::kBounded || name == "unknown" ||
        (own->value == BuiltinClass::kTextSearch && (in_sets("text_search") || in_sets("introspection"))) ||
        (own->value == BuiltinClass::kIntrospection && CHAPERONE_MUTANT(43, in_sets("introspection"), true));
    if (!allowed) {
      return refuse(own->value == BuiltinClass::kIntrospection
                        ? ", which looks up names in the system catalogs (capability introspection)"
                        : "");
    }
    if (name == "bpchar" || name == "bit" || name == "varbit") {
      for (Id e = type.modifiers.first; e < type.modifiers.first + type.modifiers.count; ++e) {
        const Expr& modifier = facts_.exprs[e];
        std::uint64_t length = kMostPadding + 1;
        if (modifier.kind == ExprKind::kConstant && modifier.constant == parser::ConstantKind::kInteger) {
          length = 0;
          for (const char digit : modifier.text)
            length = length * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        if (CHAPERONE_MUTANT(44, length > kMostPadding, false)) {
          return deny("types",
                      fmt::format("may not use {} of more than {} characters", in_quotes(name), kMostPadding),
                      type.offset);
        }
      }
    }
    return;
  }
  const Type* found = nullptr;
  for (const Type* candidate : catalog_.types(schema, name)) {
    if (schema.empty() && !is_searched(catalog_, candidate->schema)) continue;
    found = candidate;
    if (!is_plain_type(*candidate)) return refuse("");
  }
  // The row types of tables read the same as types that do not exist.
  const Relation* row = schema.empty() ? catalog_.find_relation(name) : catalog_.find_relation(schema, name);
  if (found == nullptr || row != nullptr) refuse("");
}

void Evaluation::check_item(Id id) {
  const parser::FromItem& item = facts_.from_items[id];
  if (item.kind == parser::FromKind::kTableFunction) {
    return deny("functions",
                "may not call XMLTABLE or JSON_TABLE; it may call jsonb_to_recordset and the like",
                item.offset);
  }
  if (item.kind == parser::FromKind::kJoin && (item.has_using || item.natural)) {
    static constexpr std::string_view kEquals[] = {"="};
    check_operator(kEquals, item.offset);
  }
  if (!item.sampled) return;
  // The methods of PostgreSQL itself.
  const auto names = facts_.at(item.sample_method);
  if (!names.empty() && (names.size() == 1 || is_pg_catalog(names)) &&
      (names.back() == "bernoulli" || names.back() == "system")) {
    return;
  }
  deny("functions", "may not use this method of TABLESAMPLE; it may use BERNOULLI and SYSTEM", item.offset);
}

}  // namespace chaperone::rules
