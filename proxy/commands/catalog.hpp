#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <optional>
#include <string>

#include "proxy/session/environment.hpp"

namespace chaperone::commands {

struct CatalogArguments {
  std::string config;
  std::string database;  ///< a name under `databases`; empty: the only one
  std::string role;      ///< empty: the credential's
  unsigned seconds = 60;
};

/// The database of a configuration (the file `config`) that is asked for, or the only one that has a name;
/// nothing: told to `errors`.
std::optional<std::string> choose_database(const session::Environment& environment, const std::string& config,
                                           const std::string& asked, std::ostream& errors);

/// `catalog`: prints the snapshot of a live database. Gives the exit status.
int print_catalog(const CatalogArguments& arguments, std::ostream& out, std::ostream& errors);

/// Registers the command.
void add_catalog(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
