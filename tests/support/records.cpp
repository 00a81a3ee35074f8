#include "tests/support/records.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace chaperone::test {
namespace {

/// Length of the JSON value at the front.
std::size_t value_length(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == ',' && depth == 0) return i;
  }
  return text.size();
}

std::vector<std::string> numbers(std::string_view list) {
  std::vector<std::string> all;
  for (list = list.substr(1, list.size() - 2); !list.empty();) {
    const auto comma = std::min(list.find(','), list.size());
    all.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return all;
}

std::string statement_text(std::string_view line) {
  const auto verdict = text_member(line, "verdict");
  const bool holds = member(line, "enforced") == "true";
  std::string said = verdict == "unknown" ? "? "
                     : verdict != "deny"  ? ": "
                     : holds              ? " denied by "
                                          : " against ";
  if (verdict == "deny") said += std::string(text_member(line, "rule")) + ": ";
  said += text_member(line, "sql");
  if (const auto values = member(line, "values"); values != "[]" && values != "null")
    said.append(" ").append(values);
  return said;
}

std::string outcome_text(std::string_view line) {
  std::string said(text_member(line, "result"));
  const auto add = [&](std::string_view before, std::string_view what, std::string_view behind = {}) {
    if (what != "null" && !what.empty()) said.append(before).append(what).append(behind);
  };
  if (member(line, "suspended") == "true") said += " suspended";
  add(" ", text_member(line, "tag"));
  add(" ", text_member(line, "sqlstate"));
  add(", ", member(line, "rows"), " rows");
  return said;
}

std::string end_text(std::string_view line) {
  std::string said(text_member(line, "end"));
  if (const auto savepoint = text_member(line, "savepoint"); !savepoint.empty())
    said.append(" to ").append(savepoint);
  return said;
}

}  // namespace

std::string_view member(std::string_view line, std::string_view name) {
  while (!line.empty()) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return {};
    const auto key = line.substr(1, colon - 2);
    line.remove_prefix(colon + 1);
    const auto length = value_length(line);
    if (key == name) return line.substr(0, length);
    line.remove_prefix(std::min(length + 1, line.size()));
  }
  return {};
}

std::string_view text_member(std::string_view line, std::string_view name) {
  const auto value = member(line, name);
  return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : value;
}

std::string sentence(std::string_view line) {
  const auto kind = text_member(line, "kind");
  const std::string number(member(line, "statement"));
  if (kind == "statement") return number + statement_text(line);
  if (kind == "outcome") return number + " " + outcome_text(line);
  if (kind == "transaction") return std::string(member(line, "statements")) + " " + end_text(line);
  std::string said(text_member(line, "event"));
  if (const auto why = text_member(line, "why"); why != "null") said.append(": ").append(why);
  return said;
}

std::vector<std::string> sentences(const audit::Batch& batch, std::size_t from) {
  std::vector<std::string> all;
  for (std::size_t i = from; i < batch.lines(); ++i) all.push_back(sentence(batch.line(i)));
  return all;
}

std::vector<std::string> story(const audit::Batch& batch) {
  std::map<std::string, std::string, std::less<>> statements, outcomes;
  std::vector<std::string> transactions;
  for (std::size_t i = 0; i < batch.lines(); ++i) {
    const auto line = batch.line(i);
    const auto kind = text_member(line, "kind");
    const std::string number(member(line, "statement"));
    if (kind == "statement") statements[number] = statement_text(line);
    if (kind == "outcome") outcomes[number] = outcome_text(line);
    if (kind != "transaction") continue;
    std::string said;
    for (const auto& each : numbers(member(line, "statements"))) said += "[" + statements[each] + "]";
    transactions.push_back(said + " " + end_text(line));
  }
  std::vector<std::string> told;
  for (const auto& [number, text] : statements) told.push_back(text + " -> " + outcomes[number]);
  std::ranges::sort(told);
  told.insert(told.end(), transactions.begin(), transactions.end());
  return told;
}

std::string contradiction(const audit::Batch& batch) {
  std::map<std::string, int, std::less<>> outcomes;
  int closed = 0;
  std::set<std::string> denied;
  for (std::size_t i = 0; i < batch.lines(); ++i) {
    const auto line = batch.line(i);
    const auto kind = text_member(line, "kind");
    const std::string number(member(line, "statement"));
    if (closed != 0) return "a record behind the end of the session: " + sentence(line);
    if (kind == "statement" && !outcomes.emplace(number, 0).second)
      return "two statements have number " + number;
    if (text_member(line, "verdict") == "deny" && member(line, "enforced") == "true") denied.insert(number);
    if (kind == "outcome") {
      const auto found = outcomes.find(number);
      if (found == outcomes.end()) return "an outcome of no statement: " + sentence(line);
      if (denied.contains(number)) return "an outcome of what was denied: " + sentence(line);
      if (++found->second > 1) return "a second outcome: " + sentence(line);
    }
    if (kind == "session" && text_member(line, "event") != "opened") ++closed;
  }
  if (closed == 0) return {};
  for (const auto& [number, count] : outcomes) {
    if (count == 0 && !denied.contains(number)) return "no outcome of statement " + number;
  }
  return {};
}

}  // namespace chaperone::test
