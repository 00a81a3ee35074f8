// A CancelRequest stops its own session's statement, and nothing else does.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "proxy/wire/startup.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

bool sleeping(const Client& client) {
  return postgres().scalar(
             fmt::format("select count(*) from pg_stat_activity where pid = {} and wait_event = 'PgSleep'",
                         client.pid())) == "1";
}

void begin_sleeping(Client& client) {
  client.send(query("select pg_sleep(30)"));
  ASSERT_TRUE(eventually([&] { return sleeping(client); })) << "the statement did not begin";
}

void expect_cancelled(Client& client) {
  const auto answer = client.read_until("Z");
  EXPECT_EQ(find(answer, 'E').field('C'), "57014");
  EXPECT_EQ(find(answer, 'E').field('M'), "canceling statement due to user request");
}

TEST(Cancel, ThePidIsTheServersAndTheSecretIsNot) {
  Client direct(postgres().address());
  Client client(chaperone().address());
  EXPECT_EQ(client.scalar("select pg_backend_pid()"), std::to_string(client.pid()));
  EXPECT_EQ(client.secret().size(), direct.secret().size());
  // Its secret is of no use at the server itself.
  begin_sleeping(client);
  cancel(postgres().address(), client.pid(), client.secret());
  EXPECT_TRUE(client.silent(Milliseconds(100)));
  EXPECT_TRUE(sleeping(client));
  cancel(chaperone().address(), client.pid(), client.secret());
  expect_cancelled(client);
}

TEST(Cancel, StopsItsOwnSessionOnly) {
  Client one(chaperone().address()), two(chaperone().address()), three(chaperone().address());
  for (auto* client : {&one, &two, &three}) begin_sleeping(*client);
  cancel(chaperone().address(), two.pid(), two.secret());
  expect_cancelled(two);
  EXPECT_TRUE(one.silent(Milliseconds(50)));
  EXPECT_TRUE(sleeping(one) && sleeping(three)) << "a session was cancelled that nobody asked for";
  cancel(chaperone().address(), one.pid(), one.secret());
  cancel(chaperone().address(), three.pid(), three.secret());
  expect_cancelled(one);
  expect_cancelled(three);
  EXPECT_EQ(two.scalar("select 'goes on'"), "goes on");
  const auto pid = two.pid();
  two.close();
  EXPECT_EQ(outcomes(chaperone().session(pid)), (std::vector<std::string>{"cancelled 57014", "ok SELECT 1"}));
}

TEST(Cancel, WrongKeysDoNothing) {
  Client victim(chaperone().address()), other(chaperone().address());
  begin_sleeping(victim);
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::string guess = int32(static_cast<std::int64_t>(random()));
    cancel(chaperone().address(), victim.pid(), guess);
  }
  cancel(chaperone().address(), victim.pid(), other.secret());
  cancel(chaperone().address(), other.pid(), victim.secret());
  cancel(chaperone().address(), victim.pid(), victim.secret() + std::string(4, '\0'));
  cancel(chaperone().address(), victim.pid(), std::string(256, '\0'));
  EXPECT_TRUE(victim.silent(Milliseconds(50)));
  EXPECT_TRUE(sleeping(victim));
  cancel(chaperone().address(), victim.pid(), victim.secret());
  expect_cancelled(victim);
}

TEST(Cancel, AKeyIsGoodAsLongAsItsSession) {
  std::int32_t pid = 0;
  std::string secret;
  {
    Client gone(chaperone().address());
    pid = gone.pid();
    secret = gone.secret();
  }
  (void)chaperone().session(pid);
  cancel(chaperone().address(), pid, secret);  // answered like any other: the connection ends
}

TEST(Cancel, LateOneFindsAnIdleSession) {
  Client client(chaperone().address());
  cancel(chaperone().address(), client.pid(), client.secret());
  EXPECT_EQ(client.scalar("select 'not cancelled'"), "not cancelled");
}

TEST(Cancel, Protocol32HasLongSecrets) {
  Client client(chaperone().address(), {.minor = 2});
  EXPECT_EQ(client.secret().size(), 32u);
  EXPECT_EQ(count(client.greeting(), 'v'), 0u) << "3.2 is spoken here and needs no negotiation";
  EXPECT_EQ(client.scalar("select pg_backend_pid()"), std::to_string(client.pid()));
  begin_sleeping(client);
  cancel(chaperone().address(), client.pid(), client.secret().substr(0, 4));
  EXPECT_TRUE(client.silent(Milliseconds(50)));
  cancel(chaperone().address(), client.pid(), client.secret());
  expect_cancelled(client);
}

TEST(Cancel, NewerProtocolIsNegotiatedDown) {
  Peer peer(chaperone().address());
  Login login{.parameters = {{"_pq_.extension", "1"}}, .minor = 9};
  peer.send(startup_packet(login));
  const auto negotiated = peer.read();
  ASSERT_EQ(negotiated.type(), 'v') << negotiated.describe();
  wire::BodyReader body(negotiated.body());
  EXPECT_EQ(body.u32() & 0xffff, 2u);
  ASSERT_EQ(body.u32(), 1u);
  EXPECT_EQ(body.string(), "_pq_.extension");
  const auto greeting = authenticate(peer, login.password);
  EXPECT_EQ(greeting.back().type(), 'Z') << describe(greeting);
}

TEST(Cancel, ThroughAUnixSocketUpstream) {
  Chaperone through_socket({.server = postgres().socket()});
  Client client(through_socket.address());
  begin_sleeping(client);
  cancel(through_socket.address(), client.pid(), client.secret());
  expect_cancelled(client);
}

}  // namespace
}  // namespace chaperone::pg
