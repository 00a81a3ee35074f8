#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "rules/builtin/builtin.hpp"
#include "rules/evaluate/evaluation.hpp"

// Values of regclass, regtype and the like are shown by names. Where PostgreSQL finds one type for several
// expressions (parse_coerce.c, select_common_type, and polymorphic arguments), a bare number or text beside
// such a value becomes one, too, and would be shown by the name of whatever it numbers, hidden or not.
namespace chaperone::rules {

using parser::Expr;
using parser::ExprKind;
using parser::FromItem;
using parser::FromKind;
using parser::Id;
using parser::kNone;
using parser::Query;
using parser::QueryKind;

using Kind = ColumnBinding::Kind;

namespace {

constexpr std::size_t kMostVisits = 100'000;
constexpr int kMostDepth = 500;

/// Also arrays of it.
bool is_named_number(std::string_view type) {
  if (type.starts_with('_')) type.remove_prefix(1);
  return type == "regclass" || type == "regtype" || type == "regproc" || type == "regprocedure" ||
         type == "regnamespace";
}

/// Of a parameter or result that stands for one type with others. "any" takes each as it is.
bool is_polymorphic(std::string_view type) {
  return type.starts_with("any") && type != "any";
}

bool has_named_number(const Column& column) {
  return is_named_number(column.type.name);
}

bool gives_named_number(const BuiltinFunction& function) {
  return is_named_number(function.result) || std::ranges::any_of(function.columns, [](const auto& column) {
           return is_named_number(column.type);
         });
}

class NamedNumbers {
 public:
  NamedNumbers(const parser::Facts& facts, const Resolution& resolution,
               std::function<bool(Id)> is_of_catalog)
      : facts_(facts),
        resolution_(resolution),
        is_of_catalog_(std::move(is_of_catalog)),
        state_(facts.exprs.size()) {}

  /// Where in the text one would be made; nothing: nowhere.
  std::optional<std::uint32_t> find() {
    if (!has_source()) return std::nullopt;
    for (const Expr& expr : facts_.exprs) {
      if (const Id wrong = find_in_expression(expr); wrong != kNone) return facts_.exprs[wrong].offset;
    }
    for (Id query = 0; query < facts_.queries.size(); ++query) {
      if (const Id wrong = find_in_query(query); wrong != kNone) return facts_.exprs[wrong].offset;
    }
    for (const FromItem& item : facts_.from_items) {
      if (item.kind == FromKind::kJoin && (item.has_using || item.natural) && merges(item))
        return item.offset;
    }
    return std::nullopt;
  }

 private:
  enum class State : std::uint8_t { kNew, kBusy, kNo, kYes };

  /// Whether there is such a value at all: in most texts there is none.
  bool has_source() const {
    return std::ranges::any_of(facts_.types,
                               [&](const parser::TypeUse& type) {
                                 return type.names.count > 0 && is_named_number(facts_.at(type.names).back());
                               }) ||
           std::ranges::any_of(resolution_.items,
                               [](const RelationBinding& item) {
                                 return item.relation != nullptr &&
                                        std::ranges::any_of(item.relation->columns, has_named_number);
                               }) ||
           std::ranges::any_of(facts_.exprs, [&](const Expr& expr) {
             return expr.kind == ExprKind::kFunction &&
                    std::ranges::any_of(builtin().find_functions(facts_.at(expr.names).back()),
                                        gives_named_number);
           });
  }

  bool any_of(parser::Range range) {
    bool found = false;
    for (Id id = range.first; id < range.first + range.count; ++id) found = may_be(id) || found;
    return found;
  }

  /// Whether the expression may be such a value, an array of them or a row with one.
  bool may_be(Id id) {
    if (state_[id] != State::kNew) return state_[id] == State::kYes;
    if (depth_ > kMostDepth) return true;
    state_[id] = State::kBusy;
    ++depth_;
    const bool yes = look_at(id);
    --depth_;
    state_[id] = yes ? State::kYes : State::kNo;
    return yes;
  }

  bool look_at(Id id) {
    const Expr& expr = facts_.exprs[id];
    switch (expr.kind) {
      case ExprKind::kCast: {
        const auto names = facts_.at(facts_.types[expr.type].names);
        return !names.empty() && is_named_number(names.back());
      }
      case ExprKind::kFunction:
        return call_gives(expr);
      case ExprKind::kColumn:
        return column_is(resolution_.columns[id]);
      case ExprKind::kSubquery:
        return (expr.form == parser::Form::kScalar || expr.form == parser::Form::kArray) &&
               output_is(expr.subquery, 0);
      case ExprKind::kCase: {
        const std::vector<Id> results = results_of(expr);
        return std::ranges::any_of(results, [&](Id result) { return may_be(result); });
      }
      case ExprKind::kCoalesce:
      case ExprKind::kMinMax:
      case ExprKind::kArray:
      case ExprKind::kRow:
      case ExprKind::kNamedArgument:
        return any_of(expr.children);
      case ExprKind::kSubscript:
      case ExprKind::kField:
      case ExprKind::kCollate:
        return may_be(expr.children.first);
      case ExprKind::kOperator:
        return (expr.form == parser::Form::kNullIf || joins_arrays(expr)) && any_of(expr.children);
      default:
        return false;
    }
  }

  bool call_gives(const Expr& call) {
    for (const BuiltinFunction& function : builtin().find_functions(facts_.at(call.names).back())) {
      if (gives_named_number(function)) return true;
      if ((is_polymorphic(function.result) || function.result == "record") && any_of(call.children))
        return true;
    }
    return false;
  }

  bool column_is(const ColumnBinding& bound) {
    if (bound.item == kNone) return false;
    const bool whole =
        bound.kind == Kind::kWholeRow || bound.kind == Kind::kFunctionCall || bound.column == kUnknownColumn;
    const bool one = bound.kind == Kind::kRelation || bound.kind == Kind::kDerived;
    return (whole || one) && item_has(bound.item, whole ? kUnknownColumn : bound.column);
  }

  /// Whether that column of the item, or any of it, may be such a value.
  bool item_has(Id id, std::size_t column) {
    const FromItem& item = facts_.from_items[id];
    if (const Relation* relation = resolution_.items[id].relation; relation != nullptr) {
      if (column < relation->columns.size()) return has_named_number(relation->columns[column]);
      return std::ranges::any_of(relation->columns, has_named_number);
    }
    if (item.kind == FromKind::kJoin) {
      std::vector<Id> open = {item.left, item.right};
      while (!open.empty()) {
        const Id leaf = open.back();
        open.pop_back();
        if (facts_.from_items[leaf].kind != FromKind::kJoin) {
          if (item_has(leaf, kUnknownColumn)) return true;
          continue;
        }
        open.push_back(facts_.from_items[leaf].left);
        open.push_back(facts_.from_items[leaf].right);
      }
      return false;
    }
    if (item.kind == FromKind::kFunction) return any_of(item.exprs);
    const Id query = query_of(id);
    return query != kNone && output_is(query, column);
  }

  Id query_of(Id item) const {
    const Id cte = resolution_.items[item].cte;
    return cte != kNone ? facts_.ctes[cte].query : facts_.from_items[item].subquery;
  }

  static parser::Range targets_of(const Query& query) {
    return query.kind == QueryKind::kSelect ? query.outputs : query.returning;
  }

  bool is_star(Id id) const {
    return facts_.exprs[id].has(parser::flag::kStar) && facts_.exprs[id].kind != ExprKind::kFunction;
  }

  bool has_star(parser::Range targets) const {
    for (Id i = targets.first; i < targets.first + targets.count; ++i) {
      if (is_star(facts_.targets[i].expr)) return true;
    }
    return false;
  }

  /// The same of an output column of a query; kUnknownColumn: of any.
  bool output_is(Id id, std::size_t column) {
    if (++visits_ > kMostVisits) return true;
    const Query& query = facts_.queries[id];
    if (query.kind == QueryKind::kSetOperation)
      return output_is(query.left, column) || output_is(query.right, column);
    bool found = false;
    if (query.kind == QueryKind::kValues) {
      for (Id row = query.values.first; row < query.values.first + query.values.count; ++row) {
        const parser::Range values = facts_.exprs[row].children;
        if (column < values.count) found = may_be(values.first + static_cast<Id>(column)) || found;
        if (column >= values.count) found = any_of(values) || found;
      }
      return found;
    }
    const parser::Range targets = targets_of(query);
    if (!has_star(targets) && column != kUnknownColumn)
      return column < targets.count && may_be(facts_.targets[targets.first + static_cast<Id>(column)].expr);
    for (Id i = targets.first; i < targets.first + targets.count; ++i) {
      const Id expr = facts_.targets[i].expr;
      const bool star = resolution_.columns[expr].kind == Kind::kStar;
      for (Id item = query.from.first; star && item < query.from.first + query.from.count; ++item)
        found = item_has(item, kUnknownColumn) || found;
      found = may_be(expr) || found;
    }
    return found;
  }

  /// What may stand beside one: others, NULL, and numbers and names that a catalog shows.
  bool may_stand_beside(Id id) {
    const Expr& expr = facts_.exprs[id];
    if (expr.kind == ExprKind::kConstant && expr.constant == parser::ConstantKind::kNull) return true;
    return may_be(id) || is_of_catalog_(id);
  }

  Id find_beside(const std::vector<Id>& operands) {
    const auto wrong =
        std::ranges::find_if(operands, [&](Id id) { return !is_star(id) && !may_stand_beside(id); });
    return wrong == operands.end() ? kNone : *wrong;
  }

  Id find_among(const std::vector<Id>& operands) {
    const bool any = std::ranges::any_of(operands, [&](Id id) { return may_be(id); });
    return any ? find_beside(operands) : kNone;
  }

  /// Of a CASE.
  static std::vector<Id> results_of(const Expr& expr) {
    std::vector<Id> results;
    const Id end = expr.children.first + expr.children.count;
    Id id = expr.children.first + (expr.has(parser::flag::kHasArgument) ? 1 : 0);
    for (; id + 1 < end; id += 2) results.push_back(id + 1);
    if (id < end) results.push_back(id);
    return results;
  }

  Id find_in_expression(const Expr& expr) {
    std::vector<Id> operands;
    const Id end = expr.children.first + expr.children.count;
    switch (expr.kind) {
      case ExprKind::kCoalesce:
      case ExprKind::kMinMax:
      case ExprKind::kArray:
        for (Id id = expr.children.first; id < end; ++id) operands.push_back(id);
        return find_among(operands);
      case ExprKind::kCase:
        return find_among(results_of(expr));
      case ExprKind::kOperator:
        return joins_arrays(expr) ? find_among({expr.children.first, expr.children.first + 1}) : kNone;
      case ExprKind::kFunction:
        return find_in_call(expr);
      default:
        return kNone;
    }
  }

  /// With text || gives text.
  bool joins_arrays(const Expr& expr) {
    return facts_.at(expr.names).back() == "||" && expr.children.count == 2 &&
           (is_array(expr.children.first) || is_array(expr.children.first + 1));
  }

  /// Whether it is one as it is written, or where it comes from.
  bool is_array(Id id) {
    if (depth_ > kMostDepth) return true;
    ++depth_;
    const bool yes = is_written_as_array(id);
    --depth_;
    return yes;
  }

  bool is_written_as_array(Id id) {
    const Expr& expr = facts_.exprs[id];
    switch (expr.kind) {
      case ExprKind::kArray:
        return true;
      case ExprKind::kSubquery:
        return expr.form == parser::Form::kArray;
      case ExprKind::kFunction:
        return std::ranges::any_of(
            builtin().find_functions(facts_.at(expr.names).back()), [](const auto& function) {
              return function.result.starts_with('_') ||
                     (is_polymorphic(function.result) && function.result.ends_with("array"));
            });
      case ExprKind::kOperator:
        return joins_arrays(expr);
      case ExprKind::kColumn: {
        const ColumnBinding& bound = resolution_.columns[id];
        if (bound.kind != Kind::kDerived || bound.item == kNone) return false;
        const Id query = query_of(bound.item);
        if (query == kNone || facts_.queries[query].kind != QueryKind::kSelect) return query != kNone;
        const parser::Range targets = facts_.queries[query].outputs;
        return has_star(targets) ||
               (bound.column < targets.count && is_array(facts_.targets[targets.first + bound.column].expr));
      }
      default:
        return false;
    }
  }

  Id find_in_call(const Expr& call) {
    const std::string_view name = facts_.at(call.names).back();
    // What it puts into the row is in its other argument.
    if (name.find("_populate_record") != std::string_view::npos && call.children.count > 0)
      return may_be(call.children.first) ? call.children.first : kNone;
    for (const BuiltinFunction& function : builtin().find_functions(name)) {
      std::vector<Id> operands;
      for (Id i = 0; i < call.children.count; ++i) {
        const bool named = facts_.exprs[call.children.first + i].kind == ExprKind::kNamedArgument;
        const bool one_of_them = i < function.arguments.size() && is_polymorphic(function.arguments[i]);
        if (named || one_of_them) operands.push_back(call.children.first + i);
      }
      if (operands.size() < 2) continue;
      if (const Id wrong = find_among(operands); wrong != kNone) return wrong;
    }
    return kNone;
  }

  /// The expressions in a column of a VALUES or of a select list.
  void add_operands(const Query& query, std::uint32_t column, std::vector<Id>& operands) const {
    if (query.kind == QueryKind::kValues) {
      for (Id row = query.values.first; row < query.values.first + query.values.count; ++row) {
        const parser::Range values = facts_.exprs[row].children;
        if (column < values.count) operands.push_back(values.first + column);
      }
    } else if (column < targets_of(query).count) {
      operands.push_back(facts_.targets[targets_of(query).first + column].expr);
    }
  }

  std::uint32_t width_of(const Query& query) const {
    if (query.kind != QueryKind::kValues) return targets_of(query).count;
    return query.values.count == 0 ? 0 : facts_.exprs[query.values.first].children.count;
  }

  /// Columns of VALUES and of set operations.
  Id find_in_query(Id id) {
    const Query& query = facts_.queries[id];
    if (query.kind != QueryKind::kValues && query.kind != QueryKind::kSetOperation) return kNone;
    std::vector<const Query*> arms;
    std::vector<Id> open = {id};
    std::uint32_t width = 0;
    bool counted = true;
    while (!open.empty() && ++visits_ <= kMostVisits) {
      const Query& arm = facts_.queries[open.back()];
      open.pop_back();
      if (arm.kind == QueryKind::kSetOperation) {
        open.insert(open.end(), {arm.left, arm.right});
        continue;
      }
      arms.push_back(&arm);
      width = std::max(width, width_of(arm));
      counted = counted && (arm.kind == QueryKind::kValues || !has_star(targets_of(arm)));
    }
    // Behind a star columns can't be told apart: then all of them are one.
    const bool any = !counted && output_is(id, kUnknownColumn);
    for (std::uint32_t column = 0; column < width; ++column) {
      std::vector<Id> operands;
      for (const Query* arm : arms) add_operands(*arm, column, operands);
      const Id wrong = counted ? find_among(operands) : any ? find_beside(operands) : kNone;
      if (wrong != kNone) return wrong;
    }
    return kNone;
  }

  /// The columns of an arm of a join, and whether they may hold such values.
  void columns_of(Id item, std::map<std::string_view, bool>& columns) {
    std::vector<Id> open = {item};
    while (!open.empty()) {
      const Id id = open.back();
      open.pop_back();
      const FromItem& from = facts_.from_items[id];
      const Relation* relation = resolution_.items[id].relation;
      if (from.kind == FromKind::kJoin) {
        open.push_back(from.left);
        open.push_back(from.right);
      } else if (from.column_aliases.count > 0) {
        const bool any = item_has(id, kUnknownColumn);
        for (const std::string_view name : facts_.at(from.column_aliases)) columns[name] |= any;
      } else if (relation != nullptr) {
        for (const Column& column : relation->columns) columns[column.name] |= has_named_number(column);
      } else if (const Id query = query_of(id); query != kNone) {
        const auto& names = resolution_.outputs[query];
        for (std::size_t i = 0; i < names.size(); ++i) columns[names[i]] |= output_is(query, i);
      }
    }
  }

  /// Whether a join by names makes one column of such a value and another.
  bool merges(const FromItem& join) {
    std::map<std::string_view, bool> left, right;
    columns_of(join.left, left);
    columns_of(join.right, right);
    const auto names = facts_.at(join.using_columns);
    return std::ranges::any_of(left, [&](const auto& column) {
      const bool joined = join.natural || std::ranges::find(names, column.first) != names.end();
      const auto other = right.find(column.first);
      return joined && other != right.end() && other->second != column.second;
    });
  }

  const parser::Facts& facts_;
  const Resolution& resolution_;
  std::function<bool(Id)> is_of_catalog_;
  std::vector<State> state_;
  std::size_t visits_ = 0;
  int depth_ = 0;
};

}  // namespace

void Evaluation::check_named_numbers() {
  NamedNumbers numbers(facts_, resolution_, [this](Id id) { return is_of_catalog(id, 0); });
  if (const auto offset = numbers.find()) {
    deny("types",
         "may not put a number or text beside a value of regclass, regtype or the like, where both get one "
         "type: it "
         "would be shown by a name",
         *offset, "Cast both to text.");
  }
}

}  // namespace chaperone::rules
