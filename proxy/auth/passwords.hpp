#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/auth/scram.hpp"

namespace chaperone::auth {

/// The `passwords` file: one agent a line, `name:SCRAM-SHA-256$..`, as `pgchaperone password` prints it.
/// Empty lines and lines that begin with `#` are skipped. Lines may end in CR LF. A name may hold anything
/// but a colon, a NUL and a line break, and does not begin with `#`.
class Passwords {
 public:
  /// Reads the text of a passwords file. The error's message begins with "<file>:<line>:<column>: " and says
  /// what is wrong and what would be right; a name that stands twice is one.
  static wire::Result<Passwords> from_text(std::string_view text, std::string_view file);

  /// The verifier of an agent, or a mock one that no password fits. Second: true when the agent is known.
  std::pair<ScramVerifier, bool> find(std::string_view agent) const;

  /// Whether the file can hold an agent of this name; the error says why not.
  static wire::Result<void> check_name(std::string_view agent);

  /// The line that goes into the file, without its end. Throws std::invalid_argument where check_name gives
  /// an error.
  static std::string line(std::string_view agent, const ScramVerifier& verifier);

 private:
  std::map<std::string, ScramVerifier, std::less<>> verifiers_;
  int mock_iterations_ = kScramIterations;  ///< what most of the agents have: it must not tell who exists
};

}  // namespace chaperone::auth
