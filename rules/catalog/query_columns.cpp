#include "rules/catalog/query_columns.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "parser/output_name.hpp"
#include "rules/catalog/query_types.hpp"

namespace chaperone::rules {
namespace {

using parser::Expr;
using parser::ExprKind;
using parser::Facts;
using parser::Form;
using parser::FromItem;
using parser::FromKind;
using parser::Id;
using parser::kNone;
using parser::Query;
using parser::QueryKind;
using parser::Range;

/// Beyond what is written by hand or by tools; each level costs some hundred bytes of stack.
constexpr int kMaxDepth = 300;

class Reader {
 public:
  Reader(const Facts& facts, const QueryContext& context)
      : facts_(facts), context_(context), queries_(facts.queries.size()), items_(facts.from_items.size()) {}

  std::optional<std::vector<Column>> read(Id query) {
    std::vector<Column> columns = query_columns(query);
    // In a view a constant of no type is a text.
    for (Column& column : columns) {
      if (is_unknown_literal(column.type)) column.type = pg_type("text");
    }
    if (uncertain_) return {};
    return columns;
  }

 private:
  using Columns = std::vector<Column>;
  struct Memo {
    enum class State { kNew, kBusy, kReady } state = State::kNew;
    bool recursive = false;  ///< it refers to itself
    Columns columns;
  };
  class Deeper {
   public:
    explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;

   private:
    int& depth_;
  };

  bool too_deep() {
    if (depth_ < kMaxDepth) return false;
    uncertain_ = true;
    return true;
  }

  const Columns& query_columns(Id id) {
    Memo& memo = queries_[id];
    if (memo.state == Memo::State::kReady || too_deep()) return memo.columns;
    const Query& query = facts_.queries[id];
    if (memo.state == Memo::State::kBusy) {
      // A recursive reference has the columns of the part that is not recursive.
      const bool recursive = query.kind == QueryKind::kSetOperation;
      memo.recursive = true;
      if (recursive && queries_[query.left].state != Memo::State::kBusy) return query_columns(query.left);
      uncertain_ = true;
      return memo.columns;
    }
    memo.state = Memo::State::kBusy;
    const Deeper deeper(depth_);
    memo.columns = make_query_columns(query);
    if (memo.recursive) memo.columns = query_columns(query.left);
    memo.state = Memo::State::kReady;
    return memo.columns;
  }

  Columns make_query_columns(const Query& query) {
    switch (query.kind) {
      case QueryKind::kSetOperation: {
        Columns columns = query_columns(query.left);
        const Columns& right = query_columns(query.right);
        for (std::size_t i = 0; i < columns.size() && i < right.size(); ++i) {
          columns[i].type = common_type(columns[i].type, right[i].type);
        }
        return columns;
      }
      case QueryKind::kValues:
        return values_columns(query);
      case QueryKind::kSelect:
        return target_columns(query, query.outputs);
      default:
        return target_columns(query, query.returning);
    }
  }

  Columns values_columns(const Query& query) {
    Columns columns;
    for (Id row = query.values.first; row < query.values.first + query.values.count; ++row) {
      const Range cells = facts_.exprs[row].children;
      for (std::uint32_t i = 0; i < cells.count; ++i) {
        const TypeName type = type_of(cells.first + i);
        if (row == query.values.first) {
          columns.push_back(column(fmt::format("column{}", i + 1), type));
        } else if (i < columns.size()) {
          columns[i].type = common_type(columns[i].type, type);
        }
      }
    }
    return columns;
  }

  Columns target_columns(const Query& query, Range targets) {
    Columns columns;
    for (Id i = targets.first; i < targets.first + targets.count; ++i) {
      const parser::Target& target = facts_.targets[i];
      const Expr& expr = facts_.exprs[target.expr];
      const bool star = expr.has(parser::flag::kStar);
      if (star && expr.kind == ExprKind::kColumn) {
        add_star(query, expr, columns);
      } else if (star && expr.kind == ExprKind::kField) {
        uncertain_ = true;
      } else {
        std::string_view name = target.name.empty() ? output_name(target.expr) : target.name;
        columns.push_back(column(name.empty() ? "?column?" : name, type_of(target.expr)));
      }
    }
    return columns;
  }

  std::string_view output_name(Id expr) {
    const std::string_view name = parser::output_name(facts_, expr);
    const Expr& e = facts_.exprs[expr];
    if (!name.empty() || e.kind != ExprKind::kSubquery || e.form != Form::kScalar) return name;
    const Columns& columns = query_columns(e.subquery);
    return columns.empty() ? name : std::string_view(columns.front().name);
  }

  static Column column(std::string_view name, TypeName type) {
    Column out;
    out.name = name;
    out.type = std::move(type);
    return out;
  }

  void add_star(const Query& query, const Expr& expr, Columns& columns) {
    const auto names = facts_.at(expr.names);
    if (names.empty()) {
      if (query.target != kNone) expand(query.target, columns);
      for (Id i = query.from.first; i < query.from.first + query.from.count; ++i) expand(i, columns);
      return;
    }
    const Id item =
        find_item(query, names.size() > 1 ? names[names.size() - 2] : std::string_view(), names.back());
    if (item == kNone) {
      uncertain_ = true;
    } else {
      expand(item, columns);
    }
  }

  /// What `*` shows of a FROM item.
  void expand(Id id, Columns& columns) {
    const Columns& own = item_columns(id);
    columns.insert(columns.end(), own.begin(), own.end());
  }

  const Columns& item_columns(Id id) {
    Memo& memo = items_[id];
    if (memo.state == Memo::State::kReady || too_deep()) return memo.columns;
    if (memo.state == Memo::State::kBusy) {
      uncertain_ = true;
      return memo.columns;
    }
    memo.state = Memo::State::kBusy;
    const Deeper deeper(depth_);
    Columns columns = make_item_columns(id);
    const FromItem& item = facts_.from_items[id];
    rename(item.column_aliases, columns);
    memo.columns = std::move(columns);
    memo.state = Memo::State::kReady;
    return memo.columns;
  }

  void rename(Range aliases, Columns& columns) const {
    const auto names = facts_.at(aliases);
    for (std::size_t i = 0; i < names.size() && i < columns.size(); ++i) columns[i].name = names[i];
  }

  Columns make_item_columns(Id id) {
    const FromItem& item = facts_.from_items[id];
    switch (item.kind) {
      case FromKind::kRelation:
        return relation_columns(item);
      case FromKind::kSubquery:
        return query_columns(item.subquery);
      case FromKind::kFunction:
        return function_columns(item);
      case FromKind::kTableFunction:
        return typed_columns(item);
      case FromKind::kJoin:
        return join_columns(item);
    }
    return {};
  }

  Columns relation_columns(const FromItem& item) {
    const auto names = facts_.at(item.names);
    if (names.size() == 1) {
      if (const Id cte = find_cte(item.query, names[0]); cte != kNone) {
        Columns columns = query_columns(facts_.ctes[cte].query);
        rename(facts_.ctes[cte].column_aliases, columns);
        for (const std::string_view name : facts_.at(facts_.ctes[cte].added_columns)) {
          columns.push_back(column(name, {}));
        }
        return columns;
      }
    }
    auto columns =
        context_.relation(names.size() > 1 ? names[names.size() - 2] : std::string_view(), names.back());
    if (!columns) uncertain_ = true;
    return columns.value_or(Columns());
  }

  /// A WITH is visible in its query and below; without RECURSIVE an item is not in itself or in front of it.
  Id find_cte(Id from, std::string_view name) const {
    Id below = kNone;
    for (Id q = from; q != kNone; below = q, q = facts_.queries[q].parent) {
      const Query& query = facts_.queries[q];
      for (Id i = query.ctes.first; i < query.ctes.first + query.ctes.count; ++i) {
        const bool inside = below != kNone && facts_.ctes[i].query == below;
        if (inside && !query.recursive) break;
        if (facts_.ctes[i].name == name) return i;
      }
    }
    return kNone;
  }

  Columns typed_columns(const FromItem& item) const {
    Columns columns;
    const auto names = facts_.at(item.typed_names);
    for (std::uint32_t i = 0; i < names.size(); ++i) {
      const bool typed = i < item.types.count && facts_.types[item.types.first + i].names.count > 0;
      columns.push_back(
          column(names[i], typed ? context_.type(facts_.types[item.types.first + i]) : pg_type("int4")));
    }
    return columns;
  }

  Columns function_columns(const FromItem& item) {
    Columns columns;
    if (item.typed_columns) columns = typed_columns(item);
    for (Id id = item.exprs.first; !item.typed_columns && id < item.exprs.first + item.exprs.count; ++id) {
      const Expr& call = facts_.exprs[id];
      std::string_view own = call.text;
      if (call.kind == ExprKind::kFunction) {
        own = facts_.at(call.names).back();
        std::vector<TypeName> arguments = types_of(call.children);
        if (may_be_builtin(call)) {
          const BuiltinFunction* found = find_builtin(own, arguments, has_rivals(call));
          if (found != nullptr && !found->columns.empty()) {
            for (const BuiltinColumn& out : found->columns)
              columns.push_back(column(out.name, builtin_type(out.type)));
            continue;
          }
        } else {
          uncertain_ = true;  // a function that returns rows has their columns
        }
      }
      const bool alias = !item.alias.empty() && item.exprs.count == 1;
      columns.push_back(column(alias ? item.alias : own, type_of(id)));
    }
    if (item.ordinality) columns.push_back(column("ordinality", pg_type("int8")));
    return columns;
  }

  Columns join_columns(const FromItem& item) {
    const Columns left = item_columns(item.left);
    const Columns& right = item_columns(item.right);
    std::vector<std::string_view> merged;
    const auto has = [](const Columns& columns, std::string_view name) {
      return std::any_of(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
    };
    if (item.has_using) {
      const auto names = facts_.at(item.using_columns);
      merged.assign(names.begin(), names.end());
    } else if (item.natural) {
      for (const Column& c : left) {
        if (has(right, c.name)) merged.push_back(c.name);
      }
    }
    Columns columns;
    const auto is_merged = [&](const Column& c) {
      return std::find(merged.begin(), merged.end(), c.name) != merged.end();
    };
    for (const std::string_view name : merged) {
      for (const Column& c : item.join == parser::JoinKind::kRight ? right : left) {
        if (c.name != name) continue;
        columns.push_back(c);
        break;
      }
    }
    for (const Columns* arm : {&left, &right}) {
      for (const Column& c : *arm) {
        if (!is_merged(c)) columns.push_back(c);
      }
    }
    return columns;
  }

  /// The FROM item that a qualifier means; joins without an alias are looked through.
  Id find_item(const Query& from, std::string_view schema, std::string_view name) {
    for (const Query* query = &from;; query = &facts_.queries[query->parent]) {
      std::vector<Id> stack;
      if (query->target != kNone) stack.push_back(query->target);
      for (std::uint32_t i = 0; i < query->from.count; ++i) stack.push_back(query->from.first + i);
      while (!stack.empty()) {
        const Id id = stack.back();
        stack.pop_back();
        const FromItem& item = facts_.from_items[id];
        if (goes_by(item, schema, name)) return id;
        if (item.kind != FromKind::kJoin || !item.alias.empty()) continue;
        stack.push_back(item.left);
        stack.push_back(item.right);
      }
      if (query->parent == kNone) return kNone;
    }
  }

  bool goes_by(const FromItem& item, std::string_view schema, std::string_view name) const {
    if (!item.alias.empty()) return schema.empty() && item.alias == name;
    if (item.kind == FromKind::kRelation) {
      const auto names = facts_.at(item.names);
      return names.back() == name &&
             (schema.empty() || names.size() < 2 || names[names.size() - 2] == schema);
    }
    if (item.kind == FromKind::kFunction && item.exprs.count == 1) {
      const Expr& call = facts_.exprs[item.exprs.first];
      return call.kind == ExprKind::kFunction && facts_.at(call.names).back() == name;
    }
    return false;
  }

  TypeName column_type(const Expr& expr) {
    const auto names = facts_.at(expr.names);
    if (names.empty() || expr.query == kNone) return {};
    const Query& query = facts_.queries[expr.query];
    if (names.size() == 1) return plain_column_type(query, names[0]);
    const Id item = find_item(query, names.size() > 2 ? names[names.size() - 3] : std::string_view(),
                              names[names.size() - 2]);
    if (item == kNone) return {};
    for (const Column& c : item_columns(item)) {
      if (c.name == names.back()) return c.type;
    }
    return {};
  }

  TypeName plain_column_type(const Query& from, std::string_view name) {
    for (const Query* query = &from;; query = &facts_.queries[query->parent]) {
      const auto look = [&](Id id) -> const Column* {
        for (const Column& c : item_columns(id)) {
          if (c.name == name) return &c;
        }
        return nullptr;
      };
      if (query->target != kNone) {
        if (const Column* found = look(query->target)) return found->type;
      }
      for (std::uint32_t i = 0; i < query->from.count; ++i) {
        if (const Column* found = look(query->from.first + i)) return found->type;
      }
      if (query->parent == kNone) return {};
    }
  }

  bool may_be_builtin(const Expr& call) const {
    const auto names = facts_.at(call.names);
    return names.size() == 1 || names[0] == "pg_catalog";
  }
  /// Whether functions of users are candidates as well.
  bool has_rivals(const Expr& call) const {
    const auto names = facts_.at(call.names);
    return names.size() == 1 && context_.has_function(names[0]);
  }

  std::vector<TypeName> types_of(Range exprs) {
    std::vector<TypeName> out;
    for (std::uint32_t i = 0; i < exprs.count; ++i) out.push_back(type_of(exprs.first + i));
    return out;
  }

  TypeName common_type_of(Range exprs) {
    if (exprs.count == 0) return {};
    TypeName out = type_of(exprs.first);
    for (std::uint32_t i = 1; i < exprs.count; ++i) out = common_type(out, type_of(exprs.first + i));
    return out;
  }

  TypeName case_type(const Expr& expr) {
    const std::uint32_t argument = expr.has(parser::flag::kHasArgument) ? 1 : 0;
    const std::uint32_t rest = expr.children.count - argument;
    TypeName out;
    // ELSE first, as transformCaseExpr; without one it is a NULL, which takes any type.
    bool first = true;
    const auto take = [&](Id id) {
      out = first ? type_of(id) : common_type(out, type_of(id));
      first = false;
    };
    if (rest % 2 == 1) take(expr.children.first + expr.children.count - 1);
    for (std::uint32_t i = argument + 1; i < expr.children.count; i += 2) take(expr.children.first + i);
    return out;
  }

  TypeName subquery_type(const Expr& expr) {
    if (expr.form != Form::kScalar && expr.form != Form::kArray) return pg_type("bool");
    const Columns& columns = query_columns(expr.subquery);
    if (columns.empty()) return {};
    return expr.form == Form::kArray ? array_of(columns.front().type) : columns.front().type;
  }

  /// Unknown: no name.
  TypeName type_of(Id id) {
    if (depth_ >= kMaxDepth) return {};
    const Deeper deeper(depth_);
    const Expr& expr = facts_.exprs[id];
    switch (expr.kind) {
      case ExprKind::kColumn:
        return column_type(expr);
      case ExprKind::kConstant:
        return constant_type(expr.constant, expr.text);
      case ExprKind::kCast:
        return context_.type(facts_.types[expr.type]);
      case ExprKind::kCollate:
        return type_of(expr.children.first);
      case ExprKind::kAnd:
      case ExprKind::kOr:
      case ExprKind::kNot:
      case ExprKind::kNullTest:
      case ExprKind::kBooleanTest:
        return pg_type("bool");
      case ExprKind::kOperator:
        if (expr.form == Form::kNullIf) return type_of(expr.children.first);
        if (expr.form != Form::kPlain || facts_.at(expr.names).empty()) return pg_type("bool");
        return operator_type(facts_.at(expr.names).back(), types_of(expr.children));
      case ExprKind::kFunction:
        if (!may_be_builtin(expr)) return {};
        return function_type(facts_.at(expr.names).back(), types_of(expr.children), has_rivals(expr));
      case ExprKind::kSubquery:
        return subquery_type(expr);
      case ExprKind::kCase:
        return case_type(expr);
      case ExprKind::kCoalesce:
      case ExprKind::kMinMax:
        return common_type_of(expr.children);
      case ExprKind::kArray:
        return array_of(common_type_of(expr.children));
      case ExprKind::kSubscript: {
        TypeName type = type_of(expr.children.first);
        if (type.dimensions == 0) return {};
        if (expr.children.count == 2) type.dimensions = 0;
        return type;
      }
      case ExprKind::kSqlValue:
        return sql_value_type(expr.text);
      case ExprKind::kGrouping:
        return pg_type("int4");
      default:
        return {};
    }
  }

  const Facts& facts_;
  const QueryContext& context_;
  std::vector<Memo> queries_;
  std::vector<Memo> items_;
  int depth_ = 0;
  bool uncertain_ = false;
};

}  // namespace

std::optional<std::vector<Column>> query_columns(const parser::Facts& facts, parser::Id query,
                                                 const QueryContext& context) {
  return Reader(facts, context).read(query);
}

}  // namespace chaperone::rules
