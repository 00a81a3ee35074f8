#pragma once

#include <cstdint>
#include <string_view>

#include "parser/facts.hpp"
#include "rules/resolve/resolve.hpp"

/// Names by which a query refers to its FROM items.
namespace chaperone::rules {

/// The alias, or the name without its schema; empty for a join or subquery without an alias.
std::string_view name_of_item(const parser::Facts& facts, parser::Id item);

/// The name under which a column of the item's relation is known: its own, or the one that the alias's list
/// gives it, which counts the columns that `read` shows.
std::string_view name_of_column(const parser::Facts& facts, const Resolution& resolution, parser::Id item,
                                std::uint16_t column);

}  // namespace chaperone::rules
