#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/peer.hpp"
#include "tests/support/records.hpp"

// Statements whose capability has less time than the server gives the session.

namespace chaperone::test {
namespace {

using namespace std::chrono_literals;
using session::Action;

constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  quick:
    tables:
      account: {read: {columns: [id]}}
    limits: {time: 1s}
  slow:
    tables:
      entry: {read: {columns: [id]}}
    limits: {time: 10s}
agents:
  bot: {capabilities: [quick, slow]}
)";
const std::string kQuick = "SELECT id FROM account", kSlow = "SELECT id FROM entry";

std::string sent(std::string_view sql) {
  return query("/*agent='bot'*/ " + std::string(sql));
}

std::string prepared(std::string_view sql) {
  return parse("", sql) + bind("", "") + execute() + sync();
}

std::string answer() {
  return row_description() + command_complete("SELECT 0") + ready();
}

class OwnTime : public testing::Test {
 protected:
  OwnTime() : peer_(enforcing_environment(), "127.0.0.1:51234", rulebook_of(std::string(kPolicy))) {
    peer_.log_in();
  }

  /// Time goes by, and the deadline is met if there is one.
  Action after(std::chrono::milliseconds time) {
    peer_.advance(time);
    peer_.deadline();
    return peer_.take_action();
  }
  void expect_no_action(std::chrono::milliseconds time) {
    EXPECT_EQ(static_cast<int>(after(time)), static_cast<int>(Action::kNone));
  }
  void expect_cancel(std::chrono::milliseconds time) {
    EXPECT_EQ(static_cast<int>(after(time)), static_cast<int>(Action::kCancelStatement));
  }

  Peer peer_;
};

TEST_F(OwnTime, IsKeptByACancelThatTheClientReadsAsItsLimit) {
  peer_.client(query(kQuick));
  EXPECT_EQ(show(peer_.take_to_server()), show(sent(kQuick)));
  expect_no_action(999ms);
  expect_cancel(1ms);
  peer_.cancel_sent();
  peer_.server(error("57014") + ready());
  const auto told = peer_.take_to_client();
  EXPECT_NE(told.find("bot may run a statement for 1000 ms at most"), std::string::npos) << show(told);
  EXPECT_NE(told.find("C57014"), std::string::npos);
  EXPECT_NE(told.find("capability quick, rule limits.time"), std::string::npos);
  EXPECT_TRUE(told.ends_with(ready()));
  EXPECT_EQ(peer_.take_records(),
            (std::vector<std::string>{"1: " + kQuick, "1 cancelled 57014", "[1] rolled_back"}));
  EXPECT_FALSE(peer_.session().deadline());
}

TEST_F(OwnTime, IsNotThatOfAnotherCapability) {
  peer_.client(query(kSlow));
  EXPECT_FALSE(peer_.session().deadline()) << "the server sees to the longest";
  peer_.server(answer());
  peer_.client(query("BEGIN"));
  EXPECT_FALSE(peer_.session().deadline()) << "what needs no capability has the session's time";
  peer_.server(error("57014") + ready());
  EXPECT_EQ(peer_.take_to_client(), answer() + error("57014") + ready()) << "a cancel of the client's own";
}

TEST_F(OwnTime, NothingGoesUpstreamBehindSuchAStatement) {
  peer_.client(query(kSlow) + query(kQuick) + query(kSlow));
  EXPECT_EQ(show(peer_.take_to_server()), show(sent(kSlow) + flush() + sent(kQuick) + flush()));
  expect_no_action(5s);  // the server has not come to it
  peer_.server(answer());
  EXPECT_TRUE(peer_.session().deadline()) << "now it has";
  expect_no_action(500ms);
  peer_.server(answer());
  EXPECT_EQ(show(peer_.take_to_server()), show(sent(kSlow)));
  EXPECT_FALSE(peer_.session().deadline());
}

TEST_F(OwnTime, ACancelThatComesTooLateHoldsBackWhatFollows) {
  peer_.client(query(kQuick));
  peer_.take_to_server();
  expect_cancel(1s);
  peer_.server(answer());
  EXPECT_TRUE(peer_.take_to_client().ends_with(ready())) << "its answer passes";
  peer_.client(query(kSlow));
  EXPECT_EQ(show(peer_.take_to_server()), "");
  peer_.cancel_sent();
  EXPECT_EQ(show(peer_.take_to_server()), show(sent(kSlow)));
  peer_.server(answer());
  EXPECT_FALSE(peer_.over());
}

TEST_F(OwnTime, IsAskedForAgainWhereTheServerDidNotHear) {
  peer_.client(query(kQuick));
  expect_cancel(1s);
  expect_no_action(1s);  // the first one is still on its way
  peer_.cancel_sent();
  expect_cancel(1s);
}

TEST_F(OwnTime, OfAPreparedStatementIsThatOfItsExecute) {
  const std::string commented = "/*agent='bot'*/ " + kQuick;
  peer_.client(prepared(kQuick) + prepared(kSlow));
  EXPECT_EQ(show(peer_.take_to_server()),
            show(parse("", commented) + bind("", "") + execute() + sync() + flush()))
      << "what is asked of the server to be seen early costs it, and us, a packet";
  expect_no_action(400ms);
  peer_.server(parse_complete() + bind_complete());
  expect_no_action(599ms);
  expect_cancel(1ms);
  peer_.server(error("57014") + ready());
  EXPECT_NE(peer_.take_to_client().find("limits.time"), std::string::npos);
  EXPECT_EQ(show(peer_.take_to_server()), "") << "the cancel may still be on its way";
  peer_.cancel_sent();
  EXPECT_EQ(show(peer_.take_to_server()),
            show(parse("", "/*agent='bot'*/ " + kSlow) + bind("", "") + execute() + sync()));
}

// Planning is a part of it.
TEST_F(OwnTime, IsOverWhileTheStatementIsBound) {
  peer_.client(prepared(kQuick));
  peer_.server(parse_complete());
  expect_cancel(1s);
  peer_.cancel_sent();
  peer_.server(error("57014") + ready());
  EXPECT_NE(peer_.take_to_client().find("capability quick, rule limits.time"), std::string::npos);
  peer_.client(query(kSlow));
  EXPECT_FALSE(peer_.session().deadline());
}

// The server keeps what it answers to the first until it is asked, or through with the second.
TEST_F(OwnTime, BeginsBehindAnotherExecuteOfThePipeline) {
  peer_.client(parse("", kSlow) + bind("", "") + execute() + parse("", kQuick) + bind("", "") + execute());
  EXPECT_TRUE(peer_.take_to_server().ends_with(bind("", "") + flush() + execute()));
  EXPECT_FALSE(peer_.session().deadline());
  peer_.server(parse_complete() + bind_complete() + command_complete("SELECT 0"));
  EXPECT_TRUE(peer_.session().deadline());
  expect_no_action(999ms);
  expect_cancel(1ms);
}

TEST_F(OwnTime, OfACursorIsThatOfItsQuery) {
  peer_.client(query("BEGIN; DECLARE c CURSOR FOR " + kQuick));
  peer_.server(command_complete("BEGIN") + command_complete("DECLARE CURSOR") + ready('T'));
  peer_.client(query("FETCH ALL FROM c"));
  expect_cancel(1s);
}

// The server tells of the first one when it is through with the last.
TEST_F(OwnTime, OfAStringIsTheShortestOfItsStatements) {
  for (const auto& [name, sql] : Pairs{{"a", kSlow}, {"b", kQuick}}) {
    peer_.client(query("PREPARE " + std::string(name) + " AS " + std::string(sql)));
    peer_.server(command_complete("PREPARE") + ready());
  }
  peer_.client(query("EXECUTE a"));
  EXPECT_FALSE(peer_.session().deadline());
  peer_.server(answer());
  peer_.take_to_server();
  peer_.take_to_client();
  peer_.client(query("EXECUTE a; EXECUTE b"));
  EXPECT_EQ(show(peer_.take_to_server()),
            show(query("/*agent='bot'*/ EXECUTE a; /*agent='bot'*/ EXECUTE b")));
  expect_cancel(1s);
  peer_.cancel_sent();
  peer_.server(error("57014") + ready());
  EXPECT_NE(peer_.take_to_client().find("capability quick"), std::string::npos);
}

TEST_F(OwnTime, OfANewerPolicyHoldsAtOnce) {
  auto newer = std::string(kPolicy);
  newer.replace(newer.find("10s"), 3, "2s");
  peer_.thread().rulebooks["shop"] = rulebook_of(newer);
  peer_.rules();
  peer_.client(query(kSlow));
  expect_no_action(1999ms);
  expect_cancel(1ms);
}

TEST_F(OwnTime, EndsWithTheSession) {
  peer_.client(query(kQuick));
  peer_.server_closed();
  EXPECT_TRUE(peer_.over());
  EXPECT_FALSE(peer_.session().deadline());
}

}  // namespace
}  // namespace chaperone::test
