#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/file.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::audit {

/// A copy of the lines that are sealed and not in the log's file yet, in a file beside it that is mapped:
/// .<name>.spool. What is stored there belongs to the kernel's page cache (mmap(2), MAP_SHARED), so it
/// outlives kill -9 as a write would, and costs no call. Not thread-safe.
class Spool {
 public:
  /// A new one; an error where one is there. An error also on file systems other than ext4, XFS and tmpfs:
  /// where a page that was written back may need new room, a store on a full disk raises SIGBUS.
  static wire::Result<std::unique_ptr<Spool>> create(const std::string& log);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Whole lines, all of them or, where there is no room, none: false.
  bool append(std::string_view lines);
  /// They are in the file now.
  void clear() { size_ = 0; }
  /// Whether its name still means this very file, in its full size.
  bool in_place() const;

 private:
  Spool(std::string path, Descriptor descriptor, char* memory)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), memory_(memory) {}
  std::string path_;
  Descriptor descriptor_;
  char* memory_;
  std::size_t size_ = 0;
};

/// The bytes of a log's spool; empty = there is none.
wire::Result<std::string> read_spool(const std::string& log);

struct SpooledLines {
  std::string lines;          ///< go on behind the end of the log
  std::uint64_t foreign = 0;  ///< seq of the first one that is not in the log and does not fit it; 0 = none
};
/// What stands in a spool that the log, whose last line is `end`, does not have. Moves `end` to the last line
/// that goes on behind it. Believes nothing that the hash chain does not bear out.
SpooledLines spooled_lines(std::string_view spool, ChainPosition& end);

/// Removes the spool of a log, if there is one.
void remove_spool(const std::string& log);
/// Keeps it as <log>.spool.<seq, 12 digits> instead; gives that name. An error where that name is taken.
wire::Result<std::string> set_spool_aside(const std::string& log, std::uint64_t seq);

}  // namespace chaperone::audit
