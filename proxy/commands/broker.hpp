#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string>

namespace chaperone::commands {

struct BrokerSqlArguments {
  std::string config = {};
  std::string database = {};  ///< a name under `databases`; empty: the only one
  std::string schema = {};    ///< a file; empty: `from`, or the database as the configuration logs in there
  std::string from = {};      ///< a connection string; empty: none
  bool drop = false;
  bool harden = false;
  unsigned seconds = 60;
};

/// `broker sql`: prints a script for psql. Gives the exit status.
int print_broker_sql(const BrokerSqlArguments& arguments, std::ostream& out, std::ostream& errors);

/// Registers the command.
void add_broker(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
