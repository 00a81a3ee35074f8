#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/audit/chain.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::audit {

/// A copy of the lines that are sealed and not in the log's file yet, in a file beside it that is mapped:
/// .<name>.spool. What is stored there belongs to the kernel's page cache (mmap(2), MAP_SHARED), so it
/// outlives kill -9 as a write would, and costs no call. Not thread-safe.
class Spool {
 public:
  /// An empty one, whatever was there. An error where the file system can't map files, or is full.
  static wire::Result<std::unique_ptr<Spool>> create(const std::string& log);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Whole lines, all of them or, where there is no room, none: false.
  bool append(std::string_view lines);
  /// They are in the file now.
  void clear() { size_ = 0; }

 private:
  explicit Spool(char* memory) : memory_(memory) {}
  char* memory_;
  std::size_t size_ = 0;
};

/// The lines in the spool of a log that go on behind `end`, where a process left some; empty = none.
/// Moves `end` to the last one. Believes nothing that the hash chain does not bear out.
wire::Result<std::string> spooled_lines(const std::string& log, ChainPosition& end);

/// Removes the spool of a log, if there is one.
void remove_spool(const std::string& log);

}  // namespace chaperone::audit
