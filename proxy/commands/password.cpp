#include "proxy/commands/password.hpp"

#include <fmt/ostream.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "proxy/auth/passwords.hpp"
#include "proxy/commands/terminal.hpp"

namespace chaperone::commands {
namespace {

int refuse(std::ostream& errors, std::string_view why) {
  fmt::print(errors, "pgchaperone: {}\n", why);
  return 2;
}

/// The line that standard input begins with.
std::optional<std::string> read_line(const std::string&) {
  std::string line;
  if (!std::getline(std::cin, line)) return {};
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace

int password(const std::string& agent, int iterations, const PasswordSource& source, bool asks_twice,
             std::ostream& out, std::ostream& errors) {
  if (agent.empty() || agent.starts_with('#') ||
      agent.find_first_of(std::string_view(":\0\r\n", 4)) != agent.npos) {
    return refuse(errors, "the agent's name is no good; expected a name without a colon or a line break");
  }
  const auto secret = source(fmt::format("Password of {}: ", agent));
  if (!secret)
    return refuse(errors, "there is no password; expected one on the terminal or on standard input");
  if (secret->empty()) return refuse(errors, "the password is empty; expected a password");
  if (secret->find('\0') != std::string::npos)
    return refuse(errors, "the password holds a NUL; expected text");
  if (asks_twice && source("The same again: ") != secret) {
    return refuse(errors, "the two differ; expected the same password twice");
  }
  fmt::print(out, "{}\n", auth::Passwords::line(agent, auth::ScramVerifier::derive(*secret, iterations)));
  return out.flush() ? 0 : refuse(errors, "standard output can't be written");
}

void add_password(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string agent;
    int iterations = auth::kScramIterations;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("password", "Print the line of the passwords file for an agent's password.");
  command->footer(
      "Asks twice on a terminal, otherwise reads one line from standard input. The line holds a\n"
      "SCRAM-SHA-256 verifier, not the password.\n\n"
      "Example: (umask 077; pgchaperone password triage-bot >> passwords)");
  command->add_option("AGENT", arguments->agent, "Name of the agent, as in its connection string")
      ->required();
  command
      ->add_option("--iterations", arguments->iterations,
                   "Rounds of the key derivation, 4096 to 1000000; more make guessing and each login dearer")
      ->type_name("NUMBER")
      ->check(CLI::Range(auth::kScramIterations, auth::kMaxScramIterations).description(""))
      ->capture_default_str();
  command->callback([arguments, &exit_status] {
    const bool terminal = ::isatty(STDIN_FILENO) == 1;
    exit_status = password(arguments->agent, arguments->iterations, terminal ? &ask_secret : &read_line,
                           terminal, std::cout, std::cerr);
  });
}

}  // namespace chaperone::commands
