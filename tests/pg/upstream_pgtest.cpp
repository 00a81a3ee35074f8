// Servers that fail, lie or say nothing: the right SQLSTATE, records that claim nothing, and the process goes
// on.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "proxy/wire/backend.hpp"
#include "tests/pg/fake_server.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using Texts = std::vector<std::string>;

// A pgchaperone in front of a server that does what `serve` does.
struct Faked {
  explicit Faked(FakeServer::Serve serve, std::string limits = {})
      : server(std::move(serve)), chaperone({.server = server.address(), .limits = std::move(limits)}) {}
  FakeServer server;
  Chaperone chaperone;
};

std::string ready(char status = 'I') {
  return message('Z', std::string(1, status));
}
std::string complete(std::string_view tag) {
  return message('C', zero_ended(tag));
}

// A server that lets everyone in, and answers the first message with these bytes.
FakeServer::Serve answers_with(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    let_in(peer);
    (void)peer.read();
    peer.send(bytes);
    peer.read_to_end();
  };
}

TEST(Upstream, TheServerIsDown) {
  Chaperone nowhere({.server = {.host = "127.0.0.1", .port = 1}});
  EXPECT_EQ(refusal(nowhere.address()).field('C'), "08006");
  EXPECT_EQ(refusal(nowhere.address()).field('C'), "08006");
  EXPECT_TRUE(eventually([&] { return nowhere.records("event", "refused").size() == 2; }));
  EXPECT_GE(nowhere.metric("pgchaperone_upstream_failures_total"), 2);
}

TEST(Upstream, TheSocketIsNotThere) {
  Chaperone nowhere({.server = {.host = "/nowhere", .port = 5432, .unix_socket = true}});
  EXPECT_EQ(refusal(nowhere.address()).field('C'), "08006");
}

TEST(Upstream, WrongPasswordOrRole) {
  Chaperone wrong({.server = postgres().address(), .role_password = "not it"});
  const auto refused = refusal(wrong.address());
  EXPECT_EQ(refused.field('C'), "08006");
  EXPECT_EQ(refused.field('M').find("password authentication failed"), std::string::npos)
      << "what the server says of our role is not the client's to know";
  Chaperone no_role({.server = postgres().address(), .role = "no_such_role"});
  EXPECT_EQ(refusal(no_role.address()).field('C'), "08006");
  ASSERT_TRUE(eventually([&] { return !wrong.records("event", "refused").empty(); }));
  EXPECT_NE(text(wrong.records("event", "refused")[0], "why").find("password authentication failed"),
            std::string::npos)
      << "the operator is told";
}

TEST(Upstream, UnknownDatabase) {
  Login login;
  login.database = "no_such_database";
  const auto direct = refusal(postgres().address(), login);
  const auto refused = refusal(chaperone().address(), login);
  EXPECT_EQ(refused.bytes, direct.bytes);
  EXPECT_EQ(refused.field('C'), "3D000");
}

TEST(Upstream, DiesInTheMiddleOfAResult) {
  Faked faked([](Peer& peer) {
    let_in(peer);
    (void)peer.read();
    peer.send(message('T', int16(1) + zero_ended("a") + std::string(18, '\0')) +
              message('D', int16(1) + int32(1) + "x"));
    peer.send("D");  // and a message that is cut
    peer.reset();
  });
  Client client(faked.chaperone.address());
  client.send(query("select 'x' from long"));
  const auto answer = client.read_to_end();
  EXPECT_EQ(answer.back().field('C'), "08006") << describe(answer);
  EXPECT_EQ(answer.back().field('S'), "FATAL");
  EXPECT_EQ(outcomes(faked.chaperone.session(4711)), (Texts{"unknown 08006"}));
}

TEST(Upstream, BackendKilledInTheMiddleOfAResult) {
  // kill -9 of a backend makes the server restart: a server of its own, so that no other test meets that.
  Postgres server;
  Chaperone through({.server = server.address()});
  Client client(through.address(), {}, 64U << 10);
  client.exchange(query("begin"));
  client.exchange(query("insert into big values (1, 'x')"));
  client.send(query("select repeat('x', 1000) from generate_series(1, 1000000)"));
  (void)client.read();
  ASSERT_EQ(::kill(client.pid(), SIGKILL), 0);
  // It may be in the middle of a row: then no error can follow, and the row is never made whole by what is
  // none of it.
  const auto answer = client.read_to_end();
  for (const auto& message : answer) {
    if (message.type() == 'D') {
      EXPECT_EQ(message.value(0), std::string(1000, 'x'));
    } else {
      EXPECT_EQ(message.field('C'), "08006") << message.describe();
    }
  }
  const auto records = through.session(client.pid());
  EXPECT_EQ(outcomes(records), (Texts{"ok BEGIN", "ok INSERT 0 1", "unknown 08006"}));
  EXPECT_EQ(transactions(records), (Texts{"rolled_back 1 2 3"}));
  EXPECT_TRUE(through.process().running());
  EXPECT_TRUE(eventually(
      [&] {
        try {
          return Client(through.address()).scalar("select 'back'") == "back";
        } catch (const std::exception&) {
          return false;
        }
      },
      std::chrono::seconds(20)))
      << "once the server is back, so are its sessions";
}

TEST(Upstream, DiesInTheMiddleOfARow) {
  Faked faked([](Peer& peer) {
    let_in(peer);
    (void)peer.read();
    // The error that pgchaperone would send is shorter than what is missing of the row.
    peer.send(message('T', int16(1) + zero_ended("a") + std::string(18, '\0')) +
              with_length('D', 4 + 2 + 4 + 20, int16(1) + int32(20) + "half"));
    std::this_thread::sleep_for(Milliseconds(100));
    peer.close();
  });
  Client client(faked.chaperone.address());
  client.send(query("select 'x' from long"));
  EXPECT_EQ(describe(client.read_to_end()).find("D ["), std::string::npos)
      << "a row that the server never sent";
  EXPECT_EQ(outcomes(faked.chaperone.session(4711)), (Texts{"unknown 08006"}));
}

TEST(Upstream, DiesAtCommit) {
  Faked faked([](Peer& peer) {
    let_in(peer);
    (void)peer.read();
    peer.send(complete("BEGIN") + ready('T'));
    (void)peer.read();
    peer.close();
  });
  Client client(faked.chaperone.address());
  client.exchange(query("begin"));
  client.send(query("commit"));
  EXPECT_EQ(client.read_to_end().back().field('C'), "08007") << "whether it was committed is not known";
  EXPECT_EQ(transactions(faked.chaperone.session(4711)), (Texts{"unknown 1 2"}));
}

TEST(Upstream, ClosesWhenIdle) {
  Faked faked([](Peer& peer) {
    let_in(peer);
    peer.close();
  });
  Client client(faked.chaperone.address());
  const auto answer = client.read_to_end();
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(answer[0].field('C'), "08006");
}

TEST(Upstream, AcceptsAndSaysNothing) {
  Faked faked([](Peer& peer) { peer.read_to_end(); }, "  authentication: 300ms\n");
  const auto refused = refusal(faked.chaperone.address());
  EXPECT_EQ(refused.field('C'), "57014") << refused.describe();
  EXPECT_EQ(faked.server.connections(), 1u);
  EXPECT_TRUE(faked.chaperone.process().running());
}

TEST(Upstream, SaysNothingWhileOthersTalk) {
  Faked faked([](Peer& peer) {
    const auto packet = let_in(peer);
    if (packet.find("silent") != std::string::npos) {
      peer.read_to_end();
    } else {
      answer_queries(peer);
    }
  });
  Login silent_login;
  silent_login.database = "silent";
  Client waits(faked.chaperone.address(), silent_login);
  waits.send(query("select 1"));
  Client talks(faked.chaperone.address());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(talks.exchange(query("select 1")).size(), 2u);
  EXPECT_TRUE(waits.silent(Milliseconds(10)));
}

TEST(Upstream, Garbage) {
  const std::string rows = message('T', int16(0));
  const std::string garbage[] = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      std::string(100, '\0'),
      std::string(100, '\xff'),
      with_length('C', -1),
      with_length('C', 3),
      with_length('Z', 40'000),
      ready() + ready(),
      complete("SELECT 1") + complete("SELECT 1") + ready(),  // one statement, two answers
      message('1', ""),
      message('2', ""),
      message('3', ""),
      message('n', ""),
      message('s', ""),
      message('V', int32(-1)),
      message('t', int16(0)),
      message('W', std::string(1, '\0') + int16(0)),
      message('K', int32(1) + int32(2)),
      message('R', int32(0)),
      message('R', int32(5) + "salt"),
      message('v', int32(0) + int32(0)),
      message('Z', "?"),
      message('Z', "II"),
      message('C', "no end"),
      message('E', "no end"),
      message('y', ""),
  };
  for (const auto& bytes : garbage) {
    SCOPED_TRACE(Message{bytes.substr(0, 60)}.describe());
    FakeServer server(answers_with(bytes));
    static Chaperone in_front({.server = server.address()});
    in_front.write_config({.server = server.address()});
    const auto reloads = in_front.records("event", "reload").size();
    in_front.process().signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return in_front.records("event", "reload").size() > reloads; }));
    Client client(in_front.address());
    client.send(query("insert into t values (1)"));
    const auto answer = client.read_to_end();
    ASSERT_FALSE(answer.empty());
    EXPECT_EQ(answer.back().type(), 'E') << describe(answer);
    EXPECT_EQ(answer.back().field('C'), "08006") << describe(answer);
    const auto found = outcomes(in_front.session(4711));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NE(found[0], "none");
    ASSERT_TRUE(in_front.process().running());
  }
}

TEST(Upstream, GarbageInsteadOfALogin) {
  const std::string hostile_scram = message('R', int32(11) + "r=x,s=QSXCR+Q6sek8bf92,i=4096");
  const std::string garbage[] = {
      "N",
      "S",
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      std::string(50, '\0'),
      message('R', int32(3)),
      message('R', int32(5) + "salt"),
      message('R', int32(7)),
      message('R', int32(10) + zero_ended("SCRAM-SHA-1") + std::string(1, '\0')),
      message('R', int32(10) + std::string(1, '\0')),
      hostile_scram,
      message('R', int32(12) + "v=abc"),
      message('R', ""),
      ready(),
      message('K', int32(1) + int32(2)),
      message('Z', "I"),
      message('R', int32(0)) + message('R', int32(0)),
      message('R', int32(0)) + message('K', int32(1) + std::string(300, 'k')),
      message('v', int32(0) + int32(0)),
      message('E', "no end"),
      message('T', int16(0)),
      message('R', int32(0)) + message('D', int16(0)),
  };
  std::size_t next = 0;
  Faked faked(
      [&](Peer& peer) {
        (void)read_packet(peer);
        peer.send(garbage[next]);
        peer.read_to_end();
      },
      "  authentication: 2s\n");
  for (next = 0; next < std::size(garbage); ++next) {
    SCOPED_TRACE(Message{garbage[next]}.bytes.size() >= 5 ? Message{garbage[next]}.describe()
                                                          : garbage[next]);
    if (garbage[next].size() == 1) continue;  // the beginning of a message: nothing is wrong yet
    const auto refused = refusal(faked.chaperone.address());
    EXPECT_EQ(refused.field('C'), "08006") << refused.describe();
  }
  EXPECT_TRUE(faked.chaperone.process().running());
}

TEST(Upstream, NoProofNoLogin) {
  // It lets us through the exchange and never shows that it knows the password.
  Faked faked([](Peer& peer) {
    (void)read_packet(peer);
    peer.send(message('R', int32(10) + zero_ended("SCRAM-SHA-256") + std::string(1, '\0')));
    (void)peer.read();
    peer.send(message('R', int32(0)) + message('K', int32(1) + int32(2)) + ready());
    peer.read_to_end();
  });
  EXPECT_EQ(refusal(faked.chaperone.address()).field('C'), "08006");
}

TEST(Upstream, FatalAtTheLoginPassesOn) {
  const std::string error =
      message('E', zero_ended("SFATAL") + zero_ended("VFATAL") + zero_ended("C53300") +
                       zero_ended("Msorry, too many clients already") + std::string(1, '\0'));
  Faked faked([&](Peer& peer) {
    (void)read_packet(peer);
    peer.send(error);
  });
  EXPECT_EQ(refusal(faked.chaperone.address()).bytes, error);
}

}  // namespace
}  // namespace chaperone::pg
