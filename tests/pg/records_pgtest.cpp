// What the records say, held against what the server did (docs/architecture.md, the reply ledger and the COPY
// barrier).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using Texts = std::vector<std::string>;

class RecordsOf : public testing::Test {
 protected:
  void SetUp() override { postgres().run("truncate big, item, line"); }
  Records end() {
    client_.close();
    return chaperone().session(client_.pid());
  }
  std::string rows() { return postgres().scalar("select count(*) from big"); }

  Client client_{chaperone().address()};
};

constexpr const char* kInsert = "insert into big values (1, 'x')";

TEST_F(RecordsOf, UnknownPortalInThePipelineRollsBack) {
  const auto answer = client_.exchange(extended(kInsert) + execute("no") + extended("select 2") + sync());
  EXPECT_EQ(find(answer, 'E').field('C'), "34000");
  EXPECT_EQ(rows(), "0");
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"ok INSERT 0 1", "failed 34000", "not_run"}));
  EXPECT_EQ(statements(records), (Texts{kInsert, "null", "null"}));
  // A portal that nobody knows might have been a CALL, which commits inside.
  EXPECT_EQ(transactions(records), (Texts{"unknown 1 2"}));
}

TEST_F(RecordsOf, ACommittedUnitStaysCommitted) {
  client_.exchange(extended("begin") + extended(kInsert) + extended("commit") + extended("select fails()") +
                   sync());
  EXPECT_EQ(rows(), "1");
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"ok BEGIN", "ok INSERT 0 1", "ok COMMIT", "failed P0123"}));
  EXPECT_EQ(transactions(records), (Texts{"committed 1 2 3", "rolled_back 4"}));
}

TEST_F(RecordsOf, CommitOfAFailedTransactionRollsBack) {
  for (const char* sql : {"begin", kInsert, "select 1/0", "select 1", "commit"}) client_.exchange(query(sql));
  EXPECT_EQ(rows(), "0");
  const auto records = end();
  EXPECT_EQ(outcomes(records),
            (Texts{"ok BEGIN", "ok INSERT 0 1", "failed 22012", "failed 25P02", "ok ROLLBACK"}));
  EXPECT_EQ(transactions(records), (Texts{"rolled_back 1 2 3 4 5"}));
}

TEST_F(RecordsOf, SavepointRecovers) {
  for (const char* sql : {"begin", kInsert, "savepoint a", "insert into big values (2, 'y')", "select 1/0",
                          "rollback to a", "commit"}) {
    client_.exchange(query(sql));
  }
  EXPECT_EQ(rows(), "1");
  const auto ends = of_kind(end(), "transaction");
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(text(ends[0], "end"), "rolled_back");
  EXPECT_EQ(text(ends[0], "savepoint"), "a");
  EXPECT_EQ(text(ends[1], "end"), "committed");
}

TEST_F(RecordsOf, AStringIsOneTransaction) {
  client_.exchange(query(std::string(kInsert) + "; select 1/0; select 3"));
  EXPECT_EQ(rows(), "0");
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"ok INSERT 0 1", "failed 22012", "not_run"}));
  ASSERT_EQ(transactions(records).size(), 1u);
  EXPECT_TRUE(transactions(records)[0].starts_with("rolled_back 1")) << transactions(records)[0];
}

TEST_F(RecordsOf, ASyntaxErrorRunsNothing) {
  client_.exchange(query(std::string(kInsert) + "; selec"));
  EXPECT_EQ(rows(), "0");
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"failed 42601"}));
  EXPECT_EQ(text(of_kind(records, "statement")[0], "verdict"), "unknown");
}

TEST_F(RecordsOf, SkippedMessagesAreNotRun) {
  client_.exchange(
      parse("", "selec") + bind_portal("", "") + execute() + extended(kInsert) + query(kInsert) + sync(),
      "Z");
  EXPECT_EQ(rows(), "0");
  for (const auto& outcome : outcomes(end())) {
    EXPECT_TRUE(outcome == "not_run" || outcome == "failed 42601") << outcome;
  }
}

TEST_F(RecordsOf, ADeferredConstraintFailsAtSync) {
  client_.exchange(extended("insert into line values (1, 999)") + sync());
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"ok INSERT 0 1"}));
  EXPECT_EQ(transactions(records), (Texts{"rolled_back 1"}));
}

TEST_F(RecordsOf, SuspendedPortalIsOneStatement) {
  client_.exchange(query("begin"));
  client_.exchange(parse("", "select generate_series(1, 10)") + bind_portal("p", "") + execute("p", 4) +
                   sync());
  client_.exchange(execute("p", 4) + sync());
  client_.exchange(execute("p", 4) + sync());
  client_.exchange(query("commit"));
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"ok BEGIN", "ok SELECT 2", "ok COMMIT"}));
  for (const auto& record : of_kind(records, "outcome")) {
    if (text(record, "statement") != "2") continue;
    EXPECT_EQ(text(record, "rows"), "10");
  }
}

TEST_F(RecordsOf, CopyInBothProtocols) {
  client_.exchange(query("copy big from stdin") + copy_data("1\ta\n2\tb\n") + copy_done(), "Z");
  // Two Syncs and one ReadyForQuery: the first one was ignored.
  const auto answer = client_.exchange(parse("", "copy big from stdin") + bind_portal("", "") + execute() +
                                           sync() + copy_data("3\tc\n") + copy_done() + sync(),
                                       "Z");
  EXPECT_EQ(count(answer, 'Z'), 1u);
  EXPECT_TRUE(client_.silent(Milliseconds(50))) << "an answer too many";
  EXPECT_EQ(rows(), "3");
  const auto records = end();
  EXPECT_EQ(outcomes(records), (Texts{"ok COPY 2", "ok COPY 1"}));
  EXPECT_EQ(text(of_kind(records, "outcome")[0], "bytes"), "8");
  EXPECT_EQ(transactions(records), (Texts{"committed 1", "committed 2"}));
}

TEST_F(RecordsOf, LeftOverCopyDataIsNothing) {
  client_.exchange(query("copy no_such from stdin") + copy_data("1\ta\n") + copy_done() + query("select 1"),
                   "ZZ");
  EXPECT_EQ(outcomes(end()), (Texts{"failed 42P01", "ok SELECT 1"}));
}

TEST_F(RecordsOf, CopyFailedByTheClient) {
  client_.exchange(query("copy big from stdin") + copy_data("1\ta\n") + copy_fail("changed my mind"), "Z");
  EXPECT_EQ(rows(), "0");
  EXPECT_EQ(outcomes(end()), (Texts{"cancelled 57014"}));
}

TEST_F(RecordsOf, TwoPhaseCommit) {
  for (const char* sql : {"begin", kInsert, "prepare transaction 'records'", "commit prepared 'records'"})
    client_.exchange(query(sql));
  EXPECT_EQ(rows(), "1");
  EXPECT_EQ(outcomes(end()),
            (Texts{"ok BEGIN", "ok INSERT 0 1", "ok PREPARE TRANSACTION", "ok COMMIT PREPARED"}));
}

TEST_F(RecordsOf, ValuesAndNames) {
  client_.exchange(parse("s", "select $1::text, $2::int") + bind_portal("", "s", {"seven", std::nullopt}) +
                   execute() + sync());
  const auto records = end();
  const auto statement = of_kind(records, "statement").at(0);
  EXPECT_EQ(boost::json::value(statement.at("values")), (boost::json::value{"seven", nullptr}));
  EXPECT_EQ(text(statement, "agent"), "tester");
  EXPECT_EQ(text(statement, "database"), "shop");
  EXPECT_EQ(text(statement, "proof"), "scram");
  EXPECT_EQ(text(statement, "enforced"), "false");
  EXPECT_EQ(text(statement, "backend_pid"), std::to_string(client_.pid()));
}

TEST_F(RecordsOf, WhatCannotBeReadSaysWhy) {
  client_.exchange(query("select json_serialize('{}' returning bytea)"));
  client_.exchange(query("select '" + std::string(2U << 20, 'x') + "'"));
  const auto unread = of_kind(end(), "statement");
  ASSERT_EQ(unread.size(), 2u);
  for (const auto& statement : unread) {
    EXPECT_EQ(text(statement, "verdict"), "unknown");
    EXPECT_FALSE(text(statement, "reason").empty());
  }
}

TEST_F(RecordsOf, AnEndInTheMiddleOfATransactionRollsBack) {
  client_.exchange(query("begin"));
  client_.exchange(query(kInsert));
  const auto records = end();
  EXPECT_EQ(rows(), "0");
  EXPECT_EQ(transactions(records), (Texts{"rolled_back 1 2"}));
}

TEST_F(RecordsOf, AClientThatGoesWhileItsStatementRuns) {
  client_.send(query("insert into big select 1, 'x' from (select pg_sleep(0.3)) s"));
  client_.finish();
  const auto answer = client_.read_to_end();
  EXPECT_EQ(count(answer, 'C'), 1u) << "a client that sends nothing more still gets its answer"
                                    << describe(answer);
  EXPECT_EQ(rows(), "1");
  EXPECT_EQ(outcomes(end()), (Texts{"ok INSERT 0 1"}));
}

TEST_F(RecordsOf, AClientThatIsLost) {
  client_.send(query("insert into big select 1, 'x' from (select pg_sleep(0.3)) s"));
  ASSERT_TRUE(eventually([&] {
    return postgres().scalar(
               fmt::format("select count(*) from pg_stat_activity where pid = {} and wait_event = 'PgSleep'",
                           client_.pid())) == "1";
  }));
  const auto pid = client_.pid();
  client_.reset();
  const auto records = chaperone().session(pid);
  EXPECT_EQ(rows(), "1");
  EXPECT_EQ(outcomes(records), (Texts{"ok INSERT 0 1"}));
}

}  // namespace
}  // namespace chaperone::pg
