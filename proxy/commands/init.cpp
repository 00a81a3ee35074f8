#include "proxy/commands/init.hpp"

#include <fcntl.h>
#include <fmt/ostream.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <system_error>

#include "proxy/commands/dsn.hpp"
#include "proxy/commands/json_text.hpp"
#include "proxy/commands/policy_draft.hpp"
#include "proxy/commands/token.hpp"
#include "proxy/config.hpp"
#include "proxy/config_address.hpp"
#include "proxy/net/catalog_reader.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/broker/broker_sql.hpp"
#include "rules/policy/load.hpp"
#include "rules/rewrite/context.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

namespace fs = std::filesystem;

/// The role that makes others, once a DBA wants that (broker.sql).
constexpr std::string_view kBroker = "pgchaperone_broker";
constexpr auto kPatience = std::chrono::seconds(30);

wire::Error wrong(std::string message) {
  return {.sqlstate = wire::sqlstate::kInternalError, .message = std::move(message)};
}

std::string reason() {
  return std::generic_category().message(errno);
}

/// What the database says of itself.
struct Surveyed {
  std::shared_ptr<const rules::Catalog> catalog;
  bool superuser = false;
};

wire::Result<Surveyed> survey(const Dsn& dsn) {
  auto login = control_login(dsn);
  if (!login) return login.error();
  login->parameters = {{"application_name", "pgchaperone init"}};
  const auto failed = [&](const session::ControlError& error) {
    std::string advice;
    const auto is_about = [&](std::string_view word) {
      return error.sqlstate == wire::sqlstate::kConnectionFailure &&
             error.message.find(word) != std::string::npos;
    };
    if (dsn.password.empty() && is_about("password")) {
      advice += "; the password stands in the connection string or PGPASSWORD, or is typed in";
    }
    if (dsn.tls == Dsn::Tls::kVerifyFull && is_about("TLS")) {
      advice +=
          "; TLS is sslmode=verify-full, and sslrootcert=FILE where the system does not know who signed "
          "(sslmode=require checks nothing, disable does without)";
    }
    return wrong(fmt::format("database {} at {}: {}{}", rules::in_quotes(dsn.database),
                             dsn.server.to_string(), session::text_of(error), advice));
  };
  auto connection = net::ControlConnection::open(*login, kPatience);
  if (!connection) return failed(connection.error());
  auto catalog = net::read_catalog(*connection, kPatience);
  if (!catalog) return failed(catalog.error());
  const auto role =
      connection->query("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", kPatience);
  if (!role) return failed(role.error());
  Surveyed found{*catalog, false};
  for (const auto& result : *role) {
    for (const auto& row : result.rows) found.superuser = row.at(0) == "t";
  }
  return found;
}

/// For a shell, and for people to read.
std::string shell(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+:@%=,").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

fs::path own_program() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored);
}

/// What to type to run us again.
std::string own_name() {
  const fs::path self = own_program();
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path found = fs::path(folder) / "pgchaperone";
    std::error_code none;
    if (fs::exists(found, none))
      return fs::equivalent(found, self, none) ? "pgchaperone" : shell(self.string());
  }
  return shell(self.string());
}

std::string config_text(const Dsn& dsn, const session::Address& listen) {
  std::string tls;
  if (!dsn.server.unix_socket) {
    constexpr std::string_view kModes[] = {"verify-full", "insecure_require", "insecure_disable"};
    const auto mode = kModes[static_cast<int>(dsn.tls)];
    tls = dsn.ca.empty() ? fmt::format("    tls: {{mode: {}}}\n", mode)
                         : fmt::format("    tls: {{mode: {}, ca: {}}}\n", mode,
                                       json_text(fs::absolute(dsn.ca).string()));
  }
  std::string admin;
  if (!listen.unix_socket && listen.port < 65'535) {
    admin = fmt::format(
        "admin:\n  address: {}\n",
        session::Address{listen.host, static_cast<std::uint16_t>(listen.port + 1), false}.to_string());
  }
  return fmt::format(
      R"(# Made by `pgchaperone init`. Paths are relative to this file. After a change: `config validate`, then SIGHUP to serve.
state: state                            # the key that signs tokens, and what is revoked
listen:
  # For agents of other machines: an address of this one, and tls: {{certificate: server.crt, key: server.key}}
  - address: {listen}
{admin}databases:
  # By the names in the agents' connection strings.
  {database}:
    server: {server}
{tls}    credential:
      insecure_static:                  # one credential that lasts, for all sessions; what observing takes
        role: {role}
{password}      # Better, once the agents are enforced (policy.yaml) and a DBA has run broker.sql: a role made for each session,
      # which may do no more than the policy says and is gone with it. In place of insecure_static:
      #   session_role:
      #     broker: {broker}
      #     password_file: broker.password
      #     lifetime: 15m
policy: policy.yaml
identity:
  default: token
  tokens:
    - keys: builtin                     # `pgchaperone token issue`; your identity provider can stand beside it
  insecure_token_without_tls: true      # from this machine alone; with `tls` above it is not needed
audit:
  sinks:
    - file: audit.jsonl
      rotate_size: 256MiB
)",
      fmt::arg("listen", json_text(listen.to_string())), fmt::arg("admin", admin),
      fmt::arg("database", json_text(dsn.database)), fmt::arg("server", json_text(dsn.server.to_string())),
      fmt::arg("tls", tls), fmt::arg("role", json_text(dsn.user)), fmt::arg("broker", kBroker),
      fmt::arg("password", dsn.password.empty() ? "" : "        password_file: database.password\n"));
}

/// What a model's program reads; no token is in it.
std::string mcp_text(const InitArguments& arguments, const Dsn& dsn, const fs::path& directory) {
  return fmt::format(
      R"({{
  "mcpServers": {{
    {}: {{
      "command": {},
      "args": [
        "connect", "--config", {}, "--agent", {}, "--",
        "npx", "-y", "@modelcontextprotocol/server-postgres@0.6.2", "{{dsn}}"
      ]
    }}
  }}
}}
)",
      json_text(dsn.database), json_text(own_program().string()),
      json_text((directory / "chaperone.yaml").string()), json_text(arguments.agent));
}

/// A directory beside the one that is to be, which gets its name when all is in it.
class Draft {
 public:
  explicit Draft(fs::path target) : target_(std::move(target)) {}
  ~Draft() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Draft(const Draft&) = delete;

  wire::Result<void> make() {
    std::error_code error;
    fs::create_directories(target_.parent_path(), error);
    std::string name = (target_.parent_path() / ".pgchaperone-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) {
      return wrong(fmt::format("{}: no directory can be made there: {}", target_.parent_path().string(),
                               error ? error.message() : reason()));
    }
    path_ = name;
    return {};
  }
  fs::path operator/(std::string_view name) const { return path_ / name; }

  wire::Result<void> write(std::string_view name, std::string_view text) const {
    std::ofstream file(path_ / name, std::ios::binary);
    file << text;
    file.close();
    if (file) return {};
    return wrong(fmt::format("{}: {}", (target_ / name).string(), reason()));
  }

  /// What was there before keeps its place beside it; `kept` says where.
  wire::Result<void> put_in_place(bool force, std::string& kept) {
    const auto failed = [&] { return wrong(fmt::format("{}: {}", target_.string(), reason())); };
    if (::rename(path_.c_str(), target_.c_str()) == 0) {  // onto an empty directory too
      path_.clear();
      return {};
    }
    if (!force || (errno != ENOTEMPTY && errno != EEXIST)) return failed();
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0)
      return failed();
    const auto old = fs::path(fmt::format("{}.before-{}", target_.string(), wall_clock() / 1'000'000));
    const bool moved = ::rename(path_.c_str(), old.c_str()) == 0;
    kept = moved ? old.string() : path_.string();
    path_.clear();
    return {};
  }

 private:
  fs::path target_, path_;
};

bool is_free(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(directory, error))) return true;
  return fs::is_directory(directory, error) && fs::is_empty(directory, error) && !error;
}

/// Holds what was made against what `serve` will hold it against, and gives the SQL for the policy's roles.
wire::Result<std::string> prove(const Draft& draft, const std::string& database,
                                const rules::Catalog& catalog) {
  const auto config = read_config((draft / "chaperone.yaml").string());
  if (!config) return wrong(fmt::format("what was made is not good:\n{}", config.error().message));
  rules::Problems problems;
  const auto policy = rules::load_policy(config->environment->policy_text, "policy.yaml", catalog, problems);
  std::string sql;
  if (problems.empty()) {
    sql = rules::broker_setup_sql(
        {.database = database, .broker = std::string(kBroker), .policy_file = "policy.yaml"}, policy, catalog,
        problems);
  }
  if (!problems.empty()) return wrong(fmt::format("what was made is not good:\n{}", problems.text()));
  return {boost::system::in_place_value, std::move(sql)};
}

struct Made {
  PolicyDraft policy;
  bool superuser = false;
  std::string token = {};
  std::string kept = {};  ///< where the directory that was there before is now
};

wire::Result<Made> make(const InitArguments& arguments, const Dsn& dsn, const session::Address& listen,
                        std::chrono::seconds lifetime, const fs::path& directory) {
  const auto surveyed = survey(dsn);
  if (!surveyed) return surveyed.error();
  Made made{.policy = draft_policy(*surveyed->catalog, arguments.agent, dsn.database),
            .superuser = surveyed->superuser};
  Draft draft(directory);
  if (auto done = draft.make(); !done) return done.error();
  const State state((draft / "state").string());
  if (auto done = state.set_signing_key(auth::SigningKey::generate(auth::Algorithm::kEdDsa), false); !done) {
    return done.error();
  }
  auto token = make_token(state, {.agent = arguments.agent, .lifetime = lifetime}, wall_clock());
  if (!token) return token.error();
  made.token = std::move(*token);
  std::vector<std::pair<std::string_view, std::string>> files = {
      {"chaperone.yaml", config_text(dsn, listen)},
      {"policy.yaml", made.policy.text},
      {"schema.jsonl", rules::write_catalog(*surveyed->catalog)},
      {"mcp.json", mcp_text(arguments, dsn, directory)}};
  if (!dsn.password.empty()) files.emplace_back("database.password", dsn.password + "\n");
  for (const auto& [name, text] : files) {
    if (auto done = draft.write(name, text); !done) return done.error();
  }
  const auto sql = prove(draft, dsn.database, *surveyed->catalog);
  if (!sql) return sql.error();
  if (auto done = draft.write("broker.sql", *sql); !done) return done.error();
  if (auto done = draft.put_in_place(arguments.force, made.kept); !done) return done.error();
  return made;
}

void tell(const InitArguments& arguments, const Dsn& dsn, const session::Address& listen, const Made& made,
          std::ostream& out) {
  const std::string us = own_name();
  const std::string in = arguments.directory;
  const auto file = [&](std::string_view name) { return shell((fs::path(in) / name).string()); };
  const std::string config = file("chaperone.yaml");
  fmt::print(out, "{} holds all that it takes to observe {} in {}:\n", in, rules::in_quotes(arguments.agent),
             rules::in_quotes(dsn.database));
  fmt::print(out, "  chaperone.yaml   the configuration; it comes in at {}\n", listen.to_string());
  fmt::print(
      out,
      "  policy.yaml      a draft: {} tables to read; nothing is refused while it says `mode: observe`\n",
      made.policy.tables);
  fmt::print(out, "  schema.jsonl     the database's schema, for `check` and `explain`\n");
  fmt::print(
      out, "  broker.sql       for a DBA, who runs it once: then each session can have a role of its own\n");
  fmt::print(out, "  mcp.json         for a model's program; there is no token in it\n");
  fmt::print(out, "  state/           the key that signs tokens: who can read it is every agent\n");
  if (!dsn.password.empty()) fmt::print(out, "  database.password\n");
  if (!made.kept.empty()) fmt::print(out, "What was there before is {} now.\n", made.kept);
  if (!made.policy.left_out.empty()) {
    fmt::print(out, "Left out of the policy, since it looks sensitive: {}\n",
               fmt::join(made.policy.left_out, ", "));
  }
  if (made.superuser) {
    fmt::print(out,
               "{} is a superuser, and so is the agent while it is observed. Better: a role that may do what "
               "the agent needs.\n",
               rules::in_quotes(dsn.user));
  }
  const std::string host = listen.unix_socket ? "" : fmt::format("{}", listen.to_string());
  const std::string uri = fmt::format(
      "postgresql://{}:{}@{}/{}{}", rules::percent_encoded(arguments.agent), made.token, host,
      rules::percent_encoded(dsn.database),
      listen.unix_socket ? fmt::format("?host={}&port={}", rules::percent_encoded(listen.host), listen.port)
                         : "");
  fmt::print(out,
             R"(
Start it:
  {us} serve --config {config}

The agent's connection string, good for {lifetime}:
  {uri}

As long as you like, and without a token in anybody's configuration:
  {us} connect --config {config} --agent {agent} -- psql

What it does:
  {us} audit show {audit}

Then cut policy.yaml down to what it needs, take `mode: observe` out, and send serve a SIGHUP: from then on it is refused
what the policy does not allow.
)",
             fmt::arg("us", us), fmt::arg("config", config), fmt::arg("lifetime", arguments.lifetime),
             fmt::arg("uri", uri), fmt::arg("agent", shell(arguments.agent)),
             fmt::arg("audit", file("audit.jsonl")));
}

}  // namespace

int init(const InitArguments& arguments, std::ostream& out, std::ostream& errors) {
  const auto refuse = [&](std::string_view why) {
    fmt::print(errors, "pgchaperone: {}\n", why);
    return 2;
  };
  const auto lifetime = parse_lifetime(arguments.lifetime);
  if (!lifetime) return refuse("--lifetime is no time; expected 90s, 15m, 1h or 7d, at most 30d");
  std::string problem;
  const auto listen = parse_address(arguments.listen, kListenAddress, problem);
  if (!listen || listen->port == 0 || !is_local(*listen)) {
    return refuse(
        fmt::format("--listen: {}; expected a loopback address, as 127.0.0.1:6432, or unix:/directory",
                    listen ? "tokens would travel unencrypted" : problem));
  }
  if (arguments.agent.empty() || rules::has_control_character(arguments.agent))
    return refuse("--agent is no name");
  const fs::path given = fs::absolute(arguments.directory).lexically_normal();
  const fs::path directory = given.has_filename() ? given : given.parent_path();
  // Before anybody is asked for a password; whoever comes in between is met by put_in_place().
  if (!arguments.force && !is_free(directory)) {
    return refuse(fmt::format(
        "{} is there already; expected another --directory, or --force, which keeps what is there "
        "under another name",
        arguments.directory));
  }
  auto dsn = parse_dsn(arguments.database);
  if (!dsn) return refuse(dsn.error().message);
  ask_password(*dsn);
  ::umask(077);
  const auto made = make(arguments, *dsn, *listen, *lifetime, directory);
  if (!made) return refuse(made.error().message);
  tell(arguments, *dsn, *listen, *made, out);
  return out.flush() ? 0 : refuse("standard output can't be written");
}

void add_init(CLI::App& app, int& exit_status) {
  const auto arguments = std::make_shared<InitArguments>();
  CLI::App* command = app.add_subcommand(
      "init", "Make all that it takes to observe an agent in a database: from a DSN to a setup.");
  command->footer(
      "Reads the catalog of the database, and makes a directory with a configuration, a policy that lists "
      "its\n"
      "tables (what looks sensitive is left out), keys, a token, and what a model's program needs. Nothing "
      "is\n"
      "written to the database. The agent is observed: all that it does is recorded with what the policy "
      "would\n"
      "say, and nothing is refused. The directory appears whole or not at all.\n\n"
      "DSN is a connection string as psql takes it; what it leaves open comes from PGHOST, PGUSER and so on. "
      "A\n"
      "password in it is seen by whoever lists processes: better PGPASSWORD, or nothing, and it is asked "
      "for.\n"
      "TLS is as `sslmode` says; without it verify-full, and none on a loopback address.\n"
      "Exit status: 0 made, 2 not.\n\n"
      "Example: pgchaperone init --database postgresql://app@db.internal/shop --agent triage-bot");
  command->add_option("--database", arguments->database, "The database, as its connection string")
      ->required()
      ->type_name("DSN");
  command->add_option("--agent", arguments->agent, "The agent: the user name of its connection string")
      ->required()
      ->type_name("NAME");
  command->add_option("--directory", arguments->directory, "What to make")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--listen", arguments->listen, "Where the agent connects to")
      ->type_name("ADDRESS")
      ->capture_default_str();
  command->add_option("--lifetime", arguments->lifetime, "How long the token is good that is printed")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_flag("--force", arguments->force,
                    "Make it although it is there already; what is there is kept");
  command->callback([arguments, &exit_status] { exit_status = init(*arguments, std::cout, std::cerr); });
}

}  // namespace chaperone::commands
