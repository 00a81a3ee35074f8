#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/credentials/source.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/net/tls.hpp"
#include "proxy/session/session.hpp"

namespace chaperone::net {

class Connection;

/// One socket of a connection, as the readiness set knows it.
struct Leg {
  Connection* connection = nullptr;
  Descriptor socket;
  std::uint32_t interest = 0;  ///< what the readiness set watches
  bool watched = false;
  bool failed = false;       ///< nothing can be sent any more
  bool queued = false;       ///< the outbox holds bytes for it
  bool connecting = false;   ///< of the server leg: connect() has not come back
  std::string unsent;        ///< what the kernel did not take; while it waits, the other side is not read
  std::unique_ptr<Tls> tls;  ///< nullptr = what is sent and received is plain
};

/// A client, its session and its server: plain state, moved by the Worker that owns it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `tls`: what the client is offered; nullptr = nothing.
  Connection(Descriptor client_socket, std::shared_ptr<const TlsContext> tls,
             std::shared_ptr<const session::Environment> environment, session::ThreadState& thread)
      : session(std::move(environment), thread, peer_name(client_socket.get()), tls != nullptr),
        client_tls(std::move(tls)) {
    client.connection = server.connection = this;
    client.socket = std::move(client_socket);
  }

  Leg client, server;
  session::Session session;
  std::shared_ptr<const TlsContext> client_tls;  ///< until its handshake begins
  std::vector<SocketAddress> candidates;         ///< of the upstream, still to be tried
  SocketAddress server_address;
  std::shared_ptr<CredentialSource> lease_source;  ///< that was asked for a lease
  std::string lease_role;                          ///< of the lease that it gave; empty = none
  std::string counted_as;  ///< the agent, as Shared::agents counts it; empty = not yet
  std::chrono::steady_clock::time_point
      deadline;  ///< of the login, or of what a closing client still has to take
  std::uint64_t sendable_at =
      0;  ///< the audit seq that has to be on disk before server.unsent may go (durability sync)
  std::uint64_t rules_asked = 0;  ///< number of RuleKeeper::refresh() that is not answered; 0 = none
  bool uses_rules = false;        ///< RuleKeeper knows that it is there
  bool client_eof = false;        ///< the client sends nothing more
  bool finish_server = false;     ///< shut the server leg down for writing once server.unsent is out
  bool logged_in = false;         ///< its key is in CancelKeys
  bool close_when_sent = false;   ///< over: close once client.unsent is out
  bool closed = false;            ///< over and closed; freed at the end of the wake-up
};

}  // namespace chaperone::net
