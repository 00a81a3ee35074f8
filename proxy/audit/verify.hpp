#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/wire/error.hpp"

namespace chaperone::audit {

struct Verification {
  std::uint64_t lines = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t gaps = 0;  ///< recovery and gap records met: evidence that is declared lost
  std::string last_hash;   ///< to compare with a checkpoint kept elsewhere
  bool intact = true;
  std::string file;        ///< of the first line that does not fit
  std::uint64_t line = 0;  ///< its number in that file, from 1
  std::string problem;     ///< what does not fit there: "hash", "prev", "seq", not JSON, ..
};

/// Checks the chain over files given in any order (they are ordered by their first seq). A file that can't be
/// read is an error; a chain that is broken is an answer. `progress` (may be empty) gets bytes done and bytes
/// in all now and then.
wire::Result<Verification> verify(std::span<const std::string> files,
                                  const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

}  // namespace chaperone::audit
