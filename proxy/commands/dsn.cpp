#include "proxy/commands/dsn.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>

#include "proxy/commands/terminal.hpp"
#include "proxy/config_address.hpp"
#include "proxy/net/tls_context.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/file.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

constexpr std::size_t kMaxPemBytes = 1U << 20;
/// Where Debian's libpq looks for the Unix socket (DEFAULT_PGSOCKET_DIR).
constexpr std::string_view kSocketDirectory = "/var/run/postgresql";

/// Keywords that are read, and the variable behind each.
constexpr std::array<std::pair<std::string_view, const char*>, 7> kRead = {
    {{"host", "PGHOST"},
     {"port", "PGPORT"},
     {"user", "PGUSER"},
     {"password", "PGPASSWORD"},
     {"dbname", "PGDATABASE"},
     {"sslmode", "PGSSLMODE"},
     {"sslrootcert", "PGSSLROOTCERT"}}};
/// Those that change nothing in what is made of it.
constexpr std::array<std::string_view, 21> kOfNoMatter = {"application_name",
                                                          "fallback_application_name",
                                                          "client_encoding",
                                                          "connect_timeout",
                                                          "tcp_user_timeout",
                                                          "keepalives",
                                                          "keepalives_idle",
                                                          "keepalives_interval",
                                                          "keepalives_count",
                                                          "channel_binding",
                                                          "gssencmode",
                                                          "gssdelegation",
                                                          "gsslib",
                                                          "krbsrvname",
                                                          "sslcompression",
                                                          "sslsni",
                                                          "sslnegotiation",
                                                          "ssl_min_protocol_version",
                                                          "ssl_max_protocol_version",
                                                          "target_session_attrs",
                                                          "load_balance_hosts"};
/// Those whose loss would be noticed late.
constexpr std::array<std::string_view, 10> kRefused = {"hostaddr",    "service",    "passfile", "options",
                                                       "sslcert",     "sslkey",     "sslcrl",   "sslpassword",
                                                       "requirepeer", "replication"};

using Values = std::map<std::string, std::string, std::less<>>;

wire::Error wrong(std::string_view what, std::string_view expected) {
  return {.sqlstate = wire::sqlstate::kInternalError,
          .message = fmt::format("the connection string: {}; expected {}", what, expected)};
}

template <class List>
bool holds(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

wire::Result<void> set(Values& values, std::string key, std::string value) {
  if (key == "ssl" && value == "true") {  // as JDBC's, which libpq takes in a URI
    key = "sslmode";
    value = "require";
  }
  const auto read =
      std::find_if(kRead.begin(), kRead.end(), [&](const auto& each) { return each.first == key; });
  if (read != kRead.end()) {
    values[std::move(key)] = std::move(value);
    return {};
  }
  if (holds(kOfNoMatter, key)) return {};
  if (holds(kRefused, key)) {
    return wrong(fmt::format("{} is not followed here", key), "a connection string without it");
  }
  std::vector<std::string_view> known;
  for (const auto& [name, variable] : kRead) known.push_back(name);
  const auto meant = rules::closest(key, known);
  // A word of a password that was not quoted could stand where a keyword should.
  return wrong("it has a keyword that is none of libpq's",
               meant.empty() ? "host, port, user, password, dbname, sslmode, sslrootcert" : meant);
}

/// Percent-decoded; nothing where it can't be (%00 included).
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || digits.size() != 2 || end != digits.data() + 2 || value == 0) return {};
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

/// Takes from the front what stands before any of `ends`.
std::string_view take_until(std::string_view& rest, std::string_view ends) {
  const auto taken = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(taken.size());
  return taken;
}

bool skip(std::string_view& rest, char c) {
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

/// Behind "postgresql://".
wire::Result<Values> parse_uri(std::string_view rest) {
  Values values;
  bool good = true;
  const auto keep = [&](const char* key, std::string_view raw) {
    const auto value = decoded(raw);
    good &= value.has_value();
    if (value && !value->empty()) values[key] = *value;
  };
  if (const auto at = rest.find_first_of("@/"); at != std::string_view::npos && rest[at] == '@') {
    std::string_view who = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    keep("user", take_until(who, ":"));
    if (skip(who, ':')) keep("password", who);
  }
  if (skip(rest, '[')) {
    keep("host", take_until(rest, "]"));
    if (!skip(rest, ']')) return wrong("an IPv6 address has no end", "\"]\" behind it");
  } else {
    keep("host", take_until(rest, ":/?,"));
  }
  if (skip(rest, ':')) keep("port", take_until(rest, "/?,"));
  if (rest.starts_with(',')) return wrong("it names several hosts", "one");
  if (skip(rest, '/')) keep("dbname", take_until(rest, "?"));
  if (!rest.empty() && !skip(rest, '?'))
    return wrong("something stands behind the host", "\"/\" and the database");
  while (!rest.empty()) {
    std::string_view pair = take_until(rest, "&");
    skip(rest, '&');
    const auto key = decoded(take_until(pair, "="));
    if (!skip(pair, '=')) return wrong("a parameter has no value", "name=value");
    const auto value = decoded(pair);
    if (!key || !value) good = false;
    if (!good) break;
    if (auto done = set(values, *key, *value); !done) return done.error();
  }
  if (!good) {
    return wrong("a percent sign is not followed by two hexadecimal digits",
                 "%25 for a percent sign, %40 for @, %2F for /, %3A for :");
  }
  return values;
}

/// host=db.internal dbname='the shop'
wire::Result<Values> parse_keywords(std::string_view rest) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const auto skip_space = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size())); };
  Values values;
  for (skip_space(); !rest.empty(); skip_space()) {
    const std::string key(take_until(rest, "= \t\n\r\f\v"));
    skip_space();
    if (!skip(rest, '='))
      return wrong("a keyword has no \"=\"", "keyword=value, with a value of several words in single quotes");
    skip_space();
    const bool quoted = skip(rest, '\'');
    std::string value;
    bool ended = !quoted;
    while (!rest.empty()) {
      const char c = rest.front();
      if (!quoted && kSpace.find(c) != std::string_view::npos) break;
      rest.remove_prefix(1);
      if (quoted && c == '\'') {
        ended = true;
        break;
      }
      if (c != '\\') {
        value += c;
      } else if (!rest.empty()) {
        value += rest.front();
        rest.remove_prefix(1);
      }
    }
    if (!ended) return wrong("a value in quotes has no end", "a single quote behind it");
    if (auto done = set(values, key, value); !done) return done.error();
  }
  return values;
}

wire::Result<Values> parse(std::string_view text) {
  for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
    if (text.starts_with(scheme)) return parse_uri(text.substr(scheme.size()));
  }
  if (text.find("://") != std::string_view::npos)
    return wrong("it is of another scheme", "postgresql://user@host/database");
  if (text.find('=') != std::string_view::npos) return parse_keywords(text);
  Values values;
  if (!text.empty()) values["dbname"] = text;
  return values;
}

std::string user_of_the_system() {
  const passwd* const user = ::getpwuid(::geteuid());
  return user == nullptr ? std::string() : user->pw_name;
}

wire::Result<session::Address> address_of(const Values& values, const std::string& host) {
  if (host.find(',') != std::string::npos) return wrong("it names several hosts", "one");
  session::Address address{host, 5432, host.starts_with('/')};
  const auto port = values.find("port");
  if (port != values.end()) {
    const char* const end = port->second.data() + port->second.size();
    const auto [rest, error] = std::from_chars(port->second.data(), end, address.port);
    if (error != std::errc{} || rest != end || address.port == 0) {
      return wrong("the port is no number from 1 to 65535", "a port, as 5432");
    }
  }
  std::string problem;
  const auto checked = parse_address(address.to_string(), kServerAddress, problem);
  if (!checked) return wrong(problem, "a name, an address, or the directory of a Unix socket");
  return *checked;
}

wire::Result<Dsn::Tls> tls_of(const Values& values, const session::Address& server) {
  const auto found = values.find("sslmode");
  const std::string_view mode = found == values.end() ? std::string_view("prefer") : found->second;
  if (server.unix_socket) return Dsn::Tls::kInsecureDisable;
  if (mode == "verify-full" || mode == "verify-ca") return Dsn::Tls::kVerifyFull;
  // libpq's `require` checks the certificate too where there is something to check it by.
  const bool has_ca = values.contains("sslrootcert");
  if (mode == "require") return has_ca ? Dsn::Tls::kVerifyFull : Dsn::Tls::kInsecureRequire;
  if (mode == "disable") return Dsn::Tls::kInsecureDisable;
  if (mode != "prefer" && mode != "allow") {
    return wrong("sslmode has a value that is none of libpq's", "verify-full, require or disable");
  }
  return has_ca || !is_local(server) ? Dsn::Tls::kVerifyFull : Dsn::Tls::kInsecureDisable;
}

}  // namespace

std::optional<std::string> environment_variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return {};
  return value;
}

wire::Result<Dsn> parse_dsn(std::string_view text, const Variables& variables) {
  if (text.find('\0') != std::string_view::npos) return wrong("it holds a NUL", "text");
  auto values = parse(text);
  if (!values) return values.error();
  for (const auto& [key, variable] : kRead) {
    if (values->contains(key)) continue;
    if (auto value = variables(variable); value && !value->empty()) values->emplace(key, std::move(*value));
  }
  const auto value_or = [&](std::string_view key, const std::string& otherwise) {
    const auto found = values->find(key);
    return found == values->end() || found->second.empty() ? otherwise : found->second;
  };
  Dsn dsn;
  const auto server = address_of(*values, value_or("host", std::string(kSocketDirectory)));
  if (!server) return server.error();
  dsn.server = *server;
  dsn.user = value_or("user", user_of_the_system());
  dsn.password = value_or("password", "");
  dsn.database = value_or("dbname", dsn.user);
  if (dsn.user.empty()) return wrong("it names no user", "postgresql://user@host/database");
  const auto tls = tls_of(*values, dsn.server);
  if (!tls) return tls.error();
  dsn.tls = *tls;
  if (dsn.tls == Dsn::Tls::kVerifyFull) dsn.ca = value_or("sslrootcert", "");
  if (dsn.ca == "system") dsn.ca.clear();
  return dsn;
}

void ask_password(Dsn& dsn) {
  if (!dsn.password.empty() || dsn.server.unix_socket) return;
  dsn.password =
      ask_secret(fmt::format("Password of {} at {}: ", rules::in_quotes(dsn.user), dsn.server.to_string()))
          .value_or("");
}

wire::Result<session::ControlLogin> control_login(const Dsn& dsn) {
  session::ControlLogin login{.server = dsn.server,
                              .database = dsn.database,
                              .role = dsn.user,
                              .password = dsn.password,
                              .tls = {},
                              .parameters = {}};
  if (dsn.tls == Dsn::Tls::kInsecureDisable) return login;
  net::PemFile authorities;
  if (!dsn.ca.empty()) {
    const rules::File file = rules::read_file(dsn.ca, kMaxPemBytes);
    if (!file.error.empty())
      return wrong(fmt::format("sslrootcert can't be read: {}", file.error), "a file of certificates");
    if (file.text.empty()) return wrong("the file of sslrootcert is empty", "certificates in PEM form");
    authorities = {rules::in_quotes(dsn.ca), file.text};
  }
  auto tls = net::TlsContext::for_server(dsn.server.host, dsn.tls == Dsn::Tls::kVerifyFull, authorities);
  if (!tls) return tls.error();
  login.tls = *tls;
  return login;
}

}  // namespace chaperone::commands
