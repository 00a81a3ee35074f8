#include <fmt/format.h>

#include <algorithm>

#include "rules/builtin/builtin.hpp"
#include "rules/resolve/resolver.hpp"

// Which columns FROM items have, and what the outputs of queries are called: addRangeTableEntryFor.. of
// parse_relation.c, transformFromClauseItem, FigureColname.
namespace chaperone::rules {

using parser::Clause;
using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::FromItem;
using parser::FromKind;
using parser::kNone;
using parser::Query;
using parser::QueryKind;

namespace {

// MaxTupleAttributeNumber: PostgreSQL refuses longer lists.
constexpr std::size_t kMostOutputs = 1664;
// Far beyond what is written by hand or by tools; each level costs some hundred bytes of stack.
constexpr int kMaxDepth = 1000;

bool is_polymorphic(std::string_view type) {
  return type.starts_with("any") || type == "record" || type.empty();
}

}  // namespace

const Resolver::Columns& Resolver::columns_of(Id item) {
  Columns& columns = columns_[item];
  if (columns.state == Columns::State::kReady) return columns;
  if (columns.state == Columns::State::kBusy || depth_ >= kMaxDepth) {
    // A recursive reference in a place where PostgreSQL refuses it, or too deep.
    deny(too_complex());
    return columns;
  }
  columns.state = Columns::State::kBusy;
  ++depth_;
  read_columns(item, columns);
  --depth_;
  columns.state = Columns::State::kReady;
  step(columns.entries.size());
  return columns;
}

void Resolver::read_columns(Id id, Columns& columns) {
  const FromItem& item = facts_.from_items[id];
  switch (item.kind) {
    case FromKind::kRelation:
      if (out_.items[id].cte != kNone) {
        const parser::Cte& cte = facts_.ctes[out_.items[id].cte];
        read_query_columns(cte.query, columns);
        rename(cte.column_aliases, columns);
        for (const std::string_view name : facts_.at(cte.added_columns)) {
          columns.entries.push_back({name, static_cast<std::uint16_t>(columns.entries.size())});
        }
      } else {
        read_relation_columns(id, columns);
      }
      break;
    case FromKind::kSubquery:
      read_query_columns(item.subquery, columns);
      break;
    case FromKind::kFunction:
      read_function_columns(id, columns);
      break;
    case FromKind::kTableFunction:
      for (const std::string_view name : facts_.at(item.typed_names)) {
        columns.entries.push_back({name, static_cast<std::uint16_t>(columns.entries.size())});
      }
      break;
    case FromKind::kJoin:
      read_join_columns(id, columns);
      break;
  }
  if (item.column_aliases.count > 0) {
    rename(item.column_aliases, columns);
    mark_hidden_in(id);
  }
}

/// A relation's visible columns; where it has aliases for them, they count on these alone.
void Resolver::read_relation_columns(Id id, Columns& columns) {
  const Relation* relation = out_.items[id].relation;
  if (relation == nullptr) return;
  columns.entries.reserve(relation->columns.size());
  for (std::size_t i = 0; i < relation->columns.size(); ++i) {
    const std::string_view name = relation->columns[i].name;
    if (visible(id, View::kRead, name)) columns.entries.push_back({name, static_cast<std::uint16_t>(i)});
  }
}

void Resolver::read_query_columns(Id query, Columns& columns) {
  const std::vector<std::string>& names = outputs_of(query);
  columns.open = is_open(query);
  columns.entries.reserve(names.size());
  for (const std::string& name : names) {
    columns.entries.push_back({name, static_cast<std::uint16_t>(columns.entries.size())});
  }
}

void Resolver::rename(parser::Range aliases, Columns& columns) const {
  const auto names = facts_.at(aliases);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i < columns.entries.size()) {
      columns.entries[i].name = names[i];
    } else if (columns.open || columns.uncertain) {
      columns.entries.push_back({names[i], static_cast<std::uint16_t>(i)});
    }
  }
}

/// As addRangeTableEntryForFunction and chooseScalarFunctionAlias name the columns.
void Resolver::read_function_columns(Id id, Columns& columns) {
  const FromItem& item = facts_.from_items[id];
  const auto add = [&](std::string_view name) {
    columns.entries.push_back({name, static_cast<std::uint16_t>(columns.entries.size())});
  };
  if (item.typed_columns) {
    for (const std::string_view name : facts_.at(item.typed_names)) add(name);
    // ROWS FROM may hold functions without a list beside one that has it.
    columns.open = item.exprs.count > 1;
  } else {
    for (Id e = item.exprs.first; e < item.exprs.first + item.exprs.count; ++e) {
      const Expr& call = facts_.exprs[e];
      std::string_view own = call.text;
      std::span<const BuiltinColumn> out;
      bool known = call.kind == ExprKind::kSqlValue;
      std::size_t copies = 1;
      if (call.kind == ExprKind::kFunction) {
        const auto names = facts_.at(call.names);
        own = names.back();
        const auto overloads = builtin().find_functions(own);
        const bool is_builtin = (names.size() == 1 || names[0] == "pg_catalog") && !overloads.empty();
        if (is_builtin && own == "unnest" && call.children.count > 1) copies = call.children.count;
        if (is_builtin && own != "unnest") {
          known = catalog_.functions("", own).empty();
          out = overloads.front().columns;
          for (const BuiltinFunction& overload : overloads) {
            const bool same =
                std::ranges::equal(overload.columns, out, {}, &BuiltinColumn::name, &BuiltinColumn::name);
            if (!same || (out.empty() && is_polymorphic(overload.result))) known = false;
          }
        }
      }
      if (!known) columns.open = columns.uncertain = true;
      for (const BuiltinColumn& column : out) add(column.name);
      if (out.empty()) {
        const bool alias = !item.alias.empty() && item.exprs.count == 1 && copies == 1;
        for (std::size_t i = 0; i < copies; ++i) add(alias ? item.alias : own);
      }
    }
  }
  if (item.ordinality) add("ordinality");
}

/// Of a join with an alias, or with columns that it merges.
void Resolver::read_join_columns(Id id, Columns& columns) {
  const FromItem& item = facts_.from_items[id];
  if (item.has_using) {
    const auto names = facts_.at(item.using_columns);
    columns.merged.assign(names.begin(), names.end());
  } else if (item.natural) {
    std::vector<std::string_view> left;
    std::vector<std::string_view> right;
    expand(item.left, left, columns.open, 0);
    expand(item.right, right, columns.open, 0);
    if (!step(left.size() * right.size())) return;
    for (const std::string_view name : left) {
      if (std::ranges::find(right, name) != right.end()) columns.merged.push_back(name);
    }
    mark_hidden_in(id);
  }
  if (item.alias.empty()) return;
  std::vector<std::string_view> names = columns.merged;
  std::vector<std::string_view> arms;
  expand(item.left, arms, columns.open, 0);
  expand(item.right, arms, columns.open, 0);
  for (const std::string_view name : arms) {
    if (std::ranges::find(columns.merged, name) == columns.merged.end()) names.push_back(name);
  }
  for (const std::string_view name : names) {
    columns.entries.push_back({name, static_cast<std::uint16_t>(columns.entries.size())});
  }
  mark_hidden_in(id);
}

/// The columns of an item in the order of `*`.
void Resolver::expand(Id id, std::vector<std::string_view>& names, bool& open, int depth) {
  if (denied()) return;
  const FromItem& item = facts_.from_items[id];
  if (item.kind != FromKind::kJoin || !item.alias.empty()) {
    const Columns& columns = columns_of(id);
    open = open || columns.open;
    for (const Entry& entry : columns.entries) names.push_back(entry.name);
    return;
  }
  if (depth >= kMaxDepth) return deny(too_complex());
  const bool merges = item.has_using || item.natural;
  if (!merges) {
    expand(item.left, names, open, depth + 1);
    expand(item.right, names, open, depth + 1);
    return;
  }
  const std::vector<std::string_view>& merged = columns_of(id).merged;
  names.insert(names.end(), merged.begin(), merged.end());
  std::vector<std::string_view> arms;
  expand(item.left, arms, open, depth + 1);
  expand(item.right, arms, open, depth + 1);
  if (!step(arms.size() * (merged.size() + 1))) return;
  for (const std::string_view name : arms) {
    if (std::ranges::find(merged, name) == merged.end()) names.push_back(name);
  }
}

/// Sent as written, hidden columns would take part by name or place: NATURAL, aliases of columns.
void Resolver::mark_hidden_in(Id root) {
  std::vector<Id> stack = {root};
  while (!stack.empty()) {
    const Id id = stack.back();
    stack.pop_back();
    if (!step()) return;
    const FromItem& item = facts_.from_items[id];
    if (item.kind == FromKind::kJoin) {
      stack.push_back(item.left);
      stack.push_back(item.right);
    } else if (out_.items[id].relation != nullptr) {
      out_.items[id].must_wrap = true;
    }
  }
}

const std::vector<std::string>& Resolver::outputs_of(Id query) {
  if (output_states_[query] == Columns::State::kNew) {
    if (depth_ >= kMaxDepth) {
      deny(too_complex());
      return out_.outputs[query];
    }
    output_states_[query] = Columns::State::kBusy;
    ++depth_;
    make_outputs(query);
    --depth_;
    output_states_[query] = Columns::State::kReady;
  } else if (output_states_[query] == Columns::State::kBusy) {
    deny(name_error("42P19", "recursive reference to a query must not appear within its non-recursive term",
                    kNone));
  }
  return out_.outputs[query];
}

void Resolver::make_outputs(Id id) {
  const Query& query = facts_.queries[id];
  std::vector<std::string>& names = out_.outputs[id];
  parser::Range targets = query.outputs;
  Clause clause = Clause::kOutput;
  switch (query.kind) {
    case QueryKind::kSetOperation:
      names = outputs_of(query.left);
      open_queries_[id] = open_queries_[query.left];
      return;
    case QueryKind::kValues: {
      const std::uint32_t count =
          query.values.count == 0 ? 0 : facts_.exprs[query.values.first].children.count;
      if (count > kMostOutputs) return deny(too_complex());
      for (std::uint32_t i = 1; i <= count; ++i) names.push_back(fmt::format("column{}", i));
      return;
    }
    case QueryKind::kSelect:
      break;
    default:
      targets = query.returning;
      clause = Clause::kReturning;
  }
  names.reserve(targets.count);
  for (Id i = targets.first; i < targets.first + targets.count && !denied(); ++i) {
    const parser::Target& target = facts_.targets[i];
    const Expr& expr = facts_.exprs[target.expr];
    if (expr.has(parser::flag::kStar) && (expr.kind == ExprKind::kColumn || expr.kind == ExprKind::kField)) {
      add_star(id, expr, clause, names);
    } else {
      const std::string_view name = target.name.empty() ? figure_name(target.expr) : target.name;
      names.emplace_back(name.empty() ? "?column?" : name);
    }
    if (names.size() > kMostOutputs)
      return deny(name_error("54011", "target lists can have at most 1664 entries", expr.offset));
  }
}

void Resolver::add_star(Id query, const Expr& expr, Clause clause, std::vector<std::string>& names) {
  Scope scope;
  scope.kind = Scope::Kind::kAll;
  scope.query = query;
  scope.clause = clause;
  std::vector<std::string_view> columns;
  bool open = expr.kind == ExprKind::kField;
  const auto add_item = [&](Id id) {
    if (clause != Clause::kReturning || !sources_.items[id].target) return expand(id, columns, open, 0);
    const Relation* relation = out_.items[id].relation;
    for (const Column& column : relation->columns) {
      if (visible(id, View::kReturning, column.name)) columns.push_back(column.name);
    }
  };
  if (expr.kind == ExprKind::kColumn && expr.names.count == 0) {
    const Query& own = facts_.queries[query];
    if (clause == Clause::kReturning) add_item(own.target);
    for (Id i = own.from.first; i < own.from.first + own.from.count; ++i) add_item(i);
  } else if (expr.kind == ExprKind::kColumn) {
    const auto parts = facts_.at(expr.names);
    for (; !ends(scope); scope = outer(scope)) {
      int matches = 0;
      const Id item =
          find_item(scope, parts.size() > 1 ? parts[0] : std::string_view(), parts.back(), matches);
      if (matches == 0) continue;
      add_item(item);
      break;
    }
  }
  if (open) open_queries_[query] = 1;
  step(columns.size());
  names.insert(names.end(), columns.begin(), columns.end());
}

std::string_view Resolver::figure_name(Id id) {
  std::string_view weak;  // of strength 1: the outermost one counts
  while (true) {
    if (!step()) return {};
    const Expr& expr = facts_.exprs[id];
    const auto names = facts_.at(expr.names);
    switch (expr.kind) {
      case ExprKind::kColumn:
      case ExprKind::kFunction:
        return names.empty() ? weak : names.back();
      case ExprKind::kField:
        return expr.text;
      case ExprKind::kSubscript:
      case ExprKind::kCollate:
        id = expr.children.first;
        continue;
      case ExprKind::kCast:
        if (weak.empty()) weak = facts_.at(facts_.types[expr.type].names).back();
        id = expr.children.first;
        continue;
      case ExprKind::kCase: {
        if (weak.empty()) weak = "case";
        // Children: argument, WHEN and THEN in pairs, ELSE.
        const std::uint32_t rest = expr.children.count - (expr.has(parser::flag::kHasArgument) ? 1 : 0);
        if (rest % 2 == 0) return weak;
        id = expr.children.first + expr.children.count - 1;
        continue;
      }
      case ExprKind::kConstant:
        // TRUE and FALSE are casts to bool in the grammar.
        return weak.empty() && expr.constant == parser::ConstantKind::kBoolean ? "bool" : weak;
      case ExprKind::kOperator:
        return expr.form == Form::kNullIf ? "nullif" : weak;
      case ExprKind::kSubquery: {
        if (expr.form == Form::kExists) return "exists";
        if (expr.form == Form::kArray) return "array";
        if (expr.form != Form::kScalar) return weak;
        const std::vector<std::string>& outputs = outputs_of(expr.subquery);
        return outputs.empty() ? weak : std::string_view(outputs.front());
      }
      case ExprKind::kCoalesce:
        return "coalesce";
      case ExprKind::kMinMax:
      case ExprKind::kSqlValue:
        return expr.text;
      case ExprKind::kRow:
        return "row";
      case ExprKind::kArray:
        return "array";
      case ExprKind::kGrouping:
        return "grouping";
      case ExprKind::kXml:
        return expr.text == "is document" ? weak : expr.text;
      case ExprKind::kJson:
        return expr.text;
      default:
        return weak;
    }
  }
}

}  // namespace chaperone::rules
