// Agents that log in with a token: psql, the end of a token's time, revocations, keys that change.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <sstream>

#include "proxy/commands/state.hpp"
#include "proxy/commands/token.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using commands::State;
using Kind = auth::Revocations::Kind;

constexpr std::string_view kByToken =
    "  default: token\n  tokens:\n    - keys: builtin\n  insecure_token_without_tls: true\n";

std::int64_t wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A pgchaperone whose agents log in with tokens of the built-in service.
class Tokens {
 public:
  /// `policy`: empty = the agent is observed.
  explicit Tokens(std::string policy = "")
      : chaperone({.server = postgres().address(),
                   .database = "shop",
                   .role = "tester",
                   .identity = std::string(kByToken),
                   .more = "state: state\n",
                   .start = false,
                   .policy = std::move(policy)}),
        state((chaperone.config().parent_path() / "state").string()) {
    std::ostringstream out, errors;
    if (commands::make_token_key(state, auth::Algorithm::kEdDsa, false, false, out, errors) != 0) {
      throw std::runtime_error(errors.str());
    }
    chaperone.start();
  }

  std::string issue(const commands::TokenRequest& request) const {
    std::ostringstream out, errors;
    if (commands::issue_token(state, request, wall_clock(), out, errors) != 0) {
      throw std::runtime_error(errors.str());
    }
    return out.str().substr(0, out.str().size() - 1);
  }
  std::string revoke(Kind kind, const std::string& name, bool lift = false) const {
    std::ostringstream out, errors;
    commands::revoke_token(state, kind, name, lift, wall_clock(), out, errors);
    return out.str() + errors.str();
  }

  Chaperone chaperone;
  State state;
};

Login with(const std::string& token) {
  return {.user = "triage-bot", .password = token};
}

std::string shell(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), got);
  ::pclose(pipe);
  return text;
}

bool server_is_rid_of(std::int32_t pid) {
  return eventually([&] {
    return postgres().scalar(fmt::format("select count(*) from pg_stat_activity where pid = {}", pid)) == "0";
  });
}

TEST(Token, IsThePasswordOfPsql) {
  const Tokens tokens;
  const auto psql = [&](const std::string& token) {
    return shell(
        fmt::format("PGPASSWORD='{}' psql -XAt -h 127.0.0.1 -p {} -U triage-bot -d shop "
                    "-c \"select 'in as ' || current_user\" 2>&1",
                    token, tokens.chaperone.address().port));
  };
  const auto token =
      tokens.issue({.agent = "triage-bot", .actor = "alice@example.com", .task = "TICKET-4711"});
  EXPECT_EQ(psql(token), "in as tester\n");
  const auto changed = token.substr(0, token.size() - 4) + "AAAA";
  EXPECT_NE(psql(changed).find("FATAL:  pgchaperone: the token of agent \"triage-bot\" is not accepted"),
            std::string::npos)
      << psql(changed);
  EXPECT_NE(psql(tokens.issue({.agent = "other"})).find("is not accepted"), std::string::npos);
  Records statements, refused;
  ASSERT_TRUE(eventually([&] {
    refused = tokens.chaperone.records("event", "refused");
    statements = of_kind(tokens.chaperone.records("agent", "triage-bot"), "statement");
    return !statements.empty() && refused.size() >= 2;
  }));
  EXPECT_EQ(text(statements.at(0), "proof"), "token");
  EXPECT_EQ(text(statements.at(0), "actor"), "alice@example.com");
  EXPECT_EQ(text(statements.at(0), "task"), "TICKET-4711");
  EXPECT_NE(text(refused[0], "why").find("(its signature is not of this key)"), std::string::npos);
  EXPECT_EQ(tokens.chaperone.log().find(token), std::string::npos) << "no log holds a token";
  EXPECT_EQ(read_file(tokens.chaperone.audit()).find(token), std::string::npos);
}

TEST(Token, ThatEndsWhileAStatementRunsEndsIt) {
  const Tokens tokens;
  Client client(tokens.chaperone.address(),
                with(tokens.issue({.agent = "triage-bot", .lifetime = std::chrono::seconds(2)})));
  client.send(query("select pg_sleep(60)"));
  const auto last = client.read_to_end();
  ASSERT_FALSE(last.empty());
  EXPECT_EQ(last.back().field('C'), "57P01");
  EXPECT_EQ(last.back().field('M'), "pgchaperone: the token of triage-bot has expired");
  EXPECT_TRUE(server_is_rid_of(client.pid())) << "the server goes on with what nobody waits for";
  const auto records = tokens.chaperone.session(client.pid());
  EXPECT_EQ(text(records.back(), "why"), "pgchaperone: the token of triage-bot has expired");
  EXPECT_EQ(outcomes(records), std::vector<std::string>{"unknown 57P01"});
}

TEST(Token, ThatEndsInABlockLeavesNothingOfIt) {
  const Tokens tokens;
  Client client(tokens.chaperone.address(),
                with(tokens.issue({.agent = "triage-bot", .lifetime = std::chrono::seconds(2)})));
  client.exchange(query("begin"));
  client.exchange(query("create table of_a_token (a int)"));
  client.send(query("select pg_sleep(60)"));
  client.read_to_end();
  ASSERT_TRUE(server_is_rid_of(client.pid()));
  EXPECT_EQ(postgres().scalar("select to_regclass('of_a_token') is null"), "t");
  const auto records = tokens.chaperone.session(client.pid());
  EXPECT_EQ(outcomes(records), (std::vector<std::string>{"ok BEGIN", "ok CREATE TABLE", "unknown 57P01"}));
  EXPECT_EQ(transactions(records), std::vector<std::string>{"rolled_back 1 2 3"})
      << "nothing under way could commit it";
}

TEST(Token, SessionsSayWhichOneLetThemIn) {
  Tokens tokens;
  const auto token = tokens.issue({.agent = "triage-bot"});
  Client client(tokens.chaperone.address(), with(token));
  std::string id;
  ASSERT_TRUE(eventually([&] {
    const auto opened = tokens.chaperone.records("event", "opened");
    if (!opened.empty()) id = text(opened.back(), "token_id");
    return !opened.empty();
  }));
  ASSERT_GE(id.size(), 16U);
  tokens.revoke(Kind::kToken, id);
  EXPECT_EQ(client.read_to_end(Milliseconds(5000)).back().field('C'), "57P01");
  EXPECT_EQ(text(tokens.chaperone.session(client.pid()).back(), "token_id"), id);
  EXPECT_EQ(refusal(tokens.chaperone.address(), with(token)).field('C'), "28000");
  EXPECT_TRUE(eventually([&] {
    const auto refused = tokens.chaperone.records("event", "refused");
    return !refused.empty() && text(refused.back(), "token_id") == id;
  })) << "nor by which one somebody was kept out";
}

TEST(Token, RevokedEndsSessionsAndLetsNoneIn) {
  Tokens tokens;
  const auto token = tokens.issue({.agent = "triage-bot", .actor = "alice"});
  const auto bobs = tokens.issue({.agent = "triage-bot", .actor = "bob"});
  const auto& address = tokens.chaperone.address();
  Client idle(address, with(token)), busy(address, with(token)), open(address, with(token));
  Client other(address, with(bobs));
  open.exchange(query("begin"));
  busy.send(query("select pg_sleep(60)"));
  const auto began = std::chrono::steady_clock::now();
  tokens.revoke(Kind::kActor, "alice");
  for (Client* each : {&idle, &busy, &open}) {
    const auto last = each->read_to_end(Milliseconds(5000));
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last.back().field('M'), "pgchaperone: the token of triage-bot was revoked");
    EXPECT_TRUE(server_is_rid_of(each->pid()));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  EXPECT_EQ(refusal(address, with(token)).field('C'), "28000");
  EXPECT_EQ(other.scalar("select 'still here'"), "still here");
  tokens.chaperone.process().stop();
  tokens.chaperone.start();
  EXPECT_EQ(refusal(tokens.chaperone.address(), with(token)).field('C'), "28000")
      << "a restart forgets nothing";
  EXPECT_NO_THROW(Client(tokens.chaperone.address(), with(bobs)));
  tokens.revoke(Kind::kActor, "alice", true);
  EXPECT_TRUE(eventually([&] {
    try {
      Client again(tokens.chaperone.address(), with(token));
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  })) << "what is lifted is let in again";
}

constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  tickets:
    tables:
      token_ticket:
        read: {columns: [id], rows: "tenant = :tenant"}
    functions: [safe]
  notes:
    tables:
      token_note:
        read: {columns: "*"}
    functions: [safe]
agents:
  triage-bot:
    capabilities: [tickets, notes]
    parameters: {tenant: claim tenant_id}
  other-bot:
    capabilities: [notes]
)";

TEST(Token, ClaimsAndCapabilitiesBoundWhatTheAgentMayDo) {
  postgres().run("DROP TABLE IF EXISTS token_ticket, token_note");
  postgres().run("CREATE TABLE token_ticket (id int, tenant int)");
  postgres().run("CREATE TABLE token_note (id int)");
  postgres().run("INSERT INTO token_ticket SELECT i, i % 3 FROM generate_series(1, 10) i");
  const Tokens tokens{std::string(kPolicy)};
  const auto& address = tokens.chaperone.address();
  using Claims = std::vector<std::pair<std::string, std::string>>;
  const auto count_of = [&](const Claims& claims) {
    Client client(address, with(tokens.issue({.agent = "triage-bot", .claims = claims})));
    return client.scalar("SELECT count(id) FROM token_ticket");
  };
  EXPECT_EQ(count_of({{"tenant_id", "1"}}), "4");
  EXPECT_EQ(count_of({{"tenant_id", "2"}}), "3");
  const auto refused = [&](const commands::TokenRequest& request) {
    return refusal(address, with(tokens.issue(request))).field('C');
  };
  EXPECT_EQ(refused({.agent = "triage-bot"}), "28000") << "the policy needs a claim that is not there";
  Client bounded(
      address,
      with(tokens.issue({.agent = "triage-bot", .claims = {{"tenant_id", "1"}}, .capabilities = {"notes"}})));
  EXPECT_EQ(bounded.scalar("SELECT count(id) FROM token_note"), "0");
  EXPECT_EQ(find(bounded.exchange(query("SELECT id FROM token_ticket")), 'E').field('C'), "42501");
  for (const std::string capability : {"nothing", "Notes", "*"}) {
    EXPECT_EQ(refused({.agent = "triage-bot", .claims = {{"tenant_id", "1"}}, .capabilities = {capability}}),
              "28000")
        << capability;
  }
  EXPECT_EQ(refusal(address, {.user = "other-bot",
                              .password = tokens.issue({.agent = "other-bot", .capabilities = {"tickets"}})})
                .field('C'),
            "28000")
      << "another agent's capability";
  postgres().run("DROP TABLE token_ticket, token_note");
}

TEST(Token, KeysAreReadAgainAtSighup) {
  Tokens tokens;
  const auto& address = tokens.chaperone.address();
  const auto old = tokens.issue({.agent = "triage-bot"});
  std::ostringstream out, errors;
  ASSERT_EQ(commands::make_token_key(tokens.state, auth::Algorithm::kEs256, true, false, out, errors), 0);
  const auto fresh = tokens.issue({.agent = "triage-bot"});
  EXPECT_EQ(refusal(address, with(fresh)).field('C'), "28000") << "a key that nobody has told of";
  tokens.chaperone.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return tokens.chaperone.log().find("reloaded") != std::string::npos; }));
  EXPECT_NO_THROW(Client(address, with(fresh)));
  EXPECT_NO_THROW(Client(address, with(old)));
  write_file(tokens.state.path("token_keys.json"), "{\"keys\":[");
  tokens.chaperone.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return tokens.chaperone.log().find("reload refused") != std::string::npos; }));
  EXPECT_NO_THROW(Client(address, with(fresh))) << "a broken file changes nothing";
}

}  // namespace
}  // namespace chaperone::pg
