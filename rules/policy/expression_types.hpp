#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/builtin/builtin.hpp"
#include "rules/catalog/catalog.hpp"

/// What can be told about types, operators and functions beforehand, for the expressions of a policy. A type
/// is a key: as in builtin.hpp, "schema.name" for a user-made one, with "_" in front of the name for its
/// array, domains replaced by what they are made of; "unknown" for a literal without a type, "" where it
/// can't be told.
namespace chaperone::rules {

inline constexpr std::string_view kUnknownType = "unknown";

std::string type_key(const TypeName& type, const Catalog& catalog);
/// The type behind domains, with the modifiers that the innermost one brings where `type` has none.
TypeName base_type(const TypeName& type, const Catalog& catalog);
/// The type of a key, without modifiers.
TypeName type_of_key(std::string_view key);
/// The key of an array of the type.
std::string array_key(std::string_view key);
/// The key of the elements of an array; "" of another type.
std::string element_key(std::string_view key);
/// What CASE, COALESCE, ARRAY and the like make of two types; "" where it can't be told.
std::string common_type(const std::string& a, const std::string& b);
/// The user-made type of a key, or nullptr.
const Type* find_user_type(std::string_view key, const Catalog& catalog);

/// A type whose operators PostgreSQL does not bring: of an extension, composite, or not known.
bool is_foreign(std::string_view key, const Catalog& catalog);

/// text, varchar, bpchar, name.
bool is_text(std::string_view key);
/// Whether the type's text form depends on what an agent can set (DateStyle, TimeZone, IntervalStyle,
/// bytea_output, extra_float_digits, lc_monetary, search_path).
bool has_unstable_text(std::string_view key);

/// How a literal of that type has to be written so that it means the same under all settings; nothing where
/// it is.
std::optional<std::string> wanted_form(std::string_view key, std::string_view literal);
/// Whether an interval literal holds hours, minutes and seconds alone.
bool is_hours(std::string_view interval);

/// What evaluating something does.
struct Effect {
  bool found = false;
  std::string result;               ///< key
  std::vector<std::string> wanted;  ///< key of each operand or argument; "": it can't be told
  /// A literal without a type could be read in a way that depends on settings: the candidates differ.
  bool ambiguous_literal = false;
  bool stable = false;  ///< depends on settings, if it takes what it was given
  bool is_volatile = false;
  Totality totality = Totality::kPartial;
};

/// Whether it is total in an expression of the policy, whatever the operands.
inline bool is_always_total(const Effect& evaluation) {
  return evaluation.found &&
         (evaluation.totality == Totality::kTotal || evaluation.totality == Totality::kLimits);
}

/// Of PostgreSQL's own operator; empty left: prefix.
Effect evaluate_operator(std::string_view name, const std::string& left, const std::string& right,
                         const Catalog& catalog);
/// Of PostgreSQL's own function, judged by all overloads that the arguments fit.
Effect evaluate_function(std::string_view name, std::span<const std::string> arguments);
/// Of a cast to a type that is PostgreSQL's own or user-made.
Effect evaluate_cast(const std::string& source, const std::string& target, bool modified,
                     const Catalog& catalog);

}  // namespace chaperone::rules
