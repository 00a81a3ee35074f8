#include "proxy/commands/check_report.hpp"

#include <fmt/ostream.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <vector>

#include "proxy/commands/version.hpp"

namespace chaperone::commands {
namespace {

namespace json = boost::json;

constexpr std::string_view kPrefix = "pgchaperone: ";

/// Without the name of the product, where its place tells it already.
std::string_view short_message(const rules::Checked& checked) {
  std::string_view message = checked.message;
  if (message.starts_with(kPrefix)) message.remove_prefix(kPrefix.size());
  return message;
}

/// What the refusal is filed under: the rule, or for SQL that can't be read its SQLSTATE.
std::string_view rule_id(const rules::Checked& checked) {
  return checked.rule.empty() ? std::string_view(checked.sqlstate) : std::string_view(checked.rule);
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value() : json::value(text);
}

class TextReport : public CheckReport {
 public:
  TextReport(std::ostream& out, bool color) : out_(out), color_(color) {}

  void statement(const CheckedStatement& each) override {
    if (each.checked.allow) return;
    const rules::Checked& checked = each.checked;
    fmt::print(out_, "{}:{}:{}: {}refused{}: {}\n", each.file, each.place.line, each.place.column, red(),
               plain(), short_message(checked));
    show_line(each);
    if (!checked.detail.empty()) fmt::print(out_, "    {}\n", checked.detail);
    if (!checked.hint.empty()) fmt::print(out_, "    hint: {}\n", checked.hint);
  }

  void end(const CheckTotals& totals) override {
    const std::size_t refused = totals.statements - totals.allowed;
    fmt::print(out_, "{} in {}: {} allowed ({} narrowed), {}{} refused{}\n",
               count(totals.statements, "statement"), count(totals.files, "file"), totals.allowed,
               totals.narrowed, refused > 0 ? red() : "", refused, refused > 0 ? plain() : "");
  }

 private:
  // What is around the place, with a mark under it.
  void show_line(const CheckedStatement& each) {
    std::string shown(each.line_before);
    shown += each.line_after;
    std::replace_if(
        shown.begin(), shown.end(), [](char byte) { return static_cast<unsigned char>(byte) < ' '; }, ' ');
    const auto column = std::count_if(each.line_before.begin(), each.line_before.end(),
                                      [](char byte) { return (byte & 0xC0) != 0x80; });
    fmt::print(out_, "    {}\n    {:>{}}\n", shown, "^", column + 1);
  }
  static std::string count(std::size_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  }
  std::string_view red() const { return color_ ? "\x1b[31m" : ""; }
  std::string_view plain() const { return color_ ? "\x1b[0m" : ""; }

  std::ostream& out_;
  bool color_;
};

class JsonReport : public CheckReport {
 public:
  explicit JsonReport(std::ostream& out) : out_(out) {}

  void statement(const CheckedStatement& each) override {
    const rules::Checked& checked = each.checked;
    json::object object;
    object["file"] = each.file;
    object["line"] = each.place.line;
    object["column"] = each.place.column;
    object["statement"] = each.number;
    object["verdict"] = checked.allow ? "allow" : "deny";
    object["capability"] = text_or_null(checked.capability);
    object["rule"] = text_or_null(checked.rule);
    object["sqlstate"] = text_or_null(checked.sqlstate);
    object["message"] = text_or_null(checked.message);
    object["hint"] = text_or_null(checked.hint);
    object["sql"] = each.sql;
    object["rewritten"] = checked.rewritten ? json::value(*checked.rewritten) : json::value();
    out_ << object << '\n';
  }

 private:
  std::ostream& out_;
};

class GithubReport : public CheckReport {
 public:
  explicit GithubReport(std::ostream& out) : out_(out) {}

  void statement(const CheckedStatement& each) override {
    if (each.checked.allow) return;
    std::string message(short_message(each.checked));
    if (!each.checked.hint.empty()) message += "\n" + each.checked.hint;
    fmt::print(out_, "::error file={},line={},col={},title={}::{}\n", escape(each.file, true),
               each.place.line, each.place.column,
               escape(fmt::format("pgchaperone {}", rule_id(each.checked)), true), escape(message, false));
  }

 private:
  // As actions/toolkit's command.ts: data and properties.
  static std::string escape(std::string_view text, bool property) {
    std::string out;
    for (const char byte : text) {
      const bool special =
          byte == '%' || byte == '\r' || byte == '\n' || (property && (byte == ':' || byte == ','));
      if (special) {
        fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(byte));
      } else {
        out += byte;
      }
    }
    return out;
  }

  std::ostream& out_;
};

/// SARIF 2.1.0 (OASIS), with what GitHub's code scanning asks for.
class SarifReport : public CheckReport {
 public:
  explicit SarifReport(std::ostream& out) : out_(out) {}

  void statement(const CheckedStatement& each) override {
    if (each.checked.allow) return;
    const std::string_view rule = rule_id(each.checked);
    const auto [found, added] = rules_.try_emplace(std::string(rule), rules_.size());
    if (added) {
      order_.push_back(
          {{"id", rule},
           {"shortDescription",
            {{"text", each.checked.rule.empty() ? "SQL that can't be read or is over a limit"
                                                : fmt::format("Refused by {} of the policy", rule)}}},
           {"defaultConfiguration", {{"level", "error"}}}});
    }
    std::string text(short_message(each.checked));
    if (!each.checked.hint.empty()) text += " " + each.checked.hint;
    results_.push_back(json::object{
        {"ruleId", rule},
        {"ruleIndex", found->second},
        {"level", "error"},
        {"message", {{"text", text}}},
        {"locations",
         json::array{json::object{
             {"physicalLocation",
              {{"artifactLocation", {{"uri", uri(each.file)}}},
               {"region", {{"startLine", each.place.line}, {"startColumn", each.place.column}}}}}}}}});
  }

  void end(const CheckTotals&) override {
    json::object driver{{"name", "pgchaperone"}, {"version", version_number()}, {"rules", order_}};
    json::object run{
        {"tool", {{"driver", driver}}}, {"columnKind", "unicodeCodePoints"}, {"results", results_}};
    out_ << json::object{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs", json::array{run}}}
         << '\n';
  }

 private:
  // RFC 3986: a relative reference, or a file: URI.
  static std::string uri(std::string_view file) {
    std::string out = file.starts_with('/') ? "file://" : "";
    for (const char byte : file) {
      const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                         (byte >= '0' && byte <= '9') ||
                         std::string_view("-._~/").find(byte) != std::string_view::npos;
      if (plain) {
        out += byte;
      } else {
        fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(byte));
      }
    }
    return out;
  }

  std::ostream& out_;
  std::map<std::string, std::size_t, std::less<>> rules_;
  json::array order_;
  json::array results_;
};

class JunitReport : public CheckReport {
 public:
  explicit JunitReport(std::ostream& out) : out_(out) {}

  void begin_file(std::string_view file) override { suites_.push_back({std::string(file), "", 0, 0}); }

  void statement(const CheckedStatement& each) override {
    Suite& suite = suites_.back();
    ++suite.tests;
    const std::string name = fmt::format("{}:{} {}", each.place.line, each.place.column, one_line(each.sql));
    auto out = std::back_inserter(suite.cases);
    fmt::format_to(out, "    <testcase classname=\"{}\" name=\"{}\"", escape(each.file), escape(name));
    if (each.checked.allow) {
      fmt::format_to(out, "/>\n");
      return;
    }
    ++suite.failures;
    fmt::format_to(out, ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                   escape(rule_id(each.checked)), escape(short_message(each.checked)), escape(each.sql));
  }

  void end(const CheckTotals& totals) override {
    fmt::print(out_,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pgchaperone\" tests=\"{}\" "
               "failures=\"{}\">\n",
               totals.statements, totals.statements - totals.allowed);
    for (const Suite& suite : suites_) {
      fmt::print(out_, "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n{}  </testsuite>\n",
                 escape(suite.name), suite.tests, suite.failures, suite.cases);
    }
    fmt::print(out_, "</testsuites>\n");
  }

 private:
  struct Suite {
    std::string name;
    std::string cases;
    std::size_t tests;
    std::size_t failures;
  };

  static std::string one_line(std::string_view sql) {
    constexpr std::size_t kLongest = 80;
    std::string out(sql.substr(0, kLongest));
    while (!out.empty() && out.size() < sql.size() && (sql[out.size()] & 0xC0) == 0x80) out.pop_back();
    std::replace_if(
        out.begin(), out.end(), [](char byte) { return static_cast<unsigned char>(byte) < ' '; }, ' ');
    return out.size() < sql.size() ? out + "..." : out;
  }
  // XML 1.0: no control characters but tab and line ends, not even as references.
  static std::string escape(std::string_view text) {
    std::string out;
    for (const char byte : text) {
      switch (byte) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        case '\n':
          out += "&#10;";
          break;
        case '\t':
          out += "&#9;";
          break;
        default:
          out += static_cast<unsigned char>(byte) < ' ' ? '?' : byte;
      }
    }
    return out;
  }

  std::ostream& out_;
  std::vector<Suite> suites_;
};

}  // namespace

std::unique_ptr<CheckReport> make_check_report(CheckFormat format, std::ostream& out, bool color) {
  switch (format) {
    case CheckFormat::kText:
      return std::make_unique<TextReport>(out, color);
    case CheckFormat::kJson:
      return std::make_unique<JsonReport>(out);
    case CheckFormat::kSarif:
      return std::make_unique<SarifReport>(out);
    case CheckFormat::kJunit:
      return std::make_unique<JunitReport>(out);
    case CheckFormat::kGithub:
      return std::make_unique<GithubReport>(out);
  }
  return nullptr;
}

}  // namespace chaperone::commands
