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

}  // namespace

void read_databases(const Value& value, Reader& reader, session::Environment& environment) {
  constexpr std::string_view kExpected = "a map of databases by the names that agents use";
  Map map = value.map(kExpected);
  for (const auto& [name, entry] : map.entries()) {
    environment.databases.emplace(name, read_database(name, entry, reader));
  }
  if (value.is_map() && environment.databases.empty()) value.problem("databases is empty", kExpected);
}

}  // namespace chaperone::config
