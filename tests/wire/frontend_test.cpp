#include "proxy/wire/frontend.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/wire/streams.hpp"

namespace chaperone::wire::frontend {
namespace {

using namespace std::string_view_literals;
using test::int16;
using test::int32;
using test::string;

std::string error_of(const auto& result) {
  if (result) return "";
  EXPECT_EQ(result.error().sqlstate, "08P01");
  return result.error().message;
}

std::string body_of(char type) {
  for (const test::Message& each : test::frontend_messages()) {
    if (each.type == type) return each.body;
  }
  throw std::logic_error("no such message");
}

struct Decoder {
  const char* name;
  std::string body;
  std::function<std::string(std::string_view)> error;  // empty = decoded
};

std::vector<Decoder> strict_decoders() {
  return {
      {"Query", body_of('Q'), [](std::string_view body) { return error_of(decode_query(body)); }},
      {"Parse", body_of('P'), [](std::string_view body) { return error_of(decode_parse(body)); }},
      {"Bind", body_of('B'), [](std::string_view body) { return error_of(decode_bind(body)); }},
      {"Describe", body_of('D'), [](std::string_view body) { return error_of(decode_describe(body)); }},
      {"Execute", body_of('E'), [](std::string_view body) { return error_of(decode_execute(body)); }},
      {"Close", body_of('C'), [](std::string_view body) { return error_of(decode_close(body)); }},
      {"Sync", "", [](std::string_view body) { return error_of(decode_empty(body)); }},
      {"SASLInitialResponse", string("SCRAM-SHA-256") + int32(4) + "n,,n",
       [](std::string_view body) { return error_of(decode_sasl_initial_response(body)); }},
  };
}

TEST(Frontend, NoMessageMayLackItsEndOrHaveMore) {
  for (const Decoder& decoder : strict_decoders()) {
    SCOPED_TRACE(decoder.name);
    EXPECT_EQ(decoder.error(decoder.body), "");
    for (std::size_t size = 0; size < decoder.body.size(); ++size) {
      EXPECT_NE(decoder.error(decoder.body.substr(0, size)), "")
          << "with its first " << size << " bytes alone";
    }
    EXPECT_EQ(decoder.error(decoder.body + '\0'), "invalid message format");
    EXPECT_EQ(decoder.error(decoder.body + "SELECT 2"), "invalid message format");
  }
}

TEST(Frontend, Query) {
  EXPECT_EQ(decode_query("SELECT 1\0"sv)->query, "SELECT 1");
  EXPECT_EQ(decode_query("\0"sv)->query, "");
  EXPECT_EQ(error_of(decode_query("SELECT 1")), "invalid string in message");
  EXPECT_EQ(error_of(decode_query("SELECT 1\0; DROP TABLE t\0"sv)), "invalid message format");
}

TEST(Frontend, Parse) {
  const std::string body = body_of('P');
  const auto parse = decode_parse(body);
  ASSERT_TRUE(parse) << parse.error().message;
  EXPECT_EQ(parse->name, "by_id");
  EXPECT_EQ(parse->query, "SELECT $1, $2");
  EXPECT_EQ(parse->parameter_types, 2);
  EXPECT_EQ(error_of(decode_parse(string("") + string("SELECT 1") + int16(0xffff))),
            "insufficient data left in message");
  const std::string many = string("") + string("SELECT 1") + int16(0xffff) + std::string(0xffff * 4, '\0');
  EXPECT_EQ(decode_parse(many)->parameter_types, 0xffff);
}

TEST(Frontend, Bind) {
  const std::string body = body_of('B');
  const auto bind = decode_bind(body);
  ASSERT_TRUE(bind) << bind.error().message;
  EXPECT_EQ(bind->portal, "cursor");
  EXPECT_EQ(bind->statement, "by_id");
  EXPECT_EQ(bind->values_count, 3);
  std::string_view rest = bind->values;
  EXPECT_EQ(Bind::next_value(rest), Value("\0\0\0*"sv));
  EXPECT_EQ(Bind::next_value(rest), Value());
  EXPECT_EQ(Bind::next_value(rest), Value("abc"));
  EXPECT_EQ(rest, "");
}

TEST(Frontend, BindOfAnEmptyValueIsNotNull) {
  const std::string body = string("") + string("") + int16(0) + int16(1) + int32(0) + int16(0);
  const auto bind = decode_bind(body);
  ASSERT_TRUE(bind) << bind.error().message;
  std::string_view rest = bind->values;
  EXPECT_EQ(Bind::next_value(rest), Value(""));
}

TEST(Frontend, BindFormats) {
  const auto formats = [](const std::string& raw, std::uint16_t count) {
    const std::string body = string("") + string("") + int16(static_cast<std::uint16_t>(raw.size() / 2)) +
                             raw + int16(count) + std::string(std::size_t{count} * 4, '\xff') + int16(0);
    const auto bind = decode_bind(body);
    if (!bind) return bind.error().message;
    std::string seen;
    for (std::size_t i = 0; i < count; ++i) seen += std::to_string(bind->format(i)) + ' ';
    return seen;
  };
  EXPECT_EQ(formats("", 3), "0 0 0 ");
  EXPECT_EQ(formats(int16(1), 3), "1 1 1 ");
  EXPECT_EQ(formats(int16(1), 0), "") << "one format for no value is allowed, as in exec_bind_message";
  EXPECT_EQ(formats(int16(0) + int16(1) + int16(0), 3), "0 1 0 ");
  EXPECT_EQ(formats(int16(1) + int16(1), 3), "bind message has 2 parameter formats but 3 parameters");
  EXPECT_EQ(formats(int16(1) + int16(1), 0), "bind message has 2 parameter formats but 0 parameters");
}

TEST(Frontend, BindCountsAreCheckedAgainstTheBytes) {
  const std::string names = string("") + string("");
  EXPECT_EQ(error_of(decode_bind(names + int16(0xffff))), "insufficient data left in message");
  EXPECT_EQ(error_of(decode_bind(names + int16(0) + int16(0xffff))), "insufficient data left in message");
  const std::string one_value = names + int16(0) + int16(1);
  for (const std::uint32_t length : {4U, 0x7fffffffU, 0x80000000U, 0xfffffffeU}) {
    EXPECT_EQ(error_of(decode_bind(one_value + int32(length) + "a" + int16(0))),
              "insufficient data left in message")
        << "a value of length " << static_cast<std::int32_t>(length);
  }
  EXPECT_EQ(error_of(decode_bind(one_value + int32(1) + "a" + int16(2) + int16(0))),
            "insufficient data left in message");
  const std::string most =
      names + int16(0) + int16(0xffff) + std::string(std::size_t{0xffff} * 4, '\xff') + int16(0);
  EXPECT_EQ(decode_bind(most)->values_count, 0xffff);
}

TEST(Frontend, BindNamesOfACutBody) {
  const std::string body = body_of('B');
  const auto bind = decode_bind_names(std::string_view(body).substr(0, 20));
  ASSERT_TRUE(bind) << bind.error().message;
  EXPECT_EQ(bind->portal, "cursor");
  EXPECT_EQ(bind->statement, "by_id");
  EXPECT_EQ(bind->values, "");
  EXPECT_EQ(error_of(decode_bind_names(std::string_view(body).substr(0, 8))), "invalid string in message");
}

TEST(Frontend, NextValueStopsAtTheEndOfWhatIsThere) {
  for (const std::string& cut : {std::string(), int16(0), int32(4) + "abc", int32(0x80000000)}) {
    std::string_view rest = cut;
    Bind::next_value(rest);
    EXPECT_EQ(rest, "");
  }
}

TEST(Frontend, DescribeAndClose) {
  EXPECT_EQ(decode_describe("Sname\0"sv)->kind, 'S');
  EXPECT_EQ(decode_describe("Pname\0"sv)->name, "name");
  EXPECT_EQ(decode_close("P\0"sv)->kind, 'P');
  EXPECT_EQ(decode_close("Sname\0"sv)->name, "name");
  EXPECT_EQ(error_of(decode_describe("Xname\0"sv)), "invalid DESCRIBE message subtype 88");
  EXPECT_EQ(error_of(decode_close("\xff\0"sv)), "invalid CLOSE message subtype 255");
  EXPECT_EQ(error_of(decode_describe("")), "no data left in message");
}

TEST(Frontend, Execute) {
  EXPECT_EQ(decode_execute("cursor\0\0\0\0d"sv)->portal, "cursor");
  EXPECT_EQ(decode_execute("cursor\0\0\0\0d"sv)->max_rows, 100);
  EXPECT_EQ(decode_execute("\0\xff\xff\xff\xff"sv)->max_rows, -1);
}

TEST(Frontend, FunctionCallOfACutBody) {
  const std::string body = body_of('F');
  EXPECT_EQ(decode_function_call(body)->function_oid, 1299U);
  EXPECT_EQ(decode_function_call(std::string_view(body).substr(0, 4))->function_oid, 1299U);
  EXPECT_EQ(error_of(decode_function_call("\0\0\0"sv)), "insufficient data left in message");
}

TEST(Frontend, SaslInitialResponse) {
  const std::string body = string("SCRAM-SHA-256") + int32(4) + "n,,n";
  const auto response = decode_sasl_initial_response(body);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(response->data, std::optional("n,,n"sv));
  EXPECT_EQ(decode_sasl_initial_response("X\0\xff\xff\xff\xff"sv)->data, std::nullopt);
  EXPECT_EQ(decode_sasl_initial_response("X\0\0\0\0\0"sv)->data, std::optional(""sv));
  EXPECT_EQ(error_of(decode_sasl_initial_response("X\0\xff\xff\xff\xfe"sv)),
            "insufficient data left in message");
}

TEST(Frontend, EncodesTheBytesOfTheManual) {
  const auto encoded = [](auto encode, auto... arguments) {
    std::string out = "before";
    encode(out, arguments...);
    return out.substr(6);
  };
  EXPECT_EQ(encoded(encode_query, "SELECT 1"), "Q\0\0\0\x0dSELECT 1\0"sv);
  EXPECT_EQ(encoded(encode_parse, "s1", "SELECT 1", ""), "P\0\0\0\x12s1\0SELECT 1\0\0\0"sv);
  EXPECT_EQ(encoded(encode_parse, "", "SELECT $1", "\0\1\0\0\0\x17"sv),
            "P\0\0\0\x15\0SELECT $1\0\0\1\0\0\0\x17"sv);
  EXPECT_EQ(encoded(encode_execute, "p", 3), "E\0\0\0\x0ap\0\0\0\0\3"sv);
  EXPECT_EQ(encoded(encode_run_unnamed),
            "B\0\0\0\x0c\0\0\0\0\0\0\0\0D\0\0\0\6P\0E\0\0\0\x09\0\0\0\0\0H\0\0\0\4"sv);
  EXPECT_EQ(encoded(encode_sasl_initial_response, "SCRAM-SHA-256", "n,,n=,r=x"),
            "p\0\0\0\x1fSCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x"sv);
  EXPECT_EQ(encoded(encode_sasl_response, "c=biws"), "p\0\0\0\nc=biws"sv);
  EXPECT_EQ(encoded(encode_sync), "S\0\0\0\4"sv);
  EXPECT_EQ(encoded(encode_terminate), "X\0\0\0\4"sv);
}

}  // namespace
}  // namespace chaperone::wire::frontend
