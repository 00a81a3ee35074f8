#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/record.hpp"
#include "proxy/wire/error.hpp"
#include "proxy/wire/secret.hpp"

namespace chaperone::net {

/// What a command that gives credentials is told, as one line of JSON on its standard input.
struct CredentialQuestion {
  std::string_view server;    ///< "db.internal:5432"
  std::string_view database;  ///< its name there
  std::string_view agent;
  std::string_view actor = {};  ///< empty = null
  std::string_view task = {};   ///< empty = null
  std::vector<std::string> capabilities = {};
  std::string_view lease;  ///< the name that the records know this credential by
  long lifetime = 0;       ///< seconds that it should be good for

  std::string to_json() const;
};

/// What it prints: {"user": .., "password": ..} or {"user": .., "certificate": .., "key": ..}, both with
/// "expires_at" if it likes.
struct CredentialAnswer {
  std::string user;
  wire::Secret password;
  wire::Secret certificate, key;  ///< in PEM form
  std::optional<audit::Microseconds> expires_at;

  /// Reads one JSON object and nothing else. What it does not know, what stands twice, control characters in
  /// a name or password, a time that is past: errors, which hold no word of the text.
  static wire::Result<CredentialAnswer> read(std::string_view json, audit::Microseconds now);
};

}  // namespace chaperone::net
