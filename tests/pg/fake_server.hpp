#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/pg/client.hpp"

namespace chaperone::pg {

/// A server on a loopback port that says what a test wants it to: each connection runs `serve` on a thread of
/// its own. Whatever `serve` throws ends its connection.
class FakeServer {
 public:
  using Serve = std::function<void(Peer&)>;

  explicit FakeServer(Serve serve);
  /// Joins the threads: `serve` has to come to an end when its peer closes.
  ~FakeServer();

  const session::Address& address() const { return address_; }
  std::size_t connections() const { return connections_; }

 private:
  void accept();

  Serve serve_;
  session::Address address_;
  net::Descriptor listener_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> connections_{0};
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// Reads the StartupMessage and lets the client in without a password; gives the packet.
std::string let_in(Peer& peer, std::int32_t pid = 4711, std::string_view secret = "key!");
/// Reads a packet without a type: a StartupMessage or CancelRequest.
std::string read_packet(Peer& peer);
/// Answers every Query with "SELECT 1" and no rows until the peer goes.
void answer_queries(Peer& peer);

}  // namespace chaperone::pg
