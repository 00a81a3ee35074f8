#include <gtest/gtest.h>

#include "tests/support/scripted_peer.hpp"

namespace chaperone::test {
namespace {

const std::string kMade = parse_complete() + bind_complete();

std::string one_row(std::string_view tag = "SELECT 1") {
  return data_row() + command_complete(tag);
}

TEST(Extended, OneStatementWithValues) {
  ScriptedPeer()
      .client(parse("", "SELECT $1, $2") + bind("", "", {"7", std::nullopt}) + describe('P', "") + execute() +
              sync())
      .expect_server(same)
      .server(kMade + row_description() + one_row() + ready())
      .expect_client(same)
      .expect_records({R"(1: SELECT $1, $2 ["7",null])", "1 ok SELECT 1, 1 rows", "[1] committed"})
      .run();
}

TEST(Extended, NamedStatementIsUsedAgain) {
  ScriptedPeer()
      .client(parse("a", "SELECT $1") + describe('S', "a") + sync())
      .server(parse_complete() + parameter_description() + no_data() + ready())
      .client(bind("", "a", {"1"}) + execute() + bind("", "a", {"2"}) + execute() + sync())
      .server(bind_complete() + one_row() + bind_complete() + one_row() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({R"(1: SELECT $1 ["1"])", R"(2: SELECT $1 ["2"])", "1 ok SELECT 1, 1 rows",
                       "2 ok SELECT 1, 1 rows", "[1,2] committed"})
      .run();
}

TEST(Extended, ErrorSkipsToSync) {
  ScriptedPeer()
      .client(extended("INSERT INTO t VALUES (1)") + extended("SELECT 1/0") +
              extended("INSERT INTO t VALUES (2)") + sync())
      .expect_server(same)
      .server(kMade + command_complete("INSERT 0 1") + kMade + error("22012") + ready())
      .expect_client(same)
      .expect_records({"1: INSERT INTO t VALUES (1)", "2: SELECT 1/0", "3: INSERT INTO t VALUES (2)",
                       "1 ok INSERT 0 1, 1 rows", "2 failed 22012", "3 not_run", "[1,2] rolled_back"})
      .run();
}

TEST(Extended, QueryAndFunctionCallBeforeTheSyncAreSkippedToo) {
  ScriptedPeer()
      .client(parse("", "SELEC") + query("DELETE FROM t; DELETE FROM u") + function_call(1) + sync() +
              query("SELECT 1"))
      .expect_server(same)
      .server(error("42601") + ready() + row_description() + one_row() + ready())
      .expect_client(same)
      .expect_records({"1: DELETE FROM t", "2: DELETE FROM u", "3? null", "4: SELECT 1", "5? SELEC",
                       "5 failed 42601", "1 not_run", "2 not_run", "3 not_run", "4 ok SELECT 1, 1 rows",
                       "[4] committed"})
      .run();
}

TEST(Extended, WhatIsSentWhileTheServerSkipsIsNotRun) {
  ScriptedPeer()
      .client(parse("", "SELEC") + flush())
      .server(error("42601"))
      .client(query("DELETE FROM t") + bind("", "") + execute() + function_call(1) + parse("a", "SELECT 1") +
              sync())
      .expect_server(same)
      .expect_records({"1? SELEC", "1 failed 42601", "2: DELETE FROM t", "2 not_run", "3? null", "3 not_run",
                       "4? null", "4 not_run"})
      .server(ready())
      .expect_client(same)
      .client(bind("", "a") + execute() + sync())
      .expect_server(bind("", "a") + execute() + flush())
      .server(error("26000"))
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"5? null", "5 not_run"})
      .in_order("what is sent before and behind the error is told apart")
      .run();
}

TEST(Extended, ABindThatWasSkippedIsNoPortal) {
  ScriptedPeer()
      .client(extended("SELECT 1") + flush())
      .server(kMade + one_row())
      .client(parse("", "SELEC") + flush())
      .server(error("42601"))
      .expect_records({"1: SELECT 1", "1 ok SELECT 1, 1 rows", "2? SELEC", "2 failed 42601"})
      // Without the Bind, the portal of SELECT 1 would be what is executed.
      .client(parse("", "DELETE FROM t") + bind("", "") + execute() + sync())
      .expect_server(same)
      .expect_records({"3? null", "3 not_run"})
      .server(ready())
      .expect_client(same)
      .expect_records({"[1] rolled_back"})
      .in_order("the second part is skipped")
      .run();
}

TEST(Extended, FailureInTheFirstOfSeveralSegmentsLeavesTheOthers) {
  ScriptedPeer()
      .client(parse("", "SELEC") + bind("", "") + execute() + sync() + extended("SELECT 2") + sync() +
              extended("SELECT 3") + sync())
      .expect_server(parse("", "SELEC") + bind("", "") + execute() + flush())
      .server(error("42601"))
      .expect_server(sync() + extended("SELECT 2") + sync() + extended("SELECT 3") + sync())
      .server(ready() + kMade + one_row() + ready() + kMade + one_row() + ready())
      .expect_client(same)
      .expect_records({"1? SELEC", "2? SELEC", "2 failed 42601", "1 not_run", "3: SELECT 2", "4: SELECT 3",
                       "3 ok SELECT 1, 1 rows", "[3] committed", "4 ok SELECT 1, 1 rows", "[4] committed"})
      .in_order("the barrier of what can't be read splits the stream")
      .run();
}

// The error of the first segment comes between the Bind and the Execute of the second.
TEST(Extended, LateErrorLeavesThePortalsOfTheNextSegment) {
  ScriptedPeer()
      .client(parse("", "SELECT nothing") + sync() + parse("", "SELECT 2") + bind("", ""))
      .server(error("42703"))
      .client(execute() + sync())
      .server(ready() + kMade + one_row() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records(
          {"1: SELECT nothing", "1 failed 42703", "2: SELECT 2", "2 ok SELECT 1, 1 rows", "[2] committed"})
      .run();
}

TEST(Extended, FailedParseOutsideATransactionFailsNothingElse) {
  ScriptedPeer()
      .client(parse("", "SELECT nothing") + sync())
      .server(error("42703") + ready())
      .client(extended("SELECT 1") + sync())
      .server(kMade + one_row() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records(
          {"1: SELECT nothing", "1 failed 42703", "2: SELECT 1", "2 ok SELECT 1, 1 rows", "[2] committed"})
      .run();
}

TEST(Extended, ErrorThatAnswersASyncRollsBack) {
  ScriptedPeer()
      .client(extended("INSERT INTO deferred VALUES (1)") + sync())
      .expect_server(same)
      .server(kMade + command_complete("INSERT 0 1") + error("23503") + ready())
      .expect_client(same)
      .expect_records({"1: INSERT INTO deferred VALUES (1)", "1 ok INSERT 0 1, 1 rows", "[1] rolled_back"})
      .client(query("SELECT 1"))
      .expect_server(same)
      .server(row_description() + one_row() + ready())
      .expect_client(same)
      .expect_records({"2: SELECT 1", "2 ok SELECT 1, 1 rows", "[2] committed"})
      .run();
}

TEST(Extended, CancelOfAParseIsCancelled) {
  ScriptedPeer()
      .client(parse("", "SELECT 1") + sync())
      .server(error("57014") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT 1", "1 cancelled 57014"})
      .run();
}

TEST(Extended, CommitInAPipelineKeepsWhatIsBeforeIt) {
  ScriptedPeer()
      .client(extended("INSERT INTO t VALUES (1)") + extended("COMMIT") + extended("SELECT 1/0") + sync())
      .expect_server(same)
      .server(kMade + command_complete("INSERT 0 1") + kMade + notice() + command_complete("COMMIT") + kMade +
              error("22012") + ready())
      .expect_client(same)
      .expect_records({"1: INSERT INTO t VALUES (1)", "2: COMMIT", "3: SELECT 1/0", "1 ok INSERT 0 1, 1 rows",
                       "2 ok COMMIT", "[1,2] committed", "3 failed 22012", "[3] rolled_back"})
      .run();
}

TEST(Portals, SuspendedRunsAreOneStatement) {
  ScriptedPeer()
      .client(parse("", "SELECT x FROM t") + bind("", "") + execute("", 2) + flush())
      .server(kMade + data_row() + data_row() + portal_suspended())
      .client(execute("", 2) + flush())
      .server(data_row() + data_row() + portal_suspended())
      .client(execute("", 2) + sync())
      .server(data_row() + command_complete("SELECT 1") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT x FROM t", "1 ok SELECT 1, 5 rows", "[1] committed"})
      .run();
}

TEST(Portals, SuspendedOneThatIsClosedIsOk) {
  ScriptedPeer()
      .client(query("BEGIN"))
      .server(command_complete("BEGIN") + ready('T'))
      .client(parse("", "SELECT x FROM t") + bind("c", "") + execute("c", 1) + sync())
      .server(kMade + data_row() + portal_suspended() + ready('T'))
      .client(close('P', "c") + sync())
      .server(close_complete() + ready('T'))
      .client(query("COMMIT"))
      .server(command_complete("COMMIT") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: BEGIN", "1 ok BEGIN", "2: SELECT x FROM t", "2 ok suspended, 1 rows", "3: COMMIT",
                       "3 ok COMMIT", "[1,2,3] committed"})
      .run();
}

TEST(Portals, SuspendedOneEndsWithItsTransaction) {
  ScriptedPeer()
      .client(parse("", "SELECT x FROM t") + bind("", "") + execute("", 1) + sync())
      .server(kMade + data_row() + portal_suspended() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT x FROM t", "1 ok suspended, 1 rows", "[1] committed"})
      .run();
}

// The unnamed portal is bound again while the answer to its first Execute is on the way.
TEST(Portals, BoundAgainBeforeTheAnswer) {
  ScriptedPeer()
      .client(parse("", "SELECT x FROM t") + bind("", "") + execute("", 1) + bind("", "") + execute("", 1) +
              sync())
      .server(kMade + data_row() + portal_suspended() + bind_complete() + data_row() +
              command_complete("SELECT 1") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT x FROM t", "2: SELECT x FROM t", "1 ok suspended, 1 rows",
                       "2 ok SELECT 1, 1 rows", "[1,2] committed"})
      .run();
}

TEST(Portals, ExecuteOfADonePortalIsAnotherStatement) {
  ScriptedPeer()
      .client(parse("", "SELECT x FROM t") + bind("", "") + execute("", 5) + flush())
      .server(kMade + data_row() + command_complete("SELECT 1"))
      .client(execute("", 0) + sync())
      .server(command_complete("SELECT 0") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT x FROM t", "1 ok SELECT 1, 1 rows", "2: SELECT x FROM t",
                       "2 ok SELECT 0, 0 rows", "[1,2] committed"})
      .in_order("an Execute sent before the first is answered goes on with it")
      .run();
}

TEST(Portals, LimitedInsertKeepsTheRowsOfItsTag) {
  ScriptedPeer()
      .client(parse("", "INSERT INTO t SELECT * FROM u") + bind("", "") + execute("", 1) + sync())
      .server(kMade + command_complete("INSERT 0 5") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: INSERT INTO t SELECT * FROM u", "1 ok INSERT 0 5, 5 rows", "[1] committed"})
      .run();
}

TEST(Portals, SecondExecuteOfTheSameRunFails) {
  ScriptedPeer()
      .client(parse("", "SELECT 1/x FROM t") + bind("", "") + execute("", 1) + execute("", 1) +
              execute("", 1) + sync())
      .server(kMade + data_row() + portal_suspended() + error("22012") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT 1/x FROM t", "1 failed 22012, 1 rows", "[1] rolled_back"})
      .run();
}

TEST(Portals, SkippedExecuteOfASuspendedRunLeavesIt) {
  ScriptedPeer()
      .client(parse("", "SELECT x FROM t") + bind("", "") + execute("", 1) + flush())
      .server(kMade + data_row() + portal_suspended())
      .client(parse("b", "SELECT nothing") + execute("", 1) + sync())
      .server(error("42703") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT x FROM t", "2: SELECT nothing", "2 failed 42703", "1 ok suspended, 1 rows",
                       "[1] rolled_back"})
      .run();
}

TEST(Portals, UnknownOneIsRecordedAsUnknown) {
  ScriptedPeer()
      .client(execute("c") + sync())
      .expect_server(execute("c") + flush())
      .expect_records({"1? null"})
      .server(error("34000"))
      .expect_client(same)
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1 failed 34000", "[1] unknown"})
      .run();
}

TEST(Statements, FailedParseLeavesTheNamedOneThatWas) {
  ScriptedPeer()
      .client(parse("a", "SELECT 1") + sync())
      .server(parse_complete() + ready())
      .client(parse("a", "SELECT 2") + sync())
      .server(error("42P05") + ready())
      .client(bind("", "a") + execute() + sync())
      .server(bind_complete() + one_row() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records(
          {"1: SELECT 2", "1 failed 42P05", "2: SELECT 1", "2 ok SELECT 1, 1 rows", "[2] committed"})
      .in_order("a Bind sent before the error is known takes the new text")
      .run();
}

TEST(Statements, FailedParseHasDroppedTheUnnamedOne) {
  ScriptedPeer()
      .client(parse("", "SELECT 1") + sync())
      .server(parse_complete() + ready())
      .client(parse("", "SELECT nothing") + sync())
      .server(error("42703") + ready())
      .client(bind("", "") + execute() + sync())
      .expect_server(parse("", "SELECT 1") + sync() + parse("", "SELECT nothing") + sync() + bind("", "") +
                     execute() + flush())
      .server(error("26000"))
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1: SELECT nothing", "1 failed 42703", "2? null", "2 not_run"})
      .in_order("the Bind has to come behind the error")
      .run();
}

TEST(Statements, QueryDropsTheUnnamedOne) {
  ScriptedPeer()
      .client(parse("", "SELECT 1") + sync() + query("SELECT 2"))
      .server(parse_complete() + ready() + row_description() + one_row() + ready())
      .client(bind("", "") + execute() + sync())
      .expect_server(parse("", "SELECT 1") + sync() + query("SELECT 2") + bind("", "") + execute() + flush())
      .server(error("26000"))
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1: SELECT 2", "1 ok SELECT 1, 1 rows", "[1] committed", "2? null", "2 not_run"})
      .run();
}

// A skipped Query drops nothing.
TEST(Statements, SkippedQueryLeavesTheUnnamedOne) {
  ScriptedPeer()
      .client(parse("", "SELECT 1") + sync())
      .server(parse_complete() + ready())
      .client(parse("a", "SELECT nothing") + query("SELECT 2") + sync())
      .server(error("42703") + ready())
      .client(bind("", "") + execute() + sync())
      .server(bind_complete() + one_row() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT 2", "2: SELECT nothing", "2 failed 42703", "1 not_run", "3: SELECT 1",
                       "3 ok SELECT 1, 1 rows", "[3] committed"})
      .in_order("a Bind sent before the error is known meets what the Query would have dropped")
      .run();
}

TEST(Statements, ClosedOneIsGone) {
  ScriptedPeer()
      .client(parse("a", "SELECT 1") + close('S', "a") + close('P', "nothing") + sync())
      .server(parse_complete() + close_complete() + close_complete() + ready())
      .expect_server(same)
      .expect_client(same)
      .client(bind("", "a") + execute() + sync())
      .expect_server(bind("", "a") + execute() + flush())
      .server(error("26000"))
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1? null", "1 not_run"})
      .run();
}

TEST(Statements, SqlAndTheProtocolShareNames) {
  ScriptedPeer()
      .client(query("SELECT 0; PREPARE a AS SELECT 1"))
      .server(one_row() + command_complete("PREPARE") + ready())
      .client(bind("", "a") + execute() + sync())
      .server(bind_complete() + one_row() + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: SELECT 0", "2: PREPARE a AS SELECT 1", "1 ok SELECT 1, 1 rows", "2 ok PREPARE",
                       "[1,2] committed", "3: PREPARE a AS SELECT 1", "3 ok SELECT 1, 1 rows",
                       "[3] committed"})
      .in_order("what a name stands for shows in the reply")
      .run();
}

// Until DEALLOCATE and PREPARE are answered nobody knows what the name stands for; it must not be the old
// text.
TEST(Statements, NameThatSqlChangesIsNeverTheOldText) {
  ScriptedPeer()
      .client(parse("a", "SELECT 1") + sync())
      .server(parse_complete() + ready())
      .client(query("DEALLOCATE a; PREPARE a AS DELETE FROM t") + bind("", "a") + execute())
      .server(command_complete("DEALLOCATE") + command_complete("PREPARE") + ready())
      .expect_records({"1: DEALLOCATE a", "2: PREPARE a AS DELETE FROM t", "3? null", "1 ok DEALLOCATE",
                       "2 ok PREPARE", "[1,2] committed"})
      .server(bind_complete() + command_complete("DELETE 1"))
      .expect_client(same)
      .client(sync())
      .server(ready())
      .expect_client(same)
      .expect_server(parse("a", "SELECT 1") + sync() + query("DEALLOCATE a; PREPARE a AS DELETE FROM t") +
                     bind("", "a") + execute() + flush() + sync())
      .expect_records({"3 ok DELETE 1, 1 rows", "[3] committed"})
      .run();
}

TEST(Statements, CursorOfSqlIsAPortal) {
  ScriptedPeer()
      .client(query("BEGIN; DECLARE c CURSOR FOR SELECT x FROM t"))
      .server(command_complete("BEGIN") + command_complete("DECLARE CURSOR") + ready('T'))
      .client(describe('P', "c") + execute("c", 1) + sync())
      .server(row_description() + data_row() + portal_suspended() + ready('T'))
      .client(query("CLOSE c; COMMIT"))
      .server(command_complete("CLOSE CURSOR") + command_complete("COMMIT") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: BEGIN", "2: DECLARE c CURSOR FOR SELECT x FROM t", "1 ok BEGIN",
                       "2 ok DECLARE CURSOR", "3: DECLARE c CURSOR FOR SELECT x FROM t", "4: CLOSE c",
                       "5: COMMIT", "4 ok CLOSE CURSOR", "5 ok COMMIT", "3 ok suspended, 1 rows",
                       "[1,2,3,4,5] committed"})
      .in_order("what a name stands for shows in the reply")
      .run();
}

TEST(Statements, DiscardAllForgetsAll) {
  ScriptedPeer()
      .client(parse("a", "SELECT 1") + sync() + query("DISCARD ALL"))
      .server(parse_complete() + ready() + command_complete("DISCARD ALL") + ready())
      .client(bind("", "a") + execute() + sync())
      .expect_server(parse("a", "SELECT 1") + sync() + query("DISCARD ALL") + bind("", "a") + execute() +
                     flush())
      .server(error("26000"))
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1: DISCARD ALL", "1 ok DISCARD ALL", "[1] committed", "2? null", "2 not_run"})
      .run();
}

TEST(Ledger, WhenItIsFullTheClientWaits) {
  std::string many, answers;
  for (std::size_t i = 0; i < 65'536; ++i) many += close('S', "a");
  for (std::size_t i = 0; i < 65'536; ++i) answers += close_complete();
  ScriptedPeer()
      .client(many)
      .client(sync())
      .expect_client_waits(true)
      .server(close_complete())
      .expect_client_waits(false)
      .server(answers.substr(0, answers.size() - 5) + ready())
      .expect_server(same)
      .expect_client(same)
      .without_failures()
      .run();
}

}  // namespace
}  // namespace chaperone::test
