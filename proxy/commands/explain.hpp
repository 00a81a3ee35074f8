#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string_view>

#include "proxy/commands/subjects.hpp"

namespace chaperone::commands {

/// Shows how a string of SQL is decided: as text for people, or as one JSON object. Gives the exit status: 0
/// allowed, 1 refused.
int explain(std::string_view sql, const Subjects& subjects, bool json, bool color, std::ostream& out);

/// Registers the command.
void add_explain(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
