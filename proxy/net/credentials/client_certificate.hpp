#pragma once

#include <memory>
#include <string>

#include "proxy/audit/record.hpp"
#include "proxy/net/tls_context.hpp"

namespace chaperone::net {

/// A certificate that was made for one session.
struct MintedCertificate {
  ClientCertificate shown;
  std::string serial;  ///< in hex, as `openssl x509 -serial` prints it
  audit::Microseconds expires_at = 0;
};

/// The authority of the configuration that signs the certificates by which sessions log in (manual, 21.12,
/// Certificate Authentication). Immutable, for any thread.
class ClientAuthority {
 public:
  using Result = wire::Result<std::shared_ptr<const ClientAuthority>>;

  /// `certificate`: its own first, then those above it. It has to be an authority's that may sign for
  /// clients, in time, and `key` has to be its key. Errors say which file is wrong, and how.
  static Result read(const PemFile& certificate, const PemFile& key, audit::Microseconds now);

  /// A certificate of that name, at most 64 bytes, with a fresh P-256 key that is never written: for clients
  /// alone, good from a minute ago until `now` and `seconds`, but no longer than the authority itself. Some
  /// 0.1 ms where the authority's key is an elliptic curve's.
  wire::Result<MintedCertificate> mint(const std::string& name, audit::Microseconds now, long seconds) const;

 private:
  ClientAuthority(ClientCertificate own, audit::Microseconds ends, std::string file)
      : own_(std::move(own)), ends_(ends), file_(std::move(file)) {}

  ClientCertificate own_;
  audit::Microseconds ends_;
  std::string file_;
};

}  // namespace chaperone::net
