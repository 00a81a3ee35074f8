#pragma once

#include <string>
#include <string_view>

#include "parser/edit.hpp"

/// Names and string literals as SQL text; literals mean the same under either setting of
/// standard_conforming_strings.
namespace chaperone::rules {

/// A name as SQL, in quotes where it needs them. The name must be UTF-8 without NUL.
std::string identifier(std::string_view name);

/// A parameter's value as an SQL literal: E'..' or '..', never anything else, safe under either setting of
/// standard_conforming_strings. The value must be UTF-8 without NUL.
std::string literal(std::string_view value);

/// A part of a text that the parser accepted, with E'..' for every plain literal in it that holds a
/// backslash. The part must begin and end between tokens.
std::string with_safe_literals(std::string_view part);

/// The same as edits of the whole text, but for literals that lie inside one of the edits that are there
/// already: who replaced them has seen to it.
void make_literals_safe(std::string_view sql, parser::EditScript& edits);

}  // namespace chaperone::rules
