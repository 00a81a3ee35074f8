#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "parser/parser.hpp"
#include "parser/tokens.hpp"

/// Where the parts of a statement stand in a text that the parser accepted, found by its tokens.
namespace chaperone::rules {

/// Tokens from `first` up to but not including `end`.
struct TokenRange {
  std::size_t first = 0;
  std::size_t end = 0;
  bool empty() const { return first == end; }
};

class SqlText {
 public:
  explicit SqlText(std::string_view sql);

  std::string_view text() const { return sql_; }
  std::size_t size() const { return tokens_.size(); }
  /// The token that begins at an offset; size() if there is none.
  std::size_t at(std::uint32_t offset) const;
  /// The first token that begins at or behind an offset.
  std::size_t from(std::uint32_t offset) const;
  std::uint32_t begin(std::size_t token) const { return tokens_[token].span.offset; }
  std::uint32_t end(std::size_t token) const {
    return tokens_[token].span.offset + tokens_[token].span.length;
  }
  /// Bytes of a range that is not empty.
  parser::Span span(TokenRange range) const {
    return {begin(range.first), end(range.end - 1) - begin(range.first)};
  }
  std::string_view text(TokenRange range) const;

  /// Whether it is that keyword (upper case), not in quotes.
  bool is_word(std::size_t token, std::string_view keyword) const;
  bool is(std::size_t token, char punctuation) const;
  /// The closing bracket of an opening one, the opening one of a closing one.
  std::size_t partner(std::size_t token) const { return partner_[token]; }
  /// The next token of the same depth: behind the closing bracket of an opening one.
  std::size_t next(std::size_t token) const {
    return (is(token, '(') || is(token, '[') ? partner_[token] : token) + 1;
  }

  /// Behind a name of one part that begins here, with its UESCAPE.
  std::size_t skip_name(std::size_t token) const;
  /// Behind a name of any number of parts that begins here, and where the parts begin.
  std::size_t skip_names(std::size_t token, std::vector<std::size_t>* parts = nullptr) const;

  /// The nearest token in front of `token` that is that keyword, at any depth; none: size().
  std::size_t word_before(std::size_t token, std::string_view keyword) const;
  /// From `token` to the end of its clause: the next keyword of the same depth that begins another one, a
  /// bracket that closes, a semicolon, or the end of the text. Not for a FROM list, whose ROWS FROM begins
  /// none.
  std::size_t clause_end(std::size_t token) const;
  /// The token of a keyword from `range.first` on at the same depth; none: range.end. Words that are names
  /// (behind a dot or AS) are passed over.
  std::size_t find_word(TokenRange range, std::string_view keyword) const;

  /// Cuts a condition at its ANDs, brackets around them opened; in the order of the text.
  std::vector<TokenRange> conjuncts(TokenRange condition) const;

 private:
  bool is_label(std::size_t token) const;
  bool begins_clause(std::size_t token) const;
  std::vector<TokenRange> cut_at_ands(TokenRange range) const;

  std::string_view sql_;
  std::vector<parser::Token> tokens_;
  std::vector<std::size_t> partner_;
};

}  // namespace chaperone::rules
