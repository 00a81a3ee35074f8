#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/error.hpp"

namespace chaperone::auth {

/// JSON of a token or a set of keys (RFC 8259), read so that no two readers could understand it differently:
/// one value, UTF-8, no name twice in an object, no NUL in a text, numbers as they are written.
struct Json {
  enum class Kind : std::uint8_t { kNull, kBoolean, kInteger, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  std::string text;                ///< of a string its value; of numbers and booleans as they are written
  std::int64_t integer = 0;        ///< kInteger: digits without fraction or exponent that fit 64 bits
  std::vector<std::string> names;  ///< of an object, one for each of `items`
  std::vector<Json> items;

  bool is_string() const { return kind == Kind::kString; }
  bool is_object() const { return kind == Kind::kObject; }
  /// The member of an object; nullptr where there is none, or this is no object.
  const Json* find(std::string_view name) const;
};

inline constexpr std::size_t kMaxJsonDepth = 16;
inline constexpr std::size_t kMaxJsonMembers = 256;  ///< of one object

/// The error's message says what is wrong with the text, without a word of it.
wire::Result<Json> parse_json(std::string_view text);

}  // namespace chaperone::auth
