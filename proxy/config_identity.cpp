#include <fmt/format.h>

#include <array>

#include "proxy/config_reader.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;

constexpr std::size_t kMaxPasswordsFile = 16U << 20;

void read_method(const Value& value) {
  static constexpr std::array<std::string_view, 1> kMethods = {"scram"};
  static constexpr std::array<std::string_view, 2> kLater = {"token", "certificate"};
  value.choice(kMethods, kLater, kNotYet);
}

void read_passwords(const Value& value, Reader& reader, session::Environment& environment) {
  const auto text = reader.secret_file(value, kMaxPasswordsFile);
  if (!text) return;
  auto passwords = auth::Passwords::from_text(*text, *reader.path(value, ""));
  if (passwords) {
    environment.passwords = std::move(*passwords);
  } else {
    reader.problems.add_line(passwords.error().message);
  }
}

}  // namespace

void read_identity(const Value& value, Reader& reader, session::Environment& environment) {
  Map identity = value.map("a map: {default: scram, passwords: <file>}");
  if (const auto method = identity.find("default")) read_method(*method);
  if (const auto agents = identity.find("agents")) {
    Map map = agents->map("a map of agents and their methods, as {legacy-bot: scram}");
    for (const auto& [name, method] : map.entries()) read_method(method);
  }
  if (const auto passwords =
          identity.need("passwords", "the path of a file with lines of `pgchaperone password`")) {
    read_passwords(*passwords, reader, environment);
  }
  identity.refuse("tokens", kNotYet, "passwords");
  if (const auto without_tls = identity.find("insecure_token_without_tls")) {
    if (without_tls->boolean().value_or(false)) {
      without_tls->problem(fmt::format("{}: tokens are {}", without_tls->path(), kNotYet), "false");
    }
  }
}

}  // namespace chaperone::config
