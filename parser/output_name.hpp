#pragma once

#include <string_view>

#include "parser/facts.hpp"

namespace chaperone::parser {

/// What an output column without AS is called, as PostgreSQL chooses it (FigureColname); empty: "?column?".
/// For a scalar subquery whose output is a star, empty as well: its name depends on the star.
std::string_view output_name(const Facts& facts, Id expr);

}  // namespace chaperone::parser
