#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "parser/parser.hpp"
#include "proxy/auth/jwt.hpp"
#include "proxy/auth/passwords.hpp"
#include "proxy/session/credential.hpp"
#include "rules/policy/policy.hpp"
#include "rules/rewrite/context.hpp"

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
  Credential credential = StaticCredential{};
  std::shared_ptr<const net::TlsContext> tls =
      {};  ///< how it is spoken with the server; nullptr = not at all

  bool operator==(const Database&) const = default;
  /// Which database that is, whoever logs in there, by what agents call it: "db.internal:5432/shop".
  std::string target(std::string_view name) const;
};

/// How agents prove who they are; each has one way.
struct Identity {
  enum class Method : std::uint8_t { kScram, kToken };

  Method default_method = Method::kScram;  ///< of agents that are not named, and of names that are no agents
  std::map<std::string, Method, std::less<>> agents;
  std::vector<auth::TokenIssuer> issuers;
  bool token_without_tls = false;  ///< where a client comes in by a loopback address or a Unix socket

  Method method_of(std::string_view agent) const;
};

/// All that a session decides by. Immutable once built; a reload makes a new one, and each session keeps the
/// one it began with.
struct Environment {
  std::map<std::string, Database, std::less<>> databases;  ///< "*" = any other name
  Identity identity;
  auth::Passwords passwords;
  /// The policy as it reads without a catalog: which agents there are, and which of them are observed. By
  /// itself it decides nothing (Rulebook does). nullptr = there is none: every agent that can log in is
  /// observed.
  std::shared_ptr<const rules::PolicySet> policy;
  std::string policy_file, policy_text;  ///< what a Rulebook is loaded from
  parser::Limits statement_limits;
  rules::CommentPlace comment = rules::CommentPlace::kFront;  ///< where enforced statements say who asks

  /// The entry for a database name, or nullptr.
  const Database* find_database(std::string_view name) const;
  /// Whether the agent's statements are decided, rather than only observed.
  bool enforces(std::string_view agent) const;
  /// Whether it is recorded of an observed agent what its statements would have come to: it has capabilities.
  bool judges(std::string_view agent) const;
};

}  // namespace chaperone::session
