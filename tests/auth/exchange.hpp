#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "proxy/auth/crypto.hpp"
#include "proxy/auth/scram.hpp"

namespace chaperone::auth {

struct ScramSeam {
  static void set_nonce(ScramServer& server, std::string nonce) { server.nonce_ = std::move(nonce); }
  static void set_nonce(ScramClient& client, std::string nonce) { client.nonce_ = std::move(nonce); }
  static std::size_t size(const ScramKeyCache& cache) { return cache.keys_.size(); }
  /// After first(): as if a user name had been sent.
  static void set_user(ScramClient& client, std::string_view user) {
    client.client_first_bare_ = std::string("n=").append(user).append(",r=").append(client.nonce_);
  }
};

}  // namespace chaperone::auth

/// The parties of RFC 7677, section 3, with their nonces.
namespace chaperone::auth::testing {

inline constexpr std::string_view kPassword = "pencil";
inline constexpr std::string_view kClientNonce = "rOprNGfwEbeRWgbNEkqO";
inline constexpr std::string_view kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

inline ScramVerifier verifier_of(std::string_view password, std::string salt, int iterations) {
  const ScramKeys keys = derive_keys(password, salt, iterations);
  return {.iterations = iterations,
          .salt = std::move(salt),
          .stored_key = sha256(bytes(keys.client_key)),
          .server_key = keys.server_key};
}

inline ScramVerifier rfc_verifier(int iterations = 4096) {
  return verifier_of(kPassword, base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==").value_or(""), iterations);
}

inline ScramServer make_server(ScramVerifier verifier, bool doomed = false) {
  ScramServer server(std::move(verifier), doomed);
  ScramSeam::set_nonce(server, std::string(kServerNonce));
  return server;
}

inline ScramClient make_client(std::string_view password, ScramKeyCache& cache) {
  ScramClient client(password, cache);
  ScramSeam::set_nonce(client, std::string(kClientNonce));
  return client;
}

}  // namespace chaperone::auth::testing
