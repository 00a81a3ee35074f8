#include <fmt/format.h>

#include <array>

#include "proxy/config_reader.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using namespace std::chrono_literals;
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
  if (const auto lifetime = map.find("lifetime")) {
    if (const auto time = lifetime->duration(1s, 1h)) {
      credential.lifetime = std::chrono::duration_cast<std::chrono::seconds>(*time);
    }
  }
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
  bool other = false;
  for (const std::string_view kind : {"client_certificate", "vault", "rds_iam", "command"}) {
    other |= map.refuse(kind, kNotYet, "session_role or insecure_static");
  }
  if (kinds.empty() && !other && value.is_map()) {
    value.problem_at_key(fmt::format("{} names no kind of credential", value.path()),
                         "session_role, insecure_static");
  }
  return credential;
}

}  // namespace chaperone::config
