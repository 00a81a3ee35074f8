// A Server in this process, with servers upstream that are threads of the test: what ThreadSanitizer has to
// see.

#include "proxy/net/server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/pg/fake_server.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/process.hpp"

namespace chaperone::net {
namespace {

using pg::Client;
using pg::FakeServer;
using pg::Milliseconds;
using pg::Peer;
using pg::query;

std::shared_ptr<const session::Environment> environment(const session::Address& upstream) {
  static const std::string passwords =
      auth::Passwords::line("tester", auth::ScramVerifier::derive("a secret"));
  auto fresh = std::make_shared<session::Environment>();
  fresh->databases["*"] = {.server = upstream,
                           .database = {},
                           .credential = session::StaticCredential{.role = {}, .password = "not asked for"}};
  fresh->passwords = auth::Passwords::from_text(passwords, "passwords").value();
  return fresh;
}

ServerOptions listening_on(const session::Address& address) {
  ServerOptions options;
  options.listen = {{.address = address}};
  return options;
}

std::string name_of(const testing::TestParamInfo<audit::Durability>& durability) {
  switch (durability.param) {
    case audit::Durability::kNone:
      return "None";
    case audit::Durability::kBatch:
      return "Batch";
    case audit::Durability::kSync:
      return "Sync";
  }
  return {};
}

class ServerTest : public testing::TestWithParam<audit::Durability> {
 protected:
  void start(FakeServer::Serve serve, ServerOptions options = {}) {
    upstream_ = std::make_unique<FakeServer>(std::move(serve));
    log_ = audit::Log::open({.file = directory_.path("audit.jsonl"), .durability = GetParam()}).value();
    options.listen = {{.address = {.host = "127.0.0.1", .port = 0}}};
    options.threads = 2;
    options.durability = GetParam();
    server_ = Server::start(options, environment(upstream_->address()), *log_).value();
  }
  void TearDown() override {
    server_.reset();
    if (log_) log_->close();
    upstream_.reset();
  }
  const session::Address& address() const { return server_->addresses()[0]; }
  std::uint64_t opened() const {
    std::uint64_t sum = 0;
    for (const auto* counters : server_->counters()) sum += counters->sessions_opened;
    return sum;
  }

  pg::TemporaryDirectory directory_;
  std::unique_ptr<FakeServer> upstream_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<Server> server_;
};

void serve_queries(Peer& peer) {
  pg::let_in(peer);
  pg::answer_queries(peer);
}

TEST_P(ServerTest, ManySessionsOnTwoThreads) {
  start(serve_queries);
  std::atomic<int> failures{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      try {
        for (int round = 0; round < 5; ++round) {
          Client client(address());
          for (int n = 0; n < 20; ++n) client.exchange(query("select 1"));
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(pg::eventually([&] { return server_->sessions() == 0; })) << server_->sessions() << " are left";
  EXPECT_EQ(opened(), 40u);
}

TEST_P(ServerTest, ReloadsWhileClientsComeAndGo) {
  start(serve_queries);
  FakeServer other(serve_queries);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      try {
        while (!stop) Client(address()).exchange(query("select 1"));
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    const FakeServer& next = i % 2 == 0 ? other : *upstream_;
    const std::size_t before = next.connections();
    server_->reload(environment(next.address()));
    EXPECT_TRUE(pg::eventually([&] { return next.connections() > before; })) << "reload " << i;
  }
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(failures, 0);
}

TEST_P(ServerTest, CancelsFromAnotherThread) {
  std::atomic<int> cancels{0};
  start([&](Peer& peer) {
    const auto packet = pg::read_packet(peer);
    if (packet.size() == 16) {
      EXPECT_EQ(packet.substr(8), pg::int32(4711) + "key!") << "the server's own key goes upstream";
      ++cancels;
      return;
    }
    // The rest of let_in().
    peer.send(pg::message('R', pg::int32(0)) + pg::message('K', pg::int32(4711) + "key!") +
              pg::message('Z', "I"));
    pg::answer_queries(peer);
  });
  Client one(address()), two(address());
  for (const auto* client : {&one, &two}) {
    EXPECT_EQ(client->pid(), 4711);
    pg::cancel(address(), client->pid(), client->secret());
  }
  EXPECT_EQ(cancels, 2);
  pg::cancel(address(), 4711, "key!");
  pg::cancel(address(), 4711, "aaaa");
  EXPECT_EQ(cancels, 2) << "a key that is not ours went upstream";
}

TEST_P(ServerTest, DrainsAndEnds) {
  start([](Peer& peer) {
    pg::let_in(peer);
    while (true) {
      if (peer.read().type() == 'Q')
        peer.send(pg::message('C', pg::zero_ended("BEGIN")) + pg::message('Z', "T"));
    }
  });
  Client idle(address()), open(address());
  open.exchange(query("begin"));
  server_->drain();
  EXPECT_TRUE(server_->draining());
  EXPECT_EQ(idle.read_to_end().back().field('C'), "57P01");
  EXPECT_EQ(pg::refusal(address()).field('C'), "57P03");
  EXPECT_TRUE(open.silent(Milliseconds(50)));
  server_->end_sessions();
  EXPECT_EQ(open.read_to_end().back().field('C'), "57P01");
  EXPECT_TRUE(pg::eventually([&] { return server_->sessions() == 0; }));
}

TEST_P(ServerTest, GoesWhileSessionsAreOpen) {
  start(serve_queries);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(std::make_unique<Client>(address()));
  for (auto& client : clients) client->send(query("select 1"));
  const Peer stranger(address());
  server_.reset();
  for (auto& client : clients) EXPECT_NO_THROW(client->read_to_end());
}

TEST_P(ServerTest, LimitsOfSessionsAndTime) {
  ServerOptions options;
  options.max_sessions = 2;
  options.max_sessions_per_agent = 2;
  options.login_timeout = Milliseconds(300);
  start([](Peer& peer) { (void)peer.read_to_end(); }, options);
  std::vector<std::thread> clients;
  std::atomic<int> full{0}, late{0};
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back([&] {
      const auto sqlstate = pg::refusal(address()).field('C');
      full += sqlstate == "53300" ? 1 : 0;
      late += sqlstate == "57014" ? 1 : 0;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(late, 2);
  EXPECT_EQ(full, 3);
  EXPECT_TRUE(pg::eventually([&] { return server_->sessions() == 0; }));
}

TEST_P(ServerTest, ListensWhereItIsTold) {
  start(serve_queries);
  auto taken = Server::start(listening_on(server_->addresses()[0]), environment(upstream_->address()), *log_);
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("Address already in use"), std::string::npos) << taken.error().message;

  const session::Address socket{.host = directory_.path(), .port = 6432, .unix_socket = true};
  {
    const auto local = Server::start(listening_on(socket), environment(upstream_->address()), *log_).value();
    Client client(socket);
    EXPECT_EQ(client.exchange(query("select 1")).size(), 2u);
    EXPECT_FALSE(Server::start(listening_on(socket), environment(upstream_->address()), *log_))
        << "a socket that somebody listens on was taken away";
  }
  EXPECT_FALSE(std::filesystem::exists(socket.socket_path())) << "it is gone with its server";
}

INSTANTIATE_TEST_SUITE_P(Durability, ServerTest,
                         testing::Values(audit::Durability::kNone, audit::Durability::kBatch,
                                         audit::Durability::kSync),
                         name_of);

}  // namespace
}  // namespace chaperone::net
