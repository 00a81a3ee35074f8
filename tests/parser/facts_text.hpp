#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "parser/facts.hpp"
#include "parser/facts_text.hpp"

namespace chaperone::parser::testing {

/// The facts of `sql` as text, or how it is refused.
inline std::string facts_text(std::string_view sql, const Limits& limits = {}) {
  const Result<Facts> facts = read_facts(sql, limits);
  if (facts) return to_text(*facts);
  return fmt::format("error {} at {}: {}\n", static_cast<int>(facts.error().kind), facts.error().position,
                     facts.error().message);
}

}  // namespace chaperone::parser::testing
