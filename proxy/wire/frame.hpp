#pragma once

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/wire/error.hpp"
#include "proxy/wire/secret.hpp"

namespace chaperone::wire {

/// Whose messages a rule is about: it words the error as PostgreSQL does there. As wide as its neighbours in
/// FrameRule: padding beside a byte costs a store that stalls the load after it, for every frame.
enum class Stream : std::uint32_t {
  kFrontend,        ///< a client that is logged in (SocketBackend)
  kAuthentication,  ///< a client that is logging in (CheckSASLAuth)
  kBackend,         ///< a server (libpq's pqParseInput3)
};

/// How a message of one type is taken from the stream.
struct FrameRule {
  std::uint32_t max_length;  ///< largest value of the length field; beyond it the peer is out of step
  std::uint32_t hold;        ///< how many bytes of the body must be there before the message is shown
  Stream stream = Stream::kFrontend;
};

/// The rule for a type byte; max_length 0 = no such message from this side.
using FrameRules = FrameRule (*)(char type);

/// The type byte and the length field.
inline constexpr std::size_t kFrameHeaderLength = 5;

/// A message, or the first part of one.
struct Frame {
  char type;
  std::uint32_t body_length;  ///< of the whole body, without the length field
  std::string_view bytes;     ///< type, length and what is here of the body, as received
  std::uint32_t rest;         ///< bytes of the body that follow as chunks
  bool held;                  ///< `bytes` lies in the reader's own buffer, not in the input

  std::string_view body() const { return bytes.substr(kFrameHeaderLength); }
};

/// Cuts a byte stream into messages (manual, 55.7: a type byte, a length that counts itself, a body).
///
/// Owns nothing but the beginning of a message that is not complete yet, so an idle stream holds no memory.
/// A message whose body is at most its rule's `hold` is shown whole; of a longer one `hold` bytes are shown
/// (those that are there already, when `hold` is 0), and the rest passes as chunks and is never held.
///
///     while (true) switch (reader.next(input)) {
///       case kNeedMore: return;                // input is empty; part of a message may be kept inside
///       case kFrame:    use(reader.frame());   // the views live until the next call, and as the input does
///       case kChunk:    use(reader.chunk());   // a further part of the last frame's body, out of the input
///       case kBad:      close(reader.error()); // the stream can't be read any further
///     }
class FrameReader {
 public:
  enum class Item { kNeedMore, kFrame, kChunk, kBad };

  explicit FrameReader(FrameRules rules) : rules_(rules) {}

  /// Takes the next message or part of one from the front of `input`. After kBad it says kBad for ever.
  Item next(std::string_view& input);

  const Frame& frame() const { return frame_; }
  std::string_view chunk() const { return chunk_; }
  const Error& error() const { return error_; }

  /// Bytes of the last frame's body that are still to come; 0 = at a message boundary or inside a kept part.
  std::uint32_t rest() const { return rest_; }
  /// True when no part of a message has been taken.
  bool at_boundary() const { return rest_ == 0 && (kept_.empty() || shown_); }

 private:
  Item next_part(std::string_view& input);
  Item show(std::uint32_t body_length, std::string_view bytes, bool held);
  Item fail(std::string_view beginning, std::string message);
  void keep(std::string_view& input, std::size_t size);
  void release();

  static std::uint32_t length_field(const char* header) {
    return boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(header) + 1);
  }

  FrameRules rules_;
  /// The beginning of an incomplete message, header first. Wiped: what a client proves itself with comes in
  /// messages, too.
  std::basic_string<char, std::char_traits<char>, WipingAllocator<char>> kept_;
  bool shown_ = false;  // kept_ was shown as the last frame and is dropped by the next call
  std::uint32_t rest_ = 0;
  Frame frame_{};
  std::string_view chunk_;
  Error error_{};
};

// Inline: a whole message at the front of the input, as nearly every DataRow of a large result is.
inline FrameReader::Item FrameReader::next(std::string_view& input) {
  if (rest_ != 0 || !kept_.empty() || input.size() < kFrameHeaderLength) return next_part(input);
  const std::uint32_t length = length_field(input.data());
  const FrameRule rule = rules_(input.front());
  if (length < 4 || length > rule.max_length || length >= input.size()) return next_part(input);
  const std::uint32_t body_length = length - 4;
  if (body_length > rule.hold && rule.hold != 0) return next_part(input);
  const std::size_t size = std::size_t{length} + 1;
  frame_ = {input.front(), body_length, input.substr(0, size), 0, false};
  input.remove_prefix(size);
  return Item::kFrame;
}

}  // namespace chaperone::wire
