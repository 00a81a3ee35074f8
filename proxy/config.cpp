#include "proxy/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>

#include "proxy/config_reader.hpp"
#include "rules/file.hpp"
#include "rules/policy/load.hpp"
#include "rules/text.hpp"

namespace chaperone {
namespace config {
namespace {

using namespace std::chrono_literals;
using rules::yaml::Map;
using rules::yaml::Value;

constexpr std::string_view kListen = "a list of addresses, as [{address: 127.0.0.1:6432}]";
constexpr std::size_t kLongestInstance = 32;

std::string read_instance(const Value& value) {
  constexpr std::string_view kExpected = "at most 32 lower-case letters, digits and -";
  auto text = value.text(kExpected);
  if (!text) return {};
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (text->size() > kLongestInstance || !std::all_of(text->begin(), text->end(), good)) {
    value.problem(fmt::format("instance is {}", rules::in_quotes(*text)), kExpected);
  }
  return std::move(*text);
}

bool listens_on(const Config& config, const session::Address& address) {
  return std::ranges::any_of(config.listen, [&](const net::Listen& each) { return each.address == address; });
}

void read_listen(const Value& value, const Reader& reader, Config& config) {
  const auto entries = value.list(kListen);
  for (const Value& entry : entries) {
    Map listener = entry.map("a map: {address: 127.0.0.1:6432}");
    const auto text = listener.need("address", address_form(kListenAddress));
    const auto tls = listener.find("tls");
    if (!text) continue;
    const auto address = reader.address(*text, kListenAddress);
    if (!address) continue;
    const bool chosen_port = address->port == 0;
    if (!chosen_port && listens_on(config, *address)) {
      text->problem(fmt::format("{} is listened on already", address->to_string()), "each address once");
    }
    config.listen.push_back({*address, tls ? read_client_tls(*tls, *address, reader) : nullptr});
  }
  if (value.is_list() && entries.empty()) value.problem("listen is empty", kListen);
}

void read_admin(const Value& value, const Reader& reader, Config& config) {
  Map admin = value.map("a map: {address: 127.0.0.1:6433}");
  const auto text = admin.need("address", address_form(kAdminAddress));
  admin.refuse("tokens", kNotYet, "a loopback address or a Unix socket without it");
  if (!text) return;
  config.admin = reader.address(*text, kAdminAddress);
  if (config.admin && !is_local(*config.admin)) {
    text->problem(
        "admin.address is open to other machines, which needs tokens, and they are not in this version",
        "a loopback address or a Unix socket");
  }
  if (config.admin && !config.admin->unix_socket && config.admin->port != 0 &&
      listens_on(config, *config.admin)) {
    text->problem(fmt::format("{} is what agents connect to", config.admin->to_string()),
                  "an address of its own");
  }
}

void read_policy(const Value& value, Reader& reader, session::Environment& environment) {
  const auto path = reader.path(value, "the path of a policy file");
  if (!path) return;
  reader.files.push_back({value.path(), *path});
  const rules::File file = rules::read_file(*path, rules::yaml::kMaxFileBytes);
  if (!file.error.empty()) {
    value.problem(fmt::format("{} can't be read: {}", rules::in_quotes(*path), file.error),
                  "a readable file");
    return;
  }
  rules::PolicySet policy = rules::load_policy(file.text, *path, reader.problems);
  environment.policy_file = *path;
  environment.policy_text = file.text;
  environment.policy = std::make_shared<const rules::PolicySet>(std::move(policy));
  for (const std::string& warning : reader.problems.warnings()) reader.warnings.push_back(warning);
}

void read_context(const Value& value, session::Environment& environment) {
  Map context = value.map("a map: {comment: off}");
  static constexpr std::array<std::string_view, 3> kPlaces = {"front", "end", "off"};
  if (const auto comment = context.find("comment")) {
    environment.comment = static_cast<rules::CommentPlace>(comment->choice(kPlaces).value_or(0));
  }
}

void read_limits(const Value& value, Config& config, parser::Limits& statement) {
  Map limits = value.map("a map of limits");
  const auto integer = [&limits](std::string_view key, std::uint64_t least, std::uint64_t most,
                                 std::uint32_t& limit) {
    const auto found = limits.find(key);
    if (found) limit = static_cast<std::uint32_t>(found->integer(least, most).value_or(limit));
  };
  integer("connections", 1, 1'000'000, config.connections);
  integer("connections_per_agent", 1, 1'000'000, config.connections_per_agent);
  integer("statement_tokens", 100, 10'000'000, statement.tokens);
  integer("statement_nesting", 10, 5'000, statement.nesting);
  // The grammar may take 63 times the text in memory.
  if (const auto bytes = limits.find("statement_bytes")) {
    statement.bytes = static_cast<std::uint32_t>(bytes->size(1U << 10, 64U << 20).value_or(statement.bytes));
  }
  if (const auto time = limits.find("authentication")) {
    config.authentication = time->duration(100ms, 10min).value_or(config.authentication);
  }
  if (const auto time = limits.find("drain")) config.drain = time->duration(0ms, 1h).value_or(config.drain);
}

// What a lease is named by and what it is given are told elsewhere.
void check_leases(const Value& databases, const Config& config, bool has_policy,
                  const session::Environment& environment) {
  for (const auto& [name, database] : environment.databases) {
    if (std::holds_alternative<session::StaticCredential>(database.credential)) continue;
    const bool by_role = std::holds_alternative<session::SessionRoleCredential>(database.credential);
    const auto problem = [&, &entry = name](std::string_view what, std::string_view expected) {
      databases.problem_at_key(fmt::format("the credential of {} needs {}", rules::in_quotes(entry), what),
                               expected);
    };
    if (by_role && !has_policy)
      problem("a policy: a lease may do what the capabilities of its agent need", "policy: policy.yaml");
    if (config.instance.empty() && config.state.empty()) {
      problem("a name of this proxy, which is part of those of its leases",
              "instance: west-1, or state: /var/lib/pgchaperone to keep one in");
    }
  }
}

void read_root(const Value& value, Reader& reader, Config& config, session::Environment& environment) {
  Map root = value.map("a map of settings");
  if (const auto instance = root.find("instance")) config.instance = read_instance(*instance);
  if (const auto state = root.find("state")) {
    config.state = reader.path(*state, "the path of a directory").value_or("");
  }
  if (const auto listen = root.need("listen", kListen)) read_listen(*listen, reader, config);
  if (const auto admin = root.find("admin")) read_admin(*admin, reader, config);
  const auto databases = root.need("databases", "a map of databases by the names that agents use");
  if (databases) read_databases(*databases, reader, environment);
  const auto policy = root.find("policy");
  if (databases) check_leases(*databases, config, policy.has_value(), environment);
  if (policy) {
    read_policy(*policy, reader, environment);
  } else {
    reader.warnings.push_back("no policy: every agent that can log in is observed, and nothing is held back");
  }
  if (const auto identity =
          root.need("identity", "{default: token, tokens: [..]} or {default: scram, passwords: <file>}")) {
    read_identity(*identity, config.state, reader, environment);
  }
  if (const auto context = root.find("context")) read_context(*context, environment);
  if (const auto audit = root.need("audit", "{sinks: [{file: audit.jsonl}]}")) {
    read_audit(*audit, reader, config.audit);
  }
  if (const auto limits = root.find("limits")) read_limits(*limits, config, environment.statement_limits);
  if (const auto threads = root.find("threads")) {
    config.threads = static_cast<unsigned>(threads->integer(1, 64).value_or(0));
  }
}

}  // namespace
}  // namespace config

boost::system::result<Config, ConfigError> read_config(const std::string& file) {
  config::Reader reader{std::filesystem::path(file).parent_path().string()};
  const auto document = rules::yaml::Document::from_file(file, reader.problems);
  if (!document.readable()) return ConfigError{reader.problems.text()};
  Config config;
  auto environment = std::make_shared<session::Environment>();
  config::read_root(document.root(), reader, config, *environment);
  if (!reader.problems.empty()) return ConfigError{reader.problems.text()};
  config.environment = std::move(environment);
  config.warnings = std::move(reader.warnings);
  config.files = std::move(reader.files);
  return config;
}

boost::system::result<std::string, ConfigError> read_state(const std::string& file) {
  config::Reader reader{std::filesystem::path(file).parent_path().string()};
  const auto document = rules::yaml::Document::from_file(file, reader.problems);
  if (!document.readable()) return ConfigError{reader.problems.text()};
  std::string directory;
  std::string problem;
  {
    auto root = document.root().map("a map of settings");
    if (const auto state = root.find("state")) {
      directory = reader.path(*state, "the path of a directory").value_or("");
    }
    if (!reader.problems.empty()) problem = reader.problems.text();
  }  // where the keys that were not asked for are reported
  if (!problem.empty()) return ConfigError{problem};
  if (directory.empty()) {
    return ConfigError{fmt::format("{}: it names no `state`; expected the path of a directory", file)};
  }
  return {boost::system::in_place_value, std::move(directory)};
}

void throw_exception_from_error(const ConfigError& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

}  // namespace chaperone
