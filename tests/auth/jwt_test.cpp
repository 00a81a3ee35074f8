#include "proxy/auth/jwt.hpp"

#include <gtest/gtest.h>

#include "proxy/auth/base64url.hpp"
#include "tests/auth/token_maker.hpp"

namespace chaperone::auth {
namespace {

constexpr std::int64_t kMinute = 60 * kSecond;

std::vector<TokenIssuer> issuers() {
  const auto keys = KeySet::from_text(test_issuer().jwks(), "jwks.json");
  EXPECT_TRUE(keys) << keys.error().message;
  return {{.issuer = "https://id.example.com",
           .audience = "pgchaperone",
           .claims = {.agent = "act.sub", .actor = "sub", .task = "task", .capabilities = "scope"},
           .keys = std::make_shared<KeySet>(*keys)}};
}

wire::Result<ProvenIdentity> verify(std::string_view token, std::int64_t now = kNow) {
  return verify_token(token, issuers(), now);
}

std::string seconds_from_now(std::int64_t seconds) {
  return std::to_string(kNow / kSecond + seconds);
}

TEST(Token, ProvesWhoAsksWithEachKindOfKey) {
  for (const std::string_view key : {"es", "ed", "rs", "ps"}) {
    SCOPED_TRACE(key);
    const auto identity = verify(test_issuer().token(key));
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(identity->method, "token");
    EXPECT_EQ(identity->agent, "triage-bot");
    EXPECT_EQ(identity->actor, "alice@example.com");
    EXPECT_EQ(identity->task, "TICKET-4711");
    EXPECT_EQ(identity->issuer, "https://id.example.com");
    EXPECT_EQ(identity->token_id, "id-1");
    EXPECT_EQ(identity->expires_at, kNow + 10 * kMinute);
    EXPECT_FALSE(identity->capabilities);
    EXPECT_EQ(identity->claims.at("tenant_id"), "7");
    EXPECT_EQ(identity->claims.at("act.sub"), "triage-bot");
  }
}

TEST(Token, ClaimsAreTextsByTheirPaths) {
  const auto identity = verify(test_issuer().token("ed", {{"region", R"("eu")"},
                                                          {"staff", "true"},
                                                          {"ratio", "1.50"},
                                                          {"groups", R"(["a","b"])"},
                                                          {"nothing", "null"},
                                                          {"org", R"({"unit":{"id":42}})"},
                                                          {"https://example.com/tenant", R"("seven")"}}));
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->claims.at("region"), "eu");
  EXPECT_EQ(identity->claims.at("staff"), "true");
  EXPECT_EQ(identity->claims.at("ratio"), "1.50") << "as it is written, no rounding in between";
  EXPECT_EQ(identity->claims.at("org.unit.id"), "42");
  EXPECT_EQ(identity->claims.at("https://example.com/tenant"), "seven");
  EXPECT_FALSE(identity->claims.contains("groups"));
  EXPECT_FALSE(identity->claims.contains("nothing"));
}

TEST(Token, AudienceMayBeOneOfSeveral) {
  EXPECT_TRUE(verify(test_issuer().token("es", {{"aud", R"(["other","pgchaperone"])"}})));
}

TEST(Token, WithoutTypeOrWithAnyOfTheUsualOnes) {
  for (const std::string type :
       {"", R"("JWT")", R"("jwt")", R"("at+jwt")", R"("application/at+jwt")", R"("AT+JWT")"}) {
    SCOPED_TRACE(type);
    const auto identity = verify(test_issuer().token("es", {}, {{"typ", type}}));
    EXPECT_TRUE(identity) << identity.error().message;
  }
}

TEST(Token, NameOfEd25519InNewerHeaders) {
  EXPECT_TRUE(verify(test_issuer().token("ed", {}, {{"alg", R"("Ed25519")"}})));
}

TEST(Token, HeadersThatSayNothingAboutKeysArePassedOver) {
  EXPECT_TRUE(verify(test_issuer().token("es", {}, {{"x5t", R"("abc")"}, {"nonce", R"("1")"}})));
}

TEST(Token, ClocksMayDifferByHalfAMinute) {
  const auto token = test_issuer().token("es", {{"nbf", seconds_from_now(0)}});
  EXPECT_TRUE(verify(token, kNow - 29 * kSecond));
  EXPECT_FALSE(verify(token, kNow - 31 * kSecond));
  const std::int64_t end = kNow + 10 * kMinute;
  EXPECT_EQ(verify(token, end - kSecond)->expires_at, end);
  const auto late = verify(token, end + 29 * kSecond);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->expires_at, end + 30 * kSecond) << "a login within the skew has the rest of it";
  EXPECT_FALSE(verify(token, end + 30 * kSecond));
  EXPECT_FALSE(verify(token, end + 31 * kSecond));
}

std::string chain(int depth) {
  std::string text;
  for (int i = depth; i > 0; --i) {
    text = i == depth ? R"({"sub":"a)" + std::to_string(i) + "\"}"
                      : R"({"sub":"a)" + std::to_string(i) + R"(","act":)" + text + "}";
  }
  return text;
}

TEST(Token, ChainsOfUpToFiveActors) {
  for (int depth = 1; depth <= 5; ++depth) {
    SCOPED_TRACE(depth);
    const auto identity = verify(test_issuer().token("es", {{"act", chain(depth)}}));
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(identity->agent, "a1") << "the outermost is the one who acts now";
    EXPECT_EQ(identity->claims.contains("act.act.act.act.act.sub"), depth == 5);
  }
  const auto six = verify(test_issuer().token("es", {{"act", chain(6)}}));
  ASSERT_FALSE(six);
  EXPECT_EQ(six.error().message, "more than 5 actors (act)");
}

TEST(Token, CapabilitiesAsListOrAsScope) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(verify(test_issuer().token("es", {{"scope", R"("read write")"}}))->capabilities,
            (Names{"read", "write"}));
  EXPECT_EQ(verify(test_issuer().token("es", {{"scope", R"(["read"])"}}))->capabilities, (Names{"read"}));
  EXPECT_EQ(verify(test_issuer().token("es", {{"scope", "[]"}}))->capabilities, Names{})
      << "none at all is not the same as all";
}

TEST(Token, KeysOfOneIssuerProveNothingForAnother) {
  auto both = issuers();
  const TestKey foreign("P-256");
  const auto keys = KeySet::from_text(R"({"keys":[)" + foreign.jwk("es") + "]}", "other.json");
  both.push_back(both.front());
  both.back().issuer = "https://other.example.com";
  both.back().keys = std::make_shared<KeySet>(*keys);
  const auto ours = test_issuer().token("es");
  const auto as_other = test_issuer().token("es", {{"iss", R"("https://other.example.com")"}});
  EXPECT_TRUE(verify_token(ours, both, kNow));
  EXPECT_EQ(verify_token(as_other, both, kNow).error().message, "its signature is not of this key");
}

TEST(Token, OfTheBuiltinService) {
  for (const Algorithm algorithm : {Algorithm::kEdDsa, Algorithm::kEs256}) {
    const SigningKey key = SigningKey::generate(algorithm);
    const auto again = SigningKey::from_pem(key.to_pem());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id(), key.id());
    const auto keys = KeySet::from_text(R"({"keys":[)" + key.public_jwk() + "]}", "token_keys.json");
    ASSERT_TRUE(keys) << keys.error().message;
    const std::vector<TokenIssuer> builtin = {builtin_issuer(std::make_shared<KeySet>(*keys))};
    const auto claims = object({{"iss", R"("pgchaperone")"},
                                {"aud", R"("pgchaperone")"},
                                {"sub", R"("bot")"},
                                {"agent", R"("bot")"},
                                {"exp", seconds_from_now(60)}},
                               {});
    const auto identity = verify_token(sign_token(*again, claims), builtin, kNow);
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(identity->agent, "bot");
    EXPECT_EQ(identity->actor, "");
    const auto text = compact(
        R"({"alg":")" + std::string(name_of(algorithm)) + R"(","kid":")" + key.id() + R"("})", claims, "");
    const auto unsigned_part = text.substr(0, text.size() - 1);
    const auto untyped = text + base64url_encode(key.sign(unsigned_part));
    EXPECT_EQ(verify_token(untyped, builtin, kNow).error().message,
              "it is of a type that is no access token (typ)");
  }
}

std::string problem_of(const std::string& jwks) {
  const auto keys = KeySet::from_text(jwks, "jwks.json");
  return keys ? "" : keys.error().message;
}

TEST(KeySet, SaysWhatIsWrongWithAFile) {
  const auto& keys = test_issuer();
  const auto set = [](const std::string& key) { return R"({"keys":[)" + key + "]}"; };
  const TestKey small("RSA", 1024);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "jwks.json: incomplete JSON"},
      {"[]", "no list of keys"},
      {R"({"keys":{}})", "no list of keys"},
      {R"({"keys":[]})", "no key that verifies"},
      {R"({"keys":[1]})", "key 1: it is no object"},
      {R"({"keys":[{"kid":"a"}]})", "key 1: it has no kty"},
      {set(R"({"kty":"oct","k":"c2VjcmV0","kid":"a"})"), "it is a secret that verifier and issuer share"},
      {set(keys.es.jwk("a", "", R"(,"d":"AA")")), "it holds a private key"},
      {set(keys.es.jwk("a", "", R"(,"kid":"b")")), "a name stands twice"},
      {set(keys.es.jwk("a") + "," + keys.ed.jwk("a")), "key 2: its kid is another key's too"},
      {set(keys.es.jwk("") + "," + keys.ed.jwk("")), "key 2: its kid is another key's too"},
      {set(keys.es.jwk("a", "", R"(,"use":"enc")")), "no key that verifies"},
      {set(keys.es.jwk("a", "", R"(,"key_ops":["sign"])")), "no key that verifies"},
      {set(keys.es.jwk("a", "ES384")), "no key that verifies"},
      {set(keys.rs.jwk("a", "HS256")), "no key that verifies"},
      {set(keys.rs.jwk("a", "RSA-OAEP")), "no key that verifies"},
      {set(TestKey("P-384").jwk("a")), "no key that verifies"},
      {set(small.jwk("a")), "key 1: it has 1024 bits; expected 2048 to 8192"},
      {set(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"a"})"), "no point of P-256"},
      {set(R"({"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE",)"
           R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","kid":"a"})"),
       "no point of P-256"},
      {set(R"({"kty":"OKP","crv":"Ed25519","x":"AA","kid":"a"})"), "no key of Ed25519"},
      {set(R"({"kty":"RSA","n":"AQ","e":"AQAB","kid":"a"})"), "it has 1 bits"},
      {set(keys.es.jwk("a", "", R"(,"kid2":"\u0000")")), "a text holds a NUL"},
      {set(R"({"kty":"EC","kid":7})"), "its kid is no text"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_NE(problem_of(text).find(expected), std::string::npos) << text << "\n" << problem_of(text);
  }
  std::string exponent = keys.rs.jwk("a");
  exponent.replace(exponent.find("AQAB"), 4, "Aw");
  EXPECT_NE(problem_of(set(exponent)).find("its e is less than 65537"), std::string::npos);
}

TEST(KeySet, PassesOverKeysThatAreNotForSignatures) {
  const auto& keys = test_issuer();
  EXPECT_EQ(problem_of(R"({"keys":[)" + keys.rs.jwk("enc", "RSA-OAEP", R"(,"use":"enc")") + "," +
                       keys.es.jwk("sig", "", R"(,"use":"sig","key_ops":["verify"],"x5c":["AA"])") + "]}"),
            "");
}

TEST(KeySet, WithOneKeyNeedsNoName) {
  auto one = issuers();
  const auto keys = KeySet::from_text(R"({"keys":[)" + test_issuer().es.jwk("es") + "]}", "jwks.json");
  one.front().keys = std::make_shared<KeySet>(*keys);
  EXPECT_TRUE(verify_token(test_issuer().token("es", {}, {{"kid", ""}}), one, kNow));
}

}  // namespace
}  // namespace chaperone::auth
