#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/peer.hpp"

namespace chaperone::test {
namespace {

std::string times(int count, const std::string& bytes) {
  std::string all;
  for (int i = 0; i < count; ++i) all += bytes;
  return all;
}

std::string name_of(int number) {
  return "s" + std::to_string(number);
}

// As long as a statement may be.
std::string long_sql(int number = 0) {
  const std::string begin = "SELECT " + std::to_string(number) + ", '";
  return begin + std::string((1U << 20) - begin.size() - 1, 'x') + "'";
}

class Bounds : public testing::Test {
 protected:
  Bounds() { peer_.log_in(); }
  ~Bounds() override { EXPECT_FALSE(peer_.over()); }

  /// Sends and has it answered; the records of it.
  std::vector<std::string> exchange(const std::string& client, const std::string& server) {
    peer_.client(client);
    peer_.server(server);
    EXPECT_TRUE(peer_.take_to_server() == client);
    EXPECT_TRUE(peer_.take_to_client() == server);
    return peer_.take_records();
  }
  /// Runs it, and gives the first record of that. What is not known might be a COPY, which Sync waits for.
  std::string record_of_running(const std::string& statement) {
    peer_.client(test::bind("", statement) + execute() + sync());
    peer_.server(bind_complete() + command_complete("SELECT 0"));
    peer_.server(ready());
    const auto records = peer_.take_records();
    peer_.take_to_server();
    peer_.take_to_client();
    return records.empty() ? "none" : records.front();
  }

  Peer peer_;
};

TEST_F(Bounds, APipelineWithoutSyncIsAskedForItsAnswers) {
  const std::string one = parse("", long_sql());
  peer_.client(times(20, one));
  EXPECT_TRUE(peer_.take_to_server() == times(8, one) + flush());
  EXPECT_FALSE(peer_.session().wants_client());
  peer_.server(times(7, parse_complete()));
  EXPECT_TRUE(peer_.take_to_server().empty());
  peer_.server(parse_complete());
  EXPECT_TRUE(peer_.take_to_server() == times(8, one) + flush());
  peer_.server(times(8, parse_complete()));
  EXPECT_TRUE(peer_.take_to_server() == times(4, one));
  EXPECT_TRUE(peer_.session().wants_client());
  peer_.client(sync());
  peer_.server(times(4, parse_complete()) + ready());
  EXPECT_TRUE(peer_.take_to_client() == times(20, parse_complete()) + ready());
}

TEST_F(Bounds, APipelineThatFailsGoesOn) {
  const std::string one = parse("", long_sql());
  peer_.client(times(10, one) + sync() + query("SELECT 1"));
  peer_.take_to_server();
  peer_.server(error("42601"));
  EXPECT_TRUE(peer_.take_to_server() == times(2, one) + sync() + query("SELECT 1"));
  peer_.server(ready() + command_complete("SELECT 1") + ready());
  EXPECT_TRUE(peer_.session().wants_client());
  const std::vector<std::string> ran{"2: SELECT 1", "2 ok SELECT 1, 1 rows", "[2] committed"};
  const auto records = peer_.take_records();
  for (const auto& each : ran)
    EXPECT_NE(std::find(records.begin(), records.end(), each), records.end()) << each;
}

TEST_F(Bounds, AStatementTooManyRunsUnread) {
  for (int i = 0; i <= 1'000; ++i) {
    exchange(parse(name_of(i), "SELECT " + std::to_string(i)) + sync(), parse_complete() + ready());
  }
  EXPECT_EQ(record_of_running("s0"), "1: SELECT 0");
  EXPECT_EQ(record_of_running("s999"), "2: SELECT 999");
  EXPECT_EQ(record_of_running("s1000"), "3? null");
  exchange(close('S', "s0") + sync(), close_complete() + ready());
  EXPECT_EQ(record_of_running("s1000"), "4? null") << "what it was is forgotten for good";
  exchange(parse("new", "SELECT 'new'") + sync(), parse_complete() + ready());
  EXPECT_EQ(record_of_running("new"), "5: SELECT 'new'");
}

TEST_F(Bounds, AStatementTooManyDoesNotLeaveAnotherUnderItsName) {
  for (int i = 0; i < 15; ++i) {
    exchange(parse(name_of(i), long_sql(i)) + sync(), parse_complete() + ready());
  }
  exchange(parse("big", "SELECT 'small'") + sync(), parse_complete() + ready());
  EXPECT_EQ(record_of_running("big"), "1: SELECT 'small'");
  exchange(close('S', "big") + parse("big", long_sql()) + sync(),
           close_complete() + parse_complete() + ready());
  exchange(parse("bigger", "SELECT 'small'") + sync(), parse_complete() + ready());
  exchange(close('S', "bigger") + parse("bigger", long_sql()) + sync(),
           close_complete() + parse_complete() + ready());
  EXPECT_EQ(record_of_running("bigger"), "2? null");
  exchange(parse("", "SELECT 'unnamed'") + sync(), parse_complete() + ready());
  EXPECT_EQ(record_of_running(""), "3: SELECT 'unnamed'");
}

TEST_F(Bounds, APortalTooManyRunsUnread) {
  std::string binds, answers;
  for (int i = 0; i <= 1'000; ++i) {
    binds += test::bind(name_of(i), "s", {std::to_string(i)});
    answers += bind_complete();
  }
  exchange(parse("s", "SELECT $1") + sync(), parse_complete() + ready());
  exchange(query("BEGIN"), command_complete("BEGIN") + ready('T'));
  exchange(binds + sync(), answers + ready('T'));
  EXPECT_EQ(exchange(execute("s999") + sync(), command_complete("SELECT 0") + ready('T')).front(),
            R"(2: SELECT $1 ["999"])");
  peer_.client(execute("s1000"));
  EXPECT_EQ(peer_.take_to_server(), execute("s1000") + flush());
  peer_.server(command_complete("SELECT 0"));
  EXPECT_EQ(peer_.take_records().front(), "3? null");
}

}  // namespace
}  // namespace chaperone::test
