#pragma once

#include <string>

namespace chaperone::commands {

/// Runs the proxy until SIGTERM or SIGINT has drained it. Gives the exit status: 0 drained, 2 could not
/// start.
int serve(const std::string& config_file);

}  // namespace chaperone::commands
