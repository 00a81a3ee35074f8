#include "proxy/session/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "parser/utf8.hpp"
#include "proxy/audit/record.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/check.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
namespace sqlstate = wire::sqlstate;

namespace {

constexpr std::string_view kWithheld = "detail withheld by pgchaperone";

/// Whether the message of an error of this class can't tell of a value in a row: it names objects, or
/// nothing.
bool message_may_pass(std::string_view code, std::string_view message) {
  static constexpr std::array<std::string_view, 17> kClasses = {
      "01", "08", "0A", "25", "26", "2D", "34", "3B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"};
  static constexpr std::array<std::string_view, 7> kCodes = {"22012", "23502", "23503", "23505",
                                                             "23514", "23P01", "23001"};
  static constexpr std::array<std::string_view, 4> kTexts = {
      "integer out of range", "bigint out of range", "smallint out of range", "numeric field overflow"};
  return std::ranges::find(kClasses, code.substr(0, 2)) != kClasses.end() ||
         std::ranges::find(kCodes, code) != kCodes.end() ||
         std::ranges::find(kTexts, message) != kTexts.end();
}

bool may_be_told(char field, bool reads) {
  return std::string_view(reads ? "DWpq" : "DHWpq").find(field) == std::string_view::npos;
}

/// Whether what the session itself holds against their statements is the same.
bool same_limits(const rules::Capability* a, const rules::Capability* b) {
  static const rules::ResultLimits none;
  const rules::ResultLimits& one = a != nullptr ? a->limits : none;
  const rules::ResultLimits& other = b != nullptr ? b->limits : none;
  return one.rows_fail == other.rows_fail && one.bytes == other.bytes && one.time == other.time;
}

bool modifies(const SqlText& text) {
  return std::ranges::any_of(text.decided->decision.bounds, &rules::StatementBounds::modifies);
}

void append_warning(std::string_view message, std::string_view capability, std::string& out) {
  const std::string detail = fmt::format("capability {}, rule limits", capability);
  const backend::ErrorField fields[] = {
      {'S', "WARNING"},
      {'V', "WARNING"},
      {'C', "01000"},
      {'M', message},
      {'D', detail},
      {'H', "Ask for less, or page through it with ORDER BY a key and WHERE key > the last one seen."}};
  backend::encode_error_fields(out, backend::kNoticeResponse, fields);
}

}  // namespace

bool breaks_pins(std::string_view parameter_status) {
  const auto status = backend::decode_parameter_status(parameter_status);
  if (!status) return true;
  if (status->name == "client_encoding" || status->name == "server_encoding") return status->value != "UTF8";
  return status->name == "standard_conforming_strings" && status->value != "on";
}

Guard::Guard(DecisionCache& cache, std::shared_ptr<const DecisionContext> context, rules::Principal principal,
             rules::CommentPlace comment)
    : cache_(cache), place_(comment) {
  renew(std::move(context), std::move(principal));
}

void Guard::renew(std::shared_ptr<const DecisionContext> context, rules::Principal principal) {
  context_ = std::move(context);
  principal_ = std::move(principal);
  comment_ = rules::context_comment(principal_);
}

SharedText Guard::read(std::string_view sql, const SharedText& known) const {
  if (known && known->decided && known->context == context_->number() && known->sql == sql) return known;
  return text_of(cache_.get(*context_, sql), sql);
}

SharedText Guard::read_once(std::string_view sql) const {
  return text_of(cache_.get_alike(*context_, sql), sql);
}

SharedText Guard::text_of(SharedDecision decided, std::string_view sql) const {
  auto text = std::make_shared<SqlText>();
  const rules::Decision& decision = decided->decision;
  text->sql = sql;
  text->script = decision.script;
  if (decision.allow && !decision.rewritten.edits.empty()) {
    text->sent = rules::fill(decision.rewritten, sql, principal_);
  }
  if (text->sent && text->script.statements.size() > 1) {
    for (const auto& statement : text->script.statements) {
      text->sent_parts.push_back(
          decision.rewritten.edits.apply(sql, statement.span, rules::slot_values(principal_)));
    }
  }
  text->context = context_->number();
  text->bytes = sizeof(SqlText) + sql.size() + (text->sent ? text->sent->size() : 0) + text->script.bytes();
  text->decided = std::move(decided);
  return text;
}

SharedText Guard::refuse_long(std::string_view beginning, std::uint64_t whole_bytes) const {
  auto text = std::make_shared<SqlText>(*cut_sql(beginning, whole_bytes));
  auto decided = std::make_shared<DecidedSql>();
  rules::Denial denial;
  denial.rule = "limits.statement";
  denial.sqlstate = sqlstate::kProgramLimitExceeded;
  denial.message = fmt::format("the statement has {} bytes; {} are the most that is read", whole_bytes,
                               context_->limits().bytes);
  denial.hint = "Send data as parameters or by COPY, or raise limits.statement_bytes.";
  decided->decision.denial = std::move(denial);
  decided->members = audit::decision_members({}, "limits.statement", {}, context_->policy().hash);
  text->decided = std::move(decided);
  text->context = context_->number();
  return text;
}

SharedText Guard::statement_of(const SqlText& text, const parser::Statement& statement) const {
  const SharedText alone =
      read(std::string_view(text.sql).substr(statement.span.offset, statement.span.length));
  auto part = std::make_shared<SqlText>(*alone);
  // What the name runs is what the PREPARE or DECLARE holds, and neither of them.
  if (!part->script.statements.empty()) part->script.statements.front().kind = parser::StatementKind::kSelect;
  const rules::Decision& whole = text.decided->decision;
  if (part->context == text.context && alone->decided->decision.capability == whole.capability) return part;
  // It was sent as the string was decided: for a capability that may be another one than its own would be,
  // and by rules that may be older than those of now.
  const auto index = static_cast<std::size_t>(&statement - text.script.statements.data());
  auto decided = std::make_shared<DecidedSql>(*alone->decided);
  decided->decision.allow = true;
  decided->decision.denial.reset();
  decided->decision.capability = whole.capability;
  decided->decision.narrowed = whole.narrowed;
  decided->decision.bounds = {whole.bounds[index]};
  decided->members = text.decided->members;
  part->context = text.context;
  part->sent.reset();
  if (text.sent) part->sent = text.sent_parts.empty() ? *text.sent : text.sent_parts[index];
  part->decided = std::move(decided);
  return part;
}

bool Guard::still_holds(const SqlText& text) const {
  if (text.context == context_->number()) return text.decided->decision.allow;
  const SharedText now = read(text.sql);
  const rules::Decision& decision = now->decided->decision;
  const rules::Decision& before = text.decided->decision;
  return decision.allow && now->sent == text.sent && decision.bounds == before.bounds &&
         same_limits(decision.capability.get(), before.capability.get());
}

void Guard::append_sent(const SqlText& text, std::string& out) const {
  const std::string_view sent = text.sent ? std::string_view(*text.sent) : std::string_view(text.sql);
  const auto& statements = text.script.statements;
  if (place_ == rules::CommentPlace::kOff || comment_.empty() || statements.empty()) {
    out.append(sent);
  } else if (place_ == rules::CommentPlace::kFront && statements.size() == 1) {
    out.append(comment_).append(sent);
  } else {
    auto edits = text.decided->decision.rewritten.edits;
    rules::add_context(text.script, comment_, place_, edits);
    out.append(edits.apply(text.sql, rules::slot_values(principal_)));
  }
}

std::uint32_t Guard::client_position(const SqlText& text, std::uint32_t position) const {
  if (position == 0 || !text.decided) return position;
  auto edits = text.decided->decision.rewritten.edits;
  if (place_ == rules::CommentPlace::kFront && text.script.statements.size() == 1) {
    edits.insert_first(0, {{comment_, false}});
  } else {
    rules::add_context(text.script, comment_, place_, edits);
  }
  return parser::PositionMap(edits, text.sql, rules::slot_values(principal_)).client_position(position);
}

SharedRefusal Guard::refuse(const SqlText& text) const {
  const rules::Decision& decision = text.decided->decision;
  return refuse(*decision.denial, text.sql, decision.capability ? decision.capability->name : "");
}

SharedRefusal Guard::refuse(const rules::Denial& denial, std::string_view sql,
                            std::string_view capability) const {
  auto refusal = std::make_shared<Refusal>();
  const std::string comment = rules::context_comment(principal_, denial.rule);
  // What PostgreSQL's parser refuses it refuses in a failed transaction, too.
  const bool syntax = denial.sqlstate == sqlstate::kSyntaxError;
  refusal->awaited = syntax ? sqlstate::kSyntaxError : sqlstate::kUndefinedColumn;
  refusal->sentinel = comment + (syntax ? "chaperone.denied" : "SELECT \"chaperone.denied\"");

  const std::string message = rules::message_of(denial);
  const std::string detail = syntax ? denial.detail : rules::detail_of(denial, capability);
  std::string position;
  if (denial.offset != parser::kNone && denial.offset <= sql.size()) {
    position = std::to_string(parser::characters(sql.substr(0, denial.offset)) + 1);
  }
  const backend::ErrorField fields[] = {{'S', "ERROR"},
                                        {'V', "ERROR"},
                                        {'C', denial.sqlstate},
                                        {'M', message},
                                        {'D', detail},
                                        {'H', denial.hint},
                                        {'P', position},
                                        {'s', denial.schema},
                                        {'t', denial.table},
                                        {'c', denial.column},
                                        {'n', syntax ? std::string_view() : denial.rule}};
  backend::encode_error_fields(refusal->error_response, backend::kErrorResponse, fields);
  return refusal;
}

bool Guard::is_narrowed(const SqlText& text) {
  return text.decided &&
         std::ranges::any_of(text.decided->decision.bounds, &rules::StatementBounds::narrowed);
}

std::string Guard::append_error(char type, std::string_view body, bool whole, const SqlText* text,
                                bool narrowed_writes, std::string& out) const {
  const auto fields = backend::decode_all_error_fields(body, whole);
  if (!fields) return {};
  // What only reads is rewritten so that no hidden value is ever looked at before its filter.
  const bool reads = !narrowed_writes && text != nullptr && is_narrowed(*text) && !modifies(*text);
  const bool narrowed = narrowed_writes || (text != nullptr && is_narrowed(*text));
  std::string_view code, message, routine;
  for (const auto& field : *fields) {
    if (field.type == 'C') code = field.text;
    if (field.type == 'M') message = field.text;
    if (field.type == 'R') routine = field.text;
  }
  // What a trigger raises has a text of its own, whatever its SQLSTATE.
  const bool raised = code == "01000" || routine == "exec_stmt_raise";
  const bool tell = !narrowed || reads || (!raised && message_may_pass(code, message));
  std::string position, withheld;
  const auto withhold = [&](std::string_view value) {
    withheld += fmt::format("{}{}", withheld.empty() ? "" : " / ", value);
  };
  std::vector<backend::ErrorField> told;
  for (const auto& field : *fields) {
    if (narrowed && (!may_be_told(field.type, reads) || (field.type == 'M' && !tell))) {
      withhold(field.text);
      if (field.type == 'M')
        told.push_back({'M', "the message is withheld by pgchaperone, as it may tell of hidden values"});
      if (field.type == 'D') told.push_back({'D', kWithheld});
    } else if (field.type == 'P' && text != nullptr) {
      std::uint32_t sent = 0;
      std::from_chars(field.text.data(), field.text.data() + field.text.size(), sent);
      position = std::to_string(client_position(*text, sent));
      told.push_back({'P', position});
    } else {
      told.push_back(field);
    }
  }
  const bool dropped = type == backend::kNoticeResponse && !tell;
  if (!dropped) backend::encode_error_fields(out, type, told);
  return withheld;
}

void Guard::append_overdue(std::chrono::milliseconds time, std::string_view capability,
                           std::string& out) const {
  const std::string message = fmt::format(
      "pgchaperone: {} may run a statement for {} ms at most; this one took longer, and was cancelled",
      context_->agent().name, time.count());
  const std::string detail = fmt::format("capability {}, rule limits.time", capability);
  const backend::ErrorField fields[] = {{'S', "ERROR"},
                                        {'V', "ERROR"},
                                        {'C', sqlstate::kQueryCanceled},
                                        {'M', message},
                                        {'D', detail},
                                        {'H', "Ask for less: a narrower WHERE, fewer rows to sort or join."},
                                        {'n', "limits.time"}};
  backend::encode_error_fields(out, backend::kErrorResponse, fields);
}

void Guard::append_cut_warning(std::uint64_t rows, std::string_view capability, std::string& out) {
  append_warning(fmt::format("pgchaperone: the result was cut after {} row{}", rows, rows == 1 ? "" : "s"),
                 capability, out);
}

void Guard::append_cursor_warning(std::uint64_t rows, std::string_view capability, std::string& out) {
  append_warning(fmt::format("pgchaperone: the cursor ends after {} row{}; its query may have more", rows,
                             rows == 1 ? "" : "s"),
                 capability, out);
}

}  // namespace chaperone::session
