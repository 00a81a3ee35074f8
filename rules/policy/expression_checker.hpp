#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/policy/expression_parts.hpp"

/// The class of the files expression_check*.cpp; nobody else includes it.
namespace chaperone::rules {

inline constexpr std::string_view kTotalForms =
    "comparisons, IN, LIKE with a constant, IS NULL, COALESCE, lower, length and the like, which can't fail";

/// A type in a message.
inline std::string shown(std::string_view key) {
  return key.empty() ? "a type that can't be told" : std::string(key);
}

/// Goes through an expression from the outside in, and gives each part its type. What is wrong first is kept.
class ExpressionChecker {
 public:
  ExpressionChecker(const parser::Facts& facts, std::span<const std::string> parameters,
                    const ExpressionScope& scope)
      : facts_(facts), parameters_(parameters), scope_(scope), root_query_(facts.statements[0].query) {
    out_.findings.resize(facts.exprs.size());
    done_.resize(facts.exprs.size());
  }

  boost::system::result<CheckedExpression, ExpressionError> run(parser::Id root) {
    const std::string hint =
        scope_.column == nullptr ? "bool" : type_key(scope_.column->type, scope_.catalog);
    check(root, hint);
    if (!error_.what.empty()) return error_;
    return std::move(out_);
  }

 private:
  void fail(std::string what, std::string expected) {
    if (error_.what.empty()) error_ = {std::move(what), std::move(expected)};
  }
  const parser::Expr& expr(parser::Id id) const { return facts_.exprs[id]; }
  std::vector<parser::Id> children(parser::Id id) const {
    std::vector<parser::Id> ids;
    const parser::Range range = expr(id).children;
    for (parser::Id i = 0; i < range.count; ++i) ids.push_back(range.first + i);
    return ids;
  }
  std::vector<std::string_view> names(parser::Range range) const {
    const auto found = facts_.at(range);
    return {found.begin(), found.end()};
  }
  /// A literal or parameter that takes its type from its place.
  bool is_bare(parser::Id id) const {
    const parser::Expr& e = expr(id);
    return e.kind == parser::ExprKind::kParameter ||
           (e.kind == parser::ExprKind::kConstant &&
            (e.constant == parser::ConstantKind::kString || e.constant == parser::ConstantKind::kNull));
  }

  const Finding& check(parser::Id id, std::string_view hint = kUnknownType);
  Finding checked(parser::Id id, std::string_view hint);
  Finding check_column(parser::Id id);
  Finding check_constant(parser::Id id, std::string_view hint);
  Finding check_parameter(parser::Id id, std::string_view hint);
  Finding check_function(parser::Id id);
  Finding check_own_function(parser::Id id, std::string_view name);
  Finding check_user_function(parser::Id id, std::string_view schema, std::string_view name);
  Finding check_operator(parser::Id id);
  Finding compare(std::string_view name, parser::Id left, parser::Id right);
  Finding check_cast(parser::Id id);
  Finding check_case(parser::Id id, std::string_view hint);
  Finding check_alike(parser::Id id, std::span<const parser::Id> ids, std::string_view hint);
  Finding check_subquery(parser::Id id);
  Finding check_sql_value(parser::Id id);
  Finding check_collation(parser::Id id);
  bool check_from(parser::Id item);
  bool check_query(parser::Id query);
  std::optional<TypeName> resolve_type(parser::Id type);

  Finding all_of(std::span<const parser::Id> ids) const;
  void judge(Finding& finding, const Effect& evaluation, std::span<const parser::Id> operands,
             const std::string& what, const std::string& hint);
  bool is_total(const Effect& evaluation, std::span<const parser::Id> operands) const;
  bool is_fixed_interval(parser::Id id) const;
  bool is_rounding(std::string_view name, parser::Id left, parser::Id right) const;

  const parser::Facts& facts_;
  std::span<const std::string> parameters_;
  const ExpressionScope& scope_;
  const parser::Id root_query_;
  CheckedExpression out_;
  std::vector<bool> done_;
  ExpressionError error_;
};

}  // namespace chaperone::rules
