#pragma once

#include <openssl/evp.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/jwt.hpp"

namespace chaperone::auth {

inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr std::int64_t kNow = 1'800'000'000 * kSecond;

/// A key pair that is made for a test: what an issuer has, and what attackers have.
class TestKey {
 public:
  /// "P-256", "P-384", "secp256k1", "ED25519", or "RSA" with a number of bits.
  explicit TestKey(std::string_view kind, unsigned bits = 0);

  /// As `alg` signs; of ES256 in r and s, or in DER.
  std::string sign(std::string_view alg, std::string_view text, bool der = false) const;
  /// The public key; `more`: further members, as `,"use":"sig"`.
  std::string jwk(std::string_view id, std::string_view alg = "", std::string_view more = "") const;
  std::string public_pem() const;

 private:
  std::string parameter(const char* name) const;

  std::string kind_;
  std::shared_ptr<EVP_PKEY> key_;
};

/// Members of an object as JSON text, in order; a later edit replaces, and an empty text takes away.
using Members = std::vector<std::pair<std::string, std::string>>;
std::string object(Members members, const Members& edits);

/// Header, claims and signature of a token, each as it will be encoded.
std::string compact(std::string_view header, std::string_view claims, std::string_view signature);

/// What any valid token of "https://id.example.com" for triage-bot has.
Members good_claims();

/// The keys "es", "ed", "rs", "ps" of one issuer, made once.
struct TestIssuer {
  TestKey es{"P-256"}, ed{"ED25519"}, rs{"RSA", 2048}, ps{"RSA", 2048};

  std::string jwks() const;
  const TestKey& key(std::string_view id) const;
  static std::string_view alg(std::string_view id);
  std::string token(std::string_view id, const Members& claims = {}, const Members& header = {}) const;
};
const TestIssuer& test_issuer();

}  // namespace chaperone::auth
