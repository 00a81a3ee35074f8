#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/auth/scram.hpp"
#include "proxy/wire/secret.hpp"
#include "rules/policy/policy.hpp"

namespace chaperone::net {
class ClientAuthority;  // whatever they hold, only net looks inside
class TlsContext;
}  // namespace chaperone::net

namespace chaperone::session {

/// `insecure_static`: a role and its password, which last and which all sessions share.
struct StaticCredential {
  std::string role;  ///< empty = the agent's own name
  wire::Secret password;

  bool operator==(const StaticCredential&) const = default;
};

/// `session_role`: a role made for each session by the functions of rules::lease_sql().
struct SessionRoleCredential {
  std::string broker;  ///< the role that may call them
  wire::Secret password;
  std::chrono::seconds lifetime{15 * 60};

  bool operator==(const SessionRoleCredential&) const = default;
};

/// `client_certificate`: a certificate made for each session, by which it logs in as one role of all.
struct ClientCertificateCredential {
  std::string role;
  std::shared_ptr<const net::ClientAuthority> authority;  ///< that signs it
  std::chrono::seconds lifetime{10 * 60};

  bool operator==(const ClientCertificateCredential&) const = default;
};

/// `command`: what a program gives for each session.
struct CommandCredential {
  std::vector<std::string> program;      ///< its absolute path and its arguments
  std::vector<std::string> environment;  ///< names of the variables that it gets of ours, beside PATH
  std::chrono::milliseconds timeout{5000};
  std::chrono::seconds lifetime{15 * 60};

  bool operator==(const CommandCredential&) const = default;
};

/// How sessions log in to a database; what is not static is opened for each of them.
using Credential =
    std::variant<StaticCredential, SessionRoleCredential, ClientCertificateCredential, CommandCredential>;

/// For whom a lease is opened.
struct LeaseRequest {
  std::string session;   ///< its id in the records
  std::string database;  ///< as the agent calls it
  rules::Principal principal;
  std::vector<std::string> capabilities;  ///< those that the session has, in the order of the policy
};

/// The upstream credential of one session.
struct Lease {
  std::string role;
  std::optional<auth::ScramKeys> keys = {};  ///< what it proves itself with, where no password was ever made
  wire::Secret password = {};
  std::shared_ptr<const net::TlsContext> tls = {};  ///< in place of the database's own; nullptr = that one
  /// When the session has to end, whatever else would let it live.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

}  // namespace chaperone::session
