#include <gtest/gtest.h>

#include <set>

#include "tests/auth/exchange.hpp"

namespace chaperone::auth::testing {
namespace {

constexpr std::string_view kRfcServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kRfcClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
    "Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view kRfcServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

struct Outcome {
  bool server_accepts = false;
  bool client_accepts = false;
  std::string sqlstate;  ///< of the first refusal
};

Outcome exchange(std::string_view password, ScramServer server, ScramKeyCache& cache) {
  ScramClient client(password, cache);
  const auto server_first = server.first(client.first());
  if (!server_first) return {.sqlstate = std::string(server_first.error().sqlstate)};
  const auto client_final = client.final(*server_first);
  if (!client_final) return {.sqlstate = std::string(client_final.error().sqlstate)};
  const auto server_final = server.final(*client_final);
  if (!server_final) return {.sqlstate = std::string(server_final.error().sqlstate)};
  return {.server_accepts = true, .client_accepts = client.verify(*server_final).has_value(), .sqlstate = {}};
}

TEST(ScramVectors, server_answers_as_rfc7677) {
  ScramServer server = make_server(rfc_verifier());
  const auto first = server.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  ASSERT_TRUE(first) << first.error().message << ": " << first.error().detail;
  EXPECT_EQ(*first, kRfcServerFirst);
  const auto final = server.final(kRfcClientFinal);
  ASSERT_TRUE(final) << final.error().message << ": " << final.error().detail;
  EXPECT_EQ(*final, kRfcServerFinal);
}

TEST(ScramVectors, client_answers_as_rfc7677) {
  ScramKeyCache cache;
  ScramClient client = make_client(kPassword, cache);
  EXPECT_EQ(client.first(), "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
  ScramSeam::set_user(client, "user");
  const auto final = client.final(kRfcServerFirst);
  ASSERT_TRUE(final) << final.error().message << ": " << final.error().detail;
  EXPECT_EQ(*final, kRfcClientFinal);
  const auto verified = client.verify(kRfcServerFinal);
  EXPECT_TRUE(verified) << verified.error().message;
}

TEST(ScramExchange, right_password_is_accepted_by_both) {
  ScramKeyCache cache;
  for (const std::string_view password :
       {"pencil", " ", "p\xc3\xa4ss", "\xff\xfe not utf-8", "a,b=c\t\x01"}) {
    const Outcome outcome = exchange(password, ScramServer(ScramVerifier::derive(password), false), cache);
    EXPECT_TRUE(outcome.server_accepts) << '"' << password << "\" was refused with " << outcome.sqlstate;
    EXPECT_TRUE(outcome.client_accepts) << '"' << password << "\": the client refuses the server's signature";
  }
}

TEST(ScramExchange, equivalent_spellings_of_a_password_are_one) {
  ScramKeyCache cache;
  // U+2168 is IX under NFKC, the soft hyphen is mapped to nothing (RFC 4013, section 3).
  const Outcome outcome =
      exchange("I\xc2\xadX", ScramServer(ScramVerifier::derive("\xe2\x85\xa8"), false), cache);
  EXPECT_TRUE(outcome.client_accepts) << "refused with " << outcome.sqlstate;
}

TEST(ScramExchange, wrong_password_is_28P01_without_a_message) {
  ScramKeyCache cache;
  ScramServer server(rfc_verifier(), false);
  ScramClient client("pencils", cache);
  const auto final = server.final(client.final(server.first(client.first()).value()).value());
  ASSERT_FALSE(final) << "a wrong password was accepted";
  EXPECT_EQ(final.error().sqlstate, "28P01");
  EXPECT_EQ(final.error().message, "");
  EXPECT_EQ(final.error().detail, "") << "the client must not learn more than PostgreSQL tells";
}

TEST(ScramExchange, doomed_fails_at_its_end_even_with_the_right_password) {
  ScramKeyCache cache;
  const Outcome outcome = exchange(kPassword, ScramServer(rfc_verifier(), true), cache);
  EXPECT_FALSE(outcome.server_accepts) << "a doomed exchange was accepted";
  EXPECT_EQ(outcome.sqlstate, "28P01");
}

TEST(ScramExchange, doomed_looks_like_a_known_user) {
  ScramServer known = make_server(ScramVerifier::derive("x"));
  ScramServer unknown = make_server(ScramVerifier::mock("nobody", {}), true);
  const std::string known_first = known.first("n,,n=,r=abc").value();
  const std::string unknown_first = unknown.first("n,,n=,r=abc").value();
  EXPECT_EQ(known_first.size(), unknown_first.size()) << known_first << " and " << unknown_first;
  EXPECT_EQ(known_first.substr(known_first.find(",i=")), unknown_first.substr(unknown_first.find(",i=")));
}

TEST(ScramExchange, y_of_a_client_that_could_bind_the_channel_is_accepted) {
  ScramServer server = make_server(rfc_verifier());
  const std::string server_first = server.first("y,,n=,r=rOprNGfwEbeRWgbNEkqO").value();
  const ScramKeys keys = derive_keys(kPassword, rfc_verifier().salt, 4096);
  const std::string without_proof = "c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string message = "n=,r=rOprNGfwEbeRWgbNEkqO," + server_first + "," + without_proof;
  const Sha256 signature = hmac_sha256(bytes(sha256(bytes(keys.client_key))), message);
  const Sha256 proof = exclusive_or(keys.client_key, signature);
  const auto final = server.final(without_proof + ",p=" + base64_encode(bytes(proof)));
  EXPECT_TRUE(final) << final.error().message;
}

TEST(ScramExchange, extensions_without_obligation_are_ignored) {
  ScramServer server = make_server(rfc_verifier());
  const std::string server_first = server.first("n,,n=,r=rOprNGfwEbeRWgbNEkqO,x=1,Y=").value();
  const ScramKeys keys = derive_keys(kPassword, rfc_verifier().salt, 4096);
  const std::string without_proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,z=a=b";
  const std::string message = "n=,r=rOprNGfwEbeRWgbNEkqO,x=1,Y=," + server_first + "," + without_proof;
  const Sha256 signature = hmac_sha256(bytes(sha256(bytes(keys.client_key))), message);
  const Sha256 proof = exclusive_or(keys.client_key, signature);
  const auto final = server.final(without_proof + ",p=" + base64_encode(bytes(proof)));
  EXPECT_TRUE(final) << final.error().message;
}

TEST(ScramExchange, nonces_are_fresh_and_24_characters) {
  ScramKeyCache cache;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string client_first = ScramClient("x", cache).first();
    EXPECT_EQ(client_first.size(), std::string_view("n,,n=,r=").size() + 24) << client_first;
    EXPECT_TRUE(seen.insert(client_first).second) << "a client's nonce came twice: " << client_first;
    const std::string server_first = ScramServer(ScramVerifier(), false).first("n,,n=,r=").value();
    EXPECT_TRUE(seen.insert(server_first).second) << "a server's nonce came twice: " << server_first;
  }
}

TEST(ScramState, server_takes_each_message_once_and_in_order) {
  ScramServer early = make_server(rfc_verifier());
  EXPECT_FALSE(early.final(kRfcClientFinal)) << "client-final was accepted before client-first";
  EXPECT_FALSE(early.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")) << "an exchange went on after an error";

  ScramServer twice = make_server(rfc_verifier());
  ASSERT_TRUE(twice.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  EXPECT_FALSE(twice.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")) << "client-first was accepted twice";
  EXPECT_FALSE(twice.final(kRfcClientFinal)) << "an exchange went on after an error";

  ScramServer done = make_server(rfc_verifier());
  ASSERT_TRUE(done.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  ASSERT_TRUE(done.final(kRfcClientFinal));
  EXPECT_FALSE(done.final(kRfcClientFinal)) << "client-final was accepted twice";

  ScramServer guessing = make_server(rfc_verifier());
  ASSERT_TRUE(guessing.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  std::string wrong(kRfcClientFinal);
  wrong[wrong.size() - 5] ^= 1;
  EXPECT_FALSE(guessing.final(wrong));
  const auto again = guessing.final(kRfcClientFinal);
  ASSERT_FALSE(again) << "a second guess was allowed in one exchange";
  EXPECT_EQ(again.error().message, "invalid SCRAM exchange state");
}

TEST(ScramState, client_believes_no_server_before_its_own_proof) {
  ScramKeyCache cache;
  const std::string of_zeros = "v=" + base64_encode(bytes(Sha256{}));
  ScramClient fresh = make_client(kPassword, cache);
  EXPECT_FALSE(fresh.verify(of_zeros)) << "a fresh client believed a signature of zeros";
  EXPECT_FALSE(fresh.final(kRfcServerFirst)) << "server-first was accepted before client-first";

  ScramClient refused = make_client(kPassword, cache);
  refused.first();
  EXPECT_FALSE(refused.final("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
  EXPECT_FALSE(refused.final(kRfcServerFirst)) << "an exchange went on after an error";
  EXPECT_FALSE(refused.verify(of_zeros)) << "a failed client believed a signature of zeros";

  ScramClient twice = make_client(kPassword, cache);
  twice.first();
  ASSERT_TRUE(twice.final(kRfcServerFirst));
  EXPECT_FALSE(twice.final(kRfcServerFirst)) << "server-first was accepted twice";

  ScramClient restarted = make_client(kPassword, cache);
  restarted.first();
  restarted.first();
  EXPECT_FALSE(restarted.final(kRfcServerFirst)) << "a client used twice went on";
}

TEST(ScramKeyCacheTest, gives_the_keys_of_each_password_salt_and_count) {
  ScramKeyCache cache;
  const std::string salt = "0123456789abcdef";
  for (int round = 0; round < 2; ++round) {
    for (const std::string_view password : {"a", "b"}) {
      for (const int iterations : {1, 2, 12}) {
        for (const std::string& each : {salt, salt + "1"}) {
          const ScramKeys expected = derive_keys(password, each, iterations);
          const ScramKeys& got = cache.get(password, each, iterations);
          EXPECT_TRUE(equal(got.client_key, expected.client_key) &&
                      equal(got.server_key, expected.server_key))
              << "keys of another entry for " << password << ' ' << each << ' ' << iterations;
        }
      }
    }
  }
  // Neither a digit of the count nor a byte of the salt may move over the border between the two.
  const ScramKeys shifted = cache.get("a", "2:x", 1);
  EXPECT_FALSE(equal(shifted.client_key, cache.get("a", "x", 12).client_key));
}

TEST(ScramKeyCacheTest, second_use_costs_no_derivation) {
  ScramKeyCache cache;
  const ScramKeys* first = &cache.get("pencil", "salt", 4096);
  EXPECT_EQ(first, &cache.get("pencil", "salt", 4096)) << "the keys were derived anew";
}

TEST(ScramKeyCacheTest, starts_anew_past_a_thousand_and_stays_right) {
  ScramKeyCache cache;
  const ScramKeys expected = derive_keys("pencil", "salt", 1);
  for (int i = 0; i < 2500; ++i) {
    cache.get("pencil", std::to_string(i), 1);
    EXPECT_TRUE(equal(cache.get("pencil", "salt", 1).client_key, expected.client_key)) << "after " << i;
    EXPECT_LE(ScramSeam::size(cache), 1000U) << "after " << i;
  }
}

}  // namespace
}  // namespace chaperone::auth::testing
