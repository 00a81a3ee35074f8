#include "proxy/audit/log.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "proxy/audit/journal.hpp"

namespace chaperone::audit {
namespace {

using Clock = std::chrono::steady_clock;

/// From the end of one pass to the beginning of the next: what is gathered for its sync is the group commit.
constexpr std::chrono::milliseconds kCadence{2};
/// kBatch rests so many times as long as the last write or sync kept a processor busy: the more lines one of
/// them takes, the less a line costs. (A sync takes 0.5 ms on a virtual disk, measured.)
constexpr int kRestPerWork = 99;
constexpr std::chrono::milliseconds kShortestWriteRest{1}, kLongestWriteRest{10}, kLongestSyncRest{100};
/// A look at the file, and while the log is down a try to come back.
constexpr std::chrono::seconds kCheck{1};

/// What the calling thread has had of a processor.
std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// After what the calling thread has done since it had had `before` of a processor.
std::chrono::nanoseconds rest(std::chrono::nanoseconds before, std::chrono::nanoseconds shortest,
                              std::chrono::nanoseconds longest) {
  return std::clamp<std::chrono::nanoseconds>(kRestPerWork * (processor_time() - before), shortest, longest);
}

}  // namespace

struct Log::Implementation {
  explicit Implementation(LogOptions log_options) : options(std::move(log_options)) {}

  template <class Call>
  auto under_lock(Call call) {
    const std::lock_guard guard(mutex);
    const auto result = call();
    note_progress();
    return result;
  }
  void note_progress();
  void run();
  void sync(std::unique_lock<std::mutex>& lock);
  void publish_durable(std::unique_lock<std::mutex>& lock, std::uint64_t seq);

  const LogOptions options;
  Counters counters;
  std::atomic<bool> down{false};
  std::atomic<std::uint64_t> durable{0};

  std::mutex mutex;  // guards all below
  std::condition_variable wake;
  std::unique_ptr<Journal> journal;
  std::uint64_t seen_seq = 0;
  bool dirty = false;     // something was appended since the last pass began
  bool unsynced = false;  // something was written since the last sync began
  bool idle = false;      // the writer waits for something to be appended
  bool syncing = false;   // it waits for the disk
  bool stopping = false;
  std::mutex call_mutex;  // guards on_durable and its run; never taken under `mutex`
  std::function<void(std::uint64_t)> on_durable;
  std::thread writer;
};

/// After each change of the journal: what others read without the lock, and the writer's wake-up.
void Log::Implementation::note_progress() {
  down.store(journal->down(), std::memory_order_relaxed);
  const std::uint64_t seq = journal->last_seq();
  if (options.durability != Durability::kSync) durable.store(seq, std::memory_order_release);
  if (seq == seen_seq) return;
  seen_seq = seq;
  dirty = true;
  if (std::exchange(idle, false)) wake.notify_one();
}

void Log::Implementation::run() {
  std::unique_lock lock(mutex);
  auto next_check = Clock::now() + kCheck;
  auto next_pass = Clock::now();
  auto next_sync = next_pass;
  while (!stopping) {
    if (dirty || Clock::now() < next_pass) {  // nobody has to wake it under load
      wake.wait_until(lock, unsynced ? std::min(next_pass, next_sync) : next_pass,
                      [this] { return stopping; });
    } else {
      idle = true;
      wake.wait_until(lock, unsynced ? next_sync : next_check, [this] { return dirty || stopping; });
      idle = false;
    }
    if (stopping) break;
    if (Clock::now() >= next_check) {
      journal->try_again();
      journal->check_file();
      journal->rotate_if_full();
      note_progress();
      next_check = Clock::now() + kCheck;
    }
    const bool batch = options.durability == Durability::kBatch;
    if (dirty && Clock::now() >= next_pass) {
      const auto before = processor_time();
      dirty = false;
      journal->write_queue();
      journal->rotate_if_full();
      down.store(journal->down(), std::memory_order_relaxed);
      next_pass = Clock::now() + (batch ? rest(before, kShortestWriteRest, kLongestWriteRest) : kCadence);
      // What follows a first line in no time is not to wait for the disk.
      if (batch && !unsynced) next_sync = std::max(next_sync, Clock::now() + kCadence);
      unsynced = options.durability != Durability::kNone;
    }
    if (unsynced && Clock::now() >= next_sync) {
      const auto before = processor_time();
      sync(lock);
      next_sync = Clock::now() + (batch ? rest(before, kCadence, kLongestSyncRest) : kCadence);
    }
  }
}

void Log::Implementation::sync(std::unique_lock<std::mutex>& lock) {
  unsynced = false;
  std::uint64_t on_disk = 0;
  const Journal::Sync sync = journal->begin_sync();
  if (sync.file) {
    syncing = true;
    lock.unlock();
    const auto result = sync.file->sync();
    // A log is written and hardly read: its pages are used again instead of pushing out what others read,
    // and one that was in use is cheaper than a fresh one (1 us a KB on a virtual machine, measured).
    sync.file->let_go(sync.size);
    lock.lock();
    syncing = false;
    if (journal->end_sync(sync, result)) {
      on_disk = sync.seq;
    } else {
      dirty = true;  // what went to another file is published by the next pass
    }
  } else if (options.file.empty() && !journal->down()) {
    on_disk = journal->last_seq();
  }
  down.store(journal->down(), std::memory_order_relaxed);
  if (options.durability == Durability::kSync) publish_durable(lock, on_disk);
}

void Log::Implementation::publish_durable(std::unique_lock<std::mutex>& lock, std::uint64_t seq) {
  if (seq <= durable.load(std::memory_order_relaxed)) return;
  durable.store(seq, std::memory_order_release);
  lock.unlock();  // the call may append
  {
    const std::lock_guard guard(call_mutex);
    if (on_durable) on_durable(seq);
  }
  lock.lock();
}

Log::Log(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {
}

Log::~Log() {
  close();
}

wire::Result<std::unique_ptr<Log>> Log::open(LogOptions options) {
  auto state = std::make_unique<Implementation>(std::move(options));
  auto journal = Journal::open(state->options, state->counters);
  if (!journal) return journal.error();
  state->journal = std::move(*journal);
  state->durable = state->seen_seq = state->journal->last_seq();
  state->writer = std::thread([running = state.get()] { running->run(); });
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

wire::Result<std::uint64_t> Log::append(Batch& batch) {
  if (batch.empty()) return durable();
  // While the writer idles there is no load, and while it waits for the disk nobody else who would write.
  Implementation& state = *implementation_;
  auto sealed = state.under_lock([&] { return state.journal->append(batch, state.idle || state.syncing); });
  if (sealed) batch.clear();
  return sealed;
}

wire::Result<std::uint64_t> Log::append_event(Microseconds time, std::string_view kind,
                                              std::string_view members) {
  Batch batch;
  batch.event(time, kind, members);
  return append(batch);
}

std::uint64_t Log::durable() const {
  return implementation_->durable.load(std::memory_order_acquire);
}

void Log::on_durable(std::function<void(std::uint64_t)> call) {
  const std::lock_guard guard(implementation_->call_mutex);
  implementation_->on_durable = std::move(call);
}

bool Log::down() const {
  return implementation_->down.load(std::memory_order_relaxed);
}

const Log::Counters& Log::counters() const {
  return implementation_->counters;
}

void Log::close() {
  Implementation& state = *implementation_;
  {
    const std::lock_guard guard(state.mutex);
    state.stopping = true;
    state.wake.notify_one();
  }
  if (state.writer.joinable()) state.writer.join();
  const std::lock_guard guard(state.mutex);
  state.journal->close();
  state.down.store(state.journal->down(), std::memory_order_relaxed);
  if (!state.journal->down()) state.durable.store(state.journal->last_seq(), std::memory_order_release);
}

}  // namespace chaperone::audit
