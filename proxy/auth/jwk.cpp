#include "proxy/auth/jwk.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/auth/base64url.hpp"
#include "proxy/wire/secret.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::auth {
namespace {

constexpr std::size_t kCoordinate = 32;  // bytes, of P-256
constexpr std::size_t kEd25519 = 32;
constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;  // what is larger costs more than a login may
constexpr std::size_t kMaxKeys = 100;

template <class T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
using Key = std::shared_ptr<EVP_PKEY>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM, OSSL_PARAM_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BIGNUM, BN_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG, ECDSA_SIG_free>>;

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number(std::string_view big_endian) {
  return Number(BN_bin2bn(data_of(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

Key own(EVP_PKEY* key) {
  return key == nullptr ? nullptr : Key(key, EVP_PKEY_free);
}

wire::Error problem(std::string message) {
  return {.sqlstate = wire::sqlstate::kInvalidAuthorization, .message = std::move(message)};
}

Key make_key(const char* type, const OSSL_PARAM* parameters) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters)) !=
          1) {
    return nullptr;
  }
  Key key = own(made);
  const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, made, nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? key : nullptr;
}

Key ec_key(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinate || y.size() != kCoordinate) return nullptr;
  std::string point = "\x04";  // uncompressed
  point.append(x).append(y);
  std::string group = "prime256v1";
  const std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  return make_key("EC", parameters.data());
}

Key rsa_key(std::string_view modulus, std::string_view exponent) {
  const Number n = number(modulus);
  const Number e = number(exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return make_key("RSA", parameters.get());
}

/// A member in base64url; nothing where it is not there or is none.
std::optional<std::string> decoded(const Json& jwk, std::string_view name) {
  const Json* member = jwk.find(name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return base64url_decode(member->text);
}

std::string_view text_of(const Json& jwk, std::string_view name) {
  const Json* member = jwk.find(name);
  return member != nullptr && member->is_string() ? std::string_view(member->text) : std::string_view();
}

bool may_verify(const Json& jwk) {
  if (jwk.find("use") != nullptr && text_of(jwk, "use") != "sig") return false;
  const Json* operations = jwk.find("key_ops");
  return operations == nullptr ||
         std::any_of(operations->items.begin(), operations->items.end(),
                     [](const Json& item) { return item.is_string() && item.text == "verify"; });
}

wire::Result<Key> read_rsa(const Json& jwk) {
  const auto n = decoded(jwk, "n");
  const auto e = decoded(jwk, "e");
  if (!n || !e || n->empty() || n->size() > kMostRsaBits / 8 + 1 || e->size() > 8) {
    return problem("its n or e is no such number in base64url");
  }
  const Number modulus = number(*n);
  const int bits = modulus ? BN_num_bits(modulus.get()) : 0;
  if (bits < kLeastRsaBits || bits > kMostRsaBits) {
    return problem(fmt::format("it has {} bits; expected {} to {}", bits, kLeastRsaBits, kMostRsaBits));
  }
  const Number exponent = number(*e);
  if (!exponent || BN_get_word(exponent.get()) < 65537 || !BN_is_odd(exponent.get())) {
    return problem("its e is less than 65537, or even");
  }
  Key key = rsa_key(*n, *e);
  if (!key) return problem("it is no RSA key");
  return key;
}

/// r and s as ECDSA_SIG has them in DER.
std::string der_signature(std::string_view raw) {
  if (raw.size() != 2 * kCoordinate) return {};
  const Signature signature(ECDSA_SIG_new());
  Number r = number(raw.substr(0, kCoordinate));
  Number s = number(raw.substr(kCoordinate));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  std::string text;
  if (length > 0) text.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return text;
}

}  // namespace

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEs256:
      return "ES256";
    case Algorithm::kEdDsa:
      return "EdDSA";
    case Algorithm::kRs256:
      return "RS256";
    case Algorithm::kPs256:
      break;
  }
  return "PS256";
}

wire::Result<std::optional<VerificationKey>> VerificationKey::from_jwk(const Json& jwk) {
  const std::string_view type = text_of(jwk, "kty");
  if (type.empty()) return problem("it has no kty");
  if (type == "oct") return problem("it is a secret that verifier and issuer share; expected a public key");
  if (jwk.find("d") != nullptr) return problem("it holds a private key; expected the public one alone");
  if (!may_verify(jwk)) return std::optional<VerificationKey>();
  const Json* algorithm = jwk.find("alg");
  const std::string_view curve = text_of(jwk, "crv");
  VerificationKey result;
  result.id_ = text_of(jwk, "kid");
  if (type == "EC" && curve == "P-256") {
    result.algorithm_ = Algorithm::kEs256;
    result.key_ = ec_key(decoded(jwk, "x").value_or(""), decoded(jwk, "y").value_or(""));
    if (!result.key_) return problem("its x and y are no point of P-256");
  } else if (type == "OKP" && curve == "Ed25519") {
    result.algorithm_ = Algorithm::kEdDsa;
    const std::string x = decoded(jwk, "x").value_or("");
    if (x.size() == kEd25519) {
      result.key_ = own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data_of(x), x.size()));
    }
    if (!result.key_) return problem("its x is no key of Ed25519");
  } else if (type == "RSA") {
    // RFC 8017 wants one key for one scheme. Where the set does not say which, it is the one that nearly all
    // issuers use.
    result.algorithm_ =
        algorithm != nullptr && algorithm->text == "PS256" ? Algorithm::kPs256 : Algorithm::kRs256;
  } else {
    return std::optional<VerificationKey>();
  }
  if (algorithm != nullptr) {
    const bool ours = algorithm->is_string() && (algorithm->text == name_of(result.algorithm_) ||
                                                 (algorithm->text == "Ed25519" && type == "OKP"));
    if (!ours) return std::optional<VerificationKey>();
  }
  if (type == "RSA") {
    auto key = read_rsa(jwk);
    if (!key) return key.error();
    result.key_ = std::move(*key);
  }
  return std::optional(std::move(result));
}

bool VerificationKey::verifies(std::string_view text, std::string_view signature) const {
  std::string der;
  if (algorithm_ == Algorithm::kEs256) {
    der = der_signature(signature);
    if (der.empty()) return false;
    signature = der;
  }
  ERR_clear_error();
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // belongs to `context`
  const EVP_MD* digest = algorithm_ == Algorithm::kEdDsa ? nullptr : EVP_sha256();
  if (!context || EVP_DigestVerifyInit(context.get(), &key_context, digest, nullptr, key_.get()) != 1) {
    return false;
  }
  if (algorithm_ == Algorithm::kPs256 &&
      (EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  const bool verified =
      EVP_DigestVerify(context.get(), data_of(signature), signature.size(), data_of(text), text.size()) == 1;
  ERR_clear_error();
  wire::wipe(der);
  return verified;
}

wire::Result<KeySet> KeySet::from_text(std::string_view text, std::string_view file) {
  const auto wrong = [&](std::string_view what) { return problem(fmt::format("{}: {}", file, what)); };
  const auto document = parse_json(text);
  if (!document) return wrong(document.error().message);
  const Json* keys = document->find("keys");
  if (keys == nullptr || keys->kind != Json::Kind::kArray) {
    return wrong(R"(no list of keys; expected {"keys": [..]}, a JWK Set)");
  }
  if (keys->items.size() > kMaxKeys) return wrong(fmt::format("more than {} keys", kMaxKeys));
  KeySet set;
  for (std::size_t i = 0; i < keys->items.size(); ++i) {
    const auto bad = [&](std::string_view what) { return wrong(fmt::format("key {}: {}", i + 1, what)); };
    if (!keys->items[i].is_object()) return bad("it is no object");
    const Json* id = keys->items[i].find("kid");
    if (id != nullptr && (!id->is_string() || id->text.empty())) return bad("its kid is no text");
    auto key = VerificationKey::from_jwk(keys->items[i]);
    if (!key) return bad(key.error().message);
    if (!*key) continue;
    for (const auto& other : set.keys_) {
      if (other.id() == (*key)->id()) return bad("its kid is another key's too");
    }
    set.keys_.push_back(std::move(**key));
  }
  if (set.keys_.empty()) {
    return wrong("no key that verifies; expected EC P-256, OKP Ed25519 or RSA of 2048 bits or more");
  }
  return set;
}

const VerificationKey* KeySet::find(const std::optional<std::string_view>& id) const {
  if (!id) return keys_.size() == 1 ? &keys_.front() : nullptr;
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const VerificationKey& key) { return key.id() == *id; });
  return found == keys_.end() || id->empty() ? nullptr : &*found;
}

}  // namespace chaperone::auth
