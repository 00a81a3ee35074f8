#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/wire/bytes.hpp"

/// Every message of the protocol as bytes, named as the manual names them (55.7), for scripts.
namespace chaperone::test {

using wire::test::int16;
using wire::test::int32;
using wire::test::message;
using wire::test::string;

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;
using Null = std::nullopt_t;

// Packets without a type byte.

inline std::string packet(std::string_view body) {
  return int32(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}
inline std::string startup(const Pairs& parameters, std::uint16_t minor = 0, std::uint16_t major = 3) {
  std::string body = int16(major) + int16(minor);
  for (const auto& [name, value] : parameters) body += string(name) + string(value);
  return packet(body + '\0');
}
inline std::string ssl_request() {
  return packet(int16(1234) + int16(5679));
}
inline std::string gss_enc_request() {
  return packet(int16(1234) + int16(5680));
}
inline std::string cancel_request(std::uint32_t pid, std::string_view secret) {
  return packet(int16(1234) + int16(5678) + int32(pid) + std::string(secret));
}

// From the client.

inline std::string query(std::string_view sql) {
  return message('Q', string(sql));
}
inline std::string parse(std::string_view name, std::string_view sql) {
  return message('P', string(name) + string(sql) + int16(0));
}
/// Text values; results in text.
inline std::string bind(std::string_view portal, std::string_view statement,
                        std::initializer_list<std::optional<std::string_view>> values = {}) {
  std::string body =
      string(portal) + string(statement) + int16(0) + int16(static_cast<std::uint16_t>(values.size()));
  for (const auto& value : values) {
    body +=
        value ? int32(static_cast<std::uint32_t>(value->size())) + std::string(*value) : int32(0xffffffff);
  }
  return message('B', body + int16(0));
}
inline std::string describe(char kind, std::string_view name) {
  return message('D', kind + string(name));
}
inline std::string execute(std::string_view portal = "", std::uint32_t max_rows = 0) {
  return message('E', string(portal) + int32(max_rows));
}
inline std::string close(char kind, std::string_view name) {
  return message('C', kind + string(name));
}
inline std::string sync() {
  return message('S', "");
}
inline std::string flush() {
  return message('H', "");
}
inline std::string function_call(std::uint32_t oid) {
  return message('F', int32(oid) + int16(0) + int16(0) + int16(0));
}
inline std::string copy_data(std::string_view bytes) {
  return message('d', bytes);
}
inline std::string copy_done() {
  return message('c', "");
}
inline std::string copy_fail(std::string_view why) {
  return message('f', string(why));
}
inline std::string terminate() {
  return message('X', "");
}
inline std::string sasl_initial_response(std::string_view mechanism, std::optional<std::string_view> data) {
  return message(
      'p', string(mechanism) + (data ? int32(static_cast<std::uint32_t>(data->size())) + std::string(*data)
                                     : int32(0xffffffff)));
}
inline std::string sasl_response(std::string_view data) {
  return message('p', data);
}
/// What a driver sends for one statement with parameters, without the Sync.
inline std::string extended(std::string_view sql) {
  return parse("", sql) + bind("", "") + execute();
}

// From the server.

inline std::string authentication(std::uint32_t code, std::string_view data = {}) {
  return message('R', int32(code) + std::string(data));
}
inline std::string authentication_ok() {
  return authentication(0);
}
inline std::string authentication_sasl(std::initializer_list<std::string_view> mechanisms = {
                                           "SCRAM-SHA-256"}) {
  std::string names;
  for (const auto mechanism : mechanisms) names += string(mechanism);
  return authentication(10, names + '\0');
}
inline std::string key_data(std::uint32_t pid, std::string_view secret) {
  return message('K', int32(pid) + std::string(secret));
}
inline std::string parameter_status(std::string_view name, std::string_view value) {
  return message('S', string(name) + string(value));
}
inline std::string negotiate(std::uint16_t newest_minor, const std::vector<std::string_view>& options = {}) {
  std::string body = int16(3) + int16(newest_minor) + int32(static_cast<std::uint32_t>(options.size()));
  for (const auto option : options) body += string(option);
  return message('v', body);
}
inline std::string ready(char status = 'I') {
  return message('Z', {&status, 1});
}
inline std::string parse_complete() {
  return message('1', "");
}
inline std::string bind_complete() {
  return message('2', "");
}
inline std::string close_complete() {
  return message('3', "");
}
inline std::string no_data() {
  return message('n', "");
}
inline std::string portal_suspended() {
  return message('s', "");
}
inline std::string empty_query() {
  return message('I', "");
}
inline std::string parameter_description() {
  return message('t', int16(0));
}
inline std::string row_description() {
  return message('T', int16(1) + string("?column?") + int32(0) + int16(0) + int32(23) + int16(4) +
                          int32(0xffffffff) + int16(0));
}
inline std::string data_row(std::string_view value = "1") {
  return message('D', int16(1) + int32(static_cast<std::uint32_t>(value.size())) + std::string(value));
}
inline std::string command_complete(std::string_view tag) {
  return message('C', string(tag));
}
inline std::string error(std::string_view sqlstate, std::string_view severity = "ERROR",
                         std::string_view text = "no") {
  return message('E', "S" + string(severity) + "V" + string(severity) + "C" + string(sqlstate) + "M" +
                          string(text) + '\0');
}
inline std::string notice() {
  return message('N', "S" + string("NOTICE") + "V" + string("NOTICE") + "C" + string("00000") + "M" +
                          string("hello") + '\0');
}
inline std::string notification() {
  return message('A', int32(4711) + string("channel") + string("payload"));
}
inline std::string function_result(std::string_view value) {
  return message('V', int32(static_cast<std::uint32_t>(value.size())) + std::string(value));
}
inline std::string copy_in_response() {
  return message('G', '\0' + int16(0));
}
inline std::string copy_out_response() {
  return message('H', '\0' + int16(0));
}
inline std::string copy_both_response() {
  return message('W', '\0' + int16(0));
}

/// Bytes as a reader wants them: each message's type and body, what is no text escaped.
std::string show(std::string_view bytes);

}  // namespace chaperone::test
