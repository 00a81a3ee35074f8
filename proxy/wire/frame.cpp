#include "proxy/wire/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::wire {
namespace {

// libpq prints the byte as it is; ours goes into logs.
std::string printable(char type) {
  if (type > ' ' && type <= '~') return {type};
  return fmt::format("\\x{:02x}", static_cast<unsigned char>(type));
}

std::string unknown_type(Stream stream, char type) {
  const auto byte = static_cast<unsigned char>(type);
  switch (stream) {
    case Stream::kFrontend:
      return fmt::format("invalid frontend message type {}", byte);
    case Stream::kAuthentication:
      return fmt::format("expected SASL response, got message type {}", byte);
    case Stream::kBackend:
      break;
  }
  return fmt::format("unexpected response from server; first received character was \"{}\"", printable(type));
}

std::string bad_length(Stream stream, char type, std::uint32_t length) {
  if (stream != Stream::kBackend) return "invalid message length";
  // As handleSyncLoss of libpq.
  return fmt::format("lost synchronization with server: got message type \"{}\", length {}", printable(type),
                     static_cast<std::int32_t>(length));
}

}  // namespace

FrameReader::Item FrameReader::next_part(std::string_view& input) {
  if (!error_.message.empty()) return Item::kBad;
  if (shown_) release();
  if (rest_ != 0) {
    if (input.empty()) return Item::kNeedMore;
    chunk_ = input.substr(0, rest_);
    input.remove_prefix(chunk_.size());
    rest_ -= static_cast<std::uint32_t>(chunk_.size());
    return Item::kChunk;
  }

  const bool held = !kept_.empty();
  if (held) keep(input, kFrameHeaderLength);
  const std::string_view header = held ? kept_ : input;
  if (header.empty()) return Item::kNeedMore;
  // Judged by its first byte alone, as SocketBackend does: no need to wait for a length.
  const FrameRule rule = rules_(header.front());
  if (rule.max_length == 0) return fail(header, unknown_type(rule.stream, header.front()));
  if (header.size() < kFrameHeaderLength) {
    keep(input, kFrameHeaderLength);
    return Item::kNeedMore;
  }
  const std::uint32_t length = length_field(header.data());
  if (length < 4 || length > rule.max_length) {
    return fail(header, bad_length(rule.stream, header.front(), length));
  }

  const std::uint32_t body_length = length - 4;
  const std::size_t needed = kFrameHeaderLength + std::min(body_length, rule.hold);
  if (held || input.size() < needed) {
    keep(input, needed);
    return kept_.size() < needed ? Item::kNeedMore : show(body_length, kept_, true);
  }
  const std::size_t size = rule.hold != 0 ? needed : kFrameHeaderLength + std::size_t{body_length};
  const std::string_view bytes = input.substr(0, size);
  input.remove_prefix(bytes.size());
  return show(body_length, bytes, false);
}

FrameReader::Item FrameReader::show(std::uint32_t body_length, std::string_view bytes, bool held) {
  rest_ = body_length - static_cast<std::uint32_t>(bytes.size() - kFrameHeaderLength);
  shown_ = held;
  frame_ = {bytes.front(), body_length, bytes, rest_, held};
  return Item::kFrame;
}

// The reader stays in a state that next() sends here again, whatever comes.
FrameReader::Item FrameReader::fail(std::string_view beginning, std::string message) {
  if (kept_.empty()) kept_.assign(beginning.substr(0, 1));
  error_ = {sqlstate::kProtocolViolation, std::move(message)};
  return Item::kBad;
}

// Fills kept_ up to `size` bytes. It grows with what arrived, never by what a length field promises.
void FrameReader::keep(std::string_view& input, std::size_t size) {
  const std::string_view part = input.substr(0, size - std::min(size, kept_.size()));
  kept_.append(part);
  input.remove_prefix(part.size());
}

// Gives the memory back too, which clear() would not.
void FrameReader::release() {
  decltype(kept_)().swap(kept_);
  shown_ = false;
}

}  // namespace chaperone::wire
