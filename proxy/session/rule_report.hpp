#pragma once

#include <cstdint>
#include <string>

namespace chaperone::session {

/// What became of the policy and the catalogs, for /metrics.
struct RuleReport {
  std::string policy;         ///< hash of the policy in force; empty: none
  double policy_since = 0;    ///< when it took effect, in seconds since 1970
  bool policy_stale = false;  ///< the newest one was refused, or is by a database that has an older one
  std::uint64_t policy_refusals = 0;
  std::uint64_t databases = 0;       ///< that have rules
  std::uint64_t catalog_loads = 0;   ///< catalogs that were another than before
  std::uint64_t catalog_checks = 0;  ///< that found the same
  std::uint64_t catalog_failures = 0;
  std::uint64_t refreshes = 0;  ///< asked for by sessions
  double catalog_age = 0;  ///< seconds since the last word of the database in use that was silent longest
};

}  // namespace chaperone::session
