#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/record.hpp"
#include "proxy/session/session.hpp"
#include "tests/support/messages.hpp"

namespace chaperone::test {

inline constexpr std::string_view kAgent = "bot";
inline constexpr std::string_view kPassword = "pencil";
inline constexpr std::string_view kServerSecret = "\x01\x02\x03\x04";
inline constexpr std::uint32_t kServerPid = 4711;

/// An Environment with agent "bot" (password "pencil") and database "shop" as role "app" with password
/// "upstream".
session::Environment test_environment();

/// The same, with the agent held back: it reads `account` (id, owner masked, of its tenant) up to two rows,
/// changes at most one row of it at a time, and adds to `entry`.
session::Environment enforcing_environment();
/// The same, with the agent observed.
session::Environment observing_environment();
/// What decides there, for an agent whose tenant is this one.
std::shared_ptr<const session::Rulebook> test_rulebook(int tenant = 7);
/// The same by a policy of the test's own.
std::shared_ptr<const session::Rulebook> rulebook_of(const std::string& policy);

/// A Session between a client and a server that the test plays, with a clock that stands still until it is
/// moved.
///
/// As with a socket, what the client sends waits while the session does not take it (wants_client()), and
/// nothing is taken from anybody once the session has closed.
class Peer {
 public:
  /// `from`: where the client comes from; `rulebook`: of the database `shop`, where the environment enforces;
  /// `offers_tls`: see session::Login.
  explicit Peer(session::Environment environment = test_environment(), std::string from = "127.0.0.1:51234",
                std::shared_ptr<const session::Rulebook> rulebook = nullptr, bool offers_tls = false);

  // Each event; what comes of it is gathered until it is taken.
  void client(std::string_view bytes);
  void client_closed();
  void client_lost();
  void server(std::string_view bytes);
  void server_closed(std::string_view why = "it closed");
  void tls_established(std::string end_point) { session_->on_tls_established(std::move(end_point)); }
  void lease(session::Lease lease);
  void lease_failed(std::string_view why);
  void upstream_connected();
  void upstream_tls_established(std::string end_point);
  void upstream_failed(std::string_view why);
  void login_timeout();
  /// Session::deadline() may have come.
  void deadline() { login_timeout(); }
  void cancel_sent();
  void revoke(auth::Revocations revocations);
  void drain(bool now);
  void abort();
  /// ThreadState::rulebooks has changed.
  void rules();
  void advance(std::chrono::microseconds time) { now_ += time; }

  /// The whole login with SCRAM on both legs, up to the first ReadyForQuery, all of it checked and taken.
  void log_in(const Pairs& parameters = {{"user", kAgent}, {"database", "shop"}});
  /// The client's part of it: start-up packet and proof, up to the action that follows.
  void prove(std::string_view startup_packet, std::string_view password = kPassword,
             session::Action then = session::Action::kConnectUpstream);
  /// The server's part: it asks for SCRAM of this password, or by this verifier, up to before
  /// AuthenticationOk.
  void challenge(std::string_view password = "upstream");
  void challenge(const auth::ScramVerifier& verifier);

  std::string take_to_client() { return std::exchange(to_client_, {}); }
  std::string take_to_server() { return std::exchange(to_server_, {}); }
  /// The next action that has not been taken yet; kNone = there is none.
  session::Action take_action();
  /// Sentences of the records since the last call.
  std::vector<std::string> take_records();

  bool over() const { return over_; }
  /// Whether the client has sent what the session has not taken yet.
  bool client_waits() const { return !waiting_.empty(); }
  const audit::Batch& records() const { return batch_; }
  session::Session& session() { return *session_; }
  session::ThreadState& thread() { return thread_; }
  /// All that has come out so far, whether taken or not.
  const std::string& all_to_client() const { return all_to_client_; }
  const std::string& all_to_server() const { return all_to_server_; }

 private:
  template <class Event>
  void happen(Event&& event);
  void take_waiting();

  session::ThreadState thread_;
  audit::Batch batch_;
  std::unique_ptr<session::Session> session_;
  std::chrono::microseconds now_{1'000'000};
  std::string waiting_;
  bool closing_ = false;  // the client's end of stream waits behind `waiting_`
  std::string to_client_, to_server_, all_to_client_, all_to_server_;
  std::vector<session::Action> actions_;
  std::size_t records_taken_ = 0;
  bool over_ = false;
};

}  // namespace chaperone::test
