#include <tuple>

#include "proxy/session/relay.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"

// The time of a statement whose capability gives it less than statement_timeout does, which is the session's:
// the server is told to cancel it. What it runs next must not be hit by that, so nothing goes upstream behind
// such a statement before its answer, nor before the cancel is through.

namespace chaperone::session {

namespace frontend = wire::frontend;
using Kind = LedgerEntry::Kind;

namespace {

/// A cancel is lost on a server that has not begun with the statement yet (ProcessInterrupts,
/// DoingCommandRead).
constexpr std::chrono::seconds kAgain{1};

}  // namespace

// Of several statements in a string the shortest: the server keeps the answer to one until it is through with
// all.
std::optional<Relay::OwnTime> Relay::own_time(const LedgerEntry& entry) const {
  const std::size_t end = entry.kind == Kind::kQuery ? entry.answers : 1;
  std::optional<OwnTime> shortest;
  for (std::size_t i = entry.answered; i < end; ++i) {
    const auto* capability = entry.bounds(i).capability;
    if (capability == nullptr || !capability->limits.time) continue;
    const auto time = *capability->limits.time;
    if ((!server_time_ || time < *server_time_) && (!shortest || time < shortest->time))
      shortest = OwnTime{time, capability};
  }
  return shortest;
}

// Before its message goes upstream. The server keeps what it answers to others that run before it, which has
// to be seen.
void Relay::give_time(const LedgerEntry& entry, Step& step) {
  if (!own_time(entry)) return;
  timed_ = true;
  const bool has_others =
      ledger_.any([&](const LedgerEntry& other) { return &other != &entry && !other.only_prepares(); });
  if (has_others) step.to_server.copy(frontend::kFlushMessage);
}

// True: the message waits for the answer to what went before it.
bool Relay::holds_behind(const wire::Frame& frame, Step& step) {
  const bool runs = frame.type == frontend::kQuery || frame.type == frontend::kParse ||
                    frame.type == frontend::kBind || frame.type == frontend::kDescribe ||
                    frame.type == frontend::kExecute || frame.type == frontend::kClose ||
                    frame.type == frontend::kFunctionCall;
  return runs && !copy_in_ && !ledger_.empty() && wait_for_answers(frame, step);
}

// It runs from when the server can have begun with it: when all that runs before it is answered. What is only
// prepared for it takes of its time.
void Relay::watch_time(const Step& step) {
  if (ledger_.empty()) {
    timed_ = overdue_ = false;
    due_.reset();
    return;
  }
  const auto [entry, order] = ledger_.first_to_run();
  const std::pair at(order, entry != nullptr ? entry->answered : 0);
  if (due_ && due_of_ == at && entry != nullptr && !entry->failed) return;
  due_of_ = at;
  due_.reset();
  overdue_ = false;
  if (entry == nullptr || entry->failed || entry->denied) return;
  const bool runs = entry->kind == Kind::kQuery || entry->kind == Kind::kExecute;
  if (!runs) return;
  if (const auto own = own_time(*entry)) due_ = step.now.steady + own->time;
}

void Relay::on_time(Step& step) {
  if (over_ || !due_ || step.now.steady < *due_) return;
  due_ = step.now.steady + kAgain;
  overdue_ = true;
  if (std::exchange(cancelling_, true)) return;
  step.action = Action::kCancelStatement;
}

void Relay::on_cancel_sent(Step& step) {
  cancelling_ = false;
  if (over_ || waits()) return;
  resume(step);
  if (timed_) watch_time(step);
}

// Appends the error that the client reads for a cancel of ours.
bool Relay::append_overdue(std::string_view sqlstate, std::string& out) {
  if (!overdue_ || sqlstate != wire::sqlstate::kQueryCanceled || ledger_.empty()) return false;
  const auto [entry, order] = ledger_.first_to_run();
  if (entry == nullptr || due_of_ != std::pair(order, entry->answered)) return false;
  const auto own = own_time(*entry);
  if (!own) return false;
  guard_->append_overdue(own->time, own->capability->name, out);
  return true;
}

}  // namespace chaperone::session
