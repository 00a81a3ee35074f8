#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "proxy/session/relay.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
using Kind = LedgerEntry::Kind;

namespace {

bool may_commit(const LedgerEntry& entry) {
  if (entry.failed || !entry.text || (entry.kind != Kind::kQuery && entry.kind != Kind::kExecute))
    return false;
  const auto& statements = entry.text->script.statements;
  return std::any_of(statements.begin() + std::min<std::ptrdiff_t>(entry.answered, std::ssize(statements)),
                     statements.end(),
                     [](const auto& statement) { return statement.kind == parser::StatementKind::kCommit; });
}

/// Whether the answer that is owed may be the end of a transaction block other than by a rollback.
bool may_end_block(const LedgerEntry& entry) {
  using parser::StatementKind;
  if (entry.failed || entry.denied || (entry.kind != Kind::kQuery && entry.kind != Kind::kExecute))
    return false;
  if (!entry.text || !entry.text->readable()) return true;
  const auto& statements = entry.text->script.statements;
  return std::any_of(statements.begin() + std::min<std::ptrdiff_t>(entry.answered, std::ssize(statements)),
                     statements.end(), [](const auto& statement) {
                       return statement.kind == StatementKind::kCommit ||
                              statement.kind == StatementKind::kPrepareTransaction;
                     });
}

}  // namespace

bool Relay::violation(const wire::Error& error, Step& step) {
  Counters::add(counters_.protocol_violations);
  finish(error, step);
  return false;
}

void Relay::finish(const wire::Error& error, Step& step) {
  if (client_done_) return;
  client_done_ = true;
  stalled_ = {};
  farewell_ = error;
  if (ledger_.empty() || copy_in_) {
    give_up(step, error.message);
  } else {
    step.action = Action::kFinishServer;
  }
}

void Relay::on_client_closed(Step& step) {
  client_closed_ = true;
  if (client_done_ || !stalled_.empty()) return;
  client_done_ = true;
  step.action = Action::kFinishServer;
}

void Relay::on_client_lost(Step& step) {
  client_gone_ = true;
  on_client_closed(step);
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
  // A block that nothing under way can commit goes with the session.
  const bool outstanding =
      !ledger_.empty() && !rolled_back_ && (!recorder_.in_block() || ledger_.any(may_end_block));
  for (const auto& entry : ledger_.take_all()) {
    if (rolled_back_) {  // a server that ended the session has not come to what is behind its last words
      if (!entry.failed) skipped(entry, step);
      continue;
    }
    const std::string_view ended_with = farewell_ ? farewell_->sqlstate : std::string_view();
    const auto unknown = [&](std::uint64_t number, const LedgerEntry& owed) {
      recorder_.answered(step, {.statement = number,
                                .result = audit::Result::kUnknown,
                                .tag = {},
                                .sqlstate = ended_with,
                                .rows = {},
                                .bytes = std::exchange(bytes_, 0),
                                .started = owed.started,
                                .was_suspended = owed.run && owed.run->suspended});
    };
    if (entry.kind == Kind::kExecute && !(entry.run && std::exchange(entry.run->done, true))) {
      unknown(entry.statement, entry);
    }
    if (entry.failed || entry.denied) continue;
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
