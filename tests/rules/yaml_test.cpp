#include "rules/policy/yaml.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace chaperone::rules::yaml {
namespace {

using namespace std::chrono_literals;

/// What is wrong with a text of YAML before anything of it is asked for.
std::string problems_of(std::string_view text) {
  Problems problems;
  const Document document = Document::from_text(text, "f", problems);
  return problems.text();
}

/// A document that is one map, and what is wrong with it.
struct Reading {
  explicit Reading(std::string_view text) : document(Document::from_text(text, "f", problems)) {}
  Value value(std::string_view key) {
    Map map = document.root().map("a map");
    const auto found = map.find(key);
    map.entries();  // the other keys are of no interest
    if (!found) throw std::logic_error("no such key");
    return *found;
  }

  Problems problems;
  Document document;
};

TEST(Yaml, ScalarsAreTextAsWritten) {
  Reading reading("a: 7\nb: off\nc: \"7\"\nd: 'it''s'\ne: plain text # comment\nf: \"\\u00e4\"\ng: 'null'\n");
  const auto text = [&](std::string_view key) { return reading.value(key).text("text").value_or("nothing"); };
  EXPECT_EQ(text("a"), "7");
  EXPECT_EQ(text("b"), "off");
  EXPECT_EQ(text("c"), "7");
  EXPECT_EQ(text("d"), "it's");
  EXPECT_EQ(text("e"), "plain text");
  EXPECT_EQ(text("f"), "ä");
  EXPECT_EQ(text("g"), "null");
  EXPECT_TRUE(reading.problems.empty()) << reading.problems.text();
}

TEST(Yaml, TextIsNeitherEmptyNorNullNorControlCharacters) {
  Reading reading("a:\nb: ~\nc: null\nd: ''\ne: \"x\\0y\"\nf: \"\\e[31m\"\ng: [x]\nh: {x: y}\n");
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    EXPECT_FALSE(reading.value(key).text("a name")) << key;
  }
  EXPECT_EQ(reading.problems.text(),
            "f:1:1: a is empty; expected a name\n"
            "f:2:1: b is empty; expected a name\n"
            "f:3:1: c is empty; expected a name\n"
            "f:4:4: d is empty; expected a name\n"
            "f:5:4: e holds a control character; expected a name\n"
            "f:6:4: f holds a control character; expected a name\n"
            "f:7:4: g is a list; expected a name\n"
            "f:8:4: h is a map; expected a name");
}

TEST(Yaml, IntegersAreDigitsWithinBounds) {
  const auto integer = [](const std::string& text) {
    Reading reading("n: " + text);
    return reading.value("n").integer(1, 1'000);
  };
  EXPECT_EQ(integer("1"), 1U);
  EXPECT_EQ(integer("1000"), 1000U);
  EXPECT_EQ(integer("007"), 7U);
  for (const char* text : {"0", "1001", "-1", "+1", "1.0", "1e2", "0x1", "1_0", "'1'", "one", "", "[1]",
                           "1 2", "18446744073709551617", "99999999999999999999999"}) {
    EXPECT_FALSE(integer(text)) << text;
  }
}

TEST(Yaml, BooleansAreTrueOrFalse) {
  const auto boolean = [](const std::string& text) {
    Reading reading("b: " + text);
    return reading.value("b").boolean();
  };
  EXPECT_EQ(boolean("true"), true);
  EXPECT_EQ(boolean("false"), false);
  for (const char* text :
       {"yes", "no", "on", "off", "True", "FALSE", "1", "0", "y", "'true'", "\"false\"", "", "[true]"}) {
    EXPECT_FALSE(boolean(text)) << text;
  }
}

TEST(Yaml, SizesHaveBinaryUnits) {
  const auto size = [](const std::string& text) {
    Reading reading("s: " + text);
    return reading.value("s").size(0, ~0ULL);
  };
  EXPECT_EQ(size("0"), 0U);
  EXPECT_EQ(size("512"), 512U);
  EXPECT_EQ(size("64KiB"), 65'536U);
  EXPECT_EQ(size("1MiB"), 1U << 20);
  EXPECT_EQ(size("1GiB"), 1U << 30);
  EXPECT_EQ(size("17179869183GiB"), 17'179'869'183ULL << 30) << "the largest there is";
  for (const char* text :
       {"1KB", "1kib", "1K", "1 KiB", "1.5MiB", "-1", "KiB", "17179869184GiB", "'1KiB'", "1KiBs"}) {
    EXPECT_FALSE(size(text)) << text;
  }
}

TEST(Yaml, DurationsHaveAUnit) {
  const auto duration = [](const std::string& text) {
    Reading reading("d: " + text);
    return reading.value("d").duration(0ms, 24h);
  };
  EXPECT_EQ(duration("500ms"), 500ms);
  EXPECT_EQ(duration("10s"), 10s);
  EXPECT_EQ(duration("15m"), 15min);
  EXPECT_EQ(duration("1h"), 1h);
  EXPECT_EQ(duration("0s"), 0ms);
  for (const char* text :
       {"10", "10 s", "1.5s", "-1s", "1d", "1min", "s", "25h", "18446744073709551615h", "'1s'"}) {
    EXPECT_FALSE(duration(text)) << text;
  }
}

TEST(Yaml, AChoiceTellsWhatWasMeantAndWhatIsNotServed) {
  static constexpr std::array<std::string_view, 3> kWords = {"batch", "none", "sync"};
  static constexpr std::array<std::string_view, 1> kLater = {"raft"};
  Reading reading("a: none\nb: snyc\nc: raft\nd: [sync]\ne: 'batch'\n");
  const auto choice = [&](std::string_view key) {
    return reading.value(key).choice(kWords, kLater, "not yet");
  };
  EXPECT_EQ(choice("a"), 1U);
  EXPECT_EQ(choice("e"), 0U);
  EXPECT_FALSE(choice("b"));
  EXPECT_FALSE(choice("c"));
  EXPECT_FALSE(choice("d"));
  EXPECT_EQ(reading.problems.text(),
            "f:2:4: b is snyc; expected batch, none or sync (did you mean \"sync\"?)\n"
            "f:3:4: c is raft: not yet; expected batch, none or sync\n"
            "f:4:4: d is a list; expected batch, none or sync");
}

TEST(Yaml, EveryKeyThatWasNotAskedForIsUnknown) {
  Problems problems;
  const Document document = Document::from_text("name: x\nnmae: y\nother: z\nlater: 1\n", "f", problems);
  {
    Map map = document.root().map("a map");
    EXPECT_TRUE(map.find("name"));
    EXPECT_FALSE(map.find("size"));
    EXPECT_FALSE(map.need("place", "a place"));
    EXPECT_TRUE(map.refuse("later", "not yet", "no such key"));
    EXPECT_FALSE(map.refuse("much_later", "not yet", "no such key"));
  }
  EXPECT_EQ(problems.text(),
            "f:1:1: key \"place\" is missing; expected a place\n"
            "f:2:1: unknown key \"nmae\"; expected name, size or place (did you mean \"name\"?)\n"
            "f:3:1: unknown key \"other\"; expected name, size or place\n"
            "f:4:1: later: not yet; expected no such key");
}

TEST(Yaml, AMisspeltKeyIsNotMissingAsWell) {
  Problems problems;
  const Document document = Document::from_text("a: {sevrer: x}\n", "f", problems);
  {
    Map root = document.root().map("a map");
    Map map = root.find("a")->map("a map");
    map.need("server", "a server");
    map.need("role", "a role");
  }
  EXPECT_EQ(problems.text(),
            "f:1:1: key \"role\" is missing in a; expected a role\n"
            "f:1:5: unknown key \"sevrer\" in a; expected server or role (did you mean \"server\"?)");
}

TEST(Yaml, WhatIsNoMapIsReportedOnce) {
  Reading reading("a: 7\n");
  {
    Map map = reading.value("a").map("a map of x");
    EXPECT_FALSE(map.need("x", "an x"));
    EXPECT_TRUE(map.entries().empty());
  }
  EXPECT_EQ(reading.problems.text(), "f:1:4: a is 7; expected a map of x");
}

TEST(Yaml, PlacesCountCharactersAndLinesOfEveryKind) {
  const auto place = [](std::string_view text) {
    Reading reading(text);
    reading.value("k").integer(0, 0);
    return reading.problems.text();
  };
  EXPECT_EQ(place("k: x"), "f:1:4: k is x; expected a whole number from 0 to 0");
  EXPECT_EQ(place("\xef\xbb\xbfk: x"), "f:1:4: k is x; expected a whole number from 0 to 0")
      << "byte order mark";
  EXPECT_EQ(place("a: 1\r\nb: 2\r\nk: x\r\n"), "f:3:4: k is x; expected a whole number from 0 to 0");
  EXPECT_EQ(place("{ä: 1, 日本: 2, k: x}"), "f:1:18: k is x; expected a whole number from 0 to 0");
  EXPECT_EQ(place("\n\n# k: y\n---\nk:\n  x\n"), "f:6:3: k is x; expected a whole number from 0 to 0");
  EXPECT_EQ(place("k:\n"), "f:1:1: k is empty; expected a whole number from 0 to 0");
}

TEST(Yaml, WhatIsNotReadHereIsRefused) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"", "f:1:1: the file is empty"},
      {"# nothing\n", "f:1:1: the file is empty"},
      {"a: 1\na: 2\n", "f:2:1: key \"a\" stands twice; expected it once (it is on line 1 already)"},
      {"{a: 1, 'a': 2}", "f:1:8: key \"a\" stands twice"},
      {"x: {b: {a: 1, a: 2}}\n", "f:1:15: key \"a\" stands twice"},
      {"a: &x 1\n", "f:1:4: an anchor is not read here"},
      {"a: [*x, &x 1]\n", "f:1:5: not YAML: the referenced anchor is not defined"},
      {"a: &x 1\nb: *x\n", "f:1:4: an anchor is not read here"},
      {"a: *x\n", "f:1:4: not YAML"},
      {"a: !!str 1\n", "f:1:4: a tag is not read here"},
      {"a: !!binary aGk=\n", "f:1:4: a tag is not read here"},
      {"a: !!map {b: c}\n", "f:1:4: a tag is not read here"},
      {"a: !own [b]\n", "f:1:4: a tag is not read here"},
      {"%YAML 1.2\n---\na: 1\n", "f:1:1: a line begins with %"},
      {"a: 1\n% b: 2\n", "f:2:1: a line begins with %"},
      {"a: 1\n---\nb: 2\n", "f:3:1: a second document begins here"},
      {"a: 1\n...\nb: 2\n", "f:3:1: a second document begins here"},
      {"? [a, b]\n: c\n", "f:1:3: a key is a list or a map"},
      {"{a: b}: c\n", "f:1:1: a key is a list or a map"},
      {"~: c\n", "f:1:1: a key is empty or null"},
      {"\"\": c\n", "f:1:1: a key is empty or null"},
      {"\"a\\tb\": c\n", "f:1:1: a key holds a control character"},
      {"a: \"b\nc: d\n", "f:1:4: a quoted text does not end; expected the closing quote"},
      {"a: 'b''\nc: d\n", "f:1:4: a quoted text does not end"},
      {"a: \"b\\\"\n", "f:1:4: a quoted text does not end"},
      {"a:\n\tb: c\n", "f:2:1: a tab in the indentation; expected spaces"},
      {"a: [1, 2\n", "f:2:1: not YAML"},
      {"a: 1\n b: 2\n", "f:2:"},
      {"a: @b\n", "f:1:4: not YAML"},
      {"a: b\xff\n", "f:1:5: a byte that is no text; expected UTF-8"},
      {"ä: \xed\xa0\x80\n", "f:1:4: a byte that is no text"},
      {"a: \xc0\x80\n", "f:1:4: a byte that is no text"},
      {"a: \xf4\x90\x80\x80\n", "f:1:4: a byte that is no text"},
      {"a: \xe2\x82", "f:1:4: a byte that is no text"},
      {"a: b\x1b[0m\n", "f:1:5: a byte that is no text"},
      {"\xff\xfe"
       "a",
       "f:1:1: a byte that is no text"},
  };
  for (const auto& [text, problem] : texts) {
    EXPECT_TRUE(problems_of(text).starts_with(problem))
        << "text: " << text << "\nproblems: " << problems_of(text);
  }
  EXPECT_TRUE(problems_of(std::string_view("a: \0b", 5)).starts_with("f:1:4: a byte that is no text"));
  EXPECT_EQ(problems_of("a: 'b''c'\nd: \"\\\"\"\ne: |\n  it's \"open\nf: it's\n"), "")
      << "these quotes are closed, or none";
}

TEST(Yaml, NothingMultipliesOrGrowsWithoutBound) {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + before + ", *a" + before + "]\n";
  }
  EXPECT_NE(problems_of(bomb).find("f:2:10: an alias is not read here"), std::string::npos)
      << problems_of(bomb);

  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_EQ(problems_of(nested(kMaxDepth)), "");
  EXPECT_EQ(problems_of(nested(kMaxDepth + 1)), "f:1:33: more than 32 levels deep; expected a flatter file");
  EXPECT_NE(problems_of(nested(100'000)), "");
  std::string block;
  for (std::size_t i = 0; i < 100'000; ++i) block += "- ";
  EXPECT_NE(problems_of(block), "");

  std::string wide = "[";
  for (std::size_t i = 0; i < kMaxNodes; ++i) wide += "x,";
  EXPECT_NE(problems_of(wide + "]").find("more than 50000 values in one file"), std::string::npos);

  std::string unknown;
  for (int i = 0; i < 1000; ++i) unknown += "key" + std::to_string(i) + ": &x 1\n";
  const std::string text = problems_of(unknown);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_TRUE(text.ends_with("\n.. and 900 more")) << text.substr(text.size() - 40);
}

/// Mutations of a good file: whatever comes, there is a tree or a problem, and the problem has a place in the
/// file.
TEST(Yaml, AnyTextGivesATreeOrAProblemInTheFile) {
  constexpr std::string_view kText =
      "a: 1\nb:\n  - x: \"q\\n\"\n    y: 'z'\n  - {k: [1, 2], l: ~}\nc: |\n  block\n  text\nd: >-\n  folded\n"
      "e: &n !!str v\nf: *n\n? g\n: h\n# end\n";
  constexpr std::string_view kPieces =
      "\n\t :-?[]{},&*!|>'\"%@`#~\\\r\xc3\xa4"
      "a0";
  std::mt19937 random(20);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(kText);
    for (std::size_t edits = random() % 6 + 1; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const std::size_t length = std::min<std::size_t>(random() % 4, text.size() - at);
      text.replace(at, length, kPieces.substr(random() % kPieces.size(), random() % 3));
      if (text.empty()) text = "\n";
    }
    Problems problems;
    const Document document = Document::from_text(text, "f", problems);
    ASSERT_TRUE(document.readable() || !problems.empty()) << text;
    if (problems.empty()) continue;
    const std::string message = problems.text();
    const auto lines = static_cast<unsigned long>(std::count(text.begin(), text.end(), '\n')) + 1;
    ASSERT_TRUE(message.starts_with("f:")) << message;
    const unsigned long line = std::stoul(message.substr(2));
    ASSERT_TRUE(line >= 1 && line <= lines) << "no such line: " << message << "\nof: " << text;
  }
}

}  // namespace
}  // namespace chaperone::rules::yaml
