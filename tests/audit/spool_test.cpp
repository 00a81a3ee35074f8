#include "proxy/audit/spool.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/audit/child.hpp"
#include "tests/audit/scratch.hpp"

namespace chaperone::audit {
namespace {

using namespace test;

/// There is always a spool there, whatever the file system of the tests' own folder is.
constexpr const char* kTmpfs = "/dev/shm/";

/// Sealed lines of one chain, the first of seq 1.
std::vector<std::string> sealed_lines(std::size_t count, std::string_view sql = "SELECT 1") {
  Chain chain;
  std::vector<std::string> lines;
  for (std::uint64_t number = 1; number <= count; ++number) {
    Batch batch;
    add_statement(batch, number, sql);
    Buffer sealed;
    chain.seal(batch.line(0), sealed);
    lines.emplace_back(sealed.view());
  }
  return lines;
}

std::string join(const std::vector<std::string>& lines, std::size_t first, std::size_t last) {
  std::string text;
  for (std::size_t number = first; number <= last; ++number) text += lines[number - 1];
  return text;
}

ChainPosition position_of(const std::string& line) {
  return read_sealed_line(std::string_view(line).substr(0, line.size() - 1))->position();
}

std::string spool_file(const Scratch& scratch) {
  return hidden_path(scratch.log(), ".spool");
}

std::string found_behind(const Scratch& scratch, ChainPosition end) {
  return spooled_lines(read_spool(scratch.log()).value(), end).lines;
}

std::uint64_t foreign_behind(const Scratch& scratch, ChainPosition end) {
  return spooled_lines(read_spool(scratch.log()).value(), end).foreign;
}

TEST(Spool, GivesBackWhatTheFileDoesNotHave) {
  const Scratch scratch(kTmpfs);
  const auto lines = sealed_lines(9);
  {
    const auto spool = Spool::create(scratch.log()).value();
    ASSERT_TRUE(spool->append(join(lines, 1, 6)));
    spool->clear();
    // Where lines 1 to 3 stood; 4 to 6 still stand behind them, whole.
    ASSERT_TRUE(spool->append(join(lines, 7, 8)));
    ASSERT_TRUE(spool->append(lines[8]));
  }
  EXPECT_EQ(found_behind(scratch, position_of(lines[5])), join(lines, 7, 9));
  EXPECT_EQ(found_behind(scratch, position_of(lines[6])), join(lines, 8, 9)) << "a write under way";
  EXPECT_EQ(found_behind(scratch, position_of(lines[8])), "");
  ChainPosition end = position_of(lines[5]);
  spooled_lines(read_spool(scratch.log()).value(), end);
  EXPECT_EQ(end.seq, 9U);
  EXPECT_EQ(end.hash_text(), position_of(lines[8]).hash_text());
}

TEST(Spool, BelievesNothingThatDoesNotFitTheChain) {
  const Scratch scratch(kTmpfs);
  const auto lines = sealed_lines(5);
  const auto others = sealed_lines(5, "SELECT 2");
  ASSERT_TRUE(Spool::create(scratch.log()).value()->append(join(lines, 3, 5)));
  EXPECT_EQ(found_behind(scratch, {}), "") << "lines are missing between";
  EXPECT_EQ(foreign_behind(scratch, {}), 3U);
  EXPECT_EQ(found_behind(scratch, position_of(others[1])), "") << "it is the spool of another log";
  EXPECT_EQ(foreign_behind(scratch, position_of(others[1])), 3U);
  EXPECT_EQ(foreign_behind(scratch, position_of(others[2])), 3U);
  EXPECT_EQ(foreign_behind(scratch, position_of(lines[1])), 0U);
  EXPECT_EQ(foreign_behind(scratch, position_of(lines[2])), 0U);

  std::string changed = lines[3];
  changed[changed.find("SELECT 1")] = 'X';
  write_file(spool_file(scratch), lines[2] + changed + lines[4]);
  EXPECT_EQ(found_behind(scratch, position_of(lines[1])), lines[2]);
  for (std::size_t cut = 1; cut < lines[3].size(); cut += 17) {
    write_file(spool_file(scratch), lines[2] + lines[3].substr(0, cut) + std::string(100, '\0'));
    ASSERT_EQ(found_behind(scratch, position_of(lines[1])), lines[2]) << "killed at byte " << cut;
  }
}

TEST(Spool, HasAnEnd) {
  const Scratch scratch(kTmpfs);
  const auto lines = sealed_lines(40, std::string(60'000, 'x'));
  const auto spool = Spool::create(scratch.log()).value();
  std::size_t taken = 0;
  while (taken < lines.size() && spool->append(lines[taken])) ++taken;
  EXPECT_EQ(taken, 17U);
  EXPECT_EQ(found_behind(scratch, {}), join(lines, 1, taken));
}

/// The files of a log at work as kill -9 would leave them now.
void copy_crashed(const Scratch& from, const Scratch& to) {
  // In this order: what leaves the spool in between is in the log.
  write_file(spool_file(to), read_file(spool_file(from)));
  write_file(to.log(), read_file(from.log()));
}

TEST(Spool, ALogGoesOnBehindWhatWasSpooled) {
  const Scratch scratch(kTmpfs);
  const auto log = open_log({.file = scratch.log()});
  for (std::uint64_t number = 1; number <= 20; ++number) {
    const std::uint64_t last = append_statement(*log, number);
    const Scratch crashed(kTmpfs);
    copy_crashed(scratch, crashed);
    open_log({.file = crashed.log(), .durability = number % 2 == 0 ? Durability::kBatch : Durability::kSync});
    const auto all = records(crashed.log());
    ASSERT_EQ(all.size(), last + 2) << "the recovery and the end";
    ASSERT_EQ(member(all[last], "event"), "recovery");
    ASSERT_EQ(member(all[last], "last_seq"), std::to_string(last));
    ASSERT_TRUE(is_intact(verify_log(crashed.log())));
    ASSERT_FALSE(std::filesystem::exists(spool_file(crashed))) << "a log that was closed leaves none";
  }
}

TEST(Spool, ALineThatIsTornInTheFileIsWholeInTheSpool) {
  const auto lines = sealed_lines(4);
  for (std::size_t cut = 0; cut < lines[2].size(); cut += 19) {
    const Scratch scratch(kTmpfs);
    write_file(scratch.log(), join(lines, 1, 2) + lines[2].substr(0, cut));
    write_file(spool_file(scratch), join(lines, 2, 4));
    open_log({.file = scratch.log()});
    ASSERT_TRUE(read_file(scratch.log()).starts_with(join(lines, 1, 4)));
    const auto gap = records(scratch.log()).at(4);
    ASSERT_EQ(member(gap, "event"), "recovery");
    ASSERT_EQ(member(gap, "torn"), "null");
    ASSERT_TRUE(is_intact(verify_log(scratch.log())));
  }
}

TEST(Spool, WhatIsOfALogThatWasMovedAwayIsKept) {
  const Scratch scratch(kTmpfs);
  const auto lines = sealed_lines(6);
  write_file(spool_file(scratch), join(lines, 3, 6));
  open_log({.file = scratch.log()});
  EXPECT_EQ(read_file(scratch.log() + ".spool.000000000003"), join(lines, 3, 6));
  const auto first = records(scratch.log()).at(0);
  EXPECT_EQ(member(first, "event"), "recovery");
  EXPECT_EQ(member(first, "spool"), "audit.jsonl.spool.000000000003");
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));

  write_file(spool_file(scratch), join(lines, 3, 6));
  const auto log = Log::open({.file = scratch.log()});
  ASSERT_FALSE(log) << "it would go over what is kept";
  EXPECT_TRUE(contains(log.error().message, "is in the way"));
}

TEST(Spool, OneThatWasRemovedIsMadeAnew) {
  const Scratch scratch(kTmpfs);
  const auto log = open_log({.file = scratch.log()});
  remove_spool(scratch.log());
  for (std::uint64_t number = 1; number <= 400 && !std::filesystem::exists(spool_file(scratch)); ++number) {
    append_statement(*log, number);
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  EXPECT_TRUE(std::filesystem::exists(spool_file(scratch)));
  log->close();
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

TEST(Spool, AFirstLineMayStandThereAlone) {
  const Scratch scratch(kTmpfs);
  const auto lines = sealed_lines(2);
  write_file(spool_file(scratch), join(lines, 1, 2));
  open_log({.file = scratch.log()});
  EXPECT_TRUE(read_file(scratch.log()).starts_with(join(lines, 1, 2)));
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

TEST(Spool, WhatHasNoRoomThereIsInTheFileAtOnce) {
  const Scratch scratch(kTmpfs);
  const auto log = open_log({.file = scratch.log()});
  for (std::uint64_t number = 1; number <= 6; number += 2) {
    append_statement(*log, number);
    append_statement(*log, number + 1, std::string(2 << 20, 'x'));
    ASSERT_EQ(records(scratch.log()).size(), number + 2);
  }
  append_statement(*log, 7);
  log->close();
  EXPECT_EQ(verify_log(scratch.log()).lines, 9U);
}

TEST(Spool, ALogWithoutOneWritesAtOnce) {
  const Scratch scratch(kTmpfs);
  in_child([&] {
    limit_file_size(500'000);  // a spool is larger
    const auto log = open_log({.file = scratch.log()});
    for (std::uint64_t number = 1; number <= 50; ++number) {
      append_statement(*log, number);
      ASSERT_EQ(records(scratch.log()).size(), number + 1);
    }
  });
}

TEST(Spool, OneThatCanNotBeReadIsNotPassedOver) {
  const Scratch scratch(kTmpfs);
  std::filesystem::create_directory(spool_file(scratch));
  const auto log = Log::open({.file = scratch.log()});
  ASSERT_FALSE(log) << "it may hold lines";
  EXPECT_TRUE(contains(log.error().message, "cannot open"));
}

}  // namespace
}  // namespace chaperone::audit
