#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>
#include <thread>

#include "proxy/audit/log.hpp"
#include "tests/audit/scratch.hpp"

namespace chaperone::audit {
namespace {

using namespace test;

/// Appends batches as fast as it can and says so after each, until it is killed.
[[noreturn]] void append_for_ever(const std::string& file, int report) {
  auto log = Log::open({.file = file, .rotate_size = 300'000});
  if (!log) ::_exit(9);
  Batch batch;
  for (std::uint64_t number = 1;; ++number) {
    add_statement(batch, number, "SELECT abalance FROM pgbench_accounts WHERE aid = 4711");
    batch.outcome(kTime, sample_session(), {.statement = number, .result = Result::kOk});
    const auto seq = (*log)->append(batch);
    if (!seq) ::_exit(8);
    if (::write(report, &*seq, sizeof *seq) != sizeof *seq) ::_exit(7);
  }
}

std::vector<std::uint64_t> read_reports(int report) {
  std::vector<std::uint64_t> seqs;
  for (std::uint64_t seq = 0; ::read(report, &seq, sizeof seq) == sizeof seq;) seqs.push_back(seq);
  return seqs;
}

TEST(LogCrash, WhatWasAppendedSurvivesKill9) {
  const Scratch scratch;
  std::mt19937 random(9);
  std::uniform_int_distribution<int> milliseconds(1, 60);
  std::vector<std::uint64_t> reported;
  constexpr int kKills = 20;
  for (int round = 0; round < kKills; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe_ends[0]);
      append_for_ever(scratch.log(), pipe_ends[1]);
    }
    ::close(pipe_ends[1]);
    // The first report, so that each round kills a log at work; then anything may be hit.
    std::uint64_t first = 0;
    ASSERT_EQ(::read(pipe_ends[0], &first, sizeof first), static_cast<ssize_t>(sizeof first))
        << "the child gave up";
    reported.push_back(first);
    std::thread reader([&] {
      const auto more = read_reports(pipe_ends[0]);
      reported.insert(reported.end(), more.begin(), more.end());
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    reader.join();
    ::close(pipe_ends[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
  }
  open_log({.file = scratch.log()});

  const Verification verification = verify_log(scratch.log());
  EXPECT_TRUE(is_intact(verification));
  EXPECT_EQ(verification.first_seq, 1U);
  EXPECT_EQ(verification.gaps, kKills) << "each start after a kill declares it";
  std::set<std::uint64_t> outcomes;
  for (const std::string& file : all_files(scratch.log())) {
    for (const auto& record : records(file)) {
      if (member(record, "kind") == "outcome") outcomes.insert(record.at("seq").to_number<std::uint64_t>());
    }
  }
  EXPECT_GT(reported.size(), kKills);
  for (const std::uint64_t seq : reported)
    ASSERT_TRUE(outcomes.contains(seq)) << "the batch up to " << seq << " is lost";
}

}  // namespace
}  // namespace chaperone::audit
