#include "rules/evaluate/evaluation.hpp"

// Where numbers and names of objects come from: out of a filtered catalog they lead to nothing that is
// hidden.
namespace chaperone::rules {

using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::kNone;

using Kind = ColumnBinding::Kind;

namespace {

constexpr std::size_t kMostSteps = 64, kMostVisits = 2000;

}  // namespace

/// Whether it is a number or name out of a filtered catalog, or put together of such names alone.
bool Evaluation::is_of_catalog(Id id, std::size_t steps) const {
  // A column that stands twice leads twice to the query behind it, and so on.
  std::size_t visits = kMostVisits;
  return is_of_catalog(id, steps, visits);
}

/// The same of an output column of a query.
bool Evaluation::gives_of_catalog(Id id, std::size_t column, std::size_t steps, std::size_t& visits) const {
  if (id == kNone || steps > kMostSteps) return false;
  const parser::Query& query = facts_.queries[id];
  if (query.kind == parser::QueryKind::kSetOperation) {
    return gives_of_catalog(query.left, column, steps + 1, visits) &&
           gives_of_catalog(query.right, column, steps + 1, visits);
  }
  if (query.kind != parser::QueryKind::kSelect || column >= query.outputs.count) return false;
  for (Id i = query.outputs.first; i < query.outputs.first + query.outputs.count; ++i) {
    const Id output = facts_.targets[i].expr;
    if (output == kNone || facts_.exprs[output].has(parser::flag::kStar)) return false;
  }
  const Id output = facts_.targets[query.outputs.first + static_cast<Id>(column)].expr;
  return is_of_catalog(output, steps + 1, visits);
}

bool Evaluation::is_of_catalog(Id id, std::size_t steps, std::size_t& visits) const {
  if (steps > kMostSteps || visits == 0) return false;
  --visits;
  const Expr& expr = facts_.exprs[id];
  const auto all = [&](parser::Range range) {
    for (Id i = range.first; i < range.first + range.count; ++i)
      if (!is_of_catalog(i, steps + 1, visits)) return false;
    return true;
  };
  switch (expr.kind) {
    case ExprKind::kConstant:
      if (expr.constant == ConstantKind::kNull) return true;
      // What stands between two names.
      return expr.constant == ConstantKind::kString && steps > 0 &&
             expr.text.find_first_not_of("\". ") == std::string_view::npos && !expr.text.empty();
    case ExprKind::kCast:
    case ExprKind::kCoalesce:
      return all(expr.children);
    case ExprKind::kSubscript:
      return is_of_catalog(expr.children.first, steps + 1, visits);
    case ExprKind::kOperator:
      return facts_.at(expr.names).back() == "||" && all(expr.children);
    case ExprKind::kCase: {
      Id i = expr.children.first + (expr.has(parser::flag::kHasArgument) ? 1 : 0);
      const Id end = expr.children.first + expr.children.count;
      for (; i + 1 < end; i += 2) {
        if (!is_of_catalog(i + 1, steps + 1, visits)) return false;
      }
      return i == end || is_of_catalog(i, steps + 1, visits);
    }
    case ExprKind::kSubquery:
      return expr.form == parser::Form::kScalar && gives_of_catalog(expr.subquery, 0, steps + 1, visits);
    case ExprKind::kFunction: {
      const std::string_view name = facts_.at(expr.names).back();
      if (name == "format" && expr.children.count > 1) {
        const Expr& format = facts_.exprs[expr.children.first];
        return format.kind == ExprKind::kConstant && (format.text == "%I.%I" || format.text == "%I") &&
               all({expr.children.first + 1, expr.children.count - 1});
      }
      if (name == "replace") {  // as quote_ident() does it
        const auto is_text = [&](Id argument, std::string_view text) {
          const Expr& value = facts_.exprs[expr.children.first + argument];
          return value.kind == ExprKind::kConstant && value.text == text;
        };
        return expr.children.count == 3 && is_text(1, "\"") && is_text(2, "\"\"") &&
               is_of_catalog(expr.children.first, steps + 1, visits);
      }
      return (name == "quote_ident" || name == "unnest" || name == "concat") && expr.children.count > 0 &&
             all(expr.children);
    }
    case ExprKind::kColumn: {
      const ColumnBinding& bound = resolution_.columns[id];
      if (bound.item == kNone) return false;
      if (bound.kind == Kind::kSystem) {
        // It may be a child's.
        return facts_.at(expr.names).back() == "tableoid" && !has_hidden_relatives(true);
      }
      if (bound.kind == Kind::kRelation) {
        const Relation* relation = resolution_.items[bound.item].relation;
        if (relation == nullptr || !relation->system) return false;
        const std::string_view type = relation->columns[bound.column].type.name;
        return type == "oid" || type == "_oid" || type == "oidvector" || type == "name" || type == "_name" ||
               type == "sql_identifier" || type.starts_with("reg");
      }
      if (bound.kind != Kind::kDerived) return false;
      const parser::FromItem& item = facts_.from_items[bound.item];
      if (item.kind == parser::FromKind::kFunction) {
        return item.exprs.count == 1 && bound.column == 0 &&
               facts_.exprs[item.exprs.first].kind == ExprKind::kFunction &&
               facts_.at(facts_.exprs[item.exprs.first].names).back() == "unnest" &&
               is_of_catalog(item.exprs.first, steps + 1, visits);
      }
      const Id cte = resolution_.items[bound.item].cte;
      return gives_of_catalog(cte != kNone ? facts_.ctes[cte].query : item.subquery, bound.column, steps,
                              visits);
    }
    default:
      return false;
  }
}

}  // namespace chaperone::rules
