#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/tls_context.hpp"

namespace chaperone::net {

/// What can be wrong with a certificate by itself.
struct CertificateFacts {
  std::string subject;  ///< "CN=db.internal,O=Shop", as RFC 2253
  std::chrono::sys_seconds begins;
  std::chrono::sys_seconds ends;
  std::string key;           ///< "RSA of 2048 bits"
  bool weak_key = false;     ///< less than 112 bits of security (NIST SP 800-57 part 1, table 2)
  std::string digest;        ///< of the signature: "SHA256"; empty: the algorithm has none of its own
  bool weak_digest = false;  ///< MD5 or SHA-1, of a certificate that others vouch for
};

/// Of the certificates of a file, in its order, at least one.
wire::Result<std::vector<CertificateFacts>> certificate_facts(const PemFile& file);

}  // namespace chaperone::net
