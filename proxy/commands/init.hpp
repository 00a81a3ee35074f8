#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <iosfwd>
#include <string>

namespace chaperone::commands {

struct InitArguments {
  std::string database;  ///< a connection string of PostgreSQL
  std::string agent;
  std::string directory = "pgchaperone";
  std::string listen = "127.0.0.1:6432";
  std::string lifetime = "12h";  ///< of the token that is printed
  bool force = false;
};

/// `init`: reads the catalog of a database and makes a directory with all that `serve` needs to observe an
/// agent there. The directory appears whole or not at all. Gives the exit status. Prints no password; the
/// token alone.
int init(const InitArguments& arguments, std::ostream& out, std::ostream& errors);

/// Registers the command.
void add_init(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
