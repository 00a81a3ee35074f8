#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/error.hpp"

struct evp_pkey_st;
struct ssl_ctx_st;
struct x509_st;

namespace chaperone::net {

/// A file's text, and its name for messages.
struct PemFile {
  std::string name;
  std::string text;
};

/// What we show a server that asks who we are. The key is gone from memory with the last who holds it.
struct ClientCertificate {
  std::shared_ptr<x509_st> certificate;
  std::vector<std::shared_ptr<x509_st>> chain = {};  ///< those between it and an authority of the server's
  std::shared_ptr<evp_pkey_st> key;
};

/// What all TLS connections of one listener, or to one server, have in common. TLS 1.2 and 1.3, AEAD ciphers
/// with forward secrecy, no tickets, resumption, renegotiation or compression. Immutable, for any thread;
/// connections keep alive what they need of it. Errors say which file is wrong, and how.
class TlsContext {
 public:
  using Result = wire::Result<std::shared_ptr<const TlsContext>>;

  /// For clients. `certificate`: ours, then the intermediate ones. `client_ca`: where it has a text, a client
  /// has to show a certificate of one of these authorities.
  static Result for_clients(const PemFile& certificate, const PemFile& key, const PemFile& client_ca = {});
  /// For the server of that name or address. `verify`: its certificate has to be of `ca` (without a text: of
  /// an authority that the system trusts), good for servers, in time, and of that host.
  static Result for_server(std::string host, bool verify, const PemFile& ca = {});
  /// The same as a context for a server, of a session that shows it this certificate. A server that asks for
  /// none ends the handshake: whatever would let the session in, it would not be the certificate.
  static std::shared_ptr<const TlsContext> presenting(const TlsContext& base, ClientCertificate shown);
  /// The same with a certificate, those above it, and its key in PEM form.
  static Result presenting(const TlsContext& base, const PemFile& certificate, const PemFile& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }
  /// Whether connections are accepted by it, rather than opened.
  bool accepts() const { return host_.empty(); }
  const std::string& host() const { return host_; }
  /// nullptr = nothing is shown.
  const std::shared_ptr<const ClientCertificate>& shown() const { return shown_; }

 private:
  explicit TlsContext(std::string host);
  TlsContext(const TlsContext& base, ClientCertificate shown);

  ssl_ctx_st* context_;
  std::string host_;
  std::shared_ptr<const ClientCertificate> shown_;
};

/// The certificates of a file in their order, at least one.
wire::Result<std::vector<std::shared_ptr<x509_st>>> read_certificates(const PemFile& file);
/// The private key of a file, which has no passphrase.
wire::Result<std::shared_ptr<evp_pkey_st>> read_private_key(const PemFile& file);

/// tls-server-end-point of a server's certificate (RFC 5929, section 4.1): its hash by the algorithm of its
/// signature, SHA-256 in place of MD5 and SHA-1. Empty where that algorithm has none of its own, as Ed25519.
std::string end_point_of(const x509_st* certificate);

}  // namespace chaperone::net
