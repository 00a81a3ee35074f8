#pragma once

#include <optional>
#include <string>

namespace chaperone::commands {

/// Asks on the terminal and reads one line without echo; nothing where it ends without a line. A signal that
/// ends the program leaves the terminal as it was.
std::optional<std::string> ask_secret(const std::string& prompt);

}  // namespace chaperone::commands
