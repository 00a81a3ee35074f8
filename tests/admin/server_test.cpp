#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/admin/admin.hpp"
#include "proxy/admin/client.hpp"

namespace chaperone::admin {
namespace {

using namespace std::chrono_literals;

const session::Address kAnyPort{"127.0.0.1", 0, false};

std::unique_ptr<Server> started(const session::Address& address, Sources sources = {},
                                std::chrono::milliseconds patience = 10s) {
  auto server = Server::start(address, std::move(sources), patience);
  EXPECT_TRUE(server) << server.error().message;
  return server ? std::move(*server) : nullptr;
}

/// A client that sends what it is told, right or wrong.
class RawClient {
 public:
  explicit RawClient(const session::Address& address)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(address.port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;

  void send(std::string_view text) const {
    EXPECT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// What comes until the server closes, or until `end` has come.
  std::string receive(std::string_view end = "\1never") const {
    std::string text;
    pollfd entry{socket_, POLLIN, 0};
    while (text.find(end) == std::string::npos) {
      if (::poll(&entry, 1, 5000) != 1) {
        ADD_FAILURE() << "nothing came for 5 s; so far: " << text;
        return text;
      }
      char buffer[4096];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }
  std::string ask(std::string_view text) const {
    send(text);
    return receive();
  }

 private:
  int socket_;
};

TEST(AdminServer, ServesHealthReadinessAndMetrics) {
  std::atomic<bool> draining{false};  // asked on the admin thread
  session::Counters counters;
  session::Counters::add(counters.statements_ok, 42);
  const auto server = started(kAnyPort, {.counters = {&counters}, .not_ready = [&draining] {
                                           return std::string(draining ? "draining" : "");
                                         }});
  ASSERT_NE(server->address().port, 0) << "the port that the system chose is not told";

  const auto health = get(server->address(), "/healthz", 5s);
  ASSERT_TRUE(health) << health.error().message;
  EXPECT_EQ(health->status, 200U);
  EXPECT_EQ(health->body, "ok\n");
  EXPECT_EQ(get(server->address(), "/readyz", 5s)->status, 200U);
  const auto metrics = get(server->address(), "/metrics?name=x", 5s);
  EXPECT_EQ(metrics->status, 200U);
  EXPECT_NE(metrics->body.find("pgchaperone_statements_total{result=\"ok\"} 42\n"), std::string::npos)
      << metrics->body;

  draining = true;
  const auto ready = get(server->address(), "/readyz", 5s);
  EXPECT_EQ(ready->status, 503U);
  EXPECT_EQ(ready->body, "draining\n");
  EXPECT_EQ(get(server->address(), "/healthz", 5s)->status, 200U) << "what drains still lives";
}

TEST(AdminServer, SaysTheTypeOfMetrics) {
  const auto server = started(kAnyPort);
  const std::string answer = RawClient(server->address()).ask("GET /metrics HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos)
      << answer;
}

TEST(AdminServer, OtherPathsAndMethodsAreRefused) {
  const auto server = started(kAnyPort);
  for (const char* path : {"/", "/metric", "/metrics/", "/../metrics", "*"}) {
    EXPECT_EQ(get(server->address(), path, 5s)->status, 404U) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    const std::string answer =
        RawClient(server->address())
            .ask(std::string(method) + " /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << method << ": " << answer;
    EXPECT_NE(answer.find("\r\nAllow: GET, HEAD\r\n"), std::string::npos) << answer;
  }
}

TEST(AdminServer, HeadGivesTheLengthAndNoBody) {
  const auto server = started(kAnyPort);
  const std::string answer =
      RawClient(server->address()).ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_NE(answer.find("\r\nContent-Length: 3\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(AdminServer, AConnectionServesRequestsOneAfterTheOther) {
  const auto server = started(kAnyPort);
  const RawClient client(server->address());
  client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.receive("ready\n").find("ok\n"), std::string::npos);
  EXPECT_NE(client.ask("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").find("ok\n"),
            std::string::npos);
}

TEST(AdminServer, ABodyIsNeverRead) {
  const auto server = started(kAnyPort);
  // What follows a body must not be taken for a request, so the connection is closed after the answer.
  for (const char* body :
       {"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
    const std::string answer =
        RawClient(server->address()).ask(std::string("POST /healthz HTTP/1.1\r\nHost: x\r\n") + body);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ") || answer.empty()) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1", 8), std::string::npos) << "answered twice: " << answer;
  }
}

TEST(AdminServer, NoHttpIsABadRequest) {
  const auto server = started(kAnyPort);
  const std::string long_header = "GET /healthz HTTP/1.1\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n";
  for (const std::string& request :
       {std::string("hello\r\n\r\n"), std::string("GET /healthz HTTP/9.9\r\n\r\n"),
        std::string("GET  HTTP/1.1\r\n\r\n"), std::string("\0\0\0\10\4\322\26\57", 8),
        std::string("GET /a\tb HTTP/1.1\r\n\r\n"), long_header}) {
    const std::string answer = RawClient(server->address()).ask(request);
    // A client that is refused while it still sends may see the connection reset instead.
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ") || (answer.empty() && request == long_header)) << answer;
  }
  EXPECT_EQ(get(server->address(), "/healthz", 5s)->status, 200U) << "the server is disturbed";
}

TEST(AdminServer, SlowAndIdleClientsAreCutOff) {
  const auto server = started(kAnyPort, {}, 200ms);
  const RawClient idle(server->address());
  const RawClient slow(server->address());
  slow.send("GET /healthz HT");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(idle.receive(), "");
  EXPECT_EQ(slow.receive(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST(AdminServer, MoreThan64ConnectionsAreClosedAtOnce) {
  const auto server = started(kAnyPort);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->address()));
    clients.back()->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(clients.back()->receive("ok\n").find("ok\n"), std::string::npos) << "connection " << i;
  }
  EXPECT_EQ(RawClient(server->address()).receive(), "") << "the 65th is served";
  clients.pop_back();
  for (int tries = 0; tries < 100; ++tries) {
    const auto answer = get(server->address(), "/healthz", 5s);
    if (answer && answer->status == 200) return;
    ::usleep(20'000);
  }
  FAIL() << "a seat that became free is not given away";
}

TEST(AdminServer, EndsWithClientsInEveryState) {
  auto server = started(kAnyPort);
  const RawClient idle(server->address());
  const RawClient slow(server->address());
  slow.send("GET /hea");
  const RawClient served(server->address());
  served.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  served.receive("ok\n");
  server.reset();
  EXPECT_EQ(idle.receive(), "");
  EXPECT_EQ(slow.receive(), "");
}

TEST(AdminServer, AnAddressInUseIsAnError) {
  const auto server = started(kAnyPort);
  const auto second = Server::start(server->address(), {});
  ASSERT_FALSE(second) << "two servers on one port";
  EXPECT_EQ(second.error().message, "admin address " + server->address().to_string() +
                                        " can't be listened on: Address already in use");
}

class AdminUnixSocket : public testing::Test {
 protected:
  AdminUnixSocket() {
    std::string pattern = (std::filesystem::temp_directory_path() / "chaperone-admin-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory can be made");
    address_ = {pattern, 6433, true};
  }
  ~AdminUnixSocket() override { std::filesystem::remove_all(address_.host); }

  session::Address address_;
};

TEST_F(AdminUnixSocket, ServesAndLeavesNothingBehind) {
  {
    const auto server = started(address_);
    EXPECT_EQ(get(address_, "/healthz", 5s)->body, "ok\n");
    EXPECT_TRUE(std::filesystem::is_socket(socket_path(address_)));
  }
  EXPECT_FALSE(std::filesystem::exists(socket_path(address_)));
}

TEST_F(AdminUnixSocket, TakesTheFileOfADeadServerButNotOfALivingOne) {
  const auto server = started(address_);
  const auto second = Server::start(address_, {});
  ASSERT_FALSE(second) << "two servers on one socket";
  EXPECT_NE(second.error().message.find("Address already in use"), std::string::npos)
      << second.error().message;
  EXPECT_EQ(get(address_, "/healthz", 5s)->status, 200U) << "the first server lost its socket";

  const session::Address other{address_.host, 6434, true};
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  socket_path(other).copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ::close(dead);
  const auto third = started(other);
  EXPECT_EQ(get(other, "/healthz", 5s)->status, 200U);
}

TEST_F(AdminUnixSocket, LeavesAFileThatIsNoSocketAlone) {
  ASSERT_EQ(::close(::creat(socket_path(address_).c_str(), 0600)), 0);
  EXPECT_FALSE(Server::start(address_, {}));
  EXPECT_TRUE(std::filesystem::is_regular_file(socket_path(address_)));
}

/// A listener that does what a test says with the first connection.
class AdminClient : public testing::Test {
 protected:
  AdminClient() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size), 0);
    address_ = {"127.0.0.1", ntohs(name.sin_port), false};
  }
  ~AdminClient() override { close_listener(); }
  void close_listener() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
  }

  int listener_;
  session::Address address_;
};

TEST_F(AdminClient, NothingThereIsAnError) {
  close_listener();
  const auto answer = get(address_, "/readyz", 5s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "no answer from " + address_.to_string() + ": Connection refused");
}

TEST_F(AdminClient, SilenceIsAnErrorWhenTheTimeIsUp) {
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = get(address_, "/readyz", 200ms);  // the kernel accepts, nobody answers
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "no answer from " + address_.to_string() + ": Connection timed out");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST_F(AdminClient, WhatIsNotHttpIsAnError) {
  for (const std::string& reply : {std::string(), std::string("E\0\0\0\5", 5), std::string("HTTP/1.1 "),
                                   std::string("HTTP/1.1 xyz\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\n")}) {
    std::thread peer([this, &reply] {
      const int connection = ::accept(listener_, nullptr, nullptr);
      char buffer[1024];
      EXPECT_GT(::recv(connection, buffer, sizeof buffer, 0), 0);
      EXPECT_EQ(::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(reply.size()));
      ::close(connection);
    });
    const auto answer = get(address_, "/readyz", 5s);
    peer.join();
    ASSERT_FALSE(answer) << "taken for an answer: " << reply;
    EXPECT_NE(answer.error().message.find("not HTTP"), std::string::npos) << answer.error().message;
  }
}

}  // namespace
}  // namespace chaperone::admin
