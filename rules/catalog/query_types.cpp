#include "rules/catalog/query_types.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace chaperone::rules {
namespace {

/// The name by which the tables call it; empty: it is not in them.
std::string table_name(const TypeName& type) {
  if (type.schema != "pg_catalog") return {};
  return type.dimensions > 0 ? "_" + type.name : type.name;
}

bool casts_implicitly(std::string_view from, std::string_view to) {
  if (from == to || from == "unknown") return true;
  const BuiltinCast* cast = builtin().find_cast(from, to);
  return cast != nullptr && cast->context == 'i';
}

bool is_any(std::string_view type) {
  return type == "any" || type.starts_with("any") || type == "record";
}

/// How well an argument fits a parameter: 2 exactly, 1 with an implicit cast, 0 not at all.
int fit(const TypeName& argument, std::string_view parameter) {
  const std::string name = table_name(argument);
  if (!name.empty() && name == parameter) return 2;
  if (is_any(parameter)) {
    const bool array = parameter == "anyarray" || parameter == "anycompatiblearray";
    const bool range = parameter.find("range") != std::string_view::npos;
    if (range || argument.name.empty()) return 0;
    return array && argument.dimensions == 0 && !is_unknown_literal(argument) ? 0 : 1;
  }
  return !name.empty() && casts_implicitly(name, parameter) ? 1 : 0;
}

/// What a polymorphic result is, from the first argument that says it.
TypeName polymorphic(const BuiltinFunction& function, std::span<const TypeName> arguments) {
  for (std::size_t i = 0; i < function.arguments.size() && i < arguments.size(); ++i) {
    const std::string_view parameter = function.arguments[i];
    if (!is_any(parameter) || is_unknown_literal(arguments[i])) continue;
    TypeName element = arguments[i];
    element.modifiers.clear();
    if (parameter == "anyarray" || parameter == "anycompatiblearray") element.dimensions = 0;
    if (function.result == "anyarray" || function.result == "anycompatiblearray") return array_of(element);
    if (function.result == "anyelement" || function.result == "anycompatible") return element;
  }
  return {};
}

}  // namespace

TypeName pg_type(std::string_view name) {
  TypeName out;
  out.schema = "pg_catalog";
  out.name = name;
  return out;
}

TypeName builtin_type(std::string_view name) {
  TypeName out;
  const std::size_t dot = name.find('.');
  out.schema = dot == std::string_view::npos ? "pg_catalog" : name.substr(0, dot);
  if (dot != std::string_view::npos) name.remove_prefix(dot + 1);
  const BuiltinType* type = builtin().find_type(name, out.schema);
  // name, point and others have elements as well; an array is called by its element's name.
  if (type != nullptr && type->category == 'A' && name.starts_with('_')) {
    name.remove_prefix(1);
    out.dimensions = 1;
  }
  out.name = name;
  return out;
}

bool is_unknown_literal(const TypeName& type) {
  return type.name == "unknown" && type.schema == "pg_catalog";
}

TypeName array_of(TypeName element) {
  if (is_unknown_literal(element)) element = pg_type("text");
  if (!element.name.empty()) element.dimensions = 1;
  return element;
}

TypeName constant_type(parser::ConstantKind kind, std::string_view text) {
  switch (kind) {
    case parser::ConstantKind::kInteger:
      return pg_type("int4");
    case parser::ConstantKind::kFloat: {
      // An integer that int4 does not hold comes as a float (make_const).
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return pg_type(error == std::errc() && end == text.data() + text.size() ? "int8" : "numeric");
    }
    case parser::ConstantKind::kBoolean:
      return pg_type("bool");
    case parser::ConstantKind::kBitString:
      return pg_type("bit");
    default:
      return pg_type("unknown");
  }
}

TypeName sql_value_type(std::string_view keyword) {
  if (keyword == "current_date") return pg_type("date");
  if (keyword == "current_time") return pg_type("timetz");
  if (keyword == "localtime") return pg_type("time");
  if (keyword == "current_timestamp") return pg_type("timestamptz");
  if (keyword == "localtimestamp") return pg_type("timestamp");
  return pg_type("name");
}

TypeName common_type(const TypeName& a, const TypeName& b) {
  if (a.name.empty() || b.name.empty()) return {};
  if (a == b || is_unknown_literal(b)) return a;
  if (is_unknown_literal(a)) return b;
  TypeName out = a;
  if (a.schema == b.schema && a.name == b.name && a.dimensions == b.dimensions) {
    out.modifiers.clear();  // they differ
    return out;
  }
  const std::string from = table_name(a);
  const std::string to = table_name(b);
  if (from.empty() || to.empty()) return {};
  out = casts_implicitly(from, to) ? b : casts_implicitly(to, from) ? a : TypeName();
  out.modifiers.clear();
  return out;
}

TypeName operator_type(std::string_view name, std::span<const TypeName> operands) {
  const bool binary = operands.size() > 1;
  const std::string left = binary ? table_name(operands[0]) : std::string();
  const std::string right = operands.empty() ? std::string() : table_name(operands.back());
  if (name == "||" && binary && operands[0].dimensions != operands[1].dimensions) {
    return operands[0].dimensions > 0 ? operands[0] : operands[1];
  }
  if (right.empty() || (binary && left.empty())) return {};
  // Exactly these; a constant of no type as the other's type or as text; one side cast to the other's type;
  // both as text (oper_select_candidate).
  const bool left_open = left == "unknown";
  const bool right_open = right == "unknown";
  const std::string& l = left_open ? right : left;
  const std::string& r = right_open ? left : right;
  const std::pair<std::string, std::string> tries[] = {
      {l, r}, {left_open ? "text" : l, right_open ? "text" : r}, {r, r}, {l, l}, {"text", "text"}};
  for (const auto& [first, second] : tries) {
    if (!casts_implicitly(right, second) || (binary && !casts_implicitly(left, first))) continue;
    for (const BuiltinOperator& op : builtin().find_operators(name)) {
      if (op.right != second || op.left != (binary ? std::string_view(first) : std::string_view())) continue;
      return is_any(op.result) ? TypeName() : builtin_type(op.result);
    }
  }
  return {};
}

const BuiltinFunction* find_builtin(std::string_view name, std::span<const TypeName> arguments,
                                    bool exactly) {
  const BuiltinFunction* best = nullptr;
  int best_score = -1;
  bool tie = false;
  for (const BuiltinFunction& function : builtin().find_functions(name)) {
    const std::size_t most = function.arguments.size();
    const bool variadic = !function.variadic.empty();
    if (arguments.size() + function.defaults < most && !variadic) continue;
    if (arguments.size() > most && !variadic) continue;
    int score = 0;
    bool fits = true;
    for (std::size_t i = 0; i < arguments.size() && fits; ++i) {
      const bool rest = variadic && i + 1 >= most;
      const int one = fit(arguments[i], rest ? function.variadic : function.arguments[i]);
      fits = one > (exactly ? 1 : 0);
      score += one;
    }
    if (!fits) continue;
    tie = score == best_score && best != nullptr && best->result != function.result;
    if (score > best_score) {
      best_score = score;
      best = &function;
      tie = false;
    }
  }
  return tie ? nullptr : best;
}

TypeName function_type(std::string_view name, std::span<const TypeName> arguments, bool exactly) {
  const BuiltinFunction* function = find_builtin(name, arguments, exactly);
  if (function == nullptr) return {};
  return is_any(function->result) ? polymorphic(*function, arguments) : builtin_type(function->result);
}

}  // namespace chaperone::rules
