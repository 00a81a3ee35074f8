#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "parser/parser.hpp"

namespace chaperone::session {

/// What texts have in common that differ in constants alone: the text with zeros for the digits of each
/// integer that is an operand of a comparison, or what a SET of UPDATE assigns. pgbench, ORMs without
/// parameters and language models send such texts, each of them once.
///
/// A constant counts where it has 1 to 9 digits (an int4 whatever they are), stands directly or after blanks
/// behind one of = < > <= >= <> !=, and ends at a blank, `)`, `,`, `;` or the text's end. Only in a text
/// without quotes, `$`, backslashes, comments and bytes beyond ASCII, where digits behind an operator can be
/// nothing else. In queries alone (is_query_text()): `SET x = 5` is a setting. Lengths of types, places,
/// LIMIT and named arguments do not stand behind these operators.
///
/// So texts of one shape have the same statements at the same places. Whether they get the same *decision*
/// has to be found out (DecisionCache).
class TextShape {
 public:
  /// The shape of a text, or "" where it has no such constant. Valid until the next call. Time is linear;
  /// allocates nothing once it has seen texts as long.
  std::string_view of(std::string_view sql);

  /// Another text of the shape that of() gave last for `sql`. No digit of its constants is that of `sql` or a
  /// zero, and constants that are equal in `sql` are not in it (eight of one digit, 64 of two ..).
  std::string twin(std::string_view sql) const;

 private:
  std::vector<parser::Span> constants_;
  std::string shape_;
};

/// Whether all of it is SELECT, INSERT, UPDATE and DELETE: the only statements that share a shape.
bool is_query_text(const parser::Script& script);

}  // namespace chaperone::session
