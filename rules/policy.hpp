#pragma once

#include <functional>
#include <set>
#include <string>

namespace chaperone::rules {

/// What a policy file says. Immutable once loaded.
struct PolicySet {
  /// Agents of `mode: observe`: their statements all pass, and are recorded.
  std::set<std::string, std::less<>> observed;
};

}  // namespace chaperone::rules
