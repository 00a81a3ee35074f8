#include "proxy/audit/json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace chaperone::audit {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
/// The two digits of each byte, side by side.
constexpr auto kHexPairs = [] {
  std::array<char, 512> pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs[byte * 2] = kHexDigits[byte >> 4];
    pairs[byte * 2 + 1] = kHexDigits[byte & 15];
  }
  return pairs;
}();
constexpr std::uint64_t kEachByte = 0x0101010101010101;
constexpr std::uint64_t kHighBits = 0x8080808080808080;
/// Twice what a full spool holds, since capacity is doubled: the lines that wait beside it get no memory
/// anew.
constexpr std::size_t kKeptCapacity = 2 << 20;
/// Longest piece that one step of the slow path writes: "\u001f".
constexpr std::size_t kLongestEscape = 6;

/// The high bit is set in each byte of `block` that can't be copied as it is: below 0x20, '"', '\\', 0x7f and
/// up. (A borrow may also mark a byte above such a one, which costs a look and changes nothing.)
constexpr std::uint64_t special_bytes(std::uint64_t block) {
  const auto zero = [](std::uint64_t bytes) { return (bytes - kEachByte) & ~bytes; };
  return ((block - kEachByte * 0x20) | zero(block ^ (kEachByte * '"')) | zero(block ^ (kEachByte * '\\')) |
          zero(block ^ (kEachByte * 0x7f)) | block) &
         kHighBits;
}

/// Length of the well-formed UTF-8 sequence at `text` (RFC 3629, section 4), 0 if there is none. Not for
/// ASCII.
std::size_t sequence_length(const char* text, const char* end) {
  const auto byte = [text](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const auto left = static_cast<std::size_t>(end - text);
  const auto follows = [&](std::size_t index, unsigned low = 0x80, unsigned high = 0xBF) {
    return index < left && byte(index) >= low && byte(index) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead < 0xF0) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
  return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
}

char* put_unicode_escape(char* at, unsigned char code) {
  const char byte = static_cast<char>(code);
  return put_hex(put(at, "\\u00"), {&byte, 1});
}

char* put_escaped_ascii(char* at, unsigned char code) {
  switch (code) {
    case '"':
      return put(at, "\\\"");
    case '\\':
      return put(at, "\\\\");
    case '\n':
      return put(at, "\\n");
    case '\r':
      return put(at, "\\r");
    case '\t':
      return put(at, "\\t");
    default:
      return put_unicode_escape(at, code);
  }
}

}  // namespace

void Buffer::grow(std::size_t count) {
  const std::size_t capacity = std::max(size_ + count, capacity_ * 2);
  auto data = std::make_unique_for_overwrite<char[]>(capacity);
  put(data.get(), view());
  data_ = std::move(data);
  capacity_ = capacity;
}

void Buffer::append(std::string_view bytes) {
  end_at(put(room(bytes.size()), bytes));
}

void Buffer::drop_front(std::size_t count) {
  if (count == 0) return;
  std::memmove(data_.get(), data_.get() + count, size_ - count);
  size_ -= count;
}

void Buffer::clear() {
  if (capacity_ > kKeptCapacity) {
    data_.reset();
    capacity_ = 0;
  }
  size_ = 0;
}

char* put_hex(char* at, std::string_view bytes) {
  for (const char each : bytes) {
    std::memcpy(at, kHexPairs.data() + static_cast<std::size_t>(static_cast<unsigned char>(each)) * 2, 2);
    at += 2;
  }
  return at;
}

bool append_json_string(Buffer& to, std::string_view text) {
  const char* from = text.data();
  const char* const end = from + text.size();
  bool valid = true;
  char* at = to.room(text.size() + 2 + sizeof(std::uint64_t));
  *at++ = '"';
  while (from != end) {
    while (static_cast<std::size_t>(end - from) >= sizeof(std::uint64_t)) {
      std::uint64_t block;
      std::memcpy(&block, from, sizeof block);
      if (special_bytes(block) != 0) break;
      std::memcpy(at, &block, sizeof block);
      at += sizeof block;
      from += sizeof block;
    }
    // A short end, or a block with something special in it: up to there byte by byte.
    while (from != end) {
      const auto code = static_cast<unsigned char>(*from);
      if (code < 0x20 || code >= 0x7f || code == '"' || code == '\\') break;
      *at++ = *from++;
    }
    if (from == end) break;

    // What is written from here on can be longer than what it stands for, so the room is counted anew.
    to.end_at(at);
    at = to.room(kLongestEscape + static_cast<std::size_t>(end - from) + 1 + sizeof(std::uint64_t));
    const auto code = static_cast<unsigned char>(*from);
    if (code < 0x80) {
      at = put_escaped_ascii(at, code);
      ++from;
      continue;
    }
    const std::size_t length = sequence_length(from, end);
    if (length == 0) {
      at = put(at, "\xEF\xBF\xBD");
      valid = false;
      ++from;
    } else if (code == 0xC2 && static_cast<unsigned char>(from[1]) < 0xA0) {
      at = put_unicode_escape(at, static_cast<unsigned char>(from[1]));
      from += length;
    } else {
      at = put(at, {from, length});
      from += length;
    }
  }
  *at++ = '"';
  to.end_at(at);
  return valid;
}

}  // namespace chaperone::audit
