#include <algorithm>
#include <map>

#include "rules/narrow_plan.hpp"
#include "rules/narrow_values.hpp"

namespace chaperone::rules {

namespace {

using parser::Clause;
using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::FromKind;
using parser::Id;
using parser::JoinKind;
using parser::kNone;
using parser::Query;
using parser::QueryKind;
using parser::QueryRole;

using Kind = ColumnBinding::Kind;

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
};

/// Where a partial expression that a filtered row's values reach could be evaluated on hidden rows, because
/// PostgreSQL may evaluate it before the filter: in predicates. Follows the values from the columns to where
/// they are used, query by query from the inside out.
class Predicates {
 public:
  explicit Predicates(Plan& plan)
      : plan_(plan),
        values_(plan),
        value_(plan.facts.exprs.size()),
        bit_(plan.items.size(), 0),
        level_(plan.facts.queries.size()),
        inside_(plan.facts.queries.size()),
        ancestors_(plan.facts.queries.size()),
        direct_(plan.facts.queries.size()),
        outputs_(plan.facts.queries.size()),
        outer_(plan.facts.queries.size()),
        lateral_(plan.facts.queries.size()),
        done_(plan.facts.queries.size()),
        calls_(plan.items.size()),
        aggregate_(plan.facts.exprs.size()),
        fenced_(plan.items.size()) {}

  void run() {
    if (!number_items()) return;
    order_queries();
    for (const Id query : order_) find_level(query);
    for (auto query = order_.rbegin(); query != order_.rend(); ++query) {
      const Id parent = plan_.query(*query).parent;
      if (parent != kNone) ancestors_[*query] = level_[parent] | ancestors_[parent];
    }
    for (const Id query : order_) {
      follow(query);
      done_[query] = true;
    }
    finish();
  }

 private:
  // False: nothing is filtered.
  bool number_items() {
    std::map<Id, std::vector<Id>> by_statement;
    for (Id id = 0; id < plan_.items.size(); ++id) {
      const Id in = plan_.item(id).query;
      if (in == kNone) continue;
      if (filters_of(id).empty()) continue;
      by_statement[plan_.query(in).statement].push_back(id);
    }
    for (const auto& [statement, items] : by_statement) {
      if (items.size() > 64) {
        plan_.deny("read more than 64 tables of which it sees some rows in one statement", items.back(),
                   kNone);
        return false;
      }
      for (std::size_t i = 0; i < items.size(); ++i) {
        bit_[items[i]] = Bits{1} << i;
        direct_[plan_.item(items[i]).query] |= bit_[items[i]];
        for (const RowFilter* filter : filters_of(items[i])) {
          if (filter->expression.has_subquery) joins_[plan_.item(items[i]).query] |= bit_[items[i]];
        }
      }
      items_of_statement_[statement] = items;
    }
    return !by_statement.empty();
  }

  std::vector<const RowFilter*> filters_of(Id item) const {
    std::vector<const RowFilter*> filters;
    if (!plan_.items[item].target) {
      if (plan_.items[item].rows != nullptr) filters.push_back(plan_.items[item].rows);
      return filters;
    }
    const Id query = plan_.item(item).query;
    const auto& all = plan_.result.filters;
    const auto first = std::partition_point(all.begin(), all.end(),
                                            [query](const TargetFilter& f) { return f.query < query; });
    for (auto at = first; at != all.end() && at->query == query; ++at) filters.push_back(at->filter);
    return filters;
  }

  // Children before their parents, CTEs before what may name them.
  void order_queries() {
    std::vector<std::vector<Id>> children(plan_.facts.queries.size());
    std::vector<Id> roots;
    for (Id id = 0; id < plan_.facts.queries.size(); ++id) {
      const Id parent = plan_.query(id).parent;
      (parent == kNone ? roots : children[parent]).push_back(id);
    }
    for (auto& some : children) {
      std::stable_partition(some.begin(), some.end(),
                            [this](Id id) { return plan_.query(id).role == QueryRole::kCte; });
    }
    std::vector<std::pair<Id, bool>> open;
    for (const Id root : roots) open.emplace_back(root, false);
    while (!open.empty()) {
      const auto [id, expanded] = open.back();
      open.pop_back();
      if (expanded) {
        order_.push_back(id);
        continue;
      }
      open.emplace_back(id, true);
      for (auto child = children[id].rbegin(); child != children[id].rend(); ++child) {
        open.emplace_back(*child, false);
      }
    }
    children_ = std::move(children);
  }

  // The query that an item's columns come from; kNone: it is no subquery and no CTE.
  Id query_of(Id item) const {
    const Id cte = plan_.resolution.items[item].cte;
    return cte != kNone ? plan_.facts.ctes[cte].query : plan_.item(item).subquery;
  }

  void find_level(Id id) {
    const Query& query = plan_.query(id);
    Bits level = direct_[id];
    for (const Id item : plan_.items_of_query[id]) {
      const Id from = query_of(item);
      if (from != kNone) level |= inside_[from];
    }
    Bits inside = level;
    for (const Id child : children_[id]) inside |= inside_[child];
    level_[id] = query.kind == QueryKind::kSetOperation ? inside : level;
    inside_[id] = inside;
  }

  // Bits that can only have come in by this query's own FROM: what aggregates over its rows settles them.
  Bits own(Id query) const { return direct_[query] | (level_[query] & ~ancestors_[query]); }

  Bits all_of(Id query) const {
    const auto found = items_of_statement_.find(plan_.query(query).statement);
    Bits bits = 0;
    if (found != items_of_statement_.end()) {
      for (const Id item : found->second) bits |= bit_[item];
    }
    return bits;
  }

  bool is_within(Id query, Id outer) const {
    for (; query != kNone; query = plan_.query(query).parent) {
      if (query == outer) return true;
    }
    return false;
  }

  // A row, or column `column`, of an item.
  Value item_value(Id item, std::optional<std::uint16_t> column, std::string_view& type) {
    type = {};
    if (plan_.item(item).kind == FromKind::kJoin) {
      Value all;
      for (const Id leaf : plan_.leaves(item)) all.add(item_value(leaf, {}, type));
      type = {};
      return all;
    }
    if (plan_.items[item].relation != nullptr || plan_.resolution.items[item].relation != nullptr) {
      Value value{bit_[item], 0};
      const Relation& relation = *plan_.resolution.items[item].relation;
      const auto partial_mask = [&](std::uint16_t at) {
        const Mask* mask = plan_.items[item].mask(at);
        return mask != nullptr && !mask->expression.total;
      };
      if (column && *column < relation.columns.size()) {
        type = values_.name_of(relation.columns[*column].type);
        if (partial_mask(*column)) value.partial = value.reach;
      } else {
        for (std::uint16_t at = 0; at < relation.columns.size(); ++at) {
          if (partial_mask(at)) value.partial = value.reach;
        }
      }
      return value;
    }
    const Id from = query_of(item);
    if (from == kNone) return calls_[item];
    if (!done_[from]) {
      // Within itself a recursive CTE gives rows that have passed every filter.
      if (is_within(plan_.item(item).query, from)) {
        const Id first = plan_.query(from).left;
        if (column && first != kNone && *column < outputs_[first].types.size())
          type = outputs_[first].types[*column];
        return {};
      }
      const Bits all = all_of(from);
      return {all, all};
    }
    const Outputs& outputs = outputs_[from];
    if (!column || *column >= outputs.columns.size()) return outputs.all;
    type = outputs.types[*column];
    return outputs.columns[*column];
  }

  Value column_value(Id id) {
    const ColumnBinding& bound = plan_.binding(id);
    const Id in = plan_.expr(id).query;
    Value value;
    std::string_view type;
    switch (bound.kind) {
      case Kind::kRelation:
      case Kind::kDerived:
        value = item_value(bound.item, bound.column, type);
        break;
      case Kind::kWholeRow:
      case Kind::kSystem:
      case Kind::kFunctionCall:
        if (bound.item != kNone) value = item_value(bound.item, {}, type);
        type = {};
        break;
      case Kind::kStar:
        for (const Id item : plan_.items_of_query[in]) value.add(item_value(item, {}, type));
        type = {};
        break;
      case Kind::kOutput:    // in GROUP BY and ORDER BY alone, which are evaluated behind the filters
      case Kind::kExcluded:  // what the statement itself brings
        break;
      case Kind::kNone: {
        const Bits all = all_of(in);
        value = {all, all};
        break;
      }
    }
    values_.set_type(id, type);
    // A filter with a subquery is a join, and may come behind everything of its query.
    const Id level = bound.item == kNone ? in : plan_.item(bound.item).query;
    if (const auto joins = joins_.find(level); joins != joins_.end() && bound.item != kNone) {
      value.reach |= joins->second;
    }
    return value;
  }

  Value subquery_value(const Expr& expr) {
    const Id query = expr.subquery;
    Value value = outer_[query];
    // IN and ANY become joins, which may come before the subquery's own conditions.
    if (expr.form == Form::kIn || expr.form == Form::kAny || expr.form == Form::kAll ||
        expr.form == Form::kNotIn) {
      value.partial |= outputs_[query].all.partial;
      value.reach |= outputs_[query].all.reach;
    }
    return value;
  }

  void judge(Id id) {
    const Expr& expr = plan_.expr(id);
    Value value;
    const auto add = [&](const parser::Range& range) {
      for (std::uint32_t i = 0; i < range.count; ++i) {
        value.add(value_[range.first + i]);
        if (aggregate_[range.first + i]) aggregate_[id] = true;
      }
    };
    if (expr.kind == ExprKind::kColumn) value = column_value(id);
    add(expr.children);
    add(expr.extra);
    if (expr.kind == ExprKind::kSubquery) value.add(subquery_value(expr));
    if (!values_.is_total(id)) value.partial |= value.reach;
    if (values_.aggregates(expr)) {
      aggregate_[id] = true;
      const Bits settled = ~own(expr.query);
      value.reach &= settled;
      value.partial &= settled;
    }
    value_[id] = value;
  }

  void follow(Id id) {
    const Query& query = plan_.query(id);
    const std::vector<Id>& exprs = plan_.exprs_of_query[id];
    for (auto expr = exprs.rbegin(); expr != exprs.rend(); ++expr) judge(*expr);

    for (const Id child : children_[id]) {
      if (plan_.query(child).role == QueryRole::kExpression) continue;
      outer_[id].reach |= outer_[child].reach & ~own(id);
      outer_[id].partial |= outer_[child].partial & ~own(id);
      predicate(id, lateral_[child]);
    }
    for (const Id expr : exprs) {
      if (plan_.expr(expr).parent != kNone) continue;
      const Value& value = value_[expr];
      outer_[id].reach |= value.reach & ~own(id);
      outer_[id].partial |= value.partial & ~own(id);
      switch (plan_.expr(expr).clause) {
        case Clause::kOutput:
        case Clause::kValues:
        case Clause::kGroupBy:
        case Clause::kWindow:
        case Clause::kOrderBy:
        case Clause::kDistinctOn:
        case Clause::kSet:
        case Clause::kReturning:
        case Clause::kUtility:
          break;  // evaluated behind the filters
        case Clause::kLimit:
          outer_[id].partial |= value.reach & ~own(id);
          break;
        case Clause::kFrom:
          if (const auto joins = joins_.find(id); joins != joins_.end())
            predicate(id, value.partial & joins->second);
          break;
        case Clause::kWhere:
          break;
        case Clause::kHaving:
          for (const Id part : plan_.conjuncts(expr)) {
            // Without an aggregate it becomes part of WHERE.
            if (!aggregate_[part]) predicate(id, value_[part].partial);
          }
          break;
        case Clause::kOn:
        case Clause::kConflict:
        case Clause::kMerge:
          predicate(id, value.partial);
          break;
      }
    }
    for (const Id part : plan_.conjuncts(query.where)) condition(id, part);
    for (const Id item : plan_.items_of_query[id]) {
      const parser::FromItem& from = plan_.item(item);
      if (from.kind == FromKind::kJoin && (from.natural || from.has_using)) join_by_name(id, item);
      Value call;
      for (std::uint32_t i = 0; i < from.exprs.count; ++i) call.add(value_[from.exprs.first + i]);
      calls_[item] = {call.reach, 0};
    }
    find_outputs(id);
  }

  // Columns that are joined by their names are predicates, too.
  void join_by_name(Id query, Id join) {
    for (const Id leaf : plan_.leaves(join)) {
      std::string_view type;
      const Id from = query_of(leaf);
      if (from == kNone) {
        if (plan_.resolution.items[leaf].relation != nullptr)
          predicate(query, item_value(leaf, {}, type).partial);
        continue;
      }
      const auto names = plan_.facts.at(plan_.item(join).using_columns);
      const auto& outputs = plan_.resolution.outputs[from];
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (!plan_.item(join).natural && plan_.item(leaf).column_aliases.count == 0 &&
            std::find(names.begin(), names.end(), outputs[i]) == names.end()) {
          continue;
        }
        predicate(query, item_value(leaf, static_cast<std::uint16_t>(i), type).partial);
      }
    }
  }

  void find_outputs(Id id) {
    const Query& query = plan_.query(id);
    Outputs& result = outputs_[id];
    const auto push = [&result](const Value& value, std::string_view type) {
      result.all.add(value);
      result.columns.push_back(value);
      result.types.push_back(type);
    };
    switch (query.kind) {
      case QueryKind::kSelect:
        for (std::uint32_t i = 0; i < query.outputs.count; ++i) {
          const Id expr = plan_.facts.targets[query.outputs.first + i].expr;
          if (!push_star(expr, push)) push(value_[expr], values_.type(expr));
        }
        break;
      case QueryKind::kValues:
        for (std::uint32_t i = 0; i < query.values.count; ++i) result.all.add(value_[query.values.first + i]);
        break;
      case QueryKind::kSetOperation: {
        const Outputs& left = outputs_[query.left];
        const Outputs& right = outputs_[query.right];
        result.all.add(left.all);
        result.all.add(right.all);
        if (left.columns.size() != right.columns.size()) break;
        for (std::size_t i = 0; i < left.columns.size(); ++i) {
          Value value = left.columns[i];
          value.add(right.columns[i]);
          push(value, left.types[i] == right.types[i] ? left.types[i] : std::string_view());
        }
        break;
      }
      default:
        break;  // what writes has written before its rows are read
    }
    // Where stars of unknown width stand, the columns can't be counted.
    if (result.columns.size() != plan_.resolution.outputs[id].size()) {
      result.columns.clear();
      result.types.clear();
    }
    const bool recursive = query.role == QueryRole::kCte && query.kind == QueryKind::kSetOperation &&
                           plan_.query(query.parent).recursive && refers_to_itself(id);
    if (recursive) {  // evaluated whole before anything is asked of it
      result = {};
      result.types.resize(plan_.resolution.outputs[id].size());
      result.columns.resize(plan_.resolution.outputs[id].size());
    }
  }

  bool refers_to_itself(Id id) const {
    const auto uses = cte_uses();
    const auto found = uses.find(id);
    return found != uses.end() && std::any_of(found->second.begin(), found->second.end(),
                                              [&](Id item) { return is_within(plan_.item(item).query, id); });
  }

  std::map<Id, std::vector<Id>> cte_uses() const {
    std::map<Id, std::vector<Id>> uses;
    for (Id item = 0; item < plan_.items.size(); ++item) {
      const Id cte = plan_.resolution.items[item].cte;
      if (cte != kNone) uses[plan_.facts.ctes[cte].query].push_back(item);
    }
    return uses;
  }

  // A star in a select list, column by column; false: it is none.
  template <class Push>
  bool push_star(Id expr, const Push& push) {
    const ColumnBinding& bound = plan_.binding(expr);
    if (!plan_.expr(expr).has(parser::flag::kStar) || plan_.expr(expr).kind != ExprKind::kColumn)
      return false;
    std::vector<Id> items;
    if (bound.kind == Kind::kWholeRow) {
      items = plan_.leaves(bound.item);
    } else {
      const Query& query = plan_.query(plan_.expr(expr).query);
      for (std::uint32_t i = 0; i < query.from.count; ++i) {
        const auto more = plan_.leaves(query.from.first + i);
        items.insert(items.end(), more.begin(), more.end());
      }
    }
    for (const Id item : items) {
      std::string_view type;
      const Relation* relation = plan_.resolution.items[item].relation;
      if (relation != nullptr) {
        for (std::uint16_t column = 0; column < relation->columns.size(); ++column) {
          if (plan_.items[item].read != nullptr && !plan_.items[item].shows(column)) continue;
          const Value value = item_value(item, column, type);
          push(value, type);
        }
        continue;
      }
      const Id from = query_of(item);
      const std::size_t width = from == kNone ? 1 : plan_.resolution.outputs[from].size();
      for (std::size_t column = 0; column < width; ++column) {
        const Value value = item_value(item, static_cast<std::uint16_t>(column), type);
        push(value, type);
      }
    }
    return true;
  }

  // What a predicate of `query` that can't be guarded applies partial operations to.
  void predicate(Id query, Bits partial) {
    if (partial == 0) return;
    const Bits above = partial & ancestors_[query] & ~direct_[query];
    fence(query, partial & (level_[query] | ~ancestors_[query]));
    outer_[query].partial |= above;
    // Behind FROM or WITH there is no expression around it that could be guarded.
    if (plan_.query(query).role != QueryRole::kExpression) lateral_[query] |= above;
  }

  void fence(Id query, Bits bits) {
    const auto found = items_of_statement_.find(plan_.query(query).statement);
    if (bits == 0 || found == items_of_statement_.end()) return;
    for (const Id item : found->second) {
      if ((bits & bit_[item]) != 0) fenced_[item] = true;
    }
  }

  void condition(Id query, Id conjunct) {
    const Bits partial = value_[conjunct].partial;
    if (partial == 0) return;
    std::vector<Id> guarded;
    for (const Id item : items_of_statement_[plan_.query(query).statement]) {
      if ((partial & direct_[query] & bit_[item]) != 0) guarded.push_back(item);
    }
    predicate(query, partial & ~direct_[query]);
    if (!guarded.empty()) guards_.push_back({conjunct, std::move(guarded)});
  }

  // Guards where they can be said, fences where not.
  void finish() {
    std::vector<Guard> guards;
    for (Guard& guard : guards_) {
      const bool alone = guard.items.size() == 1 && can_move(guard.conjunct, guard.items.front());
      std::vector<Id> named;
      for (const Id item : guard.items) {
        if (fenced_[item]) continue;
        if (can_guard(item)) {
          named.push_back(item);
        } else if (alone) {
          moved_[item].push_back(guard.conjunct);
        } else {
          fenced_[item] = true;
        }
      }
      guard.items = std::move(named);
    }
    for (Guard& guard : guards_) {
      std::erase_if(guard.items, [this](Id item) { return fenced_[item]; });
      if (!guard.items.empty()) plan_.result.guards.push_back(std::move(guard));
    }
    for (Id item = 0; item < plan_.items.size(); ++item) {
      if (fenced_[item]) {
        put_fence(item);
      } else if (const auto moved = moved_.find(item); moved != moved_.end()) {
        plan_.result.wrappers[plan_.items[item].wrapper].moved_conjuncts = moved->second;
      }
    }
  }

  // Whether an outer join could put NULLs in place of the item's row.
  bool is_nullable(Id item) const {
    for (Id below = item, join = plan_.item(item).parent; join != kNone;
         below = join, join = plan_.item(join).parent) {
      const parser::FromItem& from = plan_.item(join);
      if (from.join == JoinKind::kFull || (from.join == JoinKind::kLeft && from.right == below) ||
          (from.join == JoinKind::kRight && from.left == below)) {
        return true;
      }
    }
    return false;
  }

  bool is_behind_alias(Id item) const {
    for (Id join = plan_.item(item).parent; join != kNone; join = plan_.item(join).parent) {
      if (!plan_.item(join).alias.empty()) return true;
    }
    return false;
  }

  // Whether the item's filter can be said in its query's WHERE.
  bool can_guard(Id item) const {
    if (plan_.items[item].target) return true;
    const Expression& filter = plan_.items[item].rows->expression;
    const bool shown = std::all_of(filter.columns.begin(), filter.columns.end(), [&](std::uint16_t column) {
      return plan_.items[item].shows(column) && plan_.items[item].mask(column) == nullptr;
    });
    return shown && !filter.has_subquery && !is_nullable(item) && !is_behind_alias(item);
  }

  // Whether a conjunct can stand inside the item's wrapper: it names plain columns of the item alone.
  bool can_move(Id conjunct, Id item) const {
    if (plan_.items[item].target || is_nullable(item) || plan_.item(item).column_aliases.count != 0 ||
        has_subquery(item)) {
      return false;
    }
    return mentions_only(conjunct, item);
  }

  bool has_subquery(Id item) const {
    const ReadRule& read = *plan_.items[item].read;
    return (read.rows && read.rows->expression.has_subquery) ||
           std::any_of(read.masks.begin(), read.masks.end(),
                       [](const auto& mask) { return mask.second.expression.has_subquery; });
  }

  bool mentions_only(Id conjunct, Id item) const {
    std::vector<Id> open = {conjunct};
    while (!open.empty()) {
      const Id id = open.back();
      open.pop_back();
      const Expr& expr = plan_.expr(id);
      if (expr.kind == ExprKind::kSubquery) return false;
      if (expr.kind == ExprKind::kColumn) {
        const ColumnBinding& bound = plan_.binding(id);
        if (bound.kind != Kind::kRelation || bound.item != item || expr.names.count > 2 ||
            plan_.items[item].mask(bound.column) != nullptr) {
          return false;
        }
      }
      for (std::uint32_t i = 0; i < expr.children.count; ++i) open.push_back(expr.children.first + i);
      for (std::uint32_t i = 0; i < expr.extra.count; ++i) open.push_back(expr.extra.first + i);
    }
    return true;
  }

  void put_fence(Id item) {
    if (plan_.denied()) return;
    const Id query = plan_.item(item).query;
    if (plan_.items[item].target) {
      return plan_.deny("use this expression in a write to {}, of which it sees some rows", item, kNone,
                        "read.rows", "Put it into the WHERE of the statement itself.");
    }
    for (Id at = query; at != kNone; at = plan_.query(at).parent) {
      if (plan_.query(at).lock != parser::LockStrength::kUnlocked) {
        return plan_.deny("lock rows beside an expression that could fail on rows it does not see", item,
                          kNone, "read.rows",
                          "Leave FOR UPDATE out, or move arithmetic and casts into the WHERE.");
      }
    }
    Wrapper& wrapper = plan_.result.wrappers[plan_.items[item].wrapper];
    wrapper.fence = true;
    if (has_subquery(item) || plan_.item(item).column_aliases.count != 0) return;
    for (const Id conjunct : plan_.conjuncts(plan_.query(query).where)) {
      if (is_sargable(conjunct, item)) wrapper.copied_conjuncts.push_back(conjunct);
    }
  }

  // column = value, with a total strict operator and without any other column.
  bool is_sargable(Id conjunct, Id item) const {
    const Expr& expr = plan_.expr(conjunct);
    if (expr.kind != ExprKind::kOperator || value_[conjunct].partial != 0 || !mentions_only(conjunct, item)) {
      return false;
    }
    static constexpr std::string_view kStrict[] = {"=", "<", ">", "<=", ">="};
    const std::string_view name = plan_.facts.at(expr.names).back();
    const bool strict = std::find(std::begin(kStrict), std::end(kStrict), name) != std::end(kStrict);
    if (!(expr.form == Form::kPlain && strict && expr.children.count == 2) && expr.form != Form::kIn)
      return false;
    bool total = true;
    for (std::uint32_t i = 0; i < expr.children.count; ++i) {
      const Expr* operand = &plan_.expr(expr.children.first + i);
      if (operand->kind == ExprKind::kCast && operand->children.count == 1) {
        operand = &plan_.expr(operand->children.first);
        if (operand->kind == ExprKind::kColumn) return false;
      }
      total &= operand->kind == ExprKind::kColumn || operand->kind == ExprKind::kConstant ||
               operand->kind == ExprKind::kParameter;
    }
    return total;
  }

  Plan& plan_;
  Values values_;
  std::vector<Value> value_;  // by expr
  std::vector<Bits> bit_;     // by item
  std::map<Id, std::vector<Id>> items_of_statement_;
  std::map<Id, Bits> joins_;  // by query: items whose filter has a subquery
  std::vector<Id> order_;
  std::vector<std::vector<Id>> children_;
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
  std::map<Id, std::vector<Id>> moved_;
};

}  // namespace

void plan_predicates(Plan& plan) {
  Predicates(plan).run();
}

}  // namespace chaperone::rules
