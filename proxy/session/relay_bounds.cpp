#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/session/relay.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"

// What the server answers an enforced agent: no more than the rules let pass.

namespace chaperone::session {

namespace backend = wire::backend;
namespace frontend = wire::frontend;
using Kind = LedgerEntry::Kind;

bool Relay::enforce_server(const wire::Frame& frame, Step& step) {
  drop_chunks_ = false;
  if (frame.type == backend::kErrorResponse || frame.type == backend::kNoticeResponse)
    return enforce_error(frame, step);
  // Parameters and notifications come at any time. Whatever else answers a sentinel, it was run.
  const bool about_front =
      frame.type != backend::kParameterStatus && frame.type != backend::kNotificationResponse;
  if (about_front && !ledger_.empty() && ledger_.front().denied && !ledger_.front().failed)
    return server_violation("it did not refuse what it has to", step);
  const bool ran = frame.type == backend::kCommandComplete || frame.type == backend::kPortalSuspended;
  if (ran && !ledger_.empty()) note_narrowed_writes(ledger_.front());
  if (frame.type == backend::kCommandComplete) return enforce_complete(frame, step);
  if (frame.type == backend::kParameterStatus && breaks_pins(frame.body()))
    return server_violation("a setting that pgchaperone pins has changed", step);
  if (frame.type == backend::kCopyOutResponse) {
    copy_binary_ = !frame.body().empty() && frame.body().front() == 1;
    copy_messages_ = 0;
  }
  const bool unrolled = !ledger_.empty() && ledger_.front().unrolled;
  if (unrolled && (frame.type == backend::kParseComplete || frame.type == backend::kBindComplete ||
                   frame.type == backend::kNoData)) {
    return true;  // a simple query has no such answers
  }
  if (!server_frame(frame, step)) return false;
  if (!client_gone_) pass(frame, step.to_client);
  return true;
}

bool Relay::enforce_error(const wire::Frame& frame, Step& step) {
  drop_chunks_ = frame.rest != 0;
  const bool whole = frame.rest == 0;
  const bool is_error = frame.type == backend::kErrorResponse;
  LedgerEntry* front = ledger_.empty() ? nullptr : &ledger_.front();
  const auto fields = backend::decode_error_fields(frame.body(), whole);
  if (!fields) return server_violation(fields.error().message, step);
  std::string told;
  withheld_.clear();
  if (is_error && front != nullptr && front->refusal && fields->severity == "ERROR" &&
      fields->sqlstate == front->refusal->awaited) {
    told = front->refusal->error_response;
  } else if (is_error && append_overdue(fields->sqlstate, told)) {
    // The server takes it for the client's own.
  } else {
    const SqlText* text = front != nullptr ? front->runs(front->answered).first : nullptr;
    withheld_ = guard_->append_error(frame.type, frame.body(), whole, text, narrowed_writes_, told);
  }
  const bool ends_unrolled = is_error && front != nullptr && front->unrolled && !front->failed;
  if (!server_frame(frame, step)) return false;
  if (ends_unrolled) step.to_server.write([](std::string& out) { frontend::encode_sync(out); });
  cut_ = cut_ && !is_error;
  if (!client_gone_) step.to_client.copy(told);
  return true;
}

bool Relay::enforce_complete(const wire::Frame& frame, Step& step) {
  const auto tag = backend::decode_command_complete(frame.body());
  if (!tag) return server_violation(tag.error().message, step);
  if (ledger_.empty()) return server_violation("CommandComplete", step);
  auto& entry = ledger_.front();
  const bool unrolled = entry.unrolled;
  cut_ = cut_ || (entry.run && entry.run->cut);
  if (auto denial = over_cap(entry, *tag)) {
    entry.refusal = guard_->refuse(*denial, {});
    cut_ = false;
    send_sentinel(kSentinelName, *entry.refusal, step);
    return true;  // its error is the answer, and undoes what was done
  }
  std::string corrected, warning;
  const bool cut = std::exchange(cut_, false);
  if (cut) {
    const auto bounds = entry.bounds(entry.answered);
    const std::uint64_t rows = entry.kind == Kind::kExecute && entry.run ? entry.run->rows + rows_ : rows_;
    Guard::append_cut_warning(rows, bounds.capability != nullptr ? bounds.capability->name : "", warning);
    corrected = fmt::format("{} {}", tag->substr(0, tag->rfind(' ')), rows_);
  }
  if (!entry.named.empty()) {
    auto ended = end_of_cursor(entry, *tag);
    if (!cut) warning = std::move(ended);
  }
  const std::string_view told = cut ? corrected : *tag;
  if (!complete(told, backend::rows_of_tag(told), step)) return false;
  if (unrolled) step.to_server.write([](std::string& out) { frontend::encode_sync(out); });
  if (client_gone_) return true;
  if (!warning.empty()) step.to_client.copy(warning);
  if (!cut) {
    pass(frame, step.to_client);
    return true;
  }
  step.to_client.write([&](std::string& out) { backend::encode_command_complete(out, corrected); });
  return true;
}

// The warning of a cursor that has come to the LIMIT it was declared with, once. It counts rows that were
// gone over in either direction: one that scrolls may be told early, and never that there is nothing more.
std::string Relay::end_of_cursor(const LedgerEntry& entry, std::string_view tag) {
  const parser::Statement& statement = entry.text->script.statements[entry.answered];
  if (statement.kind != parser::StatementKind::kFetch) return {};
  Portal* portal = statements_.find_portal(statement.name);
  const auto bounds = entry.bounds(entry.answered);
  const SqlText* declared = entry.runs(entry.answered).first;
  if (portal == nullptr || portal->text == nullptr || declared == nullptr ||
      portal->text->sql != declared->sql)
    return {};
  if (bounds.capability == nullptr || !bounds.capability->limits.rows) return {};
  const std::uint64_t most = *bounds.capability->limits.rows;
  const std::uint64_t before = portal->fetched;
  portal->fetched += backend::rows_of_tag(tag).value_or(0);
  std::string warning;
  if (before < most && portal->fetched >= most)
    Guard::append_cursor_warning(most, bounds.capability->name, warning);
  return warning;
}

// Whether this row is over the cap. The rows behind it are, too.
bool Relay::cuts(const wire::Frame& frame) {
  const LedgerEntry& entry = ledger_.front();
  const auto bounds = entry.bounds(entry.answered);
  if (bounds.statement == nullptr) return false;
  const PortalRun* run = entry.run && entry.run->suspended ? entry.run.get() : nullptr;
  const bool is_row = frame.type == backend::kDataRow;
  const bool is_trailer = !is_row && copy_binary_ && frame.body_length == 2;
  if (is_trailer) return false;
  const std::uint64_t before = is_row ? rows_ + (run != nullptr ? run->rows : 0) : copy_messages_;
  const std::uint64_t header = !is_row && bounds.statement->header ? 1 : 0;
  bool over = cut_ || (bounds.statement->rows && before >= *bounds.statement->rows + header);
  if (bounds.capability != nullptr && bounds.capability->limits.bytes) {
    const std::uint64_t bytes = bytes_ + (run != nullptr ? run->bytes : 0) + frame.body_length;
    over = over || bytes > *bounds.capability->limits.bytes;
  }
  if (!is_row && !over) {
    ++copy_messages_;
    if (copy_messages_ > header) ++rows_;
  }
  cut_ = cut_ || over;
  return over;
}

std::optional<rules::Denial> Relay::over_cap(const LedgerEntry& entry, std::string_view tag) const {
  const auto bounds = entry.bounds(entry.answered);
  if (bounds.statement == nullptr) return std::nullopt;
  const std::string& agent = guard_->context().agent().name;
  rules::Denial denial;
  if (bounds.statement->writes) {
    const rules::WriteCap& cap = *bounds.statement->writes;
    const auto rows = backend::rows_of_tag(tag);
    if (rows && *rows <= cap.rows) return std::nullopt;
    denial.rule = cap.rule;
    denial.table = cap.table;
    denial.message = fmt::format(
        "{} may change at most {} row{} of \"{}\" with one statement; this one changed {}, and that was "
        "undone",
        agent, cap.rows, cap.rows == 1 ? "" : "s", cap.table,
        rows ? std::to_string(*rows) : "an unknown number");
    denial.hint = "Narrow the WHERE down, to the key if it can be.";
    return denial;
  }
  if (!cut_ || !bounds.rows_fail()) return std::nullopt;
  denial.rule = "limits.rows";
  denial.message = fmt::format("{} may read at most {} rows with one statement; this one has more", agent,
                               *bounds.statement->rows);
  denial.hint = "Ask for less: a LIMIT, a narrower WHERE, or an aggregate.";
  return denial;
}

}  // namespace chaperone::session
