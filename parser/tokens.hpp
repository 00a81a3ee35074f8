#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "parser/parser.hpp"

/// The text cut into tokens as PostgreSQL's scan.l cuts it under `standard_conforming_strings = on`, without
/// memory of its own and without recursion.
namespace chaperone::parser {

enum class TokenKind : std::uint8_t {
  kWord,           ///< keyword or identifier; the N of N'..' is one too
  kQuotedName,     ///< "..", U&".."
  kString,         ///< '..', over all segments that a newline joins
  kEscapeString,   ///< E'..'
  kUnicodeString,  ///< U&'..'
  kBitString,      ///< B'..', X'..'
  kDollarString,   ///< $tag$..$tag$
  kNumber,
  kParameter,    ///< $1
  kOperator,     ///< of the characters ~!@#^&|`?+-*/%<>=
  kPunctuation,  ///< , ( ) [ ] . .. ; : :: :=
  kOther,        ///< a character that begins no token: the grammar refuses it
};

struct Token {
  TokenKind kind = TokenKind::kOther;
  Span span;
};

/// Hands out the tokens of a text in order; comments and white space lie between them. For any text that
/// libpg_query accepts the tokens are the scanner's own. Where the scanner would raise an error (an open
/// string, junk behind a number) they go on in some way: the parser is there to refuse it. The text must
/// outlive this; at most 4 GiB.
class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  /// False at the end of the text, and the token is as it was.
  bool next(Token& token);

  /// How many comments and signs stood next to each other, with only operator characters between, up to here
  /// in the worst place. The scanner reads the whole run of operator characters again for each of them
  /// (`xcstart` and `operator` in scan.l, which match long and give back), so without a bound
  /// `/**//**//**/..` takes it quadratic time.
  std::uint32_t worst_run() const { return worst_run_; }
  /// Where worst_run() was counted.
  std::uint32_t worst_run_offset() const { return worst_run_offset_; }

  /// The last comment up to here that stands between two segments of one string ('a' --c, newline, 'b'), if
  /// any. PostgreSQL joins over it, libpg_query, which hands comments out as tokens, does not, and reads
  /// something else.
  std::optional<std::uint32_t> comment_in_string() const { return comment_in_string_; }
  /// Whether the text ended inside of a block comment: an error, to the scanner.
  bool open_comment() const { return open_comment_; }

 private:
  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }
  bool starts_comment(std::size_t offset) const;
  void skip_blank();
  void skip_block_comment();
  void count_in_run();
  void lex_quoted(char quote);
  void lex_string(bool doubled, bool escapes);
  bool joins_next_segment();
  bool lex_dollar_string();
  void lex_number();
  void lex_digits(unsigned base_mask);
  void lex_operator();
  TokenKind lex_token();

  std::string_view text_;
  std::size_t offset_ = 0;
  std::size_t signs_end_ = 0;  ///< up to here every + and - is a token of its own
  std::size_t run_end_ = 0;    ///< end of the run of operator characters that offset_ is in, if it is in one
  std::uint32_t run_ = 0;      ///< comments and signs in that run so far
  std::uint32_t worst_run_ = 0;
  std::uint32_t worst_run_offset_ = 0;
  std::optional<std::uint32_t> comment_in_string_;
  bool open_comment_ = false;
};

/// Puts blanks in the place of comments (line ends of `--` comments stay), but for one between two strings,
/// where a blank could join them. True where it changed anything.
bool blank_comments(std::string& text);

}  // namespace chaperone::parser
