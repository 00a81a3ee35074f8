#include <gtest/gtest.h>

#include "tests/support/scripted_peer.hpp"

namespace chaperone::test {
namespace {

using session::Action;

std::string one_row(std::string_view tag = "SELECT 1") {
  return row_description() + data_row() + command_complete(tag);
}

TEST(SimpleQuery, PassesAndIsRecorded) {
  ScriptedPeer()
      .client(query("SELECT 1"))
      .expect_server(same)
      .expect_records({"1: SELECT 1"})
      .server(one_row() + ready())
      .expect_client(same)
      .expect_records({"1 ok SELECT 1, 1 rows", "[1] committed"})
      .client(query("INSERT INTO t VALUES (1), (2)"))
      .server(command_complete("INSERT 0 2") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"2: INSERT INTO t VALUES (1), (2)", "2 ok INSERT 0 2, 2 rows", "[2] committed"})
      .run();
}

TEST(SimpleQuery, OfSeveralStatementsIsOneTransaction) {
  ScriptedPeer()
      .client(query("INSERT INTO t VALUES (1); SELECT 1 ; /* x */ DELETE FROM t;"))
      .expect_server(same)
      .server(command_complete("INSERT 0 1") + one_row() + command_complete("DELETE 3") + ready())
      .expect_client(same)
      .expect_records({"1: INSERT INTO t VALUES (1)", "2: SELECT 1", "3: DELETE FROM t",
                       "1 ok INSERT 0 1, 1 rows", "2 ok SELECT 1, 1 rows", "3 ok DELETE 3, 3 rows",
                       "[1,2,3] committed"})
      .run();
}

TEST(SimpleQuery, FailureInTheMiddleLeavesTheRestNotRun) {
  ScriptedPeer()
      .client(query("INSERT INTO t VALUES (1); SELECT 1/0; DELETE FROM t"))
      .expect_server(same)
      .server(command_complete("INSERT 0 1") + error("22012") + ready())
      .expect_client(same)
      .expect_records({"1: INSERT INTO t VALUES (1)", "2: SELECT 1/0", "3: DELETE FROM t",
                       "1 ok INSERT 0 1, 1 rows", "2 failed 22012", "3 not_run", "[1,2] rolled_back"})
      .run();
}

TEST(SimpleQuery, CommitInTheMiddleKeepsWhatIsBeforeIt) {
  ScriptedPeer()
      .client(query("INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); SELECT 1/0"))
      .expect_server(same)
      .server(command_complete("INSERT 0 1") + notice() + command_complete("COMMIT") +
              command_complete("INSERT 0 1") + error("22012") + ready())
      .expect_client(same)
      .expect_records({"1: INSERT INTO t VALUES (1)", "2: COMMIT", "3: INSERT INTO t VALUES (2)",
                       "4: SELECT 1/0", "1 ok INSERT 0 1, 1 rows", "2 ok COMMIT", "[1,2] committed",
                       "3 ok INSERT 0 1, 1 rows", "4 failed 22012", "[3,4] rolled_back"})
      .run();
}

TEST(SimpleQuery, EmptyOnesHaveAnAnswerOfTheirOwn) {
  ScriptedPeer()
      .client(query("") + query(" ; -- nothing"))
      .expect_server(same)
      .server(empty_query() + ready() + empty_query() + ready())
      .expect_client(same)
      .expect_records({"1: ", "2:  ; -- nothing", "1 ok", "[1] committed", "2 ok", "[2] committed"})
      .run();
}

TEST(SimpleQuery, CancelledIsNotFailed) {
  ScriptedPeer()
      .client(query("SELECT pg_sleep(9)"))
      .expect_server(same)
      .server(row_description() + error("57014") + ready())
      .expect_client(same)
      .expect_records({"1: SELECT pg_sleep(9)", "1 cancelled 57014", "[1] rolled_back"})
      .run();
}

TEST(SimpleQuery, RowsBeforeAFailureAreCounted) {
  ScriptedPeer()
      .client(query("SELECT 1/x FROM t"))
      .expect_server(same)
      .server(row_description() + data_row() + data_row() + error("22012") + ready())
      .expect_client(same)
      .expect_records({"1: SELECT 1/x FROM t", "1 failed 22012, 2 rows", "[1] rolled_back"})
      .run();
}

TEST(SimpleQuery, TextThatCantBeReadIsOneUnknownStatement) {
  ScriptedPeer()
      .client(query("SELEC 1"))
      .expect_server(same)
      .server(error("42601") + ready())
      .expect_client(same)
      // It may be newer SQL that commits inside.
      .expect_records({"1? SELEC 1", "1 failed 42601", "[1] unknown"})
      .run();
}

TEST(SimpleQuery, UnreadTextHasItsOutcomeAtReadyForQuery) {
  ScriptedPeer()
      .client(query("FROB t; FROB u"))
      .expect_server(same)
      .server(command_complete("FROB 1") + command_complete("FROB 2"))
      .expect_client(same)
      .expect_records({"1? FROB t; FROB u"})
      .server(ready())
      .expect_client(same)
      .expect_records({"1 ok FROB 2", "[1] committed"})
      .run();
}

TEST(SimpleQuery, UnreadTextThatCommitsInTheMiddleEndsUnknown) {
  ScriptedPeer()
      .client(query("BEGIN"))
      .server(command_complete("BEGIN") + ready('T'))
      .client(query("FROB t; COMMIT; FROB u"))
      .server(command_complete("FROB") + command_complete("COMMIT") + error("22012") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records(
          {"1: BEGIN", "1 ok BEGIN", "2? FROB t; COMMIT; FROB u", "2 failed 22012", "[1,2] unknown"})
      .run();
}

TEST(SimpleQuery, UnreadRollbackMayBeOneToASavepoint) {
  ScriptedPeer()
      .client(query("BEGIN; INSERT INTO t VALUES (1)"))
      .server(command_complete("BEGIN") + command_complete("INSERT 0 1") + ready('T'))
      .client(query("FROB; ROLLBACK TO a"))
      .server(command_complete("FROB") + command_complete("ROLLBACK") + ready('T'))
      .client(query("COMMIT"))
      .server(command_complete("COMMIT") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: BEGIN", "2: INSERT INTO t VALUES (1)", "1 ok BEGIN", "2 ok INSERT 0 1, 1 rows",
                       "3? FROB; ROLLBACK TO a", "3 ok ROLLBACK", "4: COMMIT", "4 ok COMMIT",
                       "[1,2,3,4] unknown"})
      .run();
}

TEST(SimpleQuery, SecretsAreNotRecorded) {
  ScriptedPeer()
      .client(query("ALTER ROLE a PASSWORD 'x'") + query("ALTER ROLEE a PASSWORD 'x'"))
      .expect_server(same)
      .server(command_complete("ALTER ROLE") + ready() + error("42601") + ready())
      .expect_client(same)
      .expect_records({"1: (not recorded: the statement carries a secret)",
                       "2? (not recorded: the statement carries a secret)", "1 ok ALTER ROLE",
                       "[1] committed", "2 failed 42601", "[2] unknown"})
      .run();
}

TEST(SimpleQuery, PipelinedOnesAreAnsweredInTurn) {
  ScriptedPeer()
      .client(query("SELECT 1") + query("SELECT 2; SELECT 3") + query("SELECT 4"))
      .expect_server(same)
      .server(one_row() + ready() + one_row() + error("22012") + ready() + one_row() + ready())
      .expect_client(same)
      .expect_records({"1: SELECT 1", "2: SELECT 2", "3: SELECT 3", "4: SELECT 4", "1 ok SELECT 1, 1 rows",
                       "[1] committed", "2 ok SELECT 1, 1 rows", "3 failed 22012", "[2,3] rolled_back",
                       "4 ok SELECT 1, 1 rows", "[4] committed"})
      .run();
}

TEST(SimpleQuery, AsynchronousMessagesPassAtAnyTime) {
  ScriptedPeer()
      .server(notification() + parameter_status("TimeZone", "UTC") + notice())
      .expect_client(same)
      .client(query("LISTEN channel"))
      .expect_server(same)
      .server(notice() + command_complete("LISTEN") + parameter_status("a", "b") + notification() + ready())
      .expect_client(same)
      .expect_records({"1: LISTEN channel", "1 ok LISTEN", "[1] committed"})
      .in_order("the first messages come unasked")
      .run();
}

TEST(SimpleQuery, LongerThanWhatIsHeldPassesInParts) {
  const std::string sql = "SELECT '" + std::string(std::size_t{3} << 20, 'x') + "'";
  ScriptedPeer()
      .client(query(sql))
      .expect_server(same)
      .server(one_row() + ready())
      .expect_client(same)
      .without_failures()
      .run();
}

TEST(SimpleQuery, RowsOfMegabytesPassInParts) {
  ScriptedPeer()
      .client(query("SELECT big FROM t"))
      .expect_server(same)
      .server(row_description() + data_row(std::string(std::size_t{2} << 20, 'x')) + data_row() +
              command_complete("SELECT 2") + ready())
      .expect_client(same)
      .expect_records({"1: SELECT big FROM t", "1 ok SELECT 2, 2 rows", "[1] committed"})
      .without_failures()
      .run();
}

TEST(FunctionCall, IsRecordedByItsOid) {
  ScriptedPeer()
      .client(function_call(1299))
      .expect_server(same)
      .server(function_result("x") + ready())
      .expect_client(same)
      .expect_records({"1? null", "1 ok", "[1] committed"})
      .client(function_call(1))
      .expect_server(same)
      .server(error("42883") + ready())
      .expect_client(same)
      .expect_records({"2? null", "2 failed 42883", "[2] rolled_back"})
      .run();
}

TEST(FunctionCall, MayFailWhenItsTransactionCommits) {
  ScriptedPeer()
      .client(function_call(1299))
      .expect_server(same)
      .server(function_result("x") + error("23503") + ready())
      .expect_client(same)
      .expect_records({"1? null", "1 ok", "[1] rolled_back"})
      .run();
}

}  // namespace
}  // namespace chaperone::test
