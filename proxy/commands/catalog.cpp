#include "proxy/commands/catalog.hpp"

#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/config.hpp"
#include "proxy/net/catalog_reader.hpp"
#include "proxy/net/credentials/own_login.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

std::optional<session::ControlLogin> find_login(const CatalogArguments& arguments, std::ostream& errors) {
  const auto config = read_config(arguments.config);
  if (!config) {
    fmt::print(errors, "{}\n", config.error().message);
    return {};
  }
  const auto name = choose_database(*config->environment, arguments.config, arguments.database, errors);
  if (!name) return {};
  const session::Database& database = *config->environment->find_database(*name);
  auto made = net::own_login(database, *name, "");
  if (!made) {
    fmt::print(errors, "pgchaperone: no credential for {}: {}\n", rules::in_quotes(*name),
               session::text_of(made.error()));
    return {};
  }
  session::ControlLogin login = std::move(*made);
  if (!arguments.role.empty()) login.role = arguments.role;
  login.parameters = {{"application_name", "pgchaperone catalog"}};
  if (login.role.empty()) {
    fmt::print(
        errors,
        "pgchaperone: the credential of {} names no role, since agents log in under their own; expected "
        "--role NAME\n",
        rules::in_quotes(*name));
    return {};
  }
  return login;
}

}  // namespace

std::optional<std::string> choose_database(const session::Environment& environment, const std::string& config,
                                           const std::string& asked, std::ostream& errors) {
  std::vector<std::string_view> names;
  for (const auto& [name, database] : environment.databases) {
    if (name != "*") names.push_back(name);
  }
  if (!asked.empty()) {
    if (environment.find_database(asked) != nullptr) return asked;
    const std::string_view meant = rules::closest(asked, names);
    fmt::print(errors, "pgchaperone: {} has no database {}; expected {}\n", config, rules::in_quotes(asked),
               meant.empty() ? fmt::format("{}", fmt::join(names, ", ")) : rules::in_quotes(meant));
    return {};
  }
  if (names.size() == 1) return std::string(names[0]);
  fmt::print(errors, "pgchaperone: {} has {}; expected --database NAME{}\n", config,
             names.empty() ? "no database of a name of its own" : "several databases",
             names.empty() ? "" : fmt::format(", one of {}", fmt::join(names, ", ")));
  return {};
}

int print_catalog(const CatalogArguments& arguments, std::ostream& out, std::ostream& errors) {
  const auto login = find_login(arguments, errors);
  if (!login) return 2;
  const std::chrono::seconds timeout(arguments.seconds);
  const auto failed = [&](const session::ControlError& error) {
    fmt::print(errors, "pgchaperone: database {} at {}: {}\n", rules::in_quotes(login->database),
               login->server.to_string(), session::text_of(error));
    return 2;
  };
  auto connection = net::ControlConnection::open(*login, timeout);
  if (!connection) return failed(connection.error());
  const auto catalog = net::read_catalog(*connection, timeout);
  if (!catalog) return failed(catalog.error());
  out << rules::write_catalog(**catalog) << std::flush;
  return out ? 0 : 2;
}

void add_catalog(CLI::App& app, int& exit_status) {
  const auto arguments = std::make_shared<CatalogArguments>();
  CLI::App* command =
      app.add_subcommand("catalog", "Print the schema of a live database, for check, explain and test.");
  command->footer(
      "The snapshot is JSON Lines: tables with their columns and keys, views, types, functions. No data is\n"
      "read, nothing is written, and any role may ask. Two snapshots can be compared with diff. It goes "
      "where\n"
      "a file of DDL would: check --schema schema.jsonl.\n"
      "Exit status: 0 printed, 2 could not ask.\n\n"
      "Example: pgchaperone catalog --config chaperone.yaml --database shop > schema.jsonl");
  command->add_option("--config", arguments->config, "The configuration file")->required()->type_name("FILE");
  command
      ->add_option("--database", arguments->database,
                   "Which of its databases; may be left out where there is only one")
      ->type_name("NAME");
  command->add_option("--role", arguments->role, "Log in as this role instead of the credential's")
      ->type_name("NAME");
  command->add_option("--timeout", arguments->seconds, "Time to wait for each answer, 1 to 3600")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600).description(""))
      ->capture_default_str();
  command->callback(
      [arguments, &exit_status] { exit_status = print_catalog(*arguments, std::cout, std::cerr); });
}

}  // namespace chaperone::commands
