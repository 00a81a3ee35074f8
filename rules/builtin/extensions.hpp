#pragma once

#include <string_view>

#include "rules/catalog/catalog.hpp"

/// What is said of extensions that stand in many databases. Their objects are known by their membership in
/// the extension (pg_depend), which only an owner can give.
namespace chaperone::rules {

/// Whether the operators of an extension neither write, nor read tables, nor run SQL.
bool has_safe_operators(std::string_view extension);
/// Whether a function belongs to the set `safe` as PostgreSQL's own do: it makes a value out of values, in
/// memory and time that its arguments bound, and has the body that its extension brings.
bool is_safe_of_extension(const Function& function);

}  // namespace chaperone::rules
