#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/auth/scram.hpp"

/// What SCRAM needs of OpenSSL, as values. A failure of the library itself (no memory, no such algorithm) is
/// thrown as std::runtime_error: nothing that a peer sends leads there.
namespace chaperone::auth {

Sha256 sha256(std::string_view data);
Sha256 hmac_sha256(std::string_view key, std::string_view data);
Sha256 exclusive_or(const Sha256& left, const Sha256& right);

/// In constant time.
bool equal(const Sha256& left, const Sha256& right);

/// The bytes of a key, for what takes text.
inline std::string_view bytes(const Sha256& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

/// ClientKey and ServerKey of a password, which is SASLprep'd first. This is the expensive step.
ScramKeys derive_keys(std::string_view password, std::string_view salt, int iterations);

/// 18 random bytes in base64, as PostgreSQL's SCRAM_RAW_NONCE_LEN.
std::string fresh_nonce();

std::string base64_encode(std::string_view data);
/// Canonical base64 only: no white space, full padding, unused bits zero. Nothing else decodes.
std::optional<std::string> base64_decode(std::string_view text);
/// The same for exactly 32 bytes.
std::optional<Sha256> base64_decode_key(std::string_view text);

}  // namespace chaperone::auth
