#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "parser/edit.hpp"
#include "parser/facts.hpp"
#include "rules/evaluate/evaluate.hpp"
#include "rules/policy/policy.hpp"
#include "rules/rewrite/literal.hpp"

namespace chaperone::rules {

/// The text to send, with slots where a principal's values go: it depends on agent and policy alone, so that
/// it can be cached, and two principals never see each other's values.
struct Rewritten {
  parser::EditScript edits;  ///< empty: sent as received
  bool operator==(const Rewritten&) const = default;
};

/// Turns an allowed verdict into edits: wrappers, filters, masks, limits, `set` columns, and E'..' for every
/// plain literal with a backslash. Then applies them with sample values, parses the result again and checks
/// that it is the same statements with each narrowed relation only inside its wrapper; a text that does not
/// hold is an error (kUnsupported), and the statement is refused.
parser::Result<Rewritten> rewrite(std::string_view sql, const parser::Facts& facts, const Catalog& catalog,
                                  const Verdict& verdict);

/// Gives the literals for the slots of a text, and for its PositionMap. `principal` must outlive it; every
/// slot must have a value in it (std::logic_error).
parser::EditScript::Value slot_values(const Principal& principal);

/// The text with the principal's values in its slots.
std::string fill(const Rewritten& rewritten, std::string_view sql, const Principal& principal);

}  // namespace chaperone::rules
