#include "rules/builtin/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <vector>

#include "rules/builtin/builtin_tables.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::array<std::string_view, 13> kKindNames = {"never",   "shown",    "back",     "any",    "one",
                                                         "boolean", "on",       "readonly", "number", "time",
                                                         "size",    "encoding", "path"};
/// PostgreSQL's timeouts are int32 milliseconds.
constexpr std::int64_t kLongest = std::numeric_limits<std::int32_t>::max();

struct Unit {
  std::string_view name;
  std::int64_t times;
};
/// guc.c; "us" is a thousandth and stands apart.
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> kSizeUnits = {{{"kB", 1}, {"MB", 1024}, {"GB", 1024 * 1024}, {"TB", 1 << 30}}};

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<Setting> read_settings() {
  std::vector<Setting> found;
  std::string_view table = tables::kSettings;
  while (!table.empty()) {
    std::string_view line = take(table, '\n');
    Setting row;
    row.name = take(line, '\t');
    const auto kind = std::find(kKindNames.begin(), kKindNames.end(), take(line, '\t'));
    std::string_view bounds = take(line, '\t');
    row.fixed = take(line, '\t') == "fixed";
    row.reason = line;
    if (kind == kKindNames.end()) throw std::logic_error("settings.tsv: " + std::string(row.name));
    row.kind = static_cast<SettingKind>(kind - kKindNames.begin());
    if (row.kind == SettingKind::kOne) row.values = bounds;
    if (row.kind >= SettingKind::kNumber && row.kind <= SettingKind::kSize) {
      row.least = integer(take(bounds, '.')).value();
      row.within_limit = bounds == ".limit";
      row.most = row.within_limit ? kLongest : integer(bounds.substr(1)).value();
    }
    found.push_back(row);
  }
  return found;
}

/// bool.c parse_bool_with_len.
std::optional<bool> boolean(std::string_view text) {
  const auto starts = [&](std::string_view word, std::size_t least) {
    return text.size() >= least && text.size() <= word.size() && same(text, word.substr(0, text.size()));
  };
  if (starts("true", 1) || starts("yes", 1) || starts("on", 2) || text == "1") return true;
  if (starts("false", 1) || starts("no", 1) || starts("off", 2) || text == "0") return false;
  return std::nullopt;
}

/// encnames.c clean_encoding_name: letters and digits alone count.
bool is_utf8(std::string_view text) {
  std::string clean;
  for (const char c : text) {
    const char small = lower(c);
    if ((small >= 'a' && small <= 'z') || (small >= '0' && small <= '9')) clean += small;
  }
  return clean == "utf8" || clean == "unicode";
}

/// varlena.c SplitIdentifierString, for plain names; nullopt: it is not that simple.
std::optional<std::vector<std::string>> split_names(std::string_view text) {
  std::vector<std::string> names;
  std::size_t i = 0;
  const auto skip_spaces = [&] { i = std::min(text.find_first_not_of(" \t\n\r\f", i), text.size()); };
  while (true) {
    skip_spaces();
    std::string name;
    if (i < text.size() && text[i] == '"') {
      const std::size_t end = text.find('"', i + 1);
      if (end == std::string_view::npos || text.substr(end + 1).starts_with('"')) return std::nullopt;
      name = text.substr(i + 1, end - i - 1);
      i = end + 1;
    } else {
      for (; i < text.size() && text.substr(i, 1).find_first_of(", \t\n\r\f") == std::string_view::npos; ++i)
        name += lower(text[i]);
    }
    if (name.empty() || name.size() > 63) return std::nullopt;
    names.push_back(std::move(name));
    skip_spaces();
    if (i == text.size()) return names;
    if (text[i++] != ',') return std::nullopt;
  }
}

template <class Names>
bool is_path(const Names& names, std::span<const std::string> pinned) {
  return std::equal(names.begin(), names.end(), pinned.begin(), pinned.end());
}

std::int64_t most_of(const Setting& setting, const SettingBounds& bounds) {
  if (!setting.within_limit || !bounds.time) return setting.most;
  return std::min<std::int64_t>(setting.most, bounds.time->count());
}

bool admits_one(const Setting& setting, std::string_view value, const SettingBounds& bounds) {
  switch (setting.kind) {
    case SettingKind::kNever:
    case SettingKind::kShown:
    case SettingKind::kBack:
    case SettingKind::kPath:
      return false;
    case SettingKind::kAny:
      return true;
    case SettingKind::kOne:
      for (std::string_view rest = setting.values; !rest.empty();)
        if (same(take(rest, ','), value)) return true;
      return false;
    case SettingKind::kBoolean:
      return boolean(value).has_value();
    case SettingKind::kOn:
      return boolean(value) == true;
    case SettingKind::kReadOnly:
      return boolean(value) == true || (bounds.writes && boolean(value) == false);
    case SettingKind::kEncoding:
      return is_utf8(value);
    case SettingKind::kNumber:
    case SettingKind::kTime:
    case SettingKind::kSize: {
      const auto given = amount(setting, value);
      return given && *given >= setting.least && *given <= most_of(setting, bounds);
    }
  }
  return false;
}

}  // namespace

std::span<const Setting> settings() {
  static const auto& table = *new std::vector<Setting>(read_settings());
  return table;
}

const Setting* find_setting(std::string_view name) {
  const auto found = std::find_if(settings().begin(), settings().end(),
                                  [&](const Setting& setting) { return same(setting.name, name); });
  return found == settings().end() ? nullptr : &*found;
}

bool admits(const Setting& setting, std::span<const std::string_view> values, const SettingBounds& bounds) {
  if (setting.kind == SettingKind::kPath) return is_path(values, bounds.search_path);
  if (setting.kind == SettingKind::kAny) return true;
  return values.size() == 1 && admits_one(setting, values.front(), bounds);
}

bool admits_text(const Setting& setting, std::string_view value, const SettingBounds& bounds) {
  if (setting.kind != SettingKind::kPath) return admits_one(setting, value, bounds);
  const auto names = split_names(value);
  return names && is_path(*names, bounds.search_path);
}

std::optional<std::int64_t> amount(const Setting& setting, std::string_view value) {
  const std::size_t digits = value.starts_with('-') ? 1 : 0;
  const std::size_t end = std::min(value.find_first_not_of("0123456789", digits), value.size());
  const std::string_view number = value.substr(0, end);
  // strtol() with base 0: a leading zero is octal.
  if (number.size() > digits + 1 && number[digits] == '0') return std::nullopt;
  const auto given = integer(number);
  if (!given || std::abs(*given) > kLongest) return std::nullopt;
  std::string_view unit = value.substr(end);
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  if (unit.empty()) return unit.data() == value.data() + end ? given : std::nullopt;
  std::span<const Unit> units;
  if (setting.kind == SettingKind::kTime) units = kTimeUnits;
  if (setting.kind == SettingKind::kSize) units = kSizeUnits;
  if (setting.kind == SettingKind::kTime && unit == "us") return *given / 1000;
  for (const Unit& known : units)
    if (known.name == unit) return *given * known.times;
  return std::nullopt;
}

std::string describe_values(const Setting& setting, const SettingBounds& bounds) {
  switch (setting.kind) {
    case SettingKind::kNever:
    case SettingKind::kShown:
      return "nothing";
    case SettingKind::kBack:
      return "DEFAULT";
    case SettingKind::kAny:
      return "any value";
    case SettingKind::kOne: {
      std::string text;
      for (std::string_view rest = setting.values; !rest.empty();) {
        const std::string_view value = take(rest, ',');
        if (!text.empty()) text += rest.empty() ? " or " : ", ";
        text += value;
      }
      return text;
    }
    case SettingKind::kBoolean:
      return "on or off";
    case SettingKind::kOn:
      return "on";
    case SettingKind::kReadOnly:
      return bounds.writes ? "on or off" : "on";
    case SettingKind::kEncoding:
      return "UTF8";
    case SettingKind::kPath:
      return fmt::format("{}", fmt::join(bounds.search_path, ", "));
    case SettingKind::kNumber:
      return fmt::format("{} to {}", setting.least, setting.most);
    case SettingKind::kTime:
      return fmt::format("{} to {} milliseconds", setting.least, most_of(setting, bounds));
    case SettingKind::kSize:
      return fmt::format("{} to {} kB", setting.least, setting.most);
  }
  return {};
}

}  // namespace chaperone::rules
