#include "proxy/wire/startup.hpp"

#include <gtest/gtest.h>

#include "proxy/wire/sqlstate.hpp"
#include "tests/wire/bytes.hpp"

namespace chaperone::wire {
namespace {

using namespace std::string_view_literals;
using test::int32;
using test::string;

constexpr std::uint32_t kVersion30 = 3U << 16;
constexpr std::string_view kBadLength = "invalid length of startup packet";
constexpr std::string_view kBadLayout = "invalid startup packet layout: expected terminator as last byte";

std::string packet(std::uint32_t code, std::string_view rest) {
  return int32(static_cast<std::uint32_t>(8 + rest.size())) + int32(code) + std::string(rest);
}

std::string error_of(std::string_view bytes) {
  const auto decoded = decode_startup_packet(bytes);
  if (decoded) return "";
  EXPECT_EQ(decoded.error().sqlstate, sqlstate::kProtocolViolation);
  return decoded.error().message;
}

using Parameters = decltype(StartupMessage::parameters);

TEST(Startup, Message) {
  const auto decoded = decode_startup_packet("\0\0\0\x22\0\3\0\0user\0alice\0database\0shop\0\0"sv);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& startup = std::get<StartupMessage>(*decoded);
  EXPECT_EQ(startup.major, 3);
  EXPECT_EQ(startup.minor, 0);
  EXPECT_EQ(startup.parameters, (Parameters{{"user", "alice"}, {"database", "shop"}}));
}

TEST(Startup, TheLastParameterOfANameCounts) {
  StartupMessage startup;
  startup.parameters = {{"user", "alice"}, {"options", ""}, {"user", "bob"}};
  ASSERT_NE(startup.find("user"), nullptr);
  EXPECT_EQ(*startup.find("user"), "bob");
  EXPECT_EQ(*startup.find("options"), "");
  EXPECT_EQ(startup.find("User"), nullptr) << "names are compared byte by byte";
  EXPECT_EQ(startup.find("database"), nullptr);
}

TEST(Startup, MinorVersionsAndProtocolOptionsAreLeftToNegotiate) {
  const auto decoded =
      decode_startup_packet(packet(kVersion30 | 9999, string("_pq_.x") + string("1") + '\0'));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& startup = std::get<StartupMessage>(*decoded);
  EXPECT_EQ(startup.minor, 9999);
  EXPECT_EQ(startup.parameters, (Parameters{{"_pq_.x", "1"}}));
}

TEST(Startup, OtherMajorVersionsAreRefused) {
  const auto refused = [](std::uint32_t version) {
    const auto decoded = decode_startup_packet(packet(version, std::string(300, '\0')));
    EXPECT_FALSE(decoded);
    EXPECT_EQ(decoded.error().sqlstate, sqlstate::kFeatureNotSupported);
    return decoded.error().message;
  };
  EXPECT_EQ(refused(2U << 16), "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
  EXPECT_EQ(refused(4U << 16 | 1), "unsupported frontend protocol 4.1: server supports 3.0 to 3.2");
  EXPECT_EQ(refused(0), "unsupported frontend protocol 0.0: server supports 3.0 to 3.2");
  EXPECT_EQ(refused(1234U << 16 | 5677),
            "unsupported frontend protocol 1234.5677: server supports 3.0 to 3.2");
}

TEST(Startup, Requests) {
  EXPECT_TRUE(std::holds_alternative<SslRequest>(*decode_startup_packet("\0\0\0\x08\x04\xd2\x16\x2f"sv)));
  EXPECT_TRUE(std::holds_alternative<GssEncRequest>(*decode_startup_packet("\0\0\0\x08\x04\xd2\x16\x30"sv)));
  EXPECT_EQ(error_of("\0\0\0\x09\x04\xd2\x16\x2f!"sv), kBadLength);
  EXPECT_EQ(error_of("\0\0\0\x09\x04\xd2\x16\x30!"sv), kBadLength);
}

TEST(Startup, CancelRequest) {
  const auto decoded = decode_startup_packet("\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x67\1\2\3\4"sv);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& cancel = std::get<CancelRequest>(*decoded);
  EXPECT_EQ(cancel.backend_pid, 4711);
  EXPECT_EQ(cancel.secret_key, "\1\2\3\4");

  const std::uint32_t code = 1234U << 16 | 5678U;
  EXPECT_EQ(error_of(packet(code, int32(1) + std::string(256, 'k'))), "");
  EXPECT_EQ(error_of(packet(code, int32(1) + std::string(257, 'k'))), kBadLength);
  EXPECT_EQ(error_of(packet(code, int32(1) + "key")), kBadLength);
  EXPECT_EQ(error_of(packet(code, "pid")), kBadLength);
  EXPECT_EQ(error_of(packet(code, "")), kBadLength);
}

TEST(Startup, LayoutIsChecked) {
  for (const std::string& bad : {
           std::string(),                                                 // no terminator
           string("user"),                                                // a name alone
           string("user") + '\0',                                         // an empty value, no terminator
           string("user") + "alice",                                      // a value without its NUL
           string("user") + string("alice"),                              // no terminator
           string("user") + string("alice") + "x",                        // not a terminator
           string("user") + string("alice") + '\0' + '\0',                // bytes behind it
           string("user") + string("alice") + '\0' + string("database"),  // and text
       }) {
    EXPECT_EQ(error_of(packet(kVersion30, bad)), kBadLayout) << bad.size() << " bytes";
  }
  EXPECT_EQ(error_of(packet(kVersion30, "\0"sv)), "") << "no user is the session's to refuse";
  EXPECT_EQ(error_of(packet(kVersion30, "user\0\0\0"sv)), "") << "so is an empty one";
}

TEST(Startup, EveryCutPacketIsRefused) {
  const std::string whole = packet(kVersion30, string("user") + string("alice") + '\0');
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(error_of(whole.substr(0, size)), kBadLength) << "the first " << size << " bytes";
    if (size < 8) continue;
    const std::string cut = int32(static_cast<std::uint32_t>(size)) + whole.substr(4, size - 4);
    EXPECT_EQ(error_of(cut), kBadLayout) << "a packet of " << size << " bytes";
  }
  EXPECT_EQ(error_of(whole + '\0'), kBadLength) << "more bytes than the packet has";
}

TEST(Startup, LengthIsKnownFromFourBytes) {
  for (const std::string_view few : {""sv, "\0"sv, "\0\0\0"sv}) {
    const auto length = startup_packet_length(few);
    ASSERT_TRUE(length);
    EXPECT_EQ(*length, std::nullopt) << few.size() << " bytes";
  }
  for (const std::uint32_t good : {8U, 9U, 10004U}) {
    EXPECT_EQ(**startup_packet_length(int32(good) + "more"), good);
  }
  for (const std::uint32_t bad : {0U, 4U, 7U, 10005U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    const auto length = startup_packet_length(int32(bad));
    ASSERT_FALSE(length) << bad;
    EXPECT_EQ(length.error().message, kBadLength);
    EXPECT_EQ(length.error().sqlstate, sqlstate::kProtocolViolation);
  }
}

TEST(Startup, EncodesTheBytesOfTheManual) {
  EXPECT_EQ(encode(SslRequest{}), "\0\0\0\x08\x04\xd2\x16\x2f"sv);
  EXPECT_EQ(encode(CancelRequest{4711, "\1\2\3\4"}), "\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x67\1\2\3\4"sv);
  StartupMessage startup;
  startup.minor = 2;
  startup.parameters = {{"user", "alice"}, {"database", ""}};
  EXPECT_EQ(encode(startup), "\0\0\0\x1e\0\3\0\2user\0alice\0database\0\0\0"sv);
}

}  // namespace
}  // namespace chaperone::wire
