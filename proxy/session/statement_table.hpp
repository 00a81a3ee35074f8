#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/session/sql_text.hpp"

namespace chaperone::session {

/// One run of a portal that may take several Executes (row limits): one statement of the record.
struct PortalRun {
  std::uint64_t statement = 0;
  std::int64_t started = 0;  ///< steady microseconds
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  bool suspended = false;  ///< a part of it is through, and counted with its transaction
  bool done = false;       ///< it has its outcome
  bool cut = false;        ///< rows of it were dropped
};

/// What Bind left behind. The parameter values are kept for the record of the first Execute.
struct Portal {
  SharedText text;  ///< null = a statement that was never seen
  std::string values;
  std::string formats;
  std::uint16_t values_count = 0;
  bool values_whole = true;
  bool holdable = false;           ///< DECLARE .. WITH HOLD: stays when the transaction commits
  std::uint64_t order = 0;         ///< the ledger's order of what made it
  std::size_t bytes = 0;           ///< what it takes of the table's bound
  std::uint64_t fetched = 0;       ///< rows that FETCH and MOVE went over
  std::shared_ptr<PortalRun> run;  ///< set while a limited Execute is under way or suspended
};

/// A name of a message as the server tells it from others: its hash tables look at the first 63 bytes
/// (NAMEDATALEN; dynahash.c, HASH_STRINGS; SQL's own names come no longer from the grammar).
std::string_view kept_name(std::string_view name);

/// Prepared statements and portals of one session, by name, as the server will have them once it has answered
/// all that was sent: the table is ahead of the server, and what turns out otherwise is put back by the
/// ledger (exchange()). One namespace for the protocol's and SQL's names, as in PostgreSQL (prepare.c,
/// portalmem.c).
///
/// Names are taken as kept_name() has them. It may hold less than the server, never another text under a
/// name. What is beyond its bounds it does not hold: then the name stands for nothing here.
class StatementTable {
 public:
  static constexpr std::size_t kMaxStatements = 1'000;
  static constexpr std::size_t kMaxPortals = 1'000;
  /// Of texts and parameter values, those without a name not counted.
  static constexpr std::size_t kMaxBytes = 16U << 20;

  /// The statement of that name, or null.
  SharedText find_statement(std::string_view name) const;
  /// Puts a text (null = nothing) under the name and gives what was there. Doing it again with the result
  /// undoes it.
  SharedText exchange_statement(std::string_view name, SharedText text);
  void clear_statements();

  /// The portal of that name, or nullptr; valid until the table changes.
  Portal* find_portal(std::string_view name);
  /// A fresh portal of that text under the name, in place of another one; nullptr = one too many. `order`: of
  /// the ledger entry that makes it; `values_bytes`: how much the caller is going to put into `values`.
  Portal* bind_portal(std::string_view name, std::uint64_t order, SharedText text, std::size_t values_bytes);
  void close_portal(std::string_view name);
  /// A transaction ended with the reply to the ledger entry `order`: portals made before it are gone, but for
  /// committed holdable cursors.
  void end_transaction(bool committed, std::uint64_t order);
  /// Portals made from `first` on and before `end` never came to be.
  void forget_portals(std::uint64_t first, std::uint64_t end);
  void clear_portals();

 private:
  template <class Predicate>
  void erase_portals(Predicate&& predicate);

  SharedText unnamed_statement_;
  std::map<std::string, SharedText, std::less<>> statements_;
  Portal unnamed_portal_;
  bool has_unnamed_portal_ = false;
  std::map<std::string, Portal, std::less<>> portals_;
  std::size_t bytes_ = 0;  // of what has a name
};

}  // namespace chaperone::session
