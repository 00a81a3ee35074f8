#include "proxy/commands/audit_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace chaperone::commands {
namespace {

namespace json = boost::json;

constexpr std::size_t kRemembered = 10'000;
constexpr std::size_t kTextKept = 4096;
/// Below this many columns the session is left out in favour of the SQL.
constexpr std::size_t kNarrow = 100;

std::string_view text_of(const json::object& record, std::string_view name) {
  const json::value* value = record.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::optional<std::uint64_t> number_of(const json::object& record, std::string_view name) {
  const json::value* value = record.if_contains(name);
  if (value == nullptr) return {};
  boost::system::error_code problem;
  const auto number = value->to_number<std::uint64_t>(problem);
  if (problem) return {};
  return number;
}

bool is_true(const json::object& record, std::string_view name) {
  const json::value* value = record.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::optional<json::object> parse(std::string_view line) {
  boost::system::error_code problem;
  json::value value = json::parse(line, problem);
  if (problem || !value.is_object()) return {};
  return std::move(value.get_object());
}

struct Character {
  char32_t code;
  std::size_t length;
};

/// Of text that Boost.JSON took for UTF-8, or of a line that is none of ours: then a byte at a time.
Character decode(std::string_view text) {
  const auto byte = [text](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return {lead, 0};
  if (length == 1) return {lead, 1};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t index = 1; index < length; ++index) {
    if ((byte(index) & 0xC0u) != 0x80u) return {lead, 0};
    code = (code << 6) | (byte(index) & 0x3Fu);
  }
  return {code, length};
}

/// Controls, and the marks that turn the direction of text or hide in it.
bool drives_terminal(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE0FFF);
}

/// Blocks of characters that take two columns, and combining ones that take none (Unicode's East Asian Width,
/// coarsely).
std::size_t columns_of(char32_t code) {
  if ((code >= 0x300 && code <= 0x36F) || (code >= 0xFE00 && code <= 0xFE0F)) return 0;
  const bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                    (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                    (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                    (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x1F300 && code <= 0x1FAFF) ||
                    (code >= 0x20000 && code <= 0x3FFFD);
  return wide ? 2 : 1;
}

bool is_space(char32_t code) {
  return code == ' ' || (code >= '\t' && code <= '\r');
}

std::string duration(std::uint64_t microseconds) {
  const double value = static_cast<double>(microseconds);
  if (microseconds < 1000) return fmt::format("{} us", microseconds);
  if (microseconds < 10'000) return fmt::format("{:.2f} ms", value / 1e3);
  if (microseconds < 1'000'000) return fmt::format("{:.1f} ms", value / 1e3);
  return fmt::format("{:.2f} s", value / 1e6);
}

std::string rows(std::optional<std::uint64_t> count) {
  if (!count) return "";
  return fmt::format("{} row{}", *count, *count == 1 ? "" : "s");
}

std::string numbers(const json::object& record, std::string_view name) {
  const json::value* value = record.if_contains(name);
  if (value == nullptr || !value->is_array()) return "";
  std::string text;
  for (const json::value& each : value->get_array()) {
    if (!text.empty()) text += ", ";
    text += json::serialize(each);
  }
  return text;
}

std::string_view color_of(std::string_view mark) {
  if (mark.ends_with("(deny)")) return "\x1b[31m";
  if (mark.starts_with("ok") || mark == "committed" || mark == "allow" || mark == "opened") return "\x1b[32m";
  if (mark.starts_with("failed") || mark.starts_with("deny") || mark == "refused" || mark == "gap")
    return "\x1b[31m";
  return "\x1b[33m";
}

}  // namespace

std::string printable(std::string_view text, std::size_t width) {
  constexpr std::string_view kEllipsis = "…";
  std::string line;
  std::size_t column = 0;
  std::size_t cut = 0;  // where the line ends if what follows does not fit
  bool space = false;
  while (!text.empty()) {
    const auto [code, length] = decode(text);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    if (length == 1 && is_space(code)) {
      space = !line.empty();
      text.remove_prefix(taken);
      continue;
    }
    std::string piece(space ? " " : "");
    std::size_t columns = piece.size();
    space = false;
    if (length == 0 || drives_terminal(code)) {
      const std::string escape = length == 0 || code < 0x100
                                     ? fmt::format("\\x{:02x}", static_cast<std::uint32_t>(code))
                                     : fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(code));
      piece += escape;
      columns += escape.size();
    } else {
      piece += text.substr(0, length);
      columns += columns_of(code);
    }
    if (width != 0 && column + columns > width) {
      line.resize(cut);
      return line += kEllipsis;
    }
    line += piece;
    column += columns;
    if (column < width) cut = line.size();
    text.remove_prefix(taken);
  }
  return line;
}

AuditView::AuditView(AuditViewOptions options) : options_(std::move(options)) {
  options_.all |= options_.statement.has_value();
}

bool AuditView::wanted(const json::object& record) const {
  if (!options_.session.empty() && !text_of(record, "session").starts_with(options_.session)) return false;
  if (!options_.statement) return true;
  if (number_of(record, "statement") == options_.statement) return true;
  const json::value* several = record.if_contains("statements");
  return several != nullptr && several->is_array() &&
         std::any_of(
             several->get_array().begin(), several->get_array().end(), [this](const json::value& each) {
               return each.is_int64() && static_cast<std::uint64_t>(each.get_int64()) == *options_.statement;
             });
}

bool AuditView::wanted(std::string_view line) const {
  if (options_.session.empty() && !options_.statement) return true;
  const auto record = parse(line);
  return record && wanted(*record);
}

AuditView::Shown AuditView::record(std::string_view line) {
  const auto record = parse(line);
  if (!record) return {"", "not a record: " + printable(line, options_.width < 20 ? 0 : options_.width - 14)};
  if (!wanted(*record)) return {};
  const std::string_view kind = text_of(*record, "kind");
  if (kind == "statement") return statement(*record);
  if (kind == "outcome") return outcome(*record);
  if (kind == "transaction") return transaction(*record);
  return other(*record);
}

AuditView::Shown AuditView::statement(const json::object& record) {
  const std::string_view verdict = text_of(record, "verdict");
  const std::string_view session = text_of(record, "session");
  const auto number = number_of(record, "statement");
  Statement statement{.time = std::string(text_of(record, "time")),
                      .agent = std::string(text_of(record, "agent")),
                      .sql = printable(text_of(record, "sql"), kTextKept),
                      .unread = verdict == "unknown",
                      .against = verdict == "deny" && !is_true(record, "enforced")};
  const std::string_view rule = text_of(record, "rule");
  const bool refused = verdict == "deny" && !statement.against;
  if (!options_.all && !refused) {
    if (statement.against) statement.sql += fmt::format("  ({})", rule);
    remember({std::string(session), number.value_or(0)}, std::move(statement));
    return {};
  }
  std::string text = statement.sql;
  const json::value* values = record.if_contains("values");
  if (options_.all && values != nullptr && values->is_array() && !values->get_array().empty()) {
    text += "  with " + json::serialize(*values);
  }
  if (const std::string_view reason = text_of(record, "reason"); !reason.empty())
    text += fmt::format("  ({})", reason);
  if (!rule.empty()) text += fmt::format("  ({})", rule);
  const Columns columns{.time = statement.time,
                        .agent = statement.agent,
                        .session = session,
                        .statement = number,
                        .mark = statement.unread ? "unread" : std::string(verdict),
                        .rows = "",
                        .duration = "",
                        .text = text};
  Shown shown = show(columns);
  if (!refused) remember({std::string(session), number.value_or(0)}, std::move(statement));
  return shown;
}

AuditView::Shown AuditView::outcome(const json::object& record) {
  const std::string_view session = text_of(record, "session");
  const auto number = number_of(record, "statement");
  Statement statement;
  if (const auto found = open_.find({std::string(session), number.value_or(0)}); found != open_.end()) {
    statement = std::move(found->second);
    open_.erase(found);
  } else {
    statement.sql = text_of(record, "tag");  // its statement is in an older file
  }
  std::string mark(text_of(record, "result"));
  std::replace(mark.begin(), mark.end(), '_', ' ');
  const std::string_view sqlstate = text_of(record, "sqlstate");
  if (!sqlstate.empty()) mark.append(" ").append(sqlstate);
  if (sqlstate.empty() && statement.unread) mark += " unread";
  if (statement.against) mark += " (deny)";
  std::string count = rows(number_of(record, "rows"));
  if (is_true(record, "suspended")) count.insert(0, ">= ");
  const auto microseconds = number_of(record, "microseconds");
  return show({.time = text_of(record, "time"),
               .agent = statement.agent,
               .session = session,
               .statement = number,
               .mark = mark,
               .rows = count,
               .duration = microseconds ? duration(*microseconds) : "",
               .text = statement.sql});
}

AuditView::Shown AuditView::transaction(const json::object& record) const {
  const json::value* several = record.if_contains("statements");
  const bool one = several != nullptr && several->is_array() && several->get_array().size() <= 1;
  const std::string_view savepoint = text_of(record, "savepoint");
  const std::string_view end = text_of(record, "end");
  if (!options_.all && one && savepoint.empty() && end != "unknown") return {};
  std::string mark(end == "unknown" ? "end unknown" : end);
  std::replace(mark.begin(), mark.end(), '_', ' ');
  std::string text = "statements " + numbers(record, "statements");
  if (!savepoint.empty()) text += fmt::format(", back to savepoint {}", savepoint);
  return show({.time = text_of(record, "time"),
               .agent = "",
               .session = text_of(record, "session"),
               .statement = {},
               .mark = mark,
               .rows = "",
               .duration = "",
               .text = text});
}

/// Sessions, and the kinds that have no columns of their own: event, why, and what else there is.
AuditView::Shown AuditView::other(const json::object& record) const {
  const std::string_view kind = text_of(record, "kind");
  const bool session = kind == "session";
  const std::string_view event = text_of(record, "event");
  std::string text(session ? "" : event);
  if (const std::string_view why = text_of(record, "why"); !why.empty()) {
    text += text.empty() ? "" : ": ";
    text += why;
  }
  constexpr std::string_view kShown[] = {"v",     "seq",   "kind", "time", "session",
                                         "agent", "event", "why",  "prev", "hash"};
  // Who it was stands where a session was opened or refused.
  const bool ended = session && event == "closed";
  for (const auto& [name, value] : record) {
    const std::string_view key(name.data(), name.size());
    if (ended || value.is_null() || std::find(std::begin(kShown), std::end(kShown), key) != std::end(kShown))
      continue;
    text += text.empty() ? "" : ", ";
    text.append(key).append(" ");
    text += value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  }
  return show({.time = text_of(record, "time"),
               .agent = text_of(record, "agent"),
               .session = text_of(record, "session"),
               .statement = {},
               .mark = std::string(session ? event : kind),
               .rows = "",
               .duration = "",
               .text = text});
}

void AuditView::remember(Key key, Statement statement) {
  while (!order_.empty() && (order_.size() >= 2 * kRemembered || open_.size() >= kRemembered ||
                             !open_.contains(order_.front()))) {
    open_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(key);
  open_.insert_or_assign(std::move(key), std::move(statement));
}

AuditView::Shown AuditView::next_without_outcome() {
  while (!order_.empty()) {
    const Key key = std::move(order_.front());
    order_.pop_front();
    const auto found = open_.find(key);
    if (found == open_.end()) continue;
    const Statement statement = std::move(found->second);
    open_.erase(found);
    return show({.time = statement.time,
                 .agent = statement.agent,
                 .session = key.first,
                 .statement = key.second,
                 .mark = "no outcome",
                 .rows = "",
                 .duration = "",
                 .text = statement.sql});
  }
  return {};
}

AuditView::Shown AuditView::show(const Columns& columns) const {
  // 2026-11-22T18:00:00.123456Z
  const bool has_time = columns.time.size() == 27;
  Shown shown{.date = has_time ? printable(columns.time.substr(0, 10)) : "", .line = {}};
  const std::string clock = has_time ? printable(columns.time.substr(11, 12)) : "";
  std::string session = printable(columns.session.substr(0, 6));
  if (columns.statement) session += fmt::format(":{}", *columns.statement);

  std::string& line = shown.line;
  const std::string agent = columns.agent.empty() ? "-" : printable(columns.agent, 24);
  line = fmt::format("{:12}  {:10}  ", clock, agent);
  if (options_.width == 0 || options_.width >= kNarrow) line += fmt::format("{:9}  ", session);
  const std::string mark = printable(columns.mark, 24);
  const std::size_t mark_begin = line.size();
  line += fmt::format("{:12} {:>8} {:>8}", mark, columns.rows, columns.duration);
  // All before the SQL is ASCII but for the agent, whose columns are counted as bytes here.
  const std::size_t used = line.size() + 2;
  line += "  ";
  if (options_.width == 0) {
    line += printable(columns.text);
  } else if (options_.width > used) {
    line += printable(columns.text, options_.width - used);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  if (options_.color && !mark.empty()) {
    line.insert(mark_begin + mark.size(), "\x1b[0m");
    line.insert(mark_begin, color_of(mark));
    line = fmt::format("\x1b[2m{}\x1b[0m{}", line.substr(0, clock.size()), line.substr(clock.size()));
  }
  return shown;
}

}  // namespace chaperone::commands
