#include <fmt/format.h>

#include <array>

#include "proxy/config_reader.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;

constexpr std::string_view kNoTls = "TLS to the server is not in this version";
constexpr std::string_view kWithoutTls = "`tls: {mode: insecure_disable}`, said explicitly, or a Unix socket";
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

/// A TCP server has to be reached without TLS in this version, and the file has to say that it knows.
void read_tls(const std::optional<Value>& value, const Value& owner, const session::Database& database,
              Reader& reader) {
  const bool unix_socket = database.server.unix_socket;
  if (!value) {
    if (!unix_socket) owner.problem_at_key(fmt::format("{}: {}", owner.path(), kNoTls), kWithoutTls);
    return;
  }
  Map tls = value->map("a map: {mode: insecure_disable}");
  const auto mode = tls.find("mode");
  tls.refuse("ca", kNotYet, kWithoutTls);
  if (!mode) {
    if (value->is_map() && !unix_socket) {
      value->problem_at_key(
          fmt::format("{}.mode is verify-full where it is not said: {}", value->path(), kNoTls), kWithoutTls);
    }
    return;
  }
  static constexpr std::array<std::string_view, 1> kModes = {"insecure_disable"};
  static constexpr std::array<std::string_view, 2> kLater = {"verify-full", "insecure_require"};
  if (mode->choice(kModes, kLater, kNoTls) && !unix_socket) {
    reader.warnings.push_back(fmt::format(
        "{}: insecure_disable: all statements and rows travel unencrypted between pgchaperone and {}",
        mode->path(), database.server.to_string()));
  }
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
  if (address) {
    read_tls(tls, value, database, reader);
  }
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
