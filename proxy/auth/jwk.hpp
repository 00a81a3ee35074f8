#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/strict_json.hpp"
#include "proxy/wire/error.hpp"

struct evp_pkey_st;

namespace chaperone::auth {

/// How a key signs (RFC 7518 section 3, RFC 8037). There is no HMAC: who can verify could sign.
enum class Algorithm : std::uint8_t { kEs256, kEdDsa, kRs256, kPs256 };

/// As headers of tokens write it ("ES256").
std::string_view name_of(Algorithm algorithm);

/// A public key of an issuer. Immutable; copies share the key, and threads may.
class VerificationKey {
 public:
  /// Of a JWK (RFC 7517): EC P-256, OKP Ed25519, RSA of 2,048 to 8,192 bits. Nothing for a key of another
  /// kind or use, which is none of ours; an error where one of ours is broken, or not public.
  static wire::Result<std::optional<VerificationKey>> from_jwk(const Json& jwk);

  Algorithm algorithm() const { return algorithm_; }
  /// `kid`; empty = the key has none.
  const std::string& id() const { return id_; }
  bool verifies(std::string_view text, std::string_view signature) const;

 private:
  std::string id_;
  Algorithm algorithm_ = Algorithm::kEs256;
  std::shared_ptr<evp_pkey_st> key_;
};

/// A JWKS file (RFC 7517 section 5): the keys of one issuer.
class KeySet {
 public:
  /// The error's message begins with "<file>: ". A set without a key that could verify anything is one.
  static wire::Result<KeySet> from_text(std::string_view text, std::string_view file);

  /// `id` only looks a key up. A token without one can only mean the key of a set that has no other.
  const VerificationKey* find(const std::optional<std::string_view>& id) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<VerificationKey> keys_;
};

/// Private keys of the built-in token service.
class SigningKey {
 public:
  static SigningKey generate(Algorithm algorithm);  ///< kEdDsa or kEs256
  /// PKCS #8 in PEM; nothing for any other text, or another kind of key.
  static std::optional<SigningKey> from_pem(const std::string& pem);
  std::string to_pem() const;

  Algorithm algorithm() const { return algorithm_; }
  /// The public key's thumbprint (RFC 7638), by which tokens name it.
  const std::string& id() const { return id_; }
  /// The public key as the text of a JWK.
  std::string public_jwk() const;
  /// As a JWS has it: of ES256 r and s, 32 bytes each.
  std::string sign(std::string_view text) const;

 private:
  SigningKey(Algorithm algorithm, std::shared_ptr<evp_pkey_st> key);

  Algorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;
  std::string members_;  // of the public JWK that make the thumbprint
  std::string id_;
};

}  // namespace chaperone::auth
