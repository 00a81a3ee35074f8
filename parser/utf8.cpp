#include "parser/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace chaperone::parser {

namespace {

unsigned byte_at(std::string_view text, std::size_t index) {
  return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
}

bool is_tail(unsigned byte) {
  return (byte & 0xC0U) == 0x80U;
}

// As pg_utf8_islegal: 0 for none, else the length of the first character.
std::size_t first_character(std::string_view text) {
  const unsigned lead = byte_at(text, 0);
  const unsigned second = byte_at(text, 1);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  if (lead < 0xC2 || lead > 0xF4 || !is_tail(second)) return 0;
  if (lead < 0xE0) return 2;
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || !is_tail(byte_at(text, 2)))
    return 0;
  if (lead < 0xF0) return 3;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F) || !is_tail(byte_at(text, 3)))
    return 0;
  return 4;
}

// Eight bytes of 0x01..0x7F.
bool is_plain(const char* bytes) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return ((word | (word - kOnes)) & kHighBits) == 0;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    while (text.size() - offset >= 8 && is_plain(text.data() + offset)) offset += 8;
    if (offset == text.size()) break;
    const std::size_t length = first_character(text.substr(offset));
    if (length == 0) break;
    offset += length;
  }
  return offset;
}

std::string invalid_utf8_message(std::string_view text) {
  const unsigned lead = byte_at(text, 0);
  // pg_utf_mblen: what the lead byte promises, even where no character can begin with it.
  const std::size_t promised = (lead & 0xE0U) == 0xC0U   ? 2
                               : (lead & 0xF0U) == 0xE0U ? 3
                               : (lead & 0xF8U) == 0xF0U ? 4
                                                         : 1;
  std::string message = "invalid byte sequence for encoding \"UTF8\":";
  for (const char byte : text.substr(0, promised)) {
    message += fmt::format(" 0x{:02x}", static_cast<unsigned char>(byte));
  }
  return message;
}

std::uint32_t characters(std::string_view text) {
  return static_cast<std::uint32_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return !is_tail(static_cast<unsigned char>(byte)); }));
}

}  // namespace chaperone::parser
