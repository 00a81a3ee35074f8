#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <iosfwd>
#include <string>

#include "proxy/net/control_connection.hpp"

namespace chaperone::commands {

struct CatalogArguments {
  std::string config;
  std::string database;  ///< a name under `databases`; empty: the only one
  std::string role;      ///< empty: the credential's
  unsigned seconds = 60;
};

/// `catalog`: prints the snapshot of a live database. Gives the exit status.
int print_catalog(const CatalogArguments& arguments, std::ostream& out, std::ostream& errors);

/// The snapshot of the database that a connection is to, as write_catalog() writes it.
net::ControlOutcome<std::string> snapshot(net::ControlConnection& connection,
                                          std::chrono::milliseconds timeout);

/// Registers the command.
void add_catalog(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
