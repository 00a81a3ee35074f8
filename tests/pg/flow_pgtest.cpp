// Large amounts in bounded memory, and sides that do not read.
//
// PGCHAPERONE_FLOW_MB is how large (64).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <thread>

#include "tests/pg/fake_server.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

constexpr std::size_t kMiB = 1U << 20;
constexpr std::size_t kMayGrow = 16 * kMiB;

std::size_t megabytes() {
  const char* const text = std::getenv("PGCHAPERONE_FLOW_MB");
  return text == nullptr ? 64 : std::stoul(text);
}

// Reads to a ReadyForQuery and keeps nothing; gives the bytes of all messages.
std::size_t drain(Peer& peer) {
  std::size_t bytes = 0;
  while (true) {
    const auto message = peer.read();
    bytes += message.bytes.size();
    if (message.type() == 'E') throw std::runtime_error(message.describe());
    if (message.type() == 'Z') return bytes;
  }
}

class Flow : public testing::Test {
 protected:
  void SetUp() override {
    before_ = chaperone().process().resident();
    postgres().run("truncate big");
  }
  void expect_bounded() const {
    const auto now = chaperone().process().resident();
    EXPECT_LT(now, before_ + kMayGrow)
        << "resident memory grew from " << before_ / kMiB << " to " << now / kMiB << " MiB";
  }
  Client client_{chaperone().address()};

 private:
  std::size_t before_ = 0;
};

TEST_F(Flow, LargeResult) {
  client_.send(query(fmt::format("select repeat('x', 8000) from generate_series(1, {})", megabytes() * 128)));
  EXPECT_GT(drain(client_), megabytes() * 128 * 8000);
  expect_bounded();
}

TEST_F(Flow, LargeRow) {
  const std::size_t size = std::min<std::size_t>(megabytes(), 900) * kMiB;
  client_.send(query(fmt::format("select repeat('x', {})", size)));
  EXPECT_GT(drain(client_), size);
  expect_bounded();
}

TEST_F(Flow, LargeCopyIn) {
  client_.exchange(query("copy big from stdin"), "G");
  std::string rows;
  for (int i = 0; i < 128; ++i) rows += "1\t" + std::string(8189, 'x') + "\n";
  const std::string one = copy_data(rows);
  for (std::size_t sent = 0; sent < megabytes(); ++sent) client_.send(one);
  const auto answer = client_.exchange(copy_done(), "Z");
  EXPECT_EQ(find(answer, 'C').describe(), fmt::format("C COPY {} ", megabytes() * 128));
  expect_bounded();
}

TEST_F(Flow, LargeMessages) {
  const std::size_t size = std::min<std::size_t>(megabytes(), 900) * kMiB;
  const std::string text(size / 4, 'x');
  client_.send(parse("", "select length($1::text)") + bind_portal("", "", {text}) + execute() + sync());
  EXPECT_EQ(find(client_.read_until("Z"), 'D').value(0), std::to_string(text.size()));
  EXPECT_EQ(client_.scalar("select length('" + text + "')"), std::to_string(text.size()));
  client_.send(query("copy big from stdin") + copy_data("1\t" + text + "\n") + copy_done());
  client_.read_until("Z");
  expect_bounded();
}

TEST_F(Flow, LargeCopyOut) {
  postgres().run(fmt::format("insert into big select g, repeat('x', 8000) from generate_series(1, {}) g",
                             megabytes() * 64));
  client_.send(query("copy big to stdout"));
  EXPECT_GT(drain(client_), megabytes() * 64 * 8000);
  expect_bounded();
}

TEST_F(Flow, AClientThatDoesNotRead) {
  Client slow(chaperone().address(), {}, 16U << 10);
  slow.send(query("select repeat('x', 8000) from generate_series(1, 100000)"));
  std::this_thread::sleep_for(Milliseconds(500));
  expect_bounded();
  // Everybody else is served all that time.
  EXPECT_EQ(client_.scalar("select 'served'"), "served");
  // The server waits for it, rather than we keep its rows.
  EXPECT_EQ(
      postgres().scalar(fmt::format("select wait_event from pg_stat_activity where pid = {}", slow.pid())),
      "ClientWrite");
  cancel(chaperone().address(), slow.pid(), slow.secret());
  const auto answer = slow.read_until("Z");
  EXPECT_EQ(find(answer, 'E').field('C'), "57014");
}

TEST_F(Flow, AServerThatDoesNotRead) {
  std::atomic<bool> read_on{false};
  FakeServer server([&](Peer& peer) {
    let_in(peer);
    while (!read_on) std::this_thread::sleep_for(Milliseconds(5));
    answer_queries(peer);
  });
  Chaperone through({.server = server.address()});
  const auto before = through.process().resident();
  Client client(through.address());
  const std::string one = query("select '" + std::string(8000, 'x') + "'");
  std::string all;
  while (all.size() < 64 * kMiB) all += one;
  const std::size_t queries = all.size() / one.size();
  const std::size_t taken = client.send_until_stuck(all, Milliseconds(500));
  EXPECT_LT(taken, 48 * kMiB) << "what the server does not read has to stay with the client";
  EXPECT_LT(through.process().resident(), before + kMayGrow);
  read_on = true;
  std::thread rest([&] { client.send(std::string_view(all).substr(taken)); });
  std::size_t answered = 0;
  while (answered < queries) answered += client.read().type() == 'Z' ? 1U : 0U;
  rest.join();
  EXPECT_EQ(answered, queries);
}

TEST_F(Flow, BothSidesFullAtOnce) {
  // Statements with long texts and long answers, none of which is read until nothing more can be sent.
  const std::string one = query("select repeat('y', 20000), length('" + std::string(20'000, 'x') + "')");
  std::string all;
  for (int i = 0; i < 2000; ++i) all += one;
  Client client(chaperone().address(), {}, 16U << 10);
  const std::size_t taken = client.send_until_stuck(all, Milliseconds(300));
  EXPECT_LT(taken, all.size()) << "the test means to fill both directions";
  expect_bounded();
  std::thread rest([&] { client.send(std::string_view(all).substr(taken)); });
  std::size_t answered = 0;
  while (answered < 2000) answered += client.read().type() == 'Z' ? 1U : 0U;
  rest.join();
  expect_bounded();
}

TEST_F(Flow, ALongPipelineWithoutSync) {
  // A driver that writes a whole batch before it reads: more than the ledger takes at once.
  std::string all = parse("s", "select 1");
  constexpr int kExecutes = 60'000;
  for (int i = 0; i < kExecutes; ++i) all += bind_portal("", "s") + execute();
  all += sync();
  std::thread sender([&] { client_.send(all); });
  const auto answer = client_.read_until("Z", std::chrono::seconds(60));
  sender.join();
  EXPECT_EQ(count(answer, 'C'), static_cast<std::size_t>(kExecutes));
}

TEST_F(Flow, IdleSessions) {
  constexpr std::size_t kSessions = 300;
  const auto before = chaperone().process().resident();
  std::vector<std::unique_ptr<Client>> idle;
  for (std::size_t i = 0; i < kSessions; ++i) idle.push_back(std::make_unique<Client>(chaperone().address()));
  for (auto& client : idle) client->exchange(extended("select repeat('x', 100000)") + sync());
  const auto now = chaperone().process().resident();
  EXPECT_LT(now, before + kSessions * (32U << 10))
      << "a session holds " << (now - before) / kSessions << " bytes";
  EXPECT_EQ(client_.scalar("select 'served'"), "served");
  for (auto& client : idle) EXPECT_EQ(client->scalar("select 'alive'"), "alive");
}

}  // namespace
}  // namespace chaperone::pg
