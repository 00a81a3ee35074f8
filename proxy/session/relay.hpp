#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/session/counters.hpp"
#include "proxy/session/recorder.hpp"
#include "proxy/session/reply_ledger.hpp"
#include "proxy/session/sql_text.hpp"
#include "proxy/session/statement_table.hpp"
#include "proxy/session/step.hpp"
#include "proxy/wire/frame.hpp"

namespace chaperone::session {

/// A session that is logged in: takes messages from both sides, knows what each answers, passes them on and
/// writes the records. Observing: what goes out is what came in, to the byte; what PostgreSQL answers with a
/// protocol violation ends the session instead.
///
/// Flow: on_client() and on_server() take all that they are given, but where the client has to wait (COPY
/// barrier; a pipeline that takes too much memory); then the rest is kept and reads stop (wants_client()).
class Relay {
 public:
  Relay(const parser::Limits& limits, SqlCache& cache, Counters& counters, audit::SessionMembers members);

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

  /// Ends the session at once with this error.
  void abort(const wire::Error& error, Step& step);

  bool wants_client() const { return !barrier_ && !client_done_ && !ledger_.full(); }
  bool over() const { return over_; }

 private:
  // relay_client.cpp
  void take_client(std::string_view bytes, Step& step);
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

  // relay_server.cpp
  bool server_frame(const wire::Frame& frame, Step& step);
  bool command_complete(const wire::Frame& frame, Step& step);
  bool complete(std::string_view tag, std::optional<std::uint64_t> rows, Step& step);
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
  void lift_barrier() { barrier_ = barrier_ && ledger_.size() > 1; }

  // relay_names.cpp
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
