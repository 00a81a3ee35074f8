#include "proxy/commands/token.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/commands/commands.hpp"
#include "tests/config/files.hpp"

namespace chaperone::test {
namespace {

using commands::State;
using Kind = auth::Revocations::Kind;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNow = 1'800'000'000 * kSecond;

struct Ran {
  int status;
  std::string out, errors;
};

class TokenCommandTest : public testing::Test {
 protected:
  Ran make_key(auth::Algorithm algorithm = auth::Algorithm::kEdDsa, bool force = false, bool alone = false) {
    std::ostringstream out, errors;
    const int status = commands::make_token_key(state_, algorithm, force, alone, out, errors);
    return {status, out.str(), errors.str()};
  }
  Ran issue(const commands::TokenRequest& request, std::int64_t now = kNow) {
    std::ostringstream out, errors;
    const int status = commands::issue_token(state_, request, now, out, errors);
    return {status, out.str(), errors.str()};
  }
  std::string token(const commands::TokenRequest& request) {
    auto text = issue(request).out;
    EXPECT_TRUE(text.ends_with('\n'));
    if (!text.empty()) text.pop_back();
    return text;
  }
  Ran inspect(const std::string& token, std::int64_t now = kNow) {
    std::ostringstream out;
    const auto keys = state_.keys();
    const auto revocations = state_.revocations();
    const int status =
        commands::inspect_token(token, {auth::builtin_issuer(std::make_shared<auth::KeySet>(keys.value()))},
                                revocations.value(), now, out);
    return {status, out.str(), ""};
  }
  Ran revoke(Kind kind, const std::string& name, bool lift = false) {
    std::ostringstream out, errors;
    const int status = commands::revoke_token(state_, kind, name, lift, kNow, out, errors);
    return {status, out.str(), errors.str()};
  }
  wire::Result<auth::ProvenIdentity> verify(const std::string& token) {
    return auth::verify_token(
        token, std::array{auth::builtin_issuer(std::make_shared<auth::KeySet>(state_.keys().value()))}, kNow);
  }
  mode_t mode(std::string_view name) {
    struct stat status {};
    EXPECT_EQ(::stat(state_.path(name).c_str(), &status), 0) << name;
    return status.st_mode & 07777;
  }

  Directory directory_;
  State state_{directory_ / "state"};
};

TEST_F(TokenCommandTest, MakesAKeyForItsOwnerAlone) {
  const auto made = make_key();
  EXPECT_EQ(made.status, 0) << made.errors;
  EXPECT_NE(made.out.find("(EdDSA)"), std::string::npos) << made.out;
  EXPECT_EQ(mode("token.key"), 0600U);
  EXPECT_EQ(mode("token_keys.json"), 0644U);
  EXPECT_EQ(mode(""), 0700U);
  const auto again = make_key();
  EXPECT_EQ(again.status, 2);
  EXPECT_NE(again.errors.find("is there already; expected --force"), std::string::npos) << again.errors;
}

TEST_F(TokenCommandTest, OlderKeysStayGood) {
  make_key();
  const auto old = token({.agent = "bot"});
  EXPECT_EQ(make_key(auth::Algorithm::kEs256, true).status, 0);
  const auto fresh = token({.agent = "bot"});
  EXPECT_TRUE(verify(old));
  EXPECT_TRUE(verify(fresh));
  EXPECT_EQ(make_key(auth::Algorithm::kEdDsa, true).status, 0);
  EXPECT_EQ(state_.keys().value().size(), 3U);
  EXPECT_TRUE(verify(old));
  EXPECT_EQ(make_key(auth::Algorithm::kEdDsa, true, true).status, 0);
  EXPECT_EQ(state_.keys().value().size(), 1U);
  EXPECT_FALSE(verify(old));
  EXPECT_FALSE(verify(fresh));
}

TEST_F(TokenCommandTest, IssuesATokenAndPrintsNothingElse) {
  make_key();
  const auto ran = issue({.agent = "triage-bot",
                          .actor = "alice@example.com",
                          .task = "TICKET-4711",
                          .claims = {{"tenant_id", "7"}, {"note", "a \"b\"\n"}},
                          .capabilities = {"triage-tickets"},
                          .lifetime = std::chrono::minutes(15)});
  ASSERT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(ran.errors, "");
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 1);
  const auto identity = verify(ran.out.substr(0, ran.out.size() - 1));
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->agent, "triage-bot");
  EXPECT_EQ(identity->actor, "alice@example.com");
  EXPECT_EQ(identity->task, "TICKET-4711");
  EXPECT_EQ(identity->claims.at("tenant_id"), "7");
  EXPECT_EQ(identity->claims.at("note"), "a \"b\"\n");
  EXPECT_EQ(identity->capabilities, std::vector<std::string>{"triage-tickets"});
  EXPECT_EQ(identity->expires_at, kNow + 900 * kSecond);
  EXPECT_EQ(identity->token_id.size(), 22U) << "128 bits";
  EXPECT_NE(token({.agent = "a"}), token({.agent = "a"})) << "each has an id of its own";
}

TEST_F(TokenCommandTest, IssuesNothingThatWouldBeRefused) {
  EXPECT_NE(issue({.agent = "bot"}).errors.find("made by `pgchaperone token key`"), std::string::npos);
  make_key();
  const std::vector<std::pair<commands::TokenRequest, std::string>> cases = {
      {{.agent = ""}, "no such token can be"},
      {{.agent = "a\nb"}, "no such token can be"},
      {{.agent = std::string(300, 'a')}, "no such token can be"},
      {{.agent = "a", .task = "\x1b[2J"}, "no such token can be"},
      {{.agent = "a", .claims = {{"exp", "1"}}}, "the claim \"exp\" is not for --claim"},
      {{.agent = "a", .claims = {{"agent", "b"}}}, "the claim \"agent\" is not for --claim"},
      {{.agent = "a", .claims = {{"", "b"}}}, "the claim \"\" is not for --claim"},
      {{.agent = "a", .claims = {{"x", "1"}, {"x", "2"}}}, "a name stands twice"},
      {{.agent = "a", .claims = {{"x", std::string(20'000, 'x')}}}, "longer than 16384 bytes"},
      {{.agent = "a", .capabilities = {""}}, "no list of capabilities"},
  };
  for (const auto& [request, why] : cases) {
    const auto ran = issue(request);
    EXPECT_EQ(ran.status, 2) << why;
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.errors.find(why), std::string::npos) << ran.errors;
  }
}

TEST_F(TokenCommandTest, InspectSaysWhatItSaysAndWhetherItIsTaken) {
  make_key();
  const auto good = token({.agent = "bot", .actor = "alice", .task = "\xc2\x9b t"});
  auto ran = inspect(good);
  EXPECT_EQ(ran.status, 0);
  EXPECT_NE(ran.out.find("  alg            \"EdDSA\"\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("  exp            1800003600 (2027-01-15T09:00:00Z)\n"), std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("valid: agent \"bot\", actor \"alice\""), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("; expires 2027-01-15T09:00:00Z, in 60 min\n"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find('\x9b'), std::string::npos) << "what drives a terminal is escaped";
  ran = inspect(good, kNow + 3700 * kSecond);
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(ran.out.ends_with("not valid: it has expired (exp)\n")) << ran.out;
  ran = inspect("nonsense");
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(ran.out.starts_with("not valid: it is no signed token")) << ran.out;
  revoke(Kind::kActor, "alice");
  ran = inspect(good);
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.out.find("not valid: the actor \"alice\" was revoked at 2027-01-15T08:00:00Z"),
            std::string::npos)
      << ran.out;
}

TEST_F(TokenCommandTest, RevokesByIdByTokenByAgentAndByActor) {
  make_key();
  const auto good = token({.agent = "bot"});
  const auto id = verify(good)->token_id;
  EXPECT_EQ(revoke(Kind::kToken, good).status, 0);
  EXPECT_NE(state_.revocations().value().why(verify(good).value()), std::nullopt);
  EXPECT_EQ(revoke(Kind::kToken, id).out, fmt::format("token \"{}\" was revoked already\n", id));
  EXPECT_EQ(revoke(Kind::kToken, id, true).out, fmt::format("token \"{}\" is let in again\n", id));
  EXPECT_EQ(state_.revocations().value().why(verify(good).value()), std::nullopt);
  EXPECT_EQ(revoke(Kind::kToken, id, true).status, 1);
  EXPECT_EQ(revoke(Kind::kAgent, "bot").status, 0);
  EXPECT_EQ(revoke(Kind::kActor, "alice").status, 0);
  EXPECT_EQ(state_.revocations().value().size(), 2U);
  EXPECT_EQ(revoke(Kind::kToken, "a.b").status, 2);
  EXPECT_EQ(mode("revocations.jsonl"), 0644U) << "for a service that is another user";
}

TEST_F(TokenCommandTest, ABrokenListIsNotOverwritten) {
  make_key();
  std::ofstream(state_.path("revocations.jsonl")) << "{\"agent\":";
  const auto ran = revoke(Kind::kAgent, "bot");
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.errors.find("revocations.jsonl:1: "), std::string::npos) << ran.errors;
}

TEST_F(TokenCommandTest, AWatchSeesEachChange) {
  make_key();
  commands::RevocationsWatch watch(state_);
  std::string problem;
  const auto first = watch.look(problem);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 0U);
  EXPECT_FALSE(watch.look(problem));
  revoke(Kind::kAgent, "bot");
  const auto second = watch.look(problem);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->size(), 1U);
  EXPECT_EQ(problem, "");
  std::ofstream(state_.path("revocations.jsonl"), std::ios::app) << "broken\n";
  const auto third = watch.look(problem);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->size(), 1U) << "what is revoked stays so";
  EXPECT_FALSE(third->readable());
  EXPECT_NE(problem.find("revocations.jsonl:2: "), std::string::npos) << problem;
  std::filesystem::remove(state_.path("revocations.jsonl"));
  problem.clear();
  const auto fourth = watch.look(problem);
  ASSERT_TRUE(fourth);
  EXPECT_EQ(fourth->size(), 1U) << "a list that is gone is no empty list";
  EXPECT_FALSE(fourth->readable());
  revoke(Kind::kAgent, "other");
  const auto fifth = watch.look(problem);
  ASSERT_TRUE(fifth);
  EXPECT_TRUE(fifth->readable());
}

TEST(TokenLifetime, IsAShortOrALongWhile) {
  using namespace std::chrono_literals;
  EXPECT_EQ(commands::parse_lifetime("90s"), 90s);
  EXPECT_EQ(commands::parse_lifetime("15m"), 15min);
  EXPECT_EQ(commands::parse_lifetime("1h"), 1h);
  EXPECT_EQ(commands::parse_lifetime("30d"), 720h);
  for (const char* text :
       {"", "1", "h", "0s", "-1h", "31d", "1.5h", "1 h", "1H", "99999999999999999999s", "1hh"}) {
    EXPECT_FALSE(commands::parse_lifetime(text)) << text;
  }
}

Ran run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pgchaperone");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = commands::run(static_cast<int>(arguments.size()), argv.data());
  return {status, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST_F(TokenCommandTest, FromTheCommandLine) {
  for (const char* command : {"key", "issue", "inspect", "revoke"}) {
    const auto help = run({"token", command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Example: "), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("Exit status: "), std::string::npos) << help.out;
  }
  const auto config = directory_.write("chaperone.yaml", "state: state\n");
  EXPECT_EQ(run({"token", "key", "--config", config, "--algorithm", "p256"}).status, 0);
  const auto issued = run({"token", "issue", "--config", config, "--agent", "bot", "--claim", "a=1",
                           "--claim", "b=x=y", "--capability", "read", "--lifetime", "5m"});
  ASSERT_EQ(issued.status, 0) << issued.errors;
  const auto token = issued.out.substr(0, issued.out.size() - 1);
  const auto state = directory_ / "state";
  const auto inspected = run({"token", "inspect", "--state", state, token});
  EXPECT_EQ(inspected.status, 0) << inspected.out << inspected.errors;
  EXPECT_NE(inspected.out.find("  b              \"x=y\"\n"), std::string::npos) << inspected.out;
  EXPECT_EQ(run({"token", "revoke", "--state", state, "--agent", "bot"}).status, 0);
  EXPECT_EQ(run({"token", "inspect", "--state", state, token}).status, 1);
  EXPECT_EQ(run({"token", "revoke", "--state", state}).status, 2);
  EXPECT_EQ(run({"token", "revoke", "--state", state, "id", "--agent", "bot"}).status, 2);
  EXPECT_EQ(run({"token", "issue", "--state", state}).status, 2) << "without an agent";
  EXPECT_EQ(run({"token", "issue", "--state", state, "--agent", "a", "--lifetime", "1y"}).status, 2);
  EXPECT_EQ(run({"token", "issue", "--state", state, "--agent", "a", "--claim", "a"}).status, 2);
  EXPECT_EQ(run({"token", "key", "--state", state, "--alone"}).status, 2);
  EXPECT_EQ(run({"token", "key", "--config", directory_ / "absent.yaml"}).status, 2);
}

}  // namespace
}  // namespace chaperone::test
