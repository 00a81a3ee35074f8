#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"

/// The SQL expressions of a policy: read by PostgreSQL's grammar, checked against the catalog, and written
/// anew with every name qualified, so that they mean the same wherever they are put and whatever is set.
namespace chaperone::rules {

enum class ExpressionUse : std::uint8_t {
  kFilter,  ///< `rows`: boolean, total
  kMask,    ///< `mask`: total, cast to the column's type, no subquery
  kSet,     ///< `set`: no columns, no subquery
};

/// Where an expression belongs.
struct ExpressionScope {
  const Catalog& catalog;
  const Relation& relation;
  ExpressionUse use = ExpressionUse::kFilter;
  const Column* column = nullptr;  ///< of kMask and kSet: the column it stands for
};

struct ExpressionError {
  std::string what;
  std::string expected;
};

[[noreturn]] void throw_exception_from_error(const ExpressionError& error,
                                             const boost::source_location& where);

/// Compiles. Only what is known to be sound passes: functions and operators of PostgreSQL's own that are in
/// the shipped sets, nothing that depends on what an agent can set (TimeZone, DateStyle, search_path ..) or
/// on who the database thinks it is, and, but for kSet, nothing that can fail on a row's value.
boost::system::result<Expression, ExpressionError> compile_expression(std::string_view text,
                                                                      const ExpressionScope& scope);

/// The names of an expression's parameters, :name outside of literals and comments, each once.
std::vector<std::string> parameters_of(std::string_view text);

/// The expression as SQL, its columns in double quotes without a qualifier and its parameters as :name, for
/// people and tests.
std::string describe(const Expression& expression);

}  // namespace chaperone::rules
