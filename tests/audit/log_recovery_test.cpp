#include <gtest/gtest.h>

#include "proxy/audit/log.hpp"
#include "tests/audit/scratch.hpp"

namespace chaperone::audit {
namespace {

using namespace test;

/// A log of some lines as kill -9 leaves it: without the closing checkpoint.
std::string crashed_log(const Scratch& scratch) {
  const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
  for (std::uint64_t number = 1; number <= 5; ++number) append_statement(*log, number);
  const std::string text = read_file(scratch.log());
  log->close();
  return text;
}

boost::json::object first_after(const std::string& log, std::size_t lines) {
  const auto all = records(log);
  if (all.size() <= lines) return {};
  return all[lines];
}

TEST(LogRecovery, AStartAfterACrashSaysSo) {
  const Scratch scratch;
  write_file(scratch.log(), crashed_log(scratch));
  open_log({.file = scratch.log()});
  const auto gap = first_after(scratch.log(), 6);
  EXPECT_EQ(member(gap, "kind"), "gap");
  EXPECT_EQ(member(gap, "event"), "recovery");
  EXPECT_EQ(member(gap, "last_seq"), "6");
  EXPECT_EQ(member(gap, "torn"), "null");
  const Verification verification = verify_log(scratch.log());
  EXPECT_TRUE(is_intact(verification));
  EXPECT_EQ(verification.gaps, 1U);
}

TEST(LogRecovery, ALogThatIsThereGoesOnUnderEveryDurability) {
  for (const auto durability : {Durability::kNone, Durability::kBatch, Durability::kSync}) {
    const Scratch scratch;
    write_file(scratch.log(), crashed_log(scratch));
    for (std::uint64_t number = 6; number <= 8; ++number) {
      const auto log = open_log({.file = scratch.log(), .durability = durability});
      append_statement(*log, number);
      log->close();
    }
    EXPECT_TRUE(is_intact(verify_log(scratch.log()))) << static_cast<int>(durability);
  }
}

TEST(LogRecovery, ATornLineIsCutOffAndKept) {
  const Scratch scratch;
  const std::string whole = crashed_log(scratch);
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t size = last + 1; size < whole.size(); size += 13) {
    write_file(scratch.log(), whole.substr(0, size));
    append_statement(*open_log({.file = scratch.log()}), 6);
    const auto gap = first_after(scratch.log(), 5);
    ASSERT_EQ(member(gap, "event"), "recovery") << size;
    ASSERT_EQ(member(gap, "torn"), whole.substr(last, size - last));
    ASSERT_EQ(member(gap, "last_seq"), "5");
    ASSERT_TRUE(is_intact(verify_log(scratch.log())));
  }
}

TEST(LogRecovery, ATornFirstLine) {
  const Scratch scratch;
  const std::string whole = crashed_log(scratch);
  for (const std::size_t size : {1U, 5U, 13U, 100U}) {
    write_file(scratch.log(), whole.substr(0, size));
    open_log({.file = scratch.log()});
    const auto gap = first_after(scratch.log(), 0);
    EXPECT_EQ(member(gap, "torn"), whole.substr(0, size));
    EXPECT_EQ(member(gap, "seq"), "1");
    EXPECT_TRUE(is_intact(verify_log(scratch.log())));
  }
}

TEST(LogRecovery, ZerosThatAPowerCutLeft) {
  const Scratch scratch;
  const std::string whole = crashed_log(scratch);
  write_file(scratch.log(), whole + std::string(4096, '\0'));
  open_log({.file = scratch.log()});
  EXPECT_EQ(first_after(scratch.log(), 6).at("torn").as_string().size(), 4096U);
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

TEST(LogRecovery, BytesThatAreNotUtf8AreMarked) {
  const Scratch scratch;
  write_file(scratch.log(), crashed_log(scratch) + "\xff\xfe");
  open_log({.file = scratch.log()});
  const auto gap = first_after(scratch.log(), 6);
  EXPECT_EQ(member(gap, "torn"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(member(gap, "lossy"), "true");
}

TEST(LogRecovery, LinesThatLostTheirMiddleAreTornToo) {
  const Scratch scratch;
  const std::string whole = crashed_log(scratch);
  std::string damaged = whole;
  damaged.replace(damaged.size() - 300, 100, 100, '\0');
  write_file(scratch.log(), damaged);
  open_log({.file = scratch.log()});
  EXPECT_EQ(member(first_after(scratch.log(), 5), "last_seq"), "5");
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

TEST(LogRecovery, ATornLineOfMegabytesStaysWhereItIs) {
  const Scratch scratch;
  const std::string whole = crashed_log(scratch) + R"({"v":1,"seq":7,"kind":"statement","sql":")";
  write_file(scratch.log(), whole + std::string(3 << 20, 'x'));
  append_statement(*open_log({.file = scratch.log()}), 6);
  EXPECT_EQ(std::filesystem::file_size(scratch.log() + ".000000000001"), whole.size() + (3 << 20));
  const auto gap = first_after(scratch.log(), 0);
  EXPECT_EQ(member(gap, "event"), "recovery");
  EXPECT_EQ(gap.at("torn").as_string().size(), 64U << 10);
  EXPECT_EQ(member(gap, "torn_bytes"), std::to_string((3 << 20) + 41));
  const Verification verification = verify_log(scratch.log());
  EXPECT_TRUE(is_intact(verification));
  EXPECT_EQ(verification.last_seq, 9U);
}

TEST(LogRecovery, AnEndThatIsNoneOfOursIsNotCutOff) {
  const Scratch scratch;
  std::string text = crashed_log(scratch);
  for (int line = 0; line < 10'000; ++line) text += "not a record\n";
  write_file(scratch.log(), text);
  const auto log = Log::open({.file = scratch.log()});
  ASSERT_FALSE(log);
  EXPECT_TRUE(contains(log.error().message, "its last 130000 bytes are no records"));
  EXPECT_EQ(read_file(scratch.log()), text);
}

TEST(LogRecovery, LongLinesAreFoundFromTheEnd) {
  const Scratch scratch;
  {
    const auto log = open_log({.file = scratch.log()});
    append_statement(*log, 1, std::string(1 << 20, '\x01'));  // 6 MiB as JSON
  }
  std::string text = read_file(scratch.log());
  text.resize(text.rfind('\n', text.size() - 2) + 1);  // without the closing checkpoint
  write_file(scratch.log(), text);
  open_log({.file = scratch.log()});
  EXPECT_EQ(member(first_after(scratch.log(), 2), "last_seq"), "2");
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

}  // namespace
}  // namespace chaperone::audit
