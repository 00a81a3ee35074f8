#include "proxy/net/credentials/client_certificate.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <stdexcept>

#include "proxy/auth/scram.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
/// For servers whose clock is behind ours.
constexpr std::time_t kBackdated = 60;
/// X.509's ub-common-name.
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kSerialBytes = 16;

wire::Error wrong(std::string_view file, std::string_view what) {
  return {.sqlstate = wire::sqlstate::kInvalidParameterValue, .message = fmt::format("{}: {}", file, what)};
}

/// A failure of the library itself: nothing that a peer sends leads there.
void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(fmt::format("OpenSSL failed: {}", what));
}

std::time_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  check(ASN1_TIME_to_tm(time, &parts) == 1, "a certificate's time");
  return ::timegm(&parts);
}

void extend(X509* certificate, X509* issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value);
  const bool done = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  check(done, value);
}

/// Gives it in hex.
std::string set_random_serial(X509* certificate) {
  const std::string random = auth::random_bytes(kSerialBytes);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(random.data()), static_cast<int>(random.size()),
                nullptr),
      BN_free);
  check(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr, "serial");
  char* const hex = BN_bn2hex(number.get());
  check(hex != nullptr, "serial");
  std::string text(hex);
  OPENSSL_free(hex);
  return text;
}

void set_name(X509* certificate, const std::string& name) {
  check(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(name.data()),
                                   static_cast<int>(name.size()), -1, 0) == 1,
        "name");
}

/// A signature of Ed25519 and Ed448 hashes by itself.
const EVP_MD* digest_for(EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1 ? nullptr : EVP_sha256();
}

}  // namespace

ClientAuthority::Result ClientAuthority::read(const PemFile& certificate, const PemFile& key,
                                              audit::Microseconds now) {
  const auto certificates = read_certificates(certificate);
  if (!certificates) return certificates.error();
  const auto private_key = read_private_key(key);
  if (!private_key) return private_key.error();
  X509* const own = certificates->front().get();
  if (X509_check_ca(own) != 1) {
    return wrong(certificate.name, "its first certificate is no authority's (basicConstraints CA:TRUE)");
  }
  if ((X509_get_key_usage(own) & KU_KEY_CERT_SIGN) == 0 ||
      X509_check_purpose(own, X509_PURPOSE_SSL_CLIENT, 1) != 1) {
    return wrong(certificate.name,
                 "the authority may not sign certificates of clients (keyUsage keyCertSign, and "
                 "extendedKeyUsage, where it has one, with clientAuth)");
  }
  const std::time_t begins = seconds_of(X509_get0_notBefore(own)), ends = seconds_of(X509_get0_notAfter(own));
  if (begins > now / kSecond) return wrong(certificate.name, "the authority's certificate is not valid yet");
  if (ends <= now / kSecond) return wrong(certificate.name, "the authority's certificate has expired");
  if (X509_check_private_key(own, private_key->get()) != 1) {
    ERR_clear_error();
    return wrong(key.name,
                 fmt::format("the private key is not that of the certificate in {}", certificate.name));
  }
  ClientCertificate authority{.certificate = certificates->front(), .key = *private_key};
  // A server is not shown a root: it trusts its own or none.
  std::ranges::copy_if(*certificates, std::back_inserter(authority.chain), [](const auto& each) {
    return X509_NAME_cmp(X509_get_subject_name(each.get()), X509_get_issuer_name(each.get())) != 0;
  });
  return std::shared_ptr<const ClientAuthority>(
      new ClientAuthority(std::move(authority), std::int64_t{ends} * kSecond, certificate.name));
}

wire::Result<MintedCertificate> ClientAuthority::mint(const std::string& name, audit::Microseconds now,
                                                      long seconds) const {
  if (now >= ends_) return wrong(file_, "the authority's certificate has expired");
  if (name.empty() || name.size() > kLongestName) return wrong(name, "no name for a certificate");
  std::shared_ptr<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  std::shared_ptr<X509> certificate(X509_new(), X509_free);
  check(key && certificate, "a certificate");
  X509* const made = certificate.get();
  X509* const issuer = own_.certificate.get();
  const std::time_t begins = now / kSecond;
  const std::time_t ends = std::min<std::int64_t>(begins + seconds, ends_ / kSecond);
  X509_set_version(made, X509_VERSION_3);
  std::string serial = set_random_serial(made);
  check(ASN1_TIME_set(X509_getm_notBefore(made), begins - kBackdated) != nullptr &&
            ASN1_TIME_set(X509_getm_notAfter(made), ends) != nullptr,
        "times");
  set_name(made, name);
  check(
      X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 && X509_set_pubkey(made, key.get()) == 1,
      "a certificate");
  extend(made, issuer, NID_basic_constraints, "critical,CA:FALSE");
  extend(made, issuer, NID_key_usage, "critical,digitalSignature");
  extend(made, issuer, NID_ext_key_usage, "critical,clientAuth");
  if (X509_get0_subject_key_id(issuer) != nullptr) {
    extend(made, issuer, NID_authority_key_identifier, "keyid");
  }
  check(X509_sign(made, own_.key.get(), digest_for(own_.key.get())) > 0, "signing a certificate");
  return MintedCertificate{
      .shown = {.certificate = std::move(certificate), .chain = own_.chain, .key = std::move(key)},
      .serial = std::move(serial),
      .expires_at = std::int64_t{ends} * kSecond};
}

}  // namespace chaperone::net
