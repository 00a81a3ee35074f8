#include "proxy/auth/strict_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <utility>

#include "proxy/auth/json_wipe.hpp"
#include "proxy/wire/secret.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::auth {
namespace {

namespace json = boost::json;
using Code = json::error_code;
using Kind = Json::Kind;

/// What boost::json::basic_parser calls: builds the value, and stops at what it would otherwise pass over.
class Builder {
 public:
  static constexpr std::size_t max_object_size = kMaxJsonMembers;  // NOLINT: names of Boost.JSON
  static constexpr std::size_t max_array_size = std::size_t(-1);   // NOLINT
  static constexpr std::size_t max_key_size = std::size_t(-1);     // NOLINT
  static constexpr std::size_t max_string_size = std::size_t(-1);  // NOLINT

  Json result;
  std::string problem;

  Builder() = default;
  Builder(const Builder&) = delete;
  ~Builder() {  // of what was not handed out
    wipe(result);
    for (Json& value : open_) wipe(value);
    wire::wipe(text_);
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(Kind::kObject); }
  bool on_object_end(std::size_t, Code&) { return close(); }
  bool on_array_begin(Code&) { return open(Kind::kArray); }
  bool on_array_end(std::size_t, Code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, Code&) { return gather(part); }
  bool on_key(json::string_view part, std::size_t, Code& code) {
    gather(part);
    auto& names = open_.back().names;
    if (text_.find('\0') != std::string::npos) return fail("a name holds a NUL", code);
    if (std::find(names.begin(), names.end(), text_) != names.end()) {
      return fail("a name stands twice in one object", code);
    }
    if (names.size() >= kMaxJsonMembers) {
      return fail(fmt::format("an object has more than {} members", kMaxJsonMembers), code);
    }
    names.push_back(std::exchange(text_, {}));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, Code&) { return gather(part); }
  bool on_string(json::string_view part, std::size_t, Code& code) {
    gather(part);
    if (text_.find('\0') != std::string::npos) return fail("a text holds a NUL", code);
    return add({.kind = Kind::kString, .text = std::exchange(text_, {}), .names = {}, .items = {}});
  }
  bool on_number_part(json::string_view part, Code&) { return gather(part); }
  bool on_int64(std::int64_t value, json::string_view part, Code&) {
    return add_number(part, Kind::kInteger, value);
  }
  bool on_uint64(std::uint64_t, json::string_view part, Code&) { return add_number(part, Kind::kNumber, 0); }
  bool on_double(double, json::string_view part, Code&) { return add_number(part, Kind::kNumber, 0); }
  bool on_bool(bool value, Code&) {
    return add({.kind = Kind::kBoolean, .text = value ? "true" : "false", .names = {}, .items = {}});
  }
  bool on_null(Code&) { return add({.kind = Kind::kNull, .text = {}, .names = {}, .items = {}}); }
  bool on_comment_part(json::string_view, Code&) { return true; }
  bool on_comment(json::string_view, Code&) { return true; }

 private:
  bool gather(json::string_view part) {
    if (text_.capacity() - text_.size() >= part.size()) {
      text_.append(part.data(), part.size());
      return true;
    }
    std::string longer;
    longer.reserve(2 * (text_.size() + part.size()));
    longer.append(text_).append(part.data(), part.size());
    wire::wipe(text_);  // it may be a secret's beginning
    text_ = std::move(longer);
    return true;
  }
  bool fail(std::string why, Code& code) {
    problem = std::move(why);
    code = json::error::syntax;
    return false;
  }
  bool add_number(json::string_view part, Kind kind, std::int64_t value) {
    gather(part);
    return add({.kind = kind, .text = std::exchange(text_, {}), .integer = value, .names = {}, .items = {}});
  }
  bool open(Kind kind) {
    open_.push_back({.kind = kind, .text = {}, .names = {}, .items = {}});
    return true;
  }
  bool close() {
    Json whole = std::move(open_.back());
    open_.pop_back();
    return add(std::move(whole));
  }
  bool add(Json value) {
    if (open_.empty()) {
      result = std::move(value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Json> open_;  // objects and arrays, outermost first
  std::string text_;        // a name, text or number that came in parts
};

}  // namespace

void wipe(Json& value) {
  wire::wipe(value.text);
  for (Json& item : value.items) wipe(item);
}

const Json* Json::find(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

wire::Result<Json> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<Builder> parser(options);
  Code code;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), code);
  auto& builder = parser.handler();
  if (!code && read < text.size()) builder.problem = "something stands behind the value";
  if (code || read < text.size()) {
    return wire::Error{.sqlstate = wire::sqlstate::kInvalidAuthorization,
                       .message = builder.problem.empty() ? code.message() : builder.problem};
  }
  return std::move(builder.result);
}

}  // namespace chaperone::auth
