#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "proxy/session/relay.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
using Kind = LedgerEntry::Kind;
using parser::StatementKind;

namespace {

// The verdict of the SQLSTATE on a statement: a cancel and a timeout have one code (ProcessInterrupts).
audit::Result result_of(std::string_view sqlstate) {
  return sqlstate == wire::sqlstate::kQueryCanceled ? audit::Result::kCancelled : audit::Result::kFailed;
}

bool may_commit(const LedgerEntry& entry) {
  if (entry.failed || !entry.text || (entry.kind != Kind::kQuery && entry.kind != Kind::kExecute))
    return false;
  const auto& statements = entry.text->script.statements;
  return std::any_of(statements.begin() + std::min<std::ptrdiff_t>(entry.answered, std::ssize(statements)),
                     statements.end(),
                     [](const auto& statement) { return statement.kind == StatementKind::kCommit; });
}

// What earlier Executes of the portal came to goes into the one outcome of its run. `rows`: seen since.
void add_suspended(Recorder::Answer& answer, const PortalRun& run, std::uint64_t rows) {
  answer.started = run.started;
  if (!run.suspended) return;
  answer.was_suspended = true;
  answer.rows = run.rows + rows;
  answer.bytes += run.bytes;
}

}  // namespace

void Relay::on_server(std::string_view bytes, Step& step) {
  const std::size_t received = bytes.size();
  Counters::add(counters_.server_bytes, received);
  while (!over_) {
    const auto item = server_.next(bytes);
    if (item == wire::FrameReader::Item::kNeedMore) break;
    if (item == wire::FrameReader::Item::kBad) {
      server_violation(server_.error().message, step);
      break;
    }
    if (item == wire::FrameReader::Item::kChunk) {
      if (count_chunks_) bytes_ += server_.chunk().size();
      if (!client_gone_) step.to_client.view(server_.chunk());
      continue;
    }
    const auto& frame = server_.frame();
    count_chunks_ = false;
    if (frame.type == backend::kDataRow || frame.type == backend::kCopyData) {
      if (!sends_rows()) {
        server_violation("rows that nobody asked for", step);
        break;
      }
      rows_ += frame.type == backend::kDataRow ? 1 : 0;
      bytes_ += frame.body().size();
      count_chunks_ = true;
      if (!client_gone_) pass(frame, step.to_client);
      continue;
    }
    // What it means comes first: a message that may not be there is not passed on.
    if (!server_frame(frame, step)) break;
    if (!client_gone_) pass(frame, step.to_client);
    if (draining_ && frame.type == backend::kReadyForQuery) drain(step, false);
  }
  // PostgreSQL notices a lost client when it sends; a server with much to send is let go of the same way.
  constexpr std::uint64_t kDiscard = 1U << 20;
  if (client_gone_ && (discarded_ += received) > kDiscard) give_up(step, "the client went away");
  if (!barrier_ && !stalled_.empty() && !over_) {
    const auto stalled = step.to_server.keep(std::exchange(stalled_, {}));
    take_client(stalled, step);
    if (client_closed_) on_client_closed(step);
  }
}

bool Relay::server_frame(const wire::Frame& frame, Step& step) {
  if (fatal_seen_) return server_violation("a message behind its last words", step);
  switch (frame.type) {
    case backend::kCommandComplete:
      return command_complete(frame, step);
    case backend::kEmptyQueryResponse:
      return complete({}, {}, step);
    case backend::kErrorResponse:
      return error_response(frame, step);
    case backend::kReadyForQuery:
      return ready_for_query(frame, step);
    case backend::kParseComplete:
      return answers(Kind::kParse) || server_violation("ParseComplete", step);
    case backend::kBindComplete:
      if (!ledger_.empty() && ledger_.front().run) recorder_.abandoned(step, *ledger_.front().run);
      return answers(Kind::kBind) || server_violation("BindComplete", step);
    case backend::kCloseComplete:
      if (!ledger_.empty() && ledger_.front().run) recorder_.abandoned(step, *ledger_.front().run);
      return answers(Kind::kClose) || server_violation("CloseComplete", step);
    case backend::kRowDescription:
      if (!ledger_.empty() && ledger_.front().kind == Kind::kQuery) return true;
      [[fallthrough]];
    case backend::kNoData:
      return answers(Kind::kDescribeStatement) || answers(Kind::kDescribePortal) ||
             server_violation("RowDescription", step);
    case backend::kParameterDescription:
      if (!ledger_.empty() && ledger_.front().kind == Kind::kDescribeStatement) return true;
      return server_violation("ParameterDescription", step);
    case backend::kPortalSuspended:
      return portal_suspended(step);
    case backend::kFunctionCallResponse:
      if (ledger_.empty() || ledger_.front().kind != Kind::kFunctionCall || ledger_.front().answered != 0) {
        return server_violation("FunctionCallResponse", step);
      }
      ledger_.front().answered = 1;
      bytes_ += frame.body().size();
      transaction_ended(recorder_.answered(step, {.statement = ledger_.front().statement,
                                                  .text = ledger_.front().text.get(),
                                                  .tag = {},
                                                  .sqlstate = {},
                                                  .rows = {},
                                                  .bytes = std::exchange(bytes_, 0),
                                                  .started = ledger_.front().started}));
      return true;
    case backend::kCopyInResponse:
      // With messages sent behind it, it would eat them as its data.
      if (!sends_rows() || ledger_.size() != 1) return server_violation("CopyInResponse", step);
      copy_in_ = true;
      copy_in_query_ = ledger_.front().kind == Kind::kQuery;
      barrier_ = false;
      return true;
    case backend::kCopyOutResponse:
    case backend::kCopyDone:
      return sends_rows() || server_violation("a COPY that nobody asked for", step);
    case backend::kNoticeResponse:
    case backend::kNotificationResponse:
    case backend::kParameterStatus:
      return true;
    default:
      return server_violation(fmt::format("message type '{}'", frame.type), step);
  }
}

// Pops the front if the reply is the one that answers it.
bool Relay::answers(Kind kind) {
  if (ledger_.empty() || ledger_.front().kind != kind) return false;
  ledger_.pop();
  return true;
}

bool Relay::sends_rows() {
  if (ledger_.empty() || ledger_.front().failed) return false;
  return ledger_.front().kind == Kind::kQuery || ledger_.front().kind == Kind::kExecute;
}

bool Relay::command_complete(const wire::Frame& frame, Step& step) {
  const auto tag = backend::decode_command_complete(frame.body());
  if (!tag) return server_violation(tag.error().message, step);
  return complete(*tag, backend::rows_of_tag(*tag), step);
}

bool Relay::complete(std::string_view tag, std::optional<std::uint64_t> rows, Step& step) {
  if (ledger_.empty()) return server_violation("CommandComplete", step);
  auto& entry = ledger_.front();
  const bool is_query = entry.kind == Kind::kQuery;
  if (!is_query && entry.kind != Kind::kExecute) return server_violation("CommandComplete", step);
  if (entry.failed || (is_query && entry.answers != 0 && entry.answered == entry.answers)) {
    return server_violation("CommandComplete", step);
  }
  if (entry.text == nullptr || !entry.text->readable()) unread_sql_changed_names(tag);
  if (is_query && entry.answers == 0) {  // how many are to come is not known: ReadyForQuery closes the record
    recorder_.passed_over(std::exchange(tag_, tag));
    return true;
  }

  const std::uint64_t seen_rows = std::exchange(rows_, 0);
  Recorder::Answer answer{.statement = entry.statement,
                          .text = entry.text.get(),
                          .index = 0,
                          .tag = tag,
                          .sqlstate = {},
                          .rows = rows,
                          .bytes = std::exchange(bytes_, 0),
                          .started = entry.started};
  if (!answer.rows && seen_rows != 0) answer.rows = seen_rows;
  if (is_query) {
    answer.index = entry.answered;
    answer.statement += entry.answered++;
    entry.started = step.now.steady_microseconds();
  } else {
    lift_barrier();
    if (entry.run) {
      if (entry.run->done) {  // a portal that had been done answers once more, with no rows
        ledger_.pop();
        return true;
      }
      add_suspended(answer, *entry.run, seen_rows);
      entry.run->done = true;
    }
  }
  transaction_ended(recorder_.answered(step, answer));
  if (entry.text && answer.index < entry.text->script.statements.size()) {
    sql_changed_names(entry.text->script.statements[answer.index], *entry.text);
  }
  if (!is_query) ledger_.pop();
  return true;
}

// Where more is under way that may change the same name, what it will stand for is left unknown: the table
// never holds another text under a name than the server does when it comes to what is sent next.
void Relay::sql_changed_names(const parser::Statement& statement, const SqlText& text) {
  const auto under_way = [&] {
    return ledger_.any(
        [&](const LedgerEntry& entry) {
          return entry.changes_sql_names || (entry.changes_statement && entry.name == statement.name);
        },
        1);
  };
  switch (statement.kind) {
    case StatementKind::kPrepare:
      if (!under_way()) statements_.exchange_statement(statement.name, statement_of(text, statement));
      break;
    case StatementKind::kDeallocate:
      if (statement.name.empty()) {
        statements_.clear_statements();
      } else {
        statements_.exchange_statement(statement.name, nullptr);
      }
      break;
    case StatementKind::kDeclareCursor: {
      if (statements_.find_portal(statement.name) != nullptr || under_way()) break;
      auto& portal = statements_.bind_portal(statement.name, ledger_.front_order());
      portal.text = statement_of(text, statement);
      portal.holdable = statement.holdable;
      break;
    }
    case StatementKind::kCloseCursor:
      if (statement.name.empty()) {
        statements_.clear_portals();
      } else {
        statements_.close_portal(statement.name);
      }
      break;
    case StatementKind::kDiscardAll:
      statements_.clear_statements();
      statements_.clear_portals();
      break;
    default:
      break;
  }
}

void Relay::unread_sql_changed_names(std::string_view tag) {
  if (tag == "PREPARE" || tag.starts_with("DEALLOCATE") || tag == "DISCARD ALL")
    statements_.clear_statements();
  if (tag == "DECLARE CURSOR" || tag.starts_with("CLOSE CURSOR") || tag == "DISCARD ALL")
    statements_.clear_portals();
}

bool Relay::portal_suspended(Step& step) {
  if (ledger_.empty() || ledger_.front().kind != Kind::kExecute || !ledger_.front().run ||
      ledger_.front().run->done) {
    return server_violation("PortalSuspended", step);
  }
  auto& run = *ledger_.front().run;
  run.rows += std::exchange(rows_, 0);
  run.bytes += std::exchange(bytes_, 0);
  recorder_.suspended(ledger_.front().run);
  lift_barrier();
  ledger_.pop();
  return true;
}

bool Relay::error_response(const wire::Frame& frame, Step& step) {
  const auto fields = backend::decode_error_fields(frame.body(), frame.rest == 0);
  if (!fields) return server_violation(fields.error().message, step);
  fatal_seen_ = fatal_seen_ || fields->severity == "FATAL" || fields->severity == "PANIC";
  // After a PANIC nobody knows what a transaction came to: it may be in the log already.
  rolled_back_ = rolled_back_ || fields->severity == "FATAL";
  copy_in_ = false;
  lift_barrier();
  if (!ledger_.empty()) fail_front(fields->sqlstate, step);
  return true;
}

void Relay::fail_front(std::string_view sqlstate, Step& step) {
  auto& entry = ledger_.front();
  if (!entry.ends_with_ready()) {
    skip_until_sync(sqlstate, step);
    return;
  }
  recorder_.transaction_failed();
  if (entry.kind == Kind::kSync || entry.failed)
    return;  // a deferred constraint, say: what Sync commits has failed
  entry.failed = true;
  const std::uint64_t bytes = std::exchange(bytes_, 0);
  const std::uint64_t rows = std::exchange(rows_, 0);
  if (entry.kind == Kind::kFunctionCall && entry.answered != 0) return;
  if (entry.kind == Kind::kQuery && entry.answers != 0 && entry.answered == entry.answers) return;
  recorder_.answered(step, {.statement = entry.statement + (entry.answers != 0 ? entry.answered : 0),
                            .text = entry.text.get(),
                            .index = entry.answered,
                            .result = result_of(sqlstate),
                            .tag = {},
                            .sqlstate = sqlstate,
                            .rows = rows != 0 ? std::optional(rows) : std::nullopt,
                            .bytes = bytes,
                            .started = entry.started});
  if (entry.answers == 0) recorder_.passed_over(tag_);
  for (std::uint32_t i = entry.answered + 1; i < entry.answers; ++i)
    recorder_.not_run(step, entry.statement + i);
}

void Relay::skip_until_sync(std::string_view sqlstate, Step& step) {
  recorder_.transaction_failed();
  const std::uint64_t bytes = std::exchange(bytes_, 0);
  const std::uint64_t rows = std::exchange(rows_, 0);
  const auto first = ledger_.front_order();
  bool sync_follows = false;
  auto entries = ledger_.take_skipped(statements_, sync_follows);
  statements_.forget_portals(first, ledger_.front_order());
  skipping_ = !sync_follows;
  if (ledger_.empty()) barrier_ = false;

  const auto& failed = entries.front();
  if (failed.kind == Kind::kExecute && !(failed.run && failed.run->done)) {
    Recorder::Answer answer{.statement = failed.statement,
                            .text = failed.text.get(),
                            .index = 0,
                            .result = result_of(sqlstate),
                            .tag = {},
                            .sqlstate = sqlstate,
                            .rows = rows != 0 ? std::optional(rows) : std::nullopt,
                            .bytes = bytes,
                            .started = failed.started};
    if (failed.run) {
      add_suspended(answer, *failed.run, rows);
      failed.run->done = true;
    }
    recorder_.answered(step, answer);
  } else if (failed.text && (failed.kind == Kind::kParse || failed.kind == Kind::kBind)) {
    recorder_.refused(step, *failed.text, result_of(sqlstate), sqlstate);
  }
  for (std::size_t i = 1; i < entries.size(); ++i) skipped(entries[i], step);
}

void Relay::skipped(const LedgerEntry& entry, Step& step) {
  if (entry.kind == Kind::kExecute && entry.run) {
    if (entry.run->done || entry.run->suspended)
      return;  // it has its outcome, or gets it when the portal goes
    entry.run->done = true;
  }
  if (entry.kind == Kind::kExecute || entry.kind == Kind::kFunctionCall)
    recorder_.not_run(step, entry.statement);
  if (entry.kind == Kind::kQuery) {
    const std::uint32_t answers = entry.answers != 0 ? entry.answers : 1;
    for (std::uint32_t i = 0; i < answers; ++i) recorder_.not_run(step, entry.statement + i);
  }
}

bool Relay::ready_for_query(const wire::Frame& frame, Step& step) {
  const auto status = backend::decode_ready_for_query(frame.body());
  if (!status) return server_violation(status.error().message, step);
  if (ledger_.empty() || !ledger_.front().ends_with_ready()) return server_violation("ReadyForQuery", step);
  const auto& entry = ledger_.front();
  if (!entry.failed && entry.kind == Kind::kFunctionCall && entry.answered == 0) {
    return server_violation("ReadyForQuery", step);
  }
  if (!entry.failed && entry.kind == Kind::kQuery && entry.answers == 0) {
    transaction_ended(recorder_.answered(step, {.statement = entry.statement,
                                                .text = entry.text.get(),
                                                .tag = tag_,
                                                .sqlstate = {},
                                                .rows = rows_ != 0 ? std::optional(rows_) : std::nullopt,
                                                .bytes = bytes_,
                                                .started = entry.started}));
  } else if (!entry.failed && entry.kind == Kind::kQuery) {
    // Fewer answers than statements is no PostgreSQL; of a text that can't be read the count is not known.
    for (std::uint32_t i = entry.answered; i < entry.answers; ++i)
      recorder_.not_run(step, entry.statement + i);
  }
  rows_ = bytes_ = 0;
  tag_.clear();
  last_status_ = *status;
  lift_barrier();
  const auto ended = recorder_.ready(step, *status);
  transaction_ended(ended);
  ledger_.pop();
  return true;
}

void Relay::transaction_ended(TransactionEnded ended) {
  if (ended == TransactionEnded::kNo) return;
  statements_.end_transaction(ended == TransactionEnded::kCommitted, ledger_.front_order());
}

bool Relay::server_violation(std::string_view what, Step& step) {
  Counters::add(counters_.protocol_violations);
  farewell_ =
      wire::Error{.sqlstate = wire::sqlstate::kConnectionFailure,
                  .message = fmt::format("pgchaperone: the database server broke the protocol: {}", what)};
  rolled_back_ = false;
  server_ =
      wire::FrameReader(backend::rule);  // what broke it was not passed on: the client is between messages
  give_up(step, farewell_->message);
  return false;
}

void Relay::on_server_closed(Step& step, std::string_view why) {
  if (over_) return;
  Counters::add(counters_.upstream_failures, client_done_ || fatal_seen_ ? 0 : 1);
  // A server whose client has ended leaves without a word, but not without ReadyForQuery where it owes one.
  const bool as_asked =
      client_closed_ && !ledger_.any([](const LedgerEntry& entry) { return entry.ends_with_ready(); });
  if (!farewell_ && !fatal_seen_ && !as_asked) {
    const bool committing = ledger_.any(may_commit);
    farewell_ = wire::Error{
        .sqlstate =
            committing ? wire::sqlstate::kTransactionResolutionUnknown : wire::sqlstate::kConnectionFailure,
        .message = fmt::format("pgchaperone: the database server closed the connection: {}", why),
        .detail = ledger_.empty() ? "" : "Whether the statement that was running took effect is not known."};
  }
  give_up(step, farewell_        ? farewell_->message
                : client_closed_ ? "the client ended the session"
                                 : "the server ended the session");
}

void Relay::drain(Step& step, bool now) {
  draining_ = true;
  if (over_) return;
  // With the ledger empty a transaction may still be open that waits for its Sync.
  const bool idle = ledger_.empty() && last_status_ == 'I' && !recorder_.in_transaction() && !skipping_ &&
                    client_.at_boundary();
  if (!idle && !now) return;
  farewell_ = wire::Error{.sqlstate = wire::sqlstate::kAdminShutdown,
                          .message = "terminating connection because pgchaperone is shutting down"};
  give_up(step, farewell_->message);
}

void Relay::abort(const wire::Error& error, Step& step) {
  farewell_ = error;
  give_up(step, error.message);
}

void Relay::give_up(Step& step, std::string_view why) {
  if (over_) return;
  over_ = true;
  client_done_ = true;
  const bool outstanding = !ledger_.empty() && !rolled_back_;
  for (const auto& entry : ledger_.take_all()) {
    if (rolled_back_) {  // a server that ended the session has not come to what is behind its last words
      if (!entry.failed) skipped(entry, step);
      continue;
    }
    const auto unknown = [&](std::uint64_t number, const LedgerEntry& owed) {
      recorder_.answered(step, {.statement = number,
                                .result = audit::Result::kUnknown,
                                .tag = {},
                                .sqlstate = {},
                                .rows = {},
                                .bytes = std::exchange(bytes_, 0),
                                .started = owed.started,
                                .was_suspended = owed.run && owed.run->suspended});
    };
    if (entry.kind == Kind::kExecute && !(entry.run && std::exchange(entry.run->done, true))) {
      unknown(entry.statement, entry);
    }
    if (entry.failed) continue;
    if (entry.kind == Kind::kFunctionCall && entry.answered == 0) unknown(entry.statement, entry);
    if (entry.kind != Kind::kQuery) continue;
    const std::uint32_t answers = entry.answers != 0 ? entry.answers : 1;
    for (std::uint32_t i = entry.answers != 0 ? entry.answered : 0; i < answers; ++i)
      unknown(entry.statement + i, entry);
  }
  // A client that has a part of a message would take this for the rest, and a row for whole that is not.
  if (farewell_ && !client_gone_ && server_.rest() == 0) {
    step.to_client.write([&](std::string& out) { backend::encode_error_response(out, "FATAL", *farewell_); });
  }
  recorder_.closed(step, outstanding, why);
  step.action = Action::kClose;
}

}  // namespace chaperone::session
