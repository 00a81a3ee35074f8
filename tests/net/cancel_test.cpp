#include "proxy/net/cancel.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace chaperone::net {
namespace {

CancelTarget target(std::int32_t pid) {
  return {.server = {}, .key = {pid, "its own secret"}};
}

TEST(CancelKeys, FindsWhatWasAddedUntilItIsRemoved) {
  CancelKeys keys;
  keys.add({1, "aaaa"}, target(100));
  const auto found = keys.find({1, "aaaa"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key.backend_pid, 100);
  EXPECT_EQ(found->key.secret_key, "its own secret");
  keys.remove({1, "aaaa"});
  EXPECT_FALSE(keys.find({1, "aaaa"}));
}

TEST(CancelKeys, AKeyIsThePidAndTheWholeSecret) {
  CancelKeys keys;
  keys.add({1, "aaaa"}, target(100));
  EXPECT_FALSE(keys.find({2, "aaaa"}));
  EXPECT_FALSE(keys.find({1, "aaab"}));
  EXPECT_FALSE(keys.find({1, "aaa"}));
  EXPECT_FALSE(keys.find({1, "aaaaa"}));
  EXPECT_FALSE(keys.find({1, ""}));
}

TEST(CancelKeys, OnePidOfTwoServers) {
  CancelKeys keys;
  keys.add({1, "aaaa"}, target(100));
  keys.add({1, "bbbb"}, target(200));
  EXPECT_EQ(keys.find({1, "aaaa"})->key.backend_pid, 100);
  EXPECT_EQ(keys.find({1, "bbbb"})->key.backend_pid, 200);
  keys.remove({1, "cccc"});
  keys.remove({1, "aaaa"});
  EXPECT_FALSE(keys.find({1, "aaaa"}));
  EXPECT_EQ(keys.find({1, "bbbb"})->key.backend_pid, 200);
}

TEST(CancelKeys, FromManyThreads) {
  CancelKeys keys;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&keys, t] {
      const std::string secret(4, static_cast<char>('a' + t));
      for (int i = 0; i < 2000; ++i) {
        keys.add({i % 7, secret}, target(t));
        const auto found = keys.find({i % 7, secret});
        ASSERT_TRUE(found);
        EXPECT_EQ(found->key.backend_pid, t);
        keys.remove({i % 7, secret});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(keys.find({i, "aaaa"}));
}

}  // namespace
}  // namespace chaperone::net
