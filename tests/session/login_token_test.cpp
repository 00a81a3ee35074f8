#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/auth/jwt.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/records.hpp"

namespace chaperone::test {
namespace {

using auth::Revocations;
using session::Action;
using session::Identity;
using Texts = std::vector<std::string>;

const Pairs kUser = {{"user", kAgent}, {"database", "shop"}};

const auth::SigningKey& key() {
  static const auto made = auth::SigningKey::generate(auth::Algorithm::kEdDsa);
  return made;
}

/// The clock of Peer begins one second after 1970.
std::string token(std::string_view agent = kAgent, int lifetime = 600, std::string_view more = "") {
  return auth::sign_token(
      key(),
      fmt::format(R"({{"iss":"pgchaperone","aud":"pgchaperone","sub":"{0}","agent":"{0}","jti":"id-1",)"
                  R"("actor":"alice@example.com","task":"TICKET-4711","iat":1,"exp":{1}{2}}})",
                  agent, 1 + lifetime, more));
}

session::Environment token_environment() {
  auto environment = test_environment();
  const auto keys = auth::KeySet::from_text(R"({"keys":[)" + key().public_jwk() + "]}", "token_keys.json");
  environment.identity = {.default_method = Identity::Method::kToken,
                          .agents = {{"old-bot", Identity::Method::kScram}},
                          .issuers = {auth::builtin_issuer(std::make_shared<auth::KeySet>(*keys))},
                          .token_without_tls = true};
  return environment;
}

std::string password_message(std::string_view password) {
  return message('p', string(password));
}

/// Asked for the token, and given this one.
void prove(Peer& peer, std::string_view password, const Pairs& parameters = kUser) {
  peer.client(startup(parameters));
  EXPECT_EQ(peer.take_to_client(), authentication(3)) << "AuthenticationCleartextPassword";
  peer.client(password_message(password));
}

void log_in(Peer& peer, std::string_view password) {
  prove(peer, password);
  ASSERT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(Action::kConnectUpstream));
  peer.upstream_connected();
  peer.take_to_server();
  peer.challenge();
  peer.server(authentication_ok() + key_data(kServerPid, kServerSecret) + ready());
  ASSERT_TRUE(peer.session().logged_in());
  peer.take_to_client();
  peer.take_records();
}

std::string last_record(const Peer& peer) {
  return std::string(peer.records().line(peer.records().lines() - 1));
}

/// What the client reads of a FATAL error, which ends the session.
std::string farewell(Peer& peer, std::string_view sqlstate, Action action = Action::kClose) {
  const auto said = peer.take_to_client();
  EXPECT_NE(said.find("VFATAL"), std::string::npos) << show(said);
  EXPECT_NE(said.find("C" + std::string(sqlstate)), std::string::npos) << show(said);
  EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(action));
  EXPECT_TRUE(peer.over());
  return said;
}

TEST(TokenLogin, IsRecordedWithActorAndTask) {
  Peer peer(token_environment());
  log_in(peer, token());
  const auto opened = last_record(peer);
  EXPECT_EQ(text_member(opened, "proof"), "token");
  EXPECT_EQ(text_member(opened, "agent"), kAgent);
  EXPECT_EQ(text_member(opened, "actor"), "alice@example.com");
  EXPECT_EQ(text_member(opened, "task"), "TICKET-4711");
  peer.client(query("SELECT 1"));
  EXPECT_EQ(peer.take_to_server(), query("SELECT 1"));
  EXPECT_EQ(text_member(last_record(peer), "task"), "TICKET-4711") << "in each statement's line";
}

TEST(TokenLogin, ByteByByte) {
  Peer peer(token_environment());
  peer.client(startup(kUser));
  peer.take_to_client();
  for (const char byte : password_message(token())) peer.client({&byte, 1});
  EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(Action::kConnectUpstream));
}

TEST(TokenLogin, WhatIsSentBehindTheTokenIsTheRelays) {
  Peer peer(token_environment());
  peer.client(startup(kUser));
  peer.take_to_client();
  peer.client(password_message(token()) + query("SELECT 1"));
  peer.take_action();
  peer.upstream_connected();
  peer.take_to_server();
  peer.challenge();
  peer.server(authentication_ok() + key_data(1, "abcd") + ready());
  EXPECT_EQ(peer.take_to_server(), query("SELECT 1"));
}

TEST(TokenLogin, IsNotEvenAskedForWhereItCouldBeRead) {
  auto strict = token_environment();
  strict.identity.token_without_tls = false;
  const std::vector<std::pair<session::Environment, std::string>> cases = {
      {strict, "127.0.0.1:51234"},
      {strict, "unix"},
      {token_environment(), "10.0.0.7:51234"},
      {token_environment(), "[2001:db8::1]:51234"}};
  for (const auto& [environment, from] : cases) {
    SCOPED_TRACE(from);
    Peer peer(environment, from);
    peer.client(startup(kUser));
    const auto said = farewell(peer, "28000");
    EXPECT_TRUE(said.starts_with('E')) << "nothing is asked for first";
    EXPECT_NE(said.find("needs TLS"), std::string::npos) << show(said);
    EXPECT_EQ(
        peer.take_records(),
        Texts{"refused: pgchaperone: agent \\\"bot\\\" logs in with a token, which needs TLS (its token "
              "would travel unencrypted)"});
  }
  for (const std::string from : {"unix", "127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1"}) {
    SCOPED_TRACE(from);
    Peer peer(token_environment(), from);
    log_in(peer, token());
  }
  Peer encrypted(strict, "10.0.0.7:51234", nullptr, true);
  encrypted.client(ssl_request());
  EXPECT_EQ(encrypted.take_to_client(), "S");
  EXPECT_EQ(encrypted.take_action(), Action::kStartTls);
  encrypted.tls_established("");
  log_in(encrypted, token());
}

TEST(TokenLogin, AStrangerReadsTheSameWhateverIsWrong) {
  const auto other = auth::SigningKey::generate(auth::Algorithm::kEdDsa);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "it is no signed token in compact form: three parts with dots between them"},
      {"secret", "it is no signed token in compact form: three parts with dots between them"},
      {token("other-bot"), R"(it is a token of agent \"other-bot\")"},
      {token(kAgent, -100), "exp is no time in whole seconds"},
      {token(kAgent, 600, R"(,"aud2":1,"exp":9)"), "its claims: a name stands twice in one object"},
      {auth::sign_token(other, "{}"), "it names no issuer (iss)"},
      {auth::sign_token(other, R"({"iss":"pgchaperone"})"), "the issuer has no key of its name (kid)"},
      {std::string(16'385, 'a'), "it is longer than 16384 bytes"},
  };
  std::string first;
  for (const auto& [password, why] : cases) {
    SCOPED_TRACE(why);
    Peer peer(token_environment());
    prove(peer, password);
    const auto said = farewell(peer, "28000");
    if (first.empty()) first = said;
    EXPECT_EQ(said, first);
    EXPECT_EQ(peer.take_to_server(), "");
    EXPECT_EQ(peer.take_records(),
              Texts{"refused: pgchaperone: the token of agent \\\"bot\\\" is not accepted (" + why + ")"});
  }
  Peer unknown(token_environment());
  prove(unknown, token(), {{"user", "no-bot"}, {"database", "shop"}});
  auto said = farewell(unknown, "28000");
  const auto at = said.find("no-bot");
  ASSERT_NE(at, std::string::npos);
  said.replace(at, 6, kAgent);
  EXPECT_EQ(said.substr(5), first.substr(5)) << "nobody learns who exists";
}

TEST(TokenLogin, PasswordMessagesThatAreNone) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {message('p', "abc"), "08P01"},
      {message('p', ""), "08P01"},
      {message('p', std::string("a\0b\0", 4)), "08P01"},
      {query("SELECT 1"), "08P01"},
      {std::string("p") + int32(65'541), "08P01"},
  };
  for (const auto& [bytes, sqlstate] : cases) {
    SCOPED_TRACE(show(bytes));
    Peer peer(token_environment());
    peer.client(startup(kUser));
    peer.take_to_client();
    peer.client(bytes);
    farewell(peer, sqlstate);
    EXPECT_EQ(peer.take_records().size(), 1U);
  }
}

TEST(TokenLogin, EachAgentHasOneWay) {
  Peer scram(token_environment());
  scram.client(startup({{"user", "old-bot"}, {"database", "shop"}}));
  EXPECT_EQ(scram.take_to_client(), authentication_sasl()) << "a token is no password of an agent with one";
  auto environment = token_environment();
  environment.identity.default_method = Identity::Method::kScram;
  environment.identity.agents = {{std::string(kAgent), Identity::Method::kToken}};
  Peer unknown(environment);
  unknown.client(startup({{"user", "no-bot"}}));
  EXPECT_EQ(unknown.take_to_client(), authentication_sasl())
      << "a name that is no agent goes the default's way";
  Peer by_token(environment);
  prove(by_token, token());
  EXPECT_EQ(static_cast<int>(by_token.take_action()), static_cast<int>(Action::kConnectUpstream));
}

Revocations revoked(Revocations::Kind kind, std::string_view name) {
  Revocations list;
  list.add(kind, name, "2026-11-26T02:00:00Z");
  return list;
}

const std::vector<std::pair<Revocations::Kind, std::string>> kWaysToRevoke = {
    {Revocations::Kind::kToken, "id-1"},
    {Revocations::Kind::kAgent, std::string(kAgent)},
    {Revocations::Kind::kActor, "alice@example.com"}};

TEST(Revoked, ComesInNoMore) {
  for (const auto& [kind, name] : kWaysToRevoke) {
    SCOPED_TRACE(name);
    Peer peer(token_environment());
    peer.thread().revocations = std::make_shared<Revocations>(revoked(kind, name));
    prove(peer, token());
    const auto said = farewell(peer, "28000");
    EXPECT_EQ(said.find("revoked"), std::string::npos) << "for the operator to know";
    EXPECT_NE(peer.take_records().at(0).find("was revoked at 2026-11-26T02:00:00Z"), std::string::npos);
  }
  Peer other(token_environment());
  other.thread().revocations =
      std::make_shared<Revocations>(revoked(Revocations::Kind::kAgent, "alice@example.com"));
  log_in(other, token());
}

TEST(Revoked, WhatCantBeReadLetsNoTokenIn) {
  Revocations list;
  list.set_unreadable();
  Peer peer(token_environment());
  log_in(peer, token());
  peer.revoke(list);
  EXPECT_FALSE(peer.over()) << "a session that is there goes on";
  Peer next(token_environment());
  next.thread().revocations = std::make_shared<Revocations>(list);
  prove(next, token());
  farewell(next, "28000");
  EXPECT_NE(next.take_records().at(0).find("what has been revoked can't be read"), std::string::npos);
}

TEST(Revoked, EndsASessionThatIsIdle) {
  for (const auto& [kind, name] : kWaysToRevoke) {
    SCOPED_TRACE(name);
    Peer peer(token_environment());
    log_in(peer, token());
    peer.revoke(revoked(kind, name));
    EXPECT_NE(farewell(peer, "57P01").find("pgchaperone: the token of bot was revoked"), std::string::npos);
    EXPECT_EQ(peer.take_records(), Texts{"closed: pgchaperone: the token of bot was revoked"});
  }
}

TEST(Revoked, EndsAndCancelsWhatRuns) {
  Peer peer(token_environment());
  log_in(peer, token());
  peer.client(query("SELECT pg_sleep(60)"));
  peer.take_to_server();
  peer.revoke(revoked(Revocations::Kind::kActor, "alice@example.com"));
  farewell(peer, "57P01", Action::kCancelAndClose);
  EXPECT_EQ(contradiction(peer.records()), "");
  EXPECT_EQ(peer.take_records().back(), "closed: pgchaperone: the token of bot was revoked");
}

TEST(Revoked, EndsALoginThatIsUnderWay) {
  Peer peer(token_environment());
  prove(peer, token());
  peer.take_action();
  peer.upstream_connected();
  peer.take_to_server();
  peer.revoke(revoked(Revocations::Kind::kToken, "id-1"));
  farewell(peer, "57P01");
  EXPECT_EQ(peer.take_records(), Texts{"refused: pgchaperone: the token of bot was revoked"});
}

TEST(Revoked, TouchesNobodyElse) {
  Peer peer(token_environment()), stranger(token_environment());
  log_in(peer, token());
  Revocations list = revoked(Revocations::Kind::kToken, "id-2");
  list.add(Revocations::Kind::kAgent, "alice@example.com", "");
  list.add(Revocations::Kind::kActor, kAgent, "");
  peer.revoke(list);
  stranger.revoke(list);
  EXPECT_FALSE(peer.over());
  EXPECT_FALSE(stranger.over()) << "who has not said yet who it is";
  peer.client(query("SELECT 1"));
  EXPECT_EQ(peer.take_to_server(), query("SELECT 1"));
}

TEST(Revoked, AnAgentWithAPasswordToo) {
  Peer peer;
  peer.log_in();
  peer.revoke(revoked(Revocations::Kind::kAgent, kAgent));
  EXPECT_NE(farewell(peer, "57P01").find("pgchaperone: agent bot was revoked"), std::string::npos);
  Peer next;
  next.thread().revocations = std::make_shared<Revocations>(revoked(Revocations::Kind::kAgent, kAgent));
  next.prove(startup(kUser));
  farewell(next, "28000");
}

TEST(Expiry, EndsTheSessionAndCancelsWhatRuns) {
  Peer peer(token_environment());
  log_in(peer, token(kAgent, 60));
  const std::chrono::steady_clock::time_point began{std::chrono::seconds(1)};
  EXPECT_EQ(peer.session().deadline(), began + std::chrono::seconds(60));
  peer.client(query("SELECT pg_sleep(100)"));
  peer.take_to_server();
  peer.advance(std::chrono::seconds(60));
  peer.login_timeout();
  EXPECT_NE(
      farewell(peer, "57P01", Action::kCancelAndClose).find("pgchaperone: the token of bot has expired"),
      std::string::npos);
  EXPECT_EQ(peer.take_records().back(), "closed: pgchaperone: the token of bot has expired");
}

TEST(Expiry, NothingBeginsBehindIt) {
  Peer peer(token_environment());
  log_in(peer, token(kAgent, 60));
  peer.advance(std::chrono::milliseconds(59'999));
  peer.client(query("SELECT 1"));
  EXPECT_EQ(peer.take_to_server(), query("SELECT 1"));
  peer.server(command_complete("SELECT 1") + ready());
  peer.take_to_client();
  peer.advance(std::chrono::milliseconds(1));
  peer.client(query("SELECT 2"));  // read before the loop has looked at its deadlines
  farewell(peer, "57P01");
  EXPECT_EQ(peer.take_to_server(), "");
}

TEST(Expiry, AClockThatIsSetBackRevivesNothing) {
  Peer peer(token_environment());
  log_in(peer, token(kAgent, 60));
  session::Step step(const_cast<audit::Batch&>(peer.records()),
                     {std::chrono::steady_clock::time_point(std::chrono::seconds(62)), -3'600'000'000});
  peer.session().on_client(query("SELECT 1"), step);
  EXPECT_EQ(static_cast<int>(step.action), static_cast<int>(Action::kClose));
  EXPECT_TRUE(step.to_server.empty());
}

TEST(Expiry, OfASessionWithAPasswordIsNever) {
  Peer peer;
  peer.log_in();
  EXPECT_FALSE(peer.session().deadline());
}

}  // namespace
}  // namespace chaperone::test
