#include "rules/policy/expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

#include "parser/facts.hpp"
#include "parser/tokens.hpp"
#include "rules/policy/expression_parts.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using parser::Id;
using parser::kNone;

/// Larger than any expression that somebody wrote.
constexpr parser::Limits kLimits = {16U << 10, 2'000, 50};

struct Placeholders {
  std::string text;  ///< with $1, $2 .. for :name
  std::vector<std::string> names;
  bool quoted = false;  ///< psql's :'name' or :"name"
};

Placeholders with_placeholders(std::string_view text) {
  Placeholders out;
  parser::Tokenizer tokenizer(text);
  parser::Token token;
  std::size_t copied = 0;
  std::optional<std::size_t> colon;
  while (tokenizer.next(token)) {
    const std::string_view word = text.substr(token.span.offset, token.span.length);
    if (colon && token.span.offset == *colon + 1) {
      out.quoted = out.quoted || token.kind == parser::TokenKind::kString ||
                   token.kind == parser::TokenKind::kQuotedName;
      if (token.kind == parser::TokenKind::kWord) {
        auto found = std::find(out.names.begin(), out.names.end(), word);
        if (found == out.names.end()) found = out.names.insert(found, std::string(word));
        out.text += text.substr(copied, *colon - copied);
        out.text += fmt::format(" ${} ", found - out.names.begin() + 1);
        copied = token.span.offset + token.span.length;
      }
    }
    colon = word == ":" ? std::optional<std::size_t>(token.span.offset) : std::nullopt;
  }
  out.text += text.substr(copied);
  return out;
}

/// Whether no row fits: two constants for one column, or NULL in one that has none. Only what stands beside
/// each other under AND is looked at.
bool is_contradiction(const parser::Facts& facts, Id root, const CheckedExpression& checked,
                      const Relation& relation) {
  const parser::Expr& top = facts.exprs[root];
  if (top.kind == parser::ExprKind::kConstant)
    return top.text == "false" || top.constant == parser::ConstantKind::kNull;
  const parser::Range all = top.kind == parser::ExprKind::kAnd ? top.children : parser::Range{root, 1};
  std::map<std::uint16_t, std::string_view> values;
  for (Id i = 0; i < all.count; ++i) {
    const parser::Expr& e = facts.exprs[all.first + i];
    if (e.children.count == 0) continue;
    const auto column = checked.findings[e.children.first].own_column;
    if (!column || facts.exprs[e.children.first].kind != parser::ExprKind::kColumn) continue;
    if (e.kind == parser::ExprKind::kNullTest && !e.has(parser::flag::kNegated) &&
        relation.columns[*column].not_null)
      return true;
    if (e.kind != parser::ExprKind::kOperator || e.form != parser::Form::kPlain ||
        facts.at(e.names).back() != "=" || e.children.count != 2)
      continue;
    const parser::Expr& value = facts.exprs[e.children.first + 1];
    if (value.kind != parser::ExprKind::kConstant) continue;
    const auto [found, fresh] = values.emplace(*column, value.text);
    if (!fresh && found->second != value.text) return true;
  }
  return false;
}

/// The one expression of a SELECT that holds nothing else.
std::optional<Id> only_expression(const parser::Facts& facts) {
  if (facts.script.statements.size() != 1 || facts.statements[0].query == kNone) return {};
  const parser::Query& query = facts.queries[facts.statements[0].query];
  const bool plain = query.kind == parser::QueryKind::kSelect && !query.distinct && !query.into &&
                     query.ctes.count == 0 && query.from.count == 0 && query.outputs.count == 1 &&
                     query.where == kNone && query.having == kNone && query.limit == kNone &&
                     query.offset == kNone && query.group_by.count == 0 && query.order_by.count == 0 &&
                     query.windows.count == 0 && query.distinct_on.count == 0 &&
                     query.lock == parser::LockStrength::kUnlocked;
  if (!plain || !facts.targets[query.outputs.first].name.empty()) return {};
  return facts.targets[query.outputs.first].expr;
}

struct Compiled {
  Expression expression;
  std::string type;
  std::optional<std::uint16_t> cut_column;  ///< it is trunc(column, ..), never longer than the column
};

/// The column whose digits are cut off, if that is all that the expression does.
std::optional<std::uint16_t> cut_column(const parser::Facts& facts, Id root,
                                        const CheckedExpression& checked) {
  const parser::Expr& e = facts.exprs[root];
  if (e.kind != parser::ExprKind::kFunction || facts.at(e.names).back() != "trunc" || e.children.count == 0)
    return {};
  return checked.findings[e.children.first].own_column;
}

boost::system::result<Compiled, ExpressionError> compile(const std::string& text,
                                                         std::span<const std::string> names,
                                                         const ExpressionScope& scope) {
  // The newline ends a comment in which the closing bracket would be lost.
  const auto facts = parser::read_facts("SELECT (" + text + "\n)", kLimits);
  if (!facts)
    return ExpressionError{fmt::format("it can't be read: {}", facts.error().message), "an SQL expression"};
  const auto root = only_expression(*facts);
  if (!root) return ExpressionError{"it is more than one expression", "one SQL expression"};
  auto checked = check_expression(*facts, *root, names, scope);
  if (!checked) return checked.error();
  if (scope.use == ExpressionUse::kFilter && is_contradiction(*facts, *root, *checked, scope.relation)) {
    return ExpressionError{"no row can fit it, so that the rule would never allow anything",
                           "a condition that some rows fit"};
  }
  Compiled out;
  out.expression.parts = print_expression(*facts, *root, names, *checked, scope.relation);
  std::size_t size = 0;
  for (const auto& part : out.expression.parts) size += part.text.size();
  if (size > kMaxPrinted)
    return ExpressionError{"it is too long when it is written out", "a shorter expression"};
  for (const Finding& finding : checked->findings) {
    if (!finding.own_column) continue;
    auto& columns = out.expression.columns;
    if (std::find(columns.begin(), columns.end(), *finding.own_column) == columns.end())
      columns.push_back(*finding.own_column);
  }
  out.expression.has_subquery = checked->has_subquery;
  out.expression.total = checked->findings[*root].total;
  out.type = checked->findings[*root].type;
  out.cut_column = cut_column(*facts, *root, *checked);
  return out;
}

/// As it would be put into a statement, with $1 for parameters.
std::string with_numbers(const Expression& expression, std::span<const std::string> names) {
  std::string out;
  for (const Expression::Part& part : expression.parts) {
    if (part.kind == Expression::PartKind::kText) out += part.text;
    if (part.kind == Expression::PartKind::kColumn) out += identifier(part.text);
    if (part.kind == Expression::PartKind::kParameter) {
      const auto found = std::find(names.begin(), names.end(), part.text);
      out += fmt::format("CAST(${} AS {})", found - names.begin() + 1, part.type.sql());
    }
  }
  return out;
}

/// Casts to the exact type that the column has, without domains.
boost::system::result<void, ExpressionError> cast_to_column(Compiled& compiled,
                                                            const ExpressionScope& scope) {
  const TypeName type = base_type(scope.column->type, scope.catalog);
  const std::string key = type_key(type, scope.catalog);
  Expression& expression = compiled.expression;
  if (scope.use == ExpressionUse::kMask) {
    if (compiled.type.empty())
      return ExpressionError{"its type can't be told",
                             fmt::format("a cast to the column's type, as (..)::{}", type.name)};
    const Effect evaluation =
        evaluate_cast(compiled.type, key, !type.modifiers.empty() && type.dimensions == 0, scope.catalog);
    static constexpr std::array<std::string_view, 6> kOnlyRounded = {"timestamp", "timestamptz", "time",
                                                                     "timetz",    "bit",         "varbit"};
    const bool rounded = compiled.type == key &&
                         std::find(kOnlyRounded.begin(), kOnlyRounded.end(), key) != kOnlyRounded.end();
    const bool constant = expression.columns.empty() && evaluation.found && !evaluation.stable;
    const bool cut = compiled.cut_column && &scope.relation.columns[*compiled.cut_column] == scope.column;
    const bool text = is_text(compiled.type) && (is_text(key) || type.name == "citext");
    if (!constant && !text && !cut && !rounded && (!is_always_total(evaluation) || evaluation.stable)) {
      return ExpressionError{
          fmt::format("it is of type {}, and the cast to the column's {} can fail or depends on settings",
                      compiled.type, type.sql()),
          "an expression of the column's own type"};
    }
    expression.parts.insert(expression.parts.begin(), {Expression::PartKind::kText, "CAST(", {}});
    expression.parts.push_back({Expression::PartKind::kText, fmt::format(" AS {})", type.sql()), {}});
  }
  return {};
}

}  // namespace

void throw_exception_from_error(const ExpressionError& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.what);
}

std::vector<std::string> parameters_of(std::string_view text) {
  return with_placeholders(text).names;
}

boost::system::result<Expression, ExpressionError> compile_expression(std::string_view text,
                                                                      const ExpressionScope& scope) {
  const Placeholders placeholders = with_placeholders(text);
  if (placeholders.quoted)
    return ExpressionError{"a parameter stands in quotes", ":name, which is a value of its own"};
  auto compiled = compile(placeholders.text, placeholders.names, scope);
  if (!compiled) return compiled.error();
  if (scope.use == ExpressionUse::kFilter && compiled->type != "bool") {
    return ExpressionError{
        fmt::format("it is of type {}", compiled->type.empty() ? "that can't be told" : compiled->type),
        "a condition, as tenant_id = :tenant"};
  }
  // What is written out has to read as what was checked.
  const std::string once = with_numbers(compiled->expression, placeholders.names);
  const auto again = compile(once, placeholders.names, scope);
  if (!again || with_numbers(again->expression, placeholders.names) != once) {
    return ExpressionError{fmt::format("it can't be written out so that it means the same: {}",
                                       again ? once : again.error().what),
                           "a simpler form"};
  }
  if (const auto cast = scope.column == nullptr ? boost::system::result<void, ExpressionError>()
                                                : cast_to_column(*compiled, scope);
      !cast) {
    return cast.error();
  }
  return std::move(compiled->expression);
}

std::string describe(const Expression& expression) {
  std::string out;
  for (const Expression::Part& part : expression.parts) {
    if (part.kind == Expression::PartKind::kText) out += part.text;
    if (part.kind == Expression::PartKind::kColumn) out += identifier(part.text);
    if (part.kind == Expression::PartKind::kParameter)
      out += fmt::format("CAST(:{} AS {})", part.text, part.type.sql());
  }
  return out;
}

}  // namespace chaperone::rules
