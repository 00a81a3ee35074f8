#include <fmt/format.h>

#include "proxy/session/login.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
namespace sqlstate = wire::sqlstate;

// Whoever reads a token on its way can use it, so that it is not even asked for where it could be read.
std::optional<wire::Error> Login::token_can_be_asked_for() const {
  const auto& identity = environment_->identity;
  if (identity.method_of(agent_) != Identity::Method::kToken || encrypted_ ||
      (identity.token_without_tls && local_)) {
    return std::nullopt;
  }
  return wire::Error{
      .sqlstate = sqlstate::kInvalidAuthorization,
      .message = fmt::format("pgchaperone: agent \"{}\" logs in with a token, which needs TLS", agent_),
      .hint = "Connect with sslmode=verify-full, or at least sslmode=require."};
}

void Login::ask_for_token(Step& step) {
  step.to_client.write([](std::string& out) { backend::encode_authentication_cleartext_password(out); });
  phase_ = Phase::kToken;
}

// A stranger reads the same whatever is wrong: what a token lacks is what its forger would like to know.
void Login::token_message(std::string_view body, Step& step) {
  const auto password = wire::frontend::decode_password(body);
  if (!password) {
    refuse(password.error(), step);
    return;
  }
  auto proof = auth::verify_token(*password, environment_->identity.issuers, step.now.wall);
  if (proof && proof->agent != agent_) {
    proof = wire::Error{.sqlstate = sqlstate::kInvalidAuthorization,
                        .message = fmt::format("it is a token of agent \"{}\"", proof->agent)};
  }
  if (!proof) {
    refuse(
        {.sqlstate = sqlstate::kInvalidAuthorization,
         .message = fmt::format("pgchaperone: the token of agent \"{}\" is not accepted", agent_),
         .hint =
             "Get a new token and connect again; pgchaperone's audit log says what was wrong with this one."},
        step, proof.error().message);
    return;
  }
  identity_ = std::move(*proof);
  if (identity_.expires_at) {
    deadline_ = step.now.steady + std::chrono::microseconds(*identity_.expires_at - step.now.wall);
  }
  authenticated(step);
}

}  // namespace chaperone::session
