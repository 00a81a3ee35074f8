#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "parser/parser.hpp"

/// A file of SQL cut into what psql would send one by one.
namespace chaperone::parser {

struct ScriptPiece {
  enum class Kind : std::uint8_t {
    kStatement,  ///< what goes to the server at once, from its first token to before the semicolon
    kCommand,    ///< a backslash command of psql, to the end of its line
    kData,       ///< lines behind COPY .. FROM STDIN, with the \. that ends them
  };
  Kind kind = Kind::kStatement;
  Span span;
  /// A statement in which psql would put variables (:name, :'name', :"name") first.
  bool has_variables = false;
  /// Where `\;` stands in a statement: psql drops the backslash and sends the semicolon.
  std::vector<std::uint32_t> backslashes;

  /// The text that is sent; a blank in the place of each dropped backslash, so that offsets stay.
  std::string sql(std::string_view text) const;
};

/// Cuts as psql does (psqlscan.l): at semicolons outside of quotes, comments, brackets and the BEGIN ATOMIC
/// body of a function; `\;` joins two statements into one string; \g and its kin end a statement. Empty
/// statements are left out. Linear in the text, no memory of its own. The text must outlive this; at most 4
/// GiB.
class ScriptReader {
 public:
  explicit ScriptReader(std::string_view text) : text_(text) {}

  /// False at the end of the text.
  bool next(ScriptPiece& piece);

 private:
  struct Scan;
  bool take_data(ScriptPiece& piece);
  std::size_t command_end(std::size_t offset) const;

  std::string_view text_;
  std::size_t offset_ = 0;
  bool data_follows_ = false;  ///< the last statement was COPY .. FROM STDIN
};

/// Line and column of a byte of a text, both from 1; columns count characters.
struct LineColumn {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// Counts on from the last place that was asked for, so that places in order cost one pass over the text.
class LineCounter {
 public:
  explicit LineCounter(std::string_view text) : text_(text) {}
  LineColumn at(std::size_t offset);

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  LineColumn place_;
};

}  // namespace chaperone::parser
