#pragma once

#include <string_view>

namespace chaperone::rules {

/// Whether a regular expression of PostgreSQL's certainly compiles, so that matching it raises no error. A
/// small part of the language: characters, `.`, escaped signs and classes, bracket expressions of characters
/// and the ranges a-z, A-Z and 0-9, each of them once followed by *, + or ?, and ^ and $ at the ends.
bool always_compiles(std::string_view pattern);

}  // namespace chaperone::rules
