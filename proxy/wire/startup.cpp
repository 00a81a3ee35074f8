#include "proxy/wire/startup.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/wire/bytes.hpp"

namespace chaperone::wire {
namespace {

constexpr std::uint32_t kCancelRequestCode = 1234U << 16 | 5678U;
constexpr std::uint32_t kSslRequestCode = 1234U << 16 | 5679U;
constexpr std::uint32_t kGssEncRequestCode = 1234U << 16 | 5680U;
constexpr std::size_t kMinSecretKeyLength = 4;

Error bad_length() {
  return violation("invalid length of startup packet");
}

Result<StartupPacket> decode_cancel_request(BodyReader reader) {
  const std::int32_t backend_pid = reader.i32();
  const std::string_view secret_key = reader.rest();
  if (reader.failed() || secret_key.size() < kMinSecretKeyLength || secret_key.size() > kMaxSecretKeyLength) {
    return bad_length();
  }
  return CancelRequest{backend_pid, std::string(secret_key)};
}

Result<StartupPacket> decode_startup_message(std::uint32_t version, BodyReader reader) {
  StartupMessage startup;
  startup.major = static_cast<std::uint16_t>(version >> 16);
  startup.minor = static_cast<std::uint16_t>(version & 0xffff);
  if (startup.major != 3) {
    return Error{sqlstate::kFeatureNotSupported,
                 fmt::format("unsupported frontend protocol {}.{}: server supports 3.0 to 3.2", startup.major,
                             startup.minor)};
  }
  for (std::string_view name = reader.string(); !name.empty(); name = reader.string()) {
    const std::string_view value = reader.string();
    if (reader.failed()) break;
    startup.parameters.emplace_back(name, value);
  }
  if (!reader.end()) return violation("invalid startup packet layout: expected terminator as last byte");
  return startup;
}

/// A packet without a type byte whose length field is written last.
std::string finish(std::string body) {
  std::string packet;
  append_u32(packet, static_cast<std::uint32_t>(body.size() + 4));
  return packet + body;
}

}  // namespace

const std::string* StartupMessage::find(std::string_view name) const {
  const auto last = std::find_if(parameters.rbegin(), parameters.rend(),
                                 [name](const auto& parameter) { return parameter.first == name; });
  return last == parameters.rend() ? nullptr : &last->second;
}

Result<std::optional<std::uint32_t>> startup_packet_length(std::string_view input) {
  if (input.size() < 4) return std::optional<std::uint32_t>();
  const std::uint32_t length = BodyReader(input).u32();
  if (length < 8 || length > kMaxStartupPacketLength) return bad_length();
  return std::optional<std::uint32_t>(length);
}

Result<StartupPacket> decode_startup_packet(std::string_view packet) {
  const auto length = startup_packet_length(packet);
  if (!length) return length.error();
  if (*length != packet.size()) return bad_length();
  BodyReader reader(packet.substr(4));
  const std::uint32_t code = reader.u32();
  if (code == kCancelRequestCode) return decode_cancel_request(reader);
  if (code == kSslRequestCode || code == kGssEncRequestCode) {
    if (!reader.rest().empty()) return bad_length();
    if (code == kSslRequestCode) return SslRequest{};
    return GssEncRequest{};
  }
  return decode_startup_message(code, reader);
}

std::string encode(const SslRequest&) {
  std::string body;
  append_u32(body, kSslRequestCode);
  return finish(std::move(body));
}

std::string encode(const CancelRequest& request) {
  std::string body;
  append_u32(body, kCancelRequestCode);
  append_u32(body, static_cast<std::uint32_t>(request.backend_pid));
  body.append(request.secret_key);
  return finish(std::move(body));
}

std::string encode(const StartupMessage& startup) {
  std::string body;
  append_u32(body, std::uint32_t{startup.major} << 16 | startup.minor);
  for (const auto& [name, value] : startup.parameters) {
    append_string(body, name);
    append_string(body, value);
  }
  body.push_back('\0');
  return finish(std::move(body));
}

}  // namespace chaperone::wire
