#include "proxy/commands/broker.hpp"

#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <variant>

#include "proxy/commands/catalog.hpp"
#include "proxy/commands/certificate_setup.hpp"
#include "proxy/commands/dsn.hpp"
#include "proxy/config.hpp"
#include "proxy/net/catalog_reader.hpp"
#include "rules/broker/broker_sql.hpp"
#include "rules/policy/load.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

using CatalogPointer = std::shared_ptr<const rules::Catalog>;

CatalogPointer read_live(session::ControlLogin login, unsigned seconds, std::ostream& errors) {
  login.parameters = {{"application_name", "pgchaperone broker sql"}};
  const std::chrono::seconds timeout(seconds);
  const auto failed = [&](const session::ControlError& error) {
    fmt::print(errors,
               "pgchaperone: the schema of database {} at {} can't be read: {}\nA file of DDL (--schema) or "
               "another login (--from postgresql://..) would do, too.\n",
               rules::in_quotes(login.database), login.server.to_string(), session::text_of(error));
    return nullptr;
  };
  auto connection = net::ControlConnection::open(login, timeout);
  if (!connection) return failed(connection.error());
  const auto catalog = net::read_catalog(*connection, timeout);
  if (!catalog) return failed(catalog.error());
  return *catalog;
}

CatalogPointer read_schema(const BrokerSqlArguments& arguments, const session::Database& database,
                           const std::string& name, std::ostream& errors) {
  if (!arguments.schema.empty()) {
    rules::Problems problems;
    auto catalog = rules::load_catalog(arguments.schema, problems);
    if (problems.empty()) return catalog;
    fmt::print(errors, "{}\n", problems.text());
    return nullptr;
  }
  if (arguments.from.empty())
    return read_live(session::control_login(database, name, ""), arguments.seconds, errors);
  auto dsn = parse_dsn(arguments.from);
  if (dsn) ask_password(*dsn);
  const auto login = dsn ? control_login(*dsn) : dsn.error();
  if (login) return read_live(*login, arguments.seconds, errors);
  fmt::print(errors, "pgchaperone: --from: {}\n", login.error().message);
  return nullptr;
}

}  // namespace

int print_broker_sql(const BrokerSqlArguments& arguments, std::ostream& out, std::ostream& errors) {
  const auto config = read_config(arguments.config);
  if (!config) {
    fmt::print(errors, "{}\n", config.error().message);
    return 2;
  }
  const session::Environment& environment = *config->environment;
  const auto name = choose_database(environment, arguments.config, arguments.database, errors);
  if (!name) return 2;
  const session::Database& database = *environment.find_database(*name);
  rules::BrokerSetup setup;
  setup.database = database.database.empty() ? *name : database.database;
  setup.policy_file = environment.policy_file;
  if (arguments.harden) {
    out << rules::broker_harden_sql(setup) << std::flush;
    return out ? 0 : 2;
  }
  const auto* shown = std::get_if<session::ClientCertificateCredential>(&database.credential);
  if (shown != nullptr && !arguments.drop) {
    out << certificate_setup(setup.database, shown->role, config->instance) << std::flush;
    return out ? 0 : 2;
  }
  const auto* credential = std::get_if<session::SessionRoleCredential>(&database.credential);
  if (credential == nullptr) {
    fmt::print(errors,
               "pgchaperone: the credential of {} makes no roles; expected session_role: {{broker: "
               "pgchaperone_broker, password_file: ..}} in {}\n",
               rules::in_quotes(*name), arguments.config);
    return 2;
  }
  setup.broker = credential->broker;
  if (arguments.drop) {
    out << rules::broker_drop_sql(setup) << std::flush;
    return out ? 0 : 2;
  }
  if (environment.policy == nullptr) {
    fmt::print(errors,
               "pgchaperone: {} names no policy, whose grants there would be; expected policy: FILE\n",
               arguments.config);
    return 2;
  }
  const CatalogPointer catalog = read_schema(arguments, database, *name, errors);
  if (catalog == nullptr) return 2;
  rules::Problems problems;
  const rules::PolicySet policy =
      rules::load_policy(environment.policy_text, environment.policy_file, *catalog, problems);
  std::string sql;
  if (problems.empty()) sql = rules::broker_setup_sql(setup, policy, *catalog, problems);
  if (!problems.empty()) {
    fmt::print(errors, "{}\n", problems.text());
    return 2;
  }
  for (const std::string& warning : problems.warnings()) fmt::print(errors, "{}\n", warning);
  out << sql << std::flush;
  return out ? 0 : 2;
}

void add_broker(CLI::App& app, int& exit_status) {
  CLI::App* broker = app.add_subcommand("broker", "Prepare a database for roles that live for one session.");
  broker->require_subcommand(1);
  const auto arguments = std::make_shared<BrokerSqlArguments>();
  CLI::App* command =
      broker->add_subcommand("sql", "Print the SQL that a DBA reviews and runs, so that leases can be made.");
  command->footer(
      "It makes the role of the broker and of the owner of the functions that it may call, schema chaperone\n"
      "with these functions, a role for each capability (agc_NAME) that holds exactly what the policy "
      "needs,\n"
      "with the line of the policy that asks for it, and row-level security for rows: {.., enforce: rls}.\n"
      "Run it as a superuser with psql; run it again when the policy or the schema has changed: it gives "
      "what\n"
      "is new and takes back what is not needed any more. It holds no password.\n"
      "The schema is that of the live database, as the configuration logs in there: the first time, when "
      "the\n"
      "broker is not there yet, say --schema FILE or --from postgresql://dba@host/shop.\n"
      "With client_certificate it prints the lines of pg_hba.conf and pg_ident.conf that let the\n"
      "certificates in.\n"
      "Exit status: 0 printed, 2 could not.\n\n"
      "Example: pgchaperone broker sql --config chaperone.yaml --schema schema.sql > broker.sql\n"
      "         psql -X -d shop -f broker.sql && psql -X -d shop -c '\\password pgchaperone_broker'");
  command->add_option("--config", arguments->config, "The configuration file")->required()->type_name("FILE");
  command
      ->add_option("--database", arguments->database,
                   "Which of its databases; may be left out where there is only one")
      ->type_name("NAME");
  CLI::Option* schema =
      command
          ->add_option("--schema", arguments->schema,
                       "SQL DDL, as pg_dump --schema-only writes it, or a snapshot of pgchaperone catalog")
          ->type_name("FILE");
  CLI::Option* from =
      command->add_option("--from", arguments->from, "Read the schema of a live database by this login")
          ->type_name("DSN")
          ->excludes(schema);
  CLI::Option* drop = command
                          ->add_flag("--drop", arguments->drop,
                                     "Print what removes all of it; refuses while there are leases")
                          ->excludes(schema, from);
  command
      ->add_flag("--harden", arguments->harden,
                 "Print what PUBLIC holds and could lose, with the risks and what may break, to judge")
      ->excludes(schema, from, drop);
  command->add_option("--timeout", arguments->seconds, "Time to wait for each answer, 1 to 3600")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600).description(""))
      ->capture_default_str();
  command->callback(
      [arguments, &exit_status] { exit_status = print_broker_sql(*arguments, std::cout, std::cerr); });
}

}  // namespace chaperone::commands
