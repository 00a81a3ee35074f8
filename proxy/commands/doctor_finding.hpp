#pragma once

#include <cstdint>
#include <string>

namespace chaperone::commands {

enum class Severity : std::uint8_t {
  kDanger,   ///< a way past the policy, or nothing works
  kWarning,  ///< weaker than it could be
  kNote,     ///< to know; changes no exit status
};

/// One thing that `doctor` found (docs/doctor.md).
struct Finding {
  Severity severity = Severity::kNote;
  std::string id;        ///< kebab-case; the same for the same kind of thing in every version
  std::string database;  ///< as agents call it; empty: of the configuration itself
  std::string object;    ///< "table public.customers"
  std::string risk;      ///< a sentence
  std::string mend;      ///< SQL, a command or a setting, ready to be pasted

  bool operator==(const Finding&) const = default;
};

}  // namespace chaperone::commands
