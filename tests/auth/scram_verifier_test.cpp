#include "proxy/auth/scram_verifier.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/auth/exchange.hpp"

namespace chaperone::auth::testing {
namespace {

// rolpassword of PostgreSQL 15 after CREATE ROLE .. PASSWORD 'pencil'.
constexpr std::string_view kText =
    "SCRAM-SHA-256$4096:ucZjgJ+EAsuGdFQMv0PYFQ==$HGMceOf3SeCKwXmQFIt2ycM2yAdc/CgPbiufhYPpDE4="
    ":etdxebEiLO/ARHUoO/JrRoYQcA5ioH4nWW9VjDTaJKQ=";

bool same(const ScramVerifier& left, const ScramVerifier& right) {
  return left.to_text() == right.to_text();
}

TEST(ScramVerifierText, reads_and_writes_what_postgresql_stores) {
  const auto verifier = ScramVerifier::from_text(kText);
  ASSERT_TRUE(verifier) << verifier.error().message;
  EXPECT_EQ(verifier->to_text(), kText);
  EXPECT_TRUE(same(*verifier, verifier_of("pencil", verifier->salt, verifier->iterations)))
      << "the keys are not those of the password";
}

TEST(ScramVerifierText, reads_what_it_writes) {
  for (const int iterations : {1, 4096, kMaxScramIterations}) {
    for (const std::size_t salt_size : {1U, 2U, 3U, 16U, 100U}) {
      const ScramVerifier verifier{.iterations = iterations,
                                   .salt = random_bytes(salt_size),
                                   .stored_key = sha256("a"),
                                   .server_key = sha256("b")};
      const auto read = ScramVerifier::from_text(verifier.to_text());
      ASSERT_TRUE(read) << read.error().message << " in " << verifier.to_text();
      EXPECT_TRUE(same(*read, verifier)) << verifier.to_text();
    }
  }
}

struct BadText {
  std::string_view replace;
  std::string_view by;
  std::string_view message;  ///< its beginning
};

TEST(ScramVerifierText, says_what_is_wrong) {
  constexpr std::string_view kSalt = "ucZjgJ+EAsuGdFQMv0PYFQ==";
  constexpr std::string_view kStored = "HGMceOf3SeCKwXmQFIt2ycM2yAdc/CgPbiufhYPpDE4=";
  constexpr std::string_view kServer = "etdxebEiLO/ARHUoO/JrRoYQcA5ioH4nWW9VjDTaJKQ=";
  const BadText cases[] = {
      {kText, "", "not a SCRAM verifier"},
      {kText, "hunter2", "not a SCRAM verifier"},
      {kText, "md532e12f215ba27cb750c9e093ce4b5127", "not a SCRAM verifier"},
      {"SCRAM-SHA-256$", "SCRAM-SHA-256-PLUS$", "not a SCRAM verifier"},
      {"SCRAM-SHA-256$", "SCRAM-SHA-1$", "not a SCRAM verifier"},
      {"SCRAM-SHA-256$", "scram-sha-256$", "not a SCRAM verifier"},
      {"SCRAM-SHA-256$", " SCRAM-SHA-256$", "not a SCRAM verifier"},
      {"$4096:", "$:", "bad iterations"},
      {"$4096:", "$0:", "bad iterations"},
      {"$4096:", "$-1:", "bad iterations"},
      {"$4096:", "$+4096:", "bad iterations"},
      {"$4096:", "$04096:", "bad iterations"},
      {"$4096:", "$ 4096:", "bad iterations"},
      {"$4096:", "$4096 :", "bad iterations"},
      {"$4096:", "$0x10:", "bad iterations"},
      {"$4096:", "$4096.0:", "bad iterations"},
      {"$4096:", "$1000001:", "bad iterations"},
      {"$4096:", "$4294971392:", "bad iterations"},
      {"$4096:", "$99999999999999999999:", "bad iterations"},
      {kText, "SCRAM-SHA-256$4096", "bad iterations"},
      {kSalt, "", "bad salt"},
      {kSalt, "ucZjgJ+EAsuGdFQMv0PYFQ=", "bad salt"},
      {kSalt, "ucZjgJ+EAsuGdFQMv0PYFR==", "bad salt"},
      {kSalt, "ucZjgJ EAsuGdFQMv0PYFQ==", "bad salt"},
      {kText, "SCRAM-SHA-256$4096:ucZjgJ+EAsuGdFQMv0PYFQ==", "bad salt"},
      {kStored, "", "bad StoredKey"},
      {kStored, "HGMceOf3SeCKwXmQFIt2ycM2yAdc/CgPbiufhYPpDE==", "bad StoredKey"},
      {kStored, "HGMceOf3SeCKwXmQFIt2ycM2yAdc/CgPbiufhYPpDE4", "bad StoredKey"},
      {kStored, "!GMceOf3SeCKwXmQFIt2ycM2yAdc/CgPbiufhYPpDE4=", "bad StoredKey"},
      {kText, "SCRAM-SHA-256$4096:ucZjgJ+EAsuGdFQMv0PYFQ==$HGMceOf3SeCKwXmQFIt2ycM2yAdc/CgPbiufhYPpDE4=",
       "bad StoredKey"},
      {kServer, "", "bad ServerKey"},
      {kServer, "etdxebEiLO/ARHUoO/JrRoYQcA5ioH4nWW9VjDTaJKQ=\n", "bad ServerKey"},
      {kServer, "etdxebEiLO/ARHUoO/JrRoYQcA5ioH4nWW9VjDTaJKQ= ", "bad ServerKey"},
      {kServer, "etdxebEiLO/ARHUoO/JrRoYQcA5ioH4nWW9VjDTaJKQ=:", "bad ServerKey"},
      {kServer, "etdxebEiLO/ARHUoO/JrRoYQcA5ioH4nWW9VjDTaJKR=", "bad ServerKey"},
  };
  for (const BadText& each : cases) {
    std::string text(kText);
    const std::size_t at = text.find(each.replace);
    ASSERT_NE(at, std::string::npos) << each.replace;
    text.replace(at, each.replace.size(), each.by);
    const auto verifier = ScramVerifier::from_text(text);
    ASSERT_FALSE(verifier) << "was read: " << text;
    EXPECT_TRUE(verifier.error().message.starts_with(each.message))
        << text << "\ngives " << verifier.error().message;
    EXPECT_NE(verifier.error().message.find("expected"), std::string::npos)
        << "does not say what would be right: " << verifier.error().message;
    if (!each.by.empty() && each.replace == kText) {
      EXPECT_EQ(verifier.error().message.find(each.by), std::string::npos)
          << "a secret is quoted: " << verifier.error().message;
    }
  }
}

TEST(ScramVerifierText, every_prefix_is_refused) {
  for (std::size_t size = 0; size < kText.size(); ++size) {
    EXPECT_FALSE(ScramVerifier::from_text(kText.substr(0, size))) << "was read: " << kText.substr(0, size);
  }
}

TEST(ScramVerifierDerive, has_a_fresh_salt_of_16_bytes_and_the_keys_of_the_password) {
  std::set<std::string> salts;
  for (int i = 0; i < 20; ++i) {
    const ScramVerifier verifier = ScramVerifier::derive("pencil", 7);
    EXPECT_EQ(verifier.iterations, 7);
    EXPECT_EQ(verifier.salt.size(), 16U);
    EXPECT_TRUE(salts.insert(verifier.salt).second) << "a salt came twice";
    EXPECT_TRUE(same(verifier, verifier_of("pencil", verifier.salt, 7)));
  }
  EXPECT_EQ(ScramVerifier::derive("pencil").iterations, 4096);
}

TEST(ScramVerifierMock, is_stable_for_a_user_and_a_secret_and_differs_otherwise) {
  const Sha256 secret = sha256("secret");
  const ScramVerifier mock = ScramVerifier::mock("bob", secret);
  EXPECT_EQ(mock.salt, bytes(hmac_sha256(bytes(secret), "bob")).substr(0, 16));
  EXPECT_EQ(mock.iterations, kScramIterations);
  EXPECT_TRUE(same(mock, ScramVerifier::mock("bob", secret)))
      << "an unknown user can be told by asking twice";
  EXPECT_NE(mock.salt, ScramVerifier::mock("bob", sha256("other")).salt);
  EXPECT_NE(mock.salt, ScramVerifier::mock("bo", secret).salt);
  EXPECT_FALSE(equal(mock.stored_key, mock.server_key));
  EXPECT_FALSE(equal(mock.stored_key, Sha256{}));
}

}  // namespace
}  // namespace chaperone::auth::testing
