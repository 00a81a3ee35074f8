#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/narrow/narrow_plan.hpp"
#include "rules/narrow/narrow_values.hpp"

namespace chaperone::rules {

/// Where a partial expression that a filtered row's values reach could be evaluated on hidden rows, because
/// PostgreSQL may evaluate it before the filter: in predicates. Follows the values from the columns to where
/// they are used, query by query from the inside out.
///
/// What is evaluated behind the filters in any plan: select lists, ORDER BY, GROUP BY, arguments of
/// aggregates and of functions in FROM; but the value of a select list may come into a predicate of the query
/// around it, which PostgreSQL may push down.
class Flow {
 public:
  explicit Flow(Plan& plan);

  /// False: nothing is filtered, or it was denied.
  bool run();

  /// Conjuncts of a WHERE that apply partial operations to filtered items of their own query.
  const std::vector<Guard>& guards() const { return guards_; }
  /// Items that a predicate reaches which no guard can stand in front of.
  const std::vector<bool>& fenced() const { return fenced_; }
  bool is_partial(parser::Id expr) const { return value_[expr].partial != 0; }
  /// The filters of an item that the text carries.
  std::vector<const RowFilter*> filters_of(parser::Id item) const;

 private:
  using Id = parser::Id;
  /// Filtered items of a statement, a bit each.
  using Bits = std::uint64_t;

  /// What a value is made of: the filtered items whose columns reach it, and those of them that a partial
  /// operation was applied to on the way.
  struct Value {
    Bits reach = 0;
    Bits partial = 0;
    void add(const Value& other) {
      reach |= other.reach;
      partial |= other.partial;
    }
  };
  /// What the output columns of a query are. `columns` is empty where they can't be told apart.
  struct Outputs {
    Value all;
    std::vector<Value> columns;
    std::vector<std::string_view> types;
    void push(const Value& value, std::string_view type);
  };

  bool number_items();
  void order_queries();
  void find_recursion();
  Id query_of(Id item) const;
  void find_level(Id id);
  Bits own(Id query) const;
  Bits all_of(Id query) const;
  bool is_within(Id query, Id cte) const;
  Value item_value(Id item, std::optional<std::uint16_t> column, std::string_view& type);
  Value column_value(Id id);
  Value subquery_value(const parser::Expr& expr);
  void judge(Id id);
  void follow(Id id);
  void join_by_name(Id query, Id join);
  void find_outputs(Id id);
  bool push_star(Id expr, Outputs& outputs);
  void predicate(Id query, Bits partial);
  void fence(Id query, Bits bits);
  void condition(Id query, Id conjunct);

  Plan& plan_;
  Values values_;
  std::vector<Value> value_;  // by expr
  std::vector<Bits> bit_;     // by item
  std::map<Id, std::vector<Id>> items_of_statement_;
  std::map<Id, Bits> joins_;  // by query: items whose filter has a subquery
  std::vector<Id> order_;
  std::vector<std::vector<Id>> children_;
  std::vector<Id> cte_;          // by query: the CTE's query that it is in, or is
  std::vector<bool> recursive_;  // by query: a CTE that names itself
  // By query: what comes in by its FROM, what is anywhere in it, what comes in around it, its own items.
  std::vector<Bits> level_, inside_, ancestors_, direct_;
  std::vector<Outputs> outputs_;
  std::vector<Value> outer_;   // of values that come from around the query
  std::vector<Bits> lateral_;  // of those, what predicates apply partial operations to
  std::vector<bool> done_;
  std::vector<Value> calls_;  // by item: of a function in FROM
  std::vector<bool> aggregate_;
  std::vector<bool> fenced_;
  std::vector<Guard> guards_;
};

}  // namespace chaperone::rules
