#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"

namespace chaperone::rules {

/// What a query's names mean where it stands.
struct QueryContext {
  /// The columns of a relation; schema may be empty. Nothing: there is none.
  std::function<std::optional<std::vector<Column>>(std::string_view schema, std::string_view name)> relation;
  std::function<TypeName(const parser::TypeUse&)> type;
  /// Whether there is a function of that name that is not PostgreSQL's.
  std::function<bool(std::string_view name)> has_function;
};

/// The output columns of a query (of facts.queries) as a view over it has them: names as PostgreSQL chooses
/// them, types where columns, casts, constants, and PostgreSQL's own operators and functions tell them; else
/// unknown. Nothing: a star over something whose columns can't be told, or too deep.
std::optional<std::vector<Column>> query_columns(const parser::Facts& facts, parser::Id query,
                                                 const QueryContext& context);

}  // namespace chaperone::rules
