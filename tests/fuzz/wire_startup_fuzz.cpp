#include <cstdint>
#include <string>

#include "proxy/wire/startup.hpp"
#include "tests/fuzz/require.hpp"

// A start-up packet that is taken says the same when it is written again.

namespace chaperone::wire {
namespace {

void check(std::string_view packet) {
  const auto decoded = decode_startup_packet(packet);
  const auto length = startup_packet_length(packet);
  if (!decoded) {
    require(!decoded.error().message.empty() && decoded.error().sqlstate.size() == 5,
            "an error has its fields");
    return;
  }
  require(length && *length == packet.size(), "a packet has the length that it announces");
  require(packet.size() <= kMaxStartupPacketLength, "a packet is within its limit");
  if (std::holds_alternative<SslRequest>(*decoded)) {
    require(encode(SslRequest{}) == packet, "SSLRequest is one packet");
  } else if (const auto* cancel = std::get_if<CancelRequest>(&*decoded)) {
    require(encode(*cancel) == packet, "CancelRequest is the same again");
  } else if (const auto* startup = std::get_if<StartupMessage>(&*decoded)) {
    require(encode(*startup) == packet, "StartupMessage is the same again");
    for (const auto& [name, value] : startup->parameters) {
      require(!name.empty() && name.find('\0') == std::string::npos, "a name is a C string");
      require(value.find('\0') == std::string::npos, "a value is a C string");
      require(startup->find(name) != nullptr, "a parameter is found");
    }
  }
}

}  // namespace
}  // namespace chaperone::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chaperone;
  const std::string_view bytes = as_text(data, size);
  wire::check(bytes);
  // The same with the length field put right, so that it does not hide the rest from the fuzzer.
  if (size < 8) return 0;
  std::string packet;
  for (int shift = 24; shift >= 0; shift -= 8) packet += static_cast<char>(size >> shift & 0xff);
  wire::check(packet.append(bytes.substr(4)));
  return 0;
}
