#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/session/login.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/check.hpp"
#include "rules/startup.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
namespace sqlstate = wire::sqlstate;

namespace {

/// The content type of a TLS handshake record, which no startup packet begins with.
constexpr char kTlsHandshakeRecord = 0x16;
/// The newest minor version of protocol 3 that clients may speak.
constexpr std::uint16_t kNewestMinor = 2;

// As parse_bool(): every unique beginning of the words counts.
std::optional<bool> parse_bool(std::string_view value) {
  std::string lower(value);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const auto begins = [&](std::string_view word, std::size_t least) {
    return lower.size() >= least && word.starts_with(lower);
  };
  if (begins("true", 1) || begins("yes", 1) || lower == "on" || lower == "1") return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || lower == "0") return false;
  return std::nullopt;
}

}  // namespace

bool is_of_protocol(std::string_view parameter) {
  return parameter == "user" || parameter == "database" || parameter == "replication" ||
         parameter.starts_with("_pq_.");
}

Login::Login(std::shared_ptr<const Environment> environment, auth::ScramKeyCache& keys,
             const std::function<std::optional<wire::Error>()>& admit,
             const std::shared_ptr<const auth::Revocations>& revocations, bool offers_tls, bool local)
    : environment_(std::move(environment)),
      keys_(keys),
      admit_(admit),
      revocations_(revocations),
      offers_tls_(offers_tls),
      local_(local),
      client_(wire::frontend::authentication_rule),
      server_(backend::rule) {
}

// As ProcessSSLStartup: the very first byte tells, and only where nothing was asked for before.
bool Login::begins_with_tls(std::string_view bytes) const {
  return offers_tls_ && phase_ == Phase::kStartupPacket && !encrypted_ && !asked_for_ssl_ &&
         !asked_for_gss_ && input_.empty() && bytes.starts_with(kTlsHandshakeRecord);
}

void Login::on_client(std::string_view bytes, Step& step) {
  const bool direct_tls = begins_with_tls(bytes);
  input_.append(bytes);
  if (direct_tls) {
    phase_ = Phase::kTlsHandshake;
    step.action = Action::kStartTls;
  }
  while (phase_ == Phase::kStartupPacket && take_startup_packet(step)) {
  }
  const auto proving = [this] { return phase_ > Phase::kStartupPacket && phase_ <= Phase::kSaslResponse; };
  if (!proving()) return;
  std::string_view input = input_;
  while (proving()) {
    const auto item = client_.next(input);
    if (item == wire::FrameReader::Item::kBad) {
      refuse(client_.error(), step);
      return;
    }
    if (item != wire::FrameReader::Item::kFrame) break;
    const auto body = client_.frame().body();
    phase_ == Phase::kToken ? token_message(body, step) : sasl_message(body, step);
  }
  std::string rest(input);
  wire::wipe(input_);  // a token may have been in it
  input_ = std::move(rest);
}

// Behind it neither encryption can be asked for any more.
void Login::on_tls_established(std::string end_point) {
  if (phase_ != Phase::kTlsHandshake) return;
  encrypted_ = asked_for_ssl_ = asked_for_gss_ = true;
  end_point_ = std::move(end_point);
  input_.clear();
  phase_ = Phase::kStartupPacket;
}

bool Login::take_startup_packet(Step& step) {
  const auto length = wire::startup_packet_length(input_);
  if (!length) {
    refuse(length.error(), step);
    return false;
  }
  if (!*length || input_.size() < **length) return false;
  auto packet = wire::decode_startup_packet(std::string_view(input_).substr(0, **length));
  if (!packet) {
    refuse(packet.error(), step);
    return false;
  }
  if (std::holds_alternative<wire::SslRequest>(*packet)) {
    encryption_request(asked_for_ssl_, **length, step);
  } else if (std::holds_alternative<wire::GssEncRequest>(*packet)) {
    encryption_request(asked_for_gss_, **length, step);
  } else if (auto* cancel = std::get_if<wire::CancelRequest>(&*packet)) {
    cancel_request_ = std::move(*cancel);
    phase_ = Phase::kOver;
    step.action = Action::kCancel;
  } else {
    input_.erase(0, **length);
    startup_message(std::move(std::get<wire::StartupMessage>(*packet)), step);
  }
  return phase_ == Phase::kStartupPacket;
}

// As ProcessStartupPacket: each may be asked for once, and bytes behind the question can't be of an honest
// client, which waits for the answer.
void Login::encryption_request(bool& asked, std::size_t length, Step& step) {
  if (std::exchange(asked, true)) {
    refuse({.sqlstate = sqlstate::kProtocolViolation, .message = "encryption was asked for more than once"},
           step);
    return;
  }
  if (input_.size() > length) {
    refuse({.sqlstate = sqlstate::kProtocolViolation,
            .message = "received unencrypted data after an encryption request",
            .detail = "This could be either a client-software bug or evidence of an attempted "
                      "man-in-the-middle attack."},
           step);
    return;
  }
  input_.clear();
  if (&asked == &asked_for_ssl_ && offers_tls_) {
    step.to_client.copy("S");
    step.action = Action::kStartTls;
    phase_ = Phase::kTlsHandshake;
    return;
  }
  step.to_client.copy("N");
}

void Login::startup_message(wire::StartupMessage message, Step& step) {
  startup_ = std::move(message);
  if (const auto* user = startup_.find("user")) agent_ = *user;
  const auto* database = startup_.find("database");
  database_name_ = database != nullptr && !database->empty() ? *database : agent_;
  if (offers_tls_ && !encrypted_ && !local_) {
    refuse({.sqlstate = sqlstate::kInvalidAuthorization,
            .message = "pgchaperone: this address takes encrypted connections only",
            .hint = "Connect with sslmode=verify-full, or at least sslmode=require."},
           step);
    return;
  }
  if (const auto error = check_parameters()) {
    refuse(*error, step);
    return;
  }
  if (const auto error = token_can_be_asked_for()) {
    refuse(*error, step, "its token would travel unencrypted");
    return;
  }
  if (const auto error = admit_()) {
    refuse(*error, step);
    return;
  }
  admitted_ = true;
  negotiate(step);
  if (environment_->identity.method_of(agent_) == Identity::Method::kToken) {
    ask_for_token(step);
    return;
  }
  auto [verifier, known] = environment_->passwords.find(agent_);
  scram_server_.emplace(std::move(verifier), !known, end_point_);
  step.to_client.write(
      [this](std::string& out) { backend::encode_authentication_sasl(out, scram_server_->mechanisms()); });
  phase_ = Phase::kSaslInitialResponse;
}

std::optional<wire::Error> Login::check_parameters() {
  if (agent_.empty()) {
    return wire::Error{.sqlstate = sqlstate::kInvalidAuthorization,
                       .message = "no PostgreSQL user name specified in startup packet"};
  }
  if (const auto* replication = startup_.find("replication")) {
    if (*replication != "database") {
      const auto value = parse_bool(*replication);
      if (!value) {
        return wire::Error{
            .sqlstate = sqlstate::kInvalidParameterValue,
            .message = fmt::format("invalid value for parameter \"replication\": \"{}\"", *replication),
            .hint = "Valid values are: \"false\", 0, \"true\", 1, \"database\"."};
      }
      if (!*value) return std::nullopt;
    }
    return wire::Error{.sqlstate = sqlstate::kInvalidAuthorization,
                       .message = "pgchaperone: replication connections are refused",
                       .hint = "Replicate from the database server itself."};
  }
  return std::nullopt;
}

// As SendNegotiateProtocolVersion: a newer minor version, or an option nobody here knows, is answered with
// what is.
void Login::negotiate(Step& step) {
  std::vector<std::string> unrecognized;
  for (const auto& [name, value] : startup_.parameters) {
    if (name.starts_with("_pq_.")) unrecognized.push_back(name);
  }
  if (startup_.minor > kNewestMinor || !unrecognized.empty()) {
    startup_.minor = std::min(startup_.minor, kNewestMinor);
    step.to_client.write([&](std::string& out) {
      backend::encode_negotiate_protocol_version(out, kNewestMinor, unrecognized);
    });
  }
}

void Login::sasl_message(std::string_view body, Step& step) {
  std::string_view data = body;
  if (phase_ == Phase::kSaslInitialResponse) {
    const auto initial = wire::frontend::decode_sasl_initial_response(body);
    if (!initial) {
      refuse(initial.error(), step);
      return;
    }
    if (!scram_server_->choose(initial->mechanism)) {
      refuse({.sqlstate = sqlstate::kProtocolViolation,
              .message = "client selected an invalid SASL authentication mechanism"},
             step);
      return;
    }
    if (!initial->data) {  // the client waits for an empty challenge before it begins, RFC 4422 section 3
      step.to_client.write([](std::string& out) { backend::encode_authentication_sasl_continue(out, {}); });
      phase_ = Phase::kSaslClientFirst;
      return;
    }
    data = *initial->data;
  }
  if (phase_ != Phase::kSaslResponse) {
    auto challenge = scram_server_->first(data);
    if (!challenge) {
      refuse(challenge.error(), step);
      return;
    }
    step.to_client.write(
        [&](std::string& out) { backend::encode_authentication_sasl_continue(out, *challenge); });
    phase_ = Phase::kSaslResponse;
    return;
  }
  auto proof = scram_server_->final(data);
  if (!proof) {
    if (proof.error().sqlstate == sqlstate::kInvalidPassword) {
      refuse({.sqlstate = sqlstate::kInvalidPassword,
              .message = fmt::format("password authentication failed for user \"{}\"", agent_)},
             step);
    } else {
      refuse(proof.error(), step);
    }
    return;
  }
  step.to_client.write([&](std::string& out) { backend::encode_authentication_sasl_final(out, *proof); });
  scram_server_.reset();
  identity_ = {.method = "scram", .agent = agent_};
  authenticated(step);
}

void Login::authenticated(Step& step) {
  auto revoked = revocations_ ? revocations_->why(identity_) : std::nullopt;
  if (revocations_ && !revocations_->readable() && identity_.method == "token") {
    revoked = "what has been revoked can't be read";
  }
  if (revoked) {
    refuse({.sqlstate = sqlstate::kInvalidAuthorization,
            .message = fmt::format("pgchaperone: agent \"{}\" is not let in", agent_)},
           step, *revoked);
    return;
  }
  if (environment_->policy && environment_->policy->find_agent(agent_) == nullptr) {
    refuse({.sqlstate = sqlstate::kInvalidAuthorization,
            .message = fmt::format("pgchaperone: agent \"{}\" is not let in", agent_)},
           step, "the policy does not name this agent");
    return;
  }
  database_ = environment_->find_database(database_name_);
  if (database_ == nullptr) {
    refuse({.sqlstate = sqlstate::kInvalidCatalogName,
            .message = fmt::format("database \"{}\" does not exist", database_name_)},
           step, "the configuration names no such database");
    return;
  }
  if (const auto* fixed = std::get_if<StaticCredential>(&database_->credential)) {
    lease_.role = fixed->role.empty() ? agent_ : fixed->role;
    lease_.password = fixed->password;
  }
  if (environment_->enforces(agent_)) {
    phase_ = Phase::kAwaitingRules;
    step.action = Action::kLoadRules;
  } else {
    begin_upstream(step);
  }
}

void Login::on_rules(const Rulebook& rules, Step& step) {
  if (phase_ != Phase::kAwaitingRules) return;
  const auto not_let_in = [&](std::string_view why) {
    refuse({.sqlstate = sqlstate::kInvalidAuthorization,
            .message = fmt::format("pgchaperone: agent \"{}\" is not let in", agent_)},
           step, why);
  };
  auto context = rules.context(agent_, identity_.capabilities);
  if (!context) {
    not_let_in(context.error().message);
    return;
  }
  auto principal = principal_of(identity_, (*context)->agent());
  if (!principal) {
    not_let_in(principal.error().message);
    return;
  }
  context_ = std::move(*context);
  principal_ = std::move(*principal);
  std::vector<std::pair<std::string, std::string>> asked;
  for (const auto& parameter : startup_.parameters) {
    if (!is_of_protocol(parameter.first)) asked.push_back(parameter);
  }
  auto settings = rules::startup_settings(context_->agent(), context_->catalog(), principal_, asked);
  if (settings.denial) {
    refuse({.sqlstate = sqlstate::kInvalidAuthorization,
            .message = rules::message_of(*settings.denial),
            .detail = rules::detail_of(*settings.denial, {}),
            .hint = settings.denial->hint},
           step);
    return;
  }
  startup_.parameters = std::move(settings.send);
  begin_upstream(step);
}

void Login::on_rules_failed(std::string_view why, Step& step) {
  if (phase_ != Phase::kAwaitingRules) return;
  refuse({.sqlstate = sqlstate::kCannotConnectNow,
          .message =
              fmt::format("pgchaperone: the rules for the database \"{}\" can't be loaded", database_name_),
          .hint = "Its catalog or the policy can't be read; pgchaperone's log says why. Try again later."},
         step, why);
}

void Login::refuse(const wire::Error& error, Step& step, std::string_view operator_why) {
  step.to_client.write([&](std::string& out) { backend::encode_error_response(out, "FATAL", error); });
  refused_because_ =
      operator_why.empty() ? error.message : fmt::format("{} ({})", error.message, operator_why);
  phase_ = Phase::kOver;
  step.action = Action::kClose;
}

void Login::end(const wire::Error& error, Step& step) {
  if (phase_ == Phase::kDone || phase_ == Phase::kOver) return;
  if (phase_ > Phase::kStartupPacket) {
    refuse(error, step);
    return;
  }
  phase_ = Phase::kOver;
  step.action = Action::kClose;
}

}  // namespace chaperone::session
