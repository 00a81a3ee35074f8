#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/wire/error.hpp"

/// The packets that have no type byte: what a client sends first (manual, 55.7 StartupMessage, CancelRequest,
/// SSLRequest, GSSENCRequest; PostgreSQL's ProcessStartupPacket).
namespace chaperone::wire {

/// PostgreSQL's MAX_STARTUP_PACKET_LENGTH and the length field, which that does not count.
inline constexpr std::uint32_t kMaxStartupPacketLength = 10000 + 4;
/// Largest secret key that protocol 3.2 allows in BackendKeyData and CancelRequest.
inline constexpr std::size_t kMaxSecretKeyLength = 256;

struct SslRequest {};
struct GssEncRequest {};

struct CancelRequest {
  std::int32_t backend_pid;
  std::string secret_key;  ///< 4 bytes in protocol 3.0, up to 256 in 3.2
};

struct StartupMessage {
  std::uint16_t major = 3;
  std::uint16_t minor = 0;
  /// Name and value in the order sent, the last one of a name counts. Bytes as received, without NUL.
  std::vector<std::pair<std::string, std::string>> parameters;

  /// The value of the last parameter of that name, or nullptr.
  const std::string* find(std::string_view name) const;
};

using StartupPacket = std::variant<SslRequest, GssEncRequest, CancelRequest, StartupMessage>;

/// Length of the packet at the front of `input` with its length field, or nothing when fewer than 4 bytes are
/// there. A length outside 8..kMaxStartupPacketLength is an error (08P01 "invalid length of startup packet").
Result<std::optional<std::uint32_t>> startup_packet_length(std::string_view input);

/// Decodes one whole packet, length field included. Errors as ProcessStartupPacket's: a protocol major other
/// than 3 is 0A000 "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"; a missing terminator, a
/// name without a value or bytes behind the last terminator are 08P01 "invalid startup packet layout:
/// expected terminator as last byte".
Result<StartupPacket> decode_startup_packet(std::string_view packet);

std::string encode(const SslRequest&);
std::string encode(const CancelRequest&);
std::string encode(const StartupMessage&);

}  // namespace chaperone::wire
