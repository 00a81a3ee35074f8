#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "proxy/audit/json.hpp"
#include "proxy/audit/record.hpp"

/// For records that belong to no statement (audit::Log::append_event).
namespace chaperone::net {

inline audit::Microseconds wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A JSON string; null of an empty text.
inline std::string json_or_null(std::string_view text) {
  if (text.empty()) return "null";
  audit::Buffer json;
  (void)audit::append_json_string(json, text);
  return std::string(json.view());
}

}  // namespace chaperone::net
