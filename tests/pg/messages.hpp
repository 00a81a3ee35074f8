#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/bytes.hpp"
#include "proxy/wire/frontend.hpp"

/// What a client can send, one function a message: the bytes, to be put together with +.
namespace chaperone::pg {

using Value = std::optional<std::string_view>;

inline std::string message(char type, std::string_view body) {
  std::string out;
  {
    wire::MessageWriter writer(out, type);
    out.append(body);
  }
  return out;
}

/// Two bytes, in network order.
inline std::string int16(int value) {
  return {static_cast<char>((value >> 8) & 0xff), static_cast<char>(value & 0xff)};
}

inline std::string int32(std::int64_t value) {
  std::string out;
  wire::append_u32(out, static_cast<std::uint32_t>(value));
  return out;
}

inline std::string zero_ended(std::string_view text) {
  return std::string(text) + '\0';
}

inline std::string counted(std::initializer_list<int> formats) {
  std::string out = int16(static_cast<int>(formats.size()));
  for (const int format : formats) out += int16(format);
  return out;
}

inline std::string values(const std::vector<Value>& list) {
  std::string out = int16(static_cast<int>(list.size()));
  for (const auto& value : list) {
    out += int32(value ? static_cast<std::int64_t>(value->size()) : -1);
    if (value) out += *value;
  }
  return out;
}

/// A message whose length field lies.
inline std::string with_length(char type, std::int64_t length, std::string_view body = {}) {
  return std::string(1, type) + int32(length) + std::string(body);
}

inline std::string query(std::string_view sql) {
  return message('Q', zero_ended(sql));
}

inline std::string parse(std::string_view name, std::string_view sql,
                         std::initializer_list<std::uint32_t> types = {}) {
  std::string body = zero_ended(name) + zero_ended(sql) + int16(static_cast<int>(types.size()));
  for (const auto type : types) body += int32(type);
  return message('P', body);
}

inline std::string bind_portal(std::string_view portal, std::string_view statement,
                               const std::vector<Value>& parameters = {},
                               std::initializer_list<int> formats = {},
                               std::initializer_list<int> result_formats = {}) {
  return message('B', zero_ended(portal) + zero_ended(statement) + counted(formats) + values(parameters) +
                          counted(result_formats));
}

inline std::string describe_statement(std::string_view name) {
  return message('D', "S" + zero_ended(name));
}
inline std::string describe_portal(std::string_view name) {
  return message('D', "P" + zero_ended(name));
}
inline std::string close_statement(std::string_view name) {
  return message('C', "S" + zero_ended(name));
}
inline std::string close_portal(std::string_view name) {
  return message('C', "P" + zero_ended(name));
}
inline std::string execute(std::string_view portal = {}, int rows = 0) {
  return message('E', zero_ended(portal) + int32(rows));
}
inline std::string sync() {
  return message('S', {});
}
inline std::string flush() {
  return message('H', {});
}
inline std::string terminate() {
  return message('X', {});
}
inline std::string copy_data(std::string_view data) {
  return message('d', data);
}
inline std::string copy_done() {
  return message('c', {});
}
inline std::string copy_fail(std::string_view why) {
  return message('f', zero_ended(why));
}

inline std::string function_call(std::uint32_t function, const std::vector<Value>& arguments,
                                 std::initializer_list<int> formats = {}, int result_format = 0) {
  return message('F', int32(function) + counted(formats) + values(arguments) + int16(result_format));
}

/// Parse, Bind, Describe, Execute of the unnamed statement and portal.
inline std::string extended(std::string_view sql, const std::vector<Value>& parameters = {}) {
  return parse("", sql) + bind_portal("", "", parameters) + describe_portal("") + execute();
}

}  // namespace chaperone::pg
