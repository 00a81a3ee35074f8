#include <fmt/format.h>

#include <algorithm>

#include "proxy/config_reader.hpp"
#include "proxy/net/credentials/client_certificate.hpp"
#include "proxy/net/credentials/command.hpp"
#include "proxy/net/events.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using namespace std::chrono_literals;
using rules::yaml::Map;
using rules::yaml::Value;

/// PostgreSQL's own bound on what a client may send for one (PG_MAX_AUTH_TOKEN_LENGTH).
constexpr std::size_t kMaxPasswordBytes = 65'535;

/// Every kind of lease ends within it.
constexpr auto kLongestLifetime = 1h;

wire::Secret read_password(const Value& value, const Reader& reader) {
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
  return wire::Secret::taken_from(*text);
}

void read_lifetime(Map& map, std::chrono::seconds& lifetime) {
  const auto value = map.find("lifetime");
  const auto time = value ? value->duration(1s, kLongestLifetime) : std::nullopt;
  if (time) lifetime = std::chrono::duration_cast<std::chrono::seconds>(*time);
}

session::StaticCredential read_static(const Value& value, Reader& reader) {
  session::StaticCredential credential;
  if (!value.is_null()) {
    Map map = value.map("a map of role and password_file");
    if (const auto role = map.find("role")) credential.role = role->text("the name of a role").value_or("");
    if (const auto file = map.find("password_file")) credential.password = read_password(*file, reader);
  }
  reader.warnings.push_back(
      fmt::format("{}: one credential that lasts, shared by all sessions of this database; what it may do is "
                  "what an agent may do",
                  value.path()));
  return credential;
}

session::SessionRoleCredential read_session_role(const Value& value, Reader& reader) {
  session::SessionRoleCredential credential;
  Map map = value.map("a map of broker, password_file and lifetime");
  if (const auto broker = map.need("broker", "the role that may make leases")) {
    credential.broker = broker->text("the name of a role").value_or("");
  }
  if (const auto file = map.find("password_file")) credential.password = read_password(*file, reader);
  read_lifetime(map, credential.lifetime);
  return credential;
}

session::ClientCertificateCredential read_client_certificate(const Value& value, Reader& reader) {
  session::ClientCertificateCredential credential;
  Map map = value.map("a map of role, ca_certificate, ca_key and lifetime");
  if (const auto role = map.need("role", "the role that the certificates are mapped to (pg_ident.conf)")) {
    credential.role = role->text("the name of a role").value_or("");
  }
  const auto certificate = map.need("ca_certificate", "the path of a file in PEM form");
  const auto key = map.need("ca_key", "the path of a file in PEM form");
  read_lifetime(map, credential.lifetime);
  if (!certificate || !key) return credential;
  const auto certificate_text = reader.file(*certificate, kMaxPemBytes);
  auto key_text = reader.secret_file(*key, kMaxPemBytes);
  if (!certificate_text || !key_text) return credential;
  net::PemFile key_file = pem_file(*key, reader, std::move(*key_text));
  auto authority = net::ClientAuthority::read(pem_file(*certificate, reader, *certificate_text), key_file,
                                              net::wall_clock());
  wire::wipe(key_file.text);
  if (authority) {
    credential.authority = std::move(*authority);
  } else {
    value.problem_at_key(fmt::format("{}: {}", value.path(), authority.error().message),
                         "the certificate of an authority and its key");
  }
  return credential;
}

session::CommandCredential read_command(const Value& value, Reader&) {
  constexpr std::string_view kProgram = "a list: [/usr/local/bin/give-login, ARGUMENT, ..]";
  session::CommandCredential credential;
  Map map = value.map("a map of program, environment, timeout and lifetime");
  if (const auto program = map.need("program", kProgram)) {
    const auto words = program->list(kProgram);
    for (const Value& word : words) credential.program.push_back(word.any_text("a word").value_or(""));
    if (program->is_list() && words.empty()) program->problem("program is empty", kProgram);
    if (!words.empty()) {
      const auto trusted = net::trusted_program(credential.program.front());
      if (!trusted) {
        words.front().problem(fmt::format("{}: {}", program->path(), trusted.error().message),
                              "the absolute path of a program that only root or we can change");
      }
    }
  }
  if (const auto environment = map.find("environment")) {
    constexpr std::string_view kNames = "a list of names of environment variables";
    for (const Value& entry : environment->list(kNames)) {
      auto name = entry.text("the name of an environment variable").value_or("");
      if (name.find('=') != std::string::npos) {
        entry.problem(fmt::format("{} is {}", entry.path(), rules::in_quotes(name)), "a name alone");
      }
      credential.environment.push_back(std::move(name));
    }
  }
  if (const auto timeout = map.find("timeout")) {
    credential.timeout = timeout->duration(100ms, 1min).value_or(credential.timeout);
  }
  read_lifetime(map, credential.lifetime);
  return credential;
}

}  // namespace

session::Credential read_credential(const Value& value, Reader& reader) {
  Map map = value.map(kCredentialForm);
  session::Credential credential;
  std::vector<std::string_view> kinds;
  const auto read = [&](std::string_view kind, const auto& reading) {
    const auto found = map.find(kind);
    if (!found) return;
    kinds.push_back(kind);
    if (kinds.size() > 1) {
      found->problem_at_key(fmt::format("{} has {} as well", value.path(), kinds.front()),
                            "one kind of credential");
    }
    credential = reading(*found, reader);
  };
  read("session_role", read_session_role);
  read("insecure_static", read_static);
  read("client_certificate", read_client_certificate);
  read("command", read_command);
  bool other = false;
  for (const std::string_view kind : {"vault", "rds_iam"}) {
    other |= map.refuse(kind, kNotYet, "session_role, client_certificate or command");
  }
  if (kinds.empty() && !other && value.is_map()) {
    value.problem_at_key(fmt::format("{} names no kind of credential", value.path()),
                         "session_role, client_certificate, command or insecure_static");
  }
  return credential;
}

}  // namespace chaperone::config
