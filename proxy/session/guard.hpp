#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/session/decision_cache.hpp"
#include "proxy/session/sql_text.hpp"
#include "proxy/wire/backend.hpp"
#include "rules/policy/policy.hpp"
#include "rules/rewrite/context.hpp"

namespace chaperone::session {

/// A denial on its way. What was sent in place of the refused message (the sentinel) is something that
/// PostgreSQL has to refuse there with `awaited`; the client reads `error_response` in place of that. With
/// any other SQLSTATE PostgreSQL has come to an answer of its own, as 25P02, and that passes.
struct Refusal {
  std::string_view awaited;
  std::string sentinel;        ///< SQL
  std::string error_response;  ///< a whole message
};
/// The statement's name in a sentinel Parse. It never comes to be.
inline constexpr std::string_view kSentinelName = "chaperone.denied";
using SharedRefusal = std::shared_ptr<const Refusal>;

/// Whether a ParameterStatus shows that a setting has not the value that it is pinned to, or the database
/// another encoding than the one that SQL is read in.
bool breaks_pins(std::string_view parameter_status);

/// What stands between an enforced agent and the server: decides texts, says what is sent in their place, how
/// a refusal reads, and what of the server's errors may pass. One for each session.
class Guard {
 public:
  /// `cache` outlives it.
  Guard(DecisionCache& cache, std::shared_ptr<const DecisionContext> context, rules::Principal principal,
        rules::CommentPlace comment);

  /// Decides from now on by these.
  void renew(std::shared_ptr<const DecisionContext> context, rules::Principal principal);
  const DecisionContext& context() const { return *context_; }

  /// The text as it is decided now, and what is sent for it; never null. `known`: one that was read before,
  /// which is given back if it is the same and would be read so again; null = none.
  SharedText read(std::string_view sql, const SharedText& known = nullptr) const;
  /// The same for a text that is sent once, as a simple query is.
  SharedText read_once(std::string_view sql) const;
  /// Of SQL that is too long to be held: its beginning. Refused.
  SharedText refuse_long(std::string_view beginning, std::uint64_t whole_bytes) const;
  /// One statement of an allowed text as a text of its own: what a name that SQL made stands for.
  SharedText statement_of(const SqlText& text, const parser::Statement& statement) const;
  /// Whether what was decided of a text, and sent for it, is what would be decided and sent now.
  bool still_holds(const SqlText& text) const;

  /// Appends what goes upstream for an allowed text, the context comment included.
  void append_sent(const SqlText& text, std::string& out) const;
  /// How the refusal of a refused text reads.
  SharedRefusal refuse(const SqlText& text) const;
  /// A refusal that no rule of the text's own made. `sql` is for its position.
  SharedRefusal refuse(const rules::Denial& denial, std::string_view sql,
                       std::string_view capability = {}) const;

  /// Whether the text shows less of its tables than they hold, so that errors may not say more.
  static bool is_narrowed(const SqlText& text);
  /// Appends the server's ErrorResponse or NoticeResponse as the client may read it: its position as one of
  /// the client's own text, and of a narrowed text no more than can't tell of hidden values. A notice may be
  /// left out altogether. `whole` false: the body is a part of a longer one. Gives what was withheld, or "".
  /// `narrowed_writes`: so is a write of the transaction, which may speak through its end.
  std::string append_error(char type, std::string_view body, bool whole, const SqlText* text,
                           bool narrowed_writes, std::string& out) const;
  /// Appends the error of a statement that was cancelled after this time.
  void append_overdue(std::chrono::milliseconds time, std::string_view capability, std::string& out) const;
  /// Appends the WARNING of a result that was cut.
  static void append_cut_warning(std::uint64_t rows, std::string_view capability, std::string& out);
  /// The same of a cursor that has given all rows that it may: whether there are more is not known.
  static void append_cursor_warning(std::uint64_t rows, std::string_view capability, std::string& out);

 private:
  SharedText text_of(SharedDecision decided, std::string_view sql) const;
  std::uint32_t client_position(const SqlText& text, std::uint32_t position) const;

  DecisionCache& cache_;
  std::shared_ptr<const DecisionContext> context_;
  rules::Principal principal_;
  rules::CommentPlace place_;
  std::string comment_;  ///< of this principal
};

}  // namespace chaperone::session
