#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/frame.hpp"
#include "proxy/wire/frontend.hpp"
#include "tests/wire/bytes.hpp"

// What the codec takes from the heap, counted by an operator new of this binary's own.

namespace {

thread_local std::size_t allocations = 0;
thread_local std::size_t largest = 0;
thread_local std::ptrdiff_t live = 0;

}  // namespace

void* operator new(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  ++allocations;
  ++live;
  if (size > largest) largest = size;
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace chaperone::wire {
namespace {

using test::int16;
using test::int32;
using test::message;
using test::string;
using Item = FrameReader::Item;

TEST(Memory, AnAnnouncedLengthIsNotAllocated) {
  for (const char type : {'Q', 'P', 'B', 'F'}) {
    const std::string beginning = type + int32(0x3ffffffe) + std::string(1000, 'x');
    FrameReader reader(frontend::rule);
    largest = 0;
    for (const char byte : beginning) {
      std::string_view input(&byte, 1);
      ASSERT_EQ(reader.next(input), Item::kNeedMore) << type;
    }
    EXPECT_LE(largest, 2 * beginning.size() + 1)
        << "a header of " << type << " made the reader ask for memory";
  }
}

TEST(Memory, APassedMessageLeavesNone) {
  const std::string stream = message('Q', string(std::string(5000, 'x')));
  const std::string_view whole = stream;
  FrameReader reader(frontend::rule);
  const std::ptrdiff_t before = live;
  std::string_view input = whole.substr(0, 3000);
  ASSERT_EQ(reader.next(input), Item::kNeedMore);
  EXPECT_EQ(live, before + 1) << "the first half is not kept";
  input = whole.substr(3000);
  ASSERT_EQ(reader.next(input), Item::kFrame);
  EXPECT_TRUE(reader.frame().held);
  EXPECT_TRUE(reader.at_boundary()) << "a message that was shown whole is not taken";
  ASSERT_EQ(reader.next(input), Item::kNeedMore);
  EXPECT_EQ(live, before) << "an idle reader holds memory";
}

TEST(Memory, TheHeldPartIsGivenBackBeforeTheRestPasses) {
  const std::string stream = message('E', std::string(backend::kHeldError + 1000, 'x'));
  const std::string_view whole = stream;
  FrameReader reader(backend::rule);
  const std::ptrdiff_t before = live;
  std::string_view input = whole.substr(0, 1000);
  ASSERT_EQ(reader.next(input), Item::kNeedMore);
  input = whole.substr(1000, backend::kHeldError);
  ASSERT_EQ(reader.next(input), Item::kFrame);
  EXPECT_EQ(reader.rest(), 1000U);
  ASSERT_EQ(reader.next(input), Item::kChunk);
  EXPECT_EQ(live, before) << "memory is held beside a message that passes";
}

TEST(Memory, WholeAndPassingMessagesNeedNone) {
  std::string stream;
  for (int i = 0; i < 100; ++i)
    stream += message('D', int16(1) + int32(2) + "42") + message('C', string("SELECT 1"));
  FrameReader reader(backend::rule);
  const std::size_t before = allocations;
  // Cut inside the body of a DataRow, which is all that a read of 64 KiB cuts as a rule.
  for (std::string_view input : {std::string_view(stream).substr(0, 8), std::string_view(stream).substr(8)}) {
    while (reader.next(input) != Item::kNeedMore) continue;
  }
  EXPECT_TRUE(reader.at_boundary());
  EXPECT_EQ(allocations, before);
}

TEST(Memory, DecodingNeedsNone) {
  std::string values;
  for (int i = 0; i < 1000; ++i) values += int32(5) + "value";
  const std::string body = string("") + string("statement") + int16(0) + int16(1000) + values + int16(0);
  const std::size_t before = allocations;
  const auto bind = frontend::decode_bind(body);
  std::string_view rest = bind->values;
  std::size_t read = 0;
  for (int i = 0; i < bind->values_count; ++i) read += frontend::Bind::next_value(rest)->size();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(read, 5000U);
}

}  // namespace
}  // namespace chaperone::wire
