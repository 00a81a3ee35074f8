#include "proxy/net/certificate_facts.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <new>

namespace chaperone::net {
namespace {

constexpr int kLeastSecurityBits = 112;

template <auto Function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    Function(object);
  }
};

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::string subject_of(const X509* certificate) {
  const std::unique_ptr<BIO, Free<BIO_free>> out(BIO_new(BIO_s_mem()));
  if (!out) throw std::bad_alloc();
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  facts.subject = subject_of(certificate);
  facts.begins = time_of(X509_get0_notBefore(certificate));
  facts.ends = time_of(X509_get0_notAfter(certificate));
  if (const EVP_PKEY* const key = X509_get0_pubkey(certificate)) {
    const char* const type = EVP_PKEY_get0_type_name(key);
    facts.key = fmt::format("{} of {} bits", type != nullptr ? type : "a key", EVP_PKEY_get_bits(key));
    facts.weak_key = EVP_PKEY_get_security_bits(key) < kLeastSecurityBits;
  }
  int digest = NID_undef;
  if (X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr) == 1 && digest != NID_undef) {
    facts.digest = OBJ_nid2sn(digest);
    // Nobody looks at the signature of a root, which is trusted for being in the file.
    facts.weak_digest =
        (digest == NID_md5 || digest == NID_sha1) && (X509_get_extension_flags(certificate) & EXFLAG_SS) == 0;
  }
  ERR_clear_error();
  return facts;
}

}  // namespace

wire::Result<std::vector<CertificateFacts>> certificate_facts(const PemFile& file) {
  const auto certificates = read_certificates(file);
  if (!certificates) return certificates.error();
  std::vector<CertificateFacts> facts;
  for (const auto& each : *certificates) facts.push_back(facts_of(each.get()));
  return facts;
}

}  // namespace chaperone::net
