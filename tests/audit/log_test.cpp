#include "proxy/audit/log.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#include "tests/audit/scratch.hpp"

namespace chaperone::audit {
namespace {

using namespace std::chrono_literals;
using namespace test;

bool wait_until(const std::function<bool()>& condition) {
  for (const auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

TEST(Log, WritesWhatIsAppendedBetweenItsCheckpoints) {
  const Scratch scratch;
  {
    const auto log = open_log({.file = scratch.log()});
    EXPECT_EQ(append_statement(*log, 1), 2U);
    Batch batch;
    add_statement(batch, 2);
    batch.outcome(kTime, sample_session(), {.statement = 2, .result = Result::kOk});
    EXPECT_EQ(log->append(batch).value(), 4U);
    EXPECT_TRUE(batch.empty());
    EXPECT_EQ(log->append(batch).value(), 4U) << "an empty batch changes nothing";
    EXPECT_EQ(log->append_event(kTime, "admin", R"("event":"reload","why":null)").value(), 5U);
    EXPECT_EQ(log->durable(), 5U);
    EXPECT_TRUE(wait_until([&] { return log->counters().lines == 5; }));
    EXPECT_FALSE(log->down());
  }
  EXPECT_EQ(kinds(scratch.log()), (Kinds{"checkpoint started", "statement", "statement", "outcome",
                                         "admin reload", "checkpoint closed"}));
  const Verification verification = verify_log(scratch.log());
  EXPECT_TRUE(is_intact(verification));
  EXPECT_EQ(verification.lines, 6U);
  EXPECT_EQ(verification.gaps, 0U);
}

TEST(Log, SyncWritesABatchBeforeAppendReturns) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
  for (std::uint64_t number = 1; number <= 50; ++number) {
    append_statement(*log, number);
    ASSERT_EQ(records(scratch.log()).size(), number + 1);
  }
}

TEST(Log, BatchWritesWithoutBeingAskedAgain) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log()});
  for (std::uint64_t number = 1; number <= 50; ++number) {
    append_statement(*log, number);
    ASSERT_TRUE(wait_until([&] { return records(scratch.log()).size() == number + 1; }));
  }
}

TEST(Log, WithoutDurabilityLinesFollowWithinMilliseconds) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log(), .durability = Durability::kNone});
  for (std::uint64_t number = 1; number <= 1000; ++number) append_statement(*log, number);
  EXPECT_EQ(log->durable(), 1001U);
  EXPECT_TRUE(wait_until([&] { return split_lines(read_file(scratch.log())).size() == 1001; }));
  log->close();
  EXPECT_TRUE(is_intact(verify_log(scratch.log())));
}

TEST(Log, WithoutDurabilityTheQueueIsBounded) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log(), .durability = Durability::kNone});
  const std::string sql(1 << 20, 'x');
  for (std::uint64_t number = 1; number <= 100; ++number) append_statement(*log, number, sql);
  EXPECT_GT(std::filesystem::file_size(scratch.log()), 80U << 20)
      << "not more than 8 MiB and a line may wait";
  log->close();
  EXPECT_EQ(verify_log(scratch.log()).lines, 102U);
}

TEST(Log, SyncTellsWhatIsOnDisk) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
  std::mutex mutex;
  std::vector<std::uint64_t> told;
  log->on_durable([&](std::uint64_t seq) {
    const std::lock_guard guard(mutex);
    told.push_back(seq);
  });
  EXPECT_EQ(log->durable(), 1U);
  for (std::uint64_t number = 1; number <= 100; ++number) {
    const std::uint64_t seq = append_statement(*log, number);
    if (number % 10 == 0) {
      ASSERT_TRUE(wait_until([&] { return log->durable() >= seq; }));
    }
  }
  EXPECT_EQ(log->durable(), 101U);
  log->close();
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 101U);
  EXPECT_LE(told.size(), log->counters().syncs);
}

TEST(Log, TheDurableCallMayAppend) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
  std::atomic<int> calls = 0;
  log->on_durable([&](std::uint64_t) {
    if (++calls < 5) append_statement(*log, static_cast<std::uint64_t>(calls));
  });
  append_statement(*log, 9);
  EXPECT_TRUE(wait_until([&] { return calls >= 5; })) << calls << " calls";
}

TEST(Log, DoesNotSyncWhatIsClean) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log()});
  append_statement(*log, 1);
  ASSERT_TRUE(wait_until([&] { return log->counters().syncs >= 2; })) << "the first line and the statement";
  const std::uint64_t syncs = log->counters().syncs;
  std::this_thread::sleep_for(1200ms);  // past the once-a-second look at the file
  EXPECT_EQ(log->counters().syncs, syncs);
}

TEST(Log, GoesOnWithTheChainOverRestarts) {
  const Scratch scratch;
  for (int run = 0; run < 3; ++run) append_statement(*open_log({.file = scratch.log()}), 1);
  EXPECT_EQ(kinds(scratch.log()),
            (Kinds{"checkpoint started", "statement", "checkpoint closed", "checkpoint started", "statement",
                   "checkpoint closed", "checkpoint started", "statement", "checkpoint closed"}));
  const Verification verification = verify_log(scratch.log());
  EXPECT_TRUE(is_intact(verification));
  EXPECT_EQ(verification.last_seq, 9U);
}

TEST(Log, RefusesAfterClose) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log()});
  log->close();
  log->close();
  Batch batch;
  add_statement(batch, 1);
  const auto refused = log->append(batch);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sqlstate, "53100");
  EXPECT_TRUE(contains(refused.error().detail, "closed"));
  EXPECT_EQ(batch.lines(), 1U) << "what was refused is left to the caller";
}

TEST(Log, ManyThreadsShareOneChain) {
  for (const Durability durability : {Durability::kNone, Durability::kBatch, Durability::kSync}) {
    const Scratch scratch;
    constexpr int kThreads = 4;
    constexpr std::uint64_t kBatches = 300;
    const auto log = open_log({.file = scratch.log(), .rotate_size = 100'000, .durability = durability});
    std::atomic<std::uint64_t> told = 0;
    log->on_durable([&](std::uint64_t seq) { told = seq; });
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&log] {
        Batch batch;
        std::uint64_t last = 0;
        for (std::uint64_t number = 1; number <= kBatches; ++number) {
          for (int line = 0; line < 3; ++line) add_statement(batch, number);
          const auto seq = log->append(batch);
          ASSERT_TRUE(seq);
          ASSERT_GT(*seq, last);
          last = *seq;
          log->durable();
          log->down();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const std::uint64_t rotations = log->counters().rotations;
    log->close();
    const Verification verification = verify_log(scratch.log());
    EXPECT_TRUE(is_intact(verification));
    EXPECT_GE(verification.lines, kThreads * kBatches * 3 + 2 + rotations);
    EXPECT_EQ(verification.gaps, 0U);
  }
}

TEST(Log, RotatesAndGoesOnWithTheChain) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log(), .rotate_size = 5'000});
  std::uint64_t number = 0;
  for (std::uint64_t rotation = 1; rotation <= 3; ++rotation) {
    while (std::filesystem::file_size(scratch.log()) < 5'000 && log->counters().rotations < rotation) {
      append_statement(*log, ++number);
    }
    ASSERT_TRUE(wait_until([&] { return log->counters().rotations >= rotation; }));
  }
  log->close();

  const auto older = files_set_aside(scratch.log()).value();
  ASSERT_GE(older.size(), 3U);
  EXPECT_EQ(older[0].path, scratch.log() + ".000000000001");
  std::vector<std::string> files = all_files(scratch.log());
  for (std::size_t index = 1; index < files.size(); ++index) {
    const auto first = records(files[index]).front();
    EXPECT_EQ(member(first, "event"), "rotated") << files[index];
    EXPECT_EQ(scratch.path(member(first, "from")), files[index - 1]);
    if (index < older.size()) {
      EXPECT_EQ(member(first, "seq"), std::to_string(older[index].first_seq));
    }
  }
  std::size_t statements = 0;
  for (const auto& file : files) {
    const auto found = kinds(file);
    statements += static_cast<std::size_t>(std::count(found.begin(), found.end(), "statement"));
  }
  EXPECT_EQ(statements, number);
  std::shuffle(files.begin(), files.end(), std::mt19937(1));
  const auto shuffled = verify(files);
  ASSERT_TRUE(shuffled);
  EXPECT_TRUE(is_intact(*shuffled));
  EXPECT_FALSE(std::filesystem::exists(scratch.path(".audit.jsonl.new")));
}

TEST(Log, GoesOnAfterACrashBetweenTwoFiles) {
  const Scratch scratch;
  append_statement(*open_log({.file = scratch.log()}), 1);
  std::filesystem::rename(scratch.log(), set_aside_path(scratch.log(), 1));
  for (const bool empty_file : {false, true}) {
    if (empty_file) write_file(scratch.log(), "");
    append_statement(*open_log({.file = scratch.log()}), 1);
    EXPECT_EQ(kinds(scratch.log()).front(), "gap recovery");
    const Verification verification = verify_log(scratch.log());
    EXPECT_TRUE(is_intact(verification));
    EXPECT_EQ(verification.last_seq, 6U);
    std::filesystem::remove(scratch.log());
  }
}

TEST(Log, ASecondOneOnTheSameFileIsRefused) {
  const Scratch scratch;
  const auto log = open_log({.file = scratch.log()});
  const auto second = Log::open({.file = scratch.log()});
  ASSERT_FALSE(second);
  EXPECT_TRUE(contains(second.error().message, scratch.log()));
  EXPECT_TRUE(contains(second.error().message, "in use by another process"));
  log->close();
  EXPECT_TRUE(Log::open({.file = scratch.log()}));
}

TEST(Log, NeedsSomewhereToWrite) {
  const auto log = Log::open({});
  ASSERT_FALSE(log);
  EXPECT_TRUE(contains(log.error().message, "neither"));
}

TEST(Log, FilesThatAreNoLogAreLeftAlone) {
  const Scratch scratch;
  const std::string texts[] = {"hello\n",
                               "hello",
                               "root:x:0:0:root:/root:/bin/sh\n",
                               "{}\n",
                               std::string(5000, ' '),
                               "{\"v\":1,\"seq\":1,\"kind\":\"x\"}\n",
                               std::string(200'000, '\0')};
  for (const std::string& text : texts) {
    write_file(scratch.log(), text);
    const auto log = Log::open({.file = scratch.log()});
    ASSERT_FALSE(log) << text.substr(0, 40);
    EXPECT_TRUE(contains(log.error().message, scratch.log()));
    EXPECT_TRUE(contains(log.error().message, "is no audit log"));
    EXPECT_EQ(read_file(scratch.log()), text);
  }
}

TEST(Log, PathsThatCanNotBe) {
  const Scratch scratch;
  const auto message = [](const std::string& path) {
    const auto log = Log::open({.file = path});
    return log ? std::string("opened") : log.error().message;
  };
  EXPECT_TRUE(contains(message(scratch.path("no/such/audit.jsonl")), "No such file or directory"));
  EXPECT_TRUE(contains(message(scratch.directory()), "Is a directory"));
  ASSERT_EQ(::mkfifo(scratch.path("fifo").c_str(), 0600), 0);
  EXPECT_TRUE(contains(message(scratch.path("fifo")), "is not a regular file"));
  std::filesystem::create_symlink("/dev/full", scratch.path("full"));
  EXPECT_TRUE(contains(message(scratch.path("full")), "is not a regular file"));
}

TEST(Log, OnlyItsOwnerMayReadIt) {
  const Scratch scratch;
  open_log({.file = scratch.log()});
  EXPECT_EQ(std::filesystem::status(scratch.log()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Log, AFileThatSomeoneTookAwayIsNoticed) {
  const Scratch scratch;
  for (const bool removed : {true, false}) {
    const auto log = open_log({.file = scratch.log(), .durability = Durability::kSync});
    append_statement(*log, 1);
    if (removed) {
      std::filesystem::remove(scratch.log());
    } else {
      std::filesystem::resize_file(scratch.log(), 10);
    }
    ASSERT_TRUE(wait_until([&] { return log->counters().failures >= 1 && !log->down(); }));
    const std::uint64_t seq = append_statement(*log, 2);
    EXPECT_TRUE(wait_until([&] { return log->durable() >= seq; }));
    log->close();
    const auto lines = records(scratch.log());
    ASSERT_GE(lines.size(), 3U);
    EXPECT_EQ(member(lines[0], "event"), "failed");
    EXPECT_TRUE(contains(member(lines[0], "why"), removed ? "was moved or removed" : "was truncated"));
    for (const auto& file : all_files(scratch.log())) std::filesystem::remove(file);
  }
}

}  // namespace
}  // namespace chaperone::audit
