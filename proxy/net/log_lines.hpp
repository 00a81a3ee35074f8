#pragma once

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>

namespace chaperone::net {

/// A text of several lines, each as a line of the log.
inline void log_lines(spdlog::level::level_enum level, std::string_view text) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    spdlog::log(level, "{}", line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

}  // namespace chaperone::net
