#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/record.hpp"
#include "proxy/session/counters.hpp"
#include "proxy/session/declared_task.hpp"
#include "proxy/session/sql_text.hpp"
#include "proxy/session/statement_table.hpp"
#include "proxy/session/step.hpp"

namespace chaperone::session {

/// How a transaction ended that a reply made an end of.
enum class TransactionEnded : std::uint8_t { kNo, kCommitted, kNotCommitted };

/// What a statement that is only observed would have come to.
struct Judgement {
  bool judged = false;     ///< false: nobody asks, and the verdict is that it passes
  SharedDecision decided;  ///< null: there are no rules that could tell
};

/// Writes the records of one session: numbers its statements and follows its transactions by what the server
/// says of them (command tags, ReadyForQuery), never by what the client asked for.
class Recorder {
 public:
  /// `declared`: the task that the agent declared at its login; "" = none.
  Recorder(audit::SessionMembers members, Counters& counters, std::string declared = {});

  /// Intents; each gives the number of its (first) statement. They go into step.records before what they are
  /// for goes into step.to_server.
  /// `sql`: as it was received; `text` may be of another one with the same statements (SqlCache::get_alike).
  std::uint64_t intend_query(Step& step, const SqlText& text, std::string_view sql,
                             const Judgement& judgement = {});
  std::uint64_t intend_portal(Step& step, const Portal* portal, const Judgement& judgement = {});
  std::uint64_t intend_function_call(Step& step, std::uint32_t function_oid, const Judgement& judgement = {});
  /// A statement that is denied: nothing of it goes upstream. `text`: nullptr = not known; `members`:
  /// audit::decision_members() of the denial.
  void denied(Step& step, const SqlText* text, std::string_view members);
  /// A Parse or Bind that the server refused: the statement and its failure at once. Nothing of it ran.
  void refused(Step& step, const SqlText& text, audit::Result result, std::string_view sqlstate,
               const Judgement& judgement = {});

  /// What one statement came to.
  struct Answer {
    std::uint64_t statement;
    const SqlText* text = nullptr;  ///< with `index`, which of its statements; null = not known
    std::size_t index = 0;
    audit::Result result = audit::Result::kOk;
    std::string_view tag = {};
    std::string_view sqlstate = {};
    std::optional<std::uint64_t> rows = {};
    std::uint64_t bytes = 0;
    std::int64_t started = 0;
    std::string_view withheld = {};  ///< of the server's error, what the client did not get
    bool was_suspended =
        false;  ///< an earlier Execute of the same run is counted with the transaction already
  };
  /// A statement has its answer: its outcome, and the end of its transaction if it is one.
  TransactionEnded answered(Step& step, const Answer& answer);
  /// A statement that is about to be answered() declares the agent's task.
  void declares(const Declaration& declaration);
  /// One of several answers to a text that can't be read, but not its last one, which answered() gets.
  void passed_over(std::string_view tag);
  /// A statement that the server never came to.
  void not_run(Step& step, std::uint64_t statement);
  /// A portal gave some of its rows and waits; its outcome comes when it is done, closed, or its transaction
  /// ends.
  void suspended(const std::shared_ptr<PortalRun>& run);
  /// The portal of that run is given up.
  void abandoned(Step& step, PortalRun& run);

  /// An error that answers no statement (Parse, Bind, Sync) has failed the transaction all the same.
  void transaction_failed() { failed_ = true; }
  /// ReadyForQuery. `status`: I, T or E.
  TransactionEnded ready(Step& step, char status);

  /// The session is over. `outstanding`: the server still owed an answer that may have ended the transaction,
  /// so that nobody can tell how.
  void closed(Step& step, bool outstanding, std::string_view why);
  void opened(Step& step);

  /// Whether a transaction block is open, as far as the server has answered.
  bool in_block() const { return in_block_; }
  bool in_transaction() const { return in_block_ || !statements_.empty(); }

 private:
  struct Savepoint {
    std::string name;
    std::size_t statements;  // how many the transaction had before it
    DeclaredTask::State declared;
  };

  TransactionEnded apply(Step& step, const Answer& answer);
  void roll_back_to(Step& step, const Savepoint& savepoint);
  TransactionEnded end(Step& step, audit::TransactionEnd end);
  void outcome(Step& step, const audit::Outcome& outcome);

  audit::SessionMembers members_;
  DeclaredTask declared_;
  Counters& counters_;
  std::uint64_t last_statement_ = 0;

  // The transaction that is under way.
  std::vector<std::uint64_t> statements_;
  std::vector<Savepoint> savepoints_;
  std::vector<std::shared_ptr<PortalRun>> suspended_;
  bool in_block_ = false;            // BEGIN was answered
  bool failed_ = false;              // it can only be rolled back
  bool may_have_committed_ = false;  // a statement that may commit inside was part of it
  bool unreadable_end_ =
      false;  // a text that could not be read may have ended a transaction, or a part of it
};

}  // namespace chaperone::session
