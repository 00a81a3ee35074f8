#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "parser/parser.hpp"
#include "proxy/auth/passwords.hpp"

namespace chaperone::session {

/// Where a PostgreSQL listens.
struct Address {
  std::string host;  ///< name or address; for a Unix socket the directory
  std::uint16_t port = 5432;
  bool unix_socket = false;

  /// "host:port", "[v6]:port" or "unix:/directory:port", as the configuration writes it.
  std::string to_string() const;
  /// Of a Unix socket, as libpq names it: <directory>/.s.PGSQL.<port>.
  std::string socket_path() const;
  auto operator<=>(const Address&) const = default;
};

/// One entry of `databases`: what stands behind a database name of the agents' connection strings.
struct Database {
  Address server;
  std::string database;  ///< name on the server; empty = the name that the agent used
  std::string role;      ///< role to log in as; empty = the agent's own name
  std::string password;
};

/// All that a session decides by. Immutable once built; a reload makes a new one, and each session keeps the
/// one it began with.
struct Environment {
  std::map<std::string, Database, std::less<>> databases;  ///< "*" = any other name
  auth::Passwords passwords;
  /// Agents whose mode is observe; nothing = every agent that can log in (there is no policy file).
  std::optional<std::set<std::string, std::less<>>> observed;
  parser::Limits statement_limits;

  /// The entry for a database name, or nullptr.
  const Database* find_database(std::string_view name) const;
};

}  // namespace chaperone::session
