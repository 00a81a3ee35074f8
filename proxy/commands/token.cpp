#include "proxy/commands/token.hpp"

#include <fmt/chrono.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>

#include "proxy/auth/base64url.hpp"
#include "proxy/auth/scram.hpp"
#include "proxy/commands/json_text.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::commands {
namespace {

using Kind = auth::Revocations::Kind;

constexpr std::size_t kTokenIdBytes = 16;
constexpr auto kLongestLifetime = std::chrono::days(30);
/// Claims that the service itself says.
constexpr std::array<std::string_view, 13> kOwnClaims = {
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "agent", "actor", "task", "act", "cnf", "capabilities"};

int refuse(std::ostream& errors, std::string_view why) {
  fmt::print(errors, "pgchaperone: {}\n", why);
  return 2;
}

/// As JSON again, on one line, and nothing in it that drives a terminal.
std::string shown(const auth::Json& value) {
  using JsonKind = auth::Json::Kind;
  if (value.kind == JsonKind::kNull) return "null";
  if (value.kind == JsonKind::kString) return json_text(value.text);
  if (value.kind != JsonKind::kArray && value.kind != JsonKind::kObject) return value.text;
  std::string text;
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    if (i != 0) text += ", ";
    if (value.is_object()) text += json_text(value.names[i]) + ": ";
    text += shown(value.items[i]);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

std::string moment(std::int64_t microseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(microseconds / 1'000'000)));
}

std::string span(std::int64_t microseconds) {
  const std::int64_t seconds = microseconds / 1'000'000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86'400);
}

void show_members(const auth::Json& object, std::string_view title, std::ostream& out) {
  fmt::print(out, "{}\n", title);
  for (std::size_t i = 0; i < object.names.size(); ++i) {
    const auto& item = object.items[i];
    const auto& name = object.names[i];
    const bool time = (name == "exp" || name == "iat" || name == "nbf") &&
                      item.kind == auth::Json::Kind::kInteger && item.integer >= 0 &&
                      item.integer < 253'402'300'800;
    std::string label = json_text(name);
    label = label.substr(1, label.size() - 2);
    fmt::print(out, "  {:<14} {}{}\n", label, shown(item),
               time ? fmt::format(" ({})", moment(item.integer * 1'000'000)) : "");
  }
}

std::string claims_of(const TokenRequest& request, std::int64_t now) {
  const std::int64_t seconds = now / 1'000'000;
  std::string text = fmt::format(R"({{"iss":{},"aud":{},"sub":{},"agent":{},"jti":"{}","iat":{},"exp":{})",
                                 json_text(auth::kBuiltinIssuer), json_text(auth::kBuiltinAudience),
                                 json_text(request.agent), json_text(request.agent),
                                 auth::base64url_encode(auth::random_bytes(kTokenIdBytes)), seconds,
                                 seconds + request.lifetime.count());
  if (!request.actor.empty()) text += fmt::format(R"(,"actor":{})", json_text(request.actor));
  if (!request.task.empty()) text += fmt::format(R"(,"task":{})", json_text(request.task));
  for (const auto& [name, value] : request.claims)
    text += fmt::format(",{}:{}", json_text(name), json_text(value));
  if (!request.capabilities.empty()) {
    std::string list;
    for (const auto& name : request.capabilities) list += (list.empty() ? "" : ",") + json_text(name);
    text += fmt::format(R"(,"capabilities":[{}])", list);
  }
  return text + "}";
}

std::string_view word_of(Kind kind) {
  return kind == Kind::kToken ? "token" : kind == Kind::kAgent ? "agent" : "actor";
}

}  // namespace

int make_token_key(const State& state, auth::Algorithm algorithm, bool force, bool alone, std::ostream& out,
                   std::ostream& errors) {
  const auto before = state.signing_key();
  if (!force && !before) return refuse(errors, before.error().message);
  if (!force && *before) {
    return refuse(errors,
                  fmt::format("{} is there already; expected --force, which puts a new key in its place "
                              "(tokens of the old one stay good)",
                              state.path(State::kKeyFile)));
  }
  const auto key = auth::SigningKey::generate(algorithm);
  if (const auto done = state.set_signing_key(key, alone); !done) return refuse(errors, done.error().message);
  fmt::print(out, "{}: key {} ({})\n", state.path(State::kKeyFile), key.id(), name_of(algorithm));
  if (force) fmt::print(out, "A running serve takes it at its next SIGHUP.\n");
  return 0;
}

wire::Result<std::string> make_token(const State& state, const TokenRequest& request, std::int64_t now) {
  const auto wrong = [](std::string message) {
    return wire::Error{.sqlstate = wire::sqlstate::kInvalidAuthorization, .message = std::move(message)};
  };
  for (const auto& [name, value] : request.claims) {
    if (std::find(kOwnClaims.begin(), kOwnClaims.end(), name) != kOwnClaims.end() || name.empty()) {
      return wrong(fmt::format("the claim {} is not for --claim; expected another name", json_text(name)));
    }
  }
  const auto key = state.signing_key();
  if (!key) return key.error();
  const auto keys = state.keys();
  if (!*key || !keys) {
    return wrong(
        fmt::format("there is no key in {}; expected one, made by `pgchaperone token key`", state.path("")));
  }
  std::string token = auth::sign_token(**key, claims_of(request, now));
  // What would be refused at the door is not given out.
  const auto proved = auth::verify_token(
      token, std::array{auth::builtin_issuer(std::make_shared<const auth::KeySet>(*keys))}, now);
  if (!proved) return wrong(fmt::format("no such token can be: {}", proved.error().message));
  return {boost::system::in_place_value, std::move(token)};
}

int issue_token(const State& state, const TokenRequest& request, std::int64_t now, std::ostream& out,
                std::ostream& errors) {
  const auto token = make_token(state, request, now);
  if (!token) return refuse(errors, token.error().message);
  fmt::print(out, "{}\n", *token);
  return out.flush() ? 0 : refuse(errors, "standard output can't be written");
}

int inspect_token(std::string_view token, const std::vector<auth::TokenIssuer>& issuers,
                  const auth::Revocations& revocations, std::int64_t now, std::ostream& out) {
  if (const auto decoded = auth::decode_token(token)) {
    show_members(decoded->header, "header", out);
    show_members(decoded->claims, "claims", out);
  }
  const auto identity = auth::verify_token(token, issuers, now);
  if (!identity) {
    fmt::print(out, "not valid: {}\n", identity.error().message);
    return 1;
  }
  if (const auto revoked = revocations.why(*identity)) {
    fmt::print(out, "not valid: {}\n", *revoked);
    return 1;
  }
  fmt::print(out, "valid: agent {}", json_text(identity->agent));
  if (!identity->actor.empty()) fmt::print(out, ", actor {}", json_text(identity->actor));
  if (!identity->task.empty()) fmt::print(out, ", task {}", json_text(identity->task));
  fmt::print(out, "; expires {}, in {}\n", moment(*identity->expires_at), span(*identity->expires_at - now));
  return 0;
}

int revoke_token(const State& state, Kind kind, std::string name, bool lift, std::int64_t now,
                 std::ostream& out, std::ostream& errors) {
  if (kind == Kind::kToken && name.find('.') != std::string::npos) {
    const auto decoded = auth::decode_token(name);
    if (!decoded)
      return refuse(errors, fmt::format("neither an id nor a token: {}", decoded.error().message));
    const auto* id = decoded->claims.find("jti");
    if (id == nullptr || !id->is_string() || id->text.empty()) {
      return refuse(errors, "the token has no id (jti); expected --agent or --actor to revoke all of theirs");
    }
    name = id->text;
  }
  if (name.empty()) return refuse(errors, fmt::format("the {} has no name", word_of(kind)));
  bool changed = false;
  const auto done = state.change_revocations([&](auth::Revocations& list) {
    changed = lift ? list.lift(kind, name) : list.add(kind, name, moment(now));
  });
  if (!done) return refuse(errors, done.error().message);
  const auto what = fmt::format("{} {}", word_of(kind), json_text(name));
  if (lift) {
    fmt::print(out, "{} {}\n", what, changed ? "is let in again" : "was not revoked");
    return changed ? 0 : 1;
  }
  fmt::print(out, "{} {}\n", what,
             changed ? "is revoked; its sessions end within seconds" : "was revoked already");
  return 0;
}

std::optional<std::chrono::seconds> parse_lifetime(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t factor = unit == "s"   ? 1
                              : unit == "m" ? 60
                              : unit == "h" ? 3600
                              : unit == "d" ? 86'400
                                            : 0;
  if (error != std::errc() || factor == 0 || number < 1 || number > 10'000'000) return std::nullopt;
  const std::chrono::seconds lifetime(number * factor);
  if (lifetime > kLongestLifetime) return std::nullopt;
  return lifetime;
}

}  // namespace chaperone::commands
