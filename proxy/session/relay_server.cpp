#include <fmt/format.h>

#include <utility>

#include "proxy/session/relay.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
using Kind = LedgerEntry::Kind;

namespace {

// The verdict of the SQLSTATE on a statement: a cancel and a timeout have one code (ProcessInterrupts).
audit::Result result_of(std::string_view sqlstate) {
  return sqlstate == wire::sqlstate::kQueryCanceled ? audit::Result::kCancelled : audit::Result::kFailed;
}

// What earlier Executes of the portal came to goes into the one outcome of its run. `rows`: seen since.
void add_suspended(Recorder::Answer& answer, const PortalRun& run, std::uint64_t rows) {
  answer.started = run.started;
  if (!run.suspended) return;
  answer.was_suspended = true;
  answer.rows = run.rows + rows;
  answer.bytes += run.bytes;
}

/// Whether the catalog may be another one afterwards.
bool may_define(parser::StatementKind kind) {
  using parser::StatementKind;
  return kind == StatementKind::kDdl || kind == StatementKind::kCreateTableAs ||
         kind == StatementKind::kCall || kind == StatementKind::kOther;
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
      if (drop_chunks_) continue;
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
      drop_chunks_ = guard_ && cuts(frame);
      if (drop_chunks_) continue;
      rows_ += frame.type == backend::kDataRow ? 1 : 0;
      bytes_ += frame.body().size();
      count_chunks_ = true;
      if (!client_gone_) pass(frame, step.to_client);
      continue;
    }
    if (guard_) {
      if (!enforce_server(frame, step)) break;
    } else {
      // What it means comes first: a message that may not be there is not passed on.
      if (!server_frame(frame, step)) break;
      if (!client_gone_) pass(frame, step.to_client);
    }
    if (draining_ && frame.type == backend::kReadyForQuery) drain(step, false);
  }
  if (std::exchange(rules_stale_, false)) step.refresh_rules = true;
  // PostgreSQL notices a lost client when it sends; a server with much to send is let go of the same way.
  constexpr std::uint64_t kDiscard = 1U << 20;
  if (client_gone_ && (discarded_ += received) > kDiscard) give_up(step, "the client went away");
  if (timed_) watch_time(step);
  if (waits()) return;
  resume(step);
  if (timed_) watch_time(step);
}

void Relay::resume(Step& step) {
  if (stalled_.empty() || over_) return;
  const auto stalled = step.to_server.keep(std::exchange(stalled_, {}));
  take_client(stalled, step);
  if (client_closed_) on_client_closed(step);
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
  lift_barrier();
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
  if (guard_ && entry.text && answer.index < entry.text->script.statements.size()) {
    defines_ = defines_ || may_define(entry.text->script.statements[answer.index].kind);
  }
  declare_task(entry, answer.index);
  transaction_ended(recorder_.answered(step, answer));
  if (entry.text && answer.index < entry.text->script.statements.size()) {
    sql_changed_names(entry.text->script.statements[answer.index], *entry.text);
  }
  if (!is_query) ledger_.pop();
  return true;
}

void Relay::declare_task(const LedgerEntry& entry, std::size_t index) {
  auto [text, at] = entry.runs(index);
  if (text == nullptr || at >= text->script.statements.size()) return;
  SharedText named;
  if (const auto& statement = text->script.statements[at];
      !guard_ && statement.kind == parser::StatementKind::kExecute) {
    named = statements_.find_statement(statement.name);
    if (named == nullptr) return;
    text = named.get();
    at = 0;
  }
  if (text->declarations().empty()) return;
  if (text == entry.text.get() && is_run_later(text->script.statements[at].kind)) return;
  for (const auto& declaration : text->declarations()) {
    if (declaration.statement == at) recorder_.declares(declaration);
  }
}

bool Relay::portal_suspended(Step& step) {
  if (ledger_.empty() || ledger_.front().kind != Kind::kExecute || !ledger_.front().run ||
      ledger_.front().run->done) {
    return server_violation("PortalSuspended", step);
  }
  auto& run = *ledger_.front().run;
  run.cut = run.cut || std::exchange(cut_, false);
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
  if (ledger_.empty()) return true;
  const auto& refusal = ledger_.front().refusal;
  const bool ours = refusal && fields->sqlstate == refusal->awaited;
  fail_front(ours ? wire::sqlstate::kInsufficientPrivilege : fields->sqlstate, step);
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
  if (entry.denied) return;
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
                            .started = entry.started,
                            .withheld = withheld_});
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
                            .started = failed.started,
                            .withheld = withheld_};
    if (failed.run) {
      add_suspended(answer, *failed.run, rows);
      failed.run->done = true;
    }
    recorder_.answered(step, answer);
  } else if (failed.text && !failed.denied && (failed.kind == Kind::kParse || failed.kind == Kind::kBind)) {
    recorder_.refused(step, *failed.text, result_of(sqlstate), sqlstate,
                      judge(failed.text->sql, *failed.text, false));
  }
  for (std::size_t i = 1; i < entries.size(); ++i) skipped(entries[i], step);
}

void Relay::skipped(const LedgerEntry& entry, Step& step) {
  if (entry.denied) return;
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
  auto& entry = ledger_.front();
  entry.unrolled = false;
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
  narrowed_writes_ = false;
  rules_stale_ = rules_stale_ || (std::exchange(defines_, false) && ended == TransactionEnded::kCommitted);
  statements_.end_transaction(ended == TransactionEnded::kCommitted, ledger_.front_order());
}

}  // namespace chaperone::session
