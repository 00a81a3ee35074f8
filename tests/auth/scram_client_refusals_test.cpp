#include <gtest/gtest.h>

#include "tests/auth/exchange.hpp"

namespace chaperone::auth::testing {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMalformed = "upstream: malformed SCRAM message";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1";

struct Case {
  std::string_view message;
  std::string_view error;
  std::string_view detail;
};

TEST(ScramClientRefusals, server_first) {
  constexpr std::string_view kNonce = "upstream: invalid SCRAM response";
  constexpr std::string_view kMismatch = "Nonce does not match.";
  constexpr std::string_view kSalt = "Invalid salt.";
  constexpr std::string_view kCount = "Invalid iteration count; expected 1 to 1000000.";
  constexpr std::string_view kGarbage = "Garbage found at the end of server-first-message.";
  const Case cases[] = {
      {"", kMalformed, "Expected attribute \"r\" but found \"0x00\"."},
      {"\0"sv, kMalformed, "Expected attribute \"r\" but found \"0x00\"."},
      {"e=other-error", kMalformed, "Expected attribute \"r\" but found \"'e'\"."},
      {"m=1,r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1", "upstream: server requires an unsupported SCRAM extension",
       ""},
      // nonce
      {"r", kMalformed, "Expected character \"=\" for attribute \"r\"."},
      {"r=,s=AAAA,i=1", kNonce, kMismatch},
      {"r=x,s=AAAA,i=1", kNonce, kMismatch},
      {"r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=1", kNonce, kMismatch},
      {"r=rOprNGfwEbeRWgbNEkq,s=AAAA,i=1", kNonce, kMismatch},
      {"r=ROprNGfwEbeRWgbNEkqOx,s=AAAA,i=1", kNonce, kMismatch},
      {"r=xrOprNGfwEbeRWgbNEkqO,s=AAAA,i=1", kNonce, kMismatch},
      {"r=rOprNGfwEbeRWgbNEkqO x,s=AAAA,i=1", kNonce, kMismatch},
      {"r=rOprNGfwEbeRWgbNEkqO\0x,s=AAAA,i=1"sv, kNonce, kMismatch},
      {"r=rOprNGfwEbeRWgbNEkqO\xff,s=AAAA,i=1", kNonce, kMismatch},
      // salt
      {"r=rOprNGfwEbeRWgbNEkqOx", kMalformed, "Expected attribute \"s\" but found \"0x00\"."},
      {"r=rOprNGfwEbeRWgbNEkqOx,i=1,s=AAAA", kMalformed, "Expected attribute \"s\" but found \"'i'\"."},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=,i=1", kMalformed, kSalt},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAA,i=1", kMalformed, kSalt},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=====,i=1", kMalformed, kSalt},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AA AA,i=1", kMalformed, kSalt},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AB==,i=1", kMalformed, kSalt},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA\n,i=1", kMalformed, kSalt},
      // iterations
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA", kMalformed, "Expected attribute \"i\" but found \"0x00\"."},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i", kMalformed, "Expected character \"=\" for attribute \"i\"."},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=0", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=-1", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=+1", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=01", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i= 1", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1 ", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1e3", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=0x1", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1\0"sv, kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1000001", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=2147483648", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4294967297", kMalformed, kCount},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=18446744073709551617", kMalformed, kCount},
      // what comes behind
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1,", kMalformed, kGarbage},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1,m=1", kMalformed, kGarbage},
      {"r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1,x=1", kMalformed, kGarbage},
  };
  ScramKeyCache cache;
  for (const Case& each : cases) {
    ScramClient client = make_client(kPassword, cache);
    client.first();
    const auto answer = client.final(each.message);
    ASSERT_FALSE(answer) << "was accepted: " << each.message;
    EXPECT_EQ(answer.error().sqlstate, "08006") << each.message;
    EXPECT_EQ(answer.error().message, each.error) << each.message;
    EXPECT_EQ(answer.error().detail, each.detail) << each.message;
    EXPECT_EQ(ScramSeam::size(cache), 0U) << "keys were derived for " << each.message;
  }
}

TEST(ScramClientRefusals, server_final) {
  ScramKeyCache cache;
  ScramClient client = make_client(kPassword, cache);
  ScramServer server = make_server(rfc_verifier(1));
  const auto server_first = server.first(client.first());
  ASSERT_TRUE(server_first);
  ASSERT_EQ(*server_first, kServerFirst);
  const auto client_final = client.final(*server_first);
  ASSERT_TRUE(client_final) << client_final.error().message;
  const auto server_final = server.final(*client_final);
  ASSERT_TRUE(server_final) << server_final.error().message;

  constexpr std::string_view kSignature = "Malformed server signature.";
  constexpr std::string_view kGarbage = "Garbage found at the end of server-final-message.";
  const std::string good = *server_final;
  std::string not_canonical = good;
  ++not_canonical[not_canonical.size() - 2];
  const std::string cut = good.substr(0, good.size() - 1);
  const std::string with_comma = good + ",";
  const std::string with_more = good + ",x=1";
  const std::string with_line_break = good + "\n";
  const std::string with_nul = good + '\0';
  const std::string twice = good + "," + good;
  const std::string upper = "V" + good.substr(1);
  const std::string long_error = "e=" + std::string(10'000, 'x');
  constexpr std::string_view kUnprintable =
      "upstream: error received from server in SCRAM exchange: an error that can't be printed";
  const Case cases[] = {
      {"", kMalformed, "Expected attribute \"v\" but found \"0x00\"."},
      {"v", kMalformed, "Expected character \"=\" for attribute \"v\"."},
      {"v=", kMalformed, kSignature},
      {"v=AAAA", kMalformed, kSignature},
      {"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "upstream: incorrect server signature", ""},
      {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "upstream: incorrect server signature", ""},
      {cut, kMalformed, kSignature},
      {not_canonical, kMalformed, kSignature},
      {with_line_break, kMalformed, kSignature},
      {with_nul, kMalformed, kSignature},
      {with_comma, kMalformed, kGarbage},
      {with_more, kMalformed, kGarbage},
      {twice, kMalformed, kGarbage},
      {upper, kMalformed, "Expected attribute \"v\" but found \"'V'\"."},
      {kServerFirst, kMalformed, "Expected attribute \"v\" but found \"'r'\"."},
      {"e=invalid-proof", "upstream: error received from server in SCRAM exchange: invalid-proof", ""},
      {"e", kMalformed, "Expected character \"=\" for attribute \"e\"."},
      {"e=\x1b[2J", kUnprintable, ""},
      {"e=a\nb", kUnprintable, ""},
      {long_error, kUnprintable, ""},
  };
  for (const Case& each : cases) {
    const auto answer = client.verify(each.message);
    ASSERT_FALSE(answer) << "was accepted: " << each.message;
    EXPECT_EQ(answer.error().sqlstate, "08006") << each.message;
    EXPECT_EQ(answer.error().message, each.error) << each.message;
    EXPECT_EQ(answer.error().detail, each.detail) << each.message;
  }
  EXPECT_TRUE(client.verify(good)) << "the right signature was refused";
}

TEST(ScramClientRefusals, a_server_that_does_not_know_the_password) {
  ScramKeyCache cache;
  ScramClient client = make_client(kPassword, cache);
  client.first();
  ASSERT_TRUE(client.final(kServerFirst));
  // It saw a proof and knows all messages, but has no ServerKey.
  for (const Sha256& guess :
       {Sha256{}, sha256(""), rfc_verifier(1).stored_key, hmac_sha256("", kServerFirst)}) {
    EXPECT_FALSE(client.verify("v=" + base64_encode(bytes(guess)))) << "a server was believed";
  }
}

TEST(ScramClientRefusals, iterations_up_to_the_limit_are_taken) {
  ScramKeyCache cache;
  ScramClient client = make_client(kPassword, cache);
  client.first();
  const auto answer = client.final("r=rOprNGfwEbeRWgbNEkqOx,s=AA==,i=20000");
  EXPECT_TRUE(answer) << answer.error().message << ": " << answer.error().detail;
}

}  // namespace
}  // namespace chaperone::auth::testing
