#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parser/facts.hpp"
#include "rules/policy/expression.hpp"
#include "rules/policy/expression_types.hpp"

/// Between the files that compile expressions; nobody else includes it.
namespace chaperone::rules {

/// The most that is written out of one expression, in bytes.
inline constexpr std::size_t kMaxPrinted = 64U << 10;

/// What was found out about one expr of the facts.
struct Finding {
  std::string type;                         ///< key
  bool total = true;                        ///< raises nothing that depends on a row's value
  bool column = false;                      ///< a column's value reaches it
  std::string qualifier;                    ///< of a subquery's column: the alias or name of its relation
  std::optional<std::uint16_t> own_column;  ///< of a column of the expression's own table
};

/// Everything the printer needs beside the facts.
struct CheckedExpression {
  std::vector<Finding> findings;                   ///< one for each of facts.exprs
  std::map<parser::Id, TypeName> types;            ///< of facts.types: what they name
  std::map<parser::Id, TypeName> parameter_types;  ///< of facts.exprs
  bool has_subquery = false;
};

/// Checks the expression `root`. What is wrong first is the error.
boost::system::result<CheckedExpression, ExpressionError> check_expression(
    const parser::Facts& facts, parser::Id root, std::span<const std::string> parameters,
    const ExpressionScope& scope);

/// Writes it out.
std::vector<Expression::Part> print_expression(const parser::Facts& facts, parser::Id root,
                                               std::span<const std::string> parameters,
                                               const CheckedExpression& checked, const Relation& relation);

}  // namespace chaperone::rules
