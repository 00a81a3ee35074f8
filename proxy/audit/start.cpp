#include "proxy/audit/start.hpp"

#include <algorithm>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::audit {
namespace {

constexpr std::uint64_t kFirstWindow = 64 << 10;
/// No line is as long: statements and values are cut long before.
constexpr std::uint64_t kLastWindow = 64 << 20;

wire::Error not_a_log(const std::string& file, std::string_view why) {
  return {wire::sqlstate::kDiskFull,
          "audit log " + file + ": " + std::string(why) + "; move it away to begin a new log"};
}

/// The end of a file.
struct Tail {
  std::uint64_t whole_size = 0;  ///< up to and with the last whole line; 0 = there is none
  ChainPosition position;
  bool closed = false;
  std::string behind;  ///< what stands behind that line, at most the last window of it
};

/// The last line in `text` that is whole and bears its own hash. Its beginning must be in `text` as well,
/// which starts at `offset` of the file.
Tail last_line(std::string_view text, std::uint64_t offset, Sha256& sha256) {
  Tail tail;
  for (std::size_t end = text.rfind('\n'); end != std::string_view::npos;) {
    const std::size_t before = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    if (before == std::string_view::npos && offset != 0) break;
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const auto line = read_sealed_line(text.substr(begin, end - begin));
    if (line && hash_fits(*line, sha256)) {
      tail.whole_size = offset + end + 1;
      tail.position = line->position();
      tail.closed = line->kind == "checkpoint" && line->body.ends_with(R"("event":"closed")");
      tail.behind = text.substr(end + 1);
      return tail;
    }
    end = before;
  }
  tail.behind = text;
  return tail;
}

wire::Result<Tail> read_tail(const LogFile& file) {
  Sha256 sha256;
  for (std::uint64_t window = kFirstWindow;; window = std::min(window * 8, kLastWindow)) {
    const std::uint64_t offset = file.size() > window ? file.size() - window : 0;
    auto text = file.read(offset, static_cast<std::size_t>(file.size() - offset));
    if (!text) return text.error();
    Tail tail = last_line(*text, offset, sha256);
    if (tail.whole_size != 0 || offset == 0 || window == kLastWindow) return tail;
  }
}

/// Whether bytes can be what a power cut left of the first line: its beginning, or zeros.
bool is_torn_first_line(std::string_view text) {
  constexpr std::string_view kHead = R"({"v":1,"seq":)";
  return text.find('\n') == std::string_view::npos && text.size() <= kTornKept &&
         (text.substr(0, kHead.size()) == kHead.substr(0, text.size()) ||
          text.find_first_not_of('\0') == text.npos);
}

/// Goes on behind the last line of the newest file that was set aside, if there is one.
wire::Result<void> continue_from_set_aside(const std::string& file, Start& start) {
  auto older = files_set_aside(file);
  if (!older) return older.error();
  if (older->empty()) return {};
  const std::string& newest = older->back().path;
  auto opened = LogFile::open(newest);
  if (!opened) return opened.error();
  auto tail = read_tail(**opened);
  if (!tail) return tail.error();
  if (tail->whole_size == 0) return not_a_log(newest, "holds no record to go on from");
  start.position = tail->position;
  start.clean = false;
  return {};
}

}  // namespace

wire::Result<Start> find_start(const std::string& file) {
  auto opened = LogFile::open(file);
  if (!opened) return opened.error();
  auto tail = read_tail(**opened);
  if (!tail) return tail.error();

  Start start;
  start.file = *opened;
  start.torn_bytes = start.file->size() - tail->whole_size;
  start.torn = tail->behind.substr(0, kTornKept);
  if (tail->whole_size == 0) {
    if (start.torn_bytes != 0 && !is_torn_first_line(tail->behind)) return not_a_log(file, "is no audit log");
    start.clean = start.torn_bytes == 0;
    if (auto done = continue_from_set_aside(file, start); !done) return done.error();
  } else {
    auto beginning = start.file->read(0, 64);
    if (!beginning) return beginning.error();
    const auto first_seq = read_seq(*beginning);
    if (!first_seq) return not_a_log(file, "does not begin with a record");
    start.first_seq = *first_seq;
    start.position = tail->position;
    start.clean = tail->closed && start.torn_bytes == 0;
  }
  if (start.torn_bytes <= kTornKept) {
    if (start.torn_bytes == 0) return start;
    if (auto done = start.file->cut(tail->whole_size); !done) return done.error();
    return start;
  }

  if (tail->behind.find('\n') != std::string::npos) {
    return not_a_log(file, "its last " + std::to_string(start.torn_bytes) + " bytes are no records");
  }
  if (auto done = start.file->move_to(set_aside_path(file, start.first_seq)); !done) return done.error();
  auto fresh = LogFile::open(file);
  if (!fresh) return fresh.error();
  start.file = *fresh;
  start.first_seq = 0;
  return start;
}

}  // namespace chaperone::audit
