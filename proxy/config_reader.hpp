#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config.hpp"
#include "proxy/config_address.hpp"
#include "rules/policy/yaml.hpp"

/// Between the files that read the configuration; nobody else includes it.
namespace chaperone::config {

inline constexpr std::string_view kNotYet = "not in this version";

/// What reading one configuration needs and collects.
struct Reader {
  std::string directory;  ///< of the configuration file; relative paths begin there
  rules::Problems problems = {};
  std::vector<std::string> warnings = {};
  mutable std::vector<NamedFile> files = {};  ///< what has been read, by whomever

  std::string resolve(const std::string& path) const;
  std::optional<session::Address> address(const rules::yaml::Value& value, const AddressRule& rule) const;
  /// The path of a file that another setting names, resolved.
  std::optional<std::string> path(const rules::yaml::Value& value, std::string_view expected) const;
  /// The text of a file. Gives nothing where it can't be had.
  std::optional<std::string> file(const rules::yaml::Value& value, std::size_t max_bytes) const;
  /// The same of one that only its owner may read.
  std::optional<std::string> secret_file(const rules::yaml::Value& value, std::size_t max_bytes) const;
};

/// The system's own list of authorities has a quarter of it.
inline constexpr std::size_t kMaxPemBytes = 1U << 20;
/// A file's text, with its name for messages.
net::PemFile pem_file(const rules::yaml::Value& value, const Reader& reader, std::string text);

/// How TLS is spoken with the clients of an address; nullptr where it can't be read.
std::shared_ptr<const net::TlsContext> read_client_tls(const rules::yaml::Value& value,
                                                       const session::Address& address, const Reader& reader);
/// How TLS is spoken with a server: `value` is its `tls`, `owner` its entry of `databases`. nullptr = not at
/// all.
std::shared_ptr<const net::TlsContext> read_server_tls(const std::optional<rules::yaml::Value>& value,
                                                       const rules::yaml::Value& owner,
                                                       const session::Address& server, Reader& reader);

inline constexpr std::string_view kCredentialForm =
    "a map of one kind: {session_role: {broker: .., password_file: .., lifetime: 15m}}";
session::Credential read_credential(const rules::yaml::Value& value, Reader& reader);
void read_databases(const rules::yaml::Value& value, Reader& reader, session::Environment& environment);
/// `state`: the directory; empty = none given.
void read_identity(const rules::yaml::Value& value, const std::string& state, Reader& reader,
                   session::Environment& environment);
void read_audit(const rules::yaml::Value& value, const Reader& reader, audit::LogOptions& options);

}  // namespace chaperone::config
