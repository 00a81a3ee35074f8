#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/catalog.hpp"
#include "rules/policy.hpp"
#include "rules/problems.hpp"
#include "rules/yaml.hpp"

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
  std::vector<yaml::Value> includes;
  bool merging = false;  ///< its includes are being merged
  bool merged = false;
};

/// A name of one or two parts, each in double quotes where it holds a dot or a quote itself. Reports to
/// `value` and gives empty parts where it is none.
std::pair<std::string, std::string> split_name(const yaml::Value& value, const std::string& text);

void load_capability(const yaml::Value& value, Loading& loading, CapabilityDraft& draft);
void load_tables(const yaml::Value& value, Loading& loading, CapabilityDraft& draft);
/// Merges what the drafts include into them. Names that are not there, cycles and conflicts are problems.
void merge_includes(std::map<std::string, CapabilityDraft, std::less<>>& drafts, Loading& loading);

}  // namespace chaperone::rules
