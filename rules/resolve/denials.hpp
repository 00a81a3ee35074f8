#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/resolve/resolve.hpp"

/// The words of a refusal (product.md, "A denial teaches"): what was wrong and what is allowed, so that the
/// message alone is enough to do better. Names that are hidden and names that do not exist read the same.
namespace chaperone::rules {

/// What one does to a table or column, for messages ("may not read ..") and rule ids.
enum class Action : std::uint8_t { kRead, kInsert, kUpdate, kDelete };
/// read, insert, update, delete: the key of the policy.
std::string_view key_of(Action action);
bool allows(const TableRule& rule, Action action);

/// As one would write it: without the schema where the name alone finds it.
std::string table_name(const Catalog& catalog, std::string_view schema, std::string_view name);
/// tables.customers.read.columns; `tail` without the leading dot.
std::string table_rule_id(std::string_view schema, std::string_view name, std::string_view tail);

/// A list of names for a message: at most some twenty, then how many more.
std::string list_names(const std::vector<std::string>& names);

/// "may not read column "ssn" of "customers"; it may read id, name, email (masked)". `relation` is one that
/// the rule belongs to; `allowed` are its columns that may be used this way.
Denial column_denial(const Catalog& catalog, const Relation& relation, const TableRule* rule, Action action,
                     std::string_view column, const std::vector<std::string_view>& allowed,
                     std::uint32_t offset);

/// A table that the capability does not name, that is not there, or that may not be used this way.
Denial table_denial(const Catalog& catalog, const Capability& capability, Action action,
                    std::span<const std::string_view> names, const Relation* relation, std::uint32_t offset);

/// PostgreSQL's own error, for a name that means nothing whatever the policy says.
Denial name_error(std::string_view sqlstate, std::string message, std::uint32_t offset);

/// More names than can be resolved in bounded time.
Denial too_complex();

}  // namespace chaperone::rules
