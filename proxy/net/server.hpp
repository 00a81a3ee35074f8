#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/tls_context.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/session/rule_report.hpp"
#include "proxy/session/session.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::net {

/// One address that agents connect to.
struct Listen {
  session::Address address;
  std::shared_ptr<const TlsContext> tls = {};  ///< nullptr = no TLS is offered; see session::Login
};

struct ServerOptions {
  std::vector<Listen> listen;
  unsigned threads = 1;
  std::uint32_t max_sessions = 1000;
  std::uint32_t max_sessions_per_agent = 0;  ///< 0 = as many as there can be
  std::chrono::milliseconds login_timeout{10'000};
  audit::Durability durability = audit::Durability::kBatch;
  audit::Values values = audit::Values::kKeep;
  /// Which of several proxies this is, in the names of lease roles: at most 32 of a-z, 0-9 and -.
  std::string instance = {};
  std::shared_ptr<const auth::Revocations> revocations = {};  ///< nullptr = nothing is revoked
};

/// Accepts connections and runs their sessions on I/O threads of its own. Its functions may be called from
/// any thread.
class Server {
 public:
  /// Listens on every address, or on none: the error names the one that failed. Raises the limit of open
  /// files as far as it goes, and keeps the number of sessions below what it allows. `log` outlives the
  /// server.
  static wire::Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                                     std::shared_ptr<const session::Environment> environment,
                                                     audit::Log& log);
  ~Server();  ///< ends all sessions and joins the threads

  /// Where it listens, with the port that the system chose where 0 was asked for.
  const std::vector<session::Address>& addresses() const;
  /// Sessions that begin from now on use this environment, and those that are there are decided by its policy
  /// from their next statement on; whether they are observed they keep. A policy that does not load over the
  /// catalog of a database whose rules are in force changes nothing at all: the problems, else empty. Waits
  /// for the verdict. Connections that come in from then on get the TLS of the entry of `listen` with the
  /// address that they came in by; which addresses there are, and where TLS is offered, stays as it was.
  std::string reload(std::shared_ptr<const session::Environment> environment,
                     const std::vector<Listen>& listen = {});
  /// Counts one that could not even be read.
  void reload_refused();
  session::RuleReport rules() const;
  /// Roles that were made for sessions and are, or may be, still there.
  std::size_t lease_roles() const;
  /// From now on this is what is revoked; sessions of it end.
  void revoke(std::shared_ptr<const auth::Revocations> revocations);
  /// Newcomers are refused with 57P03; sessions end when they are out of their transactions.
  void drain();
  /// Ends every session that is left, with 57P01.
  void end_sessions();
  bool draining() const;
  /// Sessions that are logged in or logging in.
  std::uint32_t sessions() const;
  std::uint32_t max_sessions() const;
  std::vector<const session::Counters*> counters() const;

 private:
  Server();
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace chaperone::net
