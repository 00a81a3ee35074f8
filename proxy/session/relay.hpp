#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/session/counters.hpp"
#include "proxy/session/guard.hpp"
#include "proxy/session/recorder.hpp"
#include "proxy/session/reply_ledger.hpp"
#include "proxy/session/sql_text.hpp"
#include "proxy/session/statement_table.hpp"
#include "proxy/session/step.hpp"
#include "proxy/wire/frame.hpp"
#include "proxy/wire/frontend.hpp"

namespace chaperone::session {

/// A session that is logged in: takes messages from both sides, knows what each answers, passes them on and
/// writes the records. What PostgreSQL answers with a protocol violation ends the session instead. Observing:
/// what goes out is what came in, to the byte. Enforcing (with a Guard): SQL goes out as it was decided, and
/// what is refused is replaced by a sentinel that PostgreSQL has to refuse in that place
/// (docs/architecture.md).
///
/// Flow: on_client() and on_server() take all that they are given, but where the client has to wait (COPY
/// barrier; a pipeline that takes too much memory); then the rest is kept and reads stop (wants_client()).
class Relay {
 public:
  /// `guard`: of an enforced agent. `declared_task`: at the login; "" = none.
  Relay(const parser::Limits& limits, SqlCache& cache, Counters& counters, audit::SessionMembers members,
        std::optional<Guard> guard = std::nullopt, std::string declared_task = {});

  void begin(Step& step) { recorder_.opened(step); }
  void on_client(std::string_view bytes, Step& step);
  void on_server(std::string_view bytes, Step& step);
  /// The client sends nothing more (it closed, or sent Terminate): the server finishes what it has, and its
  /// answers still count and are still sent.
  void on_client_closed(Step& step);
  /// Nothing can be sent to the client any more.
  void on_client_lost(Step& step);
  /// The server went away. What it still owed is `unknown`.
  void on_server_closed(Step& step, std::string_view why);
  /// Ends the session as soon as no transaction is open. `now`: at once.
  void drain(Step& step, bool now);

  /// Enforcing: decides by these from now on; also the answer to Step::refresh_rules, with the old ones where
  /// there are no newer.
  void on_rules(std::shared_ptr<const DecisionContext> context, rules::Principal principal, Step& step);

  /// Observing: from now on the records say what statements would have come to by these rules; nullptr: that
  /// there are none. `cache` outlives the session.
  void judge_by(DecisionCache& cache, std::shared_ptr<const DecisionContext> context);

  /// When on_time() has something to do; nothing = never.
  const std::optional<std::chrono::steady_clock::time_point>& due() const { return due_; }
  void on_time(Step& step);
  /// The server has heard Action::kCancelStatement, or can't be reached.
  void on_cancel_sent(Step& step);

  /// Ends the session at once with this error.
  void abort(const wire::Error& error, Step& step);

  bool wants_client() const { return !waits() && !client_done_ && !ledger_.full(); }
  bool over() const { return over_; }
  /// Whether the server has something to do for this session.
  bool running() const { return !ledger_.empty(); }

 private:
  // relay_client.cpp
  void take_client(std::string_view bytes, Step& step);
  bool waits() const { return barrier_ || awaiting_rules_ || cancelling_; }
  /// What waited has its turn.
  void resume(Step& step);
  bool client_frame(const wire::Frame& frame, Step& step);
  bool query(const wire::Frame& frame, Step& step);
  bool parse(const wire::Frame& frame, Step& step);
  bool bind(const wire::Frame& frame, Step& step);
  bool describe(const wire::Frame& frame, Step& step);
  bool execute(const wire::Frame& frame, Step& step);
  bool close(const wire::Frame& frame, Step& step);
  bool function_call(const wire::Frame& frame, Step& step);
  bool copy_in_message(const wire::Frame& frame, Step& step);
  void pass(const wire::Frame& frame, Gather& to) const;
  void raise_barrier(const wire::Frame& frame);
  void bound_what_is_owed(Step& step);
  Judgement judge(std::string_view sql, const SqlText& text, bool once);

  // relay_enforce.cpp: what the client sends
  using Named = std::vector<std::pair<std::size_t, SharedText>>;
  bool enforce_query(std::string_view sql, const wire::Frame& frame, Step& step);
  bool enforce_parse(std::string_view name, std::string_view sql, const wire::Frame& frame, Step& step);
  /// True: the message was refused, or waits; it is not passed on.
  bool stops_bind(std::string_view statement, const wire::Frame& frame, Step& step);
  bool stops_describe(const wire::frontend::Describe& describe, const wire::Frame& frame, Step& step);
  bool stops_execute(std::string_view portal, const wire::Frame& frame, Named& named, Step& step);
  bool enforce_function_call(Step& step);
  bool wait_for_rules(const SqlText& text, const wire::Frame& frame, Step& step);
  bool drops();
  bool wait_for_names(const wire::Frame& frame, Step& step);
  bool wait_for_answers(const wire::Frame& frame, Step& step);
  bool names_are_uncertain(const SqlText& text);
  std::optional<rules::Denial> find_named(const SqlText& text, Named& named);
  std::optional<rules::Denial> no_longer_holds(const SqlText& text, std::string_view name) const;
  void refuse_extended(const SqlText* text, const rules::Denial& denial, Step& step);
  void send_sentinel(std::string_view name, const Refusal& refusal, Step& step);
  bool is_capped(const LedgerEntry& entry) const;
  void note_narrowed_writes(const LedgerEntry& entry);

  // relay_bounds.cpp: and what the server answers
  bool enforce_server(const wire::Frame& frame, Step& step);
  bool enforce_error(const wire::Frame& frame, Step& step);
  bool enforce_complete(const wire::Frame& frame, Step& step);
  bool cuts(const wire::Frame& frame);
  std::optional<rules::Denial> over_cap(const LedgerEntry& entry, std::string_view tag) const;
  std::string end_of_cursor(const LedgerEntry& entry, std::string_view tag);

  // relay_time.cpp
  struct OwnTime {
    std::chrono::milliseconds time;
    const rules::Capability* capability;
  };
  std::optional<OwnTime> own_time(const LedgerEntry& entry) const;
  void give_time(const LedgerEntry& entry, Step& step);
  bool holds_behind(const wire::Frame& frame, Step& step);
  void watch_time(const Step& step);
  bool append_overdue(std::string_view sqlstate, std::string& out);

  // relay_server.cpp
  bool server_frame(const wire::Frame& frame, Step& step);
  bool command_complete(const wire::Frame& frame, Step& step);
  bool complete(std::string_view tag, std::optional<std::uint64_t> rows, Step& step);
  void declare_task(const LedgerEntry& entry, std::size_t index);
  bool portal_suspended(Step& step);
  bool error_response(const wire::Frame& frame, Step& step);
  void fail_front(std::string_view sqlstate, Step& step);
  void skip_until_sync(std::string_view sqlstate, Step& step);
  void skipped(const LedgerEntry& entry, Step& step);
  bool ready_for_query(const wire::Frame& frame, Step& step);
  bool answers(LedgerEntry::Kind kind);
  /// Whether the front is one that rows or COPY data may come for.
  bool sends_rows();
  void transaction_ended(TransactionEnded ended);
  /// The front has its answer: what waits behind it may go, if it is the front that it waits for.
  void lift_barrier() {
    if (!ledger_.empty() && ledger_.front().unrolled) return;  // its Sync is still to come
    barrier_ = barrier_ && ledger_.size() > 1;
  }

  // relay_names.cpp
  SharedText part_of(const SqlText& text, const parser::Statement& statement) const;
  void forget_sql_names(LedgerEntry& entry, const parser::Statement& statement);
  void sql_changed_names(const parser::Statement& statement, const SqlText& text);
  void unread_sql_changed_names(std::string_view tag);

  // relay_end.cpp
  /// Refuses the client's stream: the fitting error, and the session ends when the server has answered what
  /// it was sent.
  bool violation(const wire::Error& error, Step& step);
  void finish(const wire::Error& error, Step& step);
  bool server_violation(std::string_view what, Step& step);
  void give_up(Step& step, std::string_view why);

  parser::Limits limits_;
  SqlCache& cache_;
  Counters& counters_;
  Recorder recorder_;
  wire::FrameReader client_;
  wire::FrameReader server_;
  ReplyLedger ledger_;
  StatementTable statements_;

  DecisionCache* judging_ = nullptr;  // observing, where the policy has something to say
  std::shared_ptr<const DecisionContext> judge_;

  std::optional<Guard> guard_;
  bool refused_ = false;          // a sentinel of the extended protocol is under way, and no Sync behind it
  bool awaiting_rules_ = false;   // fresher rules were asked for, and what they decide waits
  bool rules_asked_ = false;      // and they came: the next refusal stands
  bool defines_ = false;          // DDL ran in this transaction
  bool rules_stale_ = false;      // and was committed
  bool narrowed_writes_ = false;  // a write to a narrowed table is part of this transaction
  bool drop_chunks_ = false;      // the message under way is not passed on (server side)
  bool cut_ = false;              // rows of the statement that is being answered were dropped
  bool copy_binary_ = false;      // the COPY to the client that is under way
  std::uint64_t copy_messages_ = 0;  // of it
  std::string withheld_;             // of the error that is being taken

  // Statements whose capability has less time than the server gives the session.
  std::optional<std::chrono::milliseconds> server_time_;  // that
  bool timed_ = false;                                    // one of them is under way
  std::optional<std::chrono::steady_clock::time_point> due_;
  std::pair<std::uint64_t, std::uint32_t> due_of_{};  // the ledger's front, and which of its statements
  bool overdue_ = false;                              // it has had its time
  bool cancelling_ = false;                           // and the server is being told so

  std::string stalled_;                  // what the client sent behind the barrier
  std::optional<wire::Error> farewell_;  // goes to the client when the server has answered all
  std::uint64_t rows_ = 0;               // of the statement that the server is answering
  std::uint64_t bytes_ = 0;
  std::uint64_t discarded_ = 0;  // bytes for a client that is gone
  // Nothing goes upstream until the server has answered all: it may want COPY data, or owes too much.
  bool barrier_ = false;
  bool barrier_after_chunk_ = false;  // raised once the rest of a long message is through
  bool copy_in_ = false;              // the server reads CopyData
  bool copy_in_query_ = false;        // that COPY is part of a simple query
  bool skipping_ = false;             // the server ignores what comes until Sync
  bool pass_chunks_ = true;           // the message under way is passed on (client side)
  bool count_chunks_ = false;         // chunks from the server count as row bytes
  std::string tag_;                   // the last answer to a text that can't be read
  bool client_done_ = false;          // nothing more is taken from the client
  bool client_closed_ = false;  // the client has closed; what waits behind the barrier still has its turn
  bool client_gone_ = false;    // nothing can be sent to it any more
  bool fatal_seen_ = false;     // the server has said why it ends the session
  bool rolled_back_ = false;    // and with it, that what was open has been rolled back
  bool draining_ = false;
  bool over_ = false;
  char last_status_ = 'I';
};

}  // namespace chaperone::session
