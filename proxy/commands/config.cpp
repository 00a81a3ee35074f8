#include "proxy/commands/config.hpp"

#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

namespace chaperone::commands {
namespace {

std::string describe(const session::Credential& credential) {
  if (const auto* made = std::get_if<session::SessionRoleCredential>(&credential)) {
    return fmt::format("a role for each session, for {} s, by {}", made->lifetime.count(), made->broker);
  }
  if (const auto* shown = std::get_if<session::ClientCertificateCredential>(&credential)) {
    return fmt::format("a certificate for each session, for {} s, as {}", shown->lifetime.count(),
                       shown->role);
  }
  if (const auto* given = std::get_if<session::CommandCredential>(&credential)) {
    return fmt::format("what {} gives for each session, for {} s at most", given->program.front(),
                       given->lifetime.count());
  }
  const auto& fixed = std::get<session::StaticCredential>(credential);
  return fmt::format("{}{}", fixed.role.empty() ? "the agent's own role" : "role " + fixed.role,
                     fixed.password.empty() ? ", no password" : "");
}

std::string describe(const session::Database& database) {
  std::string out = database.server.to_string();
  if (database.tls) out += ", TLS";
  if (!database.database.empty()) out += fmt::format(", database {}", database.database);
  return out + ", " + describe(database.credential);
}

std::string describe(const audit::LogOptions& audit) {
  static constexpr std::string_view kDurability[] = {"none", "batch", "sync"};
  static constexpr std::string_view kValues[] = {"keep", "hash", "drop"};
  std::string out = audit.file;
  if (audit.to_stdout) out += out.empty() ? "standard output" : " and standard output";
  return fmt::format("{}, durability {}, values {}", out, kDurability[static_cast<int>(audit.durability)],
                     kValues[static_cast<int>(audit.values)]);
}

}  // namespace

std::string summary(const Config& config) {
  std::string out;
  const auto line = [&out](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(out), "  {:<14}{}\n", name, value);
  };
  for (const auto& [address, tls] : config.listen) {
    line("listen", fmt::format("{}{}", address.to_string(), tls ? ", TLS only" : ""));
  }
  line("admin", config.admin ? config.admin->to_string() : "off");
  for (const auto& [name, database] : config.environment->databases) {
    line("database", fmt::format("{} -> {}", name, describe(database)));
  }
  if (const auto& policy = config.environment->policy) {
    const auto observed = policy->observed();
    std::vector<std::string_view> enforced;
    for (const auto& [name, agent] : policy->agents) {
      if (!agent.observe) enforced.push_back(name);
    }
    if (!enforced.empty()) line("enforced", fmt::format("{}", fmt::join(enforced, ", ")));
    if (!observed.empty()) line("observed", fmt::format("{}", fmt::join(observed, ", ")));
  } else {
    line("observed", "any agent that can log in");
  }
  line("audit", describe(config.audit));
  line("connections", fmt::format("at most {}", config.connections));
  return out;
}

int validate_config(const std::string& file, std::ostream& out, std::ostream& errors) {
  const auto config = read_config(file);
  if (!config) {
    fmt::print(errors, "{}\n", config.error().message);
    return 2;
  }
  fmt::print(out, "{} is good:\n{}", file, summary(*config));
  for (const std::string& warning : config->warnings) fmt::print(out, "warning: {}\n", warning);
  return 0;
}

void add_config(CLI::App& app, int& exit_status) {
  CLI::App* config = app.add_subcommand("config", "Work with a configuration file.");
  config->require_subcommand(1);
  CLI::App* validate =
      config->add_subcommand("validate", "Check a configuration and all files that it names.");
  validate->footer(
      "Each problem is a line: file:line:column: what; expected what.\n"
      "Exit status: 0 good, 2 not.\n\n"
      "Example: pgchaperone config validate --config chaperone.yaml");
  const auto file = std::make_shared<std::string>();
  validate->add_option("--config", *file, "The configuration file")->required()->type_name("FILE");
  validate->callback([file, &exit_status] { exit_status = validate_config(*file, std::cout, std::cerr); });
}

}  // namespace chaperone::commands
