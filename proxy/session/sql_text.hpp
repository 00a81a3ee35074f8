#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "parser/parser.hpp"

namespace chaperone::session {

/// A string of SQL and what the parser made of it. Immutable and shared: by the cache, prepared statements,
/// portals and what the server still owes.
struct SqlText {
  std::string sql;  ///< its beginning, where `whole_bytes` says that there is more
  std::uint64_t whole_bytes = 0;
  parser::Script script;  ///< empty when it could not be read
  std::string reason;     ///< why it could not be read; empty = it was

  bool readable() const { return reason.empty(); }
  /// How many statements of it the server will answer for; the empty string gets an answer of its own.
  std::size_t answers() const {
    return readable() && !script.statements.empty() ? script.statements.size() : 1;
  }
  /// True when the server may answer it by asking for COPY data.
  bool may_copy_in() const;
};

using SharedText = std::shared_ptr<const SqlText>;

/// One statement of a text as a text of its own: what a name that SQL made stands for.
SharedText statement_of(const SqlText& text, const parser::Statement& statement);
/// What a FunctionCall is to the recorder: a statement without SQL that can't commit inside.
SharedText function_call_text();

/// Reads SQL; never fails: what the parser refuses has its reason in the result.
SharedText read_sql(std::string_view sql, const parser::Limits& limits);

/// SqlTexts by their exact bytes, for one thread. Bounded by bytes; a text gets in when it is seen for the
/// second time, so that statements with a literal in them, seen once, do not push the others out.
class SqlCache {
 public:
  static constexpr std::size_t kMaxBytes = 16U << 20;
  static constexpr std::size_t kMaxTextBytes = 64U << 10;

  /// The text as it was read before, or read now.
  SharedText get(std::string_view sql, const parser::Limits& limits);

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Hash {
    std::size_t operator()(std::string_view sql) const { return std::hash<std::string_view>{}(sql); }
  };
  using Texts = std::unordered_map<std::string_view, SharedText, Hash>;  // keys view into their values
  void insert(const SharedText& text);

  // Two generations: a text that is used moves to the young one, and the old one is dropped whole.
  Texts young_, old_;
  std::size_t young_bytes_ = 0;
  std::vector<std::size_t> seen_once_ = std::vector<std::size_t>(4096);
  std::uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace chaperone::session
