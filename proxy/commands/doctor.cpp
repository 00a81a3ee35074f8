#include "proxy/commands/doctor.hpp"

#include <fmt/ostream.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/commands/catalog.hpp"
#include "proxy/commands/doctor_database.hpp"
#include "proxy/commands/doctor_files.hpp"
#include "proxy/commands/dsn.hpp"
#include "proxy/config.hpp"
#include "proxy/config_address.hpp"
#include "proxy/net/catalog_reader.hpp"
#include "rules/policy/load.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

const std::map<std::string, DoctorFormat> kFormats = {{"text", DoctorFormat::kText},
                                                      {"json", DoctorFormat::kJson}};

/// The databases to look at: the one that is asked for, or all that have a name. Nothing: told to `errors`.
std::vector<std::string> choose_databases(const session::Environment& environment,
                                          const DoctorArguments& arguments, std::ostream& errors) {
  std::vector<std::string> names;
  for (const auto& [name, database] : environment.databases) {
    if (name != "*") names.push_back(name);
  }
  if (arguments.database.empty() && names.size() > 1 && arguments.as.empty()) return names;
  const auto one = choose_database(environment, arguments.config, arguments.database, errors);
  return one ? std::vector<std::string>{*one} : std::vector<std::string>();
}

/// How the questions are asked; nothing: told to `errors`.
std::optional<session::ControlLogin> find_login(const session::Database& database, const std::string& name,
                                                const DoctorArguments& arguments, std::ostream& errors) {
  session::ControlLogin login = session::control_login(database, name, "");
  if (!arguments.as.empty()) {
    auto dsn = parse_dsn(arguments.as);
    if (!dsn) {
      fmt::print(errors, "pgchaperone: --as: {}\n", dsn.error().message);
      return {};
    }
    ask_password(*dsn);
    auto own = control_login(*dsn);
    if (!own) {
      fmt::print(errors, "pgchaperone: --as: {}\n", own.error().message);
      return {};
    }
    own->database = login.database;  // whatever the string says of it
    login = std::move(*own);
  }
  login.parameters = {{"application_name", "pgchaperone doctor"}};
  if (login.role.empty()) {
    fmt::print(errors,
               "pgchaperone: the credential of {} names no role to ask as; expected --as postgresql://..\n",
               rules::in_quotes(name));
    return {};
  }
  return login;
}

/// Each problem of the policy over the live catalog is a finding: "<place>: <what>; expected <what>".
void take_problems(const rules::Problems& problems, const std::string& database,
                   std::vector<Finding>& findings) {
  const std::string text = problems.text();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const std::size_t cut = line.rfind("; expected ");
    findings.push_back({Severity::kDanger, "policy-does-not-fit", database, "the policy",
                        line.substr(0, cut) + ": while the policy does not fit the schema nothing is allowed",
                        cut == std::string::npos ? "the policy at that place" : line.substr(cut + 11)});
  }
}

/// Asks one database. False: it could not be asked, which `errors` tells.
bool examine_one(const Config& config, const std::string& name, const DoctorArguments& arguments,
                 std::vector<Finding>& findings, std::ostream& errors) {
  const session::Database& database = *config.environment->find_database(name);
  const auto login = find_login(database, name, arguments, errors);
  if (!login) return false;
  const std::chrono::seconds timeout(arguments.seconds);
  const auto failed = [&](const session::ControlError& error) {
    fmt::print(errors, "pgchaperone: database {} at {}: {}\n", rules::in_quotes(name),
               login->server.to_string(), session::text_of(error));
    return false;
  };
  auto connection = net::ControlConnection::open(*login, timeout);
  if (!connection) {
    failed(connection.error());
    if (arguments.as.empty()) fmt::print(errors, "Another login (--as postgresql://..) would do, too.\n");
    return false;
  }
  const auto catalog = net::read_catalog(*connection, timeout);
  if (!catalog) return failed(catalog.error());

  const auto* const fixed = std::get_if<session::StaticCredential>(&database.credential);
  DoctorSubject subject{.name = name,
                        .role = session::control_login(database, name, "").role,
                        .leases = std::holds_alternative<session::SessionRoleCredential>(database.credential),
                        .own_names = fixed != nullptr && fixed->role.empty(),
                        .local = is_local(database.server),
                        .connections = config.connections,
                        .config = arguments.config};
  rules::Problems problems;
  rules::PolicySet policy;
  if (config.environment->policy) {
    policy = rules::load_policy(config.environment->policy_text, config.environment->policy_file, **catalog,
                                problems);
    if (problems.empty()) {
      subject.policy = &policy;
      const std::string& file = config.environment->policy_file;
      subject.needed = rules::needed_grants(policy, **catalog, file, problems);
      if (subject.leases) subject.row_policies = rules::row_policies(policy, **catalog, file, problems);
    }
    take_problems(problems, name, findings);
  }
  auto found = examine_database(*connection, subject, timeout);
  if (!found) return failed(found.error());
  findings.insert(findings.end(), std::move_iterator(found->begin()), std::move_iterator(found->end()));
  return true;
}

}  // namespace

int examine(const DoctorArguments& arguments, std::ostream& out, std::ostream& errors, bool color) {
  const auto config = read_config(arguments.config);
  if (!config) {
    fmt::print(errors, "{}\n", config.error().message);
    return 2;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::vector<Finding> findings = examine_config(*config, arguments.config, now);
  const std::vector<std::string> names = choose_databases(*config->environment, arguments, errors);
  bool asked = !names.empty();
  for (const std::string& name : names) asked &= examine_one(*config, name, arguments, findings, errors);
  const bool mend = any_to_mend(findings);
  report_findings(std::move(findings), arguments.format, out, color);
  out.flush();
  if (!asked || !out) return 2;
  return mend ? 1 : 0;
}

void add_doctor(CLI::App& app, int& exit_status) {
  const auto arguments = std::make_shared<DoctorArguments>();
  const auto format = std::make_shared<std::string>("text");
  CLI::App* command = app.add_subcommand(
      "doctor",
      "Compare what the policy says with what the database really grants, and look for ways around it.");
  command->footer(
      "Each finding has an id, the risk, and the SQL or setting that mends it (docs/doctor.md). It asks\n"
      "as the role that pgchaperone itself logs in as, and writes nothing; what that role may not see is a\n"
      "note, and --as asks as somebody who may. A password that is not in the connection string comes from\n"
      "PGPASSWORD or is asked for.\n"
      "Exit status: 0 nothing found but notes, 1 findings, 2 could not ask.\n\n"
      "Example: pgchaperone doctor --config chaperone.yaml --as postgresql://postgres@db.internal/shop");
  command->add_option("--config", arguments->config, "The configuration file")->required()->type_name("FILE");
  command
      ->add_option("--database", arguments->database,
                   "Which of its databases; all that have a name without it")
      ->type_name("NAME");
  command->add_option("--as", arguments->as, "Ask over this connection, as a superuser who may see all of it")
      ->type_name("DSN");
  std::vector<std::string> formats;
  for (const auto& [name, value] : kFormats) formats.push_back(name);
  command->add_option("--format", *format, "text, or json: an object a finding, one a line")
      ->check(CLI::IsMember(formats))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_option("--timeout", arguments->seconds, "Time to wait for each answer, 1 to 3600")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600).description(""))
      ->capture_default_str();
  command->callback([arguments, format, &exit_status] {
    arguments->format = kFormats.at(*format);
    exit_status = examine(*arguments, std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1);
  });
}

}  // namespace chaperone::commands
