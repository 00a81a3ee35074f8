#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/policy/problems.hpp"

/// The one strict reader of YAML, for the configuration and for policies. It reads a small part of YAML: one
/// document of maps, lists and scalars in UTF-8. Anchors, aliases and tags are refused (each place says
/// itself what it means, and nothing can multiply), as are keys that stand twice.
///
///     Problems problems;
///     const auto document = yaml::Document::from_file("chaperone.yaml", problems);
///     yaml::Map root = document.root().map("a map of settings");
///     if (const auto drain = root.find("drain")) value = drain->duration(0s, 1h).value_or(value);
///     // where `root` goes out of scope, every key that was never asked for is reported
///
/// Every reading function reports what is wrong to the Problems and then gives nothing, so that one run finds
/// all.
namespace chaperone::rules::yaml {

struct Member;
struct Node;
class Map;

/// Larger, deeper or longer than any hand-written file.
inline constexpr std::size_t kMaxFileBytes = 1U << 20;
inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxNodes = 50'000;

/// A value and its place in the file: a view that lives as long as its document and the Problems.
class Value {
 public:
  bool is_null() const;
  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;
  /// A scalar without quotes, so that `7` is a number and `claim x` a keyword.
  bool is_plain() const;
  /// A scalar as it is written: `7`, `off` and `"7"` are text alike. Empty and null are problems.
  std::optional<std::string> text(std::string_view expected) const;
  /// A scalar that may hold line ends and may be empty: SQL.
  std::optional<std::string> any_text(std::string_view expected) const;
  /// Decimal digits, not in quotes.
  std::optional<std::uint64_t> integer(std::uint64_t least, std::uint64_t most) const;
  /// `true` or `false`, not in quotes.
  std::optional<bool> boolean() const;
  /// Bytes: 512, 64KiB, 1MiB, 1GiB.
  std::optional<std::uint64_t> size(std::uint64_t least, std::uint64_t most) const;
  /// 500ms, 10s, 15m, 1h.
  std::optional<std::chrono::milliseconds> duration(std::chrono::milliseconds least,
                                                    std::chrono::milliseconds most) const;
  /// One of some words, as its index. `later`: words that have a meaning, but none of them is served, and
  /// `why`.
  std::optional<std::size_t> choice(std::span<const std::string_view> words,
                                    std::span<const std::string_view> later = {},
                                    std::string_view why = {}) const;
  std::vector<Value> list(std::string_view expected) const;
  Map map(std::string_view expected) const;

  /// Reports at the value, or at the key (or list entry) that it belongs to.
  void problem(std::string_view what, std::string_view expected) const;
  void problem_at_key(std::string_view what, std::string_view expected) const;
  /// As "databases.shop.server", for messages; empty for the root.
  const std::string& path() const { return path_; }
  /// Where the key (or list entry) stands that it belongs to.
  Mark key_mark() const { return key_; }
  Mark mark() const;

 private:
  friend class Document;
  friend class Map;
  Value(const Node& node, Mark key, std::string path, const std::string& file, Problems& problems)
      : node_(&node), key_(key), path_(std::move(path)), file_(&file), problems_(&problems) {}
  void wrong(std::string_view expected) const;

  const Node* node_;
  Mark key_;
  std::string path_;
  const std::string* file_;
  Problems* problems_;
};

/// A map that is being read. What was not asked for when it goes out of scope is an unknown key, so that none
/// can be passed over by mistake. Of a value that was no map it is empty and silent.
class Map {
 public:
  ~Map();
  Map(Map&&) = delete;

  std::optional<Value> find(std::string_view key);
  /// A key that has to be there.
  std::optional<Value> need(std::string_view key, std::string_view expected);
  /// A key that is known and refused; true where it was there.
  bool refuse(std::string_view key, std::string_view what, std::string_view expected);
  /// All entries of a map whose keys are names, not settings.
  std::vector<std::pair<std::string, Value>> entries();
  /// What the map is the value of.
  const Value& value() const { return value_; }

 private:
  friend class Value;
  Map(Value value, bool readable) : value_(std::move(value)), readable_(readable) {}

  struct Missing {
    std::string key;
    std::string expected;
  };
  std::optional<Value> look_up(std::string_view key) const;
  Value member(const Member& member) const;

  Value value_;
  bool readable_;
  bool all_known_ = false;
  std::vector<std::string> offered_;
  std::vector<std::string> refused_;
  std::vector<Missing> missing_;
};

/// A file, read whole.
class Document {
 public:
  /// `file` is the name in messages. Check `problems` before using what was read.
  static Document from_text(std::string_view text, std::string file, Problems& problems);
  static Document from_file(const std::string& path, Problems& problems);
  ~Document();
  Document(Document&&) noexcept;

  /// False: not YAML, or not the part of it that is read here; reading on would only report follow-up
  /// mistakes.
  bool readable() const;
  Value root() const;

 private:
  Document();
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace chaperone::rules::yaml
