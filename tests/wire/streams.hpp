#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/frame.hpp"
#include "tests/wire/bytes.hpp"

/// Plays pieces of a stream to a FrameReader and notes what it shows, and a message of each type to play.
namespace chaperone::wire::test {

struct Message {
  char type;
  std::string body;
  bool operator==(const Message&) const = default;
};

inline void PrintTo(const Message& message, std::ostream* out) {
  *out << message.type << " with " << message.body.size() << " bytes";
}

struct Seen {
  std::vector<Message> messages;  // the last one may lack its end
  std::string bytes;              // all that was shown, in order
  std::string error;
  bool at_boundary = true;
};

/// Checks with each step what the header of FrameReader promises.
inline Seen play(FrameRules rules, const std::vector<std::string_view>& pieces) {
  FrameReader reader(rules);
  Seen seen;
  std::size_t rest = 0;
  for (std::string_view input : pieces) {
    for (auto item = reader.next(input); item != FrameReader::Item::kNeedMore; item = reader.next(input)) {
      if (item == FrameReader::Item::kBad) {
        EXPECT_EQ(reader.error().sqlstate, "08P01");
        seen.error = reader.error().message;
        seen.at_boundary = reader.at_boundary();
        return seen;
      }
      if (item == FrameReader::Item::kChunk) {
        EXPECT_FALSE(reader.chunk().empty()) << "an empty chunk";
        EXPECT_GE(rest, reader.chunk().size()) << "a chunk beyond the end of its message";
        rest -= reader.chunk().size();
        seen.messages.back().body += reader.chunk();
        seen.bytes += reader.chunk();
      } else {
        const Frame& frame = reader.frame();
        EXPECT_EQ(rest, 0U) << "a frame before the last one was complete";
        EXPECT_EQ(frame.bytes.front(), frame.type);
        EXPECT_EQ(frame.body().size() + frame.rest, frame.body_length);
        const std::uint32_t hold = rules(frame.type).hold;
        if (frame.body_length <= hold) {
          EXPECT_EQ(frame.rest, 0U) << "a message that is to be whole came in parts";
        } else if (hold != 0) {
          EXPECT_EQ(frame.body().size(), hold) << "not what is to be held";
        }
        rest = frame.rest;
        seen.messages.push_back({frame.type, std::string(frame.body())});
        seen.bytes += frame.bytes;
      }
      EXPECT_EQ(reader.rest(), rest);
    }
    EXPECT_TRUE(input.empty()) << "asked for more with bytes left";
  }
  seen.at_boundary = reader.at_boundary();
  return seen;
}

inline std::vector<std::string_view> byte_by_byte(std::string_view stream) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < stream.size(); ++i) pieces.push_back(stream.substr(i, 1));
  return pieces;
}

inline std::vector<std::string_view> halves(std::string_view stream, std::size_t split) {
  return {stream.substr(0, split), stream.substr(split)};
}

inline std::string stream_of(const std::vector<Message>& messages) {
  std::string stream;
  for (const Message& each : messages) stream += message(each.type, each.body);
  return stream;
}

/// One of each type that a client sends, as the manual lays them out.
inline std::vector<Message> frontend_messages() {
  return {
      {'Q', string("SELECT 1")},
      {'P', string("by_id") + string("SELECT $1, $2") + int16(2) + int32(23) + int32(25)},
      {'B', string("cursor") + string("by_id") + int16(3) + int16(1) + int16(0) + int16(0) + int16(3) +
                int32(4) + int32(42) + int32(0xffffffff) + int32(3) + "abc" + int16(1) + int16(1)},
      {'D', 'S' + string("by_id")},
      {'E', string("cursor") + int32(100)},
      {'C', 'P' + string("cursor")},
      {'H', ""},
      {'F', int32(1299) + int16(0) + int16(1) + int32(2) + "ab" + int16(0)},
      {'d', "1\tone\n"},
      {'c', ""},
      {'f', string("changed my mind")},
      {'S', ""},
      {'X', ""},
  };
}

/// One of each type that a server sends.
inline std::vector<Message> backend_messages() {
  return {
      {'R', int32(0)},
      {'K', int32(4711) + "\x01\x02\x03\x04"},
      {'v', int32(0x30000) + int32(1) + string("_pq_.unknown")},
      {'S', string("server_version") + string("15.18")},
      {'Z', "I"},
      {'1', ""},
      {'2', ""},
      {'3', ""},
      {'n', ""},
      {'s', ""},
      {'I', ""},
      {'t', int16(1) + int32(23)},
      {'T',
       int16(1) + string("id") + int32(0) + int16(0) + int32(23) + int16(4) + int32(0xffffffff) + int16(0)},
      {'D', int16(2) + int32(2) + "42" + int32(0xffffffff)},
      {'C', string("SELECT 1")},
      {'E', 'S' + string("ERROR") + 'V' + string("ERROR") + 'C' + string("42601") + 'M' +
                string("syntax error") + 'P' + string("1") + '\0'},
      {'N', 'S' + string("NOTICE") + 'V' + string("NOTICE") + 'C' + string("00000") + 'M' + string("hello") +
                '\0'},
      {'A', int32(4711) + string("channel") + string("payload")},
      {'V', int32(3) + "abc"},
      {'G', '\0' + int16(1) + int16(0)},
      {'H', '\0' + int16(1) + int16(0)},
      {'W', '\0' + int16(1) + int16(0)},
      {'d', "1\tone\n"},
      {'c', ""},
  };
}

}  // namespace chaperone::wire::test
