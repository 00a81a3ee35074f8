#include "proxy/net/credentials/command_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "proxy/audit/json.hpp"
#include "proxy/auth/json_wipe.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/text.hpp"

namespace chaperone::net {
namespace {

using auth::Json;

/// PostgreSQL's NAMEDATALEN - 1.
constexpr std::size_t kLongestName = 63;

wire::Error refused(std::string what) {
  return {.sqlstate = wire::sqlstate::kConnectionFailure, .message = std::move(what)};
}

void put_text(audit::Buffer& to, std::string_view text) {
  if (text.empty()) {
    to.append("null");
  } else {
    (void)audit::append_json_string(to, text);  // who logs in has sent UTF-8 or was refused
  }
}

/// What calls have left on the stack below here: Boost.JSON puts a text with escapes together there.
[[gnu::noinline]] void wipe_stack() {
  std::array<char, 16384> room;
  ::explicit_bzero(room.data(), room.size());
}

/// Digits of one part of a time.
bool number(std::string_view text, int& value) {
  const auto* const end = text.data() + text.size();
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) &&
         std::from_chars(text.data(), end, value).ptr == end;
}

/// "2026-11-26T07:00:00Z", also with a fraction of the second, which is dropped.
std::optional<audit::Microseconds> read_time(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kForm.size() || !text.ends_with('Z')) return std::nullopt;
  const std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  int ignored = 0;
  if (!fraction.empty() && (!fraction.starts_with('.') || fraction.size() < 2 || fraction.size() > 10 ||
                            !number(fraction.substr(1), ignored))) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != 'd' && text[i] != kForm[i]) return std::nullopt;
  }
  std::array<int, 6> parts{};
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kPlaces = {
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!number(text.substr(kPlaces[i].first, kPlaces[i].second), parts[i])) return std::nullopt;
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!day.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
  const std::chrono::microseconds time = std::chrono::sys_days(day).time_since_epoch() +
                                         std::chrono::hours(parts[3]) + std::chrono::minutes(parts[4]) +
                                         std::chrono::seconds(parts[5]);
  return time.count();
}

wire::Result<CredentialAnswer> read_members(Json& object, audit::Microseconds now) {
  CredentialAnswer answer;
  for (std::size_t i = 0; i < object.names.size(); ++i) {
    const std::string& name = object.names[i];
    Json& value = object.items[i];
    constexpr std::array<std::string_view, 5> kNames = {"user", "password", "certificate", "key",
                                                        "expires_at"};
    if (std::ranges::find(kNames, name) == kNames.end()) {
      return refused(
          fmt::format("its answer has a member {}; expected user, password, certificate, key, "
                      "expires_at",
                      rules::in_quotes(name)));
    }
    if (!value.is_string() || value.text.empty()) {
      return refused(fmt::format("{} of its answer is no text", name));
    }
    if ((name == "user" || name == "password") && rules::has_control_character(value.text)) {
      return refused(fmt::format("{} of its answer holds a line end or another control character", name));
    }
    if (name == "user") answer.user = value.text;
    if (name == "password") answer.password = wire::Secret(value.text);
    if (name == "certificate") answer.certificate = wire::Secret(value.text);
    if (name == "key") answer.key = wire::Secret(value.text);
    if (name == "expires_at") {
      answer.expires_at = read_time(value.text);
      if (!answer.expires_at) {
        return refused("expires_at of its answer is no time as 2026-11-26T07:00:00Z");
      }
    }
  }
  if (answer.user.empty()) return refused("its answer names no user");
  if (answer.user.size() > kLongestName) {
    return refused(fmt::format("user of its answer is longer than {} bytes", kLongestName));
  }
  if (answer.certificate.empty() != answer.key.empty() ||
      answer.password.empty() == answer.certificate.empty()) {
    return refused("its answer has to hold a password, or a certificate and its key");
  }
  if (answer.expires_at && *answer.expires_at <= now) return refused("what it gave has expired already");
  return answer;
}

}  // namespace

std::string CredentialQuestion::to_json() const {
  audit::Buffer text;
  text.append(R"({"version":1,"server":)");
  put_text(text, server);
  text.append(R"(,"database":)");
  put_text(text, database);
  text.append(R"(,"agent":)");
  put_text(text, agent);
  text.append(R"(,"actor":)");
  put_text(text, actor);
  text.append(R"(,"task":)");
  put_text(text, task);
  text.append(R"(,"capabilities":[)");
  for (const std::string& capability : capabilities) {
    if (&capability != &capabilities.front()) text.append(",");
    put_text(text, capability);
  }
  text.append(R"(],"lease":)");
  put_text(text, lease);
  text.append(fmt::format(",\"lifetime\":{}}}\n", lifetime));
  return std::string(text.view());
}

wire::Result<CredentialAnswer> CredentialAnswer::read(std::string_view json, audit::Microseconds now) {
  auto object = auth::parse_json(json);
  wipe_stack();
  if (!object) return refused(fmt::format("its answer is no JSON: {}", object.error().message));
  wire::Result<CredentialAnswer> answer =
      object->is_object() ? read_members(*object, now) : refused("its answer is no JSON object");
  auth::wipe(*object);
  return answer;
}

}  // namespace chaperone::net
