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

/// A relation of a subquery's FROM, or a join of some.
bool ExpressionChecker::check_from(Id item_id) {
  const parser::FromItem& item = facts_.from_items[item_id];
  if (item.kind == parser::FromKind::kJoin && !item.natural && !item.has_using) {
    return check_from(item.left) && check_from(item.right) &&
           (item.on == kNone || (check(item.on, "bool"), error_.what.empty()));
  }
  const auto parts = names(item.names);
  if (item.kind != parser::FromKind::kRelation || item.only || item.sampled ||
      item.column_aliases.count > 0) {
    fail("the FROM of a subquery holds something else than tables",
         "FROM schema.table [alias] [JOIN .. ON ..]");
    return false;
  }
  if (parts.size() != 2) {
    fail(fmt::format("the table {} of a subquery is without a schema", in_quotes(parts.back())),
         fmt::format("public.{}, or another schema", parts.back()));
    return false;
  }
  const Relation* relation = scope_.catalog.find_relation(parts[0], parts[1]);
  if (relation == nullptr || relation->system || relation->kind == RelationKind::kCompositeType ||
      relation->kind == RelationKind::kSequence) {
    fail(fmt::format("there is no table {}.{}", parts[0], parts[1]), "a table of the database");
    return false;
  }
  return true;
}

bool ExpressionChecker::check_query(Id id) {
  const parser::Query& query = facts_.queries[id];
  const bool plain = query.kind == parser::QueryKind::kSelect && !query.distinct && !query.with_ties &&
                     !query.into && query.lock == parser::LockStrength::kUnlocked && query.ctes.count == 0 &&
                     query.having == kNone && query.limit == kNone && query.offset == kNone &&
                     query.distinct_on.count == 0 && query.group_by.count == 0 && query.windows.count == 0 &&
                     query.order_by.count == 0 && query.outputs.count == 1 && query.from.count > 0;
  if (!plain) {
    fail("a subquery holds more than one column, tables and a condition",
         "(SELECT column FROM schema.table WHERE ..)");
    return false;
  }
  for (Id i = 0; i < query.from.count; ++i) {
    if (!check_from(query.from.first + i)) return false;
  }
  check(facts_.targets[query.outputs.first].expr);
  if (query.where != kNone) {
    const Finding& where = check(query.where, "bool");
    if (error_.what.empty() && where.type != "bool")
      fail("the WHERE of a subquery is no condition", "a condition");
  }
  return error_.what.empty();
}

Finding ExpressionChecker::check_subquery(Id id) {
  const Expr& e = expr(id);
  const std::vector<Id> ids = children(id);
  Finding out;
  if (scope_.use != ExpressionUse::kFilter) {
    fail("a subquery has no place here", "columns, constants, :parameters and functions");
    return out;
  }
  const bool tested =
      (e.form == Form::kIn || e.form == Form::kAny || e.form == Form::kAll) && ids.size() == 1;
  if (!tested && e.form != Form::kExists) {
    fail("a subquery for a value can fail when there is more than one row",
         "column IN (SELECT ..) or EXISTS (SELECT ..)");
    return out;
  }
  out_.has_subquery = true;
  if (!check_query(e.subquery)) return out;
  out.type = "bool";
  out.column = true;
  if (!tested) return out;
  const auto parts = names(e.names);
  const std::string left = check(ids[0]).type;
  const std::string right = out_.findings[facts_.targets[facts_.queries[e.subquery].outputs.first].expr].type;
  if (!error_.what.empty()) return out;
  const Effect evaluation = evaluate_operator(parts.back(), left, right, scope_.catalog);
  if (!evaluation.found || evaluation.stable || parts.size() > 2 ||
      (parts.size() == 2 && parts[0] != "pg_catalog")) {
    fail(fmt::format("there is no steady operator {} {} {}", shown(left), parts.back(), shown(right)),
         "columns of one type of PostgreSQL's own");
    return out;
  }
  judge(out, evaluation, {}, fmt::format("{} {} {}", left, parts.back(), right), std::string(kTotalForms));
  return out;
}

}  // namespace chaperone::rules
