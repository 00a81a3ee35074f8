#pragma once

#include <cstdint>
#include <iosfwd>
#include <vector>

#include "proxy/commands/doctor_finding.hpp"

namespace chaperone::commands {

enum class DoctorFormat : std::uint8_t {
  kText,  ///< for people: the gravest first, and a summary
  kJson,  ///< JSON Lines: an object a finding
};

/// Each finding once. `color`: of the text.
void report_findings(std::vector<Finding> findings, DoctorFormat format, std::ostream& out, bool color);

/// Whether there is more than notes.
bool any_to_mend(const std::vector<Finding>& findings);

}  // namespace chaperone::commands
