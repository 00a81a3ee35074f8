#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/tls_context.hpp"

struct ssl_st;

namespace chaperone::net {

/// One end of a TLS connection, without a socket: what the other end sent goes in, what is to be sent to it
/// comes out, and the plain bytes on the other side. It holds no buffer but what OpenSSL needs of an
/// unfinished record, so that an idle connection costs 14 KB. Not thread-safe.
///
///     handshake() with what comes, until state() is kOpen; then read() and write()
class Tls {
 public:
  enum class State : std::uint8_t {
    kHandshake,
    kOpen,
    kClosed,  ///< the other end said goodbye
    kFailed,  ///< not to be used any more; failure() says why
  };
  /// What read() may give beyond the size of its input: a record that was kept until its end came.
  static constexpr std::size_t kMaxHeld = 16384 + 512;

  /// The context says for which end. `direct`: the other end began without asking (PostgreSQL 17), so that it
  /// has to say by ALPN that it means PostgreSQL.
  explicit Tls(const TlsContext& context, bool direct = false);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  State state() const { return state_; }
  const std::string& failure() const { return failure_; }
  /// Takes of `input` what belongs to the handshake, and appends to `output` what has to be sent, which after
  /// a failure is an alert.
  void handshake(std::string_view& input, std::string& output);
  /// Takes all of the input and gives the number of plain bytes, which are good even where the state is no
  /// longer kOpen behind them. `to` has room for the size of the input and kMaxHeld.
  std::size_t read(std::string_view input, char* to, std::size_t room, std::string& output);
  /// Appends the bytes encrypted, in records as large as they can be.
  void write(std::string_view bytes, std::string& output);
  /// Appends a goodbye (close_notify), once open; nothing is written behind it, but the other end's words
  /// still count.
  void finish(std::string& output);
  /// What binds SCRAM to this connection: that of the server's certificate (end_point_of()). Once open.
  std::string end_point() const;
  /// SHA-256 of the server's certificate, whatever has signed it: of one's own end at once, else once open.
  std::string fingerprint() const;

 private:
  friend struct TlsWire;

  static int show_certificate(ssl_st* ssl, void* tls);
  void established();
  void fail(int error);

  ssl_st* ssl_;
  const bool direct_;
  State state_ = State::kHandshake;
  bool finished_ = false;
  bool asked_who_we_are_ = false;
  std::shared_ptr<const ClientCertificate> shown_;  // until the handshake is over
  std::size_t answered_ = 0;
  std::string_view* input_ = nullptr;  // of the call that is under way
  std::string* output_ = nullptr;
  std::string failure_;
};

}  // namespace chaperone::net
