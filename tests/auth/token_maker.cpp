#include "tests/auth/token_maker.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <stdexcept>

#include "proxy/auth/base64url.hpp"

namespace chaperone::auth {
namespace {

EVP_PKEY* generate(const std::string& kind, unsigned bits) {
  if (kind == "RSA") return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits));
  if (kind == "ED25519") return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind.c_str());
}

std::string padded(const BIGNUM* value, int size) {
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), size) < 0) {
    throw std::runtime_error("too large");
  }
  return bytes;
}

}  // namespace

TestKey::TestKey(std::string_view kind, unsigned bits)
    : kind_(kind), key_(generate(kind_, bits), EVP_PKEY_free) {
  if (!key_) throw std::runtime_error("no key of kind " + kind_);
}

std::string TestKey::sign(std::string_view alg, std::string_view text, bool der) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* key_context = nullptr;
  const EVP_MD* digest = alg.ends_with("384") ? EVP_sha384() : EVP_sha256();
  if (kind_ == "ED25519") digest = nullptr;
  EVP_DigestSignInit(context.get(), &key_context, digest, nullptr, key_.get());
  if (alg.starts_with("PS")) {
    EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
  }
  std::string signature(1024, '\0');
  std::size_t length = signature.size();
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
    throw std::runtime_error("can't sign");
  }
  signature.resize(length);
  if (der || kind_ == "RSA" || kind_ == "ED25519") return signature;
  const auto* at = reinterpret_cast<const unsigned char*>(signature.data());
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parts(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())), ECDSA_SIG_free);
  const int half = kind_ == "P-384" ? 48 : 32;
  return padded(ECDSA_SIG_get0_r(parts.get()), half) + padded(ECDSA_SIG_get0_s(parts.get()), half);
}

std::string TestKey::parameter(const char* name) const {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key_.get(), name, &value);
  const bool coordinate = kind_ != "RSA";
  std::string text =
      base64url_encode(padded(value, coordinate ? (kind_ == "P-384" ? 48 : 32) : BN_num_bytes(value)));
  BN_free(value);
  return text;
}

std::string TestKey::jwk(std::string_view id, std::string_view alg, std::string_view more) const {
  std::string members;
  if (!id.empty()) members += fmt::format(R"(,"kid":"{}")", id);
  if (!alg.empty()) members += fmt::format(R"(,"alg":"{}")", alg);
  members += more;
  if (kind_ == "RSA") {
    return fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"{}}})", parameter(OSSL_PKEY_PARAM_RSA_N),
                       parameter(OSSL_PKEY_PARAM_RSA_E), members);
  }
  if (kind_ == "ED25519") {
    std::string bytes(32, '\0');
    std::size_t length = bytes.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &length);
    return fmt::format(R"({{"kty":"OKP","crv":"Ed25519","x":"{}"{}}})", base64url_encode(bytes), members);
  }
  return fmt::format(R"({{"kty":"EC","crv":"{}","x":"{}","y":"{}"{}}})", kind_,
                     parameter(OSSL_PKEY_PARAM_EC_PUB_X), parameter(OSSL_PKEY_PARAM_EC_PUB_Y), members);
}

std::string TestKey::public_pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PUBKEY(bio.get(), key_.get());
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

std::string object(Members members, const Members& edits) {
  for (const auto& [name, value] : edits) {
    const auto same = [&name = name](const auto& member) { return member.first == name; };
    const auto found = std::find_if(members.begin(), members.end(), same);
    if (value.empty()) {
      std::erase_if(members, same);
    } else if (found != members.end()) {
      found->second = value;
    } else {
      members.emplace_back(name, value);
    }
  }
  std::string text;
  for (const auto& [name, value] : members) {
    text += fmt::format(R"({}"{}":{})", text.empty() ? "" : ",", name, value);
  }
  return "{" + text + "}";
}

std::string compact(std::string_view header, std::string_view claims, std::string_view signature) {
  return base64url_encode(header) + "." + base64url_encode(claims) + "." + base64url_encode(signature);
}

Members good_claims() {
  return {{"iss", R"("https://id.example.com")"},
          {"aud", R"("pgchaperone")"},
          {"sub", R"("alice@example.com")"},
          {"exp", std::to_string(kNow / kSecond + 600)},
          {"iat", std::to_string(kNow / kSecond)},
          {"jti", R"("id-1")"},
          {"act", R"({"sub":"triage-bot"})"},
          {"task", R"("TICKET-4711")"},
          {"tenant_id", "7"}};
}

std::string TestIssuer::jwks() const {
  return fmt::format(R"({{"keys":[{},{},{},{}]}})", es.jwk("es"), ed.jwk("ed"), rs.jwk("rs", "RS256"),
                     ps.jwk("ps", "PS256"));
}

const TestKey& TestIssuer::key(std::string_view id) const {
  return id == "es" ? es : id == "ed" ? ed : id == "rs" ? rs : ps;
}

std::string_view TestIssuer::alg(std::string_view id) {
  return id == "es" ? "ES256" : id == "ed" ? "EdDSA" : id == "rs" ? "RS256" : "PS256";
}

std::string TestIssuer::token(std::string_view id, const Members& claims, const Members& header) const {
  const std::string head = object(
      {{"alg", fmt::format("\"{}\"", alg(id))}, {"typ", R"("at+jwt")"}, {"kid", fmt::format("\"{}\"", id)}},
      header);
  const std::string body = object(good_claims(), claims);
  const std::string text = base64url_encode(head) + "." + base64url_encode(body);
  return text + "." + base64url_encode(key(id).sign(alg(id), text));
}

const TestIssuer& test_issuer() {
  static const TestIssuer issuer;
  return issuer;
}

}  // namespace chaperone::auth
