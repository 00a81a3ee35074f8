#include "proxy/audit/record.hpp"

#include <algorithm>
#include <chrono>

#include "proxy/audit/hash.hpp"

namespace chaperone::audit {
namespace {

constexpr std::size_t kNumberDigits = 20;
/// More than the fixed members of any kind of line take, names and digits included.
constexpr std::size_t kFixedRoom = 512;

constexpr std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAllow:
      return "allow";
    case Verdict::kDeny:
      return "deny";
    case Verdict::kUnknown:
      break;
  }
  return "unknown";
}

constexpr std::string_view name_of(Result result) {
  switch (result) {
    case Result::kOk:
      return "ok";
    case Result::kFailed:
      return "failed";
    case Result::kCancelled:
      return "cancelled";
    case Result::kNotRun:
      return "not_run";
    case Result::kUnknown:
      break;
  }
  return "unknown";
}

constexpr std::string_view name_of(TransactionEnd end) {
  switch (end) {
    case TransactionEnd::kCommitted:
      return "committed";
    case TransactionEnd::kRolledBack:
      return "rolled_back";
    case TransactionEnd::kUnknown:
      break;
  }
  return "unknown";
}

constexpr std::string_view name_of(SessionEvent event) {
  switch (event) {
    case SessionEvent::kOpened:
      return "opened";
    case SessionEvent::kRefused:
      return "refused";
    case SessionEvent::kClosed:
      break;
  }
  return "closed";
}

bool append_string_or_null(Buffer& to, std::string_view text) {
  if (!text.empty()) return append_json_string(to, text);
  to.append("null");
  return true;
}

char* put_digits(char* at, unsigned value, int count) {
  for (int index = count - 1; index >= 0; --index) {
    at[index] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + count;
}

/// Text that was cut somewhere, without the beginning of a UTF-8 sequence that the cut may have left at its
/// end.
std::string_view whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) break;
    if (byte < 0xC0) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return length > back ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

}  // namespace

SessionMembers::SessionMembers(const Fields& fields) : id_(fields.session) {
  Buffer text;
  bool valid = true;
  const auto member = [&](std::string_view name, std::string_view value) {
    text.append(name);
    valid &= append_string_or_null(text, value);
  };
  text.append(",\"session\":");
  valid &= append_json_string(text, fields.session);
  text.append(",");
  session_ = text.view();

  text.clear();
  member("\"agent\":", fields.agent);
  member(",\"actor\":", fields.actor);
  member(",\"task\":", fields.task);
  text.append(",\"declared_task\":");
  declared_ = text.size();
  text.append("null");
  declared_size_ = text.size() - declared_;
  member(",\"proof\":", fields.proof);
  member(",\"client\":", fields.client);
  member(",\"database\":", fields.database);
  member(",\"role\":", fields.role);
  text.append(",\"backend_pid\":");
  text.append(fields.backend_pid == 0 ? "null" : std::to_string(fields.backend_pid));
  who_ = text.view();

  text.clear();
  member(",\"token_id\":", fields.token_id);
  token_ = text.view();

  tail_ = ",\"capability\":null,\"rule\":null,\"narrowed\":[],\"enforced\":";
  tail_ += fields.enforced ? "true" : "false";
  tail_ += ",\"policy\":null";
  lossy_ = !valid;
}

void SessionMembers::declare(std::string_view task) {
  constexpr std::size_t kShown = 256;
  Buffer text;
  declared_lossy_ =
      !append_string_or_null(text, task.size() > kShown ? whole_characters(task.substr(0, kShown)) : task);
  who_.replace(declared_, declared_size_, text.view());
  declared_size_ = text.size();
}

std::string decision_members(std::string_view capability, std::string_view rule,
                             std::span<const std::string_view> narrowed, std::string_view policy,
                             bool enforced) {
  Buffer text;
  text.append(",\"capability\":");
  (void)append_string_or_null(text, capability);  // names in a policy file are UTF-8
  text.append(",\"rule\":");
  (void)append_string_or_null(text, rule);
  text.append(",\"narrowed\":[");
  for (std::size_t i = 0; i < narrowed.size(); ++i) {
    if (i != 0) text.append(",");
    (void)append_json_string(text, narrowed[i]);
  }
  text.append(enforced ? "],\"enforced\":true,\"policy\":" : "],\"enforced\":false,\"policy\":");
  (void)append_string_or_null(text, policy);
  return std::string(text.view());
}

Batch::Batch(Values values, std::string_view hash_key) : values_(values) {
  if (values == Values::kHash) hmac_ = std::make_unique<Hmac>(hash_key.empty() ? process_key() : hash_key);
}

Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

void Batch::clear() {
  lines_.clear();
  ends_.clear();
  has_intents_ = false;
}

void Batch::statement(Microseconds time, const SessionMembers& session, const Statement& record) {
  char* at = lines_.room(kFixedRoom + session.session_.size() + session.who_.size());
  at = begin_line(at, "statement", time);
  at = put(at, session.session_);
  at = put(at, "\"statement\":");
  at = put_number(at, record.statement);
  *at++ = ',';
  at = put(at, session.who_);
  at = put(at, ",\"sql\":");
  lines_.end_at(at);

  bool valid = !session.lossy();
  if (record.sql) {
    valid &= append_json_string(lines_, record.sql_bytes != 0 ? whole_characters(*record.sql) : *record.sql);
  } else {
    lines_.append("null");
  }
  at = lines_.room(kFixedRoom);
  if (record.sql_bytes != 0) {
    at = put(at, ",\"sql_bytes\":");
    at = put_number(at, record.sql_bytes);
  }
  at = put(at, ",\"sent\":");
  lines_.end_at(at);
  if (record.sent) {
    valid &= append_json_string(lines_, *record.sent);
  } else {
    lines_.append("null");
  }
  valid &= append_values(record);

  const std::string_view tail = record.decision.empty() ? session.tail_ : record.decision;
  at = lines_.room(kFixedRoom + tail.size());
  at = put(at, ",\"verdict\":\"");
  at = put(at, name_of(record.verdict));
  *at++ = '"';
  if (!record.reason.empty()) {
    lines_.end_at(put(at, ",\"reason\":"));
    valid &= append_json_string(lines_, record.reason);
    at = lines_.room(tail.size());
  }
  lines_.end_at(put(at, tail));
  end_line(valid);
  has_intents_ = true;
}

void Batch::outcome(Microseconds time, const SessionMembers& session, const Outcome& record) {
  char* at = lines_.room(kFixedRoom + session.session_.size());
  at = begin_line(at, "outcome", time);
  at = put(at, session.session_);
  at = put(at, "\"statement\":");
  at = put_number(at, record.statement);
  at = put(at, ",\"result\":\"");
  at = put(at, name_of(record.result));
  at = put(at, "\",\"tag\":");
  lines_.end_at(at);
  bool valid = append_string_or_null(lines_, record.tag);

  at = lines_.room(kFixedRoom);
  at = put(at, ",\"rows\":");
  at = record.rows ? put_number(at, *record.rows) : put(at, "null");
  at = put(at, ",\"bytes\":");
  at = put_number(at, record.bytes);
  at = put(at, ",\"microseconds\":");
  at = put_number(at, record.microseconds);
  at = put(at, ",\"sqlstate\":");
  lines_.end_at(at);
  valid &= append_string_or_null(lines_, record.sqlstate);
  if (!record.withheld.empty()) {
    lines_.append(",\"withheld\":");
    valid &= append_json_string(lines_, record.withheld);
  }
  if (record.suspended) lines_.append(",\"suspended\":true");
  end_line(valid);
}

void Batch::transaction(Microseconds time, const SessionMembers& session, const Transaction& record) {
  char* at =
      lines_.room(kFixedRoom + session.session_.size() + record.statements.size() * (kNumberDigits + 1));
  at = begin_line(at, "transaction", time);
  at = put(at, session.session_);
  at = put(at, "\"statements\":[");
  for (const std::uint64_t statement : record.statements) {
    at = put_number(at, statement);
    *at++ = ',';
  }
  if (!record.statements.empty()) --at;
  at = put(at, "],\"end\":\"");
  at = put(at, name_of(record.end));
  *at++ = '"';
  lines_.end_at(at);
  bool valid = true;
  if (!record.savepoint.empty()) {
    lines_.append(",\"savepoint\":");
    valid = append_json_string(lines_, record.savepoint);
  }
  end_line(valid);
}

void Batch::session(Microseconds time, const SessionMembers& session, SessionEvent event,
                    std::string_view why) {
  char* at = lines_.room(kFixedRoom + session.session_.size() + session.who_.size() + session.token_.size());
  at = begin_line(at, "session", time);
  at = put(at, session.session_);
  at = put(at, session.who_);
  at = put(at, session.token_);
  at = put(at, ",\"event\":\"");
  at = put(at, name_of(event));
  at = put(at, "\",\"why\":");
  lines_.end_at(at);
  const bool valid = append_string_or_null(lines_, why) && !session.lossy();
  end_line(valid);
}

void Batch::event(Microseconds time, std::string_view kind, std::string_view members) {
  char* at = begin_line(lines_.room(kFixedRoom + kind.size() + members.size()), kind, time);
  *at++ = ',';
  lines_.end_at(put(at, members));
  end_line(true);
}

char* Batch::begin_line(char* at, std::string_view kind, Microseconds time) {
  at = put(at, "\"kind\":\"");
  at = put(at, kind);
  at = put(at, "\",\"time\":\"");
  at = put_time(at, time);
  *at++ = '"';
  return at;
}

void Batch::end_line(bool valid) {
  if (!valid) lines_.append(",\"lossy\":true");
  ends_.push_back(lines_.size());
}

char* Batch::put_time(char* at, Microseconds time) {
  using namespace std::chrono;
  const sys_time<microseconds> moment{microseconds{time}};
  const auto whole = floor<seconds>(moment);
  if (whole.time_since_epoch().count() != second_) {
    second_ = whole.time_since_epoch().count();
    const auto day = floor<days>(whole);
    const year_month_day date{day};
    const hh_mm_ss clock{whole - day};
    // Four digits of a year, as RFC 3339 has it; a clock outside of them is shown at the edge.
    char* text =
        put_digits(second_text_.data(), static_cast<unsigned>(std::clamp(int{date.year()}, 0, 9999)), 4);
    *text++ = '-';
    text = put_digits(text, unsigned{date.month()}, 2);
    *text++ = '-';
    text = put_digits(text, unsigned{date.day()}, 2);
    *text++ = 'T';
    text = put_digits(text, static_cast<unsigned>(clock.hours().count()), 2);
    *text++ = ':';
    text = put_digits(text, static_cast<unsigned>(clock.minutes().count()), 2);
    *text++ = ':';
    text = put_digits(text, static_cast<unsigned>(clock.seconds().count()), 2);
    *text = '.';
  }
  at = put(at, {second_text_.data(), second_text_.size()});
  at = put_digits(at, static_cast<unsigned>((moment - whole).count()), 6);
  *at++ = 'Z';
  return at;
}

bool Batch::append_values(const Statement& record) {
  if (values_ == Values::kDrop) {
    lines_.append(",\"values\":null");
    return true;
  }
  bool valid = true;
  lines_.append(",\"values\":[");
  for (const Value& value : record.values) {
    if (&value != record.values.data()) lines_.append(",");
    valid &= append_value(value);
  }
  lines_.append("]");
  if (record.values_truncated) lines_.append(",\"values_truncated\":true");
  return valid;
}

bool Batch::append_value(const Value& value) {
  if (value.kind == Value::Kind::kNull) {
    lines_.append("null");
    return true;
  }
  if (hmac_) {
    char* at = put(lines_.room(kFixedRoom), "{\"hash\":\"");
    at = put_hex(at, bytes_of((*hmac_)(value.bytes)));
    // A hash of the beginning alone must not pass for one of the whole.
    lines_.end_at(put(at, value.kind == Value::Kind::kTruncated ? "\",\"truncated\":true}" : "\"}"));
    return true;
  }
  switch (value.kind) {
    case Value::Kind::kBinary: {
      char* at = put(lines_.room(kFixedRoom + value.bytes.size() * 2), "{\"binary\":\"");
      lines_.end_at(put(put_hex(at, value.bytes), "\"}"));
      return true;
    }
    case Value::Kind::kTruncated: {
      lines_.append("{\"truncated\":");
      const bool valid = append_json_string(lines_, whole_characters(value.bytes));
      lines_.append("}");
      return valid;
    }
    default:
      return append_json_string(lines_, value.bytes);
  }
}

}  // namespace chaperone::audit
