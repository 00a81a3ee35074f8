#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/auth/attributes.hpp"
#include "proxy/auth/crypto.hpp"
#include "proxy/auth/scram_verifier.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::auth {
namespace {

using wire::Error;
using wire::Result;

constexpr std::size_t kMaxCachedKeys = 1000;

Error failure(std::string_view what) {
  return {.sqlstate = wire::sqlstate::kConnectionFailure, .message = fmt::format("upstream: {}", what)};
}

Error malformed(std::string detail) {
  Error error = failure("malformed SCRAM message");
  error.detail = std::move(detail);
  return error;
}

/// The `e=` of a server, which may hold anything, made fit for a log.
std::string_view server_error(std::string_view value) {
  constexpr std::size_t kLongest = 48;
  return value.size() <= kLongest && is_scram_printable(value) ? value : "an error that can't be printed";
}

}  // namespace

const ScramKeys& ScramKeyCache::get(std::string_view password, std::string_view salt, int iterations) {
  // A hash over all three, so that the long salt of a hostile server takes no more room than any other.
  const Sha256 key = sha256(fmt::format("{}{}:{}", bytes(sha256(password)), iterations, salt));
  if (const auto found = keys_.find(key); found != keys_.end()) return found->second;
  if (keys_.size() >= kMaxCachedKeys) keys_.clear();
  return keys_.emplace(key, derive_keys(password, salt, iterations)).first->second;
}

ScramClient::ScramClient(std::string_view password, ScramKeyCache& cache, std::string end_point)
    : password_(password),
      cache_(&cache),
      nonce_(fresh_nonce()),
      end_point_(std::move(end_point)),
      gs2_header_(end_point_.empty() ? "n,," : "y,,") {
}

ScramClient::ScramClient(const ScramKeys& keys, std::string end_point)
    : keys_(keys),
      nonce_(fresh_nonce()),
      end_point_(std::move(end_point)),
      gs2_header_(end_point_.empty() ? "n,," : "y,,") {
}

std::string_view ScramClient::choose(const std::vector<std::string_view>& offered) {
  const auto has = [&](std::string_view mechanism) {
    return std::ranges::find(offered, mechanism) != offered.end();
  };
  if (!end_point_.empty() && has(kScramSha256Plus)) {
    gs2_header_ = kGs2HeaderPlus;
    return kScramSha256Plus;
  }
  return has(kScramSha256) ? kScramSha256 : std::string_view();
}

// As build_client_first_message of fe-auth-scram.c: the user name is that of the StartupMessage, here it is
// empty.
std::string ScramClient::first() {
  state_ = state_ == State::kStart ? State::kNonceSent : State::kOver;
  client_first_bare_ = fmt::format("n=,r={}", nonce_);
  return gs2_header_ + client_first_bare_;
}

// As read_server_first_message and build_client_final_message, but strict: libpq goes on after garbage at the
// end and takes a nonce to which the server has added nothing.
Result<std::string> ScramClient::final(std::string_view server_first) {
  if (std::exchange(state_, State::kOver) != State::kNonceSent)
    return failure("invalid SCRAM exchange state");
  AttributeReader reader(server_first, malformed({}));
  if (server_first.starts_with('m')) return failure("server requires an unsupported SCRAM extension");
  const auto nonce = reader.value('r');
  if (!nonce) return nonce.error();
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size() || !is_scram_printable(*nonce)) {
    Error error = failure("invalid SCRAM response");
    error.detail = "Nonce does not match.";
    return error;
  }
  const auto encoded_salt = reader.value('s');
  if (!encoded_salt) return encoded_salt.error();
  const std::optional<std::string> salt = base64_decode(*encoded_salt);
  if (!salt || salt->empty()) return malformed("Invalid salt.");
  const auto count = reader.value('i');
  if (!count) return count.error();
  const std::optional<int> iterations = parse_iterations(*count);
  if (!iterations) {
    return malformed(fmt::format("Invalid iteration count; expected 1 to {}.", kMaxScramIterations));
  }
  if (!reader.at_end()) return malformed("Garbage found at the end of server-first-message.");

  const std::string binding = gs2_header_ == kGs2HeaderPlus ? gs2_header_ + end_point_ : gs2_header_;
  const std::string without_proof = fmt::format("c={},r={}", base64_encode(binding), *nonce);
  const std::string message = auth_message(client_first_bare_, server_first, without_proof);
  const ScramKeys& keys = cache_ == nullptr ? *keys_ : cache_->get(password_, *salt, *iterations);
  const Sha256 client_signature = hmac_sha256(bytes(sha256(bytes(keys.client_key))), message);
  server_signature_ = hmac_sha256(bytes(keys.server_key), message);
  state_ = State::kProofSent;
  const Sha256 proof = exclusive_or(keys.client_key, client_signature);
  return {boost::system::in_place_value, fmt::format("{},p={}", without_proof, base64_encode(bytes(proof)))};
}

// As read_server_final_message and verify_server_signature.
Result<void> ScramClient::verify(std::string_view server_final) const {
  if (state_ != State::kProofSent) return failure("invalid SCRAM exchange state");
  AttributeReader reader(server_final, malformed({}));
  if (server_final.starts_with('e')) {
    const auto value = reader.value('e');
    if (!value) return value.error();
    return failure(fmt::format("error received from server in SCRAM exchange: {}", server_error(*value)));
  }
  const auto encoded = reader.value('v');
  if (!encoded) return encoded.error();
  const std::optional<Sha256> signature = base64_decode_key(*encoded);
  if (!signature) return malformed("Malformed server signature.");
  if (!reader.at_end()) return malformed("Garbage found at the end of server-final-message.");
  if (!equal(*signature, server_signature_)) return failure("incorrect server signature");
  return {};
}

}  // namespace chaperone::auth
