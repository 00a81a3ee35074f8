#include "proxy/audit/journal.hpp"

#include <chrono>
#include <utility>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::audit {
namespace {

/// Lines that may wait to be written; from there on append() writes them.
constexpr std::size_t kQueueLimit = 8 << 20;
/// Lines that kSync may have on their way to the disk.
constexpr std::size_t kUnsyncedLimit = 64 << 20;

Microseconds now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string json_string(std::string_view text, bool& valid) {
  Buffer buffer;
  valid &= append_json_string(buffer, text);
  return std::string(buffer.view());
}

/// Ends the members of a gap record with what was torn, and says if that was not UTF-8.
std::string torn_members(std::string_view torn, std::uint64_t torn_bytes) {
  if (torn_bytes == 0) return ",\"torn\":null";
  bool valid = true;
  std::string members = ",\"torn\":" + json_string(torn, valid);
  if (torn_bytes > torn.size()) members += ",\"torn_bytes\":" + std::to_string(torn_bytes);
  if (!valid) members += ",\"lossy\":true";
  return members;
}

}  // namespace

wire::Result<std::unique_ptr<Journal>> Journal::open(const LogOptions& options, LogCounters& counters) {
  std::unique_ptr<Journal> journal(new Journal(options, counters));
  std::string recovery;
  if (!options.file.empty()) {
    auto lock = lock_log(options.file);
    if (!lock) return lock.error();
    journal->lock_ = std::move(*lock);
    const auto spool = read_spool(options.file);  // before anything is changed
    if (!spool) return spool.error();
    auto start = find_start(options.file);
    if (!start) return start.error();
    journal->file_ = start->file;
    journal->first_seq_ = start->first_seq == 0 ? start->position.seq + 1 : start->first_seq;
    const SpooledLines spooled = spooled_lines(*spool, start->position);
    if (auto done = start->file->append(spooled.lines); !done) return done.error();
    journal->copy_to_stdout(spooled.lines);
    // Its write was under way.
    if (start->torn_bytes == start->torn.size() && spooled.lines.starts_with(start->torn))
      start->torn_bytes = 0;
    journal->synced_size_ = start->file->size();
    journal->chain_.move_to(start->position);
    journal->seq_before_ = start->position.seq;
    if (!start->clean || !spooled.lines.empty() || spooled.foreign != 0) {
      recovery = R"("event":"recovery","why":"the log was not closed","last_seq":)" +
                 std::to_string(start->position.seq) + torn_members(start->torn, start->torn_bytes);
    }
    if (spooled.foreign != 0) {
      const auto aside = set_spool_aside(options.file, spooled.foreign);
      if (!aside) return aside.error();
      bool valid = true;
      recovery += ",\"spool\":" + json_string(aside->substr(aside->rfind('/') + 1), valid);
      if (!valid && recovery.find("\"lossy\"") == std::string::npos) recovery += ",\"lossy\":true";
    }
  } else if (!options.to_stdout) {
    return wire::Error{wire::sqlstate::kDiskFull,
                       "audit log: has neither a file nor standard output to go to"};
  }

  if (recovery.empty()) {
    journal->seal_event("checkpoint", R"("event":"started")", journal->pending_);
  } else {
    journal->seal_event("gap", recovery, journal->pending_);
  }
  if (auto done = journal->write_pending(); !done) return done.error();
  const Sync sync = journal->begin_sync();
  if (sync.file) {
    if (auto done = sync.file->sync(); !done) return done.error();
    if (auto done = sync_directory(options.file); !done) return done.error();
    journal->end_sync(sync, {});
    // What an earlier one held is on disk by now.
    remove_spool(options.file);
    if (options.durability == Durability::kBatch) journal->open_spool();
  }
  return journal;
}

wire::Result<std::uint64_t> Journal::append(const Batch& batch, bool at_once) {
  const auto refuse = [this](std::string why) {
    ++refused_;
    return wire::Error{wire::sqlstate::kDiskFull, "audit log cannot be written: nothing runs unrecorded",
                       std::move(why)};
  };
  if (closed_) return refuse("audit log is closed");
  if (down_) return refuse(refusal_);
  if (unsynced_.size() > kUnsyncedLimit) {
    return refuse("audit log " + options_.file + ": the disk does not keep up");
  }

  const bool queues = options_.durability == Durability::kNone || (spool_ && !at_once);
  if (pending_.size() > kQueueLimit) write_queue();
  if (!down_ && queues && queue(batch)) return last_seq();
  write_queue();
  if (down_) return refuse(refusal_);
  for (const bool first : {true, false}) {
    const ChainPosition before = chain_.position();
    seal(batch);
    auto written = write_pending();
    if (written) return last_seq();
    chain_.move_to(adopt_leftover().value_or(before));
    pending_.clear();
    if (first) {
      if (!fail(std::move(written.error().message))) break;
    } else {
      // No third file: a batch that fits nowhere must not leave a trail of them.
      failure_ = written.error().message;
      go_down(written.error());
    }
  }
  return refuse(refusal_);
}

/// False, and nothing done, where the spool has no room for it.
bool Journal::queue(const Batch& batch) {
  const std::size_t size = pending_.size();
  const ChainPosition before = chain_.position();
  seal(batch);
  if (!spool_ || spool_->append(pending_.view().substr(size))) return true;
  pending_.cut(size);
  chain_.move_to(before);
  return false;
}

void Journal::forget_pending() {
  pending_.clear();
  if (spool_) spool_->clear();
}

void Journal::write_queue() {
  if (down_) return;
  if (auto written = write_pending(); !written) {
    adopt_leftover();
    static_cast<void>(fail(std::move(written.error().message)));
  }
}

void Journal::rotate_if_full() {
  if (!file_ || down_ || rotation_failed_ || file_->size() < options_.rotate_size) return;
  write_queue();
  if (down_) return;
  // All of the old file is on disk before anything is in the new one.
  const Sync sync = begin_sync();
  if (!end_sync(sync, sync.file->sync())) return;

  const ChainPosition before = chain_.position();
  bool valid = true;
  const std::string old = set_aside_path(options_.file, first_seq_);
  std::string members = R"("event":"rotated","from":)" + json_string(old.substr(old.rfind('/') + 1), valid);
  if (!valid) members += ",\"lossy\":true";
  Buffer lines;
  seal_event("checkpoint", members, lines);
  const std::shared_ptr<LogFile> full = file_;
  auto begun = begin_file(lines.view());
  if (file_ == full) {
    chain_.move_to(before);
    rotation_failed_ = true;
    ++counters_.failures;
    return;
  }
  ++counters_.rotations;
  copy_to_stdout(lines.view());
  if (!begun) static_cast<void>(fail(std::move(begun.error().message)));
}

void Journal::check_file() {
  rotation_failed_ = false;
  if (!file_ || down_) return;
  if (const std::string_view what = file_->disturbed(); !what.empty()) {
    static_cast<void>(fail("audit log " + options_.file + ": " + std::string(what)));
  }
  if (spool_ && !spool_->in_place()) {
    ++counters_.failures;
    write_queue();
    if (!down_) open_spool();
  }
}

/// For kBatch. Without one, what is appended is written at once.
void Journal::open_spool() {
  spool_.reset();
  if (auto spool = Spool::create(options_.file)) spool_ = std::move(*spool);
}

void Journal::try_again() {
  if (!down_) return;
  if (auto done = go_on_in_new_file(); !done) go_down(done.error());
}

void Journal::close() {
  if (closed_) return;
  try_again();
  if (!down_) {
    seal_event("checkpoint", R"("event":"closed")", pending_);
    write_queue();
  }
  if (const Sync sync = begin_sync(); sync.file) end_sync(sync, sync.file->sync());
  closed_ = true;
  if (!down_ && spool_) remove_spool(options_.file);
  spool_.reset();
  file_.reset();
  lock_ = Descriptor();
}

Journal::Sync Journal::begin_sync() const {
  if (!file_ || down_) return {};
  return {file_, file_->size(), written_seq_, generation_};
}

bool Journal::end_sync(const Sync& sync, const wire::Result<void>& result) {
  ++counters_.syncs;
  // Its file was given up meanwhile, and what was not on disk went to the next one.
  if (sync.generation != generation_) return false;
  if (!result) {
    static_cast<void>(fail(result.error().message));
    return false;
  }
  if (options_.durability == Durability::kSync) unsynced_.drop_front(sync.size - synced_size_);
  synced_size_ = sync.size;
  synced_seq_ = sync.seq;
  return true;
}

void Journal::seal(const Batch& batch) {
  for (std::size_t index = 0; index < batch.lines(); ++index) chain_.seal(batch.line(index), pending_);
}

void Journal::seal_event(std::string_view kind, std::string_view members, Buffer& to) {
  own_.clear();
  own_.event(now(), kind, members);
  chain_.seal(own_.line(0), to);
}

wire::Result<void> Journal::write_pending() {
  leftover_ = 0;
  const std::string_view bytes = pending_.view();
  if (bytes.empty()) return {};
  if (file_) {
    if (auto done = file_->append(bytes); !done) {
      leftover_ = file_->leftover();
      return done.error();
    }
    copy_to_stdout(bytes);
  } else if (auto done = stdout_.append(bytes); !done) {
    leftover_ = stdout_.leftover();
    return done.error();
  }
  if (options_.durability == Durability::kSync && file_) unsynced_.append(bytes);
  written_seq_ = last_seq();
  ++counters_.writes;
  counters_.bytes += bytes.size();
  counters_.lines = last_seq() - seq_before_;
  forget_pending();
  return {};
}

/// After a write that failed: whole lines that are in the file for good belong to the chain. They leave
/// pending_; gives the position of the last one.
std::optional<ChainPosition> Journal::adopt_leftover() {
  const std::string_view there = pending_.view().substr(0, leftover_);
  const std::size_t end = there.rfind('\n');
  const std::size_t whole = end == std::string_view::npos ? 0 : end + 1;
  torn_ = there.substr(whole, kTornKept);
  torn_bytes_ = there.size() - whole;
  std::optional<ChainPosition> last;
  if (whole != 0) {
    const std::size_t before = there.rfind('\n', end - 1);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    if (const auto line = read_sealed_line(there.substr(begin, end - begin))) last = line->position();
  }
  if (options_.durability == Durability::kSync) unsynced_.append(there.substr(0, whole));
  pending_.drop_front(whole);
  return last;
}

wire::Result<void> Journal::fail(std::string why) {
  ++counters_.failures;
  failure_ = std::move(why);
  auto done = go_on_in_new_file();
  if (!done) go_down(done.error());
  return done;
}

void Journal::go_down(const wire::Error& error) {
  down_ = true;
  ++counters_.failures;
  refusal_ = error.message;
}

wire::Result<void> Journal::go_on_in_new_file() {
  const ChainPosition before = chain_.position();
  Buffer lines;
  // For kSync: whether these lines are on disk is not known, so they move to the new file.
  lines.append(unsynced_.view());
  const std::size_t moved = lines.size();
  lines.append(pending_.view());
  seal_event("gap", gap_members(), lines);

  if (options_.file.empty()) {
    if (auto done = stdout_.append(lines.view()); !done) {
      chain_.move_to(before);
      return done;
    }
  } else {
    const std::shared_ptr<LogFile> old = file_;
    auto begun = begin_file(lines.view());
    if (file_ == old) {
      chain_.move_to(before);
      return begun;
    }
    copy_to_stdout(lines.view().substr(moved));
    if (!begun) {
      forget_pending();
      return begun;
    }
  }
  forget_pending();
  torn_bytes_ = 0;
  counters_.lines = last_seq() - seq_before_;
  down_ = false;
  refused_ = 0;
  return {};
}

/// Writes a new file that begins with these lines, sets the present one aside and goes on in the new one. If
/// file_ is still the old one nothing was changed; an error with a new one says that its name may not be on
/// disk.
wire::Result<void> Journal::begin_file(std::string_view lines) {
  auto created = LogFile::create(hidden_path(options_.file, ".new"));
  if (!created) return created.error();
  const std::shared_ptr<LogFile> next = *created;
  if (auto done = next->append(lines); !done) return done;
  if (options_.durability != Durability::kNone) {
    if (auto done = next->sync(); !done) return done;
  }
  if (!unsynced_.empty()) {
    ++generation_;
    if (auto done = file_->cut(synced_size_); !done) return done;
  }
  const std::string aside = set_aside_path(options_.file, first_seq_);
  const bool in_place = file_ && file_->in_place();
  if (in_place && file_->path() != aside) {
    if (auto done = file_->move_to(aside); !done) return done;
  }
  if (auto done = next->move_to(options_.file); !done) {
    if (in_place) static_cast<void>(file_->move_to(options_.file));
    return done;
  }
  file_ = next;
  ++generation_;
  first_seq_ = read_seq(lines).value_or(0);
  unsynced_.clear();
  synced_size_ = next->size();
  written_seq_ = last_seq();
  if (options_.durability != Durability::kNone) synced_seq_ = last_seq();
  ++counters_.writes;
  counters_.bytes += lines.size();
  return sync_directory(options_.file);
}

void Journal::copy_to_stdout(std::string_view lines) {
  if (options_.to_stdout && !stdout_.append(lines)) ++counters_.failures;
}

std::string Journal::gap_members() const {
  bool valid = true;
  std::string members = R"("event":"failed","why":)" + json_string(failure_, valid);
  members += ",\"last_seq\":" + std::to_string(last_seq());
  members += ",\"synced_seq\":" + (synced_seq_ == 0 ? "null" : std::to_string(synced_seq_));
  members += ",\"refused\":" + std::to_string(refused_);
  members += torn_members(torn_, torn_bytes_);
  if (!valid && members.find("\"lossy\"") == std::string::npos) members += ",\"lossy\":true";
  return members;
}

}  // namespace chaperone::audit
