// A Server in this process with TLS on either side, against OpenSSL used plainly.

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/net/control_connection.hpp"
#include "proxy/net/server.hpp"
#include "tests/pg/fake_server.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/process.hpp"

namespace chaperone::net {
namespace {

using pg::Authority;
using pg::Client;
using pg::Credentials;
using pg::FakeServer;
using pg::Login;
using pg::Milliseconds;
using pg::Peer;
using pg::query;
using pg::TlsOptions;

const Authority& authority() {
  static const Authority made;
  return made;
}

PemFile pem(const std::string& text) {
  return {"file", text};
}

std::shared_ptr<const TlsContext> for_clients(const std::string& name) {
  const Credentials own = authority().issue({.common_name = name});
  return TlsContext::for_clients(pem(own.certificate), pem(own.key)).value();
}

/// As libpq with sslmode=verify-full.
TlsOptions verifying() {
  return {.ca = authority().certificate(), .host = "localhost"};
}

Login over_tls(const TlsOptions& options = verifying()) {
  return {.tls = options};
}

/// The server's part of what comes before the StartupMessage.
void accept_tls(Peer& peer, const Credentials& own) {
  if (pg::read_packet(peer) != wire::encode(wire::SslRequest{}))
    throw std::runtime_error("TLS is not asked for");
  peer.send("S");
  peer.start_tls({.own = own}, true);
}

void serve_queries(Peer& peer) {
  pg::let_in(peer);
  pg::answer_queries(peer);
}

class TlsServer : public testing::Test {
 protected:
  struct Options {
    bool to_clients = true;
    std::shared_ptr<const TlsContext> to_server = {};
    audit::Durability durability = audit::Durability::kBatch;
    Milliseconds login_timeout{10'000};
  };

  void start(FakeServer::Serve serve) { start(std::move(serve), Options{}); }
  void start(FakeServer::Serve serve, const Options& options) {
    upstream_ = std::make_unique<FakeServer>(std::move(serve));
    log_ =
        audit::Log::open({.file = directory_.path("audit.jsonl"), .durability = options.durability}).value();
    environment_ = std::make_shared<session::Environment>();
    environment_->databases["*"] = {
        .server = upstream_->address(),
        .database = {},
        .credential = session::StaticCredential{.role = "app", .password = "a secret"},
        .tls = options.to_server};
    static const std::string passwords =
        auth::Passwords::line("tester", auth::ScramVerifier::derive("a secret"));
    environment_->passwords = auth::Passwords::from_text(passwords, "passwords").value();
    ServerOptions server;
    server.threads = 2;
    server.durability = options.durability;
    server.login_timeout = options.login_timeout;
    listen_ = {{.address = {.host = "127.0.0.1", .port = 0},
                .tls = options.to_clients ? for_clients("first") : nullptr}};
    server.listen = listen_;
    server_ = Server::start(server, environment_, *log_).value();
  }
  void TearDown() override {
    server_.reset();
    if (log_) log_->close();
    upstream_.reset();
  }
  const session::Address& address() const { return server_->addresses()[0]; }
  bool empty() const {
    return pg::eventually([&] { return server_->sessions() == 0; });
  }

  pg::TemporaryDirectory directory_;
  std::unique_ptr<FakeServer> upstream_;
  std::unique_ptr<audit::Log> log_;
  std::shared_ptr<session::Environment> environment_;
  std::vector<Listen> listen_;
  std::unique_ptr<Server> server_;
};

/// Rows of all sizes around those of records and buffers; each query gets them all.
std::string rows() {
  std::string all;
  for (const std::size_t size : {0U, 1U, 1000U, 16'000U, 16'384U, 17'000U, 65'536U, 300'000U}) {
    const std::string value(size, static_cast<char>('a' + size % 26));
    all += pg::message('D', pg::int16(1) + pg::int32(static_cast<std::int64_t>(size)) + value);
  }
  return pg::message('T', pg::int16(1) + pg::zero_ended("x") + std::string(18, '\0')) + all +
         pg::message('C', pg::zero_ended("SELECT 8")) + pg::message('Z', "I");
}

void serve_rows(Peer& peer) {
  pg::let_in(peer);
  while (true) {
    const char type = peer.read().type();
    if (type == 'Q') peer.send(rows());
    if (type == 'X') return;
  }
}

std::string bytes_of(const pg::Messages& messages) {
  std::string all;
  for (const auto& message : messages) all += message.bytes;
  return all;
}

TEST_F(TlsServer, TheSameBytesAsWithout) {
  for (const auto durability : {audit::Durability::kBatch, audit::Durability::kSync}) {
    start(serve_rows, {.durability = durability});
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      TlsOptions options = verifying();
      options.version = version;
      Client client(address(), over_tls(options));
      EXPECT_EQ(client.tls()->peer_name(), "first");
      for (int i = 0; i < 3; ++i) EXPECT_EQ(bytes_of(client.exchange(query("select rows"))), rows());
      const std::string long_query = query("select '" + std::string(400'000, 'x') + "'");
      EXPECT_EQ(bytes_of(client.exchange(long_query)), rows());
      std::string pipeline;
      for (int i = 0; i < 20; ++i) pipeline += query("select " + std::to_string(i));
      EXPECT_EQ(client.exchange(pipeline).size(), 20U * 11);
    }
    EXPECT_TRUE(empty());
    TearDown();
  }
}

TEST_F(TlsServer, AClientThatReadsSlowly) {
  start(serve_rows);
  Client client(address(), over_tls(), 4096);
  std::string pipeline;
  for (int i = 0; i < 10; ++i) pipeline += query("select rows");
  client.send(pipeline);
  std::string got;
  const std::size_t expected = 10 * rows().size();
  while (got.size() < expected) {
    got += client.read_some(1U << 16);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  std::string all;
  for (int i = 0; i < 10; ++i) all += rows();
  EXPECT_TRUE(got == all);
}

TEST_F(TlsServer, FromTheMachineItselfItIsNotNeeded) {
  start(serve_queries);
  Client client(address());
  EXPECT_EQ(client.exchange(query("select 1")).size(), 2U);
}

TEST_F(TlsServer, WhereItIsNotOfferedItIsDeclined) {
  start(serve_queries, {.to_clients = false});
  Peer peer(address());
  peer.send(wire::encode(wire::SslRequest{}));
  EXPECT_EQ(peer.read_exactly(1), "N");
  pg::log_in(peer);
  Peer direct(address());
  EXPECT_THROW(direct.start_tls(verifying()), std::exception);
}

TEST_F(TlsServer, AHandshakeInPieces) {
  start(serve_queries);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t piece : {1U, 3U, 50U}) {
      TlsOptions options = verifying();
      options.version = version;
      options.piece = piece;
      Client client(address(), over_tls(options));
      EXPECT_EQ(client.exchange(query("select 1")).size(), 2U);
    }
  }
}

TEST_F(TlsServer, BeginsWithoutAsking) {
  start(serve_queries);
  for (const std::size_t piece : {0U, 1U}) {
    Peer peer(address());
    TlsOptions options = verifying();
    options.piece = piece;
    peer.start_tls(options);
    EXPECT_EQ(peer.tls()->alpn(), "postgresql");
    EXPECT_EQ(pg::log_in(peer).back().type(), 'Z');
    peer.send(query("select 1"));
    EXPECT_EQ(peer.read_until("Z").size(), 2U);
  }
  for (const char* alpn : {"", "http/1.1"}) {
    Peer peer(address());
    TlsOptions options = verifying();
    options.alpn = alpn;
    EXPECT_THROW(
        {
          peer.start_tls(options);
          peer.send(pg::startup_packet({}));
          peer.read();
        },
        std::exception)
        << "a client of another protocol was served: " << alpn;
  }
  EXPECT_TRUE(empty());
}

TEST_F(TlsServer, BytesBetweenQuestionAndHandshakeAreNeverBelieved) {
  start(serve_queries);
  const std::string injected = pg::startup_packet({}) + query("DROP TABLE t");
  {
    Peer peer(address());
    peer.send(wire::encode(wire::SslRequest{}) + injected);
    EXPECT_EQ(pg::find(peer.read_to_end(), 'E').field('C'), "08P01");
  }
  // Behind the answer, whether it has been sent yet or not: then they are taken for the client's hello, which
  // they are not.
  for (int i = 0; i < 20; ++i) {
    Peer peer(address());
    peer.send(wire::encode(wire::SslRequest{}));
    if (i % 2 == 0) {
      EXPECT_EQ(peer.read_exactly(1), "S");
    }
    peer.send(injected);
    std::string said;
    try {
      while (true) said += peer.read_some();
    } catch (const std::exception&) {
    }
    if (said.starts_with('S')) said.erase(0, 1);
    EXPECT_TRUE(said.empty() || said[0] == '\x15' || (said[0] == 'E' && said.find("C08P01") != said.npos))
        << "neither an alert nor a refusal: " << said;
  }
  EXPECT_TRUE(empty());
  EXPECT_EQ(upstream_->connections(), 0U);
}

TEST_F(TlsServer, AHandshakeThatStopsAnywhereIsForgotten) {
  start(serve_queries);
  pg::TlsEnd end(verifying(), false);
  const std::string hello = wire::encode(wire::SslRequest{}) + end.handshake({});
  for (std::size_t size = 1; size < hello.size(); size += 13) {
    Peer peer(address());
    peer.send(hello.substr(0, std::min<std::size_t>(size, 8)));
    if (size > 8) {
      EXPECT_EQ(peer.read_exactly(1), "S");
      peer.send(hello.substr(8, size - 8));
    }
    if (size % 2 == 0) peer.reset();
  }
  EXPECT_TRUE(empty());
  EXPECT_EQ(Client(address(), over_tls()).exchange(query("select 1")).size(), 2U);
}

TEST_F(TlsServer, AHandshakeHasTheTimeOfALogin) {
  start(serve_queries, {.login_timeout = Milliseconds(200)});
  for (const bool direct : {false, true}) {
    Peer peer(address());
    peer.send(direct ? std::string("\x16\x03\x01\x02\x00\x01", 6) : wire::encode(wire::SslRequest{}));
    if (!direct) {
      EXPECT_EQ(peer.read_exactly(1), "S");
    }
    EXPECT_TRUE(peer.read_to_end().empty()) << "a stranger is left without a word";
  }
}

TEST_F(TlsServer, NewConnectionsGetTheNewCertificateAndOldOnesGoOn) {
  start(serve_queries);
  Client old(address(), over_tls());
  EXPECT_EQ(old.tls()->peer_name(), "first");
  listen_[0].tls = for_clients("second");
  server_->reload(environment_, listen_);
  Client fresh(address(), over_tls());
  EXPECT_EQ(fresh.tls()->peer_name(), "second");
  for (auto* client : {&old, &fresh}) EXPECT_EQ(client->exchange(query("select 1")).size(), 2U);
  // Where a listener is none of ours, or has lost its TLS, what there is stays.
  listen_[0].tls = nullptr;
  listen_.push_back({.address = {.host = "127.0.0.2", .port = 1}, .tls = for_clients("third")});
  server_->reload(environment_, listen_);
  EXPECT_EQ(Client(address(), over_tls()).tls()->peer_name(), "second");
}

TEST_F(TlsServer, ReloadsWhileClientsComeAndGo) {
  start(serve_queries);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0}, logins{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      try {
        while (!stop) {
          Client client(address(), over_tls());
          for (int n = 0; n < 3; ++n) client.exchange(query("select 1"));
          ++logins;
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    listen_[0].tls = for_clients(std::to_string(i));
    server_->reload(environment_, listen_);
    const int before = logins;
    EXPECT_TRUE(pg::eventually([&] { return logins > before + 1 || failures > 0; }));
  }
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(failures, 0);
}

std::shared_ptr<const TlsContext> for_server(const std::string& host = "127.0.0.1", bool verify = true) {
  return TlsContext::for_server(host, verify, pem(verify ? authority().certificate() : "")).value();
}

TEST_F(TlsServer, BothSidesEncrypted) {
  const Credentials own = authority().issue();
  start(
      [&](Peer& peer) {
        accept_tls(peer, own);
        serve_rows(peer);
      },
      {.to_server = for_server()});
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      try {
        Client client(address(), over_tls());
        for (int n = 0; n < 4; ++n) good += bytes_of(client.exchange(query("select rows"))) == rows() ? 1 : 0;
      } catch (const std::exception&) {
        --good;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 24);
  EXPECT_TRUE(empty());
}

TEST_F(TlsServer, AServerThatIsNotItselfHearsNothing) {
  const Authority other("another authority");
  const std::vector<std::pair<const char*, Credentials>> shown = {
      {"expired", authority().issue({.begins = -100, .ends = -10})},
      {"other host", authority().issue({.alternative_names = "DNS:elsewhere"})},
      {"self-signed", Authority::self_signed()},
      {"other authority", other.issue()},
      {"for clients", authority().issue({.usage = "clientAuth"})},
  };
  for (const auto& [what, own] : shown) {
    std::atomic<bool> heard{false}, done{false};
    start(
        [&, own = own](Peer& peer) {
          try {
            accept_tls(peer, own);
            peer.read_some();
            heard = true;
          } catch (const std::exception&) {
          }
          done = true;
        },
        {.to_server = for_server()});
    const auto refusal = pg::refusal(address(), over_tls());
    EXPECT_EQ(refusal.field('C'), "08006") << what;
    EXPECT_EQ(refusal.field('M').find("certificate"), std::string::npos) << "none of the client's business";
    EXPECT_TRUE(pg::eventually([&] { return done.load(); }));
    EXPECT_FALSE(heard) << what << ": something was said to it";
    TearDown();
  }
}

TEST_F(TlsServer, AServerThatDeclinesOrInjectsHearsNothing) {
  for (const std::string& answer :
       {std::string("N"), "S" + pg::message('R', pg::int32(0)), pg::message('E', "SFATAL\0\0")}) {
    std::atomic<bool> heard{false}, done{false};
    start(
        [&](Peer& peer) {
          pg::read_packet(peer);
          peer.send(answer);
          try {
            heard = !peer.read_some().empty();
          } catch (const std::exception&) {
          }
          done = true;
        },
        {.to_server = for_server()});
    EXPECT_EQ(pg::refusal(address(), over_tls()).field('C'), "08006");
    EXPECT_TRUE(pg::eventually([&] { return done.load(); }));
    EXPECT_FALSE(heard) << "it heard more after answering " << answer;
    TearDown();
  }
}

TEST_F(TlsServer, CancelsAreEncryptedAsTheirSessionIs) {
  const Credentials own = authority().issue(), false_one = Authority::self_signed();
  std::atomic<int> cancels{0};
  std::atomic<bool> impostor{false};
  start(
      [&](Peer& peer) {
        accept_tls(peer, impostor ? false_one : own);
        const auto packet = pg::read_packet(peer);
        if (packet.size() == 16) {
          EXPECT_EQ(packet.substr(8), pg::int32(4711) + "key!");
          ++cancels;
          return;
        }
        peer.send(pg::message('R', pg::int32(0)) + pg::message('K', pg::int32(4711) + "key!") +
                  pg::message('Z', "I"));
        pg::answer_queries(peer);
      },
      {.to_server = for_server()});
  Client client(address(), over_tls());
  pg::cancel(address(), client.pid(), client.secret());  // libpq before 17 sends its own in clear
  EXPECT_EQ(cancels, 1);
  {
    Peer peer(address());
    peer.request_tls(verifying());
    peer.send(wire::encode(wire::CancelRequest{.backend_pid = client.pid(), .secret_key = client.secret()}));
    EXPECT_TRUE(peer.read_to_end().empty());
  }
  EXPECT_EQ(cancels, 2);
  impostor = true;
  pg::cancel(address(), client.pid(), client.secret());
  EXPECT_EQ(cancels, 2) << "the secret went to a server that is not itself";
}

/// A server that asks for the password, and offers to bind it or not.
void serve_scram(Peer& peer, const Credentials& own, bool offers_binding, std::atomic<int>& bound) {
  accept_tls(peer, own);
  pg::read_packet(peer);
  auth::ScramServer scram(auth::ScramVerifier::derive("a secret", 1), false,
                          offers_binding ? peer.tls()->end_point() : std::string());
  std::string out;
  wire::backend::encode_authentication_sasl(out, scram.mechanisms());
  peer.send(out);
  const auto message = peer.read();
  const auto initial = wire::frontend::decode_sasl_initial_response(message.body()).value();
  if (!scram.choose(initial.mechanism)) throw std::runtime_error("not offered");
  out.clear();
  wire::backend::encode_authentication_sasl_continue(out, scram.first(*initial.data).value());
  peer.send(out);
  const auto response = peer.read();
  out.clear();
  wire::backend::encode_authentication_sasl_final(out, scram.final(response.body()).value());
  bound = initial.mechanism == auth::kScramSha256Plus ? 1 : 0;
  peer.send(out + pg::message('R', pg::int32(0)) + pg::message('K', pg::int32(4711) + "key!") +
            pg::message('Z', "I"));
  pg::answer_queries(peer);
}

TEST_F(TlsServer, OurOwnConnectionsAreEncryptedAndBound) {
  for (const bool offers : {true, false}) {
    const Credentials own = authority().issue();
    std::atomic<int> bound{-1};
    FakeServer upstream([&](Peer& peer) { serve_scram(peer, own, offers, bound); });
    session::ControlLogin login{.server = upstream.address(),
                                .database = "shop",
                                .role = "app",
                                .password = "a secret",
                                .tls = for_server(),
                                .parameters = {}};
    auto connection = ControlConnection::open(login, Milliseconds(5000));
    ASSERT_TRUE(connection) << connection.error().message;
    EXPECT_EQ(bound, offers ? 1 : 0);
    EXPECT_TRUE(connection->query("select 1", Milliseconds(5000)));
    login.tls = for_server("localhost.example.com");
    const auto refused = ControlConnection::open(login, Milliseconds(5000));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "TLS with it failed: the certificate: hostname mismatch");
  }
  FakeServer without([](Peer& peer) {
    pg::read_packet(peer);
    peer.send("N");
    (void)peer.read_some();
  });
  const auto refused = ControlConnection::open({.server = without.address(),
                                                .database = "shop",
                                                .role = "app",
                                                .password = "a secret",
                                                .tls = for_server(),
                                                .parameters = {}},
                                               Milliseconds(5000));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("it speaks no TLS"), std::string::npos) << refused.error().message;
}

TEST_F(TlsServer, SessionsBindWhereTheServerOffersIt) {
  for (const bool offers : {true, false}) {
    const Credentials own = authority().issue();
    std::atomic<int> bound{-1};
    start([&](Peer& peer) { serve_scram(peer, own, offers, bound); },
          {.to_server = for_server("127.0.0.1", offers)});
    Client client(address(), over_tls());
    EXPECT_EQ(client.exchange(query("select 1")).size(), 2U);
    EXPECT_EQ(bound, offers ? 1 : 0);
    client.close();
    TearDown();
  }
}

TEST_F(TlsServer, EndsOfAllKinds) {
  start(serve_queries);
  for (int kind = 0; kind < 4; ++kind) {
    Client client(address(), over_tls());
    if (kind == 0) client.send(pg::message('X', ""));
    if (kind == 1) client.finish();
    if (kind == 2) client.reset();
    if (kind == 3) {
      client.send(query("select 1"));
      client.close();
    }
  }
  EXPECT_TRUE(empty());
  Client left(address(), over_tls());
  server_->end_sessions();
  EXPECT_EQ(left.read_to_end().back().field('C'), "57P01");
  EXPECT_TRUE(empty());
}

}  // namespace
}  // namespace chaperone::net
