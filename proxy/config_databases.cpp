#include <fmt/format.h>

#include "proxy/config_reader.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;

session::Database read_database(const std::string& name, const Value& value, Reader& reader) {
  session::Database database;
  Map map = value.map("a map of server, database, tls and credential");
  const auto server = map.need("server", address_form(kServerAddress));
  std::optional<session::Address> address;
  if (server) address = reader.address(*server, kServerAddress);
  if (address) database.server = *address;
  if (const auto real_name = map.find("database")) {
    const auto text = real_name->text("the name of a database");
    if (text && name == "*") {
      real_name->problem_at_key(
          fmt::format("{} under \"*\", which passes any name on as it is", real_name->path()),
          "no such key, or an entry for each name");
    }
    database.database = text.value_or("");
  }
  const auto tls = map.find("tls");
  if (address) database.tls = read_server_tls(tls, value, *address, reader);
  if (const auto credential = map.need("credential", kCredentialForm)) {
    database.credential = read_credential(*credential, reader);
    if (name == "*" && !std::holds_alternative<session::StaticCredential>(database.credential)) {
      credential->problem_at_key(
          fmt::format("{} under \"*\" is made for sessions of one database", credential->path()),
          "insecure_static, or an entry for each database");
    }
    if (address && !database.tls &&
        std::holds_alternative<session::ClientCertificateCredential>(database.credential)) {
      credential->problem_at_key(
          fmt::format("{}.client_certificate needs TLS with the server", credential->path()),
          "a server at a TCP address, and `tls` without insecure_disable");
    }
  }
  return database;
}

/// localhost is one of the other two, whichever it is found to be.
bool may_be_one(const session::Address& a, const session::Address& b) {
  if (a == b) return true;
  const auto loopback = [](const session::Address& address) {
    return address.host == "127.0.0.1" || address.host == "::1";
  };
  return !a.unix_socket && !b.unix_socket && a.port == b.port &&
         ((a.host == "localhost" && loopback(b)) || (b.host == "localhost" && loopback(a)));
}

// One thing makes the roles of one database on one server (net::Credentials), whatever agents call it.
void check_shared_roles(const std::vector<std::pair<std::string, Value>>& entries,
                        const session::Environment& environment) {
  for (auto later = entries.begin(); later != entries.end(); ++later) {
    const session::Database& mine = environment.databases.at(later->first);
    if (!std::holds_alternative<session::SessionRoleCredential>(mine.credential)) continue;
    for (auto before = entries.begin(); before != later; ++before) {
      const session::Database& other = environment.databases.at(before->first);
      const auto real_name = [](const session::Database& database, const std::string& name) {
        return database.database.empty() ? name : database.database;
      };
      if (!std::holds_alternative<session::SessionRoleCredential>(other.credential) ||
          real_name(mine, later->first) != real_name(other, before->first) ||
          !may_be_one(mine.server, other.server))
        continue;
      const std::string first =
          fmt::format("{} (line {})", before->second.path(), before->second.key_mark().line);
      if (mine.server != other.server) {
        later->second.problem_at_key(
            fmt::format("{} and {} are one database, whose server they name in two ways", first,
                        later->second.path()),
            fmt::format("server: {} in both", other.server.to_string()));
      } else if (!(mine.credential == other.credential)) {
        later->second.problem_at_key(
            fmt::format("{} and {} are one database with two `session_role`s", first, later->second.path()),
            "the same broker, password and lifetime in both, since their roles are made by one broker");
      }
    }
  }
}

}  // namespace

void read_databases(const Value& value, Reader& reader, session::Environment& environment) {
  constexpr std::string_view kExpected = "a map of databases by the names that agents use";
  Map map = value.map(kExpected);
  const auto entries = map.entries();
  for (const auto& [name, entry] : entries) {
    environment.databases.emplace(name, read_database(name, entry, reader));
  }
  check_shared_roles(entries, environment);
  if (value.is_map() && environment.databases.empty()) value.problem("databases is empty", kExpected);
}

}  // namespace chaperone::config
