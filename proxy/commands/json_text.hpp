#pragma once

#include <string>
#include <string_view>

#include "proxy/audit/json.hpp"

namespace chaperone::commands {

/// As a JSON string with its quotes, which is one of YAML too, on one line, and nothing in it that drives a
/// terminal.
inline std::string json_text(std::string_view text) {
  audit::Buffer buffer;
  (void)audit::append_json_string(buffer, text);
  return std::string(buffer.view());
}

}  // namespace chaperone::commands
