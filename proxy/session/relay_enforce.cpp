#include <fmt/format.h>

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <map>
#include <utility>

#include "proxy/session/relay.hpp"
#include "proxy/wire/bytes.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"

// What an enforced agent sends: decided before anything of it goes upstream.

namespace chaperone::session {

namespace frontend = wire::frontend;
namespace sqlstate = wire::sqlstate;
using Kind = LedgerEntry::Kind;
using parser::StatementKind;

namespace {

rules::Denial does_not_exist(std::string_view kind, std::string_view name, std::string_view code) {
  rules::Denial denial;
  denial.sqlstate = code;
  if (name.empty() && kind == "prepared statement") {
    denial.message = "unnamed prepared statement does not exist";
  } else {
    denial.message = fmt::format("{} \"{}\" does not exist", kind, name);
  }
  return denial;
}

std::string members_of(const rules::Denial& denial, const DecisionContext& context) {
  return audit::decision_members({}, denial.rule, {}, context.policy().hash);
}

/// Whether a name in it may be one that the catalog at hand is too old for.
bool may_be_new(const rules::Denial& denial) {
  static constexpr std::string_view kCodes[] = {"42P01", "42703", "42883", "42704", "3F000"};
  return std::ranges::find(kCodes, denial.sqlstate) != std::end(kCodes);
}

/// Whether a parameter is declared to be of a type that no SQL may name: the input of some looks names up,
/// and a Bind would tell whether one is there. Those that users made are left open, as the text was decided:
/// they would lead to any row type and its columns. `types` is Parse's list, `open` gets it where it has to
/// be another one.
bool declares_refused(std::string_view types, std::string& open) {
  for (std::size_t at = 2; at + 4 <= types.size(); at += 4) {
    const auto type = boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(types.data() + at));
    if (type >= rules::kFirstUserOid) {
      if (open.empty()) open = types;
      open.replace(at, 4, 4, '\0');
    } else if (!rules::may_be_declared(type)) {
      return true;
    }
  }
  return false;
}

bool is_query(const SqlText& text) {
  const auto& statements = text.script.statements;
  return is_query_text(text.script) ||
         (statements.size() == 1 && statements.front().kind == StatementKind::kMerge);
}

/// What a portal is that may not be fetched from; "" = it may.
std::string_view not_fetched(const SqlText& text) {
  const auto& bounds = text.decided->decision.bounds;
  // The tag counts the rows that it gives, not those that it changes.
  if (std::ranges::any_of(bounds, &rules::StatementBounds::modifies)) return "a statement that writes";
  // Of an EXECUTE: what it runs would be held to nothing.
  if (!is_query(text)) return "what is no query";
  // It has one row more than there may be, which stands behind no other where it is fetched by itself.
  if (std::ranges::any_of(bounds, [](const auto& one) { return one.rows.has_value(); }))
    return "a portal whose rows are capped and that no DECLARE made";
  return {};
}

// As frontend::encode_query and encode_parse, with what goes upstream for an allowed text; without a copy of
// it.
void encode_query_of(std::string& out, const SqlText& text, const Guard& guard) {
  const wire::MessageWriter message(out, frontend::kQuery);
  guard.append_sent(text, out);
  out.push_back('\0');
}

constexpr std::string_view kNoTypes("\0\0", 2);

void encode_parse_of(std::string& out, std::string_view name, const SqlText& text, std::string_view types,
                     const Guard& guard) {
  const wire::MessageWriter message(out, frontend::kParse);
  wire::append_string(out, name);
  guard.append_sent(text, out);
  out.push_back('\0');
  out.append(types);
}

}  // namespace

bool Relay::enforce_query(std::string_view sql, const wire::Frame& frame, Step& step) {
  pass_chunks_ = false;
  const SharedText text =
      frame.rest == 0 ? guard_->read_once(sql) : guard_->refuse_long(sql, frame.body_length);
  if (wait_for_rules(*text, frame, step)) return true;
  const rules::Decision& decision = text->decided->decision;
  if (names_are_uncertain(*text) && wait_for_answers(frame, step)) return true;
  Named named;
  SharedRefusal refusal;
  std::string members;
  if (!decision.allow) {
    refusal = guard_->refuse(*text);
    members = text->decided->members;
  } else if (auto denial = find_named(*text, named)) {
    if (wait_for_names(frame, step)) return true;
    refusal = guard_->refuse(*denial, text->sql);
    members = members_of(*denial, guard_->context());
  }

  LedgerEntry entry;
  entry.kind = Kind::kQuery;
  entry.text = text;
  entry.named = std::move(named);
  const std::size_t answers = refusal ? 1 : text->answers();
  entry.unrolled = !refusal && is_capped(entry);
  if (entry.unrolled && answers != 1) {
    rules::Denial denial;
    denial.rule = "max_rows";
    denial.message = fmt::format("{} may run a statement with a cap on its rows only by itself",
                                 guard_->context().agent().name);
    denial.hint =
        "Send the statements of this string one by one, inside BEGIN .. COMMIT if they belong together.";
    refusal = guard_->refuse(denial, text->sql);
    members = members_of(denial, guard_->context());
    entry.unrolled = false;
  }
  if (refusal) {
    recorder_.denied(step, text.get(), members);
    step.to_server.write([&](std::string& out) { frontend::encode_query(out, refusal->sentinel); });
    entry.denied = true;
    entry.refusal = std::move(refusal);
    entry.answers = 1;
  } else {
    entry.statement = recorder_.intend_query(step, *text, text->sql);
    entry.answers = static_cast<std::uint32_t>(answers);
    give_time(entry, step);
    step.to_server.write([&](std::string& out) {
      if (!entry.unrolled) return encode_query_of(out, *text, *guard_);
      encode_parse_of(out, {}, *text, kNoTypes, *guard_);
      frontend::encode_run_unnamed(out);
    });
  }
  if (skipping_) {
    for (std::size_t i = 0; i < answers && !entry.denied; ++i) recorder_.not_run(step, entry.statement + i);
    return true;
  }
  // exec_simple_query drops the unnamed statement and uses the unnamed portal.
  statements_.close_portal({});
  entry.before = statements_.exchange_statement({}, nullptr);
  entry.changes_statement = true;
  entry.started = step.now.steady_microseconds();
  entry.held = text->bytes;
  auto& pushed = ledger_.push(std::move(entry));
  if (pushed.unrolled) barrier_ = true;
  if (pushed.denied) return true;
  for (const auto& statement : text->script.statements) forget_sql_names(pushed, statement);
  if (text->may_copy_in()) barrier_ = true;
  return true;
}

bool Relay::enforce_parse(std::string_view name, std::string_view sql, const wire::Frame& frame, Step& step) {
  pass_chunks_ = false;
  if (drops()) return true;
  // Drivers prepare the same text under the same name over and over.
  SharedText text = frame.rest == 0 ? guard_->read(sql, statements_.find_statement(name))
                                    : guard_->refuse_long(sql, frame.body_length);
  if (wait_for_rules(*text, frame, step)) return true;
  const std::size_t bytes = text->bytes;
  if (!text->decided->decision.allow) {
    auto refusal = guard_->refuse(*text);
    recorder_.denied(step, text.get(), text->decided->members);
    // Without a name as PostgreSQL has it: one that fails drops the unnamed statement.
    send_sentinel(name.empty() ? name : kSentinelName, *refusal, step);
    refused_ = true;
    auto& entry = ledger_.push(Kind::kParse, bytes);
    entry.text = std::move(text);
    entry.name = kept_name(name);
    entry.denied = true;
    entry.refusal = std::move(refusal);
    return true;
  }
  std::string_view types = frame.body().substr(name.size() + sql.size() + 2);
  std::string open;
  if (declares_refused(types, open)) {
    rules::Denial denial;
    denial.rule = "functions";
    denial.message =
        fmt::format("{} may not declare a parameter to be of this type", guard_->context().agent().name);
    denial.hint = "Leave the parameter's type open.";
    refuse_extended(text.get(), denial, step);
    return true;
  }
  if (!open.empty()) types = open;
  step.to_server.write([&](std::string& out) { encode_parse_of(out, name, *text, types, *guard_); });
  auto& entry = ledger_.push(Kind::kParse, bytes);
  entry.text = text;
  entry.name = kept_name(name);
  entry.before = statements_.exchange_statement(name, std::move(text));
  entry.changes_statement = true;
  return true;
}

// The server ignores what comes up to the Sync, or is going to: a sentinel of the extended protocol is under
// way. Nothing of it needs to be sent, decided or recorded.
bool Relay::drops() {
  if (!skipping_ && !refused_) return false;
  pass_chunks_ = false;
  return true;
}

bool Relay::stops_bind(std::string_view statement, const wire::Frame& frame, Step& step) {
  if (drops()) return true;
  const bool uncertain = ledger_.is_uncertain(kept_name(statement));
  if (uncertain && wait_for_answers(frame, step)) return true;
  const SharedText text = uncertain ? nullptr : statements_.find_statement(statement);
  if (text == nullptr) {
    if (wait_for_names(frame, step)) return true;
    refuse_extended(nullptr, does_not_exist("prepared statement", statement, sqlstate::kInvalidStatementName),
                    step);
    return true;
  }
  const auto denial = no_longer_holds(*text, statement);
  if (denial) refuse_extended(text.get(), *denial, step);
  return denial.has_value();
}

bool Relay::stops_describe(const frontend::Describe& describe, const wire::Frame& frame, Step& step) {
  if (describe.kind == 'S') return stops_bind(describe.name, frame, step);
  if (drops()) return true;
  const Portal* portal = statements_.find_portal(describe.name);
  if (portal != nullptr && ledger_.is_uncertain(portal->order) && wait_for_answers(frame, step)) return true;
  if (portal != nullptr && portal->text != nullptr) return false;
  if (wait_for_names(frame, step)) return true;
  refuse_extended(nullptr, does_not_exist("portal", describe.name, sqlstate::kInvalidCursorName), step);
  return true;
}

bool Relay::stops_execute(std::string_view name, const wire::Frame& frame, Named& named, Step& step) {
  if (drops()) return true;
  const Portal* portal = statements_.find_portal(name);
  const bool uncertain =
      portal != nullptr && (ledger_.is_uncertain(portal->order) ||
                            (portal->text != nullptr && names_are_uncertain(*portal->text)));
  if (uncertain && wait_for_answers(frame, step)) return true;
  if (portal == nullptr || portal->text == nullptr) {
    if (wait_for_names(frame, step)) return true;
    refuse_extended(nullptr, does_not_exist("portal", name, sqlstate::kInvalidCursorName), step);
    return true;
  }
  const SharedText text = portal->text;
  auto denial = no_longer_holds(*text, name);
  if (!denial) denial = find_named(*text, named);
  if (!denial) return false;
  if (wait_for_names(frame, step)) return true;
  refuse_extended(text.get(), *denial, step);
  return true;
}

bool Relay::enforce_function_call(Step& step) {
  pass_chunks_ = false;
  rules::Denial denial;
  denial.rule = "statements";
  denial.message =
      fmt::format("{} may not call functions by FunctionCall messages", guard_->context().agent().name);
  denial.hint = "Use SELECT.";
  auto refusal = guard_->refuse(denial, {});
  recorder_.denied(step, nullptr, members_of(denial, guard_->context()));
  step.to_server.write([&](std::string& out) { frontend::encode_query(out, refusal->sentinel); });
  if (skipping_) return true;
  // Like a simple query it ends with ReadyForQuery, whatever comes of it.
  auto& entry = ledger_.push(Kind::kQuery);
  statements_.close_portal({});
  entry.before = statements_.exchange_statement({}, nullptr);
  entry.changes_statement = true;
  entry.answers = 1;
  entry.denied = true;
  entry.refusal = std::move(refusal);
  return true;
}

// In place of a message of the extended protocol: the server answers with an error and skips to the Sync.
void Relay::refuse_extended(const SqlText* text, const rules::Denial& denial, Step& step) {
  pass_chunks_ = false;
  auto refusal = guard_->refuse(denial, text != nullptr ? std::string_view(text->sql) : std::string_view());
  recorder_.denied(step, text, members_of(denial, guard_->context()));
  send_sentinel(kSentinelName, *refusal, step);
  refused_ = true;
  auto& entry = ledger_.push(Kind::kParse);
  entry.name = kSentinelName;
  entry.denied = true;
  entry.refusal = std::move(refusal);
}

void Relay::send_sentinel(std::string_view name, const Refusal& refusal, Step& step) {
  step.to_server.write([&](std::string& out) { frontend::encode_parse(out, name, refusal.sentinel); });
}

// The catalog may be older than what the statement names: decided again when there is a fresh one, once.
bool Relay::wait_for_rules(const SqlText& text, const wire::Frame& frame, Step& step) {
  const auto& denial = text.decided->decision.denial;
  const bool asked = std::exchange(rules_asked_, false);
  if (!denial || !may_be_new(*denial) || asked || skipping_ || frame.rest != 0) return false;
  step.refresh_rules = true;
  awaiting_rules_ = true;
  stalled_.append(frame.bytes);
  return true;
}

// What SQL under way makes of a name shows in its answer.
bool Relay::wait_for_names(const wire::Frame& frame, Step& step) {
  const bool under_way = ledger_.any([](const LedgerEntry& entry) { return entry.changes_sql_names; });
  return under_way && wait_for_answers(frame, step);
}

// The message has its turn when all that went before it is answered. Not one that is longer than what is
// held: only a Bind can be.
bool Relay::wait_for_answers(const wire::Frame& frame, Step& step) {
  if (frame.rest != 0) return false;
  pass_chunks_ = true;
  stalled_.append(frame.bytes);
  step.to_server.copy(frontend::kFlushMessage);
  barrier_ = true;
  return true;
}

std::optional<rules::Denial> Relay::no_longer_holds(const SqlText& text, std::string_view name) const {
  if (guard_->still_holds(text)) return std::nullopt;
  const SharedText now = guard_->read(text.sql);
  if (!now->decided->decision.allow) return now->decided->decision.denial;
  rules::Denial denial;
  denial.sqlstate = sqlstate::kInvalidStatementName;
  denial.message =
      fmt::format("pgchaperone: the rules have changed since \"{}\" was prepared; prepare it again", name);
  return denial;
}

// What EXECUTE and FETCH name may be made, or replaced, in a segment of the pipeline that can still fail.
bool Relay::names_are_uncertain(const SqlText& text) {
  return std::ranges::any_of(text.script.statements, [&](const parser::Statement& statement) {
    if (statement.kind == StatementKind::kExecute) return ledger_.is_uncertain(statement.name);
    if (statement.kind != StatementKind::kFetch) return false;
    const Portal* portal = statements_.find_portal(statement.name);
    return portal != nullptr && ledger_.is_uncertain(portal->order);
  });
}

// A name stands for what the session made it stand for, in this text or before. One that nobody here knows is
// not for the server to look up: PL/pgSQL can prepare statements, too.
std::optional<rules::Denial> Relay::find_named(const SqlText& text, Named& named) {
  const auto& statements = text.script.statements;
  std::map<std::string_view, SharedText> prepared, declared;
  bool all_gone = false;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const parser::Statement& statement = statements[i];
    switch (statement.kind) {
      case StatementKind::kPrepare:
        if (statements.size() > 1) prepared[statement.name] = guard_->statement_of(text, statement);
        break;
      case StatementKind::kDeclareCursor:
        if (statements.size() > 1) declared[statement.name] = guard_->statement_of(text, statement);
        break;
      case StatementKind::kDeallocate:
        if (statement.name.empty()) {
          prepared.clear();
          all_gone = true;
        } else {
          prepared[statement.name] = nullptr;
        }
        break;
      case StatementKind::kExecute: {
        const auto here = prepared.find(statement.name);
        const SharedText what = here != prepared.end() ? here->second
                                : all_gone             ? nullptr
                                                       : statements_.find_statement(statement.name);
        if (what == nullptr) {
          return does_not_exist("prepared statement", statement.name, sqlstate::kInvalidStatementName);
        }
        if (auto denial = no_longer_holds(*what, statement.name)) return denial;
        // Only the protocol can prepare others, and of what an EXECUTE or PREPARE under the name does nothing
        // would be known.
        if (!is_query(*what)) {
          rules::Denial denial;
          denial.rule = "statements";
          denial.message = fmt::format("{} may not EXECUTE what is no query", guard_->context().agent().name);
          denial.hint = "Bind and execute it by the protocol.";
          return denial;
        }
        named.emplace_back(i, what);
        break;
      }
      case StatementKind::kFetch: {
        const auto here = declared.find(statement.name);
        const Portal* portal = statements_.find_portal(statement.name);
        const SharedText what = here != declared.end() ? here->second
                                : portal != nullptr    ? portal->text
                                                       : nullptr;
        if (what == nullptr) return does_not_exist("cursor", statement.name, sqlstate::kInvalidCursorName);
        if (auto denial = no_longer_holds(*what, statement.name)) return denial;
        if (const auto why = not_fetched(*what); !why.empty()) {
          rules::Denial denial;
          denial.rule = "statements";
          denial.message = fmt::format("{} may not FETCH from {}", guard_->context().agent().name, why);
          denial.hint = "Execute its portal.";
          return denial;
        }
        named.emplace_back(i, what);
        break;
      }
      default:
        break;
    }
  }
  return std::nullopt;
}

bool Relay::is_capped(const LedgerEntry& entry) const {
  const std::size_t count = entry.kind == Kind::kExecute ? 1 : entry.text->script.statements.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto bounds = entry.bounds(i);
    if (bounds.statement != nullptr && (bounds.statement->writes || bounds.rows_fail())) return true;
  }
  return false;
}

// When the server has come to it: the end of an earlier transaction says nothing of it.
void Relay::note_narrowed_writes(const LedgerEntry& entry) {
  if (narrowed_writes_ || !entry.text || entry.denied) return;
  const auto writes = [](const SqlText& text) {
    return Guard::is_narrowed(text) &&
           std::ranges::any_of(text.decided->decision.bounds, &rules::StatementBounds::modifies);
  };
  narrowed_writes_ = writes(*entry.text) ||
                     std::ranges::any_of(entry.named, [&](const auto& each) { return writes(*each.second); });
}

void Relay::on_rules(std::shared_ptr<const DecisionContext> context, rules::Principal principal, Step& step) {
  guard_->renew(std::move(context), std::move(principal));
  if (!std::exchange(awaiting_rules_, false)) return;
  rules_asked_ = true;
  if (!waits()) resume(step);
}

}  // namespace chaperone::session
