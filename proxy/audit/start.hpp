#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/file.hpp"

namespace chaperone::audit {

/// A torn line up to this size is kept whole in the gap record, of a longer one its beginning.
inline constexpr std::size_t kTornKept = 64 << 10;

/// Where a log goes on: what is found in its files when it is opened.
struct Start {
  std::shared_ptr<LogFile> file;  ///< ends with a whole line, or is empty
  std::uint64_t first_seq = 0;    ///< of the file; 0 = it is empty
  ChainPosition position;         ///< of the last whole line
  bool clean = true;              ///< the log was closed, or never written to
  std::string torn;               ///< what stood behind the last whole line and was cut off: its beginning
  std::uint64_t torn_bytes = 0;   ///< all of it
};

/// Finds the last whole line by reading backwards, in the file or, where a crash came between two files, in
/// the last one set aside. A file that is no audit log is an error, never changed.
wire::Result<Start> find_start(const std::string& file);

}  // namespace chaperone::audit
