#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace chaperone::auth {

/// Who a client has proved to be, and how. Plain values, all of them verified.
struct ProvenIdentity {
  std::string method;  ///< "scram", "token": the record's `proof`
  std::string agent;
  std::string actor = {};                                       ///< empty = none said
  std::string task = {};                                        ///< empty = none said
  std::map<std::string, std::string, std::less<>> claims = {};  ///< by name, numbers and texts as text
  /// Capabilities that the proof is bounded to; nothing = all that the agent has.
  std::optional<std::vector<std::string>> capabilities = {};
  std::string issuer = {};
  std::string token_id = {};                    ///< `jti`, by which it can be revoked
  std::optional<std::int64_t> expires_at = {};  ///< microseconds since 1970-01-01 UTC
};

}  // namespace chaperone::auth
