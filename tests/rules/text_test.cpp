#include "rules/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace chaperone::rules {
namespace {

TEST(Closest, FindsWhatWasMeant) {
  static constexpr std::array<std::string_view, 5> kWords = {"address", "tls", "limits", "listen",
                                                             "databases"};
  const std::pair<std::string_view, std::string_view> words[] = {
      {"adress", "address"},
      {"addres", "address"},
      {"addresss", "address"},
      {"addrses", "address"},
      {"Address", "address"},
      {"ADRESS", "address"},
      {"tsl", "tls"},
      {"limit", "limits"},
      {"lisetn", "listen"},
      {"database", "databases"},
      {"datbase", "databases"},
      {"tls", "tls"},
      {"", ""},
      {"t", ""},
      {"xyz", ""},
      {"certificate", ""},
      {"ssl", ""},
  };
  for (const auto& [word, meant] : words) EXPECT_EQ(closest(word, kWords), meant) << word;
  EXPECT_EQ(closest(std::string(10'000, 'a'), kWords), "") << "too long to be a misspelling";
  EXPECT_EQ(closest("tls", {}), "");
}

TEST(InQuotes, IsOneLineOfText) {
  EXPECT_EQ(in_quotes("abc"), "\"abc\"");
  EXPECT_EQ(in_quotes("a\nb\x1b[31m\x7f"), "\"a?b?[31m?\"");
  EXPECT_EQ(in_quotes(std::string(200, 'a')), '"' + std::string(200, 'a') + '"');
  EXPECT_EQ(in_quotes(std::string(201, 'a')), '"' + std::string(200, 'a') + "..\"");
  EXPECT_EQ(in_quotes(std::string(199, 'a') + "ää"), '"' + std::string(199, 'a') + "..\"")
      << "a character is cut in two";
}

TEST(ControlCharacters, AreFound) {
  EXPECT_FALSE(has_control_character("text with ä"));
  for (const char c : {'\0', '\n', '\t', '\x1b', '\x7f'})
    EXPECT_TRUE(has_control_character(std::string("a") + c));
}

}  // namespace
}  // namespace chaperone::rules
