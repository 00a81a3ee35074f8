#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parser/parser.hpp"

namespace chaperone::parser {

/// Changes to a text, by splicing: what is not named stays as it is, to the byte. A splice is set off by a
/// blank on either side where the bytes around it could join into one token.
class EditScript {
 public:
  /// Text, or a slot that is filled when the text is sent.
  struct Piece {
    std::string text;
    bool slot = false;  ///< text is then the name of a parameter
    bool operator==(const Piece&) const = default;
  };

  /// Gives the SQL literal for a slot's name.
  using Value = std::function<std::string(std::string_view)>;

  /// Puts pieces in place of `span` of the text (length 0: in front of the byte at its offset). Edits may
  /// come in any order and must not overlap (std::logic_error); of two that go in front of one byte, the one
  /// that came first stands first.
  void replace(Span span, std::vector<Piece> pieces);
  void insert(std::uint32_t offset, std::vector<Piece> pieces) { replace({offset, 0}, std::move(pieces)); }

  /// In front of all others that go in front of that byte.
  void insert_first(std::uint32_t offset, std::vector<Piece> pieces);
  /// Whether all of `span` is replaced already.
  bool covers(Span span) const;
  bool empty() const { return edits_.empty(); }
  /// Rough size on the heap, for caches that are bounded by bytes.
  std::size_t bytes() const;
  bool operator==(const EditScript&) const = default;

  /// The new text.
  std::string apply(std::string_view text, const Value& value) const;
  /// What becomes of `part` of the text, which no edit crosses the bounds of.
  std::string apply(std::string_view text, Span part, const Value& value) const;

 private:
  friend class PositionMap;
  struct Edit {
    Span span;
    std::vector<Piece> pieces;
    bool operator==(const Edit&) const = default;
  };
  /// Offset, and whether something is replaced there: what goes in front of a byte stands in front of that.
  using Place = std::pair<std::uint32_t, bool>;
  void check_overlap(const Span& span, std::multimap<Place, Edit>::const_iterator behind) const;
  template <class Sink>
  void walk(std::string_view text, const Value& value, Sink&& sink) const;

  std::multimap<Place, Edit> edits_;
};

/// Where a character of the text that was sent stood in the client's own: for ErrorResponse's P, which counts
/// characters from 1 (0: none, and stays so). A place inside a splice maps to the start of what it replaced.
class PositionMap {
 public:
  PositionMap() = default;
  /// `text` as it was, and `value` as apply() got it.
  PositionMap(const EditScript& edits, std::string_view text, const EditScript::Value& value);
  std::uint32_t client_position(std::uint32_t sent_position) const;

 private:
  struct Stretch {
    std::uint32_t sent = 0;    // characters in front of it in the sent text
    std::uint32_t client = 0;  // and in the client's
    bool spliced = false;
  };
  std::vector<Stretch> stretches_;
};

}  // namespace chaperone::parser
