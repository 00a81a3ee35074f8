#pragma once

#include <memory>
#include <string>
#include <vector>

struct x509_st;
struct evp_pkey_st;

namespace chaperone::pg {

/// A certificate and its key, in PEM form.
struct Credentials {
  std::string certificate;
  std::string key;
};

/// What a certificate says. Times are seconds from now.
struct CertificateOptions {
  std::string common_name = "test";
  std::string alternative_names = "DNS:localhost,IP:127.0.0.1";  ///< empty = none
  std::string usage = "serverAuth";                              ///< empty = any
  long begins = -3600;
  long ends = 3600;
  const char* algorithm = "P-256";  ///< also "ED25519", "RSA"
  const char* digest = "SHA256";
};

/// The same private key, protected.
std::string with_passphrase(const std::string& key);

/// A certificate authority that exists for one test.
class Authority {
 public:
  explicit Authority(const std::string& name = "test authority");
  /// An intermediate one, signed by another.
  Authority(const std::string& name, const Authority& above);
  /// Its `usage` is empty where it may sign for any.
  explicit Authority(const CertificateOptions& options);

  const std::string& certificate() const { return certificate_; }
  std::string key() const;
  Credentials issue(const CertificateOptions& options = {}) const;
  /// Signed by its own key.
  static Credentials self_signed(const CertificateOptions& options = {});

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> own_;
  std::string certificate_;
};

}  // namespace chaperone::pg
