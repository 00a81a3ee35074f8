#include <fmt/format.h>

#include <utility>

#include "proxy/auth/attributes.hpp"
#include "proxy/auth/crypto.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::auth {
namespace {

using wire::Error;
using wire::Result;
namespace sqlstate = wire::sqlstate;

/// Of what a client said, in a message.
constexpr std::size_t kLongestShown = 48;

Error violation(std::string message, std::string detail = {}) {
  return {
      .sqlstate = sqlstate::kProtocolViolation, .message = std::move(message), .detail = std::move(detail)};
}

Error malformed(std::string detail) {
  return violation("malformed SCRAM message", std::move(detail));
}

Error unsupported(std::string message) {
  return {.sqlstate = sqlstate::kFeatureNotSupported, .message = std::move(message)};
}

Error unsupported_extension() {
  return unsupported("client requires an unsupported SCRAM extension");
}

/// What scram_exchange checks of any message.
Result<void> check_text(std::string_view message) {
  if (message.empty()) return malformed("The message is empty.");
  if (message.find('\0') != std::string_view::npos)
    return malformed("Message length does not match input length.");
  return {};
}

/// Gives what is behind the flag for channel binding, which has to be what goes with the chosen mechanism:
/// "p=tls-server-end-point" with SCRAM-SHA-256-PLUS, else "n", or "y" of a client that could bind the channel
/// and takes us for a server that can't, which has to be so.
Result<std::string_view> read_channel_binding(std::string_view message, bool binds, bool offered) {
  const std::string_view type = kGs2HeaderPlus.substr(2, kGs2HeaderPlus.find(',') - 2);
  AttributeReader reader(message, malformed({}));
  switch (message.front()) {
    case 'n':
    case 'y':
      if (binds) {
        return malformed(
            "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding "
            "data.");
      }
      if (message.front() == 'y' && offered) {
        return Error{.sqlstate = sqlstate::kInvalidAuthorization,
                     .message = "SCRAM channel binding negotiation error",
                     .detail =
                         "The client supports SCRAM channel binding but thinks the server does not.  "
                         "However, this server does support channel binding."};
      }
      if (const std::string_view rest = message.substr(1); !rest.starts_with(',')) {
        return malformed(fmt::format("Comma expected, but found character \"{}\".", sanitized_front(rest)));
      }
      return {boost::system::in_place_value, message.substr(2)};
    case 'p':
      if (!binds) {
        return malformed(
            "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes "
            "channel "
            "binding data.");
      }
      if (const auto named = reader.value('p'); !named) {
        return named.error();
      } else if (*named != type) {
        return violation(fmt::format(
            "unsupported SCRAM channel-binding type \"{}\"",
            is_scram_printable(*named) && named->size() <= kLongestShown ? *named : "that can't be shown"));
      }
      return {boost::system::in_place_value, reader.rest()};
    default:
      return malformed(fmt::format("Unexpected channel-binding flag \"{}\".", sanitized_front(message)));
  }
}

/// Gives the length of the gs2 header.
Result<std::size_t> read_gs2_header(std::string_view message, bool binds, bool offered) {
  const auto behind_flag = read_channel_binding(message, binds, offered);
  if (!behind_flag) return behind_flag.error();
  const std::string_view authzid = *behind_flag;
  if (authzid.starts_with('a'))
    return unsupported("client uses authorization identity, but it is not supported");
  if (!authzid.starts_with(',')) {
    return malformed(
        fmt::format("Unexpected attribute \"{}\" in client-first-message.", sanitized_front(authzid)));
  }
  return message.size() - authzid.size() + 1;
}

}  // namespace

ScramServer::ScramServer(ScramVerifier verifier, bool doomed, std::string end_point)
    : verifier_(std::move(verifier)),
      doomed_(doomed),
      nonce_(fresh_nonce()),
      end_point_(std::move(end_point)) {
}

std::vector<std::string_view> ScramServer::mechanisms() const {
  if (end_point_.empty()) return {kScramSha256};
  return {kScramSha256Plus, kScramSha256};
}

bool ScramServer::choose(std::string_view mechanism) {
  binds_ = mechanism == kScramSha256Plus && !end_point_.empty();
  return binds_ || mechanism == kScramSha256;
}

// As read_client_first_message and build_server_first_message.
Result<std::string> ScramServer::first(std::string_view client_first) {
  if (std::exchange(state_, State::kOver) != State::kStart) {
    return Error{.sqlstate = sqlstate::kInternalError, .message = "invalid SCRAM exchange state"};
  }
  if (const Result<void> text = check_text(client_first); !text) return text.error();
  const Result<std::size_t> header = read_gs2_header(client_first, binds_, !end_point_.empty());
  if (!header) return header.error();
  gs2_header_ = client_first.substr(0, *header);
  client_first_bare_ = client_first.substr(*header);

  if (client_first_bare_.starts_with('m')) return unsupported_extension();
  AttributeReader reader(client_first_bare_, malformed({}));
  // The name in the StartupMessage is what counts; libpq leaves this one empty.
  if (const auto user = reader.value('n'); !user) return user.error();
  const auto client_nonce = reader.value('r');
  if (!client_nonce) return client_nonce.error();
  if (!is_scram_printable(*client_nonce)) return violation("non-printable characters in SCRAM nonce");
  while (!reader.at_end()) {
    const auto extension = reader.any();
    if (!extension) return extension.error();
    // PostgreSQL looks for it in front only; RFC 5802, 5.1 wants it refused wherever it stands.
    if (extension->name == 'm') return unsupported_extension();
  }

  nonce_.insert(0, *client_nonce);
  server_first_ = fmt::format("r={},s={},i={}", nonce_, base64_encode(verifier_.salt), verifier_.iterations);
  state_ = State::kChallenged;
  return {boost::system::in_place_value, server_first_};
}

// As read_client_final_message, verify_final_nonce, verify_client_proof and build_server_final_message.
Result<std::string> ScramServer::final(std::string_view client_final) {
  if (std::exchange(state_, State::kOver) != State::kChallenged) {
    return Error{.sqlstate = sqlstate::kInternalError, .message = "invalid SCRAM exchange state"};
  }
  if (const Result<void> text = check_text(client_final); !text) return text.error();
  AttributeReader reader(client_final, malformed({}));
  const auto channel_binding = reader.value('c');
  if (!channel_binding) return channel_binding.error();
  if (*channel_binding != base64_encode(binds_ ? gs2_header_ + end_point_ : gs2_header_)) {
    if (!binds_) return violation("unexpected SCRAM channel-binding attribute in client-final-message");
    return Error{.sqlstate = sqlstate::kInvalidAuthorization,
                 .message = "SCRAM channel binding check failed"};
  }
  const auto nonce = reader.value('r');
  if (!nonce) return nonce.error();

  Attribute attribute;
  std::size_t proof_at = 0;
  do {
    proof_at = client_final.size() - reader.rest().size();
    const auto next = reader.any();
    if (!next) return next.error();
    if (next->name == 'm') return unsupported_extension();
    attribute = *next;
  } while (attribute.name != 'p');
  const std::optional<Sha256> proof = base64_decode_key(attribute.value);
  if (!proof) return malformed("Malformed proof in client-final-message.");
  if (!reader.at_end()) return malformed("Garbage found at the end of client-final-message.");
  if (*nonce != nonce_) return violation("invalid SCRAM response", "Nonce does not match.");

  // Without the comma in front of the proof.
  const std::string message =
      auth_message(client_first_bare_, server_first_, client_final.substr(0, proof_at - 1));
  const Sha256 client_signature = hmac_sha256(bytes(verifier_.stored_key), message);
  const Sha256 client_key = exclusive_or(*proof, client_signature);
  // The proof is looked at even where it can't help, so that a doomed exchange takes its time.
  const bool fits = equal(sha256(bytes(client_key)), verifier_.stored_key);
  if (!fits || doomed_) return Error{.sqlstate = sqlstate::kInvalidPassword, .message = {}};
  const Sha256 server_signature = hmac_sha256(bytes(verifier_.server_key), message);
  return {boost::system::in_place_value, fmt::format("v={}", base64_encode(bytes(server_signature)))};
}

}  // namespace chaperone::auth
