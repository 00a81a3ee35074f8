#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/policy/problems.hpp"

/// What a policy needs of the database itself, for roles that hold no more than that: the wall behind the
/// proxy (docs/broker.md).
namespace chaperone::rules {

enum class GrantObject : std::uint8_t {
  kDatabase,  ///< the one that the catalog is of
  kSchema,
  kRelation,  ///< tables, views and the like; with `column`: that column alone. System columns too (ctid)
  /// The sequences that a column's default takes numbers from: which ones only the database knows, and
  /// default_sequences_query() tells. Not those of identity columns, which need nothing. Without `column`
  /// those of all columns: of a view, what the tables beneath it have.
  kDefault,
  kFunction,  ///< and procedures, aggregates
};

enum class Privilege : std::uint8_t {
  kConnect,
  kUsage,
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kTruncate,
  kExecute,
};
/// As GRANT says it: "SELECT".
std::string_view name_of(Privilege privilege);

/// One privilege on one object for one role, as aclexplode() has it.
struct Grant {
  std::string role;
  GrantObject object = GrantObject::kRelation;
  std::string schema;  ///< empty of a database
  std::string name;    ///< empty of a database and of a schema
  std::string column;  ///< empty: the whole relation
  /// Of a function: its types as SQL ("pg_catalog.int4, pg_catalog.text"). Of one of PostgreSQL's own (schema
  /// pg_catalog) empty: all of the name, which PUBLIC may execute unless somebody has taken that away.
  std::string arguments;
  Privilege privilege = Privilege::kSelect;

  auto operator<=>(const Grant&) const = default;
};

/// The line of the policy that a grant comes from.
struct GrantReason {
  Mark mark;
  std::string rule;  ///< tables.tickets.read.columns; functions
};

/// What no grant can give, or only one that is wider than the policy: for the DBA to know.
struct GrantNote {
  std::string role;
  Mark mark;
  std::string text;
};

struct Grants {
  std::map<std::string, std::string> capabilities;  ///< by role: the capability's name
  std::map<Grant, GrantReason> grants;              ///< in the order of role, object, schema, name, column
  std::vector<GrantNote> notes;

  bool has(const Grant& grant) const { return grants.contains(grant); }
};

/// Exactly what the capabilities need that an agent names, each in a role of its own, so that what the proxy
/// lets pass runs, and nothing else does:
/// - SELECT on columns that are shown, unless their mask does not read them; that RETURNING may name; and
/// that
///   filters, masks and their subqueries read. A filter of `enforce: rls` is evaluated by the database, with
///   no regard to privileges on its table, but with regard to those on the tables of its subqueries.
/// - SELECT on a whole table where `read` is "*" without a mask: that says "the columns of tomorrow too", as
/// the
///   privilege does; and it is what system columns and LOCK take. Else by column, so that count(*), SELECT *
///   as the proxy writes it and FOR UPDATE work, and a new column stays closed.
/// - INSERT and UPDATE by column, with `set`; DELETE; TRUNCATE where the policy lets the table be emptied.
/// - USAGE on schemas, on sequences behind defaults; EXECUTE; CONNECT.
/// Role names of more than 63 bytes, which PostgreSQL would cut, are problems. Pure; `file` is the policy's
/// name in messages.
Grants needed_grants(const PolicySet& policy, const Catalog& catalog, const std::string& file,
                     Problems& problems);

/// SQL whose rows are schema, relation, column, schema of a sequence, its name: what kDefault means in a live
/// database. The column is NULL of a view. Any role may ask; pg_catalog has to come first in the search_path.
std::string_view default_sequences_query();

}  // namespace chaperone::rules
