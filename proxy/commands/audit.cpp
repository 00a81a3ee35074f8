#include "proxy/commands/audit.hpp"

#include <fmt/ostream.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/line_reader.hpp"
#include "proxy/audit/verify.hpp"
#include "proxy/commands/audit_tail.hpp"

namespace chaperone::commands {
namespace {

constexpr std::chrono::milliseconds kPoll{100};
/// A check that is over sooner says nothing on the way.
constexpr std::chrono::seconds kPatience{1};

int refuse(std::ostream& errors, std::string_view why) {
  fmt::print(errors, "pgchaperone: {}\n", printable(why));
  return 2;
}

AuditViewOptions for_standard_output() {
  AuditViewOptions options;
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1) return options;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) options.width = size.ws_col;
  const char* const no_color = std::getenv("NO_COLOR");
  options.color = no_color == nullptr || *no_color == '\0';
  return options;
}

/// Options that show and tail have in common.
struct Arguments {
  std::vector<std::string> files;
  AuditTailOptions tail;
  AuditViewOptions view;
  std::uint64_t statement = 0;
};

void add_view_options(CLI::App& command, Arguments& arguments) {
  command.add_flag("--json", arguments.tail.json, "Records as they are, one JSON object a line");
  command.add_flag("--all", arguments.view.all,
                   "A line for each record; otherwise a statement and its outcome are one");
  command
      .add_option("--session", arguments.view.session, "Only of this session, or of those that begin with it")
      ->type_name("SESSION");
  command.add_option("--statement", arguments.statement, "Only of this statement of a session")
      ->type_name("NUMBER")
      ->check(CLI::Validator(CLI::PositiveNumber).description(""));
}

AuditViewOptions view_of(const Arguments& arguments) {
  AuditViewOptions options = for_standard_output();
  options.all = arguments.view.all;
  options.session = arguments.view.session;
  if (arguments.statement != 0) options.statement = arguments.statement;
  return options;
}

void add_verify(CLI::App& audit, int& exit_status) {
  CLI::App* command =
      audit.add_subcommand("verify", "Check that no record was changed, removed, added or moved.");
  command->footer(
      "Takes the files of one log, in any order. That nothing is missing at the end shows only by comparing "
      "the\n"
      "last hash with one that was kept elsewhere.\n"
      "Exit status: 0 intact, 1 broken, 2 could not run.\n\n"
      "Example: pgchaperone audit verify audit.jsonl*");
  const auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("FILE", *files, "Files of the log")->required()->type_name("FILE");
  command->callback([files, &exit_status] {
    exit_status =
        verify_audit(*files, std::cout, std::cerr, ::isatty(STDERR_FILENO) == 1 ? &std::cerr : nullptr);
  });
}

void add_show(CLI::App& audit, int& exit_status) {
  CLI::App* command = audit.add_subcommand("show", "Show what was recorded, a line a statement.");
  command->footer("Example: pgchaperone audit show --session 7q3k audit.jsonl");
  const auto arguments = std::make_shared<Arguments>();
  add_view_options(*command, *arguments);
  command->add_option("FILE", arguments->files, "Files of the log")->required()->type_name("FILE");
  command->callback([arguments, &exit_status] {
    exit_status =
        show_audit(arguments->files, view_of(*arguments), arguments->tail.json, std::cout, std::cerr);
  });
}

void add_tail(CLI::App& audit, int& exit_status) {
  CLI::App* command = audit.add_subcommand("tail", "Show the end of a log, and follow it.");
  command->footer("Example: pgchaperone audit tail -f audit.jsonl");
  const auto arguments = std::make_shared<Arguments>();
  command->add_flag("-f,--follow", arguments->tail.follow, "Go on with what is appended, until Ctrl-C");
  command->add_option("-n,--lines", arguments->tail.count, "Lines to begin with")
      ->type_name("NUMBER")
      ->capture_default_str();
  add_view_options(*command, *arguments);
  command->add_option("file", arguments->tail.file, "The file that the log is writing")
      ->required()
      ->type_name("FILE");
  command->callback([arguments, &exit_status] {
    AuditTailOptions options = arguments->tail;
    options.view = view_of(*arguments);
    exit_status = tail_audit(options, std::cout, std::cerr, [] {
      std::this_thread::sleep_for(kPoll);
      return true;
    });
  });
}

}  // namespace

int verify_audit(std::span<const std::string> files, std::ostream& out, std::ostream& errors,
                 std::ostream* progress) {
  const auto begin = std::chrono::steady_clock::now();
  bool told = false;
  const auto tell = [&](std::uint64_t done, std::uint64_t all) {
    if (progress == nullptr || std::chrono::steady_clock::now() - begin < kPatience) return;
    told = true;
    fmt::print(*progress, "\r{:3} % of {} MiB ", all == 0 ? 100 : std::min(done, all) * 100 / all, all >> 20);
    progress->flush();
  };
  const auto result = audit::verify(files, tell);
  if (told) *progress << "\r\x1b[K" << std::flush;
  if (!result) return refuse(errors, result.error().message);

  if (!result->intact) {
    if (result->line == 0) {
      fmt::print(out, "broken: {}\n", result->problem);
    } else {
      fmt::print(out, "broken: {}:{}: {}\n", printable(result->file), result->line, result->problem);
    }
  }
  if (result->lines != 0) {
    fmt::print(out, "{}: {} line{}, seq {} to {}, {} gap{}\nlast hash: {}\n",
               result->intact ? "intact" : "intact before it", result->lines, result->lines == 1 ? "" : "s",
               result->first_seq, result->last_seq, result->gaps, result->gaps == 1 ? "" : "s",
               result->last_hash);
    if (result->first_seq != 1) fmt::print(out, "lines before seq {} were not given\n", result->first_seq);
  }
  if (!out.flush()) return refuse(errors, "standard output can't be written");
  return result->intact ? 0 : 1;
}

int show_audit(std::span<const std::string> files, const AuditViewOptions& options, bool json,
               std::ostream& out, std::ostream& errors) {
  std::vector<std::pair<std::uint64_t, audit::LineReader>> readers;
  for (const std::string& file : files) {
    auto reader = audit::LineReader::open(file);
    if (!reader) return refuse(errors, reader.error().message);
    std::string_view line;
    const auto got = reader->next(line);
    if (!got) return refuse(errors, got.error().message);
    const std::uint64_t first_seq = *got ? audit::read_seq(line).value_or(0) : 0;
    reader->seek(0);
    readers.emplace_back(first_seq, std::move(*reader));
  }
  std::stable_sort(readers.begin(), readers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });

  AuditPrinter printer(options, json, out);
  for (auto& [first_seq, reader] : readers) {
    std::string_view line;
    for (;;) {
      const auto got = reader.next(line);
      if (!got) return refuse(errors, got.error().message);
      if (!*got || !out) break;
      printer.record(line);
    }
  }
  printer.end();
  return out.flush() ? 0 : refuse(errors, "standard output can't be written");
}

void add_audit(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand("audit", "Check and show what was recorded.");
  command->require_subcommand(1);
  add_verify(*command, exit_status);
  add_show(*command, exit_status);
  add_tail(*command, exit_status);
}

}  // namespace chaperone::commands
