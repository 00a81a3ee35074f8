#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/session/counters.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/session/rule_report.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::admin {

/// What the admin address shows. All of it outlives the server.
struct Sources {
  std::vector<const session::Counters*> counters = {};  ///< one an I/O thread, summed up
  const audit::Log* log = nullptr;
  /// Empty = ready to serve; otherwise why not ("draining", "audit log down"). Called on the admin thread.
  std::function<std::string()> not_ready = {};
  /// Called on the admin thread.
  std::function<session::RuleReport()> rules = {};
  /// Roles made for sessions that are there. Called on the admin thread.
  std::function<std::size_t()> lease_roles = {};
};

/// Serves GET /metrics (Prometheus text format), /healthz and /readyz over HTTP/1.1, on one thread of its
/// own. Slow and idle clients are cut off (10 s, 64 connections), other methods and paths are 405 and 404.
class Server {
 public:
  /// `patience`: for a request to come, and for its answer to go.
  static wire::Result<std::unique_ptr<Server>> start(
      const session::Address& address, Sources sources,
      std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~Server();  ///< stops and joins the thread

  /// Where it listens, with the port that the system chose where 0 was asked for.
  const session::Address& address() const;

 private:
  Server();
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// The socket file of an admin address that is a Unix socket: <directory>/admin.<port>.sock, so that nobody
/// takes it for a PostgreSQL server's.
std::string socket_path(const session::Address& address);

/// The text of /metrics.
std::string metrics_text(const Sources& sources);

}  // namespace chaperone::admin
