#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/auth/jwt.hpp"
#include "proxy/auth/revocations.hpp"
#include "proxy/commands/state.hpp"

namespace chaperone::commands {

/// What a token of the built-in service says.
struct TokenRequest {
  std::string agent;
  std::string actor = {};
  std::string task = {};
  std::vector<std::pair<std::string, std::string>> claims = {};  ///< further ones; each value is a text
  std::vector<std::string> capabilities = {};                    ///< empty = all that the agent has
  std::chrono::seconds lifetime{3600};
};

/// Signs a token of the built-in service. `now`: microseconds since 1970.
wire::Result<std::string> make_token(const State& state, const TokenRequest& request, std::int64_t now);

// Each gives the exit status. `now` as above.

/// `token key`: makes the key that signs. `force`: there may be one already.
int make_token_key(const State& state, auth::Algorithm algorithm, bool force, bool alone, std::ostream& out,
                   std::ostream& errors);
/// `token issue`: prints a token and nothing else.
int issue_token(const State& state, const TokenRequest& request, std::int64_t now, std::ostream& out,
                std::ostream& errors);
/// `token inspect`: what a token says, and whether it would be taken.
int inspect_token(std::string_view token, const std::vector<auth::TokenIssuer>& issuers,
                  const auth::Revocations& revocations, std::int64_t now, std::ostream& out);
/// `token revoke`. `name` of a token: its id, or the token itself. `lift`: takes the revocation back.
int revoke_token(const State& state, auth::Revocations::Kind kind, std::string name, bool lift,
                 std::int64_t now, std::ostream& out, std::ostream& errors);

/// 90s, 15m, 1h, 7d; nothing for any other text, and beyond a second to 30 days.
std::optional<std::chrono::seconds> parse_lifetime(std::string_view text);

/// The options that say what a token says, but for its agent.
struct TokenOptions {
  TokenRequest request = {};
  std::vector<std::string> claims = {};
  std::string lifetime = "1h";

  void add_to(CLI::App& command);
  /// Puts the claims and the lifetime into `request`; false: told to `errors`.
  bool complete(std::ostream& errors);
};

/// Microseconds since 1970.
std::int64_t wall_clock();

/// Registers the commands.
void add_token(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
