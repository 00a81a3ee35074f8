#include <fmt/format.h>

#include "rules/policy/expression_parts.hpp"
#include "rules/rewrite/literal.hpp"

namespace chaperone::rules {
namespace {

using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::Id;
using parser::kNone;
namespace flag = parser::flag;

using Part = Expression::Part;
using PartKind = Expression::PartKind;

/// Writes what ExpressionChecker let pass, every operator in brackets: OPERATOR(..) binds in another way than
/// the bare operator does. Forms that find their operator by the search_path alone (IN, BETWEEN, IS DISTINCT
/// FROM, CASE with an argument) are written as what PostgreSQL makes of them.
class Printer {
 public:
  Printer(const parser::Facts& facts, std::span<const std::string> parameters,
          const CheckedExpression& checked, const Relation& relation)
      : facts_(facts), parameters_(parameters), checked_(checked), relation_(relation) {}

  std::vector<Part> run(Id root) {
    print(root);
    return std::move(parts_);
  }

 private:
  const Expr& expr(Id id) const { return facts_.exprs[id]; }
  Id child(Id id, Id index) const { return expr(id).children.first + index; }
  Id count(Id id) const { return expr(id).children.count; }

  void text(std::string_view text) {
    size_ += text.size();
    if (parts_.empty() || parts_.back().kind != PartKind::kText) parts_.push_back({});
    parts_.back().text += text;
  }
  template <class Print>
  void separated(Id from, Id end, std::string_view separator, const Print& print) {
    for (Id i = from; i < end; ++i) {
      if (i > from) text(separator);
      print(i);
    }
  }
  void list(Id id, Id from, std::string_view separator) {
    separated(from, count(id), separator, [&](Id i) { print(child(id, i)); });
  }

  void print(Id id);
  void print_constant(const Expr& e);
  void print_column(Id id);
  void print_function(Id id);
  void print_operator(Id id);
  void print_case(Id id);
  void print_query(Id query);
  void print_from(Id item);
  void print_in(Id id, bool negated);
  void binary(Id left, std::string_view name, Id right) {
    text("(");
    print(left);
    text(fmt::format(" OPERATOR(pg_catalog.{}) ", name));
    print(right);
    text(")");
  }

  const parser::Facts& facts_;
  std::span<const std::string> parameters_;
  const CheckedExpression& checked_;
  const Relation& relation_;
  std::vector<Part> parts_;
  std::size_t size_ = 0;
};

void Printer::print(Id id) {
  // BETWEEN writes its first operand twice, and so on inwards.
  if (size_ > kMaxPrinted) return;
  const Expr& e = expr(id);
  switch (e.kind) {
    case ExprKind::kColumn:
      return print_column(id);
    case ExprKind::kConstant:
      return print_constant(e);
    case ExprKind::kParameter:
      parts_.push_back({PartKind::kParameter, parameters_[e.number - 1], checked_.parameter_types.at(id)});
      return;
    case ExprKind::kFunction:
      return print_function(id);
    case ExprKind::kOperator:
      return print_operator(id);
    case ExprKind::kAnd:
    case ExprKind::kOr:
      text("(");
      list(id, 0, e.kind == ExprKind::kAnd ? " AND " : " OR ");
      text(")");
      return;
    case ExprKind::kNot:
      text("(NOT ");
      print(child(id, 0));
      text(")");
      return;
    case ExprKind::kCast: {
      const TypeName& type = checked_.types.at(e.type);
      // A parameter is of the type already.
      if (expr(child(id, 0)).kind == ExprKind::kParameter && type.modifiers.empty())
        return print(child(id, 0));
      text("CAST(");
      print(child(id, 0));
      text(fmt::format(" AS {})", type.sql()));
      return;
    }
    case ExprKind::kCollate:
      text("(");
      print(child(id, 0));
      text(fmt::format(" COLLATE pg_catalog.{})", identifier(facts_.at(e.names).back())));
      return;
    case ExprKind::kSubquery:
      text("(");
      if (e.form == Form::kExists) {
        text("EXISTS (");
      } else {
        print(child(id, 0));
        text(fmt::format(" OPERATOR(pg_catalog.{}) {} (", facts_.at(e.names).back(),
                         e.form == Form::kAll ? "ALL" : "ANY"));
      }
      print_query(e.subquery);
      text("))");
      return;
    case ExprKind::kCase:
      return print_case(id);
    case ExprKind::kCoalesce:
    case ExprKind::kMinMax:
      text(e.kind == ExprKind::kCoalesce ? "COALESCE" : e.text);
      text("(");
      list(id, 0, ", ");
      text(")");
      return;
    case ExprKind::kArray: {
      const bool typed = e.parent != kNone && expr(e.parent).kind == ExprKind::kCast;
      text(typed ? "ARRAY[" : "CAST(ARRAY[");
      list(id, 0, ", ");
      text(typed ? "]" : fmt::format("] AS {})", type_of_key(checked_.findings[id].type).sql()));
      return;
    }
    case ExprKind::kSubscript:
      text("(");
      print(child(id, 0));
      text(")[");
      print(child(id, 1));
      text("]");
      return;
    case ExprKind::kNullTest:
      text("(");
      print(child(id, 0));
      text(e.has(flag::kNegated) ? " IS NOT NULL)" : " IS NULL)");
      return;
    case ExprKind::kBooleanTest:
      text("(");
      print(child(id, 0));
      text(fmt::format(" IS {}{})", e.has(flag::kNegated) ? "NOT " : "", e.text));
      return;
    case ExprKind::kSqlValue:
      text("CURRENT_TIMESTAMP");
      return;
    default:
      return;  // the ExpressionChecker lets none pass
  }
}

void Printer::print_constant(const Expr& e) {
  switch (e.constant) {
    case parser::ConstantKind::kInteger:
    case parser::ConstantKind::kFloat:
      // A sign would be an operator beside another one.
      text(e.text.starts_with('-') ? fmt::format("({})", e.text) : std::string(e.text));
      return;
    case parser::ConstantKind::kBoolean:
      text(e.text);
      return;
    case parser::ConstantKind::kBitString:
      text(fmt::format("{}'{}'", e.text.substr(0, 1), e.text.substr(1)));
      return;
    case parser::ConstantKind::kNull:
      text("NULL");
      return;
    case parser::ConstantKind::kString:
      text(literal(e.text));
      return;
  }
}

void Printer::print_column(Id id) {
  const Finding& finding = checked_.findings[id];
  const std::string_view name = facts_.at(expr(id).names).back();
  if (finding.own_column) {
    parts_.push_back({PartKind::kColumn, relation_.columns[*finding.own_column].name, {}});
  } else {
    text(fmt::format("{}.{}", identifier(finding.qualifier), identifier(name)));
  }
}

void Printer::print_function(Id id) {
  const Expr& e = expr(id);
  const auto names = facts_.at(e.names);
  text(fmt::format("{}.{}(", names.size() == 1 ? "pg_catalog" : identifier(names[0]),
                   identifier(names.back())));
  separated(0, count(id), ", ", [&](Id i) {
    if (e.has(flag::kVariadic) && i + 1 == count(id)) text("VARIADIC ");
    print(child(id, i));
  });
  text(")");
}

void Printer::print_operator(Id id) {
  const Expr& e = expr(id);
  const std::string_view name = facts_.at(e.names).back();
  switch (e.form) {
    case Form::kIn:
    case Form::kNotIn:
      return print_in(id, e.form == Form::kNotIn);
    case Form::kBetween:
      text("(");
      binary(child(id, 0), e.has(flag::kNegated) ? "<" : ">=", child(id, 1));
      text(e.has(flag::kNegated) ? " OR " : " AND ");
      binary(child(id, 0), e.has(flag::kNegated) ? ">" : "<=", child(id, 2));
      text(")");
      return;
    case Form::kDistinct:
    case Form::kNotDistinct:
      // Both null: the same. One null: not.
      text(e.form == Form::kDistinct ? "(NOT COALESCE(" : "COALESCE(");
      binary(child(id, 0), "=", child(id, 1));
      text(", ((");
      print(child(id, 0));
      text(" IS NULL) AND (");
      print(child(id, 1));
      text(e.form == Form::kDistinct ? " IS NULL))))" : " IS NULL)))");
      return;
    case Form::kNullIf:
      text("CASE WHEN ");
      binary(child(id, 0), "=", child(id, 1));
      text(" THEN NULL ELSE ");
      print(child(id, 0));
      text(" END");
      return;
    case Form::kAny:
    case Form::kAll:
      text("(");
      print(child(id, 0));
      text(fmt::format(" OPERATOR(pg_catalog.{}) {} (", name, e.form == Form::kAll ? "ALL" : "ANY"));
      print(child(id, 1));
      text("))");
      return;
    default:
      break;
  }
  if (count(id) == 2) return binary(child(id, 0), name, child(id, 1));
  text(fmt::format("(OPERATOR(pg_catalog.{}) ", name));
  print(child(id, 0));
  text(")");
}

/// a IN (b, c): one array where all are of one type, so that an index serves it; else one by one.
void Printer::print_in(Id id, bool negated) {
  const std::string_view name = negated ? "<>" : "=";
  const std::string& type = checked_.findings[child(id, 0)].type;
  bool alike = !type.empty() && type != kUnknownType;
  for (Id i = 1; i < count(id); ++i) {
    const std::string& other = checked_.findings[child(id, i)].type;
    alike = alike && (other == type || other == kUnknownType || (is_text(type) && is_text(other)) ||
                      (type == "int8" && other == "int4"));
  }
  if (!alike) {
    text("(");
    separated(1, count(id), negated ? " AND " : " OR ",
              [&](Id i) { binary(child(id, 0), name, child(id, i)); });
    text(")");
    return;
  }
  text("(");
  print(child(id, 0));
  text(fmt::format(" OPERATOR(pg_catalog.{}) {} (CAST(ARRAY[", name, negated ? "ALL" : "ANY"));
  list(id, 1, ", ");
  text(fmt::format("] AS {})))", type_of_key(array_key(type)).sql()));
}

void Printer::print_case(Id id) {
  const Expr& e = expr(id);
  const Id argument = e.has(flag::kHasArgument) ? child(id, 0) : kNone;
  text("CASE");
  Id i = argument == kNone ? 0 : 1;
  for (; i + 1 < count(id); i += 2) {
    text(" WHEN ");
    if (argument == kNone) {
      print(child(id, i));
    } else {
      binary(argument, "=", child(id, i));
    }
    text(" THEN ");
    print(child(id, i + 1));
  }
  if (i < count(id)) {
    text(" ELSE ");
    print(child(id, i));
  }
  text(" END");
}

void Printer::print_from(Id id) {
  const parser::FromItem& item = facts_.from_items[id];
  if (item.kind == parser::FromKind::kJoin) {
    static constexpr std::string_view kJoins[] = {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"};
    text("(");
    print_from(item.left);
    text(item.on == kNone ? " CROSS JOIN "
                          : fmt::format(" {} ", kJoins[static_cast<std::size_t>(item.join)]));
    print_from(item.right);
    if (item.on != kNone) {
      text(" ON ");
      print(item.on);
    }
    text(")");
    return;
  }
  const auto names = facts_.at(item.names);
  text(fmt::format("{}.{} AS {}", identifier(names[0]), identifier(names[1]),
                   identifier(item.alias.empty() ? names[1] : item.alias)));
}

void Printer::print_query(Id id) {
  const parser::Query& query = facts_.queries[id];
  text("SELECT ");
  print(facts_.targets[query.outputs.first].expr);
  text(" FROM ");
  separated(0, query.from.count, ", ", [&](Id i) { print_from(query.from.first + i); });
  if (query.where != kNone) {
    text(" WHERE ");
    print(query.where);
  }
}

}  // namespace

std::vector<Part> print_expression(const parser::Facts& facts, Id root,
                                   std::span<const std::string> parameters, const CheckedExpression& checked,
                                   const Relation& relation) {
  return Printer(facts, parameters, checked, relation).run(root);
}

}  // namespace chaperone::rules
