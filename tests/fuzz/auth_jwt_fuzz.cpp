#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/auth/base64url.hpp"
#include "proxy/auth/jwt.hpp"
#include "proxy/auth/revocations.hpp"
#include "tests/fuzz/require.hpp"

// The input as a token, as the claims of one that is signed, as a set of keys and as a list of revocations.

namespace chaperone::auth {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000'000;

const SigningKey& key() {
  static const auto made = SigningKey::generate(Algorithm::kEdDsa);
  return made;
}

const std::vector<TokenIssuer>& issuers() {
  static const std::vector<TokenIssuer> all = [] {
    const auto keys = KeySet::from_text(R"({"keys":[)" + key().public_jwk() + "]}", "keys");
    auto builtin = builtin_issuer(std::make_shared<KeySet>(*keys));
    auto other = builtin;
    other.issuer = "https://id.example.com";
    other.claims = {.agent = "act.sub", .actor = "sub", .task = "org.task", .capabilities = "scope"};
    return std::vector{std::move(builtin), std::move(other)};
  }();
  return all;
}

bool is_name(std::string_view text) {
  return text.size() <= 256 && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

void check_token(std::string_view text) {
  const auto decoded = decode_token(text);
  if (!decoded) {
    require(!decoded.error().message.empty(), "a refusal says why");
  } else {
    require(text.size() <= kMaxTokenBytes, "a token is within its limit");
    require(std::string(decoded->signed_text) + "." + base64url_encode(decoded->signature) == text,
            "a token has one text");
    require(base64url_encode(decoded->header_text) + "." + base64url_encode(decoded->claims_text) ==
                decoded->signed_text,
            "a token has one text");
  }
  require(!verify_token(text, issuers(), kNow), "who has no key proves nothing");
}

void check_claims(std::string_view claims) {
  const auto identity = verify_token(sign_token(key(), claims), issuers(), kNow);
  if (!identity) {
    require(!identity.error().message.empty(), "a refusal says why");
    return;
  }
  require(!identity->agent.empty() && is_name(identity->agent), "an agent has a name");
  require(is_name(identity->actor) && is_name(identity->task) && is_name(identity->token_id),
          "names are printable");
  require(identity->expires_at && *identity->expires_at > kNow, "a token that is taken ends later");
  for (const auto& [name, value] : identity->claims) {
    require(value.find('\0') == std::string::npos && name.find('\0') == std::string::npos,
            "no claim holds a NUL");
  }
}

}  // namespace
}  // namespace chaperone::auth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chaperone;
  using namespace chaperone::auth;
  const std::string_view text = as_text(data, size);
  check_token(text);
  check_claims(text);
  if (const auto keys = KeySet::from_text(text, "keys")) require(keys->size() != 0, "a set has a key");
  if (const auto list = Revocations::from_text(text, "list")) {
    const auto again = Revocations::from_text(list->to_text(), "list");
    require(again && again->to_text() == list->to_text(), "a list survives its file");
  }
  return 0;
}
