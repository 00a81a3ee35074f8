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

namespace {

/// Types that a parameter's value can have: their text means the same under all settings.
bool can_be_parameter(std::string_view key) {
  return !has_unstable_text(key) || key == "float4" || key == "float8";
}

}  // namespace

const Finding& ExpressionChecker::check(Id id, std::string_view hint) {
  // BETWEEN and IN come here more than once for one operand; only a literal may be of another type then.
  if (error_.what.empty() && (!done_[id] || is_bare(id))) {
    out_.findings[id] = checked(id, hint);
    done_[id] = true;
  }
  return out_.findings[id];
}

/// What stands together of several parts.
Finding ExpressionChecker::all_of(std::span<const Id> ids) const {
  Finding all;
  for (const Id id : ids) {
    all.total = all.total && out_.findings[id].total;
    all.column = all.column || out_.findings[id].column;
  }
  return all;
}

/// Whether it can't fail on a row's value, given the constants among its operands.
bool ExpressionChecker::is_total(const Effect& evaluation, std::span<const Id> operands) const {
  const auto constant = [&](std::size_t index) {
    return index < operands.size() && expr(operands[index]).kind == ExprKind::kConstant &&
           expr(operands[index]).constant != parser::ConstantKind::kNull &&
           total_with(evaluation.totality, expr(operands[index]).text);
  };
  switch (evaluation.totality) {
    case Totality::kTotal:
    case Totality::kLimits:
      return true;
    case Totality::kPartial:
      return false;
    case Totality::kPattern:
    case Totality::kDivisor:
      return constant(1);
    case Totality::kLength:
      return constant(2);
    case Totality::kUnit:
      return constant(0);
  }
  return false;
}

/// Refuses what depends on more than its operands, or can fail on them.
void ExpressionChecker::judge(Finding& finding, const Effect& evaluation, std::span<const Id> operands,
                              const std::string& what, const std::string& hint) {
  finding.type = evaluation.result;
  if (evaluation.is_volatile && scope_.use != ExpressionUse::kSet) {
    fail(fmt::format("{} gives another value at each call", what),
         "an expression that stays the same for a row");
  }
  const bool total = is_total(evaluation, operands);
  if (finding.column && !total) {
    finding.total = false;
    fail(fmt::format("{} can fail on the value of a row that is hidden, and its message would tell the value",
                     what),
         hint);
  }
}

Finding ExpressionChecker::checked(Id id, std::string_view hint) {
  const Expr& e = expr(id);
  const std::vector<Id> ids = children(id);
  switch (e.kind) {
    case ExprKind::kColumn:
      return check_column(id);
    case ExprKind::kConstant:
      return check_constant(id, hint);
    case ExprKind::kParameter:
      return check_parameter(id, hint);
    case ExprKind::kFunction:
      return check_function(id);
    case ExprKind::kOperator:
      return check_operator(id);
    case ExprKind::kCast:
      return check_cast(id);
    case ExprKind::kCase:
      return check_case(id, hint);
    case ExprKind::kSubquery:
      return check_subquery(id);
    case ExprKind::kSqlValue:
      return check_sql_value(id);
    case ExprKind::kCollate:
      return check_collation(id);
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kNot:
    case ExprKind::kBooleanTest: {
      for (const Id child : ids) {
        const Finding& found = check(child, "bool");
        if (error_.what.empty() && found.type != "bool" && found.type != kUnknownType) {
          fail(fmt::format("a part of AND, OR, NOT or IS TRUE is of type {}", shown(found.type)),
               "a condition");
        }
      }
      Finding out = all_of(ids);
      out.type = "bool";
      return out;
    }
    case ExprKind::kNullTest: {
      for (const Id child : ids) check(child);
      Finding out = all_of(ids);
      out.type = "bool";
      return out;
    }
    case ExprKind::kCoalesce:
      return check_alike(id, ids, hint);
    case ExprKind::kMinMax: {
      Finding out = check_alike(id, ids, hint);
      const Effect evaluation = evaluate_operator("<", out.type, out.type, scope_.catalog);
      if (error_.what.empty() && out.column && !is_always_total(evaluation)) {
        fail(fmt::format("{} over {} can fail", e.text, shown(out.type)), std::string(kTotalForms));
      }
      return out;
    }
    case ExprKind::kArray: {
      Finding out = check_alike(id, ids, element_key(hint).empty() ? kUnknownType : element_key(hint));
      out.type = array_key(out.type == kUnknownType ? "text" : out.type);
      return out;
    }
    case ExprKind::kSubscript: {
      for (const Id child : ids) check(child);
      Finding out = all_of(ids);
      out.type = ids.size() == 2 ? element_key(out_.findings[ids[0]].type) : "";
      if (out.type.empty()) fail("a subscript of something else than an array", "array[1]");
      return out;
    }
    default:
      break;
  }
  fail("this form has no place in a policy",
       "columns, constants, :parameters, operators, functions, CASE, COALESCE, IN and casts");
  return {};
}

Finding ExpressionChecker::check_column(Id id) {
  const Expr& e = expr(id);
  const auto parts = names(e.names);
  Finding out;
  out.column = true;
  if (e.has(flag::kStar)) {
    fail("* stands for columns that nobody has listed", "the columns by name");
    return out;
  }
  const std::string_view column = parts.back();
  const std::string_view qualifier = parts.size() > 1 ? parts[parts.size() - 2] : std::string_view();
  if (parts.size() > 2) {
    fail(fmt::format("the column {} has a schema in front", column), fmt::format("{}.{}", qualifier, column));
    return out;
  }
  // The subquery that it stands in, and those around that.
  for (Id query = e.query; query != root_query_ && query != kNone; query = facts_.queries[query].parent) {
    std::vector<Id> items;
    for (Id i = 0; i < facts_.queries[query].from.count; ++i)
      items.push_back(facts_.queries[query].from.first + i);
    int found = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const parser::FromItem& item = facts_.from_items[items[i]];
      if (item.kind == parser::FromKind::kJoin) {
        items.push_back(item.left);
        items.push_back(item.right);
        continue;
      }
      const auto relation_names = names(item.names);
      const std::string_view name = item.alias.empty() ? relation_names.back() : item.alias;
      if (!qualifier.empty() && qualifier != name) continue;
      const Relation* relation = scope_.catalog.find_relation(relation_names[0], relation_names[1]);
      const auto index = relation->find_column(column);
      if (!index) {
        if (qualifier.empty()) continue;
        fail(fmt::format("{} has no column {}", relation->name, in_quotes(column)), "a column of it");
        return out;
      }
      ++found;
      out.type = type_key(relation->columns[*index].type, scope_.catalog);
      out.qualifier = name;
    }
    if (found > 1)
      fail(fmt::format("the column {} is in more than one table of the subquery", in_quotes(column)),
           "table.column");
    if (found > 0) return out;
  }
  const Relation& relation = scope_.relation;
  const auto index =
      qualifier.empty() || qualifier == relation.name ? relation.find_column(column) : std::nullopt;
  if (!index) {
    std::vector<std::string_view> known;
    for (const Column& c : relation.columns) known.push_back(c.name);
    fail(qualifier.empty() ? fmt::format("{} has no column {}", relation.name, in_quotes(column))
                           : fmt::format("there is no column {}.{}", qualifier, column),
         with_suggestion(one_of(known), column, known));
    return out;
  }
  if (e.query != root_query_) {
    fail(fmt::format("the subquery refers to the column {} of {} itself", in_quotes(column), relation.name),
         "column IN (SELECT ..), whose subquery stands alone");
  }
  if (scope_.use == ExpressionUse::kSet) {
    fail(fmt::format("the column {} has no value yet where a row is made", in_quotes(column)),
         "constants, :parameters and functions of them");
  }
  out.own_column = index;
  out.type = type_key(relation.columns[*index].type, scope_.catalog);
  return out;
}

Finding ExpressionChecker::check_constant(Id id, std::string_view hint) {
  const Expr& e = expr(id);
  Finding out;
  switch (e.constant) {
    case parser::ConstantKind::kInteger:
      out.type = "int4";
      break;
    case parser::ConstantKind::kFloat: {
      const bool digits = e.text.find_first_not_of("-0123456789") == std::string_view::npos;
      out.type = digits && e.text.size() < 19 ? "int8" : "numeric";
      break;
    }
    case parser::ConstantKind::kBoolean:
      out.type = "bool";
      break;
    case parser::ConstantKind::kBitString:
      out.type = "bit";
      break;
    case parser::ConstantKind::kNull:
      out.type = kUnknownType;
      break;
    case parser::ConstantKind::kString: {
      out.type = kUnknownType;
      if (const auto wanted = wanted_form(hint, e.text)) {
        fail(fmt::format("what the {} literal {} means depends on settings of the session", hint,
                         in_quotes(e.text)),
             *wanted);
      }
      const Type* type = find_user_type(hint, scope_.catalog);
      if (type != nullptr && type->kind == TypeKind::kEnum) {
        const std::vector<std::string_view> labels(type->labels.begin(), type->labels.end());
        if (std::find(labels.begin(), labels.end(), e.text) == labels.end()) {
          fail(fmt::format("the enum {} has no label {}", type->name, in_quotes(e.text)),
               with_suggestion(one_of(labels), e.text, labels));
        }
      }
      break;
    }
  }
  return out;
}

Finding ExpressionChecker::check_parameter(Id id, std::string_view hint) {
  const Expr& e = expr(id);
  Finding out;
  if (e.number == 0 || e.number > parameters_.size()) {
    fail(fmt::format("${} is a parameter of a statement", e.number), "a parameter of the policy, as :tenant");
    return out;
  }
  const std::string& name = parameters_[e.number - 1];
  out.type = hint == kUnknownType || hint.empty() ? "text" : hint;
  if (out.type == "varchar" || out.type == "bpchar" || out.type == "name") out.type = "text";
  const Type* type = find_user_type(out.type, scope_.catalog);
  if (!can_be_parameter(out.type) && (type == nullptr || type->kind != TypeKind::kEnum)) {
    fail(fmt::format("how :{} would be read as {} depends on settings of the session or can't be told", name,
                     out.type),
         out.type == "timestamptz" ? fmt::format("seconds, as to_timestamp(:{}::float8)", name)
                                   : fmt::format("text, a number, a boolean or a uuid, as :{}::text", name));
  }
  out_.parameter_types[id] = type_of_key(out.type);
  return out;
}

boost::system::result<CheckedExpression, ExpressionError> check_expression(
    const parser::Facts& facts, Id root, std::span<const std::string> parameters,
    const ExpressionScope& scope) {
  return ExpressionChecker(facts, parameters, scope).run(root);
}

}  // namespace chaperone::rules
