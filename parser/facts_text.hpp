#pragma once

#include <string>

#include "parser/facts.hpp"

/// Facts as text to read and to compare with: a line for each thing, expressions as terms. Column `a` of
/// relation `t` compared with 1 is `op:=(t.a, 1)`; #2 is the query of that index, @14 an offset in the text.
namespace chaperone::parser {

std::string to_text(const Facts& facts);

}  // namespace chaperone::parser
