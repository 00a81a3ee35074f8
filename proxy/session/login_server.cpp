#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/session/guard.hpp"
#include "proxy/session/login.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
namespace sqlstate = wire::sqlstate;

void Login::begin_upstream(Step& step) {
  const bool fixed = std::holds_alternative<StaticCredential>(database_->credential);
  phase_ = fixed ? Phase::kConnecting : Phase::kAwaitingLease;
  step.action = fixed ? Action::kConnectUpstream : Action::kOpenLease;
}

LeaseRequest Login::lease_request(std::string session) const {
  LeaseRequest request{
      .session = std::move(session), .database = database_name_, .principal = principal_, .capabilities = {}};
  const auto* agent = environment_->policy ? environment_->policy->find_agent(agent_) : nullptr;
  if (context_) agent = &context_->agent();
  if (agent != nullptr) {
    for (const auto& capability : agent->capabilities) request.capabilities.push_back(capability->name);
  }
  if (!context_) {  // observed: what its proof lacks, it goes without
    auto principal = agent != nullptr ? principal_of(identity_, *agent) : wire::Error{};
    request.principal = principal ? std::move(*principal)
                                  : rules::Principal{.agent = identity_.agent,
                                                     .actor = identity_.actor,
                                                     .task = identity_.task,
                                                     .parameters = {}};
  }
  return request;
}

void Login::on_lease(Lease lease, Step& step) {
  if (phase_ != Phase::kAwaitingLease) return;
  lease_ = std::move(lease);
  phase_ = Phase::kConnecting;
  step.action = Action::kConnectUpstream;
}

void Login::on_lease_failed(std::string_view why, Step& step) {
  if (phase_ != Phase::kAwaitingLease) return;
  refuse({.sqlstate = sqlstate::kConnectionFailure,
          .message = fmt::format("pgchaperone: no credential for the database \"{}\" can be had now",
                                 database_name_),
          .hint = "pgchaperone's log says why. Try again later."},
         step, why);
}

void Login::on_upstream_connected(Step& step) {
  if (!upstream_tls()) {
    send_startup_message(step);
    return;
  }
  step.to_server.copy(wire::encode(wire::SslRequest{}));
  phase_ = Phase::kUpstreamTlsRequested;
}

// One byte and nothing behind it: what comes unencrypted could be of anybody (CVE-2021-23222).
void Login::tls_answer(std::string_view bytes, Step& step) {
  if (bytes == "S") {
    phase_ = Phase::kUpstreamTlsHandshake;
    step.action = Action::kStartUpstreamTls;
  } else if (bytes == "N") {
    upstream_fault("it speaks no TLS, which the configuration asks for (tls.mode of the database)", step);
  } else if (bytes.starts_with('S')) {
    upstream_fault("it sent unencrypted data behind its consent to TLS", step);
  } else if (!bytes.empty()) {
    upstream_fault("it answers the request for TLS with neither yes nor no", step);
  }
}

void Login::on_upstream_tls_established(std::string end_point, Step& step) {
  if (phase_ != Phase::kUpstreamTlsHandshake) return;
  upstream_end_point_ = std::move(end_point);
  send_startup_message(step);
}

void Login::send_startup_message(Step& step) {
  wire::StartupMessage message{.major = 3, .minor = startup_.minor, .parameters = {}};
  const std::string& database = database_->database.empty() ? database_name_ : database_->database;
  message.parameters = {{"user", lease_.role}, {"database", database}};
  for (const auto& parameter : startup_.parameters) {
    const auto& name = parameter.first;
    if (is_of_protocol(name)) continue;
    message.parameters.push_back(parameter);
  }
  step.to_server.copy(wire::encode(message));
  phase_ = Phase::kUpstreamAuthentication;
}

void Login::on_upstream_failed(std::string_view why, Step& step) {
  refuse({.sqlstate = sqlstate::kConnectionFailure,
          .message =
              fmt::format("pgchaperone: the database server for \"{}\" can't be reached", database_name_)},
         step, why);
}

void Login::on_server_closed(std::string_view why, Step& step) {
  if (phase_ == Phase::kOver) return;
  upstream_fault(fmt::format("{} while pgchaperone was logging in", why), step);
}

bool Login::upstream_fault(std::string message, Step& step) {
  refuse({.sqlstate = sqlstate::kConnectionFailure,
          .message =
              fmt::format("pgchaperone: the login to the database server for \"{}\" failed", database_name_)},
         step, message);
  return false;
}

std::string_view Login::on_server(std::string_view bytes, Step& step) {
  if (phase_ == Phase::kUpstreamTlsRequested) {
    tls_answer(bytes, step);
    return {};
  }
  while (phase_ == Phase::kUpstreamAuthentication || phase_ == Phase::kUpstreamStarting) {
    switch (server_.next(bytes)) {
      case wire::FrameReader::Item::kNeedMore:
        return {};
      case wire::FrameReader::Item::kFrame:
        if (!server_frame(server_.frame(), step)) return {};
        break;
      case wire::FrameReader::Item::kChunk:  // of a long notice
        step.to_client.copy(server_.chunk());
        break;
      case wire::FrameReader::Item::kBad:
        upstream_fault(server_.error().message, step);
        return {};
    }
  }
  return bytes;
}

bool Login::server_frame(const wire::Frame& frame, Step& step) {
  switch (frame.type) {
    case backend::kAuthentication:
      return authentication(frame, step);
    case backend::kNegotiateProtocolVersion:
      // Only an older minor version can be the reason, since no option was asked for; the 3.0 that follows is
      // known here.
      if (startup_.minor != 0 && phase_ == Phase::kUpstreamAuthentication) return true;
      return upstream_fault("it negotiates a protocol version that was not asked for", step);
    case backend::kErrorResponse:
      return error(frame, step);
    case backend::kNoticeResponse:
    case backend::kParameterStatus:
      if (phase_ != Phase::kUpstreamStarting) break;
      if (context_ && frame.type == backend::kParameterStatus && breaks_pins(frame.body())) {
        return upstream_fault(
            "agents that are held back need a database in UTF8, and standard_conforming_strings on", step);
      }
      step.to_client.copy(frame.bytes);
      return true;
    case backend::kBackendKeyData:
      return key_data(frame, step);
    case backend::kReadyForQuery:
      if (phase_ != Phase::kUpstreamStarting || !backend::decode_ready_for_query(frame.body())) break;
      step.to_client.copy(frame.bytes);
      phase_ = Phase::kDone;
      return true;
    default:
      break;
  }
  return upstream_fault(fmt::format("it sent message type '{}' where none such may be", frame.type), step);
}

bool Login::authentication(const wire::Frame& frame, Step& step) {
  const auto message = backend::decode_authentication(frame.body());
  if (!message) return upstream_fault(message.error().message, step);
  if (phase_ != Phase::kUpstreamAuthentication)
    return upstream_fault("it asks for authentication again", step);
  const auto code = static_cast<backend::AuthenticationCode>(message->code);
  switch (code) {
    case backend::AuthenticationCode::kOk:
      if (scram_client_ && !server_proved_) {
        return upstream_fault("it ended SCRAM without proving that it knows the password", step);
      }
      scram_client_.reset();
      phase_ = Phase::kUpstreamStarting;
      step.to_client.copy(frame.bytes);
      return true;
    case backend::AuthenticationCode::kSasl:
    case backend::AuthenticationCode::kSaslContinue:
    case backend::AuthenticationCode::kSaslFinal:
      return sasl(code, message->data, step);
    case backend::AuthenticationCode::kCleartextPassword:
      return upstream_fault("it asks for the password in clear text, which is never sent", step);
    case backend::AuthenticationCode::kMd5Password:
      return upstream_fault(
          "it asks for an MD5 password; only SCRAM-SHA-256 is spoken (password_encryption, pg_hba.conf)",
          step);
  }
  return upstream_fault(
      fmt::format("it asks for authentication method {}, which is not spoken", message->code), step);
}

bool Login::sasl(backend::AuthenticationCode code, std::string_view data, Step& step) {
  using Code = backend::AuthenticationCode;
  if (code == Code::kSasl && !scram_client_) {
    const auto mechanisms = backend::decode_sasl_mechanisms(data);
    if (!mechanisms) return upstream_fault(mechanisms.error().message, step);
    if (lease_.keys) {
      scram_client_.emplace(*lease_.keys, upstream_end_point_);
    } else {
      const bool lasts = std::holds_alternative<StaticCredential>(database_->credential);
      scram_client_.emplace(lease_.password.view(), lasts ? keys_ : keys_of_lease_, upstream_end_point_);
    }
    const auto mechanism = scram_client_->choose(*mechanisms);
    if (mechanism.empty()) return upstream_fault("it offers no SCRAM-SHA-256", step);
    if (!lease_.keys && lease_.password.empty()) {
      return upstream_fault(lease_.tls
                                ? "it asks for a password rather than a certificate (pg_hba.conf)"
                                : "it asks for a password, and the configuration has none (password_file)",
                            step);
    }
    step.to_server.write([&](std::string& out) {
      wire::frontend::encode_sasl_initial_response(out, mechanism, scram_client_->first());
    });
    return true;
  }
  if (!scram_client_) return upstream_fault("it sent a SASL message out of turn", step);
  if (code == Code::kSaslContinue) {
    const auto answer = scram_client_->final(data);
    if (!answer) return upstream_fault(answer.error().message, step);
    step.to_server.write([&](std::string& out) { wire::frontend::encode_sasl_response(out, *answer); });
    return true;
  }
  if (code != Code::kSaslFinal) return upstream_fault("it began SASL twice", step);
  const auto proved = scram_client_->verify(data);
  if (!proved) return upstream_fault(proved.error().message, step);
  server_proved_ = true;
  return true;
}

bool Login::key_data(const wire::Frame& frame, Step& step) {
  const auto key = backend::decode_backend_key_data(frame.body());
  if (!key) return upstream_fault(key.error().message, step);
  if (phase_ != Phase::kUpstreamStarting || !server_key_.secret_key.empty()) {
    return upstream_fault("it sent BackendKeyData where none may be", step);
  }
  server_key_ = {key->backend_pid, std::string(key->secret_key)};
  // The PID shown is the server's, so that pg_stat_activity and the client agree; the secret is ours alone.
  constexpr std::size_t kSecretBytes30 = 4, kSecretBytes32 = 32;
  client_key_ = {key->backend_pid, auth::random_bytes(startup_.minor >= 2 ? kSecretBytes32 : kSecretBytes30)};
  step.to_client.write([&](std::string& out) {
    backend::encode_backend_key_data(out, client_key_.backend_pid, client_key_.secret_key);
  });
  return true;
}

// What the server says of the database or of itself is the client's to know; what it says of the role that we
// log in with is not.
bool Login::error(const wire::Frame& frame, Step& step) {
  const auto fields = backend::decode_error_fields(frame.body(), frame.rest == 0);
  if (!fields) return upstream_fault(fields.error().message, step);
  if (frame.rest != 0) return upstream_fault("its error is too long", step);
  if (phase_ == Phase::kUpstreamAuthentication && fields->sqlstate.starts_with("28")) {
    return upstream_fault(std::string(fields->message), step);
  }
  step.to_client.copy(frame.bytes);
  refused_because_ = fmt::format("the database server: {}", fields->message);
  phase_ = Phase::kOver;
  step.action = Action::kClose;
  return false;
}

}  // namespace chaperone::session
