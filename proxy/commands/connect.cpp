#include "proxy/commands/connect.hpp"

#include <fmt/ostream.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>

#include "proxy/commands/catalog.hpp"
#include "proxy/commands/child.hpp"
#include "proxy/config.hpp"
#include "proxy/config_address.hpp"
#include "proxy/net/local_end.hpp"
#include "proxy/net/tls.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/file.hpp"
#include "rules/rewrite/context.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

using net::ForwardServer;

constexpr std::size_t kMaxPemBytes = 1U << 20;
constexpr auto kTokenPatience = std::chrono::seconds(30);

wire::Error wrong(std::string message) {
  return {.sqlstate = wire::sqlstate::kInvalidAuthorization, .message = std::move(message)};
}

/// An address that is listened on, as one to connect to.
session::Address reached(session::Address address) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return address;
}

/// The server of a configuration of this machine: the first of its addresses at which an agent may send a
/// token. Its certificate is in our hands, so that no name has to be good.
wire::Result<ForwardServer> server_of(const Config& config, const std::string& file) {
  for (const auto& [listen, tls] : config.listen) {
    const session::Address address = reached(listen);
    if (address.port == 0) continue;
    if (tls != nullptr) {
      const auto context = net::TlsContext::for_server(address.host, false);
      if (!context) return context.error();
      return ForwardServer{.address = address, .tls = *context, .certificate = net::Tls(*tls).fingerprint()};
    } else if (config.environment->identity.token_without_tls && is_local(address)) {
      // `serve` runs as who owns its state, or as root.
      struct stat status {};
      const bool there = ::stat(config.state.c_str(), &status) == 0;
      return ForwardServer{.address = address, .owners = {there ? status.st_uid : ::geteuid()}};
    }
  }
  return wrong(
      fmt::format("{} has no address at which a token may be sent; expected `listen` with `tls`, whose "
                  "certificate is not Ed25519, or --server and --ca",
                  file));
}

/// Where the server is. By the configuration it is looked up again for each connection: certificates are
/// renewed.
class Servers {
 public:
  /// Nothing: told to `errors`.
  static std::shared_ptr<Servers> find(ConnectArguments& arguments, std::ostream& errors) {
    const auto made = std::make_shared<Servers>();
    const auto read =
        arguments.server.empty() ? made->by_config(arguments, errors) : made->by_address(arguments);
    if (read) return made;
    if (const std::string& why = read.error().message; !why.empty()) {
      fmt::print(errors, "{}{}\n", made->config_.empty() ? "pgchaperone: " : "", why);
    }
    return nullptr;
  }

  wire::Result<ForwardServer> now() {
    const std::lock_guard lock(mutex_);
    if (config_.empty()) return last_;
    // While somebody edits it, the last one that was whole counts, as with the server itself.
    if (const auto config = read_config(config_)) {
      if (auto fresh = server_of(*config, config_)) last_ = std::move(*fresh);
    }
    return last_;
  }

 private:
  wire::Result<void> by_address(const ConnectArguments& arguments) {
    std::string problem;
    const auto address = parse_address(arguments.server, kListenAddress, problem);
    if (!address || address->port == 0) {
      return wrong(fmt::format("--server: {}; expected {}", address ? "port 0 is none" : problem,
                               address_form(kListenAddress)));
    }
    if (arguments.database.empty()) return wrong("--server without --database; expected its name there");
    last_.address = *address;
    last_.owners = {::geteuid()};  // looked at where there is no certificate
    if (address->unix_socket) return {};
    if (arguments.without_tls) {
      if (is_local(*address)) return {};
      return wrong(
          "--insecure-without-tls is for loopback addresses: a token could be read on its way; expected TLS");
    }
    net::PemFile authorities;
    if (!arguments.ca.empty()) {
      const rules::File file = rules::read_file(arguments.ca, kMaxPemBytes);
      authorities = {rules::in_quotes(arguments.ca), file.text};
      if (file.text.empty()) {
        return wrong(fmt::format("--ca {}: {}; expected a file of certificates", authorities.name,
                                 file.error.empty() ? "it is empty" : file.error));
      }
    }
    auto context = net::TlsContext::for_server(address->host, true, authorities);
    if (!context) return context.error();
    last_.tls = *context;
    return {};
  }

  /// Fills in what it says of the database and the state. An error without words is told already.
  wire::Result<void> by_config(ConnectArguments& arguments, std::ostream& errors) {
    const auto config = read_config(arguments.config);
    if (!config) {
      config_ = arguments.config;
      return wrong(config.error().message);
    }
    auto server = server_of(*config, arguments.config);
    if (!server) return server.error();
    last_ = std::move(*server);
    const session::Environment& environment = *config->environment;
    const std::string& agent = arguments.token.request.agent;
    if (environment.identity.method_of(agent) != session::Identity::Method::kToken) {
      return wrong(
          fmt::format("in {} agent {} does not log in with a token; expected identity.default: token",
                      arguments.config, rules::in_quotes(agent)));
    }
    if (environment.policy && environment.policy->find_agent(agent) == nullptr) {
      std::vector<std::string_view> names;
      for (const auto& [name, each] : environment.policy->agents) names.push_back(name);
      return wrong(fmt::format("the policy of {} has no agent {}; expected {}", arguments.config,
                               rules::in_quotes(agent),
                               rules::with_suggestion(rules::one_of(names), agent, names)));
    }
    const auto database = choose_database(environment, arguments.config, arguments.database, errors);
    if (!database) return wrong("");
    arguments.database = *database;
    if (arguments.state.empty()) arguments.state = config->state;
    config_ = arguments.config;
    return {};
  }

  std::mutex mutex_;
  std::string config_;  ///< empty: the address was given
  ForwardServer last_;
};

/// The state directory of the built-in token service; nothing: told to `errors`.
std::optional<State> find_state(const ConnectArguments& arguments, std::ostream& errors) {
  std::string directory = arguments.state;
  if (directory.empty()) {
    const auto read = read_state(arguments.config);
    if (!read) {
      fmt::print(
          errors,
          "{}\npgchaperone: there is nothing to make tokens with; expected --token-command or --state\n",
          read.error().message);
      return {};
    }
    directory = *read;
  }
  State state(std::move(directory));
  // Better here than as an error of the program's.
  if (const auto token = make_token(state, arguments.token.request, wall_clock()); !token) {
    fmt::print(errors, "pgchaperone: {}\n", token.error().message);
    return {};
  }
  return state;
}

/// What the program's arguments and environment say of the local end.
class LocalNames {
 public:
  LocalNames(const net::LocalEnd& end, const std::string& agent, const std::string& database)
      : agent_(agent),
        database_(database),
        port_(std::to_string(end.port())),
        dsn_(fmt::format("postgresql://{}:{}@127.0.0.1:{}/{}?sslmode=disable", rules::percent_encoded(agent),
                         end.password(), end.port(), rules::percent_encoded(database))),
        words_{{{"{dsn}", dsn_},
                {"{host}", "127.0.0.1"},
                {"{port}", port_},
                {"{user}", agent},
                {"{password}", end.password()},
                {"{database}", database},
                {"{socket}", end.directory()}}},
        end_(end) {}

  std::vector<std::string> put_into(std::vector<std::string> command) const {
    for (auto& argument : command) {
      for (const auto& [word, value] : words_) {
        for (std::size_t at = argument.find(word); at != std::string::npos;
             at = argument.find(word, at + value.size())) {
          argument.replace(at, word.size(), value);
        }
      }
    }
    return command;
  }

  ChildVariables variables(const std::vector<std::string>& further) const {
    ChildVariables all = {{"DATABASE_URL", dsn_},    {"PGHOST", end_.directory()},
                          {"PGPORT", port_},         {"PGUSER", agent_},
                          {"PGDATABASE", database_}, {"PGPASSWORD", end_.password()},
                          {"PGSSLMODE", "disable"}};
    // What would lead libpq elsewhere, or ask of a local socket what it has not.
    for (const char* name : {"PGHOSTADDR", "PGSERVICE", "PGSSLNEGOTIATION", "PGCHANNELBINDING",
                             "PGREQUIREAUTH", "PGGSSENCMODE", "PGREQUIREPEER", "PGREQUIRESSL"}) {
      all.emplace_back(name, std::nullopt);
    }
    for (const auto& name : further) all.emplace_back(name, dsn_);
    return all;
  }

 private:
  std::string agent_, database_, port_, dsn_;
  std::vector<std::pair<std::string, std::string>> words_;
  const net::LocalEnd& end_;
};

}  // namespace

int connect(const ConnectArguments& given, std::ostream& errors) {
  ConnectArguments arguments = given;
  if (!arguments.token.complete(errors)) return 2;
  const auto servers = Servers::find(arguments, errors);
  if (!servers) return 2;
  const auto state = arguments.token_command.empty() ? find_state(arguments, errors) : State("");
  if (!state) return 2;
  const HeldSignals signals;
  const auto token = [&](int stop) -> wire::Result<std::string> {
    if (!arguments.token_command.empty())
      return line_of_command(arguments.token_command, kTokenPatience, stop);
    return make_token(*state, arguments.token.request, wall_clock());
  };
  const std::string& agent = arguments.token.request.agent;
  auto end = net::LocalEnd::open({.server = [&] { return servers->now(); },
                                  .login = [&](int stop) -> wire::Result<net::ForwardLogin> {
                                    auto fresh = token(stop);
                                    if (!fresh) return fresh.error();
                                    return net::ForwardLogin{agent, arguments.database, std::move(*fresh)};
                                  }});
  if (!end) {
    fmt::print(errors, "pgchaperone: no local socket: {}\n", end.error().message);
    return 2;
  }
  const LocalNames names(**end, agent, arguments.database);
  return signals.run(names.put_into(arguments.program), names.variables(arguments.variables), errors);
}

void add_connect(CLI::App& app, int& exit_status) {
  const auto arguments = std::make_shared<ConnectArguments>();
  CLI::App* command = app.add_subcommand(
      "connect", "Run a program whose connections log in as an agent, each with a fresh token.");
  command->footer(
      "For programs that are given their connection string once, as MCP servers: there is no token in their\n"
      "configuration, and none in their hands. The program finds a local socket in DATABASE_URL and in "
      "PGHOST,\n"
      "PGPORT, PGUSER, PGDATABASE, PGPASSWORD; in its arguments {dsn} stands for the connection string, and\n"
      "{host} {port} {user} {password} {database} {socket} for its parts. The password is one of this run, "
      "good\n"
      "for processes of your own user alone; other users of this machine are refused.\n\n"
      "With --config the server runs on this machine, and tokens are signed with the key in its `state`. "
      "From\n"
      "elsewhere: --server with --ca, and --token-command, as `vault read -field=token ..`, which the shell "
      "runs\n"
      "for each connection. A session ends with its token; the program then connects anew.\n\n"
      "Signals are handed on. Nothing but errors is printed, and those on standard error.\n"
      "Exit status: the program's, 128 + the signal that ended it, 2 it could not be run.\n\n"
      "Examples:\n"
      "  pgchaperone connect --agent triage-bot -- npx -y @modelcontextprotocol/server-postgres {dsn}\n"
      "  pgchaperone connect --agent triage-bot --actor alice@example.com --task TICKET-4711 -- psql\n"
      "  pgchaperone connect --agent triage-bot --server chaperone.example.com:6432 --ca ca.crt --database "
      "shop\n"
      "    --token-command 'cat /run/secrets/token' -- python3 agent.py");
  auto& token = arguments->token;
  command->add_option("--agent", token.request.agent, "Who logs in")->required()->type_name("NAME");
  command->add_option("--config", arguments->config, "The configuration of a server on this machine")
      ->type_name("FILE")
      ->capture_default_str();
  command
      ->add_option("--server", arguments->server,
                   "Where the server is, as chaperone.example.com:6432 or unix:/directory")
      ->type_name("ADDRESS");
  command
      ->add_option("--ca", arguments->ca,
                   "Certificates that --server's has to be signed by, or that one itself")
      ->type_name("FILE");
  command->add_flag("--insecure-without-tls", arguments->without_tls,
                    "Speak no TLS with a --server on a loopback address");
  command
      ->add_option("--database", arguments->database,
                   "Which database; may be left out where there is only one")
      ->type_name("NAME");
  command->add_option("--state", arguments->state, "The state directory whose key signs the tokens")
      ->type_name("DIR");
  command
      ->add_option("--token-command", arguments->token_command,
                   "What prints a token, instead of the built-in service")
      ->type_name("COMMAND");
  token.add_to(*command);
  command
      ->add_option("--variable", arguments->variables,
                   "A further variable for the connection string, as DATABASE_URI; may be given again")
      ->type_name("NAME")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);  // which would swallow a "--" behind it
  command->add_option("PROGRAM", arguments->program, "The program and its arguments, behind --")->required();
  command->callback([arguments, &exit_status] { exit_status = connect(*arguments, std::cerr); });
}

}  // namespace chaperone::commands
