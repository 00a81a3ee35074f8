#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <iosfwd>

#include "proxy/session/environment.hpp"

namespace chaperone::commands {

/// Asks a running pgchaperone whether it is ready. Gives the exit status: 0 ready, 1 not ready, 2 no answer.
int health(const session::Address& admin, std::chrono::milliseconds timeout, std::ostream& out,
           std::ostream& errors);

/// Registers the command.
void add_health(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
