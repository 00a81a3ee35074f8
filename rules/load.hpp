#pragma once

#include <string>
#include <string_view>

#include "rules/policy.hpp"
#include "rules/problems.hpp"

namespace chaperone::rules {

/// Reads the text of a policy file; `file` is its name in messages. What it says counts only if `problems`
/// got nothing.
///
/// This version observes and can't enforce, so that everything that would narrow an agent is a problem: a
/// policy is held whole or not at all.
PolicySet load_policy(std::string_view text, const std::string& file, Problems& problems);

}  // namespace chaperone::rules
