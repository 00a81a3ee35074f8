#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// The settings of the set `session`: what an agent may SHOW, SET and RESET, and with which values
/// (rules/builtin/settings.tsv). A setting that is not in the table is neither shown nor set.
namespace chaperone::rules {

enum class SettingKind : std::uint8_t {
  kNever,     ///< neither shown nor set
  kShown,     ///< shown, never set
  kBack,      ///< shown, and put back to what it was at login
  kAny,       ///< any value, of several parts too
  kOne,       ///< one of `values`, in any case of letters
  kBoolean,   ///< on or off, as PostgreSQL reads it
  kOn,        ///< on alone
  kReadOnly,  ///< on, and off where something may be written
  kNumber,    ///< an integer
  kTime,      ///< milliseconds, or with a unit
  kSize,      ///< kilobytes, or with a unit
  kEncoding,  ///< a name of UTF8
  kPath,      ///< the pinned search_path alone
};

struct Setting {
  std::string_view name;  ///< lower case
  SettingKind kind = SettingKind::kNever;
  std::string_view values;  ///< of kOne, between commas
  std::int64_t least = 0;   ///< of kNumber, kTime, kSize
  std::int64_t most = 0;
  bool within_limit = false;  ///< of kTime: `most` is the capability's limit of time, where it has one
  bool fixed = false;         ///< no policy may widen it: meaning of SQL or secrecy of the policy hang on it
  std::string_view reason;    ///< for messages: "may be lowered; 0 means unlimited"

  bool is_shown() const { return kind != SettingKind::kNever; }
  /// Also RESET and SET .. TO DEFAULT, which return to what the proxy pinned at login.
  bool is_set() const { return kind > SettingKind::kShown; }
};

/// What the bounds of some settings depend on.
struct SettingBounds {
  std::span<const std::string> search_path;  ///< the pinned one
  std::optional<std::chrono::milliseconds> time;
  bool writes = false;  ///< something may be written
};

/// All of the table, by name.
std::span<const Setting> settings();
/// By name in any case of letters; nullptr: not in the table.
const Setting* find_setting(std::string_view name);

/// Whether SET name TO values is within bounds; the texts of its constants, in their order. A value that is
/// not a constant is for kAny alone to allow.
bool admits(const Setting& setting, std::span<const std::string_view> values, const SettingBounds& bounds);
/// The same for set_config(name, value): a list is one text there, with its elements between commas.
bool admits_text(const Setting& setting, std::string_view value, const SettingBounds& bounds);

/// The value in the setting's own unit (kNumber, kTime in milliseconds, kSize in kilobytes), rounded down, as
/// "5000", "5s", "64MB"; nullopt: it is none, or one that PostgreSQL reads in another way than it looks (010,
/// 0x10, 1.5s).
std::optional<std::int64_t> amount(const Setting& setting, std::string_view value);

/// For messages: "1 to 5000 milliseconds", "notice, warning or error", "on".
std::string describe_values(const Setting& setting, const SettingBounds& bounds);

}  // namespace chaperone::rules
