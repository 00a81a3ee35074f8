#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <span>
#include <string>

namespace chaperone::commands {

/// Runs files of expectations about policies. `verbose`: those that pass are listed too. Gives the exit
/// status: 0 all passed, 1 one failed, 2 could not run.
int test_policies(std::span<const std::string> files, bool verbose, std::ostream& out, std::ostream& errors);

/// Registers the command `test`.
void add_policy_test(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
