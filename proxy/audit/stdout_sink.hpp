#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/wire/error.hpp"

namespace chaperone::audit {

/// Lines on standard output. What was written can't be taken back, so a line that was cut by a failure is
/// ended by a newline before the next one.
class StdoutSink {
 public:
  wire::Result<void> append(std::string_view lines);
  /// How many bytes of an append that failed are out.
  std::size_t leftover() const { return leftover_; }

 private:
  std::size_t leftover_ = 0;
  bool cut_ = false;
};

}  // namespace chaperone::audit
