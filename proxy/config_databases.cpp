#include <fmt/format.h>

#include "proxy/config_reader.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;

/// PostgreSQL's own bound on what a client may send for one (PG_MAX_AUTH_TOKEN_LENGTH).
constexpr std::size_t kMaxPasswordBytes = 65'535;

std::string read_password(const Value& value, const Reader& reader) {
  auto text = reader.secret_file(value, kMaxPasswordBytes);
  if (!text) return {};
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (text->empty()) {
    value.problem(fmt::format("the file of {} is empty", value.path()), "a password in it");
  } else if (text->find_first_of(std::string_view("\0\n", 2)) != std::string::npos) {
    value.problem(fmt::format("the file of {} holds more than one line, or a NUL", value.path()),
                  "one password on one line");
  }
  return std::move(*text);
}

void read_static_credential(const Value& value, Reader& reader, session::Database& database) {
  if (!value.is_null()) {
    Map credential = value.map("a map of role and password_file");
    if (const auto role = credential.find("role")) {
      database.role = role->text("the name of a role").value_or("");
    }
    if (const auto file = credential.find("password_file")) database.password = read_password(*file, reader);
  }
  reader.warnings.push_back(
      fmt::format("{}: one credential that lasts, shared by all sessions of this database; what it may do is "
                  "what an agent may do",
                  value.path()));
}

void read_credential(const Value& value, Reader& reader, session::Database& database) {
  Map credential = value.map("a map: {insecure_static: {role: .., password_file: ..}}");
  const auto fixed = credential.find("insecure_static");
  bool other = false;
  for (const std::string_view kind : {"session_role", "client_certificate", "vault", "rds_iam", "command"}) {
    other |= credential.refuse(kind, kNotYet, "insecure_static");
  }
  if (fixed) {
    read_static_credential(*fixed, reader, database);
  } else if (value.is_map() && !other) {
    value.problem_at_key(fmt::format("{} names no kind of credential", value.path()), "insecure_static");
  }
}

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
  if (const auto credential = map.need("credential", "{insecure_static: {role: .., password_file: ..}}")) {
    read_credential(*credential, reader, database);
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
