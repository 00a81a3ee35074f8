#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/wire/error.hpp"

/// SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it (auth-scram.c, fe-auth-scram.c; manual 55.3):
/// the user name inside SCRAM is ignored on both sides, passwords are SASLprep'd where they can be.
/// Over TLS an exchange is bound to the connection (SCRAM-SHA-256-PLUS with tls-server-end-point, RFC 5929):
/// `end_point` is the hash of the server's certificate, and empty where there is no TLS or the certificate
/// has no such hash.
namespace chaperone::auth {

using Sha256 = std::array<unsigned char, 32>;

inline constexpr std::string_view kScramSha256 = "SCRAM-SHA-256";
inline constexpr std::string_view kScramSha256Plus = "SCRAM-SHA-256-PLUS";
/// PostgreSQL's scram_iterations default.
inline constexpr int kScramIterations = 4096;
/// More rounds than this from a server are refused: they would be a way to burn our CPU.
inline constexpr int kMaxScramIterations = 1'000'000;

/// What a server keeps instead of a password. Text form, as pg_authid.rolpassword:
/// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, the latter three in base64.
struct ScramVerifier {
  int iterations = kScramIterations;
  std::string salt;  ///< raw bytes
  Sha256 stored_key{};
  Sha256 server_key{};

  /// The error says what of the text is wrong.
  static wire::Result<ScramVerifier> from_text(std::string_view text);
  std::string to_text() const;

  /// Derives a verifier with a fresh random salt of 16 bytes: some 3 ms of CPU at 4,096 iterations.
  static ScramVerifier derive(std::string_view password, int iterations = kScramIterations);
  /// A verifier that no password fits, the same for the same user as long as `secret` lives, so that an
  /// unknown user meets the same messages and takes the same time as a known one (PostgreSQL's
  /// mock_scram_secret).
  static ScramVerifier mock(std::string_view user, const Sha256& secret);
};

/// The tests' way to what is random or bounded here; they define it, nothing else does.
struct ScramSeam;

/// The server's side of one exchange: mechanisms() to offer, choose(), first(), then final(). Not copyable,
/// used once; any error ends the exchange.
class ScramServer {
 public:
  /// `doomed`: the verifier is a mock, the exchange runs to its end and always fails there.
  ScramServer(ScramVerifier verifier, bool doomed, std::string end_point = {});
  ScramServer(ScramServer&&) = default;
  ScramServer& operator=(ScramServer&&) = default;

  /// What there is to choose from, the best first: SCRAM-SHA-256-PLUS only where the channel can be bound.
  std::vector<std::string_view> mechanisms() const;
  /// The client's choice; false: it was not offered. Without a call it is SCRAM-SHA-256.
  bool choose(std::string_view mechanism);
  /// Takes client-first-message, gives server-first-message. Malformed: 08P01, asking for what there is not:
  /// 0A000, with PostgreSQL's messages and details. A client that does not bind the channel because it takes
  /// us for a server that can't, while we offered it, was lied to on the way: 28000.
  wire::Result<std::string> first(std::string_view client_first);
  /// Takes client-final-message, gives server-final-message. A wrong proof, or a doomed exchange: 28P01.
  /// The message of a 28P01 is empty: it is the caller's to name the user. Proofs are compared in constant
  /// time.
  wire::Result<std::string> final(std::string_view client_final);

 private:
  friend struct ScramSeam;
  enum class State { kStart, kChallenged, kOver };

  State state_ = State::kStart;
  ScramVerifier verifier_;
  bool doomed_;
  std::string client_first_bare_;
  std::string server_first_;
  std::string nonce_;  ///< ours at first, the client's and ours once challenged
  std::string end_point_;
  bool binds_ = false;  ///< SCRAM-SHA-256-PLUS was chosen
  std::string gs2_header_;
};

/// Keys derived from a password for one (salt, iterations), kept so that a login costs no PBKDF2. Wiped when
/// they go.
struct ScramKeys {
  Sha256 client_key{};
  Sha256 server_key{};

  ~ScramKeys();
};

/// Keys of 256 random bits each that no password leads to, and the verifier by which a server knows them.
/// What a login for one session needs: nothing to type, to derive or to leak.
struct ScramSecret {
  ScramKeys keys;
  ScramVerifier verifier;

  static ScramSecret random();
};

/// ScramKeys by password, salt and iterations; for one thread. Passwords are kept as hashes only. Bounded:
/// past 1,000 entries it starts anew.
class ScramKeyCache {
 public:
  /// Good until the next call.
  const ScramKeys& get(std::string_view password, std::string_view salt, int iterations);

 private:
  friend struct ScramSeam;

  std::map<Sha256, ScramKeys> keys_;  ///< by SHA-256(SHA-256(password), iterations, salt)
};

/// The client's side of one exchange with an upstream: choose(), first(), final(), verify(); any error ends
/// the exchange. Errors are 08006 "upstream: .." for the operator.
class ScramClient {
 public:
  /// `password` and `cache` outlive the exchange.
  ScramClient(std::string_view password, ScramKeyCache& cache, std::string end_point = {});
  /// With keys in place of a password: they fit what ScramSecret made them for, whatever salt the server
  /// names.
  explicit ScramClient(const ScramKeys& keys, std::string end_point = {});

  /// The best of what a server offers, to be used from here on; empty: there is nothing that is spoken.
  /// Without a call it is SCRAM-SHA-256. Where the channel could be bound and the server does not offer it,
  /// the exchange says so, and a server whose offer was tampered with ends it.
  std::string_view choose(const std::vector<std::string_view>& offered);
  /// client-first-message, with a fresh nonce of 18 random bytes.
  std::string first();
  /// Takes server-first-message, gives client-final-message. Refused: a nonce that does not extend ours, an
  /// empty salt, iterations outside 1..kMaxScramIterations, an attribute that is not understood (m=).
  wire::Result<std::string> final(std::string_view server_first);
  /// Checks server-final-message: the server has to prove that it knows the password as well.
  wire::Result<void> verify(std::string_view server_final) const;

 private:
  friend struct ScramSeam;
  enum class State { kStart, kNonceSent, kProofSent, kOver };

  State state_ = State::kStart;
  std::optional<ScramKeys> keys_;
  std::string_view password_;
  ScramKeyCache* cache_ = nullptr;  ///< nullptr = keys_ are there
  std::string nonce_;
  std::string end_point_;
  std::string gs2_header_;
  std::string client_first_bare_;
  Sha256 server_signature_{};
};

/// SASLprep (RFC 4013) of a password; what can't be prepared (not UTF-8, prohibited characters) is used as it
/// is, as the callers of pg_saslprep do. ASCII stays what it is.
std::string saslprep(std::string_view password);

/// `size` bytes from OpenSSL's generator; aborts the process if it has none.
std::string random_bytes(std::size_t size);

/// 80 random bits as 16 characters of base32 (RFC 4648, in lower case).
std::string random_id();

}  // namespace chaperone::auth
