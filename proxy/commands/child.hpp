#pragma once

#include <signal.h>

#include <chrono>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/wire/error.hpp"

namespace chaperone::commands {

/// Variables for a program, beside those that we have; nothing: it has none of that name.
using ChildVariables = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Signals wait as long as this lives, in this thread and those that it starts, so that run() can hand them
/// on. Make it first.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;

  /// Runs a program with our standard streams until it ends, and hands on to it what signals are sent to us,
  /// but those that the terminal sends, since it gets them itself. Gives its exit status, 128 and the
  /// signal's number where one ended it, and 2 where it could not be started (told to `errors`).
  int run(const std::vector<std::string>& command, const ChildVariables& variables,
          std::ostream& errors) const;

 private:
  sigset_t held_{}, before_{};
};

/// The one line that a command of the shell prints. It has no standard input, and our standard error. An
/// error where it fails, prints something else, is not over in time, or once `stop` is readable; then it is
/// killed, with what it started.
wire::Result<std::string> line_of_command(const std::string& command, std::chrono::seconds patience,
                                          int stop);

}  // namespace chaperone::commands
