#include "proxy/commands/commands.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "proxy/commands/audit.hpp"
#include "proxy/commands/broker.hpp"
#include "proxy/commands/catalog.hpp"
#include "proxy/commands/check.hpp"
#include "proxy/commands/config.hpp"
#include "proxy/commands/connect.hpp"
#include "proxy/commands/doctor.hpp"
#include "proxy/commands/explain.hpp"
#include "proxy/commands/health.hpp"
#include "proxy/commands/init.hpp"
#include "proxy/commands/password.hpp"
#include "proxy/commands/policy_test.hpp"
#include "proxy/commands/serve.hpp"
#include "proxy/commands/token.hpp"
#include "proxy/commands/version.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

void add_serve(CLI::App& app, int& exit_status) {
  CLI::App* command =
      app.add_subcommand("serve", "Stand between agents and PostgreSQL, and record what they do.");
  command->footer(
      "SIGTERM and SIGINT drain, SIGHUP reads the configuration again.\n"
      "Exit status: 0 drained, 2 could not start.\n\n"
      "Example: pgchaperone serve --config chaperone.yaml");
  const auto file = std::make_shared<std::string>();
  command->add_option("--config", *file, "The configuration file")->required()->type_name("FILE");
  command->callback([file, &exit_status] { exit_status = serve(*file); });
}

/// The command that the arguments came to before they went wrong.
const CLI::App& deepest(const CLI::App& app) {
  const CLI::App* found = &app;
  while (!found->get_subcommands().empty()) found = found->get_subcommands().front();
  return *found;
}

/// "; did you mean ..?" out of the command's subcommands or options, or "".
std::string suggestion(const CLI::App& command, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::App* subcommand : command.get_subcommands({})) known.push_back(subcommand->get_name());
  for (const CLI::Option* option : command.get_options()) known.push_back(option->get_name());
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view meant = rules::closest(word, views);
  return meant.empty() ? "" : fmt::format("; did you mean {}?", meant);
}

bool has_commands(const CLI::App& command) {
  return !command.get_subcommands({}).empty();
}

std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = deepest(app);
  const std::vector<std::string> rest = command.remaining();
  if (rest.empty() || rest.front() == "--") return error.what();
  const std::string& word = rest.front();
  const std::string_view kind = word.starts_with('-')   ? "option"
                                : has_commands(command) ? "command"
                                                        : "argument";
  return fmt::format("unknown {} {}{}", kind, rules::in_quotes(word), suggestion(command, word));
}

std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

int run_command(CLI::App& app, int argc, char** argv) {
  int exit_status = 2;
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version_line()));
  const auto footer = [](std::string_view command) {
    return fmt::format(
        "Exit status: 0 fine, 1 the answer is no, 2 could not run.\n\nExample: pgchaperone {} --help",
        command);
  };
  app.footer(footer("serve"));
  add_init(app, exit_status);
  add_serve(app, exit_status);
  add_check(app, exit_status);
  add_policy_test(app, exit_status);
  add_explain(app, exit_status);
  add_connect(app, exit_status);
  add_config(app, exit_status);
  add_token(app, exit_status);
  add_password(app, exit_status);
  add_audit(app, exit_status);
  add_broker(app, exit_status);
  add_catalog(app, exit_status);
  add_doctor(app, exit_status);
  add_health(app, exit_status);
  add_version(app, exit_status);
  for (CLI::App* group : app.get_subcommands({})) {
    if (has_commands(*group)) {
      group->footer(footer(group->get_name() + " " + group->get_subcommands({}).front()->get_name()));
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    const CLI::App& command = deepest(app);
    if (command.remaining().empty() && has_commands(command)) {
      const CLI::App* parent = command.get_parent();
      fmt::print(stderr, "{}", command.help(parent == nullptr ? "" : full_name(*parent)));
      return 2;
    }
    fmt::print(stderr, "pgchaperone: {}\nSee: {} --help\n", explain(app, error), full_name(command));
    return 2;
  }
  return exit_status;
}

}  // namespace

int run(int argc, char** argv) {
  try {
    CLI::App app("A PostgreSQL proxy that knows which agent runs which statement, and records it.",
                 "pgchaperone");
    return run_command(app, argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "pgchaperone: {}\n", error.what());
    return 2;
  }
}

}  // namespace chaperone::commands
