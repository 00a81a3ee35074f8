#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <set>

#include "proxy/auth/base64url.hpp"
#include "proxy/auth/crypto.hpp"
#include "proxy/auth/jwt.hpp"
#include "tests/auth/token_maker.hpp"

namespace chaperone::auth {
namespace {

/// A token that has to be refused, and what the operator reads about it.
struct Case {
  std::string name;
  std::string token;
  std::string why;
};
using Cases = std::vector<Case>;

constexpr std::string_view kNotSigned = "it is not signed";
constexpr std::string_view kAlgorithm = "its algorithm (alg) is not";
constexpr std::string_view kSignature = "its signature is not of this key";
constexpr std::string_view kForm = "it is no signed token in compact form";
constexpr std::string_view kEncoding = "a part of it is not base64url";

const TestIssuer& keys() {
  return test_issuer();
}

std::string json_text(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

std::string seconds(std::int64_t from_now) {
  return std::to_string(kNow / kSecond + from_now);
}

std::string header(std::string_view alg, std::string_view id) {
  return fmt::format(R"({{"alg":"{}","typ":"at+jwt","kid":"{}"}})", alg, id);
}

/// Header and claims as they are, signed by the key of that name as it signs.
std::string signed_text(std::string_view id, std::string_view head, std::string_view claims) {
  const auto text = base64url_encode(head) + "." + base64url_encode(claims);
  return text + "." + base64url_encode(keys().key(id).sign(TestIssuer::alg(id), text));
}

std::string claims() {
  return object(good_claims(), {});
}

/// The three parts of a good token.
std::vector<std::string> parts(std::string_view id) {
  const auto token = keys().token(id);
  const auto first = token.find('.'), second = token.find('.', first + 1);
  return {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

std::string joined(const std::vector<std::string>& parts) {
  return parts[0] + "." + parts[1] + "." + parts[2];
}

std::string with_signature(std::string_view id, std::string_view signature) {
  auto token = parts(id);
  token[2] = base64url_encode(signature);
  return joined(token);
}

void algorithms(Cases& cases) {
  for (const std::string alg :
       {"none", "None", "NONE", "nOnE", "noNe", "", "null", " none", "none ", "NonE"}) {
    cases.push_back({"unsigned, alg " + json_text(alg), compact(header(alg, "es"), claims(), ""),
                     std::string(kNotSigned)});
    cases.push_back({"signed, alg " + json_text(alg), signed_text("es", header(alg, "es"), claims()),
                     std::string(kAlgorithm)});
  }
  for (const std::string id : {"rs", "ps", "es", "ed"}) {
    const std::string alg = id == "ps" ? "HS512" : id == "ed" ? "HS384" : "HS256";
    const std::string jwk = keys().key(id).jwk(id);
    for (const auto& [what, secret] :
         {std::pair<std::string, std::string>("the public key in PEM", keys().key(id).public_pem()),
          {"the public key's JWK", jwk},
          {"nothing", ""}}) {
      const auto text = base64url_encode(header(alg, id)) + "." + base64url_encode(claims());
      cases.push_back({alg + " with " + what + " of " + id,
                       text + "." + base64url_encode(bytes(hmac_sha256(secret, text))),
                       std::string(kAlgorithm)});
    }
  }
  const std::vector<std::pair<std::string, std::string>> others = {
      {"RS256", "es"}, {"EdDSA", "es"}, {"PS256", "rs"}, {"RS256", "ps"},  {"ES256", "ed"},
      {"ES256", "rs"}, {"ES384", "es"}, {"ES512", "es"}, {"ES256K", "es"}, {"RS384", "rs"},
      {"RS512", "rs"}, {"RS1", "rs"},   {"Ed448", "ed"}, {"es256", "es"},  {"ES256 ", "es"}};
  for (const auto& [alg, id] : others) {
    cases.push_back({"alg " + alg + " for the key " + id, signed_text(id, header(alg, id), claims()),
                     std::string(kAlgorithm)});
  }
  for (const std::string alg : {"", "7", "null", "[\"ES256\"]", "{}"}) {
    cases.push_back(
        {"alg is " + alg, keys().token("es", {}, {{"alg", alg}}), "its header names no algorithm (alg)"});
  }
  // A signature that is right for the other padding.
  const auto text = base64url_encode(header("PS256", "ps")) + "." + base64url_encode(claims());
  cases.push_back({"PKCS #1 v1.5 under PS256", text + "." + base64url_encode(keys().ps.sign("RS256", text)),
                   std::string(kSignature)});
}

std::string plus_order(std::string_view signature, bool negate) {
  // Of Ed25519, little-endian.
  std::string order;
  BIGNUM* number = nullptr;
  BN_dec2bn(&number, "7237005577332262213973186563042994240857116359379907606001950938285454250989");
  BIGNUM* s = BN_lebin2bn(reinterpret_cast<const unsigned char*>(signature.data()) + 32, 32, nullptr);
  negate ? BN_sub(s, number, s) : BN_add(s, s, number);
  std::string result(signature);
  BN_bn2lebinpad(s, reinterpret_cast<unsigned char*>(result.data()) + 32, 32);
  BN_free(s);
  BN_free(number);
  return result;
}

void signatures(Cases& cases) {
  const auto add = [&](std::string name, std::string_view id, std::string_view signature) {
    cases.push_back({std::move(name), with_signature(id, signature), std::string(kSignature)});
  };
  const auto of = [](std::string_view id) { return *base64url_decode(parts(id)[2]); };
  const std::string es = of("es");
  const std::string zero(32, '\0');
  const std::string order = *base64url_decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");  // of P-256
  add("ES256 of zeros", "es", zero + zero);
  add("r is zero", "es", zero + es.substr(32));
  add("s is zero", "es", es.substr(0, 32) + zero);
  add("r is the order", "es", order + es.substr(32));
  add("s is the order", "es", es.substr(0, 32) + order);
  add("both are the order", "es", order + order);
  add("r and s swapped", "es", es.substr(32) + es.substr(0, 32));
  add("ES256 of 63 bytes", "es", es.substr(0, 63));
  add("ES256 of 65 bytes", "es", es + '\0');
  add("ES256 of 96 bytes", "es", es + es.substr(0, 32));
  add("ES256 of 32 bytes", "es", es.substr(0, 32));
  add("one byte", "es", "\x01");
  const auto text = parts("es")[0] + "." + parts("es")[1];
  add("ES256 in DER", "es", keys().es.sign("ES256", text, true));
  add("of another P-256 key", "es", TestKey("P-256").sign("ES256", text));
  add("of secp256k1", "es", TestKey("secp256k1").sign("ES256", text));
  add("of P-384", "es", TestKey("P-384").sign("ES384", text));
  const std::string ed = of("ed");
  add("EdDSA of zeros", "ed", zero + zero);
  add("EdDSA with the order added", "ed", plus_order(ed, false));
  add("EdDSA with s negated", "ed", plus_order(ed, true));
  add("EdDSA of 63 bytes", "ed", ed.substr(0, 63));
  add("EdDSA of 65 bytes", "ed", ed + '\0');
  add("EdDSA of another key", "ed", TestKey("ED25519").sign("EdDSA", parts("ed")[0] + "." + parts("ed")[1]));
  const std::string rs = of("rs");
  add("RS256 of zeros", "rs", std::string(256, '\0'));
  add("RS256 of ones", "rs", std::string(255, '\0') + '\1');
  add("RS256 cut", "rs", rs.substr(1));
  add("RS256 with a zero in front", "rs", '\0' + rs);
  add("PS256 of zeros", "ps", std::string(256, '\0'));
  for (const std::string id : {"es", "ed", "rs", "ps"}) {
    std::string flipped = of(id);
    flipped[5] = static_cast<char>(flipped[5] ^ 1);
    add("one bit of " + id, id, flipped);
    auto token = parts(id);
    token[1] = base64url_encode(object(good_claims(), {{"act", R"({"sub":"admin-bot"})"}}));
    cases.push_back({"claims changed under " + id, joined(token), std::string(kSignature)});
    token = parts(id);
    token[0] = base64url_encode(fmt::format(R"({{"alg":"{}","kid":"{}"}})", TestIssuer::alg(id), id));
    cases.push_back({"header changed under " + id, joined(token), std::string(kSignature)});
  }
}

void headers(Cases& cases) {
  const auto add = [&](const std::string& name, const std::string& value, std::string why) {
    cases.push_back(
        {name + " is " + value.substr(0, 40), keys().token("es", {}, {{name, value}}), std::move(why)});
  };
  for (const std::string id :
       {"../../../../dev/null", "/etc/passwd", "' OR '1'='1", "es'; DROP TABLE keys; --",
        "https://evil.example.com/jwks.json", "", "ES", "es ", "*", "0", "rs\\u0020", "|sleep 1"}) {
    add("kid", json_text(id), "the issuer has no key of its name (kid)");
  }
  add("kid", json_text(std::string(8000, 'k')), "the issuer has no key of its name (kid)");
  for (const std::string id : {"7", "null", "[\"es\"]", "true"}) add("kid", id, "kid is no text");
  add("kid", "\"es\\u0000\"", "a text holds a NUL");
  cases.push_back(
      {"no kid", keys().token("es", {}, {{"kid", ""}}), "it names no key (kid), and the issuer has several"});
  add("jku", json_text("https://evil.example.com/jwks.json"), "a place for keys (jku)");
  add("x5u", json_text("https://evil.example.com/x.pem"), "a place for certificates (x5u)");
  add("jwk", TestKey("P-256").jwk("es"), "brings a key (jwk)");
  add("x5c", "[\"AA\"]", "brings certificates (x5c)");
  for (const std::string crit : {R"(["exp"])", R"(["b64"])", R"(["http://example.com/x"])", "[]", "null"})
    add("crit", crit, "(crit)");
  add("b64", "false", "(b64)");
  add("b64", "true", "(b64)");
  add("zip", json_text("DEF"), "(zip)");
  add("enc", json_text("A256GCM"), "(enc)");
  add("cty", json_text("JWT"), "another token (cty)");
  for (const std::string type :
       {"dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", "at+jwt ", "application/"}) {
    if (type != "application/") add("typ", json_text(type), "no access token (typ)");
  }
  add("typ", "7", "typ is no text");
}

void times(Cases& cases) {
  const auto add = [&](const std::string& name, const std::string& value, std::string why) {
    cases.push_back({name + " is " + value, keys().token("ed", {{name, value}}), std::move(why)});
  };
  const std::vector<std::string> no_times = {json_text(seconds(600)),
                                             seconds(600) + ".5",
                                             seconds(600) + ".0",
                                             "1.9e9",
                                             "19E8",
                                             "-1",
                                             "253402300800",
                                             "9223372036854775807",
                                             "9223372036854775808",
                                             "18446744073709551616",
                                             "1e400",
                                             "true",
                                             "null",
                                             "[1900000000]",
                                             "{}"};
  for (const auto& value : no_times) {
    add("exp", value, "exp is no time in whole seconds");
  }
  add("exp", "", "it has no end (exp)");
  add("exp", "0", "it has expired (exp)");
  add("exp", seconds(-31), "it has expired (exp)");
  add("exp", seconds(-30), "it has expired (exp)");
  add("exp", seconds(-86'400), "it has expired (exp)");
  add("nbf", seconds(31), "it is not valid yet (nbf)");
  add("nbf", seconds(86'400), "it is not valid yet (nbf)");
  add("nbf", json_text("0"), "nbf is no time");
  add("nbf", "1.5", "nbf is no time");
  add("iat", seconds(31), "it was issued in the future (iat)");
  add("iat", json_text("now"), "iat is no time");
  add("iat", "-5", "iat is no time");
}

void claims_of_who(Cases& cases) {
  const auto add = [&](const std::string& name, const std::string& value, std::string why) {
    cases.push_back(
        {name + " is " + value.substr(0, 60), keys().token("es", {{name, value}}), std::move(why)});
  };
  for (const std::string value :
       {"https://id.example.com/", "https://ID.example.com", "http://id.example.com", "id.example.com", "",
        "https://id.example.com ", "https://id.example.com.evil.com", "pgchaperone",
        "https://id.example.co"}) {
    add("iss", json_text(value), "its issuer (iss) is none of the configuration's");
  }
  for (const std::string value : {"", "7", "null", R"(["https://id.example.com"])"})
    add("iss", value, "it names no issuer (iss)");
  for (const std::string value :
       {"", R"("other")", R"("")", R"("PGCHAPERONE")", R"("pgchaperone ")", R"("pgchaperone/")", "[]",
        R"(["a","b"])", R"([["pgchaperone"]])", R"(["pgchaperone",7])", R"({"pgchaperone":1})", "7", "null",
        R"("a pgchaperone")"}) {
    add("aud", value, "it is not for \"pgchaperone\" (aud)");
  }
  add("sub", "", "it has no subject (sub)");
  for (const std::string& value :
       std::vector<std::string>{"7", R"("")", "null", R"(["alice"])", R"("a\nb")", R"("a\u001b[2J")",
                                json_text(std::string(257, 'a'))}) {
    add("sub", value, "the claim sub, its subject, is no text");
  }
  add("act", "", "it names no agent (the claim act.sub)");
  for (const std::string value :
       {R"("triage-bot")", R"({"subject":"triage-bot"})", R"({"sub":7})", R"({"sub":""})",
        R"([{"sub":"triage-bot"}])", R"({"sub":"a","act":{}})", R"({"sub":"a","act":"b"})"}) {
    add("act", value, "an actor (act) has no name (sub)");
  }
  add("act",
      R"({"sub":"a","act":{"sub":"b","act":{"sub":"c","act":{"sub":"d","act":{"sub":"e","act":{"sub":"f"}}}}}})",
      "more than 5 actors (act)");
  add("act", R"({"sub":"a","note":")" + std::string(4096, 'n') + "\"}", "take more than 4096 bytes");
  add("act", R"({"sub":"a\r\nb"})", "the claim act.sub, its agent, is no text");
  add("act.sub", R"("admin-bot")", "two of its claims have one path");
  add("task", "4711", "the claim task, its task, is no text");
  add("task", R"("a\u0007")", "the claim task, its task, is no text");
  add("jti", "1", "the claim jti, its id, is no text");
  for (const std::string value : {"7", "true", R"([7])", R"(["a",""])", R"("a  b")", R"({"a":1})"})
    add("scope", value, "is no list of capabilities");
  add("cnf", R"({"x5t#S256":"abc"})", "bound to a key of its holder (cnf)");
  add("tenant_id", R"("a\u0000b")", "a text holds a NUL");
}

void json(Cases& cases) {
  const auto add = [&](std::string name, const std::string& text, std::string why) {
    cases.push_back({std::move(name), signed_text("es", header("ES256", "es"), text), std::move(why)});
  };
  const std::string good = claims();
  const std::string open = good.substr(0, good.size() - 1);
  for (const std::string more :
       {R"("exp":1)", R"("exp":4000000000)", R"("iss":"https://id.example.com")", R"("aud":"pgchaperone")",
        R"("sub":"root")", R"("act":{"sub":"admin-bot"})", R"("e\u0078p":4000000000)"}) {
    add("twice: " + more, open + "," + more + "}", "a name stands twice");
  }
  add("twice within act", object(good_claims(), {{"act", R"({"sub":"triage-bot","sub":"admin-bot"})"}}),
      "a name stands twice");
  add("not UTF-8", object(good_claims(), {{"task", "\"\xff\xfe\""}}), "its claims: ");
  add("overlong UTF-8", object(good_claims(), {{"task", "\"\xc0\xaf\""}}), "its claims: ");
  add("half of a surrogate", object(good_claims(), {{"task", "\"\\ud800\""}}), "its claims: ");
  add("a byte order mark", "\xef\xbb\xbf" + good, "its claims: ");
  add("cut", good.substr(0, good.size() - 1), "its claims: ");
  add("two objects", good + good, "its claims: ");
  add("a comma at the end", open + ",}", "its claims: ");
  add("a comment", open + "/**/}", "its claims: ");
  add("single quotes", "{'iss':'x'}", "its claims: ");
  add("NaN", object(good_claims(), {{"x", "NaN"}}), "its claims: ");
  add("claims of no bytes", "", "its claims: ");
  add("a list", "[" + good + "]", "its claims: no object");
  add("a text", "\"x\"", "its claims: no object");
  add("null", "null", "its claims: no object");
  add("too deep", object(good_claims(), {{"x", std::string(40, '[') + std::string(40, ']')}}),
      "its claims: ");
  std::string many;
  for (int i = 0; i < 300; ++i) many += fmt::format(",\"c{}\":1", i);
  add("many members", open + many + "}", "its claims: ");
  const auto head = [&](std::string name, const std::string& text, std::string why) {
    cases.push_back({std::move(name), signed_text("es", text, good), std::move(why)});
  };
  head("alg twice", R"({"alg":"ES256","alg":"none","kid":"es"})", "its header: a name stands twice");
  head("kid twice", R"({"alg":"ES256","kid":"es","kid":"ed"})", "its header: a name stands twice");
  head("a header that is a list", R"(["ES256"])", "its header: no object");
  head("a header not UTF-8", "{\"alg\":\"ES256\",\"kid\":\"\xff\"}", "its header: ");
  head("an empty header", "", "its header: ");
}

void forms(Cases& cases) {
  const std::string good = keys().token("es");
  const auto part = parts("es");
  const auto add = [&](std::string name, std::string token, std::string_view why) {
    cases.push_back({std::move(name), std::move(token), std::string(why)});
  };
  add("nothing", "", kForm);
  add("one part", part[0], kForm);
  add("two parts", part[0] + "." + part[1], kForm);
  add("four parts", good + ".", kForm);
  add("an encrypted one", good + "." + part[0] + "." + part[1], kForm);
  add("dots", "..", kNotSigned);
  add("no signature", part[0] + "." + part[1] + ".", kNotSigned);
  add("no claims", part[0] + ".." + part[2], "its claims: ");
  add("as JSON",
      fmt::format(R"({{"payload":"{}","protected":"{}","signature":"{}"}})", part[1], part[0], part[2]),
      kForm);
  add("nested", signed_text("es", header("ES256", "es"), keys().token("es")), "its claims: ");
  add("blank in front", " " + good, kEncoding);
  add("blank behind", good + " ", kEncoding);
  add("line end behind", good + "\n", kEncoding);
  add("line end inside", good.substr(0, 20) + "\r\n" + good.substr(20), kEncoding);
  add("NUL behind", good + '\0', kEncoding);
  add("with Bearer", "Bearer " + good, kEncoding);
  add("padded", part[0] + "." + part[1] + "." + part[2] + "==", kEncoding);
  add("padded header", part[0] + "=." + part[1] + "." + part[2], kEncoding);
  add("plus and slash", part[0] + "." + part[1] + ".+/" + part[2].substr(2), kEncoding);
  add("not ASCII", part[0] + "." + part[1] + ".\xc3\xa4" + part[2].substr(2), kEncoding);
  add("percent", part[0] + "." + part[1] + "%2E" + part[2], kForm);
  // 64 bytes leave four bits of the last character unused; each other value of them is another text.
  const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const std::size_t bits : {1U, 7U, 15U}) {
    std::string other = good;
    other.back() = alphabet[alphabet.find(good.back()) | bits];
    add(fmt::format("unused bits {}", bits), other, kEncoding);
  }
  add("a byte too many", good + "A", kSignature);
  add("a character too many", good + "AAA", kEncoding);
  add("1 MiB", part[0] + "." + std::string(1U << 20, 'A') + "." + part[2], "it is longer than 16384 bytes");
  add("one byte too long", std::string(16385, 'A'), "it is longer than 16384 bytes");
  add("signed and too long", keys().token("es", {{"pad", json_text(std::string(13'000, 'p'))}}),
      "it is longer than 16384 bytes");
}

TEST(TokenRefused, EachOfManyAndSaysWhy) {
  Cases cases;
  algorithms(cases);
  signatures(cases);
  headers(cases);
  times(cases);
  claims_of_who(cases);
  json(cases);
  forms(cases);
  EXPECT_GE(cases.size(), 120U);
  const auto set = KeySet::from_text(keys().jwks(), "jwks.json");
  ASSERT_TRUE(set) << set.error().message;
  const std::vector<TokenIssuer> issuers = {
      {.issuer = "https://id.example.com",
       .audience = "pgchaperone",
       .claims = {.agent = "act.sub", .actor = "sub", .task = "task", .capabilities = "scope"},
       .keys = std::make_shared<KeySet>(*set)}};
  ASSERT_TRUE(verify_token(keys().token("es"), issuers, kNow)) << "the token that all of them are made from";
  std::set<std::string> names, tokens;
  for (const auto& [name, token, why] : cases) {
    const auto identity = verify_token(token, issuers, kNow);
    if (identity) {
      ADD_FAILURE() << name << ": accepted: " << token;
      continue;
    }
    EXPECT_NE(identity.error().message.find(why), std::string::npos)
        << name << ": " << identity.error().message;
    EXPECT_TRUE(tokens.insert(token).second) << name << ": the same token as another";
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
  }
  RecordProperty("tokens", static_cast<int>(cases.size()));
}

// Each byte of a good token changed in each of its bits: what still decodes has to fail at the signature.
TEST(TokenRefused, EveryBitCounts) {
  const auto set = KeySet::from_text(keys().jwks(), "jwks.json");
  const std::vector<TokenIssuer> issuers = {
      {.issuer = "https://id.example.com",
       .audience = "pgchaperone",
       .claims = {.agent = "act.sub", .actor = "sub", .task = "task", .capabilities = ""},
       .keys = std::make_shared<KeySet>(*set)}};
  const auto good = keys().token("ed");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto token = good;
      token[at] = static_cast<char>(token[at] ^ (1 << bit));
      EXPECT_FALSE(verify_token(token, issuers, kNow)) << at << " " << bit;
    }
  }
}

}  // namespace
}  // namespace chaperone::auth
