#pragma once

#include <map>
#include <string>
#include <string_view>

#include "proxy/auth/scram.hpp"

namespace chaperone::auth {

/// The `passwords` file: one agent a line, `name:SCRAM-SHA-256$..`, as `pgchaperone password` prints it. Empty lines
/// and lines that begin with `#` are skipped. A name may hold anything but a colon, a NUL and a line break.
class Passwords {
 public:
  /// Reads the text of a passwords file. The error's message begins with "<file>:<line>:<column>: " and says what is
  /// wrong and what would be right; a name that stands twice is one.
  static wire::Result<Passwords> from_text(std::string_view text, std::string_view file);

  /// The verifier of an agent, or a mock one that no password fits. Second: true when the agent is known.
  std::pair<ScramVerifier, bool> find(std::string_view agent) const;

  /// The line that goes into the file.
  static std::string line(std::string_view agent, const ScramVerifier& verifier);

 private:
  std::map<std::string, ScramVerifier, std::less<>> verifiers_;
  Sha256 mock_secret_{};
};

}  // namespace chaperone::auth
