#include "proxy/auth/scram_verifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "proxy/auth/crypto.hpp"

namespace chaperone::auth {
namespace {

constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
/// PostgreSQL's SCRAM_DEFAULT_SALT_LEN.
constexpr std::size_t kSaltSize = 16;

VerifierProblem problem(std::size_t offset, std::string what) {
  return {offset, std::move(what)};
}

}  // namespace

std::optional<int> parse_iterations(std::string_view text) {
  // RFC 5802: posit-number = %x31-39 *DIGIT.
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('0')) return std::nullopt;
  if (number < 1 || number > kMaxScramIterations) return std::nullopt;
  return number;
}

std::variant<ScramVerifier, VerifierProblem> parse_verifier(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    return problem(
        0, "not a SCRAM verifier; expected SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>");
  }
  ScramVerifier verifier;

  const std::size_t iterations_at = kPrefix.size();
  const std::size_t colon = text.find(':', iterations_at);
  const std::optional<int> iterations = parse_iterations(text.substr(iterations_at, colon - iterations_at));
  if (colon == std::string_view::npos || !iterations) {
    return problem(iterations_at, fmt::format("bad iterations; expected a number from 1 to {} and a colon",
                                              kMaxScramIterations));
  }
  verifier.iterations = *iterations;

  const std::size_t salt_at = colon + 1;
  const std::size_t dollar = text.find('$', salt_at);
  const std::optional<std::string> salt = base64_decode(text.substr(salt_at, dollar - salt_at));
  if (dollar == std::string_view::npos || !salt || salt->empty()) {
    return problem(salt_at, "bad salt; expected base64 of at least one byte and a $");
  }
  verifier.salt = *salt;

  const std::size_t stored_at = dollar + 1;
  const std::size_t second_colon = text.find(':', stored_at);
  const std::optional<Sha256> stored_key =
      base64_decode_key(text.substr(stored_at, second_colon - stored_at));
  if (second_colon == std::string_view::npos || !stored_key) {
    return problem(stored_at, "bad StoredKey; expected base64 of 32 bytes and a colon");
  }
  verifier.stored_key = *stored_key;

  const std::optional<Sha256> server_key = base64_decode_key(text.substr(second_colon + 1));
  if (!server_key)
    return problem(second_colon + 1, "bad ServerKey; expected base64 of 32 bytes and nothing more");
  verifier.server_key = *server_key;
  return verifier;
}

wire::Result<ScramVerifier> ScramVerifier::from_text(std::string_view text) {
  auto parsed = parse_verifier(text);
  if (auto* problem = std::get_if<VerifierProblem>(&parsed)) {
    return wire::Error{.sqlstate = kConfigFileError, .message = std::move(problem->what)};
  }
  return std::move(std::get<ScramVerifier>(parsed));
}

std::string ScramVerifier::to_text() const {
  return fmt::format("{}{}:{}${}:{}", kPrefix, iterations, base64_encode(salt),
                     base64_encode(bytes(stored_key)), base64_encode(bytes(server_key)));
}

ScramVerifier ScramVerifier::derive(std::string_view password, int iterations) {
  std::string salt = random_bytes(kSaltSize);
  const ScramKeys keys = derive_keys(password, salt, iterations);
  return {.iterations = iterations,
          .salt = std::move(salt),
          .stored_key = sha256(bytes(keys.client_key)),
          .server_key = keys.server_key};
}

ScramSecret ScramSecret::random() {
  ScramSecret secret;
  const std::string bits = random_bytes(2 * sizeof(Sha256));
  std::copy_n(bits.begin(), sizeof(Sha256), secret.keys.client_key.begin());
  std::copy_n(bits.begin() + sizeof(Sha256), sizeof(Sha256), secret.keys.server_key.begin());
  secret.verifier = {.iterations = kScramIterations,
                     .salt = random_bytes(kSaltSize),
                     .stored_key = sha256(bytes(secret.keys.client_key)),
                     .server_key = secret.keys.server_key};
  return secret;
}

ScramVerifier ScramVerifier::mock(std::string_view user, const Sha256& secret) {
  // A user name holds no NUL, so that the three texts are never those of another user.
  const auto keyed = [&](std::string_view what) {
    return hmac_sha256(bytes(secret), fmt::format("{}{}", user, what));
  };
  return {.iterations = kScramIterations,
          .salt = std::string(bytes(keyed("")).substr(0, kSaltSize)),
          .stored_key = keyed(std::string_view("\0StoredKey", 10)),
          .server_key = keyed(std::string_view("\0ServerKey", 10))};
}

}  // namespace chaperone::auth
