#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/session/environment.hpp"
#include "proxy/session/login.hpp"
#include "proxy/session/relay.hpp"
#include "proxy/session/step.hpp"

namespace chaperone::session {

/// What the sessions of one I/O thread share.
struct ThreadState {
  SqlCache sql;
  auth::ScramKeyCache keys;
  DecisionCache decisions;
  Rulebooks rulebooks;
  /// nullptr = nothing is.
  std::shared_ptr<const auth::Revocations> revocations;
  Counters counters;
  /// Asked once a connection that wants to be a session: nothing = come in, otherwise why not (too many,
  /// shutting down).
  std::function<std::optional<wire::Error>()> admit;
};

/// One connection, from its first byte to its last, without a socket or a clock: bytes, results and time go
/// in, a Step comes out. Not thread-safe; a session stays on its thread for life.
///
///     accept          -> Session(..), on_client(bytes) ...
///     Action::kStartTls -> do the handshake, on_tls_established(), from here on on_client(decrypted bytes)
///     Action::kConnectUpstream -> connect to upstream() -> on_upstream_connected() or on_upstream_failed()
///     both sockets    -> on_client(), on_server(), on_client_closed(), on_server_closed()
///     Action::kClose  -> send what the Step holds, close both; the session is over
class Session {
 public:
  /// `peer`: of the client, for the records ("127.0.0.1:51234", "unix"). `thread` outlives the session.
  /// `offers_tls`: see Login.
  Session(std::shared_ptr<const Environment> environment, ThreadState& thread, std::string peer,
          bool offers_tls = false);

  void on_client(std::string_view bytes, Step& step);
  /// The handshake with the client is done; one that fails is on_client_lost().
  void on_tls_established(std::string end_point) { login_->on_tls_established(std::move(end_point)); }
  /// The client sends nothing more.
  void on_client_closed(Step& step);
  /// Nothing can be sent to the client any more.
  void on_client_lost(Step& step);
  /// ThreadState::rulebooks has a (new) one for this session's database. While it logs in, the answer to
  /// Action::kLoadRules; of a session that asked by Step::refresh_rules the answer, even if nothing is new.
  void on_rules(Step& step);
  void on_rules_failed(std::string_view why, Step& step);
  /// The database's name means another database than the one that this session is for, or its names mean
  /// other tables than by the search_path that this session has: it ends, unless it is only observed.
  void on_rules_gone(Step& step);
  void on_lease(Lease lease, Step& step);
  /// `why` is for the operator.
  void on_lease_failed(std::string_view why, Step& step);
  void on_upstream_connected(Step& step);
  void on_upstream_tls_established(std::string end_point, Step& step);
  void on_upstream_failed(std::string_view why, Step& step);
  void on_server(std::string_view bytes, Step& step);
  void on_server_closed(std::string_view why, Step& step);
  /// The time to log in is over; of a session that is logged in, deadline() may have come.
  void on_deadline(Step& step);
  /// The answer to Action::kCancelStatement.
  void on_cancel_sent(Step& step);
  /// ThreadState::revocations is another: ends the session where it is among them.
  void on_revocations(Step& step);
  /// The proxy shuts down: an idle session ends now, one in a transaction after it, and with `now` any.
  void drain(bool now, Step& step);
  /// The session can't go on (records can't be written): ends it with this error.
  void abort(const wire::Error& error, Step& step);
  /// At kOpenLease and kConnectUpstream: it is not let in after all.
  void refuse(const wire::Error& error, Step& step);
  /// Whether bytes from that side can be taken now. Beyond this the caller stops reading a side while the
  /// other one can't be written.
  bool wants_client() const { return login_ ? login_->wants_client() : relay_->wants_client(); }
  bool logged_in() const { return relay_.has_value(); }
  /// When a session that is logged in wants on_deadline(): it ends, since its token has expired by then or
  /// its lease, or a statement has had its time; nothing = never.
  std::optional<std::chrono::steady_clock::time_point> deadline() const {
    if (over_ || !relay_) return std::nullopt;
    const auto& due = relay_->due();
    return !due || (deadline_ && *deadline_ < *due) ? deadline_ : due;
  }
  /// True once ThreadState::admit let it in: the caller counts it out when it is over.
  bool admitted() const { return relay_ || login_->admitted(); }

  /// The database's name as the agent uses it, by which its Rulebook is found; known from kLoadRules on, and
  /// once it is authenticated of an observed agent that there are rules for; else empty.
  const std::string& database_name() const { return database_name_; }
  /// As whom it logs in there; known as that is, until it has.
  const std::string& role() const { return login_->role(); }
  /// At kOpenLease and kConnectUpstream: who has proved to be there.
  const std::string& agent() const { return login_->agent(); }
  /// At kOpenLease: for whom, and out of which credential of the configuration.
  LeaseRequest lease_request() const { return login_->lease_request(id_); }
  const Database& database() const { return login_->database(); }
  /// Where to connect to, at kConnectUpstream.
  const Address& upstream() const { return server_; }
  /// How TLS is spoken there; nullptr = not at all. What a cancel of this session has to do as well.
  const std::shared_ptr<const net::TlsContext>& upstream_tls() const { return server_tls_; }
  /// At kStartTls: what the client has sent of its handshake already, which begins with it when it is direct.
  std::string take_client_hello() { return login_->take_client_hello(); }
  /// At kStartTls: whether the client began without asking, so that it has to say by ALPN what it wants.
  bool tls_is_direct() const { return login_->tls_is_direct(); }
  /// The request that this connection carried, at kCancel.
  const wire::CancelRequest& cancel_request() const { return *login_->cancel_request(); }
  /// How a CancelRequest finds this session, and what it is upstream; set once logged in.
  const CancelKey& client_key() const { return client_key_; }
  const CancelKey& server_key() const { return server_key_; }

 private:
  void connect_upstream();
  void begin_relay(Step& step);
  void renew_rules(const Rulebook& rules, Step& step);
  void name_database();
  void judge_by(const Rulebook* rules);
  void record_refusal(Step& step);
  void end_identity(std::string_view how, Step& step);
  void end_running(const wire::Error& error, Step& step);

  std::shared_ptr<const Environment> environment_;
  ThreadState& thread_;
  std::string peer_;
  std::string id_;                // in the records
  std::unique_ptr<Login> login_;  // until it is done
  std::optional<Relay> relay_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  bool ends_with_lease_ = false;  // what deadline_ is of
  Address server_;
  std::shared_ptr<const net::TlsContext> server_tls_;
  std::string database_name_;
  std::unique_ptr<const auth::ProvenIdentity> identity_;  // once logged in
  bool enforced_ = false;
  bool judged_ = false;                   // observed, and records say what its statements would have come to
  std::string target_;                    // of an agent that is decided or judged: Database::target()
  std::vector<std::string> search_path_;  // and pinned when it logged in
  CancelKey client_key_, server_key_;
  bool over_ = false;
};

}  // namespace chaperone::session
