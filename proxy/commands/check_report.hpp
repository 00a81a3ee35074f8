#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "parser/script_reader.hpp"
#include "rules/check.hpp"

namespace chaperone::commands {

/// A statement of a file and what became of it.
struct CheckedStatement {
  std::string_view file;
  std::uint32_t number = 1;  ///< in its file, from 1
  parser::LineColumn place;  ///< what the refusal points at; of an allowed one its first token
  std::string_view sql;
  std::string_view line_before;  ///< the line of the file up to `place`, or the end of it
  std::string_view line_after;   ///< the line from `place` on, or the start of it
  const rules::Checked& checked;
};

struct CheckTotals {
  std::size_t files = 0;
  std::size_t statements = 0;
  std::size_t allowed = 0;
  std::size_t narrowed = 0;
};

/// Puts what `check` finds into one of its formats. Calls come in order: begin_file, its statements, .., end.
class CheckReport {
 public:
  virtual ~CheckReport() = default;
  virtual void begin_file(std::string_view) {}
  virtual void statement(const CheckedStatement& statement) = 0;
  virtual void end(const CheckTotals&) {}
};

enum class CheckFormat : std::uint8_t {
  kText,    ///< for people: what is refused, with the place marked, and a summary
  kJson,    ///< JSON Lines: an object a statement (product.md)
  kSarif,   ///< SARIF 2.1.0, the refused ones
  kJunit,   ///< JUnit XML: a suite a file, a case a statement
  kGithub,  ///< GitHub workflow commands: an ::error for each refused one
};

/// `out` must outlive it. `color`: of the text.
std::unique_ptr<CheckReport> make_check_report(CheckFormat format, std::ostream& out, bool color);

}  // namespace chaperone::commands
