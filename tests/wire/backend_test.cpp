#include "proxy/wire/backend.hpp"

#include <gtest/gtest.h>

#include <array>

#include "proxy/wire/sqlstate.hpp"
#include "proxy/wire/startup.hpp"
#include "tests/wire/bytes.hpp"

namespace chaperone::wire::backend {
namespace {

using namespace std::string_view_literals;
using test::int32;
using test::string;

std::string error_of(const auto& result) {
  if (result) return "";
  EXPECT_EQ(result.error().sqlstate, "08P01");
  return result.error().message;
}

TEST(Backend, Authentication) {
  EXPECT_EQ(decode_authentication("\0\0\0\0"sv)->code, 0);
  const auto md5 = decode_authentication("\0\0\0\5salt"sv);
  EXPECT_EQ(md5->code, 5);
  EXPECT_EQ(md5->data, "salt");
  EXPECT_EQ(error_of(decode_authentication("\0\0\0"sv)), "insufficient data left in message");
}

TEST(Backend, SaslMechanisms) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(*decode_sasl_mechanisms("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv),
            (Names{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}));
  EXPECT_EQ(*decode_sasl_mechanisms("\0"sv), Names());
  EXPECT_EQ(error_of(decode_sasl_mechanisms("SCRAM-SHA-256\0"sv)), "invalid string in message");
  EXPECT_EQ(error_of(decode_sasl_mechanisms("")), "invalid string in message");
  EXPECT_EQ(error_of(decode_sasl_mechanisms("A\0\0B\0"sv)), "invalid message format");
}

TEST(Backend, BackendKeyData) {
  const auto data = decode_backend_key_data("\0\0\x12\x67\1\2\3\4"sv);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->backend_pid, 4711);
  EXPECT_EQ(data->secret_key, "\1\2\3\4");
  EXPECT_EQ(decode_backend_key_data(int32(1) + std::string(256, 'k'))->secret_key.size(), 256U);
  EXPECT_EQ(error_of(decode_backend_key_data(int32(1) + std::string(257, 'k'))), "invalid message format");
  EXPECT_EQ(error_of(decode_backend_key_data(int32(1) + "key")), "insufficient data left in message");
  EXPECT_EQ(error_of(decode_backend_key_data("\0\0\1"sv)), "insufficient data left in message");
}

TEST(Backend, ParameterStatus) {
  const auto status = decode_parameter_status("TimeZone\0Etc/UTC\0"sv);
  EXPECT_EQ(status->name, "TimeZone");
  EXPECT_EQ(status->value, "Etc/UTC");
  EXPECT_EQ(error_of(decode_parameter_status("TimeZone\0Etc/UTC"sv)), "invalid string in message");
  EXPECT_EQ(error_of(decode_parameter_status("TimeZone\0UTC\0more"sv)), "invalid message format");
}

TEST(Backend, ErrorFields) {
  const auto fields =
      decode_error_fields("SFEHLER\0VERROR\0C42P01\0Mno such table\0Xunknown field\0\0"sv, true);
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_EQ(fields->severity, "ERROR");
  EXPECT_EQ(fields->sqlstate, "42P01");
  EXPECT_EQ(fields->message, "no such table");
}

TEST(Backend, ErrorFieldsOfAnOldServer) {
  EXPECT_EQ(decode_error_fields("SFATAL\0C57P01\0\0"sv, true)->severity, "FATAL");
  EXPECT_EQ(decode_error_fields("\0"sv, true)->severity, "");
}

TEST(Backend, ErrorFieldsHaveToEnd) {
  EXPECT_EQ(error_of(decode_error_fields("", true)), "no data left in message");
  EXPECT_EQ(error_of(decode_error_fields("SERROR\0"sv, true)), "no data left in message");
  EXPECT_EQ(error_of(decode_error_fields("SERROR", true)), "invalid string in message");
  EXPECT_EQ(error_of(decode_error_fields("SERROR\0\0more"sv, true)), "invalid message format");
  EXPECT_EQ(error_of(decode_error_fields("SERROR\0\0more"sv, false)), "invalid message format");
}

TEST(Backend, ErrorFieldsOfACutBodyAreWholeOrEmpty) {
  const auto body = "SERROR\0VERROR\0C42P01\0Mno such table\0\0"sv;
  for (std::size_t size = 0; size <= body.size(); ++size) {
    SCOPED_TRACE("the first " + std::to_string(size) + " bytes");
    const auto fields = decode_error_fields(body.substr(0, size), false);
    ASSERT_TRUE(fields) << fields.error().message;
    EXPECT_EQ(fields->severity, size >= 7 ? "ERROR" : "");
    EXPECT_EQ(fields->sqlstate, size >= 21 ? "42P01" : "");
    EXPECT_EQ(fields->message, size >= 36 ? "no such table" : "");
  }
}

TEST(Backend, CommandComplete) {
  EXPECT_EQ(*decode_command_complete("INSERT 0 5\0"sv), "INSERT 0 5");
  EXPECT_EQ(error_of(decode_command_complete("INSERT 0 5")), "invalid string in message");
  EXPECT_EQ(error_of(decode_command_complete("BEGIN\0COMMIT\0"sv)), "invalid message format");
}

TEST(Backend, RowsOfTag) {
  EXPECT_EQ(rows_of_tag("INSERT 0 5"), 5U);
  EXPECT_EQ(rows_of_tag("SELECT 0"), 0U);
  EXPECT_EQ(rows_of_tag("COPY 18446744073709551615"), 18446744073709551615U);
  for (const std::string_view none : {"BEGIN", "CREATE TABLE", "", " ", "SELECT ", "SELECT -1", "SELECT 1x",
                                      "SELECT x1", "5", "COPY 18446744073709551616"}) {
    EXPECT_EQ(rows_of_tag(none), std::nullopt) << '"' << none << '"';
  }
}

TEST(Backend, ReadyForQuery) {
  for (const std::string_view status : {"I", "T", "E"}) {
    EXPECT_EQ(*decode_ready_for_query(status), status.front());
  }
  EXPECT_EQ(error_of(decode_ready_for_query("X")), "invalid transaction status from server");
  EXPECT_EQ(error_of(decode_ready_for_query("")), "no data left in message");
  EXPECT_EQ(error_of(decode_ready_for_query("II")), "invalid message format");
}

std::string encoded(auto encode, const auto&... arguments) {
  std::string out = "before";
  encode(out, arguments...);
  return out.substr(6);
}

TEST(Backend, EncodesAuthentication) {
  constexpr std::array kMechanisms{"SCRAM-SHA-256"sv};
  EXPECT_EQ(encoded(encode_authentication_ok), "R\0\0\0\10\0\0\0\0"sv);
  EXPECT_EQ(encoded(encode_authentication_sasl, kMechanisms), "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"sv);
  EXPECT_EQ(encoded(encode_authentication_sasl_continue, "r=x"), "R\0\0\0\x0b\0\0\0\x0br=x"sv);
  EXPECT_EQ(encoded(encode_authentication_sasl_final, "v=y"), "R\0\0\0\x0b\0\0\0\x0cv=y"sv);
}

TEST(Backend, EncodesBackendKeyData) {
  EXPECT_EQ(encoded(encode_backend_key_data, 4711, "\1\2\3\4"), "K\0\0\0\x0c\0\0\x12\x67\1\2\3\4"sv);
  EXPECT_EQ(encoded(encode_backend_key_data, -1, "\1\2\3\4"), "K\0\0\0\x0c\xff\xff\xff\xff\1\2\3\4"sv);
}

TEST(Backend, EncodesErrorResponse) {
  const Error plain{sqlstate::kInvalidPassword, "no"};
  EXPECT_EQ(encoded(encode_error_response, "FATAL", plain), "E\0\0\0\x1eSFATAL\0VFATAL\0C28P01\0Mno\0\0"sv);
  const Error full{sqlstate::kProtocolViolation, "m", "d", "h"};
  EXPECT_EQ(encoded(encode_error_response, "ERROR", full),
            "E\0\0\0\x23SERROR\0VERROR\0C08P01\0Mm\0Dd\0Hh\0\0"sv);
}

TEST(Backend, AnErrorResponseStaysOneWhateverItsTextHolds) {
  const Error error{sqlstate::kProtocolViolation, std::string("seen\0Mhidden\0\0", 14)};
  const std::string out = encoded(encode_error_response, "ERROR", error);
  const auto fields = decode_error_fields(std::string_view(out).substr(5), true);
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_EQ(fields->message, "seen");
}

TEST(Backend, EncodesNegotiateProtocolVersion) {
  const std::array<std::string, 2> options{"_pq_.a", "_pq_.b"};
  EXPECT_EQ(encoded(encode_negotiate_protocol_version, std::uint16_t{2}, options),
            "v\0\0\0\x1a\0\3\0\2\0\0\0\2_pq_.a\0_pq_.b\0"sv);
  EXPECT_EQ(encoded(encode_negotiate_protocol_version, std::uint16_t{0}, std::span<const std::string>()),
            "v\0\0\0\x0c\0\3\0\0\0\0\0\0"sv);
}

}  // namespace
}  // namespace chaperone::wire::backend
