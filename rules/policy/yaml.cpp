#include "rules/policy/yaml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "rules/file.hpp"
#include "rules/policy/yaml_node.hpp"
#include "rules/text.hpp"

namespace chaperone::rules::yaml {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array kSizes = {Unit{"GiB", 1ULL << 30}, Unit{"MiB", 1ULL << 20}, Unit{"KiB", 1ULL << 10},
                               Unit{"", 1}};
constexpr std::array kDurations = {Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1000}, Unit{"ms", 1}};

/// Decimal digits and then the name of a unit, in the units' base.
std::optional<std::uint64_t> measure(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return {};
  const std::string_view name(rest, end);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end() || number > std::numeric_limits<std::uint64_t>::max() / unit->factor) return {};
  return number * unit->factor;
}

/// In the largest unit that leaves no rest.
std::string written(std::uint64_t number, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (number >= unit.factor && number % unit.factor == 0)
      return fmt::format("{}{}", number / unit.factor, unit.name);
  }
  return fmt::format("{}{}", number, units.back().name);
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "empty";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kBroken:
      break;
  }
  return "unreadable";
}

}  // namespace

bool Value::is_null() const {
  return node_->kind == Node::Kind::kNull;
}

bool Value::is_map() const {
  return node_->kind == Node::Kind::kMap;
}

bool Value::is_list() const {
  return node_->kind == Node::Kind::kList;
}

bool Value::is_scalar() const {
  return node_->kind == Node::Kind::kScalar;
}

bool Value::is_plain() const {
  return is_scalar() && node_->plain;
}

Mark Value::mark() const {
  return is_null() ? key_ : node_->mark;
}

void Value::problem(std::string_view what, std::string_view expected) const {
  // An empty value has no place of its own that a reader could find.
  problems_->add(*file_, mark(), what, expected);
}

void Value::problem_at_key(std::string_view what, std::string_view expected) const {
  problems_->add(*file_, key_, what, expected);
}

/// The value is of the wrong type or out of range.
void Value::wrong(std::string_view expected) const {
  if (node_->kind == Node::Kind::kBroken) return;
  const std::string_view name = path_.empty() ? "the file" : std::string_view(path_);
  std::string seen(kind_name(*node_));
  if (node_->kind == Node::Kind::kScalar) {
    seen = node_->plain && node_->scalar.size() <= 64 ? node_->scalar : in_quotes(node_->scalar);
  }
  problem(fmt::format("{} is {}", name, seen), expected);
}

std::optional<std::string> Value::text(std::string_view expected) const {
  if (node_->kind != Node::Kind::kScalar) {
    wrong(expected);
  } else if (node_->scalar.empty()) {
    problem(fmt::format("{} is empty", path_), expected);
  } else if (has_control_character(node_->scalar)) {
    problem(fmt::format("{} holds a control character", path_), expected);
  } else {
    return node_->scalar;
  }
  return {};
}

std::optional<std::string> Value::any_text(std::string_view expected) const {
  if (node_->kind == Node::Kind::kScalar) return node_->scalar;
  wrong(expected);
  return {};
}

std::optional<std::uint64_t> Value::integer(std::uint64_t least, std::uint64_t most) const {
  constexpr std::array kNone = {Unit{"", 1}};
  const auto number = node_->plain ? measure(node_->scalar, kNone) : std::nullopt;
  if (number && *number >= least && *number <= most) return number;
  wrong(fmt::format("a whole number from {} to {}", least, most));
  return {};
}

std::optional<bool> Value::boolean() const {
  if (node_->plain && node_->scalar == "true") return true;
  if (node_->plain && node_->scalar == "false") return false;
  wrong("true or false");
  return {};
}

std::optional<std::uint64_t> Value::size(std::uint64_t least, std::uint64_t most) const {
  const auto number = node_->plain ? measure(node_->scalar, kSizes) : std::nullopt;
  if (number && *number >= least && *number <= most) return number;
  wrong(fmt::format("a size from {} to {}, as 512, 64KiB, 1MiB or 1GiB", written(least, kSizes),
                    written(most, kSizes)));
  return {};
}

std::optional<std::chrono::milliseconds> Value::duration(std::chrono::milliseconds least,
                                                         std::chrono::milliseconds most) const {
  const auto number = node_->plain ? measure(node_->scalar, kDurations) : std::nullopt;
  const auto low = static_cast<std::uint64_t>(least.count());
  const auto high = static_cast<std::uint64_t>(most.count());
  if (number && *number >= low && *number <= high) return std::chrono::milliseconds(*number);
  wrong(fmt::format("a duration from {} to {}, as 500ms, 10s, 15m or 1h", written(low, kDurations),
                    written(high, kDurations)));
  return {};
}

std::optional<std::size_t> Value::choice(std::span<const std::string_view> words,
                                         std::span<const std::string_view> later,
                                         std::string_view why) const {
  if (node_->kind == Node::Kind::kScalar) {
    const auto found = std::find(words.begin(), words.end(), node_->scalar);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    if (std::find(later.begin(), later.end(), node_->scalar) != later.end()) {
      problem(fmt::format("{} is {}: {}", path_, node_->scalar, why), one_of(words));
      return {};
    }
  }
  wrong(with_suggestion(one_of(words), node_->scalar, words));
  return {};
}

std::vector<Value> Value::list(std::string_view expected) const {
  std::vector<Value> values;
  if (node_->kind != Node::Kind::kList) wrong(expected);
  for (std::size_t i = 0; i < node_->items.size(); ++i) {
    const Node& item = node_->items[i];
    values.push_back(Value(item, item.mark, fmt::format("{}[{}]", path_, i), *file_, *problems_));
  }
  return values;
}

Map Value::map(std::string_view expected) const {
  if (!is_map()) wrong(expected);
  return Map(*this, is_map());
}

Map::~Map() {
  if (all_known_) return;
  const std::string where = value_.path_.empty() ? "" : fmt::format(" in {}", value_.path_);
  const std::vector<std::string_view> offered(offered_.begin(), offered_.end());
  for (const Member& member : value_.node_->members) {
    const auto is_it = [&member](std::string_view key) { return key == member.key; };
    if (std::any_of(offered.begin(), offered.end(), is_it)) continue;
    if (std::any_of(refused_.begin(), refused_.end(), is_it)) continue;
    value_.problems_->add(*value_.file_, member.mark,
                          fmt::format("unknown key {}{}", in_quotes(member.key), where),
                          with_suggestion(one_of(offered), member.key, offered));
    // One mistake, one problem: it is not missing but misspelt.
    const std::string_view meant = closest(member.key, offered);
    std::erase_if(missing_, [meant](const Missing& missing) { return missing.key == meant; });
  }
  for (const Missing& missing : missing_) {
    value_.problem_at_key(fmt::format("key {} is missing{}", in_quotes(missing.key), where),
                          missing.expected);
  }
}

Value Map::member(const Member& member) const {
  std::string path = value_.path_.empty() ? member.key : fmt::format("{}.{}", value_.path_, member.key);
  return Value(member.value, member.mark, std::move(path), *value_.file_, *value_.problems_);
}

std::optional<Value> Map::look_up(std::string_view key) const {
  for (const Member& entry : value_.node_->members) {
    if (entry.key == key) return member(entry);
  }
  return {};
}

std::optional<Value> Map::find(std::string_view key) {
  offered_.emplace_back(key);
  return look_up(key);
}

std::optional<Value> Map::need(std::string_view key, std::string_view expected) {
  std::optional<Value> value = find(key);
  if (!value && readable_) missing_.push_back({std::string(key), std::string(expected)});
  return value;
}

bool Map::refuse(std::string_view key, std::string_view what, std::string_view expected) {
  refused_.emplace_back(key);
  const std::optional<Value> value = look_up(key);
  if (value) value->problem_at_key(fmt::format("{}: {}", value->path(), what), expected);
  return value.has_value();
}

std::vector<std::pair<std::string, Value>> Map::entries() {
  all_known_ = true;
  std::vector<std::pair<std::string, Value>> entries;
  for (const Member& entry : value_.node_->members) entries.emplace_back(entry.key, member(entry));
  return entries;
}

struct Document::Content {
  std::string file;
  Problems* problems = nullptr;
  Node root;
  bool readable = false;
};

Document::Document() : content_(std::make_unique<Content>()) {
}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;

Document Document::from_text(std::string_view text, std::string file, Problems& problems) {
  Document document;
  Content& content = *document.content_;
  content.file = std::move(file);
  content.problems = &problems;
  content.readable = parse(text, content.file, problems, content.root);
  if (!content.readable) content.root = {};
  return document;
}

Document Document::from_file(const std::string& path, Problems& problems) {
  const File file = read_file(path, kMaxFileBytes);
  if (file.error.empty()) return from_text(file.text, path, problems);
  Document document;
  document.content_->file = path;
  document.content_->problems = &problems;
  problems.add(path, {}, fmt::format("can't be read: {}", file.error), "a readable file");
  return document;
}

bool Document::readable() const {
  return content_->readable;
}

Value Document::root() const {
  return Value(content_->root, content_->root.kind == Node::Kind::kBroken ? Mark{} : content_->root.mark, {},
               content_->file, *content_->problems);
}

}  // namespace chaperone::rules::yaml
