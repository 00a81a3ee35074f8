#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/audit/record.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::audit {

enum class Durability : std::uint8_t {
  /// Queued; a writer thread hands lines to the kernel within 5 ms, nobody waits for the disk.
  kNone,
  /// Survives kill -9: written to the file by append() where the log was at rest, else kept in memory of the
  /// kernel's (spool.hpp) and written within 1 to 10 ms, as often as a hundredth of a processor allows.
  /// fdatasync behind it, every 2 to 100 ms, likewise.
  kBatch,
  /// Written to the file by append(); fdatasync every 2 ms, and durable() tells when it has come back:
  /// survives a power cut.
  kSync,
};

struct LogOptions {
  std::string file = {};  ///< path of the file; empty = none
  /// A file that has reached this size is renamed to <file>.<seq of its first line, 12 digits>.
  std::uint64_t rotate_size = 256ULL << 20;
  /// Lines go to standard output too. With a file it is a copy: where it fails, the log goes on without it.
  /// Alone it is the log, whose chain then begins anew at each start. A reader that stops reading stops the
  /// log.
  bool to_stdout = false;
  Durability durability = Durability::kBatch;
  /// For those who make batches: Batch(options.values, options.hash_key).
  Values values = Values::kKeep;
  std::string hash_key = {};
};

/// Counts of a log, for /metrics.
struct LogCounters {
  using Count = std::atomic<std::uint64_t>;
  Count lines{0}, bytes{0}, writes{0}, syncs{0}, failures{0}, rotations{0};
};

/// The audit log: JSON lines, hash-chained over files and restarts.
///
/// Owns the file and one writer thread (queueing, fdatasync, rotation). append() may be called from any
/// thread; it gives each line its `seq`, `prev` and `hash` under one lock. A line's hash is SHA-256, in
/// lower-case hex, over the line from its `{` to before `,"hash"`; `prev` is the hash of the line before, 64
/// zeros for the first one ever.
///
/// A file on which a write or a sync failed is never written to again: it is set aside under the name that
/// rotation would give it, and a new file goes on with the chain, with a `gap` record that says what
/// happened. While that fails too the log is down: append() refuses, nothing may run, and it tries again once
/// a second.
///
/// Under kSync lines that are not known to be on disk move to the new file; while they can't be cut off the
/// old one the log stays down.
///
/// Its own lines: `checkpoint` with the event started, rotated or closed, and `gap` with the event recovery
/// (found at a start: the log had not been closed; `torn` is what was cut off) or failed.
class Log {
 public:
  /// Opens or creates the file and goes on with its chain, first of all with the lines that a process which
  /// was killed left in its spool. A last line that is not whole (power cut) is cut
  /// off and kept inside the `gap` record that says so (where it is longer than 64 KiB its beginning is, and
  /// the file that ends with it is set aside as it is); a start after anything but close() writes a `gap`
  /// record ("recovery"). Errors name the file and what is wrong with it; a second process on the same file
  /// is one (flock).
  static wire::Result<std::unique_ptr<Log>> open(LogOptions options);
  ~Log();  ///< close()

  /// Seals the batch, keeps it as the durability says, and clears it. Gives the seq of its last line. On an
  /// error (53100, "audit
  /// ..") nothing of the batch counts as recorded: what it was for must not run. The batch is left as it was.
  wire::Result<std::uint64_t> append(Batch& batch);

  /// Highest seq that is on disk; with other durability than kSync that is the highest seq appended.
  std::uint64_t durable() const;
  /// For kSync: `call` runs on the writer thread each time durable() has grown. It may call append(). Setting
  /// it, also to nothing, waits for a call that runs.
  void on_durable(std::function<void(std::uint64_t)> call);

  /// One line of kind policy, admin or checkpoint: `members` is JSON, as `"event":"reload","why":null`.
  wire::Result<std::uint64_t> append_event(Microseconds time, std::string_view kind,
                                           std::string_view members);

  /// True while writes fail.
  bool down() const;
  using Counters = LogCounters;
  const Counters& counters() const;

  /// Writes a closing `checkpoint`, syncs and closes. Idempotent. append() refuses from then on.
  void close();

 private:
  struct Implementation;
  explicit Log(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace chaperone::audit
