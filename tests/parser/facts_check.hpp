#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

#include "parser/facts.hpp"

/// What holds for the facts of any text.
namespace chaperone::parser::testing {

class FactsCheck {
 public:
  FactsCheck(const Facts& facts, std::string_view sql) : facts_(facts), sql_(sql) {}

  /// The first thing that does not hold, or "".
  std::string run(const Script& script) {
    same_script(script);
    for (std::size_t i = 0; i < facts_.statements.size(); ++i) statement(facts_.statements[i]);
    for (std::size_t i = 0; i < facts_.queries.size(); ++i) query(static_cast<Id>(i), facts_.queries[i]);
    for (std::size_t i = 0; i < facts_.from_items.size(); ++i) item(static_cast<Id>(i), facts_.from_items[i]);
    for (std::size_t i = 0; i < facts_.exprs.size(); ++i) expr(static_cast<Id>(i), facts_.exprs[i]);
    for (const Target& target : facts_.targets) {
      id(target.expr, facts_.exprs.size(), "a target's expression");
      range(target.subscripts, facts_.exprs.size(), "a target's subscripts");
      offset(target.offset);
    }
    for (const TypeUse& type : facts_.types) {
      names(type.names);
      names(type.collation);
      range(type.modifiers, facts_.exprs.size(), "a type's modifiers");
      offset(type.offset);
    }
    for (const Cte& cte : facts_.ctes) {
      names(cte.column_aliases);
      names(cte.added_columns);
      range(cte.cycle_marks, facts_.exprs.size(), "a CTE's marks");
      require(cte.query < facts_.queries.size(), "a CTE without a query");
      offset(cte.offset);
    }
    for (const MergeAction& action : facts_.merge_actions) {
      id(action.condition, facts_.exprs.size(), "an action's condition");
      range(action.columns, facts_.targets.size(), "an action's columns");
      range(action.values, facts_.exprs.size(), "an action's values");
    }
    for (const RelationUse& use : facts_.relation_uses) {
      names(use.names);
      names(use.columns);
      require(use.names.count > 0, "a relation without a name");
      offset(use.offset);
    }
    for (const SettingUse& use : facts_.setting_uses)
      range(use.values, facts_.exprs.size(), "a setting's values");
    return problem_;
  }

 private:
  void require(bool holds, std::string_view what) {
    if (!holds && problem_.empty()) problem_ = what;
  }
  void range(Range range, std::size_t size, std::string_view what) {
    require(range.first <= size && range.count <= size - range.first, what);
  }
  void id(Id id, std::size_t size, std::string_view what) { require(id == kNone || id < size, what); }
  void names(Range range) { this->range(range, facts_.names.size(), "names"); }
  void offset(std::uint32_t offset) {
    require(offset == kNone || offset < sql_.size(), "an offset behind the text");
  }

  void same_script(const Script& script) {
    require(facts_.script.statements.size() == script.statements.size(), "not as many statements as parse()");
    require(facts_.statements.size() == script.statements.size(), "not as many facts as statements");
    for (std::size_t i = 0; problem_.empty() && i < script.statements.size(); ++i) {
      const Statement& a = facts_.script.statements[i];
      const Statement& b = script.statements[i];
      require(a.kind == b.kind && a.span.offset == b.span.offset && a.span.length == b.span.length &&
                  a.name == b.name && a.holdable == b.holdable && a.chain == b.chain &&
                  a.commits_inside == b.commits_inside && a.carries_secret == b.carries_secret,
              "another statement than parse()'s");
    }
  }

  void statement(const StatementFacts& s) {
    id(s.query, facts_.queries.size(), "a statement's query");
    require(!s.command.empty(), "a statement without a command");
    range(s.relations, facts_.relation_uses.size(), "a statement's relations");
    range(s.settings, facts_.setting_uses.size(), "a statement's settings");
    range(s.options, facts_.options.size(), "a statement's options");
    range(s.exprs, facts_.exprs.size(), "a statement's expressions");
    range(s.types, facts_.types.size(), "a statement's types");
    if (s.query != kNone) {
      require(facts_.queries.at(s.query).role == QueryRole::kStatement,
              "a statement's query of another role");
    }
  }

  void query(Id self, const Query& q) {
    require(q.statement < facts_.statements.size(), "a query of no statement");
    require(q.parent == kNone || q.parent < self, "a query before the one around it");
    id(q.parent_expr, facts_.exprs.size(), "a query's expression");
    id(q.parent_item, facts_.from_items.size(), "a query's FROM item");
    require((q.parent_item != kNone) == (q.role == QueryRole::kFromItem), "a query's role and FROM item");
    require((q.parent_expr != kNone) == (q.role == QueryRole::kExpression), "a query's role and expression");
    if (q.parent_expr < facts_.exprs.size()) {
      require(facts_.exprs[q.parent_expr].subquery == self, "an expression that does not know its query");
      require(facts_.exprs[q.parent_expr].query == q.parent, "an expression of another query");
    }
    if (q.parent_item < facts_.from_items.size()) {
      require(facts_.from_items[q.parent_item].subquery == self, "a FROM item that does not know its query");
      require(facts_.from_items[q.parent_item].query == q.parent, "a FROM item of another query");
    }
    if (q.parent < facts_.queries.size()) {
      require(facts_.queries[q.parent].statement == q.statement, "a query of another statement");
    }
    range(q.ctes, facts_.ctes.size(), "a query's CTEs");
    range(q.from, facts_.from_items.size(), "a query's FROM");
    id(q.target, facts_.from_items.size(), "a query's target");
    for (const Range r : {q.outputs, q.returning, q.columns, q.conflict_set}) {
      range(r, facts_.targets.size(), "a query's targets");
    }
    for (const Range r :
         {q.values, q.distinct_on, q.group_by, q.windows, q.order_by, q.conflict_columns, q.conflict_where}) {
      range(r, facts_.exprs.size(), "a query's expressions");
    }
    for (const Id i : {q.where, q.having, q.limit, q.offset}) id(i, facts_.exprs.size(), "a query's clause");
    for (const Id i : {q.source, q.left, q.right}) {
      require(i == kNone || (i > self && i < facts_.queries.size()), "a query's arm");
    }
    require((q.kind == QueryKind::kSetOperation) == (q.left != kNone && q.right != kNone), "a query's arms");
    range(q.merge_actions, facts_.merge_actions.size(), "a query's actions");
    names(q.lock_names);
  }

  void item(Id self, const FromItem& item) {
    require(item.query < facts_.queries.size(), "a FROM item of no query");
    require(item.parent == kNone || item.parent < self, "a FROM item before its join");
    if (item.kind == FromKind::kJoin) {
      for (const Id arm : {item.left, item.right}) {
        require(arm < facts_.from_items.size() && facts_.from_items[arm].parent == self, "a join's arm");
      }
    } else {
      require(item.left == kNone && item.right == kNone, "arms of no join");
    }
    require((item.kind == FromKind::kRelation) == (item.names.count > 0), "a relation's name");
    require((item.kind == FromKind::kSubquery) == (item.subquery != kNone), "a subquery's query");
    names(item.names);
    names(item.using_columns);
    names(item.sample_method);
    names(item.column_aliases);
    names(item.typed_names);
    require(item.types.count == item.typed_names.count, "types without names");
    range(item.types, facts_.types.size(), "a FROM item's types");
    range(item.exprs, facts_.exprs.size(), "a FROM item's expressions");
    id(item.on, facts_.exprs.size(), "a join's condition");
    id(item.subquery, facts_.queries.size(), "a FROM item's query");
    offset(item.offset);
  }

  void expr(Id self, const Expr& e) {
    id(e.query, facts_.queries.size(), "an expression's query");
    require(e.parent == kNone || e.parent < self, "an expression before its parent");
    for (const Range r : {e.children, e.extra}) {
      range(r, facts_.exprs.size(), "an expression's children");
      if (!problem_.empty()) return;
      require(r.count == 0 || r.first > self || e.kind == ExprKind::kMultiAssign,
              "children before their parent");
      for (Id i = 0; i < r.count; ++i) {
        const Expr& child = facts_.exprs[r.first + i];
        require(child.parent == self || e.kind == ExprKind::kMultiAssign, "a child of another parent");
        require(child.query == e.query && child.clause == e.clause, "a child at another place");
      }
    }
    names(e.names);
    id(e.type, facts_.types.size(), "an expression's type");
    id(e.subquery, facts_.queries.size(), "an expression's query");
    require((e.kind == ExprKind::kCast) <= (e.type != kNone), "a cast without a type");
    require((e.kind == ExprKind::kFunction || e.kind == ExprKind::kOperator) <= (e.names.count > 0),
            "a function or operator without a name");
    require((e.kind == ExprKind::kSubquery) <= (e.subquery != kNone), "a subquery without a query");
    offset(e.offset);
  }

  const Facts& facts_;
  std::string_view sql_;
  std::string problem_;
};

/// What is wrong with the facts of `sql`, whose script is `script`; "" if nothing is.
inline std::string inconsistency(const Facts& facts, const Script& script, std::string_view sql) {
  return FactsCheck(facts, sql).run(script);
}

}  // namespace chaperone::parser::testing
