#include "proxy/wire/frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/frontend.hpp"
#include "tests/wire/streams.hpp"

namespace chaperone::wire {
namespace {

using test::byte_by_byte;
using test::halves;
using test::int32;
using test::message;
using test::play;
using Item = FrameReader::Item;

// 'w' is whole, 'h' is held up to 8 bytes, 'p' passes.
FrameRule small_rules(char type) {
  switch (type) {
    case 'w':
      return {100, 100};
    case 'h':
      return {100, 8};
    case 'p':
      return {100, 0};
    default:
      return {0, 0};
  }
}

void expect_same_for_every_split(FrameRules rules, const std::vector<test::Message>& messages) {
  const std::string stream = test::stream_of(messages);
  const auto expect = [&](const std::vector<std::string_view>& pieces) {
    const test::Seen seen = play(rules, pieces);
    EXPECT_EQ(seen.error, "");
    EXPECT_EQ(seen.messages, messages);
    EXPECT_EQ(seen.bytes, stream);
    EXPECT_TRUE(seen.at_boundary);
  };
  expect({stream});
  {
    SCOPED_TRACE("byte by byte");
    expect(byte_by_byte(stream));
  }
  for (std::size_t split = 1; split < stream.size(); ++split) {
    SCOPED_TRACE("split at " + std::to_string(split));
    expect(halves(stream, split));
  }
}

TEST(FrameReader, EveryFrontendMessageAtEverySplit) {
  expect_same_for_every_split(frontend::rule, test::frontend_messages());
}

TEST(FrameReader, EveryBackendMessageAtEverySplit) {
  expect_same_for_every_split(backend::rule, test::backend_messages());
}

TEST(FrameReader, EveryLengthAroundTheHoldAtEverySplit) {
  for (const char type : {'w', 'h', 'p'}) {
    for (std::size_t length = 0; length <= 18; ++length) {
      SCOPED_TRACE(std::string(1, type) + " of " + std::to_string(length));
      const std::string body = std::string("abcdefghijklmnopqr").substr(0, length);
      expect_same_for_every_split(small_rules, {{type, body}, {'w', "!"}, {type, body}});
    }
  }
}

TEST(FrameReader, RandomStreamsInRandomPieces) {
  std::mt19937 random(20240229);
  const auto up_to = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit)(random);
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<test::Message> messages;
    for (std::size_t i = up_to(20); i > 0; --i) {
      messages.push_back({"whp"[up_to(2)], std::string(up_to(96), static_cast<char>('a' + up_to(25)))});
    }
    const std::string stream = test::stream_of(messages);
    std::vector<std::string_view> pieces;
    for (std::string_view left = stream; !left.empty(); left.remove_prefix(pieces.back().size())) {
      pieces.push_back(left.substr(0, 1 + up_to(40)));
    }
    const test::Seen seen = play(small_rules, pieces);
    ASSERT_EQ(seen.messages, messages) << "in round " << round;
    ASSERT_EQ(seen.bytes, stream) << "in round " << round;
    ASSERT_TRUE(seen.at_boundary) << "in round " << round;
  }
}

TEST(FrameReader, ShowsWholeMessagesInTheInputItself) {
  const std::string stream = message('w', "one") + message('h', "two") + message('p', "three");
  std::string_view input = stream;
  FrameReader reader(small_rules);
  const char* expected = stream.data();
  while (reader.next(input) == Item::kFrame) {
    EXPECT_EQ(reader.frame().bytes.data(), expected) << "copied, though it was all there";
    EXPECT_FALSE(reader.frame().held);
    expected += reader.frame().bytes.size();
  }
  EXPECT_EQ(expected, stream.data() + stream.size());
}

TEST(FrameReader, ShowsAtOnceWhatIsThereOfAPassingMessage) {
  const std::string stream = message('p', "0123456789");
  FrameReader reader(small_rules);
  std::string_view input = std::string_view(stream).substr(0, 8);
  ASSERT_EQ(reader.next(input), Item::kFrame);
  EXPECT_EQ(reader.frame().body(), "012");
  EXPECT_EQ(reader.frame().body_length, 10U);
  EXPECT_EQ(reader.frame().rest, 7U);
  EXPECT_FALSE(reader.frame().held);
  EXPECT_FALSE(reader.at_boundary());
  EXPECT_EQ(reader.next(input), Item::kNeedMore);

  input = std::string_view(stream).substr(8);
  ASSERT_EQ(reader.next(input), Item::kChunk);
  EXPECT_EQ(reader.chunk().data(), stream.data() + 8) << "a chunk that is a copy";
  EXPECT_EQ(reader.rest(), 0U);
  EXPECT_TRUE(reader.at_boundary());
}

TEST(FrameReader, ShowsExactlyTheHeldPartOfALongMessage) {
  const std::string stream = message('h', "0123456789");
  for (std::size_t split = 0; split < stream.size(); ++split) {
    SCOPED_TRACE("split at " + std::to_string(split));
    FrameReader reader(small_rules);
    std::string_view input = std::string_view(stream).substr(0, split);
    Item item = reader.next(input);
    if (split < 5 + 8) {
      ASSERT_EQ(item, Item::kNeedMore);
      EXPECT_EQ(reader.at_boundary(), split == 0);
      input = std::string_view(stream).substr(split);
      item = reader.next(input);
    }
    ASSERT_EQ(item, Item::kFrame);
    EXPECT_EQ(reader.frame().body(), "01234567");
    EXPECT_EQ(reader.frame().rest, 2U);
    EXPECT_EQ(reader.frame().held, split > 0 && split < 5 + 8);
  }
}

TEST(FrameReader, ABodyOfMegabytesPassesInChunks) {
  const std::string row(3 << 20, 'x');
  const std::string stream = message('D', row) + message('C', test::string("SELECT 1"));
  std::vector<std::string_view> pieces;
  for (std::string_view left = stream; !left.empty(); left.remove_prefix(pieces.back().size())) {
    pieces.push_back(left.substr(0, 64 << 10));
  }
  const test::Seen seen = play(backend::rule, pieces);
  EXPECT_TRUE(seen.bytes == stream);
  ASSERT_EQ(seen.messages.size(), 2U);
  EXPECT_EQ(seen.messages[1].type, 'C');
}

TEST(FrameReader, RefusesLengthsOutsideTheRule) {
  for (const std::uint32_t length : {0U, 3U, 101U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    const std::string stream = message('w', "good") + 'w' + int32(length) + "further bytes";
    for (std::size_t split = 0; split < stream.size(); ++split) {
      SCOPED_TRACE("length " + std::to_string(length) + ", split at " + std::to_string(split));
      const test::Seen seen = play(small_rules, halves(stream, split));
      EXPECT_EQ(seen.error, "invalid message length");
      EXPECT_EQ(seen.messages, (std::vector<test::Message>{{'w', "good"}}));
      EXPECT_FALSE(seen.at_boundary);
    }
  }
}

TEST(FrameReader, TakesTheLargestLengthThatTheRuleAllows) {
  for (const char type : {'w', 'h', 'p'}) {
    const std::string body(100 - 4, 'x');
    EXPECT_EQ(play(small_rules, {message(type, body)}).messages, (std::vector<test::Message>{{type, body}}));
  }
}

TEST(FrameReader, RefusesAnUnknownTypeByItsFirstByte) {
  EXPECT_EQ(play(frontend::rule, {"!"}).error, "invalid frontend message type 33");
  EXPECT_EQ(play(frontend::rule, {"\xff"}).error, "invalid frontend message type 255");
  EXPECT_EQ(play(frontend::rule, {std::string_view("\0", 1)}).error, "invalid frontend message type 0");
  EXPECT_EQ(play(frontend::rule, {"p"}).error, "invalid frontend message type 112");
  EXPECT_EQ(play(frontend::authentication_rule, {"Q"}).error, "expected SASL response, got message type 81");
  EXPECT_EQ(play(backend::rule, {"Q"}).error,
            "unexpected response from server; first received character was \"Q\"");
  // The type is wrong, whatever the length says.
  EXPECT_EQ(play(frontend::rule, {'!' + int32(0)}).error, "invalid frontend message type 33");
}

TEST(FrameReader, SpeaksOfABadLengthAsItsSideDoes) {
  EXPECT_EQ(play(frontend::authentication_rule, {'p' + int32(65536)}).error, "invalid message length");
  EXPECT_EQ(play(backend::rule, {'Z' + int32(30001)}).error,
            "lost synchronization with server: got message type \"Z\", length 30001");
  EXPECT_EQ(play(backend::rule, {'D' + int32(0xffffffff)}).error,
            "lost synchronization with server: got message type \"D\", length -1");
}

TEST(FrameReader, IsBadForEver) {
  for (const std::string_view first : {"!", "!....", "w...."}) {
    FrameReader reader(small_rules);
    std::string_view input = first;
    ASSERT_EQ(reader.next(input), Item::kBad);
    // Neither a good message nor what would make one of the bad one's type byte.
    const std::string good = message('w', "good");
    input = good;
    EXPECT_EQ(reader.next(input), Item::kBad);
    input = std::string_view(good).substr(1);
    EXPECT_EQ(reader.next(input), Item::kBad);
    EXPECT_FALSE(reader.at_boundary());
  }
}

TEST(FrameReader, ReadsNothingFromNothing) {
  FrameReader reader(small_rules);
  std::string_view input;
  EXPECT_EQ(reader.next(input), Item::kNeedMore);
  EXPECT_TRUE(reader.at_boundary());
  EXPECT_EQ(reader.rest(), 0U);
}

// Which of the 256 type bytes a rule knows.
std::string known_types(FrameRules rules) {
  std::string known;
  for (int byte = 0; byte < 256; ++byte) {
    if (rules(static_cast<char>(byte)).max_length != 0) known += static_cast<char>(byte);
  }
  return known;
}

TEST(FrameRules, KnowTheMessagesOfTheManualAndNoOthers) {
  const auto sorted = [](const std::vector<test::Message>& messages) {
    std::set<char> types;
    for (const test::Message& each : messages) types.insert(each.type);
    return std::string(types.begin(), types.end());
  };
  EXPECT_EQ(known_types(frontend::rule), sorted(test::frontend_messages()));
  EXPECT_EQ(known_types(backend::rule), sorted(test::backend_messages()));
  EXPECT_EQ(known_types(frontend::authentication_rule), "p");
}

TEST(FrameRules, HaveTheLimitsOfSocketBackend) {
  for (const char type : std::string_view("QPBFd"))
    EXPECT_EQ(frontend::rule(type).max_length, 0x3ffffffeU) << type;
  for (const char type : std::string_view("CDEHSXcf")) {
    EXPECT_EQ(frontend::rule(type).max_length, 10000U) << type;
    EXPECT_GE(frontend::rule(type).hold, 10000U - 4) << type;
  }
  EXPECT_EQ(frontend::authentication_rule('p').max_length, 65535U);
  EXPECT_GE(frontend::authentication_rule('p').hold, 65535U - 4);
  EXPECT_EQ(frontend::rule('d').hold, 0U);
}

TEST(FrameRules, HaveTheLimitsOfLibpq) {
  for (const char type : std::string_view("TDdVENAt"))
    EXPECT_EQ(backend::rule(type).max_length, 0x7fffffffU) << type;
  for (const char type : std::string_view("TDdVNAt")) EXPECT_EQ(backend::rule(type).hold, 0U) << type;
  EXPECT_EQ(backend::rule('E').hold, backend::kHeldError);
  for (const char type : std::string_view("RKSZC123nsIGHWcv")) {
    EXPECT_EQ(backend::rule(type).max_length, 30000U) << type;
    EXPECT_GE(backend::rule(type).hold, 30000U - 4) << type;
  }
}

}  // namespace
}  // namespace chaperone::wire
