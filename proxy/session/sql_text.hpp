#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "parser/parser.hpp"
#include "proxy/session/decision_cache.hpp"
#include "proxy/session/text_cache.hpp"
#include "proxy/session/text_shape.hpp"

namespace chaperone::session {

/// A string of SQL and what the parser made of it. Immutable and shared: by the cache, prepared statements,
/// portals and what the server still owes.
struct SqlText {
  /// Its beginning, where `whole_bytes` says that there is more. As it was received, but for
  /// SqlCache::get_alike().
  std::string sql;
  std::uint64_t whole_bytes = 0;
  parser::Script script;  ///< empty when it could not be read
  std::string reason;     ///< why it could not be read; empty = it was
  std::size_t bytes = 0;  ///< memory that it takes

  /// Of an enforced agent: what was decided of it, and the number of the DecisionContext that did; nullptr:
  /// observed.
  SharedDecision decided;
  std::uint64_t context = 0;
  /// What goes upstream in its place, the principal's values filled in but without the context comment;
  /// nothing = as received.
  std::optional<std::string> sent;
  std::vector<std::string> sent_parts;  ///< of each statement, where `sent` is of several
  /// Of an observed agent, and where a Bind has brought a value.
  std::vector<Declaration> own_declarations;
  const std::vector<Declaration>& declarations() const {
    return own_declarations.empty() && decided ? decided->declarations : own_declarations;
  }

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
/// For SQL that is too long to be held: its beginning, and why it was not read.
SharedText cut_sql(std::string_view sql, std::uint64_t whole_bytes);

/// What was read, for one thread.
class SqlCache {
 public:
  /// By exact bytes: the text as it was read before, or read now.
  SharedText get(std::string_view sql, const parser::Limits& limits);
  /// By shape (TextShape) where it has one: the statements are those of `sql`, at the same places, but the
  /// text of the result may have zeros for its constants. For what is sent once, and never shown or sent out
  /// of the result.
  SharedText get_alike(std::string_view sql, const parser::Limits& limits);

 private:
  using Cache = TextCache<SharedText>;
  enum : std::uint64_t { kExact, kShape };

  Cache cache_;
  TextShape shape_;
};

}  // namespace chaperone::session
