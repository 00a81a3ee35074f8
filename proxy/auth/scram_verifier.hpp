#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/auth/scram.hpp"

namespace chaperone::auth {

/// PostgreSQL's ERRCODE_CONFIG_FILE_ERROR.
inline constexpr std::string_view kConfigFileError = "F0000";

/// What is wrong with the text of a verifier, and at which byte of it. Never quotes the text.
struct VerifierProblem {
  std::size_t offset;
  std::string what;
};

std::variant<ScramVerifier, VerifierProblem> parse_verifier(std::string_view text);

/// Decimal without sign or leading zero, 1..kMaxScramIterations.
std::optional<int> parse_iterations(std::string_view text);

}  // namespace chaperone::auth
