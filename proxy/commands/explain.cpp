#include "proxy/commands/explain.hpp"

#include <fmt/ostream.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "parser/script_reader.hpp"
#include "parser/utf8.hpp"
#include "proxy/commands/audit_view.hpp"

namespace chaperone::commands {
namespace {

namespace json = boost::json;

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value() : json::value(text);
}

template <class List>
json::array array_of(const List& list) {
  json::array out;
  for (const auto& each : list) out.emplace_back(std::string_view(each));
  return out;
}

/// The rule without the capability's name in front.
std::string_view without_capability(std::string_view rule) {
  const std::size_t colon = rule.find(": ");
  return colon == std::string_view::npos ? rule : rule.substr(colon + 2);
}

void print_json(std::string_view sql, const Subjects& subjects, const rules::Checked& checked,
                const std::vector<rules::Reason>& reasons, std::ostream& out) {
  json::object object;
  object["agent"] = subjects.agent->name;
  object["sql"] = sql;
  object["verdict"] = checked.allow ? "allow" : "deny";
  object["capability"] = text_or_null(checked.capability);
  object["rule"] = text_or_null(checked.rule);
  object["sqlstate"] = text_or_null(checked.sqlstate);
  object["message"] = text_or_null(checked.message);
  object["detail"] = text_or_null(checked.detail);
  object["hint"] = text_or_null(checked.hint);
  object["position"] =
      checked.offset == parser::kNone
          ? json::value()
          : json::value(parser::characters(sql.substr(0, std::min<std::size_t>(checked.offset, sql.size()))) +
                        1);
  object["narrowed"] = array_of(checked.narrowed);
  json::array used;
  for (const std::string& rule : checked.exercised) used.emplace_back(without_capability(rule));
  object["rules"] = std::move(used);
  json::array capabilities;
  for (const rules::Reason& reason : reasons) {
    capabilities.push_back(
        json::object{{"capability", reason.capability}, {"rule", reason.rule}, {"message", reason.message}});
  }
  object["capabilities"] = std::move(capabilities);
  object["rewritten"] = checked.rewritten ? json::value(*checked.rewritten) : json::value();
  object["policy"] = subjects.policy->hash;
  out << object << '\n';
}

class Text {
 public:
  Text(std::ostream& out, bool color) : out_(out), color_(color) {}

  void line(std::string_view label, std::string_view text) { fmt::print(out_, "{:<12} {}\n", label, text); }
  void verdict(bool allow) {
    fmt::print(out_, "{:<12} {}{}{}\n", "verdict", color_ ? (allow ? "\x1b[32m" : "\x1b[31m") : "",
               allow ? "allow" : "deny", color_ ? "\x1b[0m" : "");
  }
  /// SQL as it is, each line behind the label's column; a mark under the byte at `offset`.
  void sql(std::string_view label, std::string_view text, std::uint32_t offset = parser::kNone) {
    std::size_t begin = 0;
    while (begin <= text.size()) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      line(begin == 0 ? label : "", printable(text.substr(begin, end - begin)));
      if (offset != parser::kNone && offset >= begin && offset <= end) {
        const std::string before = printable(text.substr(begin, offset - begin));
        const bool blank = offset > begin && text[offset - 1] == ' ';
        line("", std::string(parser::characters(before) + (blank ? 1 : 0), ' ') + "^");
      }
      begin = end + 1;
    }
  }

 private:
  std::ostream& out_;
  bool color_;
};

void print_text(std::string_view sql, const Subjects& subjects, const rules::Checked& checked,
                const std::vector<rules::Reason>& reasons, Text text) {
  text.line("agent", subjects.agent->name);
  text.sql("statement", sql, checked.allow ? parser::kNone : checked.offset);
  text.verdict(checked.allow);
  if (!checked.allow) {
    text.line("message", printable(checked.message));
    if (!checked.detail.empty()) text.line("detail", printable(checked.detail));
    if (!checked.hint.empty()) text.line("hint", printable(checked.hint));
    if (reasons.size() > 1) {
      for (const rules::Reason& reason : reasons) {
        text.line("tried",
                  fmt::format("{}: {} ({})", reason.capability, printable(reason.message), reason.rule));
      }
    }
    return;
  }
  text.line("capability", checked.capability.empty() ? "none needed: the set `session`" : checked.capability);
  for (const std::string& rule : checked.exercised) text.line("by", without_capability(rule));
  text.line("narrowed",
            checked.narrowed.empty() ? "nothing" : fmt::format("{}", fmt::join(checked.narrowed, ", ")));
  if (checked.rewritten) {
    text.sql("sent", *checked.rewritten);
  } else {
    text.line("sent", "as received");
  }
  for (const std::string& name : subjects.missing) {
    text.line("note", fmt::format("{} comes from a claim: give its value with --param {}=VALUE", name, name));
  }
}

struct Arguments {
  SubjectOptions subjects;
  bool json = false;
  std::string sql;
};

int run_explain(const Arguments& arguments) {
  Subjects subjects;
  if (!load_subjects(arguments.subjects, subjects, std::cerr)) return 2;
  std::string sql = arguments.sql;
  if (sql == "-") sql.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  if (parser::valid_utf8_prefix(sql) != sql.size()) {
    fmt::print(stderr, "pgchaperone: the statement is not UTF-8\n");
    return 2;
  }
  const int status = explain(sql, subjects, arguments.json, ::isatty(STDOUT_FILENO) == 1, std::cout);
  if (std::cout.flush()) return status;
  fmt::print(stderr, "pgchaperone: standard output can't be written\n");
  return 2;
}

}  // namespace

int explain(std::string_view sql, const Subjects& subjects, bool as_json, bool color, std::ostream& out) {
  const rules::Checked checked = rules::check(sql, *subjects.agent, *subjects.catalog, subjects.principal);
  std::vector<rules::Reason> reasons;
  if (!checked.allow) reasons = rules::reasons(sql, *subjects.agent, *subjects.catalog);
  if (as_json) {
    print_json(sql, subjects, checked, reasons, out);
  } else {
    print_text(sql, subjects, checked, reasons, Text(out, color));
  }
  return checked.allow ? 0 : 1;
}

void add_explain(CLI::App& app, int& exit_status) {
  CLI::App* command =
      app.add_subcommand("explain", "Show how a statement is decided, and the SQL that would be sent.");
  command->footer(
      "Exit status: 0 allowed, 1 refused, 2 could not run.\n\n"
      "Example: pgchaperone explain --policy policy.yaml --schema schema.sql --as triage-bot 'SELECT * FROM "
      "tickets'");
  const auto arguments = std::make_shared<Arguments>();
  add_subject_options(*command, arguments->subjects);
  command->add_flag("--json", arguments->json, "As one JSON object");
  command->add_option("sql", arguments->sql, "The statement; - reads standard input")
      ->required()
      ->type_name("SQL");
  command->callback([arguments, &exit_status] { exit_status = run_explain(*arguments); });
}

}  // namespace chaperone::commands
