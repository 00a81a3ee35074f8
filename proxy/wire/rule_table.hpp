#pragma once

#include <array>
#include <cstddef>

#include "proxy/wire/frame.hpp"

namespace chaperone::wire {

/// The rule of each type byte. A look-up takes a quarter of the time that the switch does, which is asked for
/// every row of a result.
using RuleTable = std::array<FrameRule, 256>;

constexpr RuleTable rule_table(FrameRules rule_of) {
  RuleTable table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) table[byte] = rule_of(static_cast<char>(byte));
  return table;
}

inline FrameRule look_up(const RuleTable& table, char type) {
  return table[static_cast<unsigned char>(type)];
}

}  // namespace chaperone::wire
