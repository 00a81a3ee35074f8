#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <stdexcept>

#include "proxy/auth/base64url.hpp"
#include "proxy/auth/crypto.hpp"
#include "proxy/auth/jwk.hpp"

namespace chaperone::auth {
namespace {

constexpr std::size_t kCoordinate = 32;

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(fmt::format("OpenSSL failed: {}", what));
}

std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  check(EVP_PKEY_get_bn_param(key, name, &value) == 1, name);
  std::array<unsigned char, kCoordinate> bytes{};
  const bool fits = BN_bn2binpad(value, bytes.data(), static_cast<int>(bytes.size())) >= 0;
  BN_free(value);
  check(fits, name);
  return base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// r and s of a signature in DER, 32 bytes each.
std::string raw_signature(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  check(signature != nullptr, "ECDSA");
  std::string raw(2 * kCoordinate, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(raw.data());
  const bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(signature), to, kCoordinate) >= 0 &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(signature), to + kCoordinate, kCoordinate) >= 0;
  ECDSA_SIG_free(signature);
  check(fits, "ECDSA");
  return raw;
}

}  // namespace

// The members in the order of their names, which is what RFC 7638 hashes.
SigningKey::SigningKey(Algorithm algorithm, std::shared_ptr<evp_pkey_st> key)
    : algorithm_(algorithm), key_(std::move(key)) {
  if (algorithm_ == Algorithm::kEdDsa) {
    std::array<unsigned char, 32> bytes{};
    std::size_t length = bytes.size();
    check(EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &length) == 1, "Ed25519");
    members_ = fmt::format(R"("crv":"Ed25519","kty":"OKP","x":"{}")",
                           base64url_encode({reinterpret_cast<const char*>(bytes.data()), length}));
  } else {
    members_ = fmt::format(R"("crv":"P-256","kty":"EC","x":"{}","y":"{}")",
                           coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X),
                           coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y));
  }
  id_ = base64url_encode(bytes(sha256("{" + members_ + "}")));
}

SigningKey SigningKey::generate(Algorithm algorithm) {
  EVP_PKEY* key = algorithm == Algorithm::kEdDsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                                 : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  check(key != nullptr, "generating a key");
  return {algorithm, {key, EVP_PKEY_free}};
}

std::optional<SigningKey> SigningKey::from_pem(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  const auto no_password = [](char*, int, int, void*) { return -1; };
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio, nullptr, no_password, nullptr), EVP_PKEY_free);
  BIO_free(bio);
  if (!key) return std::nullopt;
  if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) return SigningKey(Algorithm::kEdDsa, std::move(key));
  std::array<char, 32> group{};
  std::size_t length = 0;
  const bool p256 = EVP_PKEY_is_a(key.get(), "EC") == 1 &&
                    EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), &length) == 1 &&
                    std::string_view(group.data(), length) == "prime256v1";
  if (!p256) return std::nullopt;
  return SigningKey(Algorithm::kEs256, std::move(key));
}

std::string SigningKey::to_pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  const bool written =
      PEM_write_bio_PKCS8PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(length));
  BIO_free(bio);
  check(written, "writing a key");
  return pem;
}

std::string SigningKey::public_jwk() const {
  return fmt::format(R"({{{},"kid":"{}","use":"sig","alg":"{}"}})", members_, id_, name_of(algorithm_));
}

std::string SigningKey::sign(std::string_view text) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const EVP_MD* digest = algorithm_ == Algorithm::kEdDsa ? nullptr : EVP_sha256();
  check(context && EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1, "signing");
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t length = 0;
  check(EVP_DigestSign(context.get(), nullptr, &length, data, text.size()) == 1, "signing");
  std::string signature(length, '\0');
  check(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, data,
                       text.size()) == 1,
        "signing");
  signature.resize(length);
  return algorithm_ == Algorithm::kEdDsa ? signature : raw_signature(signature);
}

}  // namespace chaperone::auth
