#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "rules/policy/yaml.hpp"
#include "rules/policy/yaml_node.hpp"
#include "rules/text.hpp"

namespace chaperone::rules::yaml {
namespace {

constexpr std::string_view kWholeValue = "the value itself, written out in each place";

/// Length of the UTF-8 sequence at the front of `text` (RFC 3629), 0 where there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto in = [](unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (in(first, 0xc2, 0xdf)) return in(byte(1), 0x80, 0xbf) ? 2 : 0;
  if (in(first, 0xe0, 0xef)) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return in(byte(1), low, high) && in(byte(2), 0x80, 0xbf) ? 3 : 0;
  }
  if (in(first, 0xf0, 0xf4)) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return in(byte(1), low, high) && in(byte(2), 0x80, 0xbf) && in(byte(3), 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

/// Offset of the first byte that no YAML text holds: invalid UTF-8 or a control character; npos where there
/// is none.
std::size_t find_foreign_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0 || c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::uint32_t count_characters(std::string_view text) {
  return static_cast<std::uint32_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Thrown through yaml-cpp to stop it; the problem is reported already.
struct Stop {};

/// Builds the tree from yaml-cpp's events. Not from its nodes, which forget duplicate keys, aliases and
/// quotes, and which are built before a bound could hold.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const std::string& file, Problems& problems, Node& root)
      : text_(text), file_(file), problems_(problems), root_(root) {
    line_starts_.push_back(0);
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\n') line_starts_.push_back(at + 1);
    }
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = make(Node::Kind::kNull, mark, "?", anchor);
    node.plain = true;
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    report(place(mark), "an alias is not read here", kWholeValue);
    add(make(Node::Kind::kBroken, mark, "?", 0));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Node::Kind::kScalar, mark, tag, anchor);
    node.scalar = value;
    node.plain = tag == "?";
    if (!node.plain && !is_closed(offset_of(mark))) {
      report(node.mark, "a quoted text does not end", "the closing quote");
      throw Stop{};
    }
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(make(Node::Kind::kList, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(make(Node::Kind::kMap, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

  Mark place(const YAML::Mark& mark) { return place_of(offset_of(mark)); }
  Mark place_of(std::size_t offset) {
    const auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1;
    // Counting goes on from the last place, so that a long line is not counted anew for each of its values.
    if (last_offset_ < *line || last_offset_ > offset) {
      last_offset_ = *line;
      last_column_ = 1;
    }
    last_column_ += count_characters(text_.substr(last_offset_, offset - last_offset_));
    last_offset_ = offset;
    return {static_cast<std::uint32_t>(line - line_starts_.begin() + 1), last_column_};
  }
  void report(Mark mark, std::string_view what, std::string_view expected) {
    problems_.add(file_, mark, what, expected);
  }

 private:
  /// A list or map whose end has not come yet.
  struct Open {
    Node node;
    bool has_key = false;  ///< in a map: `key` waits for its value
    bool keep = true;      ///< false: `key` is no good, and its value is passed over
    Member key = {};
    std::unordered_map<std::string, Mark> keys = {};  ///< of a map, to find duplicates
  };

  /// yaml-cpp counts from 0, and columns in bytes.
  std::size_t offset_of(const YAML::Mark& mark) const {
    if (mark.line < 0 || mark.column < 0) return 0;
    const std::size_t line = std::min(static_cast<std::size_t>(mark.line), line_starts_.size() - 1);
    return std::min(line_starts_[line] + static_cast<std::size_t>(mark.column), text_.size());
  }

  /// yaml-cpp lets the end of the file close a quoted scalar, so that a forgotten quote could swallow
  /// settings.
  bool is_closed(std::size_t offset) const {
    const char quote = offset < text_.size() ? text_[offset] : '\0';
    if (quote != '"' && quote != '\'') return true;  // a block scalar
    for (std::size_t at = offset + 1; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\') {
        ++at;
      } else if (text_[at] == quote) {
        if (quote == '"' || at + 1 == text_.size() || text_[at + 1] != quote) return true;
        ++at;
      }
    }
    return false;
  }

  Node make(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Node node;
    node.kind = kind;
    node.mark = place(mark);
    if (++nodes_ > kMaxNodes) {
      report(node.mark, fmt::format("more than {} values in one file", kMaxNodes), "a smaller file");
      throw Stop{};
    }
    if (anchor != 0) report(node.mark, "an anchor is not read here", kWholeValue);
    if (tag != "?" && tag != "!" && !tag.empty()) {
      report(node.mark, "a tag is not read here", "the value without its tag");
      throw Stop{};
    }
    return node;
  }

  /// A value that is complete: a key, a key's value, a list's entry or the root.
  void add(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      take_value(parent, std::move(node));
    } else {
      take_key(parent, std::move(node));
    }
  }

  void take_key(Open& map, Node node) {
    map.has_key = true;
    map.keep = is_good_key(node);
    if (!map.keep) return;
    const auto [first, added] = map.keys.emplace(node.scalar, node.mark);
    if (!added) {
      map.keep = false;
      report(node.mark, fmt::format("key {} stands twice", in_quotes(node.scalar)),
             fmt::format("it once (it is on line {} already)", first->second.line));
    }
    map.key = {std::move(node.scalar), node.mark, {}};
  }

  bool is_good_key(const Node& node) {
    std::string_view problem;
    if (node.kind == Node::Kind::kList || node.kind == Node::Kind::kMap) {
      problem = "a key is a list or a map";
    } else if (node.kind == Node::Kind::kNull || (node.kind == Node::Kind::kScalar && node.scalar.empty())) {
      problem = "a key is empty or null";
    } else if (has_control_character(node.scalar)) {
      problem = "a key holds a control character";
    }
    if (!problem.empty()) report(node.mark, problem, "a name");
    return problem.empty() && node.kind == Node::Kind::kScalar;
  }

  static void take_value(Open& map, Node node) {
    map.has_key = false;
    if (!map.keep) return;
    map.key.value = std::move(node);
    map.node.members.push_back(std::move(map.key));
  }

  void open(Node node) {
    if (open_.size() >= kMaxDepth) {
      report(node.mark, fmt::format("more than {} levels deep", kMaxDepth), "a flatter file");
      throw Stop{};
    }
    open_.push_back({std::move(node)});
  }

  void close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  std::string_view text_;
  const std::string& file_;
  Problems& problems_;
  Node& root_;
  std::vector<std::size_t> line_starts_;
  std::size_t last_offset_ = 0;
  std::uint32_t last_column_ = 1;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
};

/// Where a tab stands in front of the text of the line of `mark` or the one before: the usual reason for what
/// yaml-cpp then says somewhere behind it.
std::optional<Mark> tab_before(std::string_view text, Mark mark) {
  for (std::uint32_t line = 1; line <= mark.line && !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t tab = text.substr(0, end).find_first_not_of(' ');
    if (line + 1 >= mark.line && tab < end && text[tab] == '\t') {
      return Mark{line, static_cast<std::uint32_t>(tab + 1)};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

/// Where the first directive (a line that begins with %) stands: yaml-cpp takes them anywhere, and would skip
/// settings.
std::size_t find_directive(std::string_view text) {
  if (text.starts_with('%')) return 0;
  const std::size_t at = text.find("\n%");
  return at == std::string_view::npos ? at : at + 1;
}

}  // namespace

bool parse(std::string_view text, const std::string& file, Problems& problems, Node& root) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Builder builder(text, file, problems, root);
  if (const std::size_t at = find_foreign_byte(text); at != std::string_view::npos) {
    builder.report(builder.place_of(at), "a byte that is no text", "UTF-8 without control characters");
    return false;
  }
  if (const std::size_t at = find_directive(text); at != std::string_view::npos) {
    builder.report(builder.place_of(at), "a line begins with %", "no directive (or the text in quotes)");
    return false;
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      builder.report({}, "the file is empty", "a map");
      return false;
    }
    if (parser.HandleNextDocument(builder)) {
      builder.report(root.mark, "a second document begins here", "one document a file");
      return false;
    }
    return true;
  } catch (const Stop&) {
    return false;
  } catch (const YAML::DeepRecursion& error) {
    builder.report(builder.place(error.mark), "nested too deeply", "a flatter file");
    return false;
  } catch (const YAML::Exception& error) {
    const Mark mark = builder.place(error.mark);
    const auto tab = tab_before(text, mark);
    builder.report(tab.value_or(mark),
                   tab ? "a tab in the indentation" : fmt::format("not YAML: {}", error.msg),
                   tab ? "spaces" : "valid YAML");
    return false;
  }
}

}  // namespace chaperone::rules::yaml
