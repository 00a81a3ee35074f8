#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "proxy/session/relay.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/startup.hpp"

namespace chaperone::session {

namespace frontend = wire::frontend;
using Kind = LedgerEntry::Kind;

namespace {

/// The text, with the values that its parameters declare as the agent's task filled in.
SharedText with_declared_values(const SharedText& text, const Portal& portal) {
  const auto needs_value = [](const Declaration& declaration) {
    return declaration.kind == Declaration::Kind::kParameter;
  };
  if (!text || std::ranges::none_of(text->declarations(), needs_value)) return text;
  auto filled = std::make_shared<SqlText>(*text);
  filled->own_declarations = text->declarations();
  for (auto& declaration : filled->own_declarations) {
    if (!needs_value(declaration)) continue;
    std::string_view rest = portal.values;
    std::optional<std::string_view> value;
    const bool there = portal.values_whole && declaration.parameter <= portal.values_count;
    for (std::uint32_t i = 0; there && i < declaration.parameter; ++i)
      value = frontend::Bind::next_value(rest);
    declaration.kind = !there  ? Declaration::Kind::kUnknown
                       : value ? Declaration::Kind::kValue
                               : Declaration::Kind::kReset;
    if (value) declaration.value = *value;
  }
  return filled;
}

/// An agent that is held back may not send one.
Judgement judge_function_call(const DecisionContext* context) {
  if (context == nullptr) return {};
  auto decided = std::make_shared<DecidedSql>();
  decided->members =
      audit::decision_members({}, "statements", {}, context->policy().hash, context->enforced());
  return {.judged = true, .decided = std::move(decided)};
}

}  // namespace

Relay::Relay(const parser::Limits& limits, SqlCache& cache, Counters& counters, audit::SessionMembers members,
             std::optional<Guard> guard, std::string declared_task)
    : limits_(limits),
      cache_(cache),
      counters_(counters),
      recorder_(std::move(members), counters, std::move(declared_task)),
      client_(frontend::rule),
      server_(guard ? wire::backend::rule_holding_notices : wire::backend::rule),
      guard_(std::move(guard)) {
  if (guard_) server_time_ = rules::longest_time(guard_->context().agent());
}

void Relay::judge_by(DecisionCache& cache, std::shared_ptr<const DecisionContext> context) {
  judging_ = &cache;
  judge_ = std::move(context);
}

// What the text would come to if its agent were held back. `once`: it is sent once, as a simple query is.
Judgement Relay::judge(std::string_view sql, const SqlText& text, bool once) {
  if (judging_ == nullptr) return {};
  if (judge_ == nullptr || !text.readable()) return {.judged = true, .decided = nullptr};
  auto decided = once ? judging_->get_alike(*judge_, sql) : judging_->get(*judge_, sql);
  if (!decided->decision.allow) return {.judged = true, .decided = std::move(decided)};
  // What they run was refused where it was prepared or declared. Once each: a string may run one text
  // thousands of times.
  std::set<const SqlText*> seen;
  for (const auto& statement : text.script.statements) {
    SharedText named;
    if (statement.kind == parser::StatementKind::kExecute) {
      named = statements_.find_statement(statement.name);
    } else if (statement.kind == parser::StatementKind::kFetch) {
      if (const Portal* portal = statements_.find_portal(statement.name)) named = portal->text;
    }
    if (named == nullptr || !named->readable() || !seen.insert(named.get()).second) continue;
    auto of_named = judging_->get(*judge_, named->sql);
    if (!of_named->decision.allow) return {.judged = true, .decided = std::move(of_named)};
  }
  return {.judged = true, .decided = std::move(decided)};
}

void Relay::on_client(std::string_view bytes, Step& step) {
  Counters::add(counters_.client_bytes, bytes.size());
  take_client(bytes, step);
  if (timed_) watch_time(step);
}

void Relay::take_client(std::string_view bytes, Step& step) {
  while (!client_done_) {
    if (waits()) {
      stalled_.append(bytes);
      return;
    }
    switch (client_.next(bytes)) {
      case wire::FrameReader::Item::kNeedMore:
        return;
      case wire::FrameReader::Item::kFrame:
        if (!client_frame(client_.frame(), step)) return;
        if (client_.rest() == 0) bound_what_is_owed(step);
        break;
      case wire::FrameReader::Item::kChunk:
        if (pass_chunks_) step.to_server.view(client_.chunk());
        if (copy_in_ && pass_chunks_) bytes_ += client_.chunk().size();
        if (client_.rest() != 0) break;
        if (std::exchange(barrier_after_chunk_, false)) barrier_ = true;
        bound_what_is_owed(step);
        break;
      case wire::FrameReader::Item::kBad:
        violation(client_.error(), step);
        return;
    }
  }
}

// Between two messages. A pipeline without Sync would be kept for as long as the server keeps its answers.
void Relay::bound_what_is_owed(Step& step) {
  if (barrier_ || !ledger_.heavy()) return;
  step.to_server.copy(frontend::kFlushMessage);
  barrier_ = true;
}

// What a reader kept in its own buffer is gone with its next message, and so has to be copied.
void Relay::pass(const wire::Frame& frame, Gather& to) const {
  if (frame.held) {
    to.copy(frame.bytes);
  } else {
    to.view(frame.bytes);
  }
}

void Relay::raise_barrier(const wire::Frame& frame) {
  if (frame.rest == 0) {
    barrier_ = true;
  } else {
    barrier_after_chunk_ = true;
  }
}

bool Relay::client_frame(const wire::Frame& frame, Step& step) {
  pass_chunks_ = true;
  if (timed_ && holds_behind(frame, step)) return true;
  if (copy_in_) return copy_in_message(frame, step);
  switch (frame.type) {
    case frontend::kQuery:
      return query(frame, step);
    case frontend::kParse:
      return parse(frame, step);
    case frontend::kBind:
      return bind(frame, step);
    case frontend::kDescribe:
      return describe(frame, step);
    case frontend::kExecute:
      return execute(frame, step);
    case frontend::kClose:
      return close(frame, step);
    case frontend::kFunctionCall:
      return function_call(frame, step);
    case frontend::kSync:
      if (const auto checked = frontend::decode_empty(frame.body()); !checked)
        return violation(checked.error(), step);
      ledger_.push(Kind::kSync);
      skipping_ = refused_ = false;
      pass(frame, step.to_server);
      return true;
    case frontend::kFlush:
      if (const auto checked = frontend::decode_empty(frame.body()); !checked)
        return violation(checked.error(), step);
      pass(frame, step.to_server);
      return true;
    case frontend::kTerminate:
      pass(frame, step.to_server);
      on_client_closed(step);
      return false;
    default:
      // CopyData, CopyDone, CopyFail: left over from a COPY that has failed, and ignored (SocketBackend,
      // PostgresMain).
      pass_chunks_ = false;
      return true;
  }
}

bool Relay::query(const wire::Frame& frame, Step& step) {
  std::string_view sql = frame.body();
  if (frame.rest == 0) {
    const auto decoded = frontend::decode_query(sql);
    if (!decoded) return violation(decoded.error(), step);
    sql = decoded->query;
  }
  if (guard_) return enforce_query(sql, frame, step);
  const bool whole = frame.rest == 0;
  const SharedText text = whole ? cache_.get_alike(sql, limits_) : cut_sql(sql, frame.body_length);
  const std::uint64_t first =
      recorder_.intend_query(step, *text, whole ? sql : text->sql, judge(sql, *text, true));
  pass(frame, step.to_server);
  if (skipping_) {
    for (std::size_t i = 0; i < text->answers(); ++i) recorder_.not_run(step, first + i);
    return true;
  }
  // exec_simple_query drops the unnamed statement and uses the unnamed portal.
  statements_.close_portal({});
  auto& entry = ledger_.push(Kind::kQuery, text->bytes);
  entry.before = statements_.exchange_statement({}, nullptr);
  entry.changes_statement = true;
  entry.statement = first;
  entry.answers = text->readable() ? static_cast<std::uint32_t>(text->answers()) : 0;
  entry.started = step.now.steady_microseconds();
  entry.text = text;
  for (const auto& statement : text->script.statements) forget_sql_names(entry, statement);
  if (text->may_copy_in()) raise_barrier(frame);
  return true;
}

bool Relay::parse(const wire::Frame& frame, Step& step) {
  std::string_view name, sql;
  if (frame.rest == 0) {
    const auto decoded = frontend::decode_parse(frame.body());
    if (!decoded) return violation(decoded.error(), step);
    name = decoded->name;
    sql = decoded->query;
  } else {
    const auto body = frame.body();
    const auto end = body.find('\0');
    if (end == std::string_view::npos) {
      return violation({.sqlstate = wire::sqlstate::kProtocolViolation,
                        .message = "the name of the prepared statement is too long"},
                       step);
    }
    name = body.substr(0, end);
    sql = body.substr(end + 1);
  }
  if (guard_) return enforce_parse(name, sql, frame, step);
  pass(frame, step.to_server);
  if (skipping_) return true;
  auto text = frame.rest == 0 ? cache_.get(sql, limits_) : cut_sql(sql, frame.body_length);
  auto& entry = ledger_.push(Kind::kParse, text->bytes);
  entry.text = text;
  entry.name = kept_name(name);
  entry.before = statements_.exchange_statement(name, std::move(text));
  entry.changes_statement = true;
  return true;
}

bool Relay::bind(const wire::Frame& frame, Step& step) {
  const auto decoded =
      frame.rest == 0 ? frontend::decode_bind(frame.body()) : frontend::decode_bind_names(frame.body());
  if (!decoded) return violation(decoded.error(), step);
  if (guard_ && stops_bind(decoded->statement, frame, step)) return true;
  pass(frame, step.to_server);
  if (skipping_) {
    statements_.close_portal(decoded->portal);  // an Execute of it means this Bind, which never was
    return true;
  }
  const auto order = ledger_.next_order();
  auto& entry = ledger_.push(Kind::kBind);
  entry.text = statements_.find_statement(decoded->statement);
  if (auto* replaced = statements_.find_portal(decoded->portal)) entry.run = std::move(replaced->run);
  auto* portal = statements_.bind_portal(decoded->portal, order, entry.text, decoded->values.size());
  if (portal == nullptr) return true;
  portal->values.assign(decoded->values);
  portal->formats.assign(decoded->formats);
  portal->values_count = decoded->values_count;
  portal->values_whole = frame.rest == 0;
  return true;
}

bool Relay::describe(const wire::Frame& frame, Step& step) {
  const auto decoded = frontend::decode_describe(frame.body());
  if (!decoded) return violation(decoded.error(), step);
  if (guard_ && stops_describe(*decoded, frame, step)) return true;
  pass(frame, step.to_server);
  if (!skipping_) ledger_.push(decoded->kind == 'S' ? Kind::kDescribeStatement : Kind::kDescribePortal);
  return true;
}

bool Relay::execute(const wire::Frame& frame, Step& step) {
  const auto decoded = frontend::decode_execute(frame.body());
  if (!decoded) return violation(decoded.error(), step);
  Named named;
  if (guard_ && stops_execute(decoded->portal, frame, named, step)) return true;
  Portal* portal = statements_.find_portal(decoded->portal);
  const bool goes_on = portal != nullptr && portal->run != nullptr && !portal->run->done;
  const std::uint64_t number =
      goes_on ? portal->run->statement
              : recorder_.intend_portal(step, portal,
                                        portal != nullptr && portal->text != nullptr
                                            ? judge(portal->text->sql, *portal->text, false)
                                            : Judgement{});
  if (skipping_) {
    pass(frame, step.to_server);
    if (!goes_on) recorder_.not_run(step, number);
    return true;
  }
  auto& entry = ledger_.push(Kind::kExecute);
  entry.statement = number;
  entry.started = step.now.steady_microseconds();
  if (portal != nullptr) entry.text = with_declared_values(portal->text, *portal);
  entry.named = std::move(named);
  if (guard_) give_time(entry, step);
  if (guard_ && is_capped(entry)) {
    // All at once: a part of its rows would be an end that nobody counted.
    step.to_server.write([&](std::string& out) { frontend::encode_execute(out, decoded->portal, 0); });
    step.to_server.copy(frontend::kFlushMessage);
    barrier_ = true;
  } else {
    pass(frame, step.to_server);
  }
  if (portal == nullptr || portal->text == nullptr || portal->text->may_copy_in()) {
    // Whether COPY data is wanted shows in the reply, which the server may keep back until a Sync that has to
    // wait here.
    raise_barrier(frame);
    step.to_server.copy(frontend::kFlushMessage);
  }
  // Only an Execute with a limit may be answered by PortalSuspended: also one of a cursor that is not known
  // here (yet).
  if (goes_on) {
    entry.run = portal->run;
  } else if (decoded->max_rows > 0) {
    entry.run = std::make_shared<PortalRun>();
    entry.run->statement = number;
    entry.run->started = entry.started;
  }
  if (portal == nullptr) return true;
  portal->run = entry.run;
  // Last: it may be the end of the portal itself.
  if (entry.text && !entry.text->script.statements.empty()) {
    forget_sql_names(entry, entry.text->script.statements.front());
  }
  return true;
}

bool Relay::close(const wire::Frame& frame, Step& step) {
  const auto decoded = frontend::decode_close(frame.body());
  if (!decoded) return violation(decoded.error(), step);
  pass(frame, step.to_server);
  if (skipping_) return true;
  auto& entry = ledger_.push(Kind::kClose);
  if (decoded->kind == 'S') {
    entry.name = kept_name(decoded->name);
    entry.before = statements_.exchange_statement(decoded->name, nullptr);
    entry.changes_statement = true;
  } else if (auto* portal = statements_.find_portal(decoded->name)) {
    entry.run = portal->run;
    statements_.close_portal(decoded->name);
  }
  return true;
}

bool Relay::function_call(const wire::Frame& frame, Step& step) {
  const auto decoded = frontend::decode_function_call(frame.body());
  if (!decoded) return violation(decoded.error(), step);
  if (guard_) return enforce_function_call(step);
  const std::uint64_t number =
      recorder_.intend_function_call(step, decoded->function_oid, judge_function_call(judge_.get()));
  pass(frame, step.to_server);
  if (skipping_) {
    recorder_.not_run(step, number);
    return true;
  }
  auto& entry = ledger_.push(Kind::kFunctionCall);
  entry.statement = number;
  entry.started = step.now.steady_microseconds();
  entry.text = function_call_text();
  return true;
}

// As CopyGetData: Flush and Sync are ignored, for libraries that send them without noticing that the command
// was COPY; so they are owed no answer.
bool Relay::copy_in_message(const wire::Frame& frame, Step& step) {
  switch (frame.type) {
    case frontend::kCopyData:
      bytes_ += frame.body().size();
      pass(frame, step.to_server);
      return true;
    case frontend::kCopyDone:
    case frontend::kCopyFail:
      pass(frame, step.to_server);
      copy_in_ = false;
      // A simple query may go on to its next COPY.
      if (copy_in_query_) raise_barrier(frame);
      return true;
    case frontend::kFlush:
    case frontend::kSync:
      pass_chunks_ = false;
      return true;
    case frontend::kTerminate:
      pass(frame, step.to_server);
      on_client_closed(step);
      return false;
    default:
      return violation({.sqlstate = wire::sqlstate::kProtocolViolation,
                        .message = fmt::format("unexpected message type 0x{:02X} during COPY from stdin",
                                               static_cast<unsigned char>(frame.type))},
                       step);
  }
}

}  // namespace chaperone::session
