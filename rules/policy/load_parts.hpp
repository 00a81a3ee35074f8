#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/policy/problems.hpp"
#include "rules/policy/yaml.hpp"

/// Between the files that load a policy; nobody else includes it.
namespace chaperone::rules {

struct Loading {
  const std::string& file;
  const Catalog* catalog;  ///< nullptr: the structure alone
  Problems& problems;
  std::string salt = {};  ///< of the mask `hash`; empty: none is given
};

/// A capability while it is being put together.
struct CapabilityDraft {
  Capability capability;
  /// Where each thing stands that may stand once: "tables.public.tickets.read", "limits.rows".
  std::map<std::string, Mark, std::less<>> places;
  /// Where the keys below stand, for checks that come later: "tables.public.tickets.update.by".
  std::map<std::string, Mark, std::less<>> marks;
  std::vector<yaml::Value> includes;
  std::set<std::string, std::less<>> merged_names;  ///< what came in by `include`, at any depth
  bool included = false;                            ///< in another one
  bool merging = false;                             ///< its includes are being merged
  bool merged = false;

  /// Where a key below a table's stands, or the table.
  Mark mark_of(const TableRule& table, std::string_view below) const;
};
using Drafts = std::map<std::string, CapabilityDraft, std::less<>>;

/// A name of one or two parts, each in double quotes where it holds a dot or a quote itself. Reports to
/// `value` and gives empty parts where it is none.
std::pair<std::string, std::string> split_name(const yaml::Value& value, const std::string& text);

void load_capability(const yaml::Value& value, Loading& loading, CapabilityDraft& draft);
void load_tables(const yaml::Value& value, Loading& loading, CapabilityDraft& draft);
void load_functions(const yaml::Value& value, const Loading& loading, Capability& capability);
/// Merges what the drafts include into them. Names that are not there, cycles and conflicts are problems.
void merge_includes(Drafts& drafts);
/// Checks how the rules of a capability, with all that it includes, fit together.
void check_capability(const CapabilityDraft& draft, Loading& loading);
/// Checks that each agent has the parameters that its capabilities use, of a form that their types take.
void check_parameters(const PolicySet& policy, Loading& loading);

}  // namespace chaperone::rules
