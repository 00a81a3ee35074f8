#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/policy/problems.hpp"

namespace chaperone::rules {

/// Reads the text of a policy file (docs/policy.md) against a catalog; `file` is its name in messages. What
/// it says counts only if `problems` got nothing; warnings hold nothing up. Everything is checked that can be
/// known beforehand: keys and types, that tables, columns, functions and parameters are there, that rules
/// agree with each other, and that expressions depend on nothing that an agent can set.
PolicySet load_policy(std::string_view text, const std::string& file, const Catalog& catalog,
                      Problems& problems);

/// Reads the policy file at `path`. nullptr where it can't be read, which is a problem too.
std::shared_ptr<const PolicySet> load_policy_file(const std::string& path, const Catalog& catalog,
                                                  Problems& problems);

/// The same without a catalog: the structure alone. Tables without a schema are taken to be in `public`, and
/// expressions are not compiled: only their parameters are known. Nothing may be decided by it.
PolicySet load_policy(std::string_view text, const std::string& file, Problems& problems);

}  // namespace chaperone::rules
