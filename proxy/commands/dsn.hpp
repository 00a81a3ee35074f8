#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/session/control.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::commands {

/// A connection string of PostgreSQL's own (manual, 34.1.1), read as libpq reads it (fe-connect.c:
/// conninfo_uri_parse_options, conninfo_parse), for one server.
struct Dsn {
  /// As the configuration's `databases.*.tls.mode`.
  enum class Tls : std::uint8_t { kVerifyFull, kInsecureRequire, kInsecureDisable };

  session::Address server;
  std::string database;
  std::string user;
  std::string password;  ///< empty: none. Not for messages
  Tls tls = Tls::kVerifyFull;
  std::string ca;  ///< a file; empty: the authorities that the system trusts
};

/// The value of an environment variable, or nothing.
using Variables = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> environment_variable(const char* name);

/// Reads `postgresql://user:password@host:port/database?sslmode=verify-full`, `postgres://..`, `host=..
/// dbname=..`, or the name of a database alone. What it leaves open comes from PGHOST, PGPORT, PGUSER,
/// PGPASSWORD, PGDATABASE, PGSSLMODE and PGSSLROOTCERT, then from libpq's defaults. The mode of TLS:
/// verify-full and verify-ca are kVerifyFull, `require` without an sslrootcert is kInsecureRequire, `disable`
/// is kInsecureDisable; the others, which take what they get, and none at all are kVerifyFull, but
/// kInsecureDisable on a loopback address. A Unix socket has none. What would be lost (several hosts, client
/// certificates, `options`) is an error. No message repeats anything of the text but names of keywords.
wire::Result<Dsn> parse_dsn(std::string_view text, const Variables& variables = &environment_variable);

/// Where there is no password and the server is reached by TCP, asks on the terminal, if there is one. An
/// empty line means none.
void ask_password(Dsn& dsn);

/// How to log in there. Reads the CA's file.
wire::Result<session::ControlLogin> control_login(const Dsn& dsn);

}  // namespace chaperone::commands
