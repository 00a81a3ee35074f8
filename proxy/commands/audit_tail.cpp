#include "proxy/commands/audit_tail.hpp"

#include <fmt/ostream.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/line_reader.hpp"

namespace chaperone::commands {
namespace {

/// Records read for each line that is to be shown: intent, outcome and transaction make one.
constexpr std::size_t kRecordsForALine = 4;
constexpr std::size_t kMoreRecords = 200;

/// A log file, and those that come after it.
class Follower {
 public:
  Follower(std::string file, audit::LineReader reader) : file_(std::move(file)), reader_(std::move(reader)) {}

  audit::LineReader& reader() { return reader_; }

  wire::Result<void> read(AuditPrinter& printer) {
    std::string_view line;
    for (;;) {
      const auto got = reader_.next(line);
      if (!got) return got.error();
      if (!*got) return {};
      last_seq_ = audit::read_seq(line).value_or(last_seq_);
      printer.record(line);
    }
  }

  /// What was appended meanwhile, here and in files that took this one's place.
  wire::Result<void> read_on(AuditPrinter& printer) {
    for (;;) {
      // Looked up first: a file that has been replaced, or was set aside before, gets nothing more.
      const bool over = reader_.path() != file_ || reader_.replaced();
      // The end of an unfinished line is read again: a restart may have cut it off and written something else
      // there.
      reader_.seek(std::min(reader_.offset(), reader_.size()));
      if (auto done = read(printer); !done || !over) return done;
      auto next = next_file();
      if (!next) return next.error();
      if (!*next) return {};  // just between two names; the next look finds it
      reader_ = std::move(**next);
    }
  }

 private:
  /// Where what was not read yet begins: in a file set aside meanwhile, else in the log; nothing while the
  /// log has no name.
  wire::Result<std::optional<audit::LineReader>> next_file() const {
    // Opened before the others are listed: what is set aside in between is one of those or the one opened.
    auto opened = audit::LineReader::open(file_);
    auto first = first_unread();
    if (!first) return first.error();
    if (!first->empty()) {
      // A listing may lack what came while it was made, but not what came before a file that the last one
      // has.
      first = first_unread();
      if (!first) return first.error();
      opened = audit::LineReader::open(*first);
    }
    return opened ? std::optional(std::move(*opened)) : std::nullopt;
  }

  /// The oldest of the files set aside that has something new, or "".
  wire::Result<std::string> first_unread() const {
    const auto older = audit::files_set_aside(file_);
    if (!older) return older.error();
    const auto next = std::find_if(older->begin(), older->end(),
                                   [this](const auto& each) { return each.first_seq > last_seq_; });
    return {boost::system::in_place_value, next == older->end() ? "" : next->path};
  }

  std::string file_;
  audit::LineReader reader_;
  std::uint64_t last_seq_ = 0;
};

}  // namespace

AuditPrinter::AuditPrinter(AuditViewOptions options, bool json, std::ostream& out)
    : view_(options), json_(json), color_(options.color), out_(out) {
}

void AuditPrinter::record(std::string_view line) {
  if (!json_) {
    print(view_.record(line));
  } else if (view_.wanted(line)) {
    print({.date = "", .line = std::string(line)});
  }
}

void AuditPrinter::end() {
  if (json_) return;
  for (auto shown = view_.next_without_outcome(); !shown.line.empty(); shown = view_.next_without_outcome()) {
    print(std::move(shown));
  }
}

void AuditPrinter::hold_back(std::size_t count) {
  holding_ = true;
  limit_ = count;
}

void AuditPrinter::release() {
  holding_ = false;
  for (const AuditView::Shown& shown : held_) write(shown);
  held_.clear();
}

void AuditPrinter::print(AuditView::Shown shown) {
  if (shown.line.empty()) return;
  if (!holding_) return write(shown);
  held_.push_back(std::move(shown));
  if (held_.size() > limit_) held_.pop_front();
}

void AuditPrinter::write(const AuditView::Shown& shown) {
  if (!shown.date.empty() && shown.date != date_) {
    date_ = shown.date;
    fmt::print(out_, "{}{} (UTC){}\n", color_ ? "\x1b[1m" : "", date_, color_ ? "\x1b[0m" : "");
  }
  out_ << shown.line << '\n';
}

int tail_audit(const AuditTailOptions& options, std::ostream& out, std::ostream& errors,
               const std::function<bool()>& go_on) {
  const auto refuse = [&errors](const wire::Error& error) {
    fmt::print(errors, "pgchaperone: {}\n", printable(error.message));
    return 2;
  };
  auto opened = audit::LineReader::open(options.file);
  if (!opened) return refuse(opened.error());
  Follower follower(options.file, std::move(*opened));
  AuditPrinter printer(options.view, options.json, out);

  const bool few = !options.json && options.count < std::size_t{1} << 32;
  const std::size_t records = few ? options.count * kRecordsForALine + kMoreRecords : options.count;
  if (auto done = follower.reader().seek_to_last(records); !done) return refuse(done.error());
  printer.hold_back(options.count);
  if (auto done = follower.read(printer); !done) return refuse(done.error());
  printer.release();
  while (options.follow && out.flush() && go_on()) {
    if (auto done = follower.read_on(printer); !done) return refuse(done.error());
  }
  return out.flush() ? 0 : 2;
}

}  // namespace chaperone::commands
