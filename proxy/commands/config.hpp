#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string>

#include "proxy/config.hpp"

namespace chaperone::commands {

/// What was understood of a configuration, in a few lines. No secrets.
std::string summary(const Config& config);

/// `config validate`: prints what was understood, or each problem. Gives the exit status.
int validate_config(const std::string& file, std::ostream& out, std::ostream& errors);

/// Registers the command.
void add_config(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
