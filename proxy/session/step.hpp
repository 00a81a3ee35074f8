#pragma once

#include <chrono>
#include <cstdint>

#include "proxy/audit/record.hpp"
#include "proxy/session/gather.hpp"

namespace chaperone::session {

/// Time as an argument: the core never looks at a clock.
struct Now {
  std::chrono::steady_clock::time_point steady;
  audit::Microseconds wall;  ///< since 1970-01-01 UTC

  std::int64_t steady_microseconds() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(steady.time_since_epoch()).count();
  }
};

/// What the world around a session has to do next.
enum class Action : std::uint8_t {
  kNone,
  kStartTls,   ///< after to_client: the client begins a TLS handshake, with Session::take_client_hello() in
               ///< front of what it sends next; then on_tls_established()
  kLoadRules,  ///< a Rulebook for Session::database_name() is needed: Session::on_rules() or
               ///< on_rules_failed()
  kOpenLease,  ///< a credential is needed, for Session::lease_request(): Session::on_lease() or
               ///< on_lease_failed()
  kConnectUpstream,  ///< connect to Session::upstream(), then on_upstream_connected() or on_upstream_failed()
  kStartUpstreamTls,  ///< begin a TLS handshake with the server, then on_upstream_tls_established() or
                      ///< on_upstream_failed()
  kCancel,  ///< this connection carried a CancelRequest, Session::cancel_request(): pass it on, then close
  kCancelStatement,  ///< the server is told to cancel what it runs; Session::on_cancel_sent() when it has
                     ///< heard it
  kFinishServer,     ///< after to_server: shut the server leg down for writing; its replies still count
  kClose,            ///< after to_client and to_server: close both legs; the session is over
  kCancelAndClose,   ///< the same, and the server is told to cancel what it still runs
};

/// What one event leads to. The records have to be with the log before to_server may be sent (AuditSlot's
/// law: no record, no run); to_client need not wait.
struct Step {
  Step(audit::Batch& batch, Now time) : records(batch), now(time) {}

  Gather to_client;
  Gather to_server;
  Action action = Action::kNone;
  /// This session met something that its rulebook does not know, or changed it: a fresher one is wanted.
  /// Session::on_rules() is called when there is one or when what is there is as fresh as can be, within 3 s
  /// whatever happens to the server.
  bool refresh_rules = false;
  audit::Batch& records;
  Now now;
};

}  // namespace chaperone::session
