#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "rules/builtin/settings.hpp"
#include "rules/policy/load_parts.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kStatements = "a list of kinds of statement, as [truncate, lock]";
constexpr std::array<std::string_view, 7> kStatementClasses = {"truncate", "listen",    "notify", "call",
                                                               "ddl",      "copy_from", "lock"};
constexpr std::uint64_t kMostRows = 1'000'000'000;

/// The entries of a list that may not be empty.
std::vector<yaml::Value> entries_of(const yaml::Value& value, std::string_view expected) {
  auto list = value.list(expected);
  if (value.is_list() && list.empty()) value.problem(fmt::format("{} is empty", value.path()), expected);
  return list;
}

void load_statements(const yaml::Value& value, Capability& capability) {
  for (const yaml::Value& entry : entries_of(value, kStatements)) {
    const auto kind = entry.choice(kStatementClasses);
    if (kind && !capability.statements.insert(static_cast<StatementClass>(*kind)).second) {
      entry.problem(fmt::format("{} is in the list already", kStatementClasses[*kind]), "each kind once");
    }
  }
}

std::optional<SettingRule> load_setting(const yaml::Value& value) {
  constexpr std::string_view kSetting = "allow, deny, a list of values or {max: 64MB}";
  SettingRule rule;
  rule.mark = value.key_mark();
  if (value.is_list()) {
    for (const yaml::Value& entry : entries_of(value, kSetting)) {
      if (auto text = entry.text("a value of the setting")) rule.values.push_back(std::move(*text));
    }
    return rule;
  }
  if (value.is_map()) {
    yaml::Map map = value.map(kSetting);
    if (const auto most = map.need("max", "{max: 64MB}")) rule.most = most->text("a value of the setting");
    return rule;
  }
  static constexpr std::array<std::string_view, 2> kWords = {"allow", "deny"};
  if (!value.is_scalar()) {
    value.list(kSetting);
    return {};
  }
  const auto word = value.choice(kWords);
  if (!word) return {};
  rule.allow = *word == 0;
  return rule;
}

void load_settings(const yaml::Value& value, const Loading& loading, CapabilityDraft& draft) {
  yaml::Map map = value.map("a map of settings, as {work_mem: {max: 64MB}}");
  const auto entries = map.entries();
  if (value.is_map() && entries.empty())
    value.problem(fmt::format("{} is empty", value.path()), "a setting, or no key `settings`");
  for (const auto& [name, entry] : entries) {
    const std::string folded = lower(name);
    if (draft.capability.settings.contains(folded)) {
      entry.problem_at_key(fmt::format("the setting {} stands twice", folded),
                           "it once, since case makes no difference");
      continue;
    }
    const Setting* known = find_setting(folded);
    if (folded.starts_with("chaperone.")) {
      entry.problem_at_key(fmt::format("the setting {} is the proxy's own", folded), "`settings` without it");
      continue;
    }
    if (known != nullptr && known->fixed) {
      loading.problems.warn(loading.file, entry.key_mark(),
                            fmt::format("the setting {} stays as it is ({})", folded, known->reason),
                            "leave it out");
    }
    if (auto rule = load_setting(entry)) {
      draft.capability.settings.emplace(folded, std::move(*rule));
      draft.places.emplace("settings." + folded, entry.key_mark());
    }
  }
}

void load_limits(const yaml::Value& value, CapabilityDraft& draft) {
  ResultLimits& limits = draft.capability.limits;
  yaml::Map map = value.map("a map, as {rows: 1000, bytes: 8MiB, time: 5s}");
  bool any = false;
  const auto find = [&](const char* key) {
    auto found = map.find(key);
    if (found) draft.places.emplace(fmt::format("limits.{}", key), found->key_mark());
    any = any || found;
    return found;
  };
  if (const auto rows = find("rows")) {
    if (rows->is_map()) {
      yaml::Map bound = rows->map("{max: 1000, over: fail}");
      static constexpr std::array<std::string_view, 2> kOver = {"cut", "fail"};
      if (const auto most = bound.need("max", "{max: 1000, over: fail}"))
        limits.rows = most->integer(1, kMostRows);
      if (const auto over = bound.find("over")) limits.rows_fail = over->choice(kOver) == std::size_t{1};
    } else {
      limits.rows = rows->integer(1, kMostRows);
    }
  }
  if (const auto bytes = find("bytes")) limits.bytes = bytes->size(1ULL << 10, 1ULL << 40);
  if (const auto time = find("time")) limits.time = time->duration(1ms, 24h);
  if (value.is_map() && !any) {
    value.problem(fmt::format("{} is empty", value.path()), "rows, bytes or time, or no key `limits`");
  }
}

void load_includes(const yaml::Value& value, CapabilityDraft& draft) {
  constexpr std::string_view kInclude = "a list of capabilities, as [introspection]";
  std::vector<std::string> seen;
  for (const yaml::Value& entry : entries_of(value, kInclude)) {
    auto name = entry.text("the name of a capability");
    if (!name) continue;
    if (std::find(seen.begin(), seen.end(), *name) != seen.end()) {
      entry.problem(fmt::format("{} is in the list already", in_quotes(*name)), "each capability once");
      continue;
    }
    seen.push_back(std::move(*name));
    draft.includes.push_back(entry);
  }
}

}  // namespace

std::pair<std::string, std::string> split_name(const yaml::Value& value, const std::string& text) {
  std::vector<std::string> parts(1);
  bool good = true;
  for (std::size_t i = 0; i < text.size() && good;) {
    if (text[i] == '"' && parts.back().empty()) {
      // As in SQL: up to the next quote that is not doubled.
      bool closed = false;
      for (++i; i < text.size() && !closed; ++i) {
        if (text[i] != '"') {
          parts.back() += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          parts.back() += text[++i];
        } else {
          closed = true;
        }
      }
      good = closed && (i == text.size() || text[i] == '.');
    } else if (text[i] == '.') {
      good = !parts.back().empty();
      parts.emplace_back();
      ++i;
    } else {
      good = text[i] != '"';
      parts.back() += text[i++];
    }
  }
  if (!good || parts.size() > 2 || parts.back().empty()) {
    value.problem_at_key(fmt::format("{} is no name", in_quotes(text)),
                         "name or schema.name, as PostgreSQL stores them; a part with a dot or quote in it "
                         "in double quotes");
    return {};
  }
  if (parts.size() == 1) return {"", std::move(parts[0])};
  return {std::move(parts[0]), std::move(parts[1])};
}

void load_capability(const yaml::Value& value, Loading& loading, CapabilityDraft& draft) {
  yaml::Map map = value.map("a map, as {tables: {tickets: {read: {columns: [id]}}}}");
  if (const auto description = map.find("description")) {
    draft.capability.description = description->text("a sentence").value_or("");
  }
  const auto include = map.find("include");
  const auto tables = map.find("tables");
  const auto functions = map.find("functions");
  const auto statements = map.find("statements");
  const auto settings = map.find("settings");
  if (include) load_includes(*include, draft);
  if (tables) load_tables(*tables, loading, draft);
  if (functions) load_functions(*functions, loading, draft.capability);
  if (statements) {
    draft.marks.emplace("statements", statements->key_mark());
    load_statements(*statements, draft.capability);
  }
  if (settings) load_settings(*settings, loading, draft);
  if (const auto limits = map.find("limits")) load_limits(*limits, draft);
  if (value.is_map() && !tables && !functions && !statements && !settings && !include) {
    value.problem_at_key(fmt::format("{} allows nothing", value.path()), "tables, functions or include");
  }
}

}  // namespace chaperone::rules
