#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "proxy/audit/log.hpp"
#include "tests/audit/child.hpp"
#include "tests/audit/scratch.hpp"

namespace chaperone::audit {
namespace {

using namespace std::chrono_literals;
using namespace test;

bool comes_true(const std::function<bool()>& condition) {
  for (const auto end = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

wire::Result<std::uint64_t> try_append(Log& log, std::uint64_t number, std::string_view sql = "SELECT 1") {
  Batch batch;
  add_statement(batch, number, sql);
  return log.append(batch);
}

/// Numbers of the statements in all files of a log.
std::vector<std::uint64_t> statements(const std::string& log) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& file : all_files(log)) {
    for (const auto& record : records(file)) {
      if (member(record, "kind") == "statement")
        numbers.push_back(record.at("statement").to_number<std::uint64_t>());
    }
  }
  return numbers;
}

std::vector<std::uint64_t> up_to(std::uint64_t last) {
  std::vector<std::uint64_t> numbers(last);
  for (std::size_t index = 0; index < numbers.size(); ++index) numbers[index] = index + 1;
  return numbers;
}

std::vector<boost::json::object> whole_records(const std::string& file) {
  std::vector<boost::json::object> parsed;
  const std::string text = read_file(file);
  for (const std::string& line : split_lines(text.substr(0, text.rfind('\n') + 1))) {
    parsed.push_back(boost::json::parse(line).as_object());
  }
  return parsed;
}

/// The first gap record of a log that says that something failed.
boost::json::object failure_of(const std::string& log) {
  for (const std::string& file : all_files(log)) {
    for (const auto& record : whole_records(file)) {
      if (member(record, "kind") == "gap" && member(record, "event") == "failed") return record;
    }
  }
  ADD_FAILURE() << "there is no gap record";
  return {};
}

TEST(LogFailure, AWriteThatFailsGoesOnInANewFile) {
  for (const Durability durability : {Durability::kNone, Durability::kBatch, Durability::kSync}) {
    const Scratch scratch;
    in_child([&] {
      const auto log = open_log({.file = scratch.log(), .durability = durability});
      limit_file_size(20'000);  // a write across it is short, the rest of it fails
      for (std::uint64_t number = 1; number <= 200; ++number) {
        const std::uint64_t seq = append_statement(*log, number);
        // What is on its way must fit into the next file, so it is not let grow.
        if (number % 10 == 0) {
          EXPECT_TRUE(comes_true([&] { return log->durable() >= seq && log->counters().lines >= seq; }));
        }
      }
      const std::uint64_t last = log->append_event(kTime, "admin", R"("event":"x")").value();
      EXPECT_TRUE(comes_true([&] { return log->durable() >= last; }));
      EXPECT_GE(log->counters().failures, 2U);
      EXPECT_FALSE(log->down());
    });
    const Verification verification = verify_log(scratch.log());
    EXPECT_TRUE(is_intact(verification));
    EXPECT_GE(verification.gaps, 2U);
    if (durability != Durability::kNone) {
      EXPECT_EQ(statements(scratch.log()), up_to(200));
    }
    const auto gap = failure_of(scratch.log());
    EXPECT_TRUE(contains(member(gap, "why"), "cannot write: File too large"));
    EXPECT_EQ(member(gap, "torn"), "null") << "what the short write left was cut off";
    EXPECT_EQ(member(gap, "refused"), "0");
  }
}

TEST(LogFailure, ABatchThatFitsNowhereIsRefusedAndLeavesNoTrailOfFiles) {
  const Scratch scratch;
  in_child([&] {
    const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
    append_statement(*log, 1);
    limit_file_size(20'000);
    const auto refused = try_append(*log, 2, std::string(30'000, 'x'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sqlstate, "53100");
    EXPECT_TRUE(contains(refused.error().message, "audit log cannot be written"));
    EXPECT_TRUE(contains(refused.error().detail, "File too large"));
    EXPECT_TRUE(log->down());
    for (int attempt = 0; attempt < 100; ++attempt) EXPECT_FALSE(try_append(*log, 2));
    EXPECT_LE(all_files(scratch.log()).size(), 2U);
    EXPECT_TRUE(comes_true([&] { return !log->down(); })) << "it comes back by itself";
    append_statement(*log, 3);
    log->close();
  });
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
  EXPECT_EQ(statements(scratch.log()), (std::vector<std::uint64_t>{1, 3}));
  const auto files = all_files(scratch.log());
  const auto back = records(files.back()).front();
  EXPECT_EQ(member(back, "event"), "failed");
  EXPECT_EQ(member(back, "refused"), "101");
}

TEST(LogFailure, AFullDiskRefusesUntilThereIsRoom) {
  for (const Durability durability : {Durability::kNone, Durability::kBatch, Durability::kSync}) {
    const Scratch scratch;
    in_child([&] {
      const auto log = open_log({.file = scratch.log(), .durability = durability});
      std::uint64_t number = 0;
      for (int round = 0; round < 2; ++round) {
        for (int count = 0; count < 20; ++count) append_statement(*log, ++number);
        limit_file_size(100);  // not even a gap record fits into a new file
        while (try_append(*log, number + 1)) {
          ++number;
          std::this_thread::sleep_for(1ms);
        }
        for (int attempt = 1; attempt < 10; ++attempt) {
          const auto refused = try_append(*log, number + 1);
          ASSERT_FALSE(refused);
          EXPECT_TRUE(contains(refused.error().detail, "cannot write: File too large"));
        }
        EXPECT_TRUE(log->down());
        limit_file_size(1U << 30);
        EXPECT_TRUE(comes_true([&] { return !log->down(); }));
      }
      append_statement(*log, ++number);
      log->close();
      EXPECT_EQ(statements(scratch.log()), up_to(number))
          << "no accepted line is lost, and none is there twice";
    });
    const Verification verification = verify_log(scratch.log());
    EXPECT_TRUE(is_intact(verification));
    EXPECT_EQ(verification.gaps, 2U);
    EXPECT_EQ(all_files(scratch.log()).size(), 3U);
    EXPECT_EQ(member(failure_of(scratch.log()), "refused"), "10");
  }
}

TEST(LogFailure, AFailedSyncGivesTheFileUp) {
  for (const Durability durability : {Durability::kBatch, Durability::kSync}) {
    const Scratch scratch;
    in_child([&] {
      const auto log = open_log({.file = scratch.log(), .durability = durability});
      const std::uint64_t before = append_statement(*log, 1);
      ASSERT_TRUE(comes_true([&] { return log->durable() >= before && log->counters().syncs >= 2; }));
      break_call(SYS_fdatasync, descriptor_of(scratch.log()), EIO);
      for (std::uint64_t number = 2; number <= 20; ++number) append_statement(*log, number);
      const std::uint64_t last = append_statement(*log, 21);
      EXPECT_TRUE(comes_true([&] { return log->counters().failures == 1 && log->durable() >= last; }));
      EXPECT_FALSE(log->down());
      log->close();
    });
    EXPECT_TRUE(is_intact(verify_log(scratch.log())));
    EXPECT_EQ(statements(scratch.log()), up_to(21));
    const auto gap = failure_of(scratch.log());
    EXPECT_TRUE(contains(member(gap, "why"), "cannot sync: Input/output error"));
    EXPECT_EQ(member(gap, "synced_seq"), "2") << "what may be lost is declared";
    const auto files = all_files(scratch.log());
    ASSERT_EQ(files.size(), 2U);
    // With sync, what was not known to be on disk is in the new file, and nowhere else.
    if (durability == Durability::kSync) {
      EXPECT_EQ(records(files[0]).size(), 2U);
    }
  }
}

TEST(LogFailure, SyncTellsNothingThatIsNotOnDisk) {
  const Scratch scratch;
  in_child([&] {
    const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
    ASSERT_TRUE(comes_true([&] { return log->durable() == 1; }));
    const int descriptor = descriptor_of(scratch.log());
    break_call(SYS_ftruncate, descriptor, EIO);
    break_call(SYS_fdatasync, descriptor, EIO);
    append_statement(*log, 1);
    EXPECT_TRUE(comes_true([&] { return log->down(); }));
    EXPECT_FALSE(try_append(*log, 2));
    std::this_thread::sleep_for(1200ms);  // one more try to come back
    EXPECT_TRUE(log->down());
    EXPECT_EQ(log->durable(), 1U);
  });
  // What can't be cut off can't be moved to another file either: a restart takes it from there.
  append_statement(*open_log({.file = scratch.log()}), 3);
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

TEST(LogFailure, AShortWriteThatCanNotBeRepairedIsDeclared) {
  for (const Durability durability : {Durability::kNone, Durability::kBatch}) {
    const Scratch scratch;
    in_child([&] {
      const auto log = open_log({.file = scratch.log(), .durability = durability});
      append_statement(*log, 1);
      ASSERT_TRUE(comes_true([&] { return records(scratch.log()).size() == 2; }));
      break_call(SYS_ftruncate, descriptor_of(scratch.log()), EPERM);
      // Of the next batch a line and a half get into the file.
      const auto size = std::filesystem::file_size(scratch.log());
      Batch batch;
      add_statement(batch, 2);
      add_statement(batch, 3, std::string(1000, 'y'));
      limit_file_size(size + 1000);
      const auto appended = log->append(batch);
      EXPECT_TRUE(appended.has_value() || durability == Durability::kBatch);
      EXPECT_TRUE(comes_true([&] { return log->down(); }));
      limit_file_size(1 << 20);
      EXPECT_TRUE(comes_true([&] { return !log->down(); }));
      append_statement(*log, 4);
      log->close();
    });
    EXPECT_TRUE(is_intact(verify_log(scratch.log())));
    const std::string first = read_file(all_files(scratch.log()).front());
    EXPECT_FALSE(first.ends_with('\n'));
    const auto gap = failure_of(scratch.log());
    EXPECT_TRUE(contains(member(gap, "torn"), R"({"v":1,"seq":4,"kind":"statement")"));
    EXPECT_TRUE(first.ends_with(member(gap, "torn")));
  }
}

TEST(LogFailure, ADirectoryThatMayNotBeWritten) {
  const Scratch scratch;
  in_child([&] {
    become_nobody_in(scratch.directory());
    ASSERT_EQ(::chmod(scratch.directory().c_str(), 0500), 0);
    const auto log = Log::open({.file = scratch.log()});
    ASSERT_FALSE(log);
    EXPECT_TRUE(contains(log.error().message, scratch.log()));
    EXPECT_TRUE(contains(log.error().message, "Permission denied"));
  });
}

TEST(LogFailure, ADirectoryThatMayNoLongerBeWritten) {
  const Scratch scratch;
  in_child([&] {
    become_nobody_in(scratch.directory());
    const auto log = open_log({.file = scratch.log(), .rotate_size = 2'000});
    ASSERT_EQ(::chmod(scratch.directory().c_str(), 0500), 0);
    for (std::uint64_t number = 1; number <= 50; ++number) append_statement(*log, number);
    EXPECT_TRUE(comes_true([&] { return log->counters().failures >= 1; })) << "rotation fails";
    EXPECT_FALSE(log->down()) << "a file that is too large is better than none";
    append_statement(*log, 51);
    ASSERT_EQ(::chmod(scratch.directory().c_str(), 0700), 0);
    EXPECT_TRUE(comes_true([&] { return log->counters().rotations >= 1; })) << "it is tried again";
    log->close();
  });
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
  EXPECT_EQ(statements(scratch.log()), up_to(51));
}

TEST(LogFailure, StandardOutputAloneIsTheLog) {
  const Scratch scratch;
  in_child([&] {
    const int file = ::open(scratch.log().c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_EQ(::dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    const auto log = open_log({.to_stdout = true});
    append_statement(*log, 1);
    ASSERT_EQ(::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO), STDOUT_FILENO);
    const auto refused = try_append(*log, 2);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(contains(refused.error().detail, "standard output: cannot write: No space left on device"));
    ASSERT_EQ(::dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    EXPECT_TRUE(comes_true([&] { return !log->down(); }));
    append_statement(*log, 3);
    log->close();
  });
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
  EXPECT_EQ(kinds(scratch.log()),
            (Kinds{"checkpoint started", "statement", "gap failed", "statement", "checkpoint closed"}));
}

TEST(LogFailure, StandardOutputBesideAFileIsACopyThatMayFail) {
  const Scratch scratch;
  in_child([&] {
    const int copy = ::open(scratch.path("copy").c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_EQ(::dup2(copy, STDOUT_FILENO), STDOUT_FILENO);
    const auto log = open_log({.file = scratch.log(), .to_stdout = true});
    const auto append_and_wait = [&](std::uint64_t number) {
      const std::uint64_t seq = append_statement(*log, number);
      EXPECT_TRUE(comes_true([&] { return log->counters().lines == seq; }));
    };
    append_and_wait(1);
    ASSERT_EQ(::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO), STDOUT_FILENO);
    append_and_wait(2);
    EXPECT_EQ(log->counters().failures, 1U);
    EXPECT_FALSE(log->down());
    ASSERT_EQ(::dup2(copy, STDOUT_FILENO), STDOUT_FILENO);
    append_statement(*log, 3);
    log->close();
  });
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
  EXPECT_EQ(statements(scratch.log()), up_to(3));
  EXPECT_EQ(kinds(scratch.path("copy")),
            (Kinds{"checkpoint started", "statement", "statement", "checkpoint closed"}));
}

}  // namespace
}  // namespace chaperone::audit
