#include "proxy/net/outbox.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <deque>
#include <string>

#include "proxy/net/connection.hpp"

namespace chaperone::net {
namespace {

/// A leg, and the socket of the peer that it leads to.
struct Line {
  Line() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    leg.socket = Descriptor(ends[0]);
    peer = Descriptor(ends[1]);
  }
  std::string received() const {
    std::string all(1 << 20, '\0');
    const auto got = receive(peer.get(), all.data(), all.size());
    return all.substr(0, got.bytes);
  }

  Leg leg;
  Descriptor peer;
};

/// Together and one after the other.
class OutboxTest : public testing::TestWithParam<bool> {
 protected:
  Outbox outbox_{GetParam()};
  std::deque<Line> lines_;
};

TEST_P(OutboxTest, EachGetsItsOwn) {
  // More than the ring takes at once.
  std::deque<std::string> texts;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 150; ++i) {
      texts.push_back("round " + std::to_string(round) + ", line " + std::to_string(i));
      if (round == 0) lines_.emplace_back();
      outbox_.add(lines_[static_cast<std::size_t>(i)].leg, texts.back());
    }
    auto& sends = outbox_.send();
    ASSERT_EQ(sends.size(), 150u);
    for (std::size_t i = 0; i < sends.size(); ++i) {
      EXPECT_EQ(sends[i].leg, &lines_[i].leg);
      EXPECT_EQ(sends[i].result.state, Transfer::State::kOk);
      EXPECT_EQ(sends[i].result.bytes, sends[i].bytes.size());
      EXPECT_EQ(lines_[i].received(), sends[i].bytes);
    }
    sends.clear();
  }
}

TEST_P(OutboxTest, AFullSocketAndOneWithoutAPeerAreNothingToTheOthers) {
  lines_.resize(4);
  const std::string much(16 << 20, 'x');
  lines_[1].peer.reset();
  outbox_.add(lines_[0].leg, much);
  outbox_.add(lines_[1].leg, "for nobody");
  outbox_.add(lines_[2].leg, "for somebody");
  auto& sends = outbox_.send();
  EXPECT_EQ(sends[0].result.state, Transfer::State::kWouldBlock);
  EXPECT_GT(sends[0].result.bytes, 0u);
  EXPECT_LT(sends[0].result.bytes, much.size());
  EXPECT_EQ(sends[1].result.state, Transfer::State::kFailed);
  EXPECT_EQ(sends[2].result.state, Transfer::State::kOk);
  EXPECT_EQ(lines_[2].received(), "for somebody");
  sends.clear();

  // Full from the start: nothing of it goes, and nobody waits.
  outbox_.add(lines_[0].leg, "more");
  outbox_.add(lines_[3].leg, "other");
  auto& again = outbox_.send();
  EXPECT_EQ(again[0].result.state, Transfer::State::kWouldBlock);
  EXPECT_EQ(again[0].result.bytes, 0u);
  EXPECT_EQ(again[1].result.state, Transfer::State::kOk);
}

TEST_P(OutboxTest, NothingToSend) {
  EXPECT_TRUE(outbox_.send().empty());
}

std::string name_of(const testing::TestParamInfo<bool>& together) {
  return together.param ? "Together" : "OneByOne";
}

INSTANTIATE_TEST_SUITE_P(, OutboxTest, testing::Bool(), name_of);

TEST(Outbox, OneByOneHasNoRing) {
  EXPECT_FALSE(Outbox(false).together());
}

}  // namespace
}  // namespace chaperone::net
