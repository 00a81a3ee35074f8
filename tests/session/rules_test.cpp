// Which rulebook decides, while it changes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/policy/load.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/records.hpp"

namespace chaperone::test {
namespace {

using session::Action;

constexpr std::string_view kSchema = "CREATE TABLE item (id int, name text, secret text);\n";
const Pairs kUser = {{"user", kAgent}, {"database", "shop"}};

std::string policy_of(std::string_view agent, std::string_view column) {
  return fmt::format(
      "version: 1\ncapabilities:\n  c:\n    tables:\n      item:\n        read:\n          columns: [{}]\n"
      "agents:\n  {}:\n    capabilities: [c]\n",
      column, agent);
}

std::shared_ptr<const session::Rulebook> rulebook(const std::string& policy,
                                                  std::string_view schema = kSchema,
                                                  std::string target = "db:5432/shop_live") {
  rules::Problems problems;
  const auto catalog = rules::load_catalog_sql(schema, "schema.sql", problems);
  auto loaded = rules::load_policy(policy, "policy.yaml", *catalog, problems);
  EXPECT_EQ(problems.text(), "");
  return std::make_shared<const session::Rulebook>(
      std::make_shared<const rules::PolicySet>(std::move(loaded)), catalog, parser::Limits{},
      std::move(target));
}

session::Environment enforcing() {
  auto environment = test_environment();
  rules::Problems problems;
  environment.policy = std::make_shared<const rules::PolicySet>(
      rules::load_policy(policy_of(kAgent, "id"), "policy.yaml", problems));
  EXPECT_EQ(problems.text(), "");
  return environment;
}

class RulesOfASession : public testing::Test {
 protected:
  RulesOfASession() : peer_(enforcing()) { use(rulebook(policy_of(kAgent, "id"))); }

  void use(std::shared_ptr<const session::Rulebook> rules) {
    peer_.thread().rulebooks["shop"] = std::move(rules);
  }
  /// Up to before the server says that it is ready.
  void connect() {
    peer_.prove(startup(kUser));
    peer_.upstream_connected();
    peer_.take_to_server();
    peer_.challenge();
    peer_.server(authentication_ok() + parameter_status("server_encoding", "UTF8") +
                 key_data(kServerPid, kServerSecret));
    peer_.take_to_client();
    peer_.take_to_server();
  }
  void log_in() {
    connect();
    peer_.server(ready());
    peer_.take_to_client();
  }
  /// Whether the statement itself goes upstream; the sentinel of a denied one does not hold it.
  bool runs(const std::string& sql) {
    peer_.client(query(sql));
    const bool passed = peer_.take_to_server().find(sql) != std::string::npos;
    peer_.server((passed ? command_complete("SELECT 0") : error("42703")) + ready());
    peer_.take_to_client();
    return passed;
  }
  void expect_ended() {
    EXPECT_TRUE(peer_.over());
    EXPECT_NE(peer_.take_to_client().find("C57P01"), std::string::npos);
  }

  Peer peer_;
};

TEST_F(RulesOfASession, TheNewestDecide) {
  log_in();
  EXPECT_TRUE(runs("SELECT id FROM item"));
  EXPECT_FALSE(runs("SELECT name FROM item"));
  use(rulebook(policy_of(kAgent, "name")));
  peer_.rules();
  EXPECT_FALSE(runs("SELECT id FROM item"));
  EXPECT_TRUE(runs("SELECT name FROM item"));
}

// A policy that takes effect between the login and the first statement is the one that decides.
TEST_F(RulesOfASession, ThoseThatCameWhileItLoggedInDecide) {
  connect();
  use(rulebook(policy_of(kAgent, "name")));
  peer_.rules();
  peer_.server(ready());
  peer_.take_to_client();
  EXPECT_FALSE(runs("SELECT id FROM item"));
  EXPECT_TRUE(runs("SELECT name FROM item"));
}

TEST_F(RulesOfASession, AnAgentThatIsNotNamedAnyMoreIsSentAway) {
  log_in();
  use(rulebook(policy_of("another", "id")));
  peer_.rules();
  expect_ended();
}

TEST_F(RulesOfASession, AnAgentThatWasTakenAwayWhileItLoggedInRunsNothing) {
  connect();
  use(rulebook(policy_of("another", "id")));
  peer_.rules();
  peer_.client(query("SELECT 1"));
  peer_.server(ready());
  expect_ended();
  EXPECT_EQ(show(peer_.take_to_server()), "");
}

// The rules of a database that only has the name in common.
TEST_F(RulesOfASession, RulesOfAnotherDatabaseEndIt) {
  log_in();
  use(rulebook(policy_of(kAgent, "id"), kSchema, "elsewhere:5432/shop_live"));
  peer_.rules();
  expect_ended();
}

TEST_F(RulesOfASession, RulesOfAnotherDatabaseLetNobodyIn) {
  use(rulebook(policy_of(kAgent, "id"), kSchema, "elsewhere:5432/shop_live"));
  peer_.prove(startup(kUser));
  expect_ended();
  EXPECT_EQ(show(peer_.take_to_server()), "");
}

// What a name means is settled by the search_path that the session was given when it began.
TEST_F(RulesOfASession, AnotherSearchPathEndsIt) {
  log_in();
  use(rulebook(policy_of(kAgent, "id"), std::string(kSchema) +
                                            "CREATE SCHEMA app;\nCREATE TABLE app.item (id int);\n"
                                            "ALTER DATABASE shop_live SET search_path = app, public;\n"));
  peer_.rules();
  expect_ended();
}

}  // namespace
}  // namespace chaperone::test
