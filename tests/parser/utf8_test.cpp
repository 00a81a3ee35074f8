#include "parser/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

#include "parser/parser.hpp"

namespace chaperone::parser {

namespace {

// By code point, the other way round than the code under test: decode, then ask whether that is how it is
// written.
bool is_one_character(const std::string& bytes) {
  const auto byte = [&bytes](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  std::uint32_t point = 0;
  if (bytes.size() == 1) return byte(0) >= 1 && byte(0) <= 0x7F;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return false;
    point = point << 6U | (byte(i) & 0x3FU);
  }
  const auto length = static_cast<std::uint32_t>(bytes.size());
  const std::uint32_t marker = length == 2 ? 0xC0U : length == 3 ? 0xE0U : 0xF0U;
  const std::uint32_t room = length == 2 ? 0x20U : length == 3 ? 0x10U : 0x08U;
  if (byte(0) < marker || byte(0) >= marker + room) return false;
  point |= (byte(0) - marker) << (6U * (length - 1));
  const std::uint32_t least = length == 2 ? 0x80U : length == 3 ? 0x800U : 0x10000U;
  return point >= least && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
}

bool is_valid(const std::string& text) {
  return valid_utf8_prefix(text) == text.size();
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += " " + std::to_string(static_cast<unsigned char>(byte));
  }
  return text;
}

}  // namespace

TEST(Utf8, EveryByteAlone) {
  for (int first = 0; first < 256; ++first) {
    const std::string bytes(1, static_cast<char>(first));
    ASSERT_EQ(is_valid(bytes), is_one_character(bytes)) << "bytes" << hex(bytes);
  }
}

TEST(Utf8, EveryLeadWithTheTailsAtTheEdges) {
  const std::string tails("\x00\x01\x27\x7f\x80\x81\x8f\x90\x9f\xa0\xa1\xbf\xc0\xc2\xe0\xf0\xff", 17);
  const auto check = [](const std::string& bytes) {
    EXPECT_EQ(is_valid(bytes), is_one_character(bytes)) << "bytes" << hex(bytes);
  };
  for (int lead = 0xC0; lead < 256; ++lead) {
    for (const char second : tails) {
      const std::string two{static_cast<char>(lead), second};
      if (lead < 0xE0) check(two);
      for (const char third : tails) {
        if (lead >= 0xE0 && lead < 0xF0) check(two + third);
        if (lead < 0xF0) continue;
        for (const char fourth : tails) check(two + third + fourth);
      }
    }
  }
}

TEST(Utf8, FindsTheFirstBadByteAtEveryOffset) {
  const std::string good =
      "SELECT 'h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80 world, and then some plain text';";
  ASSERT_TRUE(is_valid(good));
  for (std::size_t offset = 0; offset <= good.size(); ++offset) {
    const bool inside_character = offset < good.size() && (good[offset] & '\xC0') == '\x80';
    if (inside_character) continue;
    for (const char bad : {'\0', '\x80', '\xC0', '\xFF'}) {
      std::string text = good;
      text.insert(offset, 1, bad);
      ASSERT_EQ(valid_utf8_prefix(text), offset) << "byte" << hex({bad}) << " at " << offset;
    }
  }
}

TEST(Utf8, ACharacterCutOffAtTheEndIsRefused) {
  for (const std::string character : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (std::size_t length = 1; length < character.size(); ++length) {
      EXPECT_EQ(valid_utf8_prefix("plain text " + character.substr(0, length)), 11U)
          << "bytes" << hex(character);
    }
  }
}

TEST(Utf8, CountsCharacters) {
  EXPECT_EQ(characters(""), 0U);
  EXPECT_EQ(characters("abc"), 3U);
  EXPECT_EQ(characters("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"), 5U);
}

TEST(Utf8, RefusalReadsAsPostgresqls) {
  const struct {
    std::string sql;
    const char* message;
  } cases[] = {
      {"select '\xff'", R"(invalid byte sequence for encoding "UTF8": 0xff)"},
      {"select '\xc3'", R"(invalid byte sequence for encoding "UTF8": 0xc3 0x27)"},
      {"select '\xed\xa0\x80'", R"(invalid byte sequence for encoding "UTF8": 0xed 0xa0 0x80)"},
      {"select '\xc0\xaf'", R"(invalid byte sequence for encoding "UTF8": 0xc0 0xaf)"},
      {"select '\xf5\x80\x80\x80'", R"(invalid byte sequence for encoding "UTF8": 0xf5 0x80 0x80 0x80)"},
      {"select '\xf0\x9f", R"(invalid byte sequence for encoding "UTF8": 0xf0 0x9f)"},
      {"select '\xa0'", R"(invalid byte sequence for encoding "UTF8": 0xa0)"},
      {std::string("select 1\0; drop table t", 23), R"(invalid byte sequence for encoding "UTF8": 0x00)"},
  };
  for (const auto& expected : cases) {
    const auto script = parse(expected.sql);
    ASSERT_FALSE(script.has_value()) << "accepted" << hex(expected.sql);
    EXPECT_EQ(script.error().kind, ErrorKind::kEncoding) << expected.message;
    EXPECT_EQ(script.error().message, expected.message);
    EXPECT_EQ(script.error().position, 0U);
  }
}

}  // namespace chaperone::parser
