#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/file.hpp"
#include "proxy/audit/log.hpp"
#include "proxy/audit/record.hpp"
#include "proxy/audit/spool.hpp"
#include "proxy/audit/start.hpp"
#include "proxy/audit/stdout_sink.hpp"

namespace chaperone::audit {

/// What the log's lock guards: the chain, the lines on their way, and the file they go to. Not thread-safe.
class Journal {
 public:
  static wire::Result<std::unique_ptr<Journal>> open(const LogOptions& options, LogCounters& counters);

  /// Seals the batch and writes it; or, with durability none, queues it; or, with batch and unless it is to
  /// be written `at_once`, spools it, while there is room. On an error nothing of it counts.
  wire::Result<std::uint64_t> append(const Batch& batch, bool at_once);
  /// Hands queued lines to the kernel.
  void write_queue();
  /// Begins a new file if this one is full.
  void rotate_if_full();
  /// A look for what other processes did to the file.
  void check_file();
  /// While down: tries to go on in a new file.
  void try_again();
  /// Queued lines, the closing checkpoint, and all on disk.
  void close();

  bool down() const { return down_; }
  std::uint64_t last_seq() const { return chain_.position().seq; }

  /// A sync is begun under the lock, done without it, and ended under it.
  struct Sync {
    std::shared_ptr<const LogFile> file;  ///< null = there is nothing to sync
    std::uint64_t size = 0;
    std::uint64_t seq = 0;
    std::uint64_t generation = 0;
  };
  Sync begin_sync() const;
  /// True if everything up to sync.seq is on disk now.
  bool end_sync(const Sync& sync, const wire::Result<void>& result);

 private:
  Journal(const LogOptions& options, LogCounters& counters) : options_(options), counters_(counters) {}

  void seal(const Batch& batch);
  bool queue(const Batch& batch);
  void open_spool();
  void forget_pending();
  void seal_event(std::string_view kind, std::string_view members, Buffer& to);
  wire::Result<void> write_pending();
  std::optional<ChainPosition> adopt_leftover();
  /// Goes on in a new file after `why`; an error says that the log is down.
  wire::Result<void> fail(std::string why);
  void go_down(const wire::Error& error);
  wire::Result<void> go_on_in_new_file();
  wire::Result<void> begin_file(std::string_view lines);
  void copy_to_stdout(std::string_view lines);
  std::string gap_members() const;

  const LogOptions& options_;
  LogCounters& counters_;
  Descriptor lock_;
  std::shared_ptr<LogFile> file_;  // null where there is none, and while none can be written
  std::uint64_t first_seq_ = 0;    // of file_
  std::uint64_t seq_before_ = 0;   // last one of the runs before
  StdoutSink stdout_;
  Chain chain_;
  Buffer pending_;  // sealed, not in the file yet
  // For kBatch: a copy of pending_. Null where there is none to be had; batches are then written at once.
  std::unique_ptr<Spool> spool_;
  // With the kernel, not known to be on disk: kept for kSync alone, whose waiting sessions must not be told
  // that lines are on disk that a failed sync lost.
  Buffer unsynced_;
  std::uint64_t generation_ = 0;   // grows when lines left file_: a sync begun before says nothing about them
  std::uint64_t written_seq_ = 0;  // the last one in file_
  std::uint64_t synced_size_ = 0;  // of file_
  std::uint64_t synced_seq_ = 0;
  Batch own_;  // the log's own lines

  bool down_ = false;
  bool closed_ = false;
  std::string failure_;           // what the next gap record will say
  std::string refusal_;           // why append() refuses
  std::uint64_t refused_ = 0;     // batches since it is down
  std::size_t leftover_ = 0;      // bytes of pending_ that a failed write left in the file for good
  std::string torn_;              // the beginning of a line among them, cut to kTornKept
  std::size_t torn_bytes_ = 0;    // all of it
  bool rotation_failed_ = false;  // not tried again before the next check_file()
};

}  // namespace chaperone::audit
