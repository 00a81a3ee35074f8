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

Finding ExpressionChecker::check_function(Id id) {
  const Expr& e = expr(id);
  const auto parts = names(e.names);
  if (e.has(flag::kOver)) {
    fail(fmt::format("{}() OVER is a window function", parts.back()), "a function of one row");
  } else if (e.has(flag::kStar) || e.has(flag::kDistinct) || e.has(flag::kWithinGroup) ||
             e.has(flag::kFilter) || e.extra.count > 0) {
    fail(fmt::format("{}() is called as an aggregate", parts.back()), "a function of one row");
  } else if (parts.size() > 2) {
    fail(fmt::format("the function {} has a database in front", parts.back()), "schema.function");
  } else if (parts.size() == 1 || parts[0] == "pg_catalog") {
    return check_own_function(id, parts.back());
  } else {
    return check_user_function(id, parts[0], parts[1]);
  }
  return {};
}

Finding ExpressionChecker::check_own_function(Id id, std::string_view name) {
  const std::vector<Id> ids = children(id);
  Finding out;
  const BuiltinName* known = builtin().find_name(name);
  if (known == nullptr) {
    const auto made = scope_.catalog.functions("", name);
    fail(fmt::format("PostgreSQL has no function {}", in_quotes(name)),
         made.empty() ? "one that it has, or one of the database with its schema in front"
                      : fmt::format("its schema in front, as {}.{}", made[0]->schema, name));
    return out;
  }
  if (known->value == BuiltinClass::kSession) {
    fail(fmt::format("{}() depends on what the agent sets", name), "a parameter, as :tenant");
    return out;
  }
  if (!is_allowed(known->value) || known->value == BuiltinClass::kIntrospection) {
    fail(fmt::format("{}() is not for policies ({})", name, known->reason),
         "a function of the sets safe, json and text_search");
    return out;
  }
  std::vector<std::string> types;
  for (const Id child : ids) {
    if (expr(child).kind == ExprKind::kNamedArgument) {
      fail("an argument is given by name", "arguments by their places");
      return out;
    }
    // A literal's type comes with the overload.
    types.push_back(expr(child).kind == ExprKind::kParameter || !is_bare(child) ? check(child).type
                                                                                : std::string(kUnknownType));
  }
  if (!error_.what.empty()) return out;
  const Effect evaluation = evaluate_function(name, types);
  std::string call = std::string(name) + "(";
  for (std::size_t i = 0; i < types.size(); ++i) call += (i > 0 ? ", " : "") + shown(types[i]);
  call += ")";
  if (!evaluation.found) {
    fail(fmt::format("there is no {}", call), "arguments of types that it takes, with casts where needed");
    return out;
  }
  if (evaluation.ambiguous_literal) {
    fail(fmt::format("of which type the literal in {} is can't be told", call), "a cast of the literal");
    return out;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (is_bare(ids[i]) && expr(ids[i]).kind != ExprKind::kParameter)
      check(ids[i], evaluation.wanted[i].empty() ? kUnknownType : std::string_view(evaluation.wanted[i]));
  }
  for (const BuiltinFunction& row : builtin().find_functions(name)) {
    if (row.kind != 'f' || row.returns_set) {
      fail(fmt::format("{}() is {}", name,
                       row.returns_set ? "a function that returns rows" : "an aggregate or window function"),
           "a function of one row");
      return out;
    }
  }
  if (known->bound.kind != Bound::Kind::kNone) {
    const std::size_t bound = known->bound.argument - 1U;
    const bool good = bound < ids.size() && expr(ids[bound]).kind == ExprKind::kConstant &&
                      known->bound.admits(expr(ids[bound]).text,
                                          expr(ids[bound]).constant == parser::ConstantKind::kString);
    if (!good) {
      fail(fmt::format("{}() has no bound ({})", name, known->reason),
           fmt::format("a constant of at most {} there", known->bound.most));
      return out;
    }
  }
  // Stable ones depend on settings, but for those that read the transaction's time or what has one text form
  // alone.
  static constexpr std::array<std::string_view, 3> kTimes = {"now", "transaction_timestamp",
                                                             "statement_timestamp"};
  static constexpr std::array<std::string_view, 3> kTexts = {"concat", "concat_ws", "array_to_string"};
  const auto is = [name](const auto& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  const bool steady_texts =
      is(kTexts) && std::none_of(types.begin(), types.end(),
                                 [](const std::string& type) { return has_unstable_text(type); });
  const bool zoned = name == "date_trunc" && types.size() == 3;
  if (evaluation.stable && !evaluation.is_volatile && !is(kTimes) && !steady_texts && !zoned) {
    const bool time = std::find(types.begin(), types.end(), "timestamptz") != types.end();
    fail(fmt::format("{} depends on settings of the session", call),
         time ? "(.. AT TIME ZONE 'UTC') in place of the timestamptz"
              : "a form that says format and time zone itself");
    return out;
  }
  // No offset, so that nothing leaves the range of the type.
  Effect judged = evaluation;
  const bool utc =
      name == "timezone" && expr(ids[0]).kind == ExprKind::kConstant && expr(ids[0]).text == "UTC";
  if (utc) judged.totality = Totality::kTotal;
  out = all_of(ids);
  judge(out, judged, ids, call, std::string(kTotalForms));
  return out;
}

Finding ExpressionChecker::check_user_function(Id id, std::string_view schema, std::string_view name) {
  const std::vector<Id> ids = children(id);
  Finding out;
  const auto made = scope_.catalog.functions(schema, name);
  if (made.empty()) {
    fail(fmt::format("there is no function {}.{}", schema, name), "a function of the schema");
    return out;
  }
  for (const Function* function : made) {
    if (function->kind != FunctionKind::kFunction) {
      fail(fmt::format("{}.{} is no plain function", schema, name), "a function of one row");
      return out;
    }
  }
  for (const Id child : ids) check(child);
  out = all_of(ids);
  if (scope_.use != ExpressionUse::kSet) {
    fail(
        fmt::format("{}.{}() is not PostgreSQL's own, so that it can't be told what it does with hidden rows",
                    schema, name),
        std::string(kTotalForms));
  }
  return out;
}

}  // namespace chaperone::rules
