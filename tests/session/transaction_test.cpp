#include <gtest/gtest.h>

#include "tests/support/scripted_peer.hpp"

namespace chaperone::test {
namespace {

/// Simple queries of one statement each, as they go on in one session.
class Conversation {
 public:
  Conversation& ok(const std::string& sql, std::string_view tag, char status) {
    script_.client(query(sql))
        .expect_server(same)
        .server(command_complete(tag) + ready(status))
        .expect_client(same);
    return *this;
  }
  Conversation& fails(const std::string& sql, std::string_view sqlstate, char status) {
    script_.client(query(sql))
        .expect_server(same)
        .server(error(sqlstate) + ready(status))
        .expect_client(same);
    return *this;
  }
  void records(std::vector<std::string> sentences) { script_.expect_records(std::move(sentences)).run(); }

 private:
  ScriptedPeer script_;
};

TEST(Transactions, Block) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .ok("INSERT INTO t VALUES (1)", "INSERT 0 1", 'T')
      .ok("COMMIT", "COMMIT", 'I')
      .ok("START TRANSACTION", "START TRANSACTION", 'T')
      .ok("ROLLBACK", "ROLLBACK", 'I')
      .records({"1: BEGIN", "1 ok BEGIN", "2: INSERT INTO t VALUES (1)", "2 ok INSERT 0 1, 1 rows",
                "3: COMMIT", "3 ok COMMIT", "[1,2,3] committed", "4: START TRANSACTION",
                "4 ok START TRANSACTION", "5: ROLLBACK", "5 ok ROLLBACK", "[4,5] rolled_back"});
}

TEST(Transactions, CommitOfAFailedBlockRollsBack) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .fails("SELECT 1/0", "22012", 'E')
      .fails("SELECT 1", "25P02", 'E')
      .ok("COMMIT", "ROLLBACK", 'I')
      .records({"1: BEGIN", "1 ok BEGIN", "2: SELECT 1/0", "2 failed 22012", "3: SELECT 1", "3 failed 25P02",
                "4: COMMIT", "4 ok ROLLBACK", "[1,2,3,4] rolled_back"});
}

TEST(Transactions, CommitThatFails) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .ok("INSERT INTO deferred VALUES (1)", "INSERT 0 1", 'T')
      .fails("COMMIT", "23503", 'I')
      .records({"1: BEGIN", "1 ok BEGIN", "2: INSERT INTO deferred VALUES (1)", "2 ok INSERT 0 1, 1 rows",
                "3: COMMIT", "3 failed 23503", "[1,2,3] rolled_back"});
}

TEST(Transactions, Savepoints) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .ok("SAVEPOINT a", "SAVEPOINT", 'T')
      .ok("DELETE FROM t", "DELETE 1", 'T')
      .ok("SAVEPOINT b", "SAVEPOINT", 'T')
      .fails("SELECT 1/0", "22012", 'E')
      .ok("ROLLBACK TO a", "ROLLBACK", 'T')
      .ok("DELETE FROM u", "DELETE 2", 'T')
      .ok("RELEASE a", "RELEASE", 'T')
      .ok("COMMIT", "COMMIT", 'I')
      .records({"1: BEGIN",
                "1 ok BEGIN",
                "2: SAVEPOINT a",
                "2 ok SAVEPOINT",
                "3: DELETE FROM t",
                "3 ok DELETE 1, 1 rows",
                "4: SAVEPOINT b",
                "4 ok SAVEPOINT",
                "5: SELECT 1/0",
                "5 failed 22012",
                "6: ROLLBACK TO a",
                "6 ok ROLLBACK",
                "[3,4,5] rolled_back to a",
                "7: DELETE FROM u",
                "7 ok DELETE 2, 2 rows",
                "8: RELEASE a",
                "8 ok RELEASE",
                "9: COMMIT",
                "9 ok COMMIT",
                "[1,2,6,7,8,9] committed"});
}

TEST(Transactions, SavepointOfTheSameNameHidesTheOlder) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .ok("SAVEPOINT a", "SAVEPOINT", 'T')
      .ok("DELETE FROM t", "DELETE 1", 'T')
      .ok("SAVEPOINT a", "SAVEPOINT", 'T')
      .ok("DELETE FROM u", "DELETE 1", 'T')
      .ok("ROLLBACK TO a", "ROLLBACK", 'T')
      .ok("RELEASE a", "RELEASE", 'T')
      .ok("ROLLBACK TO a", "ROLLBACK", 'T')
      .ok("COMMIT", "COMMIT", 'I')
      .records({"1: BEGIN",
                "1 ok BEGIN",
                "2: SAVEPOINT a",
                "2 ok SAVEPOINT",
                "3: DELETE FROM t",
                "3 ok DELETE 1, 1 rows",
                "4: SAVEPOINT a",
                "4 ok SAVEPOINT",
                "5: DELETE FROM u",
                "5 ok DELETE 1, 1 rows",
                "6: ROLLBACK TO a",
                "6 ok ROLLBACK",
                "[5] rolled_back to a",
                "7: RELEASE a",
                "7 ok RELEASE",
                "8: ROLLBACK TO a",
                "8 ok ROLLBACK",
                "[3,4,6,7] rolled_back to a",
                "9: COMMIT",
                "9 ok COMMIT",
                "[1,2,8,9] committed"});
}

TEST(Transactions, Chain) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .ok("COMMIT AND CHAIN", "COMMIT", 'T')
      .ok("DELETE FROM t", "DELETE 1", 'T')
      .ok("ROLLBACK AND CHAIN", "ROLLBACK", 'T')
      .ok("COMMIT", "COMMIT", 'I')
      .records({"1: BEGIN", "1 ok BEGIN", "2: COMMIT AND CHAIN", "2 ok COMMIT", "[1,2] committed",
                "3: DELETE FROM t", "3 ok DELETE 1, 1 rows", "4: ROLLBACK AND CHAIN", "4 ok ROLLBACK",
                "[3,4] rolled_back", "5: COMMIT", "5 ok COMMIT", "[5] committed"});
}

TEST(Transactions, CallThatFailsMayHaveCommitted) {
  Conversation()
      .ok("CALL p()", "CALL", 'I')
      .fails("CALL p()", "22012", 'I')
      .ok("BEGIN", "BEGIN", 'T')
      .fails("CALL p()", "2D000", 'E')
      .ok("ROLLBACK", "ROLLBACK", 'I')
      .records({"1: CALL p()", "1 ok CALL", "[1] committed", "2: CALL p()", "2 failed 22012", "[2] unknown",
                "3: BEGIN", "3 ok BEGIN", "4: CALL p()", "4 failed 2D000", "5: ROLLBACK", "5 ok ROLLBACK",
                "[3,4,5] rolled_back"});
}

TEST(Transactions, PreparedOnesEndUnknown) {
  Conversation()
      .ok("BEGIN", "BEGIN", 'T')
      .ok("PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION", 'I')
      .ok("COMMIT PREPARED 'x'", "COMMIT PREPARED", 'I')
      .records({"1: BEGIN", "1 ok BEGIN", "2: PREPARE TRANSACTION 'x'", "2 ok PREPARE TRANSACTION",
                "[1,2] unknown", "3: COMMIT PREPARED 'x'", "3 ok COMMIT PREPARED", "[3] committed"});
}

TEST(Transactions, BeginTakesInWhatIsBeforeItInTheString) {
  ScriptedPeer()
      .client(query("DELETE FROM t; BEGIN; DELETE FROM u"))
      .server(command_complete("DELETE 1") + command_complete("BEGIN") + command_complete("DELETE 1") +
              ready('T'))
      .client(query("ROLLBACK"))
      .server(command_complete("ROLLBACK") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: DELETE FROM t", "2: BEGIN", "3: DELETE FROM u", "1 ok DELETE 1, 1 rows",
                       "2 ok BEGIN", "3 ok DELETE 1, 1 rows", "4: ROLLBACK", "4 ok ROLLBACK",
                       "[1,2,3,4] rolled_back"})
      .run();
}

TEST(Transactions, ImplicitOneOfAPipelineWithAVacuumMayBeKept) {
  ScriptedPeer()
      .client(extended("VACUUM t") + extended("SELECT 1/0") + sync())
      .server(parse_complete() + bind_complete() + command_complete("VACUUM") + parse_complete() +
              bind_complete() + error("22012") + ready())
      .expect_server(same)
      .expect_client(same)
      .expect_records({"1: VACUUM t", "2: SELECT 1/0", "1 ok VACUUM", "2 failed 22012", "[1,2] unknown"})
      .run();
}

}  // namespace
}  // namespace chaperone::test
