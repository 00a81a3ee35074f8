#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "proxy/commands/token.hpp"
#include "proxy/config.hpp"

namespace chaperone::commands {
namespace {

/// Where the built-in service keeps its key and what is revoked.
struct Place {
  std::string config = "chaperone.yaml";
  std::string state;

  void add_to(CLI::App& command) {
    auto* file = command.add_option("--config", config, "The configuration, whose `state` it is")
                     ->type_name("FILE")
                     ->capture_default_str();
    command.add_option("--state", state, "The state directory itself")->type_name("DIR")->excludes(file);
  }

  std::optional<State> find(std::ostream& errors) const {
    if (!state.empty()) return State(state);
    const auto directory = read_state(config);
    if (directory) return State(*directory);
    fmt::print(errors, "pgchaperone: {}\n", directory.error().message);
    return std::nullopt;
  }
};

void add_key(CLI::App& token, int& exit_status) {
  struct Arguments : Place {
    std::string algorithm = "ed25519";
    bool force = false, alone = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = token.add_subcommand("key", "Make the key that signs tokens.");
  command->footer(
      "It is written into the state directory, readable for its owner alone. `keys: builtin` under\n"
      "identity.tokens takes what it signs. With --force a new key signs from now on, and tokens of the "
      "older\n"
      "ones stay good until they expire; with --alone too they are refused at serve's next SIGHUP.\n"
      "Exit status: 0 made, 2 not.\n\n"
      "Example: pgchaperone token key --config chaperone.yaml");
  arguments->add_to(*command);
  command->add_option("--algorithm", arguments->algorithm, "ed25519 or p256")
      ->check(CLI::IsMember({"ed25519", "p256"}).description(""))
      ->type_name("NAME")
      ->capture_default_str();
  auto* force =
      command->add_flag("--force", arguments->force, "Put a new key in the place of the one there is");
  command->add_flag("--alone", arguments->alone, "Forget the older keys: their tokens are refused")
      ->needs(force);
  command->callback([arguments, &exit_status] {
    const auto state = arguments->find(std::cerr);
    const auto algorithm = arguments->algorithm == "p256" ? auth::Algorithm::kEs256 : auth::Algorithm::kEdDsa;
    exit_status =
        state ? make_token_key(*state, algorithm, arguments->force, arguments->alone, std::cout, std::cerr)
              : 2;
  });
}

void add_issue(CLI::App& token, int& exit_status) {
  struct Arguments : Place, TokenOptions {};
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = token.add_subcommand("issue", "Print a token for an agent.");
  command->footer(
      "The token is the agent's password, and nothing else is printed. What it says goes into the audit log\n"
      "and, as parameters, into the policy: `tenant: claim tenant_id` takes --claim tenant_id=7.\n"
      "Exit status: 0 printed, 2 not.\n\n"
      "Example: PGPASSWORD=$(pgchaperone token issue --agent triage-bot --actor alice@example.com\n"
      "           --task TICKET-4711 --claim tenant_id=7) psql -h 127.0.0.1 -p 6432 -U triage-bot shop");
  arguments->Place::add_to(*command);
  command
      ->add_option("--agent", arguments->request.agent,
                   "Who logs in with it: the user name of its connection string")
      ->required()
      ->type_name("NAME");
  arguments->TokenOptions::add_to(*command);
  command->callback([arguments, &exit_status] {
    exit_status = 2;
    if (!arguments->complete(std::cerr)) return;
    const auto state = arguments->find(std::cerr);
    if (state) exit_status = issue_token(*state, arguments->request, wall_clock(), std::cout, std::cerr);
  });
}

/// What inspect holds a token against: the whole configuration, or the built-in service alone.
std::optional<std::vector<auth::TokenIssuer>> find_issuers(const Place& place, std::string& state,
                                                           std::ostream& errors) {
  if (place.state.empty()) {
    const auto config = read_config(place.config);
    if (config) {
      state = config->state;
      return config->environment->identity.issuers;
    }
    fmt::print(errors, "{}\n", config.error().message);
    return std::nullopt;
  }
  state = place.state;
  const auto keys = State(state).keys();
  if (!keys) {
    fmt::print(errors, "pgchaperone: {}\n", keys.error().message);
    return std::nullopt;
  }
  return std::vector{auth::builtin_issuer(std::make_shared<const auth::KeySet>(*keys))};
}

void add_inspect(CLI::App& token, int& exit_status) {
  struct Arguments : Place {
    std::string token;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      token.add_subcommand("inspect", "Show what a token says, and whether it would be taken.");
  command->footer(
      "With --config it is held against all issuers of the configuration, with --state against the built-in\n"
      "service alone. Without TOKEN it is read from standard input, where no other user sees it.\n"
      "Exit status: 0 it is valid, 1 it is not (it says why), 2 could not tell.\n\n"
      "Example: pgchaperone token inspect --config chaperone.yaml < token");
  arguments->add_to(*command);
  command->add_option("TOKEN", arguments->token, "The token");
  command->callback([arguments, &exit_status] {
    exit_status = 2;
    std::string state;
    const auto issuers = find_issuers(*arguments, state, std::cerr);
    if (!issuers) return;
    const auto revocations = state.empty() ? auth::Revocations() : State(state).revocations();
    if (!revocations) {
      fmt::print(std::cerr, "pgchaperone: {}\n", revocations.error().message);
      return;
    }
    std::string text = arguments->token;
    if (text.empty() || text == "-") {
      text.assign(std::istreambuf_iterator<char>(std::cin), {});
      while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    }
    exit_status = inspect_token(text, *issuers, *revocations, wall_clock(), std::cout);
  });
}

void add_revoke(CLI::App& token, int& exit_status) {
  struct Arguments : Place {
    std::string id, agent, actor;
    bool lift = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = token.add_subcommand("revoke", "Refuse a token, an agent or an actor from now on.");
  command->footer(
      "A running serve ends their sessions within seconds and lets none in, tokens of other issuers and\n"
      "passwords included, until it is taken back with --lift.\n"
      "Exit status: 0 revoked (or lifted), 1 there was nothing to lift, 2 could not.\n\n"
      "Example: pgchaperone token revoke --agent triage-bot");
  arguments->add_to(*command);
  auto* id = command->add_option("ID", arguments->id, "The token's id (jti), or the token itself");
  auto* agent =
      command->add_option("--agent", arguments->agent, "All of this agent")->type_name("NAME")->excludes(id);
  command->add_option("--actor", arguments->actor, "All on behalf of this actor")
      ->type_name("NAME")
      ->excludes(id)
      ->excludes(agent);
  command->add_flag("--lift", arguments->lift, "Take the revocation back");
  command->callback([arguments, &exit_status] {
    exit_status = 2;
    if (arguments->id.empty() && arguments->agent.empty() && arguments->actor.empty()) {
      throw CLI::RequiredError("ID, --agent or --actor");
    }
    const auto state = arguments->find(std::cerr);
    if (!state) return;
    using Kind = auth::Revocations::Kind;
    const auto [kind, name] = !arguments->id.empty()      ? std::pair(Kind::kToken, arguments->id)
                              : !arguments->agent.empty() ? std::pair(Kind::kAgent, arguments->agent)
                                                          : std::pair(Kind::kActor, arguments->actor);
    exit_status = revoke_token(*state, kind, name, arguments->lift, wall_clock(), std::cout, std::cerr);
  });
}

}  // namespace

std::int64_t wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void TokenOptions::add_to(CLI::App& command) {
  command.add_option("--actor", request.actor, "On whose behalf")->type_name("NAME");
  command.add_option("--task", request.task, "What for")->type_name("TEXT");
  command.add_option("--claim", claims, "A further claim; may be given again")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);  // which would swallow a "--" behind it
  command
      .add_option("--capability", request.capabilities,
                  "Bound it to this one of the agent's capabilities; may be given again")
      ->type_name("NAME")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);  // which would swallow a "--" behind it
  command.add_option("--lifetime", lifetime, "How long it is good: 90s, 15m, 1h, at most 30d")
      ->type_name("TIME")
      ->capture_default_str();
}

bool TokenOptions::complete(std::ostream& errors) {
  const auto time = parse_lifetime(lifetime);
  if (!time) {
    fmt::print(errors, "pgchaperone: --lifetime is no time; expected 90s, 15m, 1h or 7d, at most 30d\n");
    return false;
  }
  request.lifetime = *time;
  for (const auto& claim : claims) {
    const auto equals = claim.find('=');
    if (equals == std::string::npos) {
      fmt::print(errors, "pgchaperone: --claim without a value; expected NAME=VALUE\n");
      return false;
    }
    request.claims.emplace_back(claim.substr(0, equals), claim.substr(equals + 1));
  }
  return true;
}

void add_token(CLI::App& app, int& exit_status) {
  CLI::App* token = app.add_subcommand("token", "The built-in token service: keys, tokens, revocations.");
  token->require_subcommand(1);
  add_key(*token, exit_status);
  add_issue(*token, exit_status);
  add_inspect(*token, exit_status);
  add_revoke(*token, exit_status);
}

}  // namespace chaperone::commands
