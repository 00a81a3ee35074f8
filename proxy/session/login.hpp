#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/revocations.hpp"
#include "proxy/auth/scram.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/session/rulebook.hpp"
#include "proxy/session/step.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/frame.hpp"
#include "proxy/wire/startup.hpp"

namespace chaperone::session {

/// The secret by which a CancelRequest finds its session: ours towards the client, the server's own upstream.
struct CancelKey {
  std::int32_t backend_pid = 0;
  std::string secret_key;
};

/// Whether a start-up parameter is the protocol's own, and no setting.
bool is_of_protocol(std::string_view parameter);

/// From the first byte to the first ReadyForQuery: the client's start-up packets and its proof, then our own
/// login upstream with the client's parameters. Thrown away when it is done.
///
/// Flow: client bytes until `Action::kConnectUpstream`, on_upstream_connected(), server bytes until done().
/// Any refusal is a FATAL ErrorResponse with Action::kClose. Between kStartTls and on_tls_established(), and
/// kStartUpstreamTls and on_upstream_tls_established(), that side's bytes belong to the handshake and do not
/// come here; behind it they come decrypted. `end_point` is what ScramServer and ScramClient take.
class Login {
 public:
  enum class Phase {
    kTlsHandshake,  ///< of the client
    kStartupPacket,
    kToken,  ///< asked for as a password
    kSaslInitialResponse,
    kSaslClientFirst,  ///< the initial response came without client-first-message
    kSaslResponse,
    kAwaitingRules,  ///< authenticated; what decides in that database is being loaded
    kAwaitingLease,  ///< what it logs in with upstream is being made
    kConnecting,
    kUpstreamTlsRequested,
    kUpstreamTlsHandshake,
    kUpstreamAuthentication,
    kUpstreamStarting,  ///< authenticated upstream; parameters come, then ReadyForQuery
    kDone,
    kOver,
  };

  /// `admit` and `revocations`: see ThreadState. `offers_tls`: where the client came in, TLS is spoken, and
  /// nobody gets in without from elsewhere. `local`: by a loopback address or a Unix socket.
  Login(std::shared_ptr<const Environment> environment, auth::ScramKeyCache& keys,
        const std::function<std::optional<wire::Error>()>& admit,
        const std::shared_ptr<const auth::Revocations>& revocations, bool offers_tls, bool local);
  ~Login() { wire::wipe(input_); }
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;

  void on_client(std::string_view bytes, Step& step);
  void on_tls_established(std::string end_point);
  /// The answers to Action::kLoadRules.
  void on_rules(const Rulebook& rules, Step& step);
  void on_rules_failed(std::string_view why, Step& step);
  /// The answers to Action::kOpenLease.
  void on_lease(Lease lease, Step& step);
  void on_lease_failed(std::string_view why, Step& step);
  void on_upstream_connected(Step& step);
  void on_upstream_tls_established(std::string end_point, Step& step);
  void on_upstream_failed(std::string_view why, Step& step);
  /// Takes what belongs to the login; gives what is behind it (the beginning of the relay's bytes).
  std::string_view on_server(std::string_view bytes, Step& step);
  void on_server_closed(std::string_view why, Step& step);
  /// The time is over, or the proxy's: a stranger is left without a word, as StartupPacketTimeoutHandler
  /// does.
  void end(const wire::Error& error, Step& step);
  Phase phase() const { return phase_; }
  bool admitted() const { return admitted_; }
  bool done() const { return phase_ == Phase::kDone; }
  bool wants_client() const { return phase_ <= Phase::kSaslResponse; }
  /// Whether what the client sends is encrypted.
  bool encrypted() const { return encrypted_; }
  /// At kStartTls, see Session.
  std::string take_client_hello() { return std::move(input_); }
  bool tls_is_direct() const { return !asked_for_ssl_; }

  /// What the client sent behind its proof, for the relay.
  std::string take_early_bytes() { return std::move(input_); }
  const Database& database() const { return *database_; }
  /// At kOpenLease; `session` is its id in the records.
  LeaseRequest lease_request(std::string session) const;
  /// How TLS is spoken with the server; nullptr = not at all.
  const std::shared_ptr<const net::TlsContext>& upstream_tls() const {
    return lease_.tls ? lease_.tls : database_->tls;
  }
  /// True once the client has proved who it is and its database is known.
  bool database_known() const { return database_ != nullptr; }
  const std::string& agent() const { return agent_; }
  const std::string& database_name() const { return database_name_; }
  const std::string& role() const { return lease_.role; }
  /// The client's start-up parameters, as they go upstream.
  const std::vector<std::pair<std::string, std::string>>& settings() const { return startup_.parameters; }
  /// Without a method until it is proved.
  const auth::ProvenIdentity& identity() const { return identity_; }
  /// When its proof ends, by a clock that nobody sets back; nothing = never.
  const std::optional<std::chrono::steady_clock::time_point>& deadline() const { return deadline_; }
  /// The same of its lease.
  const std::optional<std::chrono::steady_clock::time_point>& lease_deadline() const {
    return lease_.deadline;
  }
  /// What decides the agent's statements; nullptr: it is only observed.
  const std::shared_ptr<const DecisionContext>& context() const { return context_; }
  const rules::Principal& principal() const { return principal_; }
  const std::optional<wire::CancelRequest>& cancel_request() const { return cancel_request_; }
  const CancelKey& client_key() const { return client_key_; }
  const CancelKey& server_key() const { return server_key_; }
  const std::string& refused_because() const { return refused_because_; }

 private:
  // login_client.cpp
  bool take_startup_packet(Step& step);
  void encryption_request(bool& asked, std::size_t length, Step& step);
  bool begins_with_tls(std::string_view bytes) const;
  void startup_message(wire::StartupMessage message, Step& step);
  std::optional<wire::Error> check_parameters();
  void negotiate(Step& step);
  void sasl_message(std::string_view body, Step& step);
  void authenticated(Step& step);

  // login_token.cpp
  std::optional<wire::Error> token_can_be_asked_for() const;
  void ask_for_token(Step& step);
  void token_message(std::string_view body, Step& step);

  // login_server.cpp
  void begin_upstream(Step& step);
  void tls_answer(std::string_view bytes, Step& step);
  void send_startup_message(Step& step);
  bool server_frame(const wire::Frame& frame, Step& step);
  bool authentication(const wire::Frame& frame, Step& step);
  bool sasl(wire::backend::AuthenticationCode code, std::string_view data, Step& step);
  bool key_data(const wire::Frame& frame, Step& step);
  bool error(const wire::Frame& frame, Step& step);
  bool upstream_fault(std::string message, Step& step);

  /// `operator_why`: for the record, where it tells more than the stranger may know.
  void refuse(const wire::Error& error, Step& step, std::string_view operator_why = {});

  std::shared_ptr<const Environment> environment_;
  auth::ScramKeyCache& keys_;
  const std::function<std::optional<wire::Error>()>& admit_;
  const std::shared_ptr<const auth::Revocations>& revocations_;
  bool admitted_ = false;
  const bool offers_tls_;
  const bool local_;
  bool encrypted_ = false;
  std::string end_point_, upstream_end_point_;
  Phase phase_ = Phase::kStartupPacket;
  std::string input_;  // an unfinished packet or message of the client
  bool asked_for_ssl_ = false;
  bool asked_for_gss_ = false;
  wire::StartupMessage startup_;
  std::string agent_, database_name_;
  auth::ProvenIdentity identity_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::shared_ptr<const DecisionContext> context_;
  rules::Principal principal_;
  const Database* database_ = nullptr;
  std::optional<wire::CancelRequest> cancel_request_;
  std::optional<auth::ScramServer> scram_server_;
  std::optional<auth::ScramClient> scram_client_;
  Lease lease_;
  auth::ScramKeyCache keys_of_lease_;  // which are of no use to others
  bool server_proved_ = false;
  wire::FrameReader client_;
  wire::FrameReader server_;
  CancelKey client_key_, server_key_;
  std::string refused_because_;
};

}  // namespace chaperone::session
