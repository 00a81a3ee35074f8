#include <fmt/format.h>

#include "rules/policy/load_parts.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

/// Puts the actions that one capability allows on a table beside those of the other.
void merge_table(const TableRule& from, TableRule& to) {
  if (from.read) to.read = from.read;
  if (from.insert) to.insert = from.insert;
  if (from.update) to.update = from.update;
  if (from.remove) to.remove = from.remove;
}

/// One thing that two capabilities say is a conflict, unless both have it from the same place.
bool agree(const yaml::Value& entry, const CapabilityDraft& from, const CapabilityDraft& to) {
  bool good = true;
  for (const auto& [what, mark] : from.places) {
    const auto found = to.places.find(what);
    if (found == to.places.end() || found->second == mark) continue;
    good = false;
    entry.problem(fmt::format("{} has {} (line {}) and so has {} (line {})", in_quotes(from.capability.name),
                              what, mark.line, in_quotes(to.capability.name), found->second.line),
                  "it in one of them");
  }
  return good;
}

void merge(const CapabilityDraft& from, CapabilityDraft& to) {
  Capability& target = to.capability;
  const Capability& source = from.capability;
  for (const auto& [name, table] : source.tables) {
    const auto [found, fresh] = target.tables.emplace(name, table);
    if (!fresh) merge_table(table, found->second);
  }
  target.function_sets.insert(source.function_sets.begin(), source.function_sets.end());
  target.functions.insert(source.functions.begin(), source.functions.end());
  target.statements.insert(source.statements.begin(), source.statements.end());
  target.settings.insert(source.settings.begin(), source.settings.end());
  target.introspection = target.introspection || source.introspection;
  if (source.limits.rows) {
    target.limits.rows = source.limits.rows;
    target.limits.rows_fail = source.limits.rows_fail;
  }
  if (source.limits.bytes) target.limits.bytes = source.limits.bytes;
  if (source.limits.time) target.limits.time = source.limits.time;
  to.places.insert(from.places.begin(), from.places.end());
  to.marks.insert(from.marks.begin(), from.marks.end());
}

void merge_into(CapabilityDraft& draft, Drafts& drafts) {
  if (draft.merged) return;
  draft.merging = true;
  std::vector<std::string_view> known = {"introspection"};
  for (const auto& [name, other] : drafts) {
    if (&other != &draft) known.push_back(name);
  }
  for (const yaml::Value& entry : draft.includes) {
    const std::string name = entry.text("").value_or("");
    if (name == "introspection") {
      draft.capability.introspection = true;
      continue;
    }
    const auto found = drafts.find(name);
    if (found == drafts.end()) {
      entry.problem(fmt::format("there is no capability {}", in_quotes(name)),
                    with_suggestion(one_of(known), name, known));
      continue;
    }
    found->second.included = true;
    if (found->second.merging) {
      entry.problem(
          fmt::format("{} includes itself by way of {}", in_quotes(name), in_quotes(draft.capability.name)),
          "no circle of includes");
      continue;
    }
    merge_into(found->second, drafts);
    draft.merged_names.insert(name);
    draft.merged_names.insert(found->second.merged_names.begin(), found->second.merged_names.end());
    if (agree(entry, found->second, draft)) merge(found->second, draft);
  }
  draft.merging = false;
  draft.merged = true;
}

}  // namespace

void merge_includes(Drafts& drafts) {
  for (auto& [name, draft] : drafts) merge_into(draft, drafts);
}

}  // namespace chaperone::rules
