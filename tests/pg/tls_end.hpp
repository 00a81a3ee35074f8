#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/pg/certificates.hpp"

struct ssl_st;

namespace chaperone::pg {

/// How a test's end of a TLS connection behaves.
struct TlsOptions {
  Credentials own = {};   ///< what it shows; needed to accept
  std::string ca = {};    ///< PEM: whom it trusts; empty = anybody
  std::string host = {};  ///< whom the other end's certificate has to name; empty = anybody
  std::string alpn = "postgresql";
  int version = 0;        ///< of TLS, as OpenSSL numbers them; 0 = the newest
  std::size_t piece = 0;  ///< so many bytes of the handshake at a time; 0 = all
};

/// A test's end of a TLS connection, by OpenSSL's own means: none of the code that is tested. Bytes in, bytes
/// out.
class TlsEnd {
 public:
  TlsEnd(const TlsOptions& options, bool accepts);

  /// Takes what came and gives what is to be sent. Throws std::runtime_error with the reason when the
  /// handshake fails; then take_output() still has the alert.
  std::string handshake(std::string_view input);
  bool open() const { return open_; }
  std::string encrypt(std::string_view bytes);
  /// `ended` is set when the other end said goodbye. Throws std::runtime_error on what is no TLS.
  std::string decrypt(std::string_view input, bool& ended);
  std::string take_output();
  std::string goodbye();
  /// tls-server-end-point, from the server's certificate with SHA-256.
  std::string end_point() const;
  /// The protocol that was chosen by ALPN, "TLSv1.3", and the common name that the other end shows.
  std::string alpn() const;
  std::string version() const;
  std::string peer_name() const;
  bool accepts() const;
  /// Whether the session could be taken up again on another connection.
  bool resumable() const;
  /// Asks for new keys (TLS 1.3), or for a new handshake (1.2): what is to be sent for it.
  std::string ask_for_new_keys();
  std::string ask_for_renegotiation();

 private:
  std::shared_ptr<ssl_st> ssl_;
  bool open_ = false;
};

}  // namespace chaperone::pg
