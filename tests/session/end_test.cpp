#include <gtest/gtest.h>

#include "proxy/wire/backend.hpp"
#include "tests/support/scripted_peer.hpp"

/// How a session ends, from each side and from within.
namespace chaperone::test {
namespace {

using session::Action;

TEST(End, Terminate) {
  ScriptedPeer()
      .client(terminate())
      .expect_server(same)
      .expect_action(Action::kFinishServer)
      .server_closed()
      .expect_action(Action::kClose)
      .expect_records({"closed: the client ended the session"})
      .run();
}

TEST(End, TerminateWithWorkOutstanding) {
  ScriptedPeer()
      .client(query("SELECT 1") + terminate())
      .expect_server(same)
      .expect_action(Action::kFinishServer)
      .server(command_complete("SELECT 1") + ready())
      .expect_client(same)
      .server_closed()
      .expect_action(Action::kClose)
      .expect_records(
          {"1: SELECT 1", "1 ok SELECT 1, 1 rows", "[1] committed", "closed: the client ended the session"})
      .run();
}

TEST(End, TerminateInATransactionRollsBack) {
  ScriptedPeer()
      .client(query("BEGIN"))
      .server(command_complete("BEGIN") + ready('T'))
      .expect_client(same)
      .client(terminate())
      .expect_server(same)
      .expect_action(Action::kFinishServer)
      .server_closed()
      .expect_action(Action::kClose)
      .expect_records({"1: BEGIN", "1 ok BEGIN", "[1] rolled_back", "closed: the client ended the session"})
      .run();
}

// The server keeps the replies of a pipeline without Sync in its buffer and leaves without a word; so does
// the proxy.
TEST(End, TerminateBeforeTheSyncIsSilent) {
  ScriptedPeer()
      .client(extended("DELETE FROM t") + terminate())
      .expect_server(same)
      .expect_action(Action::kFinishServer)
      .server_closed()
      .expect_client("")
      .expect_action(Action::kClose)
      .expect_records(
          {"1: DELETE FROM t", "1 unknown", "[1] unknown", "closed: the client ended the session"})
      .run();
}

TEST(End, HalfClosedClientStillGetsItsAnswers) {
  ScriptedPeer()
      .client(query("SELECT 1"))
      .client_closed()
      .expect_server(same)
      .expect_action(Action::kFinishServer)
      .server(data_row() + command_complete("SELECT 1") + ready())
      .expect_client(same)
      .server_closed()
      .expect_action(Action::kClose)
      .expect_records(
          {"1: SELECT 1", "1 ok SELECT 1, 1 rows", "[1] committed", "closed: the client ended the session"})
      .run();
}

TEST(End, HalfClosedClientBehindTheBarrierHasItsTurn) {
  Peer peer;
  peer.log_in();
  session::Step step(const_cast<audit::Batch&>(peer.records()), {});
  peer.client(query("COPY t FROM STDIN") + query("SELECT 1"));
  peer.session().on_client_closed(step);
  EXPECT_EQ(static_cast<int>(step.action), static_cast<int>(Action::kNone))
      << "the server leg was shut down too early";
  peer.server(error("42P01") + ready());
  EXPECT_EQ(peer.take_to_server(), query("COPY t FROM STDIN") + query("SELECT 1"));
  EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(Action::kFinishServer));
  peer.server(command_complete("SELECT 1") + ready());
  peer.server_closed();
  EXPECT_EQ(peer.take_records(),
            (std::vector<std::string>{"1: COPY t FROM STDIN", "1 failed 42P01", "[1] rolled_back",
                                      "2: SELECT 1", "2 ok SELECT 1, 1 rows", "[2] committed",
                                      "closed: the client ended the session"}));
}

TEST(End, LostClientsStatementIsStillRecorded) {
  ScriptedPeer()
      .client(query("DELETE FROM t"))
      .expect_server(same)
      .client_lost()
      .expect_action(Action::kFinishServer)
      .server(command_complete("DELETE 3") + ready())
      .expect_client("")
      .server_closed()
      .expect_action(Action::kClose)
      .expect_records({"1: DELETE FROM t", "1 ok DELETE 3, 3 rows", "[1] committed",
                       "closed: the client ended the session"})
      .run();
}

TEST(End, LostClientsLargeResultIsLetGo) {
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += data_row(std::string(60'000, 'x'));
  ScriptedPeer()
      .client(query("SELECT * FROM big"))
      .expect_server(same)
      .client_lost()
      .expect_action(Action::kFinishServer)
      .server(rows)
      .expect_client("")
      .expect_action(Action::kClose)
      .expect_records({"1: SELECT * FROM big", "1 unknown", "[1] unknown", "closed: the client went away"})
      .without_failures()
      .run();
}

TEST(End, ServersFatalWhileIdle) {
  ScriptedPeer()
      .server(error("57P01", "FATAL"))
      .expect_client(same)
      .server_closed()
      .expect_client("")
      .expect_action(Action::kClose)
      .expect_records({"closed: the server ended the session"})
      .run();
}

TEST(End, ServersFatalRollsBackAndRunsNothingMore) {
  ScriptedPeer()
      .client(query("BEGIN"))
      .server(command_complete("BEGIN") + ready('T'))
      .client(query("DELETE FROM t; DELETE FROM u") + query("COMMIT"))
      .expect_server(same)
      .server(command_complete("DELETE 1") + error("57P01", "FATAL"))
      .expect_client(same)
      .server_closed()
      .expect_client("")
      .expect_action(Action::kClose)
      .expect_records({"1: BEGIN", "1 ok BEGIN", "2: DELETE FROM t", "3: DELETE FROM u", "4: COMMIT",
                       "2 ok DELETE 1, 1 rows", "3 failed 57P01", "4 not_run", "[1,2,3] rolled_back",
                       "closed: the server ended the session"})
      .run();
}

TEST(End, AfterAPanicNobodyKnows) {
  ScriptedPeer()
      .client(query("DELETE FROM t"))
      .expect_server(same)
      .server(error("XX000", "PANIC"))
      .expect_client(same)
      .server_closed()
      .expect_client("")
      .expect_action(Action::kClose)
      .expect_records(
          {"1: DELETE FROM t", "1 failed XX000", "[1] unknown", "closed: the server ended the session"})
      .run();
}

TEST(End, ServerGoneInTheMiddleOfAResult) {
  ScriptedPeer()
      .client(query("SELECT 1; SELECT 2") + query("SELECT 3"))
      .expect_server(same)
      .server(command_complete("SELECT 1") + row_description() + data_row())
      .expect_client(same)
      .server_closed()
      .expect_farewell("08006")
      .expect_records({"1: SELECT 1", "2: SELECT 2", "3: SELECT 3", "1 ok SELECT 1, 1 rows",
                       "2 unknown 08006", "3 unknown 08006", "[1,2,3] unknown",
                       "closed: pgchaperone: the database server closed the connection: it closed"})
      .run();
}

TEST(End, ServerGoneWithACommitInFlight) {
  const auto begin = [] {
    return ScriptedPeer()
        .client(query("BEGIN"))
        .server(command_complete("BEGIN") + ready('T'))
        .expect_client(same);
  };
  begin().client(query("COMMIT")).expect_server(same).server_closed().expect_farewell("08007").run();
  begin()
      .client(query("SELECT 1; COMMIT"))
      .expect_server(same)
      .server_closed()
      .expect_farewell("08007")
      .run();
  begin()
      .client(extended("COMMIT") + sync())
      .expect_server(same)
      .server_closed()
      .expect_farewell("08007")
      .run();
  begin()
      .client(query("COMMIT; SELECT 1"))
      .expect_server(same)
      .server(command_complete("COMMIT"))
      .expect_client(same)
      .server_closed()
      .expect_farewell("08006")
      .run();
}

TEST(End, ServerGoneWithASuspendedPortalBeingClosed) {
  ScriptedPeer()
      .client(parse("", "SELECT x FROM t") + bind("", "") + execute("", 1) + flush())
      .server(parse_complete() + bind_complete() + data_row() + portal_suspended())
      .expect_client(same)
      .client(close('P', "") + flush())
      .expect_server(same)
      .server_closed()
      .expect_farewell("08006")
      .expect_records({"1: SELECT x FROM t", "1 ok suspended, 1 rows", "[1] unknown",
                       "closed: pgchaperone: the database server closed the connection: it closed"})
      .run();
}

class Unexpected : public ::testing::TestWithParam<std::string> {};

TEST_P(Unexpected, FromAnIdleServerEndsTheSession) {
  ScriptedPeer().server(GetParam()).expect_farewell("08006").run();
}

TEST_P(Unexpected, ForASyncEndsTheSession) {
  if (GetParam() == ready()) return;
  ScriptedPeer().client(sync()).expect_server(same).server(GetParam()).expect_farewell("08006").run();
}

INSTANTIATE_TEST_SUITE_P(Messages, Unexpected,
                         ::testing::Values(ready(), parse_complete(), bind_complete(), close_complete(),
                                           no_data(), portal_suspended(), empty_query(),
                                           parameter_description(), row_description(), data_row(),
                                           command_complete("SELECT 1"), function_result("x"),
                                           copy_in_response(), copy_out_response(), copy_both_response(),
                                           copy_data("x"), copy_done(), authentication_ok(),
                                           key_data(1, "abcd"), negotiate(0), message('?', "")),
                         [](const auto& each) { return "at" + std::to_string(each.index); });

TEST(End, FunctionCallWithoutItsResultEndsTheSession) {
  ScriptedPeer()
      .client(function_call(1299))
      .expect_server(same)
      .server(ready())
      .expect_farewell("08006")
      .expect_records({"1? null", "1 unknown 08006", "[1] unknown",
                       "closed: pgchaperone: the database server broke the protocol: ReadyForQuery"})
      .run();
}

TEST(End, CopyInWithMoreSentBehindItEndsTheSession) {
  ScriptedPeer()
      .client(query("SELECT 1") + query("SELECT 2"))
      .expect_server(same)
      .server(copy_in_response())
      .expect_farewell("08006")
      .run();
}

TEST(End, AMessageBehindTheLastWordsIsNotPassed) {
  ScriptedPeer()
      .client(query("SELECT 1"))
      .expect_server(same)
      .server(error("57P01", "FATAL"))
      .expect_client(same)
      .server(ready())
      .expect_farewell("08006")
      .run();
}

TEST(End, AnswersBeforeTheBadMessageStillCome) {
  ScriptedPeer()
      .client(query("SELECT 1") + message('?', "") + query("DELETE FROM t"))
      .expect_server(query("SELECT 1"))
      .expect_action(Action::kFinishServer)
      .server(command_complete("SELECT 1") + ready())
      .expect_client(same)
      .server_closed()
      .expect_farewell("08P01")
      .run();
}

class BadMessage : public ::testing::TestWithParam<std::string> {};

TEST_P(BadMessage, EndsTheSessionAndNothingGoesUpstream) {
  ScriptedPeer().client(GetParam()).expect_server("").expect_farewell("08P01").run();
}

INSTANTIATE_TEST_SUITE_P(Messages, BadMessage,
                         ::testing::Values(message('?', ""), message('p', "x"), message('Q', "SELECT 1"),
                                           message('Q', string("SELECT 1") + "x"), message('P', string("a")),
                                           message('B', string("a")), message('D', "X" + string("")),
                                           message('C', "X" + string("")), message('E', string("")),
                                           message('H', "x"), message('S', "x"), message('F', "x"),
                                           std::string("Q\0\0\0\3", 5), std::string("S\x7f\xff\xff\xff", 5),
                                           startup({{"user", "again"}})),
                         [](const auto& each) { return "at" + std::to_string(each.index); });

TEST(Drain, EndsAnIdleSessionAtOnce) {
  ScriptedPeer().drain(false).expect_farewell("57P01").run();
}

TEST(Drain, WaitsForTheTransaction) {
  ScriptedPeer()
      .client(query("BEGIN"))
      .server(command_complete("BEGIN") + ready('T'))
      .drain(false)
      .client(query("COMMIT"))
      .expect_server(same)
      .server(command_complete("COMMIT"))
      .expect_client(same)
      .server(ready())
      .expect_client(ready() +
                     [] {
                       std::string out;
                       wire::backend::encode_error_response(
                           out, "FATAL",
                           {.sqlstate = "57P01",
                            .message = "terminating connection because pgchaperone is shutting down"});
                       return out;
                     }())
      .expect_action(Action::kClose)
      .expect_records({"1: BEGIN", "1 ok BEGIN", "2: COMMIT", "2 ok COMMIT", "[1,2] committed",
                       "closed: terminating connection because pgchaperone is shutting down"})
      .run();
}

// All is answered, but the transaction of the pipeline waits for its Sync.
TEST(Drain, WaitsForTheSync) {
  ScriptedPeer()
      .client(extended("DELETE FROM t") + flush())
      .server(parse_complete() + bind_complete() + command_complete("DELETE 1"))
      .drain(false)
      .expect_client(same)
      .client(sync())
      .expect_server(same)
      .expect_action(Action::kNone)
      .expect_records({"1: DELETE FROM t", "1 ok DELETE 1, 1 rows"})
      .run();
}

TEST(Drain, ForcedLeavesUnknownWhatRuns) {
  ScriptedPeer()
      .client(query("DELETE FROM t"))
      .expect_server(same)
      .drain(true)
      .expect_farewell("57P01")
      .expect_records({"1: DELETE FROM t", "1 unknown 57P01", "[1] unknown",
                       "closed: terminating connection because pgchaperone is shutting down"})
      .run();
}

}  // namespace
}  // namespace chaperone::test
