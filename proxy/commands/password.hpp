#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace chaperone::commands {

/// Where a password comes from: nothing when there is none.
using PasswordSource = std::function<std::optional<std::string>(const std::string& prompt)>;

/// Prints the line of the passwords file for an agent. `asks_twice`: a typing mistake would not be seen.
/// Gives the exit status.
int password(const std::string& agent, int iterations, const PasswordSource& source, bool asks_twice,
             std::ostream& out, std::ostream& errors);

/// Registers the command.
void add_password(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
