#include "proxy/net/socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

namespace chaperone::net {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw std::runtime_error("socketpair");
    ours = Descriptor(ends[0]);
    theirs = Descriptor(ends[1]);
  }
  std::string take() {
    std::string all(1U << 20, '\0');
    std::size_t size = 0;
    while (true) {
      const auto got = receive(theirs.get(), all.data() + size, all.size() - size);
      if (got.state != Transfer::State::kOk) break;
      size += got.bytes;
    }
    all.resize(size);
    return all;
  }
  Descriptor ours, theirs;
};

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(Descriptor, ClosesWhatItOwns) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    Descriptor first(fd);
    Descriptor second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what it promises
    EXPECT_TRUE(is_open(fd));
    first = std::move(second);
    EXPECT_EQ(first.get(), fd);
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, ReleaseGivesItAway) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  { EXPECT_EQ(Descriptor(fd).release(), fd); }
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}

TEST(Send, AllPiecesInTheirOrder) {
  // More pieces than one sendmsg() takes.
  for (const std::size_t pieces : {1U, 2U, 63U, 64U, 65U, 200U}) {
    SCOPED_TRACE(pieces);
    Pair pair;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < pieces; ++i) texts.push_back(std::to_string(i) + ",");
    session::Gather gather;
    std::string all;
    for (std::size_t i = 0; i < pieces; ++i) {
      i % 2 == 0 ? gather.view(texts[i]) : gather.copy(texts[i]);
      all += texts[i];
    }
    const auto sent = send(pair.ours.get(), gather);
    EXPECT_EQ(sent.state, Transfer::State::kOk);
    EXPECT_EQ(sent.bytes, all.size());
    EXPECT_EQ(pair.take(), all);
  }
}

TEST(Send, SaysHowMuchWasTaken) {
  Pair pair;
  const std::string large(600'000, 'x'), other(600'000, 'y');
  session::Gather gather;
  gather.view(large);
  gather.view(other);
  std::string received;
  std::size_t sent = 0;
  while (sent < gather.size()) {
    const auto result =
        sent == 0 ? send(pair.ours.get(), gather) : send(pair.ours.get(), gather.flatten(sent));
    ASSERT_NE(result.state, Transfer::State::kFailed);
    if (sent == 0) {
      EXPECT_EQ(result.state, Transfer::State::kWouldBlock) << "the test means to fill the socket";
    }
    sent += result.bytes;
    received += pair.take();
  }
  EXPECT_EQ(received, large + other);
}

TEST(Send, ToAPeerThatIsGone) {
  Pair pair;
  pair.theirs.reset();
  EXPECT_EQ(send(pair.ours.get(), "text").state, Transfer::State::kFailed);
  session::Gather gather;
  gather.copy("text");
  gather.view("more");
  EXPECT_EQ(send(pair.ours.get(), gather).state, Transfer::State::kFailed);
}

TEST(Receive, TellsEndAndWaitApart) {
  Pair pair;
  std::array<char, 8> buffer{};
  EXPECT_EQ(receive(pair.theirs.get(), buffer.data(), buffer.size()).state, Transfer::State::kWouldBlock);
  (void)send(pair.ours.get(), "abc");
  const auto got = receive(pair.theirs.get(), buffer.data(), buffer.size());
  EXPECT_EQ(got.state, Transfer::State::kOk);
  EXPECT_EQ(got.bytes, 3u);
  ::shutdown(pair.ours.get(), SHUT_WR);
  EXPECT_EQ(receive(pair.theirs.get(), buffer.data(), buffer.size()).state, Transfer::State::kClosed);
}

TEST(PeerName, OfAUnixSocket) {
  const Pair pair;
  EXPECT_EQ(peer_name(pair.ours.get()), "unix");
  EXPECT_EQ(peer_name(-1), "unknown");
}

}  // namespace
}  // namespace chaperone::net
