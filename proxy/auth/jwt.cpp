#include "proxy/auth/jwt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/auth/base64url.hpp"
#include "proxy/wire/secret.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::auth {
namespace {

using Kind = Json::Kind;
using Claims = std::map<std::string, std::string, std::less<>>;

constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999
constexpr std::size_t kMaxNameBytes = 256;             // of an agent, an actor, a task, an id
constexpr std::size_t kMaxCapabilities = 100;

wire::Error refused(std::string why) {
  return {.sqlstate = wire::sqlstate::kInvalidAuthorization, .message = std::move(why)};
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

/// Headers that name or bring a key, or change what the parts mean: all of them are somebody else's word
/// about how to check somebody else's word.
std::string_view refused_header(const Json& header) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kRefused = {{
      {"jku", "its header names a place for keys (jku)"},
      {"x5u", "its header names a place for certificates (x5u)"},
      {"jwk", "its header brings a key (jwk)"},
      {"x5c", "its header brings certificates (x5c)"},
      {"crit", "its header has extensions that must be understood (crit), and none is"},
      {"b64", "its header changes how the payload is encoded (b64)"},
      {"zip", "its payload is compressed (zip)"},
      {"enc", "it is encrypted (enc)"},
      {"cty", "it holds another token (cty)"},
  }};
  for (const auto& [name, why] : kRefused) {
    if (header.find(name) != nullptr) return why;
  }
  return {};
}

wire::Result<void> check_header(const Json& header) {
  if (const auto why = refused_header(header); !why.empty()) return refused(std::string(why));
  const Json* algorithm = header.find("alg");
  if (algorithm == nullptr || !algorithm->is_string()) return refused("its header names no algorithm (alg)");
  for (const char* name : {"kid", "typ"}) {
    const Json* member = header.find(name);
    if (member != nullptr && !member->is_string()) return refused(fmt::format("{} is no text", name));
  }
  return {};
}

/// "application/" may be left out (RFC 7515 section 4.1.9). Without a type it may be anything of the issuer's
/// that is signed.
wire::Result<void> check_type(const Json& header, const TokenIssuer& issuer) {
  const Json* member = header.find("typ");
  std::string type = member == nullptr ? "" : lower(member->text);
  if (type.starts_with("application/")) type.erase(0, std::string_view("application/").size());
  const bool fits =
      type == kAccessTokenType || (!issuer.access_tokens_only && (type == "jwt" || type.empty()));
  if (!fits) return refused("it is of a type that is no access token (typ)");
  return {};
}

/// Whether the token may choose this key at all: the key says how it signs, the token has to say the same.
wire::Result<void> check_signature(const DecodedToken& token, const TokenIssuer& issuer) {
  const Json* id = token.header.find("kid");
  const auto* key =
      issuer.keys->find(id == nullptr ? std::nullopt : std::optional<std::string_view>(id->text));
  if (key == nullptr) {
    return refused(id == nullptr ? "it names no key (kid), and the issuer has several"
                                 : "the issuer has no key of its name (kid)");
  }
  const std::string& says = token.header.find("alg")->text;
  const bool same = says == name_of(key->algorithm()) ||
                    (key->algorithm() == Algorithm::kEdDsa && says == "Ed25519");  // RFC 9864
  if (!same) {
    return refused(
        fmt::format("its algorithm (alg) is not {}, which is the key's", name_of(key->algorithm())));
  }
  if (!key->verifies(token.signed_text, token.signature)) return refused("its signature is not of this key");
  return {};
}

/// A time of RFC 7519 (NumericDate) in whole seconds. Nothing: it is not there.
wire::Result<std::optional<std::int64_t>> read_time(const Json& claims, std::string_view name) {
  const Json* member = claims.find(name);
  if (member == nullptr) return std::optional<std::int64_t>();
  if (member->kind != Kind::kInteger || member->integer < 0 || member->integer > kLastSecond) {
    return refused(fmt::format("{} is no time in whole seconds", name));
  }
  return std::optional(member->integer * 1'000'000);
}

wire::Result<std::int64_t> check_times(const Json& claims, std::int64_t now) {
  const auto expires = read_time(claims, "exp");
  if (!expires) return expires.error();
  if (!*expires) return refused("it has no end (exp)");
  if (now >= **expires + kClockSkew) return refused("it has expired (exp)");
  for (const auto& [name, why] : {std::pair("nbf", "it is not valid yet (nbf)"),
                                  std::pair("iat", "it was issued in the future (iat)")}) {
    const auto begins = read_time(claims, name);
    if (!begins) return begins.error();
    if (*begins && now + kClockSkew < **begins) return refused(why);
  }
  return **expires;
}

bool is_audience(const Json* claim, std::string_view audience) {
  if (claim == nullptr) return false;
  if (claim->is_string()) return claim->text == audience;
  const bool texts =
      claim->kind == Kind::kArray && std::all_of(claim->items.begin(), claim->items.end(),
                                                 [](const Json& item) { return item.is_string(); });
  return texts && std::any_of(claim->items.begin(), claim->items.end(),
                              [&](const Json& item) { return item.text == audience; });
}

std::size_t bytes_of(const Json& value) {
  std::size_t bytes = value.text.size() + 2;
  for (const auto& name : value.names) bytes += name.size() + 3;
  for (const auto& item : value.items) bytes += bytes_of(item);
  return bytes;
}

/// The chain of those who act for each other (RFC 8693 section 4.1), current one outermost.
wire::Result<void> check_actors(const Json& claims) {
  const Json* actor = claims.find("act");
  if (actor != nullptr && bytes_of(*actor) > kMaxActorBytes) {
    return refused(fmt::format("its actors (act) take more than {} bytes", kMaxActorBytes));
  }
  for (std::size_t depth = 1; actor != nullptr; ++depth, actor = actor->find("act")) {
    if (depth > kMaxActors) return refused(fmt::format("more than {} actors (act)", kMaxActors));
    const Json* subject = actor->find("sub");
    if (subject == nullptr || !subject->is_string() || subject->text.empty()) {
      return refused("an actor (act) has no name (sub)");
    }
  }
  return {};
}

/// All scalar claims by their paths. A name with a dot in it could stand where another's path leads.
bool flatten(const Json& object, const std::string& prefix, Claims& to) {
  for (std::size_t i = 0; i < object.names.size(); ++i) {
    const Json& item = object.items[i];
    const std::string path = prefix + object.names[i];
    if (item.is_object()) {
      if (!flatten(item, path + ".", to)) return false;
    } else if (item.kind != Kind::kArray && item.kind != Kind::kNull) {
      if (!to.emplace(path, item.text).second) return false;
    }
  }
  return true;
}

/// The claim at a path that the configuration names.
const Json* at_path(const Json& claims, std::string_view path) {
  if (const Json* whole = claims.find(path)) return whole;
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const Json* outer = claims.find(path.substr(0, dot));
  return outer == nullptr ? nullptr : at_path(*outer, path.substr(dot + 1));
}

/// A name to show to people and servers: nothing that would drive a terminal or end a line.
wire::Result<void> read_name(const Json& claims, const std::string& path, std::string_view what,
                             std::string& to) {
  const Json* claim = path.empty() ? nullptr : at_path(claims, path);
  if (claim == nullptr) return {};
  const bool printable =
      claim->is_string() && std::all_of(claim->text.begin(), claim->text.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
      });
  if (!printable || claim->text.empty() || claim->text.size() > kMaxNameBytes) {
    return refused(fmt::format("the claim {}, its {}, is no text of 1 to {} printable bytes", path, what,
                               kMaxNameBytes));
  }
  to = claim->text;
  return {};
}

wire::Result<std::optional<std::vector<std::string>>> read_capabilities(const Json& claims,
                                                                        const std::string& path) {
  using Names = std::vector<std::string>;
  const Json* claim = path.empty() ? nullptr : at_path(claims, path);
  if (claim == nullptr) return std::optional<Names>();
  Names names;
  if (claim->is_string()) {  // as `scope` of RFC 8693 section 4.2
    std::string_view rest = claim->text;
    while (!rest.empty()) {
      const auto name = rest.substr(0, rest.find(' '));
      names.emplace_back(name);
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
  } else if (claim->kind == Kind::kArray) {
    for (const Json& item : claim->items) names.push_back(item.is_string() ? item.text : "");
  } else {
    return refused(fmt::format("the claim {} is no list of capabilities", path));
  }
  if (names.size() > kMaxCapabilities || std::find(names.begin(), names.end(), "") != names.end()) {
    return refused(fmt::format("the claim {} is no list of capabilities", path));
  }
  return std::optional(std::move(names));
}

wire::Result<ProvenIdentity> read_identity(const Json& claims, const TokenIssuer& issuer) {
  ProvenIdentity identity;
  identity.method = "token";
  identity.issuer = issuer.issuer;
  std::string subject;
  using Field = std::tuple<std::string, std::string_view, std::string*>;
  for (const auto& [path, what, to] : {Field("sub", "subject", &subject),
                                       {issuer.claims.agent, "agent", &identity.agent},
                                       {issuer.claims.actor, "actor", &identity.actor},
                                       {issuer.claims.task, "task", &identity.task},
                                       {"jti", "id", &identity.token_id}}) {
    if (auto done = read_name(claims, path, what, *to); !done) return done.error();
  }
  if (subject.empty()) return refused("it has no subject (sub)");
  if (identity.agent.empty()) {
    return refused(fmt::format("it names no agent (the claim {})", issuer.claims.agent));
  }
  auto capabilities = read_capabilities(claims, issuer.claims.capabilities);
  if (!capabilities) return capabilities.error();
  identity.capabilities = std::move(*capabilities);
  if (!flatten(claims, "", identity.claims)) return refused("two of its claims have one path");
  return identity;
}

/// Without its signature a token is worth nothing.
struct WipedAtEnd {
  std::string& text;
  ~WipedAtEnd() { wire::wipe(text); }
};

}  // namespace

TokenIssuer builtin_issuer(std::shared_ptr<const KeySet> keys) {
  return {.issuer = std::string(kBuiltinIssuer),
          .audience = std::string(kBuiltinAudience),
          .claims = {.agent = "agent", .actor = "actor", .task = "task", .capabilities = "capabilities"},
          .keys = std::move(keys),
          .access_tokens_only = true};
}

wire::Result<DecodedToken> decode_token(std::string_view token) {
  if (token.size() > kMaxTokenBytes) {
    return refused(fmt::format("it is longer than {} bytes", kMaxTokenBytes));
  }
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return refused("it is no signed token in compact form: three parts with dots between them");
  }
  DecodedToken result;
  result.signed_text = token.substr(0, second);
  auto header = base64url_decode(token.substr(0, first));
  auto claims = base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!header || !claims || !signature) return refused("a part of it is not base64url");
  if (signature->empty()) return refused("it is not signed");
  result.header_text = std::move(*header);
  result.claims_text = std::move(*claims);
  result.signature = std::move(*signature);
  for (auto [text, to, what] : {std::tuple(&result.header_text, &result.header, "header"),
                                std::tuple(&result.claims_text, &result.claims, "claims")}) {
    auto value = parse_json(*text);
    if (!value) return refused(fmt::format("its {}: {}", what, value.error().message));
    if (!value->is_object()) return refused(fmt::format("its {}: no object", what));
    *to = std::move(*value);
  }
  if (auto checked = check_header(result.header); !checked) return checked.error();
  return result;
}

wire::Result<ProvenIdentity> verify_token(std::string_view token, std::span<const TokenIssuer> issuers,
                                          std::int64_t now) {
  auto decoded = decode_token(token);
  if (!decoded) return decoded.error();
  const WipedAtEnd wiped{decoded->signature};
  const Json& claims = decoded->claims;
  const Json* issued_by = claims.find("iss");
  if (issued_by == nullptr || !issued_by->is_string()) return refused("it names no issuer (iss)");
  const auto issuer = std::find_if(issuers.begin(), issuers.end(),
                                   [&](const TokenIssuer& each) { return each.issuer == issued_by->text; });
  if (issuer == issuers.end()) return refused("its issuer (iss) is none of the configuration's");
  if (auto checked = check_signature(*decoded, *issuer); !checked) return checked.error();

  // From here on it is the issuer's word.
  if (auto checked = check_type(decoded->header, *issuer); !checked) return checked.error();
  if (!is_audience(claims.find("aud"), issuer->audience)) {
    return refused(fmt::format("it is not for \"{}\" (aud)", issuer->audience));
  }
  const auto expires = check_times(claims, now);
  if (!expires) return expires.error();
  if (claims.find("cnf") != nullptr) {
    return refused("it is bound to a key of its holder (cnf), which this version can't check");
  }
  if (auto checked = check_actors(claims); !checked) return checked.error();
  auto identity = read_identity(claims, *issuer);
  // Within the skew it is the end of the skew that ends it.
  if (identity) identity->expires_at = *expires > now ? *expires : *expires + kClockSkew;
  return identity;
}

std::string sign_token(const SigningKey& key, std::string_view claims) {
  const std::string header = fmt::format(R"({{"alg":"{}","typ":"{}","kid":"{}"}})", name_of(key.algorithm()),
                                         kAccessTokenType, key.id());
  const std::string text = base64url_encode(header) + "." + base64url_encode(claims);
  return text + "." + base64url_encode(key.sign(text));
}

}  // namespace chaperone::auth
