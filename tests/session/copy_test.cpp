#include <gtest/gtest.h>

#include "tests/support/scripted_peer.hpp"

namespace chaperone::test {
namespace {

const std::string kCopy = "COPY t FROM STDIN";
const std::string kMade = parse_complete() + bind_complete();

TEST(CopyIn, OfASimpleQuery) {
  ScriptedPeer()
      .client(query(kCopy))
      .expect_server(same)
      .server(copy_in_response())
      .expect_client(same)
      .client(copy_data("1\n") + copy_data("2\n") + copy_done())
      .expect_server(same)
      .server(command_complete("COPY 2") + ready())
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "1 ok COPY 2, 2 rows", "[1] committed"})
      .run();
}

TEST(CopyIn, BarrierHoldsWhatIsBehind) {
  ScriptedPeer()
      .client(query(kCopy))
      .client(query("SELECT 1"))
      .expect_server(query(kCopy))
      .expect_records({"1: COPY t FROM STDIN"})
      .server(error("42P01"))
      .expect_client(same)
      .expect_server(query("SELECT 1"))
      .server(ready() + row_description() + data_row() + command_complete("SELECT 1") + ready())
      .expect_client(same)
      .expect_records(
          {"1 failed 42P01", "2: SELECT 1", "[1] rolled_back", "2 ok SELECT 1, 1 rows", "[2] committed"})
      .run();
}

// The answer to an earlier message says nothing of whether this one wants COPY data.
TEST(CopyIn, BarrierOutlastsTheAnswersOfWhatIsBefore) {
  ScriptedPeer()
      .client(query("SELECT 1/0") + query(kCopy))
      .client(sync() + copy_data("1\n") + copy_done())
      .expect_server(query("SELECT 1/0") + query(kCopy))
      .server(error("22012") + ready())
      .expect_client(same)
      .expect_server("")
      .server(copy_in_response())
      .expect_client(same)
      .expect_server(copy_data("1\n") + copy_done())
      .server(command_complete("COPY 1") + ready())
      .expect_client(same)
      .expect_records({"1: SELECT 1/0", "2: COPY t FROM STDIN", "1 failed 22012", "[1] rolled_back",
                       "2 ok COPY 1, 1 rows", "[2] committed"})
      .run();
}

TEST(CopyIn, BarrierBehindAFailedSegmentStays) {
  ScriptedPeer()
      .client(parse("", "SELECT nothing") + sync() + extended(kCopy))
      .client(copy_data("1\n") + copy_done() + sync())
      .expect_server(parse("", "SELECT nothing") + sync() + extended(kCopy) + flush())
      .server(error("42703") + ready())
      .expect_client(same)
      .expect_server("")
      .server(kMade + copy_in_response())
      .expect_client(same)
      .expect_server(copy_data("1\n") + copy_done() + sync())
      .server(command_complete("COPY 1") + ready())
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "2: SELECT nothing", "2 failed 42703", "1 ok COPY 1, 1 rows",
                       "[1] committed"})
      .run();
}

// As libpq sends it: a Sync behind the Execute, which the server ignores, and one behind CopyDone.
TEST(CopyIn, OfTheExtendedProtocol) {
  ScriptedPeer()
      .client(extended(kCopy) + sync())
      .expect_server(extended(kCopy) + flush())
      .expect_records({"1: COPY t FROM STDIN"})
      .server(kMade + copy_in_response())
      .expect_client(same)
      .expect_server("")
      .client(copy_data("1\n") + flush() + sync() + copy_data("2\n") + copy_done() + sync())
      .expect_server(copy_data("1\n") + copy_data("2\n") + copy_done() + sync())
      .server(command_complete("COPY 2") + ready())
      .expect_client(same)
      .expect_records({"1 ok COPY 2, 2 rows", "[1] committed"})
      .client(query("SELECT 1"))
      .expect_server(same)
      .server(command_complete("SELECT 1") + ready())
      .expect_client(same)
      .expect_records({"2: SELECT 1", "2 ok SELECT 1, 1 rows", "[2] committed"})
      .run();
}

TEST(CopyIn, ExecuteThatIsRefusedLetsTheSyncPass) {
  ScriptedPeer()
      .client(extended(kCopy) + sync())
      .expect_server(extended(kCopy) + flush())
      .server(kMade + error("42P01"))
      .expect_client(same)
      .expect_server(sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "1 failed 42P01", "[1] rolled_back"})
      .run();
}

TEST(CopyIn, FailureOfTheServerSwallowsWhatIsLeft) {
  ScriptedPeer()
      .client(query(kCopy))
      .server(copy_in_response())
      .client(copy_data("1\n") + copy_data("bad\n"))
      .expect_server(same)
      .server(error("22P02") + ready())
      .expect_client(same)
      .client(copy_data("3\n") + copy_done() + copy_fail("why") + query("SELECT 1"))
      .expect_server(query("SELECT 1"))
      .server(command_complete("SELECT 1") + ready())
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "1 failed 22P02", "[1] rolled_back", "2: SELECT 1",
                       "2 ok SELECT 1, 1 rows", "[2] committed"})
      .in_order("what comes before the error passes")
      .run();
}

TEST(CopyIn, DataUnderWayWhenItFailsPassesToItsEnd) {
  const auto data = copy_data(std::string(100'000, 'x'));
  ScriptedPeer()
      .client(query(kCopy))
      .server(copy_in_response())
      .client(data.substr(0, 60'000))
      .server(error("22P02") + ready())
      .client(data.substr(60'000) + copy_data("left over") + copy_done() + query("SELECT 1"))
      .server(command_complete("SELECT 1") + ready())
      .expect_server(query(kCopy) + data + query("SELECT 1"))
      .expect_client(same)
      .in_order("what comes before the error passes")
      .run();
}

TEST(CopyIn, FailureInTheExtendedProtocolSkipsToTheSync) {
  ScriptedPeer()
      .client(extended(kCopy))
      .server(kMade + copy_in_response())
      .client(copy_data("bad\n") + copy_done() + sync())
      .expect_server(extended(kCopy) + flush() + copy_data("bad\n") + copy_done() + sync())
      .server(error("22P02") + ready())
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "1 failed 22P02", "[1] rolled_back"})
      .run();
}

// The Sync went while the server was reading data, as far as anybody could tell, and so is owed nothing.
TEST(CopyIn, SyncInTheDataIsDroppedEvenIfItFailsThen) {
  ScriptedPeer()
      .client(extended(kCopy))
      .server(kMade + copy_in_response())
      .client(copy_data("bad\n") + sync())
      .server(error("22P02"))
      .client(copy_data("more\n") + copy_done() + sync())
      .expect_server(extended(kCopy) + flush() + copy_data("bad\n") + sync())
      .server(ready())
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "1 failed 22P02", "[1] rolled_back"})
      .in_order("what comes before the error passes")
      .run();
}

TEST(CopyIn, CopyFailIsTheClientsCancel) {
  ScriptedPeer()
      .client(query(kCopy))
      .server(copy_in_response())
      .client(copy_data("1\n") + copy_fail("changed my mind"))
      .server(error("57014") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: COPY t FROM STDIN", "1 cancelled 57014", "[1] rolled_back"})
      .run();
}

TEST(CopyIn, AmongSeveralStatements) {
  ScriptedPeer()
      .client(query("SELECT 1; COPY t FROM STDIN; COPY u FROM STDIN; SELECT 2"))
      .client(copy_data("1\n") + copy_done() + copy_data("2\n") + copy_done() + query("SELECT 3"))
      .expect_server(query("SELECT 1; COPY t FROM STDIN; COPY u FROM STDIN; SELECT 2"))
      .server(command_complete("SELECT 1") + copy_in_response())
      .expect_server(copy_data("1\n") + copy_done())
      .server(command_complete("COPY 1") + copy_in_response())
      .expect_server(copy_data("2\n") + copy_done())
      .server(command_complete("COPY 1") + command_complete("SELECT 1") + ready())
      .expect_server(query("SELECT 3"))
      .server(command_complete("SELECT 1") + ready())
      .expect_client(same)
      .expect_records({"1: SELECT 1", "2: COPY t FROM STDIN", "3: COPY u FROM STDIN", "4: SELECT 2",
                       "1 ok SELECT 1, 1 rows", "2 ok COPY 1, 1 rows", "3 ok COPY 1, 1 rows",
                       "4 ok SELECT 1, 1 rows", "[1,2,3,4] committed", "5: SELECT 3", "5 ok SELECT 1, 1 rows",
                       "[5] committed"})
      .run();
}

TEST(CopyIn, OtherMessagesEndTheSession) {
  Peer peer;
  peer.log_in();
  peer.client(query(kCopy));
  peer.server(copy_in_response());
  peer.take_to_client();
  peer.take_to_server();
  peer.client(query("SELECT 1"));
  EXPECT_EQ(peer.take_to_server(), "");
  const auto farewell = peer.take_to_client();
  EXPECT_NE(farewell.find("C08P01"), std::string::npos) << show(farewell);
  EXPECT_NE(farewell.find("unexpected message type 0x51 during COPY from stdin"), std::string::npos)
      << show(farewell);
  EXPECT_TRUE(peer.over());
  EXPECT_EQ(peer.take_records(),
            (std::vector<std::string>{"1: COPY t FROM STDIN", "1 unknown 08P01", "[1] unknown",
                                      "closed: unexpected message type 0x51 during COPY from stdin"}));
}

TEST(CopyIn, UnreadTextMayBeOne) {
  ScriptedPeer()
      .client(query("COPIE t FROM STDIN"))
      .client(copy_data("1\n") + copy_done())
      .expect_server(query("COPIE t FROM STDIN"))
      .expect_client_waits(true)
      .server(copy_in_response())
      .expect_client_waits(false)
      .expect_server(copy_data("1\n") + copy_done())
      .server(command_complete("COPY 1") + ready())
      .expect_client(same)
      .expect_records({"1? COPIE t FROM STDIN", "1 ok COPY 1", "[1] committed"})
      .run();
}

TEST(CopyIn, OfMegabytesPassesInParts) {
  const auto data = copy_data(std::string(std::size_t{2} << 20, 'x'));
  ScriptedPeer()
      .client(query(kCopy))
      .server(copy_in_response())
      .client(data + data + copy_done())
      .server(command_complete("COPY 2") + ready())
      .expect_server(same)
      .expect_client(same)
      .without_failures()
      .run();
}

TEST(CopyOut, PassesAndCounts) {
  ScriptedPeer()
      .client(query("COPY t TO STDOUT"))
      .expect_server(same)
      .server(copy_out_response() + copy_data("1\n") + copy_data("2\n") + copy_done() +
              command_complete("COPY 2") + ready())
      .expect_client(same)
      .expect_records({"1: COPY t TO STDOUT", "1 ok COPY 2, 2 rows", "[1] committed"})
      .client(extended("COPY t TO STDOUT") + sync())
      .expect_server(same)
      .server(kMade + copy_out_response() + copy_data("1\n") + error("57014") + ready())
      .expect_client(same)
      .expect_records({"2: COPY t TO STDOUT", "2 cancelled 57014", "[2] rolled_back"})
      .run();
}

}  // namespace
}  // namespace chaperone::test
