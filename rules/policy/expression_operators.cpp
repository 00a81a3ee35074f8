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

/// Interval literals of hours, minutes and seconds do the same in every time zone.
bool ExpressionChecker::is_fixed_interval(Id id) const {
  const Expr& e = expr(id);
  if (e.kind == ExprKind::kConstant) return e.constant == parser::ConstantKind::kString && is_hours(e.text);
  return e.kind == ExprKind::kCast && e.children.count == 1 &&
         expr(e.children.first).kind == ExprKind::kConstant && is_hours(expr(e.children.first).text);
}

/// c - c % 100: towards zero, which no column is too small for.
bool ExpressionChecker::is_rounding(std::string_view name, Id left, Id right) const {
  const Expr& rest = expr(right);
  if (name != "-" || left == kNone || rest.kind != ExprKind::kOperator || rest.children.count != 2)
    return false;
  const Finding& a = out_.findings[left];
  const Finding& b = out_.findings[rest.children.first];
  return names(rest.names).back() == "%" && a.own_column && a.own_column == b.own_column;
}

/// left `name` right; left kNone: a prefix operator.
Finding ExpressionChecker::compare(std::string_view name, Id left, Id right) {
  Finding out;
  std::vector<Id> ids;
  if (left != kNone) ids.push_back(left);
  ids.push_back(right);
  std::vector<std::string> types;
  for (const Id operand : ids)
    types.push_back(is_bare(operand) ? std::string(kUnknownType) : check(operand).type);
  if (!error_.what.empty()) return out;
  const std::string left_type = left == kNone ? "" : types[0];
  for (const std::string& type : types) {
    if (type.empty()) {
      fail(fmt::format("the type of an operand of {} can't be told", name), "a cast of it, as (..)::text");
      return out;
    }
    if (is_foreign(type, scope_.catalog)) {
      const bool citext = type.ends_with(".citext");
      fail(fmt::format("{} on {} is no operator of PostgreSQL's own", name, type),
           citext ? "a cast to text, as lower(column::text) = lower(:name)"
                  : "an expression over PostgreSQL's own types");
      return out;
    }
  }
  Effect evaluation = evaluate_operator(name, left_type, types.back(), scope_.catalog);
  // A parameter is of the column's type, beside a column; elsewhere it is text.
  if (evaluation.found) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!is_bare(ids[i])) continue;
      const bool parameter = expr(ids[i]).kind == ExprKind::kParameter;
      const bool beside_column =
          ids.size() == 2 && out_.findings[ids[1 - i]].column && expr(ids[1 - i]).kind == ExprKind::kColumn;
      check(ids[i],
            parameter && !beside_column ? std::string_view("text") : std::string_view(evaluation.wanted[i]));
      if (!error_.what.empty()) return out;
      if (parameter) types[i] = out_.findings[ids[i]].type;
    }
    evaluation = evaluate_operator(name, left_type.empty() ? "" : types[0], types.back(), scope_.catalog);
  }
  const std::string call = left == kNone ? fmt::format("{} {}", name, shown(types[0]))
                                         : fmt::format("{} {} {}", shown(types[0]), name, shown(types[1]));
  if (!evaluation.found) {
    fail(fmt::format("there is no operator {}", call),
         "operands of types that it takes, with a cast where needed, as :name::int4");
    return out;
  }
  const bool time = types[0] == "timestamptz" || types.back() == "timestamptz";
  if (evaluation.stable) {
    const bool interval = left != kNone && (types[0] == "interval" || evaluation.wanted.back() == "interval");
    const Id by = types[0] == "interval" ? left : right;
    if (!interval || !is_fixed_interval(by)) {
      fail(fmt::format("{} depends on settings of the session", call),
           interval
               ? "an interval of hours, as interval '168 hours', since days are not equally long everywhere"
           : time ? "both sides of one type: (.. AT TIME ZONE 'UTC') makes a timestamp of a timestamptz"
                  : "operands of one type");
      return out;
    }
  }
  out = all_of(ids);
  std::string hint(kTotalForms);
  if (name == "/" || name == "%")
    hint = "a constant divisor other than 0, or a condition without the division";
  if (name == "+" || name == "-" || name == "*")
    hint = "the arithmetic on the side without a column, as amount > 100 - 1";
  if (name.find('~') != std::string_view::npos)
    hint = "LIKE with a constant pattern that does not end in a backslash";
  if (is_rounding(name, left, right)) evaluation.totality = Totality::kTotal;
  judge(out, evaluation, ids, call, hint);
  return out;
}

Finding ExpressionChecker::check_operator(Id id) {
  const Expr& e = expr(id);
  const std::vector<Id> ids = children(id);
  const auto parts = names(e.names);
  if (parts.size() > 2 || (parts.size() == 2 && parts[0] != "pg_catalog")) {
    fail(fmt::format("the operator {} is not PostgreSQL's own", parts.back()), "operators of pg_catalog");
    return {};
  }
  std::string_view name = parts.back();
  if (name == "!=") name = "<>";
  const auto both = [](const Finding& a, const Finding& b) {
    Finding out;
    out.type = "bool";
    out.total = a.total && b.total;
    out.column = a.column || b.column;
    return out;
  };
  switch (e.form) {
    case Form::kPlain:
    case Form::kLike:
    case Form::kILike:
    case Form::kSimilar:
      return ids.size() == 1 ? compare(name, kNone, ids[0]) : compare(name, ids[0], ids[1]);
    case Form::kDistinct:
    case Form::kNotDistinct:
      return compare("=", ids[0], ids[1]);
    case Form::kNullIf: {
      Finding out = compare("=", ids[0], ids[1]);
      out.type = out_.findings[ids[0]].type;
      return out;
    }
    case Form::kIn:
    case Form::kNotIn: {
      Finding out = compare("=", ids[0], ids[1]);
      for (std::size_t i = 2; i < ids.size(); ++i) out = both(out, compare("=", ids[0], ids[i]));
      return out;
    }
    case Form::kBetween:
      if (e.has(flag::kSymmetric)) break;
      return both(compare(">=", ids[0], ids[1]), compare("<=", ids[0], ids[2]));
    case Form::kAny:
    case Form::kAll: {
      const std::string left = check(ids[0]).type;
      const Finding& list = is_bare(ids[1]) ? check(ids[1], array_key(left)) : check(ids[1]);
      if (!error_.what.empty()) return {};
      const std::string element = element_key(list.type);
      const Effect evaluation =
          evaluate_operator(name, left, list.type == kUnknownType ? left : element, scope_.catalog);
      if (!evaluation.found || evaluation.stable) {
        fail(fmt::format("there is no steady operator {} {} of the elements of {}", shown(left), name,
                         shown(list.type)),
             "an array of the column's type, as :ids beside a column");
        return {};
      }
      Finding out = all_of(ids);
      judge(out, evaluation, ids, fmt::format("{} {} ANY", shown(left), name), std::string(kTotalForms));
      return out;
    }
    default:
      break;
  }
  fail(fmt::format("this form of {} has no place in a policy", name),
       "AND, OR, comparisons, IN, BETWEEN and LIKE");
  return {};
}

}  // namespace chaperone::rules
