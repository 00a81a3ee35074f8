#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/builtin/introspection.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"

/// The system relations as a capability shows them: the columns of `introspection`, and of the rows those
/// about PostgreSQL itself and about the tables, columns and functions that the capability names
/// (rules/builtin/rows.tsv). A table is shown when the capability names it for any action; a column when it
/// may be read, written, returned or pinned by.
///
/// The filters name tables by schema and name, and the server looks them up: what is dropped, made anew or
/// added after the policy was loaded is hidden, never an error. They are total, and stand beside an OR, so
/// that no planner makes a join of one.
namespace chaperone::rules {

class Projection {
 public:
  Projection(const Capability& capability, const Catalog& catalog)
      : capability_(capability), catalog_(catalog) {}

  /// The rule of a system relation that introspection shows, made at the first call; lives as long as the
  /// Projection. nullptr: all of it is shown.
  const TableRule* rule_of(const Relation& relation, const SystemRelation& system);

  /// The condition over a system relation's own columns, for look-ups of one object: "all" of its rows is an
  /// Expression without parts. `part`: that of those about which some functions tell, "sizes".
  Expression rows_of(const Relation& relation, std::string_view part = {}) const;

 private:
  const Capability& capability_;
  const Catalog& catalog_;
  std::map<std::pair<std::string, std::string>, TableRule, QualifiedLess> rules_;
};

/// What the filters read, each name in its parts: catalogs, and the names that they give to sets.
const std::set<std::vector<std::string>>& projection_relations();

}  // namespace chaperone::rules
