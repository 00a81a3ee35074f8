#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "parser/facts.hpp"
#include "rules/builtin/builtin.hpp"
#include "rules/catalog/catalog.hpp"

/// Types of simple expressions, as far as PostgreSQL's own operators and functions tell them. A TypeName
/// without a name is one that could not be told.
namespace chaperone::rules {

TypeName pg_type(std::string_view name);
/// Of a type's name as the tables of builtin.hpp have it: int4, _text, information_schema.sql_identifier.
TypeName builtin_type(std::string_view name);
/// Of a quoted constant or NULL that nothing gave a type yet.
bool is_unknown_literal(const TypeName& type);
TypeName array_of(TypeName element);

TypeName constant_type(parser::ConstantKind kind, std::string_view text);
TypeName sql_value_type(std::string_view keyword);
/// As select_common_type, where one of the two takes the other without more than an implicit cast.
TypeName common_type(const TypeName& a, const TypeName& b);
TypeName operator_type(std::string_view name, std::span<const TypeName> operands);
/// The overload of PostgreSQL's own that a call means; nullptr: it can't be told. `exactly`: there are others
/// of that name, so that only one that takes these very types is sure to be meant.
const BuiltinFunction* find_builtin(std::string_view name, std::span<const TypeName> arguments, bool exactly);
TypeName function_type(std::string_view name, std::span<const TypeName> arguments, bool exactly);

}  // namespace chaperone::rules
