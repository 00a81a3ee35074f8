#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/jwk.hpp"
#include "proxy/auth/proof.hpp"
#include "proxy/auth/strict_json.hpp"
#include "proxy/wire/error.hpp"

/// Access tokens as JWTs (RFC 7519, RFC 8725, RFC 9068) in JWS compact form (RFC 7515).
namespace chaperone::auth {

inline constexpr std::size_t kMaxTokenBytes = 16U << 10;
/// By this much the issuer's clock may differ from ours.
inline constexpr std::int64_t kClockSkew = 30'000'000;  // microseconds
/// Actors in one chain of `act` (RFC 8693 section 4.1), and the bytes of their claims.
inline constexpr std::size_t kMaxActors = 5;
inline constexpr std::size_t kMaxActorBytes = 4U << 10;

/// Name and audience of the built-in token service.
inline constexpr std::string_view kBuiltinIssuer = "pgchaperone";
inline constexpr std::string_view kBuiltinAudience = "pgchaperone";
inline constexpr std::string_view kAccessTokenType = "at+jwt";

/// Which claims say who it is, with dots for members of members: "act.sub". Empty = none.
struct ClaimPaths {
  std::string agent;
  std::string actor;
  std::string task;
  std::string capabilities;  ///< an array of names, or names with blanks between them
};

/// An issuer whose tokens are taken, with keys of its own: a key of one never verifies a token of another.
struct TokenIssuer {
  std::string issuer;    ///< `iss`, exactly
  std::string audience;  ///< has to be in `aud`
  ClaimPaths claims;
  std::shared_ptr<const KeySet> keys;
  bool access_tokens_only = false;  ///< `typ` has to be at+jwt
};

/// The built-in token service as an issuer.
TokenIssuer builtin_issuer(std::shared_ptr<const KeySet> keys);

/// A token taken apart; nothing of it is proved.
struct DecodedToken {
  Json header;
  Json claims;
  std::string header_text;  ///< as the token holds it
  std::string claims_text;
  std::string_view signed_text;  ///< of the token's text, which outlives this
  std::string signature;
};

/// Takes the text apart and refuses what is no JWS of ours to read: other forms, other sizes, names that
/// stand twice, headers that would bring a key or change what is signed.
wire::Result<DecodedToken> decode_token(std::string_view token);

/// Who the token proves, at `now` (microseconds since 1970). The error's message says why not, for the
/// operator alone: a stranger could learn from it what to try next.
wire::Result<ProvenIdentity> verify_token(std::string_view token, std::span<const TokenIssuer> issuers,
                                          std::int64_t now);

/// A token with these claims (a JSON object's text), signed.
std::string sign_token(const SigningKey& key, std::string_view claims);

}  // namespace chaperone::auth
