#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string>

namespace chaperone::commands {

struct CatalogArguments {
  std::string config;
  std::string database;  ///< a name under `databases`; empty: the only one
  std::string role;      ///< empty: the credential's
  unsigned seconds = 60;
};

/// `catalog`: prints the snapshot of a live database. Gives the exit status.
int print_catalog(const CatalogArguments& arguments, std::ostream& out, std::ostream& errors);

/// Registers the command.
void add_catalog(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
