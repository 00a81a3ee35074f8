#include "proxy/commands/health.hpp"

#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "proxy/admin/client.hpp"
#include "proxy/config.hpp"
#include "proxy/config_address.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

struct Arguments {
  std::string config;
  std::string address;
  unsigned seconds = 5;
};

std::optional<session::Address> find_address(const Arguments& arguments, std::ostream& errors) {
  if (!arguments.address.empty()) {
    std::string problem;
    auto address = parse_address(arguments.address, kAdminAddress, problem);
    if (!address) {
      fmt::print(errors, "pgchaperone: --address: {}; expected {}\n", problem, address_form(kAdminAddress));
    }
    return address;
  }
  auto config = read_config(arguments.config);
  if (!config) {
    fmt::print(errors, "{}\n", config.error().message);
    return {};
  }
  if (!config->admin) {
    fmt::print(errors, "pgchaperone: {} has no admin.address to ask; expected one, or --address\n",
               arguments.config);
  }
  return config->admin;
}

}  // namespace

int health(const session::Address& admin, std::chrono::milliseconds timeout, std::ostream& out,
           std::ostream& errors) {
  const auto answer = admin::get(admin, "/readyz", timeout);
  if (!answer) {
    fmt::print(errors, "pgchaperone: {}\n", answer.error().message);
    return 2;
  }
  // Whatever answers there, only text reaches the terminal.
  std::string body = rules::in_quotes(answer->body.substr(0, answer->body.find('\n')));
  body = body.substr(1, body.size() - 2);
  if (answer->status == 200) {
    fmt::print(out, "ready\n");
    return 0;
  }
  if (answer->status == 503) {
    fmt::print(out, "not ready: {}\n", body);
    return 1;
  }
  fmt::print(errors, "pgchaperone: {} answers {}; expected the admin address of pgchaperone\n",
             admin.to_string(), answer->status);
  return 2;
}

void add_health(CLI::App& app, int& exit_status) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("health", "Ask a running pgchaperone whether it is ready to serve.");
  command->footer(
      "Exit status: 0 ready, 1 not ready (it says why), 2 it could not be asked.\n\n"
      "Example: pgchaperone health --address 127.0.0.1:6433");
  auto* config =
      command->add_option("--config", arguments->config, "Ask the admin address of this configuration")
          ->type_name("FILE");
  command->add_option("--address", arguments->address, "Ask this admin address")
      ->type_name("HOST:PORT")
      ->excludes(config);
  command->add_option("--timeout", arguments->seconds, "Time to wait for the answer, 1 to 600")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 600).description(""))
      ->capture_default_str();
  command->callback([arguments, &exit_status] {
    if (arguments->config.empty() && arguments->address.empty())
      throw CLI::RequiredError("--config or --address");
    const auto address = find_address(*arguments, std::cerr);
    exit_status =
        address ? health(*address, std::chrono::seconds(arguments->seconds), std::cout, std::cerr) : 2;
  });
}

}  // namespace chaperone::commands
