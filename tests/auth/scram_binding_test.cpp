#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/auth/exchange.hpp"

namespace chaperone::auth::testing {
namespace {

const std::string kEndPoint(32, '\xe0');
const std::string kOther(32, '\xe1');

ScramServer server_with(const std::string& end_point) {
  ScramServer server(rfc_verifier(1), false, end_point);
  ScramSeam::set_nonce(server, std::string(kServerNonce));
  return server;
}

std::string first_of(std::string_view gs2_header) {
  return std::string(gs2_header) + "n=,r=" + std::string(kClientNonce);
}

/// A right proof of the password, with `c=` of these bytes.
std::string final_with(std::string_view binding, std::string_view client_first_bare,
                       std::string_view server_first, std::string_view nonce) {
  const std::string without = "c=" + base64_encode(binding) + ",r=" + std::string(nonce);
  const ScramKeys keys = derive_keys(kPassword, rfc_verifier(1).salt, 1);
  const std::string text = std::string(client_first_bare) + "," + std::string(server_first) + "," + without;
  const Sha256 signature = hmac_sha256(bytes(sha256(bytes(keys.client_key))), text);
  return without + ",p=" + base64_encode(bytes(exclusive_or(keys.client_key, signature)));
}

TEST(ScramBinding, IsOfferedWhereThereIsSomethingToBindTo) {
  EXPECT_EQ(server_with(kEndPoint).mechanisms(), (std::vector{kScramSha256Plus, kScramSha256}));
  EXPECT_EQ(server_with("").mechanisms(), std::vector{kScramSha256});
  ScramServer without = server_with("");
  EXPECT_FALSE(without.choose(kScramSha256Plus));
  EXPECT_FALSE(without.choose("SCRAM-SHA-1"));
  EXPECT_FALSE(without.choose(""));
  EXPECT_TRUE(without.choose(kScramSha256));
}

TEST(ScramBinding, TheClientTakesTheBestThatIsOffered) {
  ScramKeyCache cache;
  const auto chosen = [&](const std::string& end_point, const std::vector<std::string_view>& offered) {
    return ScramClient(kPassword, cache, end_point).choose(offered);
  };
  EXPECT_EQ(chosen(kEndPoint, {kScramSha256, kScramSha256Plus}), kScramSha256Plus);
  EXPECT_EQ(chosen(kEndPoint, {kScramSha256}), kScramSha256);
  EXPECT_EQ(chosen("", {kScramSha256Plus, kScramSha256}), kScramSha256);
  EXPECT_EQ(chosen("", {kScramSha256Plus}), "");
  EXPECT_EQ(chosen(kEndPoint, {"SCRAM-SHA-1"}), "");
  EXPECT_EQ(chosen(kEndPoint, {}), "");
}

TEST(ScramBinding, EndsWellWhereBothMeanTheSameConnection) {
  for (const bool same : {true, false}) {
    ScramKeyCache cache;
    ScramClient client(kPassword, cache, kEndPoint);
    ScramServer server = server_with(same ? kEndPoint : kOther);
    ASSERT_TRUE(server.choose(client.choose(server.mechanisms())));
    const std::string first = client.first();
    EXPECT_TRUE(first.starts_with("p=tls-server-end-point,,n=,r="));
    const auto final = client.final(server.first(first).value());
    ASSERT_TRUE(final);
    const auto proof = server.final(*final);
    EXPECT_EQ(proof.has_value(), same);
    if (same) {
      EXPECT_TRUE(client.verify(*proof));
    } else {
      EXPECT_EQ(proof.error().sqlstate, "28000");
      EXPECT_EQ(proof.error().message, "SCRAM channel binding check failed");
    }
  }
}

TEST(ScramBinding, AnOfferThatWasTakenAwayIsNoticed) {
  ScramKeyCache cache;
  ScramClient client(kPassword, cache, kEndPoint);
  EXPECT_EQ(client.choose({kScramSha256}), kScramSha256);
  const std::string first = client.first();
  EXPECT_TRUE(first.starts_with("y,,")) << first;
  ScramServer offered = server_with(kEndPoint);
  const auto refused = offered.first(first);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sqlstate, "28000");
  EXPECT_EQ(refused.error().message, "SCRAM channel binding negotiation error");
  ScramServer without = server_with("");
  const auto final = client.final(without.first(first).value());
  ASSERT_TRUE(final);
  EXPECT_TRUE(without.final(*final)) << "where it was not offered, it is just so";
}

TEST(ScramBinding, TheHeaderGoesWithTheMechanism) {
  struct Case {
    bool plus;
    std::string_view header;
    std::string_view sqlstate;
    std::string_view text;  // of message or detail
  };
  const std::vector<Case> cases = {
      {true, "n,,", "08P01", "does not include channel binding data"},
      {true, "y,,", "08P01", "does not include channel binding data"},
      {true, "p=tls-unique,,", "08P01", "unsupported SCRAM channel-binding type \"tls-unique\""},
      {true, "p=tls-exporter,,", "08P01", "unsupported SCRAM channel-binding type \"tls-exporter\""},
      {true, "p=,,", "08P01", "unsupported SCRAM channel-binding type \"\""},
      {true, "p=tls\x01,,", "08P01", "that can't be shown"},
      {true, "p", "08P01", "malformed"},
      {true, "p=tls-server-end-point", "08P01", ""},
      {true, "p=tls-server-end-point,a=me,", "0A000", "authorization identity"},
      {true, "p=tls-server-end-point,x,", "08P01", "Unexpected attribute"},
      {true, "p=tls-server-end-points,,", "08P01", "unsupported SCRAM channel-binding type"},
      {true, "x,,", "08P01", "Unexpected channel-binding flag"},
      {false, "p=tls-server-end-point,,", "08P01", "without channel binding, but"},
      {false, "n", "08P01", "Comma expected"},
  };
  for (const auto& [plus, header, sqlstate, text] : cases) {
    ScramServer server = server_with(kEndPoint);
    ASSERT_TRUE(server.choose(plus ? kScramSha256Plus : kScramSha256));
    const auto answer = server.first(header.ends_with(',') ? first_of(header) : std::string(header));
    ASSERT_FALSE(answer) << header;
    EXPECT_EQ(answer.error().sqlstate, sqlstate) << header;
    EXPECT_NE((answer.error().message + answer.error().detail).find(text), std::string::npos)
        << header << ": " << answer.error().message << " " << answer.error().detail;
  }
}

TEST(ScramBinding, OnlyTheWholeBindingCounts) {
  const std::string header = "p=tls-server-end-point,,";
  const std::vector<std::pair<std::string, bool>> bindings = {
      {header + kEndPoint, true},
      {header, false},
      {header + kOther, false},
      {header + kEndPoint.substr(1), false},
      {header + kEndPoint + "x", false},
      {"n,,", false},
      {"y,,", false},
      {kEndPoint, false},
      {"n,," + kEndPoint, false},
      {"", false},
  };
  for (const auto& [binding, good] : bindings) {
    ScramServer server = server_with(kEndPoint);
    ASSERT_TRUE(server.choose(kScramSha256Plus));
    const std::string client_first = first_of(header);
    const std::string server_first = server.first(client_first).value();
    const std::string nonce = std::string(kClientNonce) + std::string(kServerNonce);
    const auto answer = server.final(
        final_with(binding, std::string_view(client_first).substr(header.size()), server_first, nonce));
    EXPECT_EQ(answer.has_value(), good) << binding;
  }
}

TEST(ScramBinding, WithoutItsMechanismABindingIsRefusedEvenIfItIsRight) {
  ScramServer server = server_with(kEndPoint);
  const std::string client_first = first_of("n,,");
  const std::string server_first = server.first(client_first).value();
  const std::string nonce = std::string(kClientNonce) + std::string(kServerNonce);
  const auto answer = server.final(final_with("p=tls-server-end-point,," + kEndPoint,
                                              std::string_view(client_first).substr(3), server_first, nonce));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().sqlstate, "08P01");
}

}  // namespace
}  // namespace chaperone::auth::testing
