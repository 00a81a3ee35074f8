#include "tests/pg/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <stdexcept>
#include <string_view>

namespace chaperone::pg {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

Key make_key(std::string_view algorithm) {
  EVP_PKEY* key = nullptr;
  if (algorithm == "RSA") {
    key = EVP_RSA_gen(2048);
  } else if (algorithm == "ED25519") {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  } else {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", std::string(algorithm).c_str());
  }
  check(key != nullptr, "no key");
  return {key, EVP_PKEY_free};
}

template <class Write>
std::string pem(Write&& write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  check(write(out.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(const Certificate& certificate) {
  return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}

std::string pem_of(const Key& key) {
  return pem([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  check(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Without an issuer it signs itself.
Certificate make(const CertificateOptions& options, const Key& key, bool authority, X509* issuer,
                 EVP_PKEY* signer) {
  Certificate certificate(X509_new(), X509_free);
  X509* const made = certificate.get();
  X509_set_version(made, 2);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(made), options.begins);
  X509_gmtime_adj(X509_getm_notAfter(made), options.ends);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.common_name.c_str()), -1, -1, 0);
  if (issuer == nullptr) issuer = made;
  X509_set_issuer_name(made, X509_get_subject_name(issuer));
  X509_set_pubkey(made, key.get());
  extend(made, issuer, NID_basic_constraints, authority ? "critical,CA:TRUE" : "CA:FALSE");
  extend(made, issuer, NID_subject_key_identifier, "hash");
  if (authority) {
    extend(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else if (!options.alternative_names.empty()) {
    extend(made, issuer, NID_subject_alt_name, options.alternative_names);
  }
  if (!options.usage.empty()) extend(made, issuer, NID_ext_key_usage, options.usage);
  if (signer == nullptr) signer = key.get();
  const bool own_digest = EVP_PKEY_is_a(signer, "ED25519") == 1;
  check(X509_sign(made, signer, own_digest ? nullptr : EVP_get_digestbyname(options.digest)) > 0, "signing");
  return certificate;
}

}  // namespace

std::string with_passphrase(const std::string& key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), BIO_free);
  const Key read(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  static constexpr std::string_view kPassphrase = "a passphrase";
  return pem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, read.get(), EVP_aes_128_cbc(), kPassphrase.data(),
                                         static_cast<int>(kPassphrase.size()), nullptr, nullptr);
  });
}

Authority::Authority(const std::string& name)
    : Authority(CertificateOptions{.common_name = name, .usage = ""}) {
}

Authority::Authority(const CertificateOptions& options)
    : key_(make_key(options.algorithm)),
      own_(make(options, key_, true, nullptr, nullptr)),
      certificate_(pem_of(own_)) {
}

Authority::Authority(const std::string& name, const Authority& above)
    : key_(make_key("P-256")),
      own_(make({.common_name = name, .usage = ""}, key_, true, above.own_.get(), above.key_.get())),
      certificate_(pem_of(own_)) {
}

std::string Authority::key() const {
  return pem_of(key_);
}

Credentials Authority::issue(const CertificateOptions& options) const {
  const Key key = make_key(options.algorithm);
  return {pem_of(make(options, key, false, own_.get(), key_.get())), pem_of(key)};
}

Credentials Authority::self_signed(const CertificateOptions& options) {
  const Key key = make_key(options.algorithm);
  return {pem_of(make(options, key, false, nullptr, nullptr)), pem_of(key)};
}

}  // namespace chaperone::pg
