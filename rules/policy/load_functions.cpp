#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/builtin/builtin.hpp"
#include "rules/policy/load_parts.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::string_view kFunctions = "a list of sets and functions, as [safe, public.word_count]";
constexpr std::array<std::string_view, 4> kSets = {"safe", "json", "text_search", "introspection"};

/// What no policy can open: it would undo what the proxy holds.
bool is_closed(BuiltinClass value) {
  switch (value) {
    case BuiltinClass::kRunsSql:
    case BuiltinClass::kFiles:
    case BuiltinClass::kSecrets:
    case BuiltinClass::kSettings:
    case BuiltinClass::kSessions:
    case BuiltinClass::kTypeIo:
    case BuiltinClass::kInternal:
      return true;
    default:
      return false;
  }
}

/// The schema of a function that is named without one: pg_catalog, which comes first, or the first of the
/// search_path.
std::string schema_of(std::string_view name, const Catalog& catalog) {
  if (builtin().find_name(name) != nullptr) return "pg_catalog";
  for (const std::string& schema : catalog.search_path()) {
    if (!catalog.functions(schema, name).empty()) return schema;
  }
  return "";
}

/// An operator of the database is named like a function. Finds the schema where there is none.
bool is_operator(std::pair<std::string, std::string>& name, const Catalog& catalog) {
  if (!name.first.empty()) return catalog.has_operator(name.first, name.second);
  for (const std::string& schema : catalog.search_path()) {
    if (!catalog.has_operator(schema, name.second)) continue;
    name.first = schema;
    return true;
  }
  return false;
}

/// Finds what a name names; false, with a problem, where that is nothing that can be allowed.
bool resolve(const yaml::Value& entry, std::string_view text, const Loading& loading,
             std::pair<std::string, std::string>& name) {
  const Catalog& catalog = *loading.catalog;
  if (is_operator(name, catalog)) return true;
  if (name.first.empty()) name.first = schema_of(name.second, catalog);
  const bool own = name.first == "pg_catalog" || name.first == "information_schema";
  const BuiltinName* known = own ? builtin().find_name(name.second, name.first) : nullptr;
  if (name.first.empty() || (own && known == nullptr) ||
      (!own && catalog.functions(name.first, name.second).empty())) {
    std::vector<std::string> names(kSets.begin(), kSets.end());
    for (const Function& function : catalog.functions())
      names.push_back(function.schema + "." + function.name);
    const std::vector<std::string_view> views(names.begin(), names.end());
    entry.problem(
        fmt::format("there is no function or set {}", in_quotes(text)),
        with_suggestion("a set (safe, json, text_search, introspection) or a function of the database", text,
                        views));
    return false;
  }
  if (known == nullptr) return true;
  if (is_closed(known->value)) {
    entry.problem(fmt::format("the function {} can't be opened ({})", in_quotes(text), known->reason),
                  "the list without it");
    return false;
  }
  if (!is_allowed(known->value)) {
    loading.problems.warn(loading.file, entry.mark(),
                          fmt::format("the function {} is in no set ({})", in_quotes(text), known->reason),
                          "leave it out unless the agent needs it");
  }
  return true;
}

}  // namespace

void load_functions(const yaml::Value& value, const Loading& loading, Capability& capability) {
  const auto list = value.list(kFunctions);
  if (value.is_list() && list.empty()) value.problem(fmt::format("{} is empty", value.path()), kFunctions);
  for (const yaml::Value& entry : list) {
    const auto text = entry.text("a set of functions or a function's name");
    if (!text) continue;
    bool fresh = true;
    if (std::find(kSets.begin(), kSets.end(), *text) != kSets.end()) {
      fresh = capability.function_sets.insert(*text).second;
    } else {
      auto name = split_name(entry, *text);
      if (name.second.empty() || (loading.catalog != nullptr && !resolve(entry, *text, loading, name)))
        continue;
      fresh = capability.functions.insert(std::move(name)).second;
    }
    if (!fresh)
      entry.problem(fmt::format("{} is in the list already", in_quotes(*text)), "each function once");
  }
}

}  // namespace chaperone::rules
