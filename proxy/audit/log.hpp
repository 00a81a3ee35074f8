#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/record.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::audit {

enum class Durability : std::uint8_t {
  kNone,   ///< queued; a writer thread hands lines to the kernel within 5 ms
  kBatch,  ///< handed to the kernel by append(), fdatasync every 2 ms behind it: survives kill -9
  kSync,   ///< as kBatch, and durable() tells when fdatasync has come back: survives a power cut
};

struct LogOptions {
  std::string file;  ///< path of the file; empty = none
  std::uint64_t rotate_size = 256ULL << 20;
  bool to_stdout = false;
  Durability durability = Durability::kBatch;
  Values values = Values::kKeep;
};

/// The audit log: JSON lines, hash-chained over files and restarts.
///
/// Owns the file and one writer thread (queueing, fdatasync, rotation). append() may be called from any
/// thread; it gives each line its `seq`, `prev` and `hash` under one lock. A line's hash is SHA-256, in
/// lower-case hex, over the line from its `{` to before `,"hash"`; `prev` is the hash of the line before, 64
/// zeros for the first one ever. After a write that failed the log is down: append() refuses, nothing may
/// run, and it tries to come back by itself once a second, with a `gap` record that says what happened.
class Log {
 public:
  /// Opens or creates the file and goes on with its chain. A last line that is not whole (power cut) is cut
  /// off and kept inside the `gap` record that says so; a start after anything but close() writes a `gap`
  /// record ("recovery"). Errors name the file and what is wrong with it; a second process on the same file
  /// is one (flock).
  static wire::Result<std::unique_ptr<Log>> open(LogOptions options);
  ~Log();  ///< close()

  /// Seals and writes the batch and clears it. Gives the seq of its last line. On an error (53100, "audit
  /// ..") nothing of the batch counts as recorded: what it was for must not run.
  wire::Result<std::uint64_t> append(Batch& batch);

  /// Highest seq that is on disk; with other durability than kSync that is the highest seq appended.
  std::uint64_t durable() const;
  /// `call` runs on the writer thread each time durable() has grown. Set once, before the first append.
  void on_durable(std::function<void(std::uint64_t)> call);

  /// One line of kind policy, admin or checkpoint: `members` is JSON, as `"event":"reload","why":null`.
  wire::Result<std::uint64_t> append_event(Microseconds time, std::string_view kind,
                                           std::string_view members);

  /// True while writes fail.
  bool down() const;
  /// For /metrics.
  struct Counters {
    std::atomic<std::uint64_t> lines{0}, bytes{0}, writes{0}, syncs{0}, failures{0}, rotations{0};
  };
  const Counters& counters() const;

  /// Writes a closing `checkpoint`, syncs and closes. Idempotent.
  void close();

 private:
  Log();
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace chaperone::audit
