#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/policy/problems.hpp"

/// The policies of row-level security that `rows: {.., enforce: rls}` leaves its filter to (docs/broker.md).
namespace chaperone::rules {

/// Which statements a policy is for, as CREATE POLICY .. FOR says it.
enum class RowCommand : std::uint8_t { kSelect, kInsert, kUpdate, kDelete };
std::string_view name_of(RowCommand command);

/// One CREATE POLICY.
struct RowPolicy {
  std::string name;        ///< begins with kRowPolicyPrefix, at most 63 bytes
  std::string role;        ///< of the capability
  std::string capability;  ///< its name
  RowCommand command = RowCommand::kSelect;
  bool restrictive = false;
  std::string condition;  ///< USING, of an INSERT WITH CHECK: SQL, every name qualified
  Mark mark;              ///< of the filter

  std::string digest() const;  ///< of the condition, by which another one is told
};

/// The policies of one table.
struct RowPolicies {
  std::string schema;
  std::string table;
  std::vector<RowPolicy> policies;
  std::vector<std::string> notes;  ///< for the DBA
};

inline constexpr std::string_view kRowPolicyPrefix = "chaperone_";
/// The policy that keeps all other roles seeing all rows, where row-level security was off before.
inline constexpr std::string_view kOtherRolesPolicy = "chaperone_others";

/// For each table with such a filter. PostgreSQL shows what any permissive policy and every restrictive one
/// of a role lets pass. So each capability of the table has a permissive policy for each thing that it may do
/// there, which opens its rows, and where row-level security is to hold a restrictive one, so that no policy
/// that is there for others opens more. A lease with several capabilities must see what any of them shows:
/// each restrictive policy lets pass, too, what the others of the table show to those who hold them. A filter
/// of theirs with a subquery stays out of that (it would take their privileges of everybody), so that such a
/// lease sees less. Parameters come from chaperone.lease_parameter(), never from a setting. `set` of an
/// insert is checked where it is a plain value. What can't be told is a problem; `file` is the policy's name
/// in messages.
std::vector<RowPolicies> row_policies(const PolicySet& policy, const Catalog& catalog,
                                      const std::string& file, Problems& problems);

}  // namespace chaperone::rules
