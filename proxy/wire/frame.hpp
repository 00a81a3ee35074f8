#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/wire/error.hpp"

namespace chaperone::wire {

/// How a message of one type is taken from the stream.
struct FrameRule {
  std::uint32_t max_length;  ///< largest value of the length field; beyond it the peer is out of step
  std::uint32_t hold;        ///< how many bytes of the body must be there before the message is shown
};

/// The rule for a type byte; max_length 0 = no such message from this side.
using FrameRules = FrameRule (*)(char type);

/// A message, or the first part of one.
struct Frame {
  char type;
  std::uint32_t body_length;  ///< of the whole body, without the length field
  std::string_view bytes;     ///< type, length and what is here of the body, as received
  std::uint32_t rest;         ///< bytes of the body that follow as chunks
  bool held;                  ///< `bytes` lies in the reader's own buffer, not in the input

  std::string_view body() const { return bytes.substr(5); }
};

/// Cuts a byte stream into messages (manual, 55.7: a type byte, a length that counts itself, a body).
///
/// Owns nothing but the beginning of a message that is not complete yet, so an idle stream holds no memory.
/// A message whose body is at most its rule's `hold` is shown whole; of a longer one `hold` bytes are shown (those
/// that are there already, when `hold` is 0), and the rest passes as chunks and is never held.
///
///     while (true) switch (reader.next(input)) {
///       case kNeedMore: return;             // input is empty; part of a message may be kept inside
///       case kFrame:    use(reader.frame());   // the views live until the next call, and no longer than the input
///       case kChunk:    use(reader.chunk());   // a further part of the last frame's body, straight from the input
///       case kBad:      close(reader.error()); // the stream can't be read any further
///     }
class FrameReader {
 public:
  enum class Item { kNeedMore, kFrame, kChunk, kBad };

  explicit FrameReader(FrameRules rules) : rules_(rules) {}

  /// Takes the next message or part of one from the front of `input`.
  Item next(std::string_view& input);

  const Frame& frame() const { return frame_; }
  std::string_view chunk() const { return chunk_; }
  const Error& error() const { return error_; }

  /// Bytes of the body of the last frame that are still to come; 0 = at a message boundary or inside a kept part.
  std::uint32_t rest() const { return rest_; }
  /// True when no part of a message has been taken.
  bool at_boundary() const { return rest_ == 0 && kept_.empty(); }

 private:
  Item fail(std::string message);

  FrameRules rules_;
  std::string kept_;  // the beginning of an incomplete message, header first
  bool shown_ = false;  // kept_ was shown as the last frame and is dropped by the next call
  std::uint32_t rest_ = 0;
  Frame frame_{};
  std::string_view chunk_;
  Error error_{};
};

}  // namespace chaperone::wire
