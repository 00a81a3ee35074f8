#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/frame.hpp"
#include "proxy/wire/frontend.hpp"
#include "tests/fuzz/require.hpp"

// Whatever the split, a stream is cut into the same messages, and what is shown is the stream itself.
// Input: one byte for the rules, one for the length of the pieces, then the stream.

namespace chaperone::wire {
namespace {

// Limits that an input of a few bytes can reach.
FrameRule small_rules(char type) {
  switch (type % 4) {
    case 0:
      return {64, 64};
    case 1:
      return {64, 8};
    case 2:
      return {64, 0};
    default:
      return {0, 0};
  }
}

FrameRules rules_of(unsigned char choice) {
  switch (choice % 4) {
    case 0:
      return frontend::rule;
    case 1:
      return frontend::authentication_rule;
    case 2:
      return backend::rule;
    default:
      return small_rules;
  }
}

struct Seen {
  std::string types;
  std::string bytes;
  std::string error;
  std::uint32_t rest = 0;
  bool operator==(const Seen&) const = default;
};

void note(Seen& seen, const FrameReader& reader, FrameRules rules, std::string_view piece) {
  const Frame& frame = reader.frame();
  require(seen.rest == 0, "a frame comes after the end of the last one");
  require(frame.bytes.size() >= kFrameHeaderLength && frame.bytes.front() == frame.type,
          "a frame has its header");
  require(frame.held || lies_in(frame.bytes, piece), "what is not held lies in the input");
  require(frame.body().size() + frame.rest == frame.body_length, "body and rest are the message");
  const FrameRule rule = rules(frame.type);
  require(frame.body_length + 4 <= rule.max_length, "a message is within its limit");
  if (frame.body_length <= rule.hold) require(frame.rest == 0, "a message within its hold is whole");
  if (frame.body_length > rule.hold && rule.hold != 0) {
    require(frame.body().size() == rule.hold, "of a longer one the hold is shown");
  }
  seen.types += frame.type;
  seen.bytes += frame.bytes;
}

Seen play(FrameRules rules, std::string_view stream, std::size_t piece_length) {
  FrameReader reader(rules);
  Seen seen;
  std::size_t taken = 0;
  while (true) {
    // In a block of its own: reading behind the piece is seen.
    const std::size_t length = std::min(piece_length, stream.size() - taken);
    const auto block = std::make_unique<char[]>(length);
    stream.copy(block.get(), length, taken);
    const std::string_view piece(block.get(), length);
    std::string_view input = piece;
    for (auto item = reader.next(input); item != FrameReader::Item::kNeedMore; item = reader.next(input)) {
      if (item == FrameReader::Item::kBad) {
        require(!reader.error().message.empty(), "an error has words");
        require(reader.next(input) == FrameReader::Item::kBad, "a bad stream stays bad");
        seen.error = reader.error().message;
        return seen;
      }
      if (item == FrameReader::Item::kFrame) {
        note(seen, reader, rules, piece);
      } else {
        require(!reader.chunk().empty() && reader.chunk().size() <= seen.rest,
                "a chunk is part of its message");
        require(lies_in(reader.chunk(), piece), "a chunk lies in the input");
        seen.bytes += reader.chunk();
      }
      seen.rest = reader.rest();
    }
    require(input.empty(), "all of the input is taken");
    taken += length;
    if (taken == stream.size()) break;
  }
  require(reader.at_boundary() == (seen.bytes.size() == stream.size() && seen.rest == 0),
          "at the boundary nothing is kept, elsewhere something is missing");
  return seen;
}

}  // namespace
}  // namespace chaperone::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chaperone;
  if (size < 2) return 0;
  const wire::FrameRules rules = wire::rules_of(data[0]);
  const std::string_view stream = as_text(data + 2, size - 2);
  const wire::Seen whole = wire::play(rules, stream, stream.size());
  require(stream.starts_with(whole.bytes), "what is shown is the stream");
  require(wire::play(rules, stream, 1) == whole, "byte by byte the same is seen");
  require(wire::play(rules, stream, std::size_t{1} + data[1]) == whole, "in pieces the same is seen");
  return 0;
}
