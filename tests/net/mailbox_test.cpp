#include "proxy/net/mailbox.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>
#include <vector>

namespace chaperone::net {
namespace {

bool readable(const Mailbox& mailbox) {
  pollfd fd{.fd = mailbox.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&fd, 1, 0) == 1;
}

TEST(Mailbox, IsReadableUntilItsTasksHaveRunInOrder) {
  Mailbox mailbox;
  std::vector<int> ran;
  EXPECT_FALSE(readable(mailbox));
  for (int i = 0; i < 3; ++i) mailbox.post([&ran, i] { ran.push_back(i); });
  EXPECT_TRUE(readable(mailbox));
  mailbox.run();
  EXPECT_EQ(ran, (std::vector{0, 1, 2}));
  EXPECT_FALSE(readable(mailbox));
}

TEST(Mailbox, WhatATaskPostsRunsTheNextTime) {
  Mailbox mailbox;
  int ran = 0;
  mailbox.post([&] { mailbox.post([&ran] { ++ran; }); });
  mailbox.run();
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(readable(mailbox));
  mailbox.run();
  EXPECT_EQ(ran, 1);
}

TEST(Mailbox, FromManyThreads) {
  constexpr int kThreads = 4, kTasks = 1000;
  Mailbox mailbox;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i) mailbox.post([&ran] { ++ran; });
    });
  }
  while (ran < kThreads * kTasks) {
    pollfd fd{.fd = mailbox.descriptor(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&fd, 1, 10'000), 1) << "a task was posted without a wake-up";
    mailbox.run();
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace chaperone::net
