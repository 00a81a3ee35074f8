#include <gtest/gtest.h>

#include "tests/support/peer.hpp"

namespace chaperone::test {
namespace {

using session::Action;

const Pairs kUser = {{"user", kAgent}, {"database", "shop"}};

session::Environment leasing(session::Environment environment) {
  environment.databases["shop"].credential =
      session::SessionRoleCredential{.broker = "broker", .password = "a secret of the broker"};
  return environment;
}

const auth::ScramSecret& secret() {
  static const auth::ScramSecret made = auth::ScramSecret::random();
  return made;
}

session::Lease lease() {
  return {.role = "agp_w1_abcdefghijklmnop", .keys = secret().keys};
}

/// Logged in by a lease.
void log_in(Peer& peer, session::Lease given) {
  peer.prove(startup(kUser), kPassword, Action::kOpenLease);
  peer.lease(std::move(given));
  EXPECT_EQ(peer.take_action(), Action::kConnectUpstream);
  peer.upstream_connected();
  EXPECT_EQ(peer.take_to_server(), startup({{"user", "agp_w1_abcdefghijklmnop"}, {"database", "shop_live"}}));
  peer.challenge(secret().verifier);
  peer.server(authentication_ok() + key_data(kServerPid, kServerSecret) + ready());
  EXPECT_TRUE(peer.session().logged_in());
  EXPECT_EQ(peer.take_records(), std::vector<std::string>{"opened"});
}

TEST(Lease, IsAskedForWhenTheAgentHasProvedWhoItIs) {
  Peer peer(leasing(test_environment()));
  log_in(peer, lease());
  EXPECT_NE(peer.records().line(0).find("\"role\":\"agp_w1_abcdefghijklmnop\""), std::string_view::npos)
      << peer.records().line(0);
  peer.client(query("SELECT 1"));
  EXPECT_EQ(peer.take_to_server(), query("SELECT 1"));
}

TEST(Lease, IsForThePrincipalAndItsCapabilities) {
  Peer peer(leasing(enforcing_environment()), "127.0.0.1:51234", test_rulebook());
  peer.prove(startup(kUser), kPassword, Action::kOpenLease);
  const auto request = peer.session().lease_request();
  EXPECT_EQ(request.database, "shop");
  EXPECT_EQ(request.session.size(), 16U);
  EXPECT_EQ(request.principal.agent, kAgent);
  EXPECT_EQ(request.principal.parameters.at("tenant"), "7");
  EXPECT_EQ(request.capabilities, std::vector<std::string>{"ledger"});
  EXPECT_EQ(peer.take_to_server(), "") << "nothing goes upstream before it is there";
}

TEST(Lease, OfAnObservedAgentHasItsCapabilitiesToo) {
  auto environment = leasing(enforcing_environment());
  auto observed = *environment.policy;
  observed.agents.at(std::string(kAgent)).observe = true;
  environment.policy = std::make_shared<const rules::PolicySet>(std::move(observed));
  Peer peer(std::move(environment));
  peer.prove(startup(kUser), kPassword, Action::kOpenLease);
  EXPECT_EQ(peer.session().lease_request().capabilities, std::vector<std::string>{"ledger"});
  EXPECT_EQ(peer.session().lease_request().principal.parameters.at("tenant"), "7");
}

TEST(Lease, ThatCanNotBeHadRefusesTheSessionAndTellsTheStrangerLittle) {
  Peer peer(leasing(test_environment()));
  peer.prove(startup(kUser), kPassword, Action::kOpenLease);
  peer.lease_failed("the broker at 10.0.0.9 is down");
  const auto said = peer.take_to_client();
  EXPECT_NE(said.find("C08006"), std::string::npos) << show(said);
  EXPECT_NE(said.find("no credential for the database \"shop\""), std::string::npos) << show(said);
  EXPECT_EQ(said.find("10.0.0.9"), std::string::npos) << show(said);
  EXPECT_EQ(peer.take_action(), Action::kClose);
  EXPECT_EQ(peer.take_to_server(), "");
  const auto records = peer.take_records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].find("the broker at 10.0.0.9 is down"), std::string::npos) << records[0];
}

TEST(Lease, ComesTooLateForASessionThatIsOver) {
  Peer peer(leasing(test_environment()));
  peer.prove(startup(kUser), kPassword, Action::kOpenLease);
  peer.login_timeout();
  EXPECT_TRUE(peer.over());
  session::Step step(const_cast<audit::Batch&>(peer.records()), {});
  peer.session().on_lease(lease(), step);
  EXPECT_EQ(step.action, Action::kNone);
  EXPECT_TRUE(step.to_server.empty());
}

TEST(Lease, ThatTheServerDoesNotKnowIsNoReasonToTryAnother) {
  Peer peer(leasing(test_environment()));
  peer.prove(startup(kUser), kPassword, Action::kOpenLease);
  peer.lease(lease());
  peer.take_action();
  peer.upstream_connected();
  peer.take_to_server();
  peer.server(error("28P01", "password authentication failed for user \"agp_w1_abcdefghijklmnop\""));
  const auto said = peer.take_to_client();
  EXPECT_NE(said.find("C08006"), std::string::npos) << show(said);
  EXPECT_EQ(said.find("agp_"), std::string::npos) << "the role is nobody's to know: " << show(said);
  EXPECT_TRUE(peer.over());
}

TEST(Lease, EndsTheSessionAtItsDeadline) {
  Peer peer(leasing(test_environment()));
  auto given = lease();
  given.deadline = std::chrono::steady_clock::time_point(std::chrono::seconds(900));
  log_in(peer, given);
  ASSERT_EQ(peer.session().deadline(), given.deadline);
  peer.client(query("SELECT pg_sleep(1000)"));
  peer.take_to_server();
  peer.login_timeout();
  EXPECT_FALSE(peer.over()) << "it is not time yet";
  peer.advance(std::chrono::hours(1));
  peer.login_timeout();
  const auto said = peer.take_to_client();
  EXPECT_NE(said.find("C57P01"), std::string::npos) << show(said);
  EXPECT_EQ(peer.take_action(), Action::kCancelAndClose) << "what runs has to be told";
}

TEST(Lease, StartsNoStatementBehindItsDeadline) {
  Peer peer(leasing(test_environment()));
  auto given = lease();
  given.deadline = std::chrono::steady_clock::time_point(std::chrono::seconds(900));
  log_in(peer, given);
  peer.take_to_client();
  peer.advance(std::chrono::hours(1));
  peer.client(query("SELECT 1"));
  EXPECT_EQ(peer.take_to_server(), "");
  EXPECT_TRUE(peer.over());
}

}  // namespace
}  // namespace chaperone::test
