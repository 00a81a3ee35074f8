#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>

#include "proxy/commands/audit_view.hpp"

namespace chaperone::commands {

/// Checks the chain of a log. Gives the exit status: 0 intact, 1 broken, 2 could not run. `progress` (may be
/// null) is a terminal that is told how far a long check has come.
int verify_audit(std::span<const std::string> files, std::ostream& out, std::ostream& errors,
                 std::ostream* progress);

/// Shows all records of files, in the order of the chain; with `json` the lines as they are.
int show_audit(std::span<const std::string> files, const AuditViewOptions& options, bool json,
               std::ostream& out, std::ostream& errors);

/// Registers the command with its subcommands verify, show and tail.
void add_audit(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
