#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/session/guard.hpp"
#include "proxy/session/sql_text.hpp"
#include "proxy/session/statement_table.hpp"

namespace chaperone::session {

/// What the server still owes an answer for: one entry a message that it answers.
struct LedgerEntry {
  enum class Kind : std::uint8_t {
    kQuery,  ///< answered by a CommandComplete (or its like) for each statement, then ReadyForQuery
    kParse,  ///< ParseComplete
    kBind,   ///< BindComplete
    kDescribeStatement,  ///< ParameterDescription, then RowDescription or NoData
    kDescribePortal,     ///< RowDescription or NoData
    kExecute,            ///< CommandComplete, EmptyQueryResponse or PortalSuspended
    kClose,              ///< CloseComplete
    kSync,               ///< ReadyForQuery
    kFunctionCall,       ///< FunctionCallResponse, then ReadyForQuery
  };

  Kind kind = Kind::kQuery;
  bool failed = false;  ///< an ErrorResponse answered it; ReadyForQuery is still to come
  /// kQuery, kExecute, kFunctionCall: number of its first statement in the records.
  std::uint64_t statement = 0;
  std::uint32_t answers = 0;   ///< kQuery: statements that the server will answer for; 0 = cannot be told
  std::uint32_t answered = 0;  ///< kQuery: how many it has
  std::int64_t started = 0;    ///< steady microseconds
  SharedText text;             ///< kQuery, kParse, kBind, kExecute: the SQL behind it; null = not known
  std::size_t held = 0;        ///< kQuery, kParse: bytes of that text, which is kept for them first
  /// kExecute: of a portal that may take several. kBind, kClose: the run of the portal that it puts an end
  /// to.
  std::shared_ptr<PortalRun> run;
  /// kParse and kClose of a statement, kQuery (the unnamed one): the name, and what stood under it before.
  std::string name;
  SharedText before;
  bool changes_statement = false;
  /// kQuery, kExecute: its SQL changes names (PREPARE, DEALLOCATE, ..). The table forgot them when it was
  /// sent.
  bool changes_sql_names = false;

  /// A sentinel went upstream in place of the message, or behind it: its error is the client's to read so.
  SharedRefusal refusal;
  bool denied = false;  ///< in its place: nothing of it ran, and the record has the denial alone
  bool unrolled =
      false;  ///< kQuery: it travels as Parse to Execute, so that it can be held until it is counted
  /// kQuery, kExecute: what the statement at an index runs that it only names (EXECUTE, FETCH).
  std::vector<std::pair<std::size_t, SharedText>> named;
  /// The text that the statement with that index runs, and which of its statements.
  std::pair<const SqlText*, std::size_t> runs(std::size_t index) const;
  /// What is held against the statement with that index while it runs; none for one that is only prepared.
  struct Bounds {
    const rules::StatementBounds* statement = nullptr;
    const rules::Capability* capability = nullptr;
    /// More rows than it may give are an error, and no cut.
    bool rows_fail() const {
      return statement->rows && capability != nullptr && capability->limits.rows_fail;
    }
  };
  Bounds bounds(std::size_t index) const;

  /// True where the server only gets ready to run something, and keeps its answer until it has.
  bool only_prepares() const { return kind != Kind::kExecute && !ends_with_ready(); }
  /// True when ReadyForQuery ends it.
  bool ends_with_ready() const {
    return kind == Kind::kQuery || kind == Kind::kSync || kind == Kind::kFunctionCall;
  }
};

/// The queue of what the server owes, oldest first. Sole judge of which reply answers what. `order` counts
/// entries for the whole session, so that other tables can say "before" and "since".
class ReplyLedger {
 public:
  using Kind = LedgerEntry::Kind;

  /// Past this many entries nothing more is read from the client. It must exceed what fits into the server's
  /// output buffer (8 KiB of replies of 5 bytes), which a pipeline without Sync or Flush does not empty.
  static constexpr std::size_t kFull = 65'536;

  bool empty() const { return head_ == entries_.size(); }
  std::size_t size() const { return entries_.size() - head_; }
  bool full() const { return size() >= kFull; }
  /// Past this many bytes of texts the server has to be asked for its answers (Flush) before more is read.
  static constexpr std::size_t kHeavy = 8U << 20;
  bool heavy() const { return held_ >= kHeavy; }

  LedgerEntry& front() { return entries_[head_]; }
  std::uint64_t front_order() const { return popped_; }
  /// Whether that holds of an entry, the `skip` oldest left out.
  template <class Predicate>
  bool any(Predicate&& predicate, std::size_t skip = 0) const {
    return std::any_of(entries_.begin() + static_cast<std::ptrdiff_t>(head_ + skip), entries_.end(),
                       predicate);
  }
  /// The oldest entry that runs something, or ends with ReadyForQuery, and its order; nullptr: there is none.
  std::pair<const LedgerEntry*, std::uint64_t> first_to_run() const {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(head_);
    const auto found = std::find_if_not(begin, entries_.end(), std::mem_fn(&LedgerEntry::only_prepares));
    if (found == entries_.end()) return {nullptr, 0};
    return {&*found, popped_ + static_cast<std::uint64_t>(found - begin)};
  }
  /// Order that the next entry gets.
  std::uint64_t next_order() const { return popped_ + size(); }
  LedgerEntry& push(Kind kind, std::size_t held = 0);
  LedgerEntry& push(LedgerEntry&& entry);

  /// Whether what the entry with that order does is still to be answered, and the next message belongs to a
  /// later segment: then it may be skipped, and the next message have its turn all the same.
  bool is_uncertain(std::uint64_t order) const { return order >= popped_ && order + 1 < behind_ready_; }
  /// The same for the newest entry that changes the prepared statement of that name. Looks at so many entries
  /// and no more; true where they do not tell.
  bool is_uncertain(std::string_view statement) const;
  void pop();

  /// After an error in the extended protocol the server ignores all up to the next Sync (PostgresMain,
  /// ignore_till_sync). Takes the entries from the front to before the first kSync out, with their changes to
  /// prepared statements put back, and gives them; tells through `sync_follows` whether there is that Sync.
  std::vector<LedgerEntry> take_skipped(StatementTable& statements, bool& sync_follows);
  /// Takes out all entries, oldest first.
  std::vector<LedgerEntry> take_all();

 private:
  void pushed(const LedgerEntry& entry);

  std::vector<LedgerEntry> entries_;
  std::size_t head_ = 0;
  std::uint64_t popped_ = 0;
  std::size_t held_ = 0;            // sum over the entries
  std::uint64_t behind_ready_ = 0;  // order behind the newest entry that ends with ReadyForQuery
};

}  // namespace chaperone::session
