#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Bytes of the wire, written out by the tests on their own: not with the encoders that they test.
namespace chaperone::wire::test {

inline std::string int16(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

inline std::string int32(std::uint32_t value) {
  return int16(static_cast<std::uint16_t>(value >> 16)) + int16(static_cast<std::uint16_t>(value & 0xffff));
}

/// The manual's String: with its NUL.
inline std::string string(std::string_view text) {
  return std::string(text) + '\0';
}

inline std::string message(char type, std::string_view body) {
  return type + int32(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}

}  // namespace chaperone::wire::test
