#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string>
#include <vector>

#include "proxy/commands/token.hpp"

namespace chaperone::commands {

struct ConnectArguments {
  std::string config = "chaperone.yaml";
  std::string state;   ///< empty: the configuration's
  std::string server;  ///< empty: the configuration's, on this machine
  std::string ca;      ///< empty: the authorities that the system trusts
  bool without_tls = false;
  std::string database;       ///< empty: the configuration's only one
  std::string token_command;  ///< empty: the built-in token service
  TokenOptions token = {.lifetime = "12h"};
  std::vector<std::string> variables;  ///< further ones that hold the connection string
  std::vector<std::string> program;
};

/// `connect`: runs a program whose connection string leads to a local end, from where each of its connections
/// logs in at a pgchaperone server with a token of its own. Prints nothing but errors. Gives the program's
/// exit status, or 2.
int connect(const ConnectArguments& arguments, std::ostream& errors);

/// Registers the command.
void add_connect(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
