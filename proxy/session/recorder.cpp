#include "proxy/session/recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {
namespace {

using parser::StatementKind;

constexpr std::size_t kRecordedValues = 1000;
constexpr std::size_t kRecordedValueBytes = 4096;
constexpr std::string_view kSecret = "(not recorded: the statement carries a secret)";

const parser::Statement* statement_at(const SqlText* text, std::size_t index) {
  if (text == nullptr || index >= text->script.statements.size()) return nullptr;
  return &text->script.statements[index];
}

// What can't be read may be a misspelt ALTER ROLE: its password is nobody's business either.
bool may_carry_secret(std::string_view sql) {
  constexpr std::string_view kWord = "password";
  const auto found = std::ranges::search(sql, kWord, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
  return !found.empty();
}

constexpr std::string_view kNoRules = "no rules are loaded for this database";

void add_judgement(const Judgement& judgement, audit::Statement& record) {
  if (!judgement.judged) return;
  if (judgement.decided) {
    record.verdict = judgement.decided->decision.allow ? audit::Verdict::kAllow : audit::Verdict::kDeny;
    record.decision = judgement.decided->members;
  } else if (record.reason.empty()) {
    record.verdict = audit::Verdict::kUnknown;
    record.reason = kNoRules;
  }
}

audit::Statement describe(std::uint64_t number, const SqlText& text, std::string_view sql, std::size_t index,
                          const Judgement& judgement) {
  audit::Statement record{.statement = number, .sql = sql, .sent = {}, .values = {}};
  if (!text.readable()) {
    record.verdict = audit::Verdict::kUnknown;
    record.reason = text.reason;
    record.sql_bytes = text.whole_bytes;
    if (may_carry_secret(sql)) record.sql = kSecret;
  } else if (const auto* statement = statement_at(&text, index)) {
    record.sql = sql.substr(statement->span.offset, statement->span.length);
    if (statement->carries_secret) record.sql = kSecret;
  }
  if (text.decided) record.decision = text.decided->members;
  if (const auto* statement = statement_at(&text, index);
      statement != nullptr && !statement->carries_secret) {
    if (text.sent) record.sent = text.sent_parts.empty() ? *text.sent : text.sent_parts[index];
    if (record.sent == record.sql) record.sent.reset();
  }
  add_judgement(judgement, record);
  return record;
}

/// As if the statement at that index had succeeded.
void run_ahead(DeclaredTask& declared, const SqlText& text, std::size_t index) {
  const StatementKind kind = text.script.statements[index].kind;
  if (kind == StatementKind::kCommit || kind == StatementKind::kRollback)
    declared.transaction_ended(kind == StatementKind::kCommit);
  for (const auto& declaration : text.declarations()) {
    if (declaration.statement == index && !is_run_later(kind)) declared.apply(declaration);
  }
}

}  // namespace

Recorder::Recorder(audit::SessionMembers members, Counters& counters, std::string declared)
    : members_(std::move(members)), declared_(std::move(declared)), counters_(counters) {
  if (!declared_.shown().empty()) members_.declare(declared_.shown());
}

std::uint64_t Recorder::intend_query(Step& step, const SqlText& text, std::string_view sql,
                                     const Judgement& judgement) {
  const std::uint64_t first = last_statement_ + 1;
  const std::size_t answers = text.answers();
  // Of those behind it that run at all, what this one declares is true.
  std::optional<DeclaredTask> ahead;
  if (answers > 1 && !text.declarations().empty()) ahead = declared_;
  for (std::size_t i = 0; i < answers; ++i) {
    step.records.statement(step.now.wall, members_, describe(++last_statement_, text, sql, i, judgement));
    if (!ahead) continue;
    run_ahead(*ahead, text, i);
    members_.declare(ahead->shown());
  }
  if (ahead) members_.declare(declared_.shown());
  if (!text.readable()) Counters::add(counters_.statements_unread);
  return first;
}

std::uint64_t Recorder::intend_portal(Step& step, const Portal* portal, const Judgement& judgement) {
  const std::uint64_t number = ++last_statement_;
  if (portal == nullptr || portal->text == nullptr) {
    Counters::add(counters_.statements_unread);
    step.records.statement(
        step.now.wall, members_,
        {.statement = number,
         .sql = {},
         .sent = {},
         .values = {},
         .verdict = audit::Verdict::kUnknown,
         .reason =
             "the portal or its statement was not made through the protocol of this session, or was one "
             "too many to keep"});
    return number;
  }
  auto record = describe(number, *portal->text, portal->text->sql, 0, judgement);
  if (!portal->text->readable()) Counters::add(counters_.statements_unread);
  std::array<audit::Value, 16> few;
  std::vector<audit::Value> many;
  const std::size_t count = std::min<std::size_t>(portal->values_count, kRecordedValues);
  std::span<audit::Value> values(few.data(), std::min(count, few.size()));
  if (count > few.size()) {
    many.resize(count);
    values = many;
  }
  const wire::frontend::Bind bind{.portal = {},
                                  .statement = {},
                                  .values_count = portal->values_count,
                                  .formats = portal->formats,
                                  .values = portal->values};
  std::string_view rest = portal->values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = wire::frontend::Bind::next_value(rest);
    if (!value) continue;
    values[i].kind = bind.format(i) == 1 ? audit::Value::Kind::kBinary : audit::Value::Kind::kText;
    values[i].bytes = *value;
    if (value->size() > kRecordedValueBytes) {
      values[i] = {.kind = audit::Value::Kind::kTruncated, .bytes = value->substr(0, kRecordedValueBytes)};
    }
  }
  record.values = values;
  record.values_truncated = !portal->values_whole || portal->values_count > values.size();
  step.records.statement(step.now.wall, members_, record);
  return number;
}

std::uint64_t Recorder::intend_function_call(Step& step, std::uint32_t function_oid,
                                             const Judgement& judgement) {
  const std::uint64_t number = ++last_statement_;
  const auto reason =
      fmt::format("FunctionCall: the protocol's fast path calls the function with OID {}", function_oid);
  Counters::add(counters_.statements_unread);
  audit::Statement record{.statement = number,
                          .sql = {},
                          .sent = {},
                          .values = {},
                          .verdict = audit::Verdict::kUnknown,
                          .reason = reason};
  add_judgement(judgement, record);
  step.records.statement(step.now.wall, members_, record);
  return number;
}

void Recorder::denied(Step& step, const SqlText* text, std::string_view members) {
  audit::Statement record{.statement = ++last_statement_, .sql = {}, .sent = {}, .values = {}};
  if (text != nullptr) {
    const bool secret =
        text->script.statements.empty()
            ? may_carry_secret(text->sql)
            : std::ranges::any_of(text->script.statements, &parser::Statement::carries_secret);
    record.sql = secret ? kSecret : std::string_view(text->sql);
    record.sql_bytes = text->whole_bytes;
  }
  record.verdict = audit::Verdict::kDeny;
  record.decision = members;
  Counters::add(counters_.statements_denied);
  step.records.statement(step.now.wall, members_, record);
}

void Recorder::refused(Step& step, const SqlText& text, audit::Result result, std::string_view sqlstate,
                       const Judgement& judgement) {
  const std::uint64_t number = ++last_statement_;
  step.records.statement(step.now.wall, members_, describe(number, text, text.sql, 0, judgement));
  outcome(step, {.statement = number, .result = result, .sqlstate = sqlstate});
}

void Recorder::outcome(Step& step, const audit::Outcome& outcome) {
  switch (outcome.result) {
    case audit::Result::kOk:
      Counters::add(counters_.statements_ok);
      break;
    case audit::Result::kFailed:
      Counters::add(counters_.statements_failed);
      break;
    case audit::Result::kCancelled:
      Counters::add(counters_.statements_cancelled);
      break;
    case audit::Result::kNotRun:
      Counters::add(counters_.statements_not_run);
      break;
    case audit::Result::kUnknown:
      Counters::add(counters_.statements_unknown);
      break;
  }
  step.records.outcome(step.now.wall, members_, outcome);
}

void Recorder::declares(const Declaration& declaration) {
  declared_.apply(declaration);
  members_.declare(declared_.shown());
}

TransactionEnded Recorder::answered(Step& step, const Answer& answer) {
  outcome(step, {.statement = answer.statement,
                 .result = answer.result,
                 .tag = answer.tag,
                 .rows = answer.rows,
                 .bytes = answer.bytes,
                 .microseconds = step.now.steady_microseconds() - answer.started,
                 .sqlstate = answer.sqlstate,
                 .withheld = answer.withheld});
  return apply(step, answer);
}

TransactionEnded Recorder::apply(Step& step, const Answer& answer) {
  if (!answer.was_suspended) statements_.push_back(answer.statement);
  const auto* statement = statement_at(answer.text, answer.index);
  // What can't be read may be a CALL.
  if (!in_block_ && (statement == nullptr || statement->commits_inside)) may_have_committed_ = true;
  if (answer.result != audit::Result::kOk) {
    failed_ = true;
    return TransactionEnded::kNo;
  }
  if (statement == nullptr) {
    // Without a reading the tag has to do; ROLLBACK is also what ROLLBACK TO SAVEPOINT answers.
    if (answer.tag == "BEGIN" || answer.tag == "START TRANSACTION") in_block_ = true;
    if (answer.tag == "COMMIT") {
      return end(step, unreadable_end_ ? audit::TransactionEnd::kUnknown : audit::TransactionEnd::kCommitted);
    }
    if (answer.tag == "ROLLBACK" || answer.tag == "PREPARE TRANSACTION") unreadable_end_ = true;
    return TransactionEnded::kNo;
  }
  switch (statement->kind) {
    case StatementKind::kBegin:
      in_block_ = true;
      return TransactionEnded::kNo;
    case StatementKind::kCommit:
    case StatementKind::kRollback:
    case StatementKind::kPrepareTransaction: {
      auto how = audit::TransactionEnd::kUnknown;  // prepared: somebody commits it or not, later
      if (answer.tag == "COMMIT") how = audit::TransactionEnd::kCommitted;
      if (answer.tag == "ROLLBACK") how = audit::TransactionEnd::kRolledBack;
      if (unreadable_end_) how = audit::TransactionEnd::kUnknown;
      const auto ended = end(step, how);
      in_block_ = statement->chain;
      return ended;
    }
    case StatementKind::kSavepoint:
      savepoints_.push_back({statement->name, statements_.size(), declared_.state()});
      return TransactionEnded::kNo;
    case StatementKind::kReleaseSavepoint:
    case StatementKind::kRollbackToSavepoint: {
      const auto found =
          std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                       [&](const Savepoint& savepoint) { return savepoint.name == statement->name; });
      if (found == savepoints_.rend()) {  // made where it could not be read
        if (statement->kind == StatementKind::kRollbackToSavepoint) unreadable_end_ = true;
        return TransactionEnded::kNo;
      }
      if (statement->kind == StatementKind::kReleaseSavepoint) {
        savepoints_.erase(std::prev(found.base()), savepoints_.end());
      } else {
        savepoints_.erase(found.base(), savepoints_.end());
        if (!answer.was_suspended) statements_.pop_back();  // it stays with the transaction
        roll_back_to(step, savepoints_.back());
        statements_.push_back(answer.statement);
      }
      return TransactionEnded::kNo;
    }
    default:
      return TransactionEnded::kNo;
  }
}

void Recorder::passed_over(std::string_view tag) {
  if (tag == "COMMIT" || tag == "ROLLBACK" || tag == "PREPARE TRANSACTION") unreadable_end_ = true;
}

void Recorder::roll_back_to(Step& step, const Savepoint& savepoint) {
  const std::size_t kept = std::min(savepoint.statements, statements_.size());
  const std::span<const std::uint64_t> undone(statements_.begin() + static_cast<std::ptrdiff_t>(kept),
                                              statements_.end());
  if (!undone.empty()) {
    step.records.transaction(
        step.now.wall, members_,
        {.statements = undone, .end = audit::TransactionEnd::kRolledBack, .savepoint = savepoint.name});
  }
  statements_.resize(kept);
  failed_ = false;
  declared_.restore(savepoint.declared);
  members_.declare(declared_.shown());
}

void Recorder::not_run(Step& step, std::uint64_t statement) {
  outcome(step, {.statement = statement, .result = audit::Result::kNotRun});
}

void Recorder::suspended(const std::shared_ptr<PortalRun>& run) {
  if (std::exchange(run->suspended, true)) return;
  // Those that are done make room before more is taken.
  if (suspended_.size() == suspended_.capacity())
    std::erase_if(suspended_, [](const auto& each) { return each->done; });
  suspended_.push_back(run);
  statements_.push_back(run->statement);
}

void Recorder::abandoned(Step& step, PortalRun& run) {
  if (run.done || run.statement == 0) return;
  run.done = true;
  outcome(step, {.statement = run.statement,
                 .result = audit::Result::kOk,
                 .rows = run.rows,
                 .bytes = run.bytes,
                 .microseconds = step.now.steady_microseconds() - run.started,
                 .suspended = true});
}

TransactionEnded Recorder::ready(Step& step, char status) {
  if (status != 'I') {
    in_block_ = true;
    failed_ = status == 'E';
    return TransactionEnded::kNo;
  }
  auto ended = TransactionEnded::kNotCommitted;
  if (!statements_.empty() || !suspended_.empty()) {
    auto how = failed_ ? audit::TransactionEnd::kRolledBack : audit::TransactionEnd::kCommitted;
    if (unreadable_end_ || (failed_ && may_have_committed_)) how = audit::TransactionEnd::kUnknown;
    ended = end(step, how);
  } else if (!failed_) {
    ended = TransactionEnded::kCommitted;
  }
  in_block_ = failed_ = may_have_committed_ = unreadable_end_ = false;
  return ended;
}

TransactionEnded Recorder::end(Step& step, audit::TransactionEnd how) {
  for (const auto& run : suspended_) abandoned(step, *run);
  suspended_ = {};
  step.records.transaction(step.now.wall, members_, {.statements = statements_, .end = how});
  if (declared_.is_open()) {
    declared_.transaction_ended(how == audit::TransactionEnd::kCommitted);
    members_.declare(declared_.shown());
  }
  constexpr std::size_t kKeep = 64;
  if (statements_.capacity() > kKeep) statements_ = {};
  statements_.clear();
  savepoints_.clear();
  in_block_ = failed_ = may_have_committed_ = unreadable_end_ = false;
  return how == audit::TransactionEnd::kCommitted ? TransactionEnded::kCommitted
                                                  : TransactionEnded::kNotCommitted;
}

void Recorder::opened(Step& step) {
  Counters::add(counters_.sessions_opened);
  step.records.session(step.now.wall, members_, audit::SessionEvent::kOpened, {});
}

void Recorder::closed(Step& step, bool outstanding, std::string_view why) {
  if (!statements_.empty() || !suspended_.empty()) {
    // A server that lost its client rolls back what is open; with an answer outstanding nobody saw how it
    // ended.
    end(step, outstanding || unreadable_end_ ? audit::TransactionEnd::kUnknown
                                             : audit::TransactionEnd::kRolledBack);
  }
  Counters::add(counters_.sessions_closed);
  step.records.session(step.now.wall, members_, audit::SessionEvent::kClosed, why);
}

}  // namespace chaperone::session
