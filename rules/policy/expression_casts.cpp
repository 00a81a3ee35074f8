#include <fmt/format.h>

#include <algorithm>

#include "rules/policy/expression_checker.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::Id;
using parser::kNone;
namespace flag = parser::flag;

std::optional<TypeName> ExpressionChecker::resolve_type(Id type) {
  const parser::TypeUse& use = facts_.types[type];
  const auto parts = names(use.names);
  TypeName out;
  if (use.set_of || use.percent_type || parts.size() > 2) {
    fail("this is no type", "a type by its name");
    return {};
  }
  const std::string_view name = parts.back();
  const bool own = parts.size() == 1 ? builtin().find_type(name) != nullptr : parts[0] == "pg_catalog";
  if (own) {
    const BuiltinType* known = builtin().find_type(name);
    if (known == nullptr) {
      fail(fmt::format("PostgreSQL has no type {}", in_quotes(name)), "a type that it has");
      return {};
    }
    if (!is_allowed(known->value) || known->value == BuiltinClass::kIntrospection) {
      fail(fmt::format("what a {} means depends on the search_path or on other tables", name),
           "a type whose values mean the same everywhere");
      return {};
    }
    out.schema = "pg_catalog";
  } else {
    std::string schema(parts.size() == 2 ? parts[0] : std::string_view());
    for (const std::string& candidate : scope_.catalog.search_path()) {
      if (schema.empty() && !scope_.catalog.types(candidate, name).empty()) schema = candidate;
    }
    const auto found = scope_.catalog.types(schema, name);
    if (schema.empty() || found.empty()) {
      fail(fmt::format("there is no type {}", in_quotes(name)), "a type of PostgreSQL or of the database");
      return {};
    }
    if (found[0]->kind != TypeKind::kEnum && found[0]->name != "citext") {
      fail(fmt::format("a cast to {} can run code or fail", name), "a type of PostgreSQL's own or an enum");
      return {};
    }
    out.schema = schema;
  }
  out.name = name;
  if (out.name.starts_with("_") && own) {
    out.name.erase(0, 1);
    out.dimensions = 1;
  }
  if (use.array_dimensions > 0) out.dimensions = 1;
  for (Id i = 0; i < use.modifiers.count; ++i) {
    const Expr& modifier = expr(use.modifiers.first + i);
    if (modifier.kind != ExprKind::kConstant || modifier.constant != parser::ConstantKind::kInteger ||
        name == "interval") {
      fail(fmt::format("the modifiers of {} are no numbers", name), "numbers, as numeric(10,2)");
      return {};
    }
    if (i > 0) out.modifiers += ",";
    out.modifiers += modifier.text;
  }
  return out;
}

Finding ExpressionChecker::check_cast(Id id) {
  const Expr& e = expr(id);
  const std::vector<Id> ids = children(id);
  Finding out;
  const auto type = resolve_type(e.type);
  if (!type) return out;
  out_.types[e.type] = *type;
  const std::string target = type_key(*type, scope_.catalog);
  if (is_bare(ids[0])) {
    check(ids[0], target);
    out = all_of(ids);
    out.type = target;
    return out;
  }
  if (expr(ids[0]).kind == ExprKind::kArray && !element_key(target).empty()) {
    // Each element takes the type.
    const std::string element = element_key(target);
    for (const Id child : children(ids[0])) {
      const std::string& found = check(child, element).type;
      const Effect evaluation = evaluate_cast(found, element, false, scope_.catalog);
      if (error_.what.empty() && found != kUnknownType &&
          (evaluation.stable || !is_always_total(evaluation))) {
        fail(fmt::format("an element of the array is of type {}", shown(found)), element);
      }
    }
    const std::vector<Id> elements = children(ids[0]);
    out = all_of(elements);
    out.type = target;
    out_.findings[ids[0]] = out;
    return out;
  }
  const std::string source = check(ids[0]).type;
  if (!error_.what.empty()) return out;
  if (source.empty()) {
    fail(fmt::format("the type of what is cast to {} can't be told", target),
         "an expression over PostgreSQL's own types");
    return out;
  }
  const Effect evaluation = evaluate_cast(source, target, !type->modifiers.empty(), scope_.catalog);
  const std::string what = fmt::format("the cast of {} to {}", source, target);
  if (!evaluation.found) {
    fail(fmt::format("there is no cast of {} to {}", source, target), "a type that it can be cast to");
    return out;
  }
  if (evaluation.stable) {
    const bool zone = source == "timestamptz" || target == "timestamptz";
    fail(fmt::format("{} depends on settings of the session", what),
         zone ? fmt::format("(.. AT TIME ZONE 'UTC'){}",
                            target == "timestamptz" || target == "timestamp" ? "" : "::" + target)
              : "a comparison with a literal of the same type");
    return out;
  }
  out = all_of(ids);
  judge(out, evaluation, ids, what,
        is_text(source) ? "a comparison as text, as column = '42'" : std::string(kTotalForms));
  return out;
}

/// Parts that become one type.
Finding ExpressionChecker::check_alike(Id, std::span<const Id> ids, std::string_view hint) {
  std::string common(kUnknownType);
  for (const Id part : ids) {
    if (!is_bare(part)) common = common_type(common, check(part).type);
  }
  if (!error_.what.empty()) return {};
  if (common.empty())
    fail("its parts are of types that have no common one", "a cast of each to the same type");
  for (const Id part : ids) {
    if (is_bare(part)) check(part, common == kUnknownType ? hint : std::string_view(common));
    if (is_bare(part) && expr(part).kind == ExprKind::kParameter)
      common = common_type(common, out_.findings[part].type);
  }
  Finding out = all_of(ids);
  out.type = common;
  return out;
}

Finding ExpressionChecker::check_case(Id id, std::string_view hint) {
  const Expr& e = expr(id);
  std::vector<Id> ids = children(id);
  const std::vector<Id> all = ids;
  Id argument = kNone;
  if (e.has(flag::kHasArgument)) {
    argument = ids.front();
    ids.erase(ids.begin());
  }
  std::vector<Id> results;
  Finding tests;
  for (std::size_t i = 0; i + 1 < ids.size(); i += 2) {
    const Finding test = argument == kNone ? check(ids[i], "bool") : compare("=", argument, ids[i]);
    tests.total = tests.total && test.total;
    tests.column = tests.column || test.column;
    if (error_.what.empty() && argument == kNone && test.type != "bool" && test.type != kUnknownType)
      fail("a WHEN of CASE is no condition", "a condition");
    results.push_back(ids[i + 1]);
  }
  if (ids.size() % 2 == 1) results.push_back(ids.back());
  Finding out = check_alike(id, results, hint);
  out.total = out.total && tests.total;
  out.column = out.column || tests.column;
  return out;
}

Finding ExpressionChecker::check_sql_value(Id id) {
  const std::string_view text = expr(id).text;
  Finding out;
  if (text == "current_timestamp") {
    out.type = "timestamptz";
  } else if (text == "current_date") {
    fail("CURRENT_DATE depends on TimeZone", "(now() AT TIME ZONE 'UTC')::date");
  } else if (text == "current_time" || text == "localtime" || text == "localtimestamp") {
    fail(fmt::format("{} depends on TimeZone", text), "now() AT TIME ZONE 'UTC'");
  } else {
    fail(fmt::format("{} is about the database's role or session, not about the agent", text),
         "a parameter, as :agent, :actor or :task");
  }
  return out;
}

Finding ExpressionChecker::check_collation(Id id) {
  static constexpr std::array<std::string_view, 4> kSteady = {"C", "POSIX", "default", "ucs_basic"};
  const std::vector<Id> ids = children(id);
  const auto parts = names(expr(id).names);
  if (parts.size() > 2 || (parts.size() == 2 && parts[0] != "pg_catalog") ||
      std::find(kSteady.begin(), kSteady.end(), parts.back()) == kSteady.end()) {
    fail(fmt::format("the collation {} is found by the search_path", in_quotes(parts.back())),
         one_of(kSteady));
  }
  Finding out = check(ids[0]);
  out.own_column.reset();
  return out;
}

}  // namespace chaperone::rules
