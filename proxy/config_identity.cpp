#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "proxy/config_reader.hpp"
#include "proxy/wire/secret.hpp"
#include "rules/file.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;
using session::Identity;

constexpr std::size_t kMaxPasswordsFile = 16U << 20;
constexpr std::size_t kMaxKeysFile = 1U << 20;
constexpr std::string_view kIdentity =
    "a map: {default: token, tokens: [..]} or {default: scram, passwords: <file>}";
constexpr std::string_view kTokens =
    "a list of issuers, as [{issuer: https://id.example.com, keys: jwks.json, "
    "claims: {agent: act.sub}}] or [{keys: builtin}]";

std::optional<Identity::Method> read_method(const Value& value) {
  static constexpr std::array<std::string_view, 2> kMethods = {"scram", "token"};
  static constexpr std::array<std::string_view, 1> kLater = {"certificate"};
  const auto choice = value.choice(kMethods, kLater, kNotYet);
  if (!choice) return std::nullopt;
  return *choice == 0 ? Identity::Method::kScram : Identity::Method::kToken;
}

void read_passwords(const Value& value, Reader& reader, session::Environment& environment) {
  auto text = reader.secret_file(value, kMaxPasswordsFile);
  if (!text) return;
  auto passwords = auth::Passwords::from_text(*text, *reader.path(value, ""));
  wire::wipe(*text);
  if (passwords) {
    environment.passwords = std::move(*passwords);
  } else {
    reader.problems.add_line(passwords.error().message);
  }
}

std::shared_ptr<const auth::KeySet> read_key_file(const Value& value, const std::string& path,
                                                  std::string_view expected, Reader& reader) {
  reader.files.push_back({value.path(), path});
  const rules::File file = rules::read_file(path, kMaxKeysFile);
  if (!file.error.empty()) {
    value.problem(fmt::format("{} can't be read: {}", rules::in_quotes(path), file.error), expected);
    return nullptr;
  }
  auto keys = auth::KeySet::from_text(file.text, path);
  if (keys) return std::make_shared<const auth::KeySet>(std::move(*keys));
  reader.problems.add_line(keys.error().message);
  return nullptr;
}

/// A path of claims: names with dots between them.
std::string read_path(Map& claims, std::string_view key) {
  const auto value = claims.find(key);
  return value ? value->text("the name of a claim, as sub or act.sub").value_or("") : "";
}

/// The built-in service's tokens are all of one form, so that there is nothing to say about them.
void read_builtin(const Value& keys, Map& entry, const std::string& state, Reader& reader,
                  auth::TokenIssuer& issuer) {
  for (const std::string_view key : {"issuer", "audience", "claims"}) {
    entry.refuse(key, "of the built-in token service it is always the same", "{keys: builtin} alone");
  }
  if (state.empty()) {
    keys.problem(fmt::format("{} is builtin, and there is no `state` to keep keys in", keys.path()),
                 "state: <directory>, and a key in it: pgchaperone token key");
    return;
  }
  issuer = auth::builtin_issuer(read_key_file(keys, (std::filesystem::path(state) / kTokenKeysFile).string(),
                                              "a key, made by `pgchaperone token key`", reader));
}

void read_issuer(const Value& value, const std::string& state, Reader& reader, Identity& identity) {
  Map entry = value.map("a map of issuer, audience, keys and claims");
  auth::TokenIssuer issuer;
  const auto keys = entry.need("keys", "a file with the issuer's JWK Set, or builtin");
  const auto where = keys ? keys->text("a file with the issuer's JWK Set, or builtin") : std::nullopt;
  if (where == "builtin") {
    read_builtin(*keys, entry, state, reader, issuer);
  } else {
    if (const auto name = entry.need("issuer", "the issuer as its tokens name it (iss)")) {
      issuer.issuer = name->text("the issuer as its tokens name it (iss)").value_or("");
    }
    const auto audience = entry.find("audience");
    issuer.audience =
        audience ? audience->text("one text (aud)").value_or("") : std::string(auth::kBuiltinAudience);
    if (const auto claims = entry.need("claims", "{agent: act.sub, actor: sub, task: task}")) {
      Map paths = claims->map("a map: {agent: act.sub, actor: sub, task: task}");
      if (const auto agent = paths.need("agent", "the claim that names the agent, as act.sub or azp")) {
        issuer.claims.agent = agent->text("the name of a claim, as sub or act.sub").value_or("");
      }
      issuer.claims.actor = read_path(paths, "actor");
      issuer.claims.task = read_path(paths, "task");
      issuer.claims.capabilities = read_path(paths, "capabilities");
    }
    if (where && (where->starts_with("https://") || where->starts_with("http://"))) {
      keys->problem(fmt::format("{} is a URL: fetching keys is {}", keys->path(), kNotYet),
                    "a file with the issuer's JWK Set; SIGHUP reads it again");
    } else if (where) {
      issuer.keys = read_key_file(*keys, reader.resolve(*where), "a readable file", reader);
    }
  }
  const auto same = [&](const auth::TokenIssuer& other) { return other.issuer == issuer.issuer; };
  if (!issuer.issuer.empty() && std::any_of(identity.issuers.begin(), identity.issuers.end(), same)) {
    value.problem(fmt::format("the issuer {} is there already", rules::in_quotes(issuer.issuer)),
                  "each issuer once, with all its keys in one file");
  }
  identity.issuers.push_back(std::move(issuer));
}

bool uses(const Identity& identity, Identity::Method method) {
  return identity.default_method == method ||
         std::any_of(identity.agents.begin(), identity.agents.end(),
                     [&](const auto& agent) { return agent.second == method; });
}

}  // namespace

void read_identity(const Value& value, const std::string& state, Reader& reader,
                   session::Environment& environment) {
  Map map = value.map(kIdentity);
  Identity& identity = environment.identity;
  const auto method = map.find("default");
  const auto tokens = map.find("tokens");
  if (method) {
    identity.default_method = read_method(*method).value_or(identity.default_method);
  } else if (tokens) {
    tokens->problem_at_key("there are tokens, but identity.default does not say who logs in with one",
                           "default: token, or default: scram and the agents with tokens under `agents`");
  }
  if (const auto agents = map.find("agents")) {
    Map names = agents->map("a map of agents and their methods, as {legacy-bot: scram}");
    for (const auto& [name, own] : names.entries()) {
      if (const auto read = read_method(own)) identity.agents.emplace(name, *read);
    }
  }
  const auto passwords =
      uses(identity, Identity::Method::kScram)
          ? map.need("passwords", "the path of a file with lines of `pgchaperone password`")
          : map.find("passwords");
  if (passwords) read_passwords(*passwords, reader, environment);
  if (tokens) {
    const auto entries = tokens->list(kTokens);
    for (const Value& entry : entries) read_issuer(entry, state, reader, identity);
    if (tokens->is_list() && entries.empty()) tokens->problem("identity.tokens is empty", kTokens);
  } else if (uses(identity, Identity::Method::kToken)) {
    (void)map.need("tokens", kTokens);
  }
  if (const auto without_tls = map.find("insecure_token_without_tls")) {
    identity.token_without_tls = without_tls->boolean().value_or(false);
    if (identity.token_without_tls) {
      reader.warnings.push_back(
          fmt::format("{}: tokens travel unencrypted over loopback addresses and Unix sockets, and whoever "
                      "reads one there "
                      "can use it",
                      without_tls->path()));
    }
  }
}

}  // namespace chaperone::config
