#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "rules/narrow/narrow.hpp"
#include "rules/policy/policy.hpp"
#include "rules/resolve/resolve.hpp"

namespace chaperone::rules {

/// The decision over one string of SQL; the string is one verdict.
struct Verdict {
  bool allow = false;
  /// What covered the string, or came closest; nullptr: it needed none (the set `session`), or there is none.
  std::shared_ptr<const Capability> capability;
  std::optional<Denial> denial;  ///< where allow is false
  Resolution resolution;         ///< where allow is true
  Narrowing narrowing;           ///< where allow is true: what has to be done to the text
};

/// Decides. Pure: no clock, no I/O, no state. `agent` must live as long as the Verdict is used, as must the
/// facts and the catalog. One capability covers every statement of the string whole; the agent's order
/// decides.
Verdict evaluate(const Agent& agent, const Catalog& catalog, const parser::Facts& facts);

/// The refusal of a text that parser::read_facts() refused.
Denial refusal(const parser::Error& error, std::string_view sql);

}  // namespace chaperone::rules
