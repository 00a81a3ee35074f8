#pragma once

#include <CLI/App.hpp>
#include <string_view>

namespace chaperone::commands {

/// As "0.1.0".
std::string_view version_number();
/// The line that `version` prints: with whose SQL grammar this reads.
std::string_view version_line();

/// Registers the command.
void add_version(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
