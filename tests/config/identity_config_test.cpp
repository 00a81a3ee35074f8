#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "proxy/auth/jwk.hpp"
#include "proxy/commands/state.hpp"
#include "proxy/config.hpp"
#include "tests/config/files.hpp"

namespace chaperone::test {
namespace {

using session::Identity;

class IdentityConfigTest : public testing::Test {
 protected:
  IdentityConfigTest() {
    write_named_files(directory_);
    directory_.write("jwks.json", R"({"keys":[)" + key_.public_jwk() + "]}");
    EXPECT_TRUE(commands::State(directory_ / "state").set_signing_key(key_, false));
  }

  auto read(const std::string& identity, const std::string& more = "state: state\n") {
    return read_config(directory_.write(
        "chaperone.yaml",
        fmt::format("listen: [{{address: \"127.0.0.1:0\"}}]\n"
                    "databases: {{shop: {{server: \"unix:/tmp\", credential: {{insecure_static: }}}}}}\n"
                    "audit: {{sinks: [{{stdout: true}}]}}\n"
                    "identity:\n{}{}",
                    identity, more)));
  }
  std::string problem(const std::string& identity, const std::string& more = "state: state\n") {
    const auto config = read(identity, more);
    return config ? "accepted" : config.error().message;
  }

  Directory directory_;
  auth::SigningKey key_ = auth::SigningKey::generate(auth::Algorithm::kEdDsa);
};

constexpr const char* kIssuer =
    "  default: token\n"
    "  tokens:\n"
    "    - issuer: https://id.example.com\n"
    "      audience: db\n"
    "      keys: jwks.json\n"
    "      claims: {agent: act.sub, actor: sub, task: task, capabilities: scope}\n";

TEST_F(IdentityConfigTest, IssuersWithTheirKeys) {
  const auto config = read(std::string(kIssuer) + "    - keys: builtin\n");
  ASSERT_TRUE(config) << config.error().message;
  const Identity& identity = config->environment->identity;
  EXPECT_EQ(identity.method_of("anyone"), Identity::Method::kToken);
  ASSERT_EQ(identity.issuers.size(), 2U);
  EXPECT_EQ(identity.issuers[0].issuer, "https://id.example.com");
  EXPECT_EQ(identity.issuers[0].audience, "db");
  EXPECT_EQ(identity.issuers[0].claims.agent, "act.sub");
  EXPECT_EQ(identity.issuers[0].claims.actor, "sub");
  EXPECT_EQ(identity.issuers[0].claims.task, "task");
  EXPECT_EQ(identity.issuers[0].claims.capabilities, "scope");
  EXPECT_FALSE(identity.issuers[0].access_tokens_only);
  EXPECT_NE(identity.issuers[0].keys->find(key_.id()), nullptr);
  EXPECT_EQ(identity.issuers[1].issuer, "pgchaperone");
  EXPECT_TRUE(identity.issuers[1].access_tokens_only);
  EXPECT_FALSE(identity.token_without_tls);
}

TEST_F(IdentityConfigTest, OneWayAnAgent) {
  const auto config = read(
      "  default: scram\n  agents: {triage-bot: token}\n  passwords: passwords\n"
      "  tokens: [{keys: builtin}]\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->environment->identity.method_of("triage-bot"), Identity::Method::kToken);
  EXPECT_EQ(config->environment->identity.method_of("other"), Identity::Method::kScram);
}

TEST_F(IdentityConfigTest, WithoutTlsIsWarnedOf) {
  const auto config =
      read("  default: token\n  tokens: [{keys: builtin}]\n  insecure_token_without_tls: true\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->environment->identity.token_without_tls);
  EXPECT_TRUE(std::any_of(config->warnings.begin(), config->warnings.end(), [](const std::string& warning) {
    return warning.starts_with("identity.insecure_token_without_tls: tokens travel unencrypted");
  }));
}

TEST_F(IdentityConfigTest, SaysWhatIsWrong) {
  const std::string two =
      std::string(kIssuer) +
      "    - issuer: https://id.example.com\n      keys: jwks.json\n      claims: {agent: sub}\n";
  directory_.write("broken.json", R"({"keys":[)");
  const auto tokens = [](const std::string& entry) {
    return "  default: token\n  tokens: [{" + entry + "}]\n";
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {two, "the issuer \"https://id.example.com\" is there already"},
      {"  default: token\n  tokens: [{keys: builtin}, {keys: builtin}]\n",
       "the issuer \"pgchaperone\" is there already"},
      {"  tokens: [{keys: builtin}]\n  passwords: passwords\n",
       "identity.default does not say who logs in with one"},
      {"  default: token\n  tokens: builtin\n", "expected a list of issuers"},
      {"  default: token\n  tokens: []\n", "identity.tokens is empty"},
      {"  default: scram\n  tokens: [{keys: builtin}]\n", "\"passwords\" is missing in identity"},
      {tokens("keys: builtin, issuer: pgchaperone"), "of the built-in token service it is always the same"},
      {tokens("keys: builtin, claims: {agent: sub}"), "of the built-in token service it is always the same"},
      {tokens("issuer: a, claims: {agent: sub}"), "\"keys\" is missing"},
      {tokens("keys: jwks.json, claims: {agent: sub}"), "\"issuer\" is missing"},
      {tokens("keys: jwks.json, issuer: a"), "\"claims\" is missing"},
      {tokens("keys: jwks.json, issuer: a, claims: {actor: sub}"), "\"agent\" is missing"},
      {tokens("keys: jwks.json, issuer: a, claims: {agent: sub, tenant: t}"), "unknown key \"tenant\""},
      {tokens("keys: nowhere.json, issuer: a, claims: {agent: sub}"), "No such file"},
      {tokens("keys: broken.json, issuer: a, claims: {agent: sub}"), "broken.json: incomplete JSON"},
      {tokens("keys: \"https://id.example.com/jwks.json\", issuer: a, claims: {agent: sub}"),
       "identity.tokens[0].keys is a URL: fetching keys is not in this version; expected a file"},
  };
  for (const auto& [identity, expected] : cases) {
    EXPECT_NE(problem(identity).find(expected), std::string::npos) << identity << "\n" << problem(identity);
  }
  EXPECT_NE(problem(tokens("keys: builtin"), "").find("there is no `state` to keep keys in"),
            std::string::npos);
  EXPECT_NE(problem(tokens("keys: builtin"), "state: other\n")
                .find("expected a key, made by `pgchaperone token key`"),
            std::string::npos);
}

TEST_F(IdentityConfigTest, TheStateAloneCanBeReadOfAFileThatIsNotGoodYet) {
  const auto good = read_state(directory_.write("half.yaml", "state: there\nlisten: 7\n"));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(*good, directory_ / "there");
  EXPECT_NE(read_state(directory_.write("half.yaml", "listen: 7\n")).error().message.find("names no `state`"),
            std::string::npos);
  EXPECT_FALSE(read_state(directory_.write("half.yaml", "state: [a]\n")));
  EXPECT_FALSE(read_state(directory_ / "absent.yaml"));
}

}  // namespace
}  // namespace chaperone::test
