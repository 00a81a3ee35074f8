#include "proxy/commands/check.hpp"

#include <fmt/ostream.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>

#include "parser/utf8.hpp"
#include "proxy/commands/audit_view.hpp"
#include "rules/file.hpp"

namespace chaperone::commands {
namespace {

/// Longer than any file of SQL that people look at; the tokenizer counts in 32 bits.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;
constexpr auto kPatience = std::chrono::seconds(1);
constexpr std::size_t kStatementsBetweenLooks = 1000;
/// Characters of a line that are shown around a place.
constexpr std::size_t kShownBefore = 60;
constexpr std::size_t kShownAfter = 40;

/// As it can stand in JSON and XML: each byte that is not UTF-8 becomes U+FFFD.
std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t valid = parser::valid_utf8_prefix(text);
    out += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    out += "\xEF\xBF\xBD";
    text.remove_prefix(1);
  }
  return out;
}

bool starts_character(char byte) {
  return (byte & 0xC0) != 0x80;
}

// Parts of a line, bounded: a file can be one long line of many statements.
std::string_view line_before(std::string_view text, std::size_t offset) {
  std::size_t begin = offset;
  std::size_t characters = 0;
  while (begin > 0 && text[begin - 1] != '\n' && characters < kShownBefore) {
    characters += static_cast<std::size_t>(starts_character(text[--begin]));
  }
  return text.substr(begin, offset - begin);
}

std::string_view line_after(std::string_view text, std::size_t offset) {
  std::size_t end = offset;
  std::size_t characters = 0;
  for (; end < text.size() && text[end] != '\n'; ++end) {
    if (starts_character(text[end]) && ++characters > kShownAfter) break;
  }
  return text.substr(offset, end - offset);
}

/// One run over some files.
class Checking {
 public:
  Checking(const Subjects& subjects, const parser::Limits& limits, CheckReport& report, std::ostream& errors,
           std::ostream* progress)
      : subjects_(subjects), limits_(limits), report_(report), errors_(errors), progress_(progress) {}

  void file(std::string_view name, std::string_view text) {
    ++totals_.files;
    report_.begin_file(name);
    parser::ScriptReader reader(text);
    parser::LineCounter lines(text);
    parser::ScriptPiece piece;
    std::map<std::string, std::size_t, std::less<>> skipped;
    std::uint32_t number = 0;
    while (reader.next(piece)) {
      if (piece.kind == parser::ScriptPiece::Kind::kStatement) {
        statement(name, text, piece, ++number, lines);
        tell(name, piece.span.offset, text.size());
      } else if (piece.kind == parser::ScriptPiece::Kind::kCommand) {
        const std::string_view command = text.substr(piece.span.offset, piece.span.length);
        ++skipped[std::string(command.substr(0, command.find_first_of(" \t")))];
      }
    }
    note_skipped(name, skipped);
  }

  int end() {
    report_.end(totals_);
    if (told_) *progress_ << "\r\x1b[K" << std::flush;
    return totals_.allowed == totals_.statements ? 0 : 1;
  }

 private:
  void statement(std::string_view name, std::string_view text, const parser::ScriptPiece& piece,
                 std::uint32_t number, parser::LineCounter& lines) {
    const std::string sql = piece.sql(text);
    rules::Checked checked =
        rules::check(sql, *subjects_.agent, *subjects_.catalog, subjects_.principal, limits_);
    if (checked.sqlstate == "42601" && piece.has_variables) {
      checked.hint =
          "psql puts variables (:name) in before it sends a statement; their values are not known here.";
    }
    const bool pointed = checked.offset != parser::kNone && checked.offset <= sql.size();
    const std::size_t offset =
        std::min(std::size_t{piece.span.offset} + (pointed ? checked.offset : 0), text.size());
    ++totals_.statements;
    totals_.allowed += static_cast<std::size_t>(checked.allow);
    totals_.narrowed += static_cast<std::size_t>(!checked.narrowed.empty());
    const std::string shown = as_utf8(sql);
    report_.statement({name, number, lines.at(offset), shown, line_before(text, offset),
                       line_after(text, offset), checked});
  }

  void note_skipped(std::string_view name, const std::map<std::string, std::size_t, std::less<>>& skipped) {
    std::string list;
    std::size_t count = 0;
    for (const auto& [command, times] : skipped) {
      list += fmt::format("{}{}", list.empty() ? "" : ", ", printable(command));
      count += times;
    }
    if (count > 0) {
      fmt::print(errors_, "{}: note: {} command{} of psql skipped: {}\n", printable(name), count,
                 count == 1 ? "" : "s", list);
    }
  }

  void tell(std::string_view name, std::size_t done, std::size_t all) {
    if (progress_ == nullptr || totals_.statements % kStatementsBetweenLooks != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_at_ < kPatience) return;
    told_at_ = now;
    told_ = true;
    fmt::print(*progress_, "\r\x1b[K{}: {} % ({} statements)", printable(name),
               done * 100 / std::max<std::size_t>(all, 1), totals_.statements);
    progress_->flush();
  }

  const Subjects& subjects_;
  const parser::Limits& limits_;
  CheckReport& report_;
  std::ostream& errors_;
  std::ostream* progress_;
  CheckTotals totals_;
  bool told_ = false;
  std::chrono::steady_clock::time_point told_at_ = std::chrono::steady_clock::now();
};

struct Arguments {
  SubjectOptions subjects;
  std::string format = "text";
  std::vector<std::string> files;
};

const std::map<std::string, CheckFormat> kFormats = {{"text", CheckFormat::kText},
                                                     {"json", CheckFormat::kJson},
                                                     {"sarif", CheckFormat::kSarif},
                                                     {"junit", CheckFormat::kJunit},
                                                     {"github", CheckFormat::kGithub}};

int run_check(const Arguments& arguments) {
  Subjects subjects;
  if (!load_subjects(arguments.subjects, subjects, std::cerr)) return 2;
  const bool color = ::isatty(STDOUT_FILENO) == 1;
  const auto report = make_check_report(kFormats.at(arguments.format), std::cout, color);
  std::ostream* progress = ::isatty(STDERR_FILENO) == 1 ? &std::cerr : nullptr;
  const int status = check_files(arguments.files, subjects, {}, *report, std::cin, std::cerr, progress);
  if (std::cout.flush()) return status;
  fmt::print(stderr, "pgchaperone: standard output can't be written\n");
  return 2;
}

}  // namespace

int check_files(std::span<const std::string> files, const Subjects& subjects, const parser::Limits& limits,
                CheckReport& report, std::istream& input, std::ostream& errors, std::ostream* progress) {
  // All are read before the first is reported, so that one that can't be leaves no half report.
  std::vector<std::string> texts;
  for (const std::string& file : files) {
    if (file == "-") {
      texts.emplace_back(std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>());
      continue;
    }
    rules::File read = rules::read_file(file, kMaxFileBytes);
    if (!read.error.empty()) {
      fmt::print(errors, "pgchaperone: {} can't be read: {}\n", printable(file), read.error);
      return 2;
    }
    texts.push_back(std::move(read.text));
  }
  Checking checking(subjects, limits, report, errors, progress);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    checking.file(files[i] == "-" ? "<standard input>" : files[i], texts[i]);
  }
  return checking.end();
}

void add_check(CLI::App& app, int& exit_status) {
  CLI::App* command =
      app.add_subcommand("check", "Decide the SQL of files as the proxy would: a gate for CI.");
  command->footer(
      "Files are cut into statements as psql cuts them; its backslash commands are skipped with a note.\n"
      "Formats: text; json, an object a line; sarif (2.1.0), junit and github for CI.\n"
      "Exit status: 0 all allowed, 1 something refused, 2 could not run.\n\n"
      "Example: pgchaperone check --policy policy.yaml --schema schema.sql --as triage-bot queries/*.sql");
  const auto arguments = std::make_shared<Arguments>();
  add_subject_options(*command, arguments->subjects);
  std::vector<std::string> formats;
  for (const auto& [name, format] : kFormats) formats.push_back(name);
  command->add_option("--format", arguments->format, "How to report")
      ->check(CLI::IsMember(formats))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_option("FILE", arguments->files, "Files of SQL; - is standard input")
      ->required()
      ->type_name("FILE");
  command->callback([arguments, &exit_status] { exit_status = run_check(*arguments); });
}

}  // namespace chaperone::commands
