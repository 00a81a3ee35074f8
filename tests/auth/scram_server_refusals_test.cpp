#include <gtest/gtest.h>

#include "tests/auth/exchange.hpp"

/// Every refusal of client messages. SQLSTATE, message and detail are those that PostgreSQL 15 sends for the
/// same bytes, but where a case says that it would accept them.
namespace chaperone::auth::testing {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMalformed = "malformed SCRAM message";
constexpr std::string_view kExtension = "client requires an unsupported SCRAM extension";

struct FirstCase {
  std::string_view message;
  std::string_view sqlstate;
  std::string_view error;
  std::string_view detail;
};

TEST(ScramServerRefusals, client_first) {
  constexpr std::string_view kBinding =
      "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel "
      "binding data.";
  const FirstCase cases[] = {
      {"", "08P01", kMalformed, "The message is empty."},
      {"\0"sv, "08P01", kMalformed, "Message length does not match input length."},
      {"n,,n=u\0,r=abc"sv, "08P01", kMalformed, "Message length does not match input length."},
      {"n,,n=,r=abc\0"sv, "08P01", kMalformed, "Message length does not match input length."},
      // gs2 header
      {"n", "08P01", kMalformed, "Comma expected, but found character \"0x00\"."},
      {"y", "08P01", kMalformed, "Comma expected, but found character \"0x00\"."},
      {"n;,n=,r=abc", "08P01", kMalformed, "Comma expected, but found character \"';'\"."},
      {"n,", "08P01", kMalformed, "Unexpected attribute \"0x00\" in client-first-message."},
      {"n,x,n=,r=abc", "08P01", kMalformed, "Unexpected attribute \"'x'\" in client-first-message."},
      {"n,n=,r=abc", "08P01", kMalformed, "Unexpected attribute \"'n'\" in client-first-message."},
      {"n,a=bob,n=,r=abc", "0A000", "client uses authorization identity, but it is not supported", ""},
      {"y,a=,n=,r=abc", "0A000", "client uses authorization identity, but it is not supported", ""},
      {"p=tls-server-end-point,,n=,r=abc", "08P01", kMalformed, kBinding},
      {"p=tls-unique,,n=,r=abc", "08P01", kMalformed, kBinding},
      {"p", "08P01", kMalformed, kBinding},
      {"x,,n=,r=abc", "08P01", kMalformed, "Unexpected channel-binding flag \"'x'\"."},
      {"N,,n=,r=abc", "08P01", kMalformed, "Unexpected channel-binding flag \"'N'\"."},
      {",,n=,r=abc", "08P01", kMalformed, "Unexpected channel-binding flag \"','\"."},
      {" n,,n=,r=abc", "08P01", kMalformed, "Unexpected channel-binding flag \"0x20\"."},
      {"\xff,,n=,r=abc", "08P01", kMalformed, "Unexpected channel-binding flag \"0xff\"."},
      // user
      {"n,,", "08P01", kMalformed, "Expected attribute \"n\" but found \"0x00\"."},
      {"n,,,n=,r=abc", "08P01", kMalformed, "Expected attribute \"n\" but found \"','\"."},
      {"n,,n", "08P01", kMalformed, "Expected character \"=\" for attribute \"n\"."},
      {"n,,n,r=abc", "08P01", kMalformed, "Expected character \"=\" for attribute \"n\"."},
      {"n,,r=abc", "08P01", kMalformed, "Expected attribute \"n\" but found \"'r'\"."},
      {"n,,r=abc,n=", "08P01", kMalformed, "Expected attribute \"n\" but found \"'r'\"."},
      {"n,,N=,r=abc", "08P01", kMalformed, "Expected attribute \"n\" but found \"'N'\"."},
      // nonce
      {"n,,n=", "08P01", kMalformed, "Expected attribute \"r\" but found \"0x00\"."},
      {"n,,n=,", "08P01", kMalformed, "Expected attribute \"r\" but found \"0x00\"."},
      {"n,,n=,n=,r=abc", "08P01", kMalformed, "Expected attribute \"r\" but found \"'n'\"."},
      {"n,,n=,r", "08P01", kMalformed, "Expected character \"=\" for attribute \"r\"."},
      {"n,,n=,r=a b", "08P01", "non-printable characters in SCRAM nonce", ""},
      {"n,,n=,r=a\x7f", "08P01", "non-printable characters in SCRAM nonce", ""},
      {"n,,n=,r=a\n", "08P01", "non-printable characters in SCRAM nonce", ""},
      {"n,,n=,r=\xc3\xa4", "08P01", "non-printable characters in SCRAM nonce", ""},
      // extensions
      {"n,,m=x,n=,r=abc", "0A000", kExtension, ""},
      {"n,,m", "0A000", kExtension, ""},
      {"n,,n=,r=abc,x", "08P01", kMalformed, "Expected character \"=\" for attribute \"x\"."},
      {"n,,n=,r=abc,1=2", "08P01", kMalformed, "Attribute expected, but found invalid character \"'1'\"."},
      {"n,,n=,r=abc,\xc3=1", "08P01", kMalformed,
       "Attribute expected, but found invalid character \"0xc3\"."},
      {"n,,n=,r=abc,,x=1", "08P01", kMalformed, "Attribute expected, but found invalid character \"','\"."},
      // PostgreSQL accepts these two; RFC 5802 does not.
      {"n,,n=,r=abc,m=1", "0A000", kExtension, ""},
      {"n,,n=,r=abc,", "08P01", kMalformed, "Attribute expected, but found end of string."},
  };
  for (const FirstCase& each : cases) {
    ScramServer server = make_server(rfc_verifier(1));
    const auto answer = server.first(each.message);
    ASSERT_FALSE(answer) << "was accepted: " << each.message;
    EXPECT_EQ(answer.error().sqlstate, each.sqlstate) << each.message;
    EXPECT_EQ(answer.error().message, each.error) << each.message;
    EXPECT_EQ(answer.error().detail, each.detail) << each.message;
  }
}

struct FinalCase {
  std::string_view what;
  std::string_view message;  ///< <nonce> is the whole nonce, <proof> the proof over what stands before it
  std::string_view sqlstate;
  std::string_view error;
  std::string_view detail;
};

void replace(std::string& text, std::string_view what, std::string_view by) {
  if (const std::size_t at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
}

/// The message of a client that knows the password, whatever else is wrong.
std::string final_message(std::string_view form, std::string_view server_first) {
  std::string text(form);
  replace(text, "<nonce>", std::string(kClientNonce).append(kServerNonce));
  const ScramKeys keys = derive_keys(kPassword, rfc_verifier(1).salt, 1);
  const std::string message = std::string("n=,r=")
                                  .append(kClientNonce)
                                  .append(",")
                                  .append(server_first)
                                  .append(",")
                                  .append(text.substr(0, text.find(",p=")));
  const Sha256 proof =
      exclusive_or(keys.client_key, hmac_sha256(bytes(sha256(bytes(keys.client_key))), message));
  const std::string encoded = base64_encode(bytes(proof));
  std::string not_canonical = encoded;
  ++not_canonical[not_canonical.size() - 2];
  replace(text, "<proof>", encoded);
  replace(text, "<proof, unused bits set>", not_canonical);
  replace(text, "<proof, no padding>", std::string_view(encoded).substr(0, 43));
  replace(text, "<proof, cut>", std::string_view(encoded).substr(0, 40));
  return text;
}

TEST(ScramServerRefusals, client_final) {
  constexpr std::string_view kBinding = "unexpected SCRAM channel-binding attribute in client-final-message";
  constexpr std::string_view kNonce = "invalid SCRAM response";
  constexpr std::string_view kMismatch = "Nonce does not match.";
  constexpr std::string_view kProof = "Malformed proof in client-final-message.";
  constexpr std::string_view kGarbage = "Garbage found at the end of client-final-message.";
  constexpr std::string_view kEnd = "Attribute expected, but found end of string.";
  const FinalCase cases[] = {
      {"empty", "", "08P01", kMalformed, "The message is empty."},
      {"NUL behind", "c=biws,r=<nonce>,p=<proof>\0"sv, "08P01", kMalformed,
       "Message length does not match input length."},
      {"NUL within", "c=biws,r=<nonce>,\0p=<proof>"sv, "08P01", kMalformed,
       "Message length does not match input length."},
      // channel binding
      {"not c", "r=<nonce>,c=biws,p=<proof>", "08P01", kMalformed,
       "Expected attribute \"c\" but found \"'r'\"."},
      {"c without =", "c,r=<nonce>,p=<proof>", "08P01", kMalformed,
       "Expected character \"=\" for attribute \"c\"."},
      {"c of y,,", "c=eSws,r=<nonce>,p=<proof>", "08P01", kBinding, ""},
      {"c empty", "c=,r=<nonce>,p=<proof>", "08P01", kBinding, ""},
      {"c with more", "c=biwsAAAA,r=<nonce>,p=<proof>", "08P01", kBinding, ""},
      {"c of p=tls-server-end-point,,", "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCws,r=<nonce>,p=<proof>", "08P01",
       kBinding, ""},
      {"c in clear", "c=n,,r=<nonce>,p=<proof>", "08P01", kBinding, ""},
      {"c in another case", "c=BIWS,r=<nonce>,p=<proof>", "08P01", kBinding, ""},
      // nonce
      {"only c", "c=biws", "08P01", kMalformed, "Expected attribute \"r\" but found \"0x00\"."},
      {"no nonce", "c=biws,p=<proof>", "08P01", kMalformed, "Expected attribute \"r\" but found \"'p'\"."},
      {"nonce empty", "c=biws,r=,p=<proof>", "08P01", kNonce, kMismatch},
      {"nonce of the client", "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=<proof>", "08P01", kNonce, kMismatch},
      {"nonce of the server", "c=biws,r=%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=<proof>", "08P01", kNonce,
       kMismatch},
      {"nonce with more", "c=biws,r=<nonce>x,p=<proof>", "08P01", kNonce, kMismatch},
      {"nonce with less", "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k,p=<proof>", "08P01",
       kNonce, kMismatch},
      {"nonce in another case", "c=biws,r=ROprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=<proof>",
       "08P01", kNonce, kMismatch},
      {"nonce changed at its end", "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k1,p=<proof>",
       "08P01", kNonce, kMismatch},
      // proof
      {"no proof", "c=biws,r=<nonce>", "08P01", kMalformed, kEnd},
      {"no proof behind a comma", "c=biws,r=<nonce>,", "08P01", kMalformed, kEnd},
      {"P", "c=biws,r=<nonce>,P=<proof>", "08P01", kMalformed, kEnd},
      {"p without =", "c=biws,r=<nonce>,p", "08P01", kMalformed,
       "Expected character \"=\" for attribute \"p\"."},
      {"proof empty", "c=biws,r=<nonce>,p=", "08P01", kMalformed, kProof},
      {"proof cut", "c=biws,r=<nonce>,p=<proof, cut>", "08P01", kMalformed, kProof},
      {"proof without padding", "c=biws,r=<nonce>,p=<proof, no padding>", "08P01", kMalformed, kProof},
      {"proof of 33 bytes", "c=biws,r=<nonce>,p=eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4", "08P01",
       kMalformed, kProof},
      {"proof with a space", "c=biws,r=<nonce>,p= <proof>", "08P01", kMalformed, kProof},
      {"proof with a line break", "c=biws,r=<nonce>,p=<proof>\n", "08P01", kMalformed, kProof},
      {"proof not base64", "c=biws,r=<nonce>,p=!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "08P01",
       kMalformed, kProof},
      {"proof malformed and nonce wrong", "c=biws,r=x,p=x", "08P01", kMalformed, kProof},
      {"proof of zeros", "c=biws,r=<nonce>,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "28P01", "", ""},
      {"proof of another message", "c=biws,r=<nonce>,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "28P01",
       "", ""},
      {"extension the proof does not cover", "c=biws,r=<nonce>,p=<proof>,x=1", "08P01", kMalformed, kGarbage},
      {"two proofs", "c=biws,r=<nonce>,p=<proof>,p=AAAA", "08P01", kMalformed, kGarbage},
      // extensions
      {"extension without =", "c=biws,r=<nonce>,z,p=<proof>", "08P01", kMalformed,
       "Expected character \"=\" for attribute \"z\"."},
      {"extension that is none", "c=biws,r=<nonce>,1=2,p=<proof>", "08P01", kMalformed,
       "Attribute expected, but found invalid character \"'1'\"."},
      {"empty attribute", "c=biws,r=<nonce>,,p=<proof>", "08P01", kMalformed,
       "Attribute expected, but found invalid character \"','\"."},
      // PostgreSQL accepts these three; RFC 5802 does not.
      {"mandatory extension", "c=biws,r=<nonce>,m=1,p=<proof>", "0A000", kExtension, ""},
      {"comma at the end", "c=biws,r=<nonce>,p=<proof>,", "08P01", kMalformed, kGarbage},
      {"unused bits set", "c=biws,r=<nonce>,p=<proof, unused bits set>", "08P01", kMalformed, kProof},
  };
  for (const FinalCase& each : cases) {
    ScramServer server = make_server(rfc_verifier(1));
    const auto server_first = server.first(std::string("n,,n=,r=").append(kClientNonce));
    ASSERT_TRUE(server_first) << server_first.error().message;
    const auto answer = server.final(final_message(each.message, *server_first));
    ASSERT_FALSE(answer) << "was accepted: " << each.what;
    EXPECT_EQ(answer.error().sqlstate, each.sqlstate) << each.what;
    EXPECT_EQ(answer.error().message, each.error) << each.what;
    EXPECT_EQ(answer.error().detail, each.detail) << each.what;
  }
}

/// The cases above are refused for what they say they are only if the helper makes proofs that fit.
TEST(ScramServerRefusals, the_message_without_fault_is_accepted) {
  ScramServer server = make_server(rfc_verifier(1));
  const auto server_first = server.first(std::string("n,,n=,r=").append(kClientNonce));
  ASSERT_TRUE(server_first);
  const auto answer = server.final(final_message("c=biws,r=<nonce>,x=1,p=<proof>", *server_first));
  EXPECT_TRUE(answer) << answer.error().message << ": " << answer.error().detail;
}

TEST(ScramServerRefusals, c_has_to_be_of_the_header_that_was_sent) {
  ScramServer server = make_server(rfc_verifier(1));
  const auto server_first = server.first(std::string("y,,n=,r=").append(kClientNonce));
  ASSERT_TRUE(server_first);
  const auto answer = server.final(final_message("c=biws,r=<nonce>,p=<proof>", *server_first));
  ASSERT_FALSE(answer) << "a header changed on its way was accepted";
  EXPECT_EQ(answer.error().message, "unexpected SCRAM channel-binding attribute in client-final-message");
}

}  // namespace
}  // namespace chaperone::auth::testing
