#pragma once

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/wire/error.hpp"
#include "proxy/wire/sqlstate.hpp"

/// What the decoders and encoders of this folder share.
namespace chaperone::wire {

inline Error violation(std::string message) {
  return {sqlstate::kProtocolViolation, std::move(message)};
}

/// Reads the parts of a message body one after the other, with the checks and words of pqformat.c. The first
/// failure sticks: everything read after it is zero or empty, and end() reports it.
class BodyReader {
 public:
  explicit BodyReader(std::string_view body) : rest_(body) {}

  std::string_view rest() const { return rest_; }
  bool failed() const { return failure_ != nullptr; }

  /// pq_getmsgbyte
  char byte() {
    if (rest_.empty()) return fail("no data left in message"), '\0';
    return bytes(1).front();
  }
  /// pq_getmsgint
  std::uint16_t u16() {
    const std::string_view raw = bytes(2);
    return raw.empty() ? std::uint16_t{0} : boost::endian::load_big_u16(data(raw));
  }
  std::uint32_t u32() {
    const std::string_view raw = bytes(4);
    return raw.empty() ? 0 : boost::endian::load_big_u32(data(raw));
  }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  /// pq_getmsgbytes; empty when there are fewer.
  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) return fail("insufficient data left in message"), std::string_view();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  /// pq_getmsgstring
  std::string_view string() {
    const std::size_t size = rest_.find('\0');
    if (size == std::string_view::npos) return fail("invalid string in message"), std::string_view();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return taken;
  }

  /// Marks the message as bad, unless it already is; `why` has static lifetime.
  void fail(const char* why) {
    if (failure_ == nullptr) failure_ = why;
    rest_ = {};
  }
  /// pq_getmsgend, or the failure before it.
  Result<void> end() {
    if (!rest_.empty()) fail("invalid message format");
    return so_far();
  }
  /// The first failure, when more may follow.
  Result<void> so_far() const {
    if (failure_ != nullptr) return violation(failure_);
    return {};
  }

 private:
  static const unsigned char* data(std::string_view raw) {
    return reinterpret_cast<const unsigned char*>(raw.data());
  }

  std::string_view rest_;
  const char* failure_ = nullptr;
};

inline void append_u32(std::string& out, std::uint32_t value) {
  unsigned char raw[4];
  boost::endian::store_big_u32(raw, value);
  out.append(reinterpret_cast<const char*>(raw), sizeof raw);
}

inline void append_string(std::string& out, std::string_view text) {
  out.append(text);
  out.push_back('\0');
}

/// Appends one message: its type and length, and in between the body that the caller appends to `out`.
class MessageWriter {
 public:
  MessageWriter(std::string& out, char type) : out_(out) {
    out_.push_back(type);
    start_ = out_.size();
    out_.append(4, '\0');
  }
  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;
  ~MessageWriter() {
    boost::endian::store_big_u32(reinterpret_cast<unsigned char*>(out_.data()) + start_,
                                 static_cast<std::uint32_t>(out_.size() - start_));
  }

 private:
  std::string& out_;
  std::size_t start_;
};

}  // namespace chaperone::wire
