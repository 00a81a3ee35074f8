// An agent that is held back, against a real server: what is denied does not run, and everything else is as
// PostgreSQL has it (docs/architecture.md, the table of denials).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  ledger:
    tables:
      account:
        read: {columns: [id, owner, balance], rows: "tenant = :tenant", mask: {owner: redact}}
        insert: {columns: [id, owner, balance], set: {tenant: ":tenant"}}
        update: {columns: [balance, ref], rows: "tenant = :tenant", max_rows: 2}
      entry:
        read: {columns: "*"}
        insert: {columns: "*"}
        delete: {max_rows: 1}
    functions: [safe]
    statements: [copy_from]
    limits: {rows: 5, bytes: 64KiB, time: 20s}
agents:
  tester:
    capabilities: [ledger]
    parameters: {tenant: 1}
)";

/// A pgchaperone that holds `tester` back over tables of its own.
class Enforce : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres().run("DROP TABLE IF EXISTS account, entry, secret, parent CASCADE");
    postgres().run(
        "CREATE TABLE account (id int PRIMARY KEY, owner text NOT NULL, balance int CHECK (balance < 1000), "
        "tenant int, pin text DEFAULT 'hunter2')");
    postgres().run("CREATE TABLE entry (id int, note text)");
    postgres().run("CREATE TABLE secret (id int)");
    postgres().run(
        "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);"
        "ALTER TABLE account ADD ref int DEFAULT 1 REFERENCES parent DEFERRABLE INITIALLY DEFERRED");
    postgres().run(
        "INSERT INTO account SELECT i, 'owner ' || i, i, i % 2, 'pin ' || i FROM generate_series(1, 20) i");
    proxy = new Chaperone({.server = postgres().address(),
                           .database = "shop",
                           .role = "tester",
                           .policy = std::string(kPolicy)});
  }
  static void TearDownTestSuite() {
    delete proxy;
    proxy = nullptr;
    postgres().run("DROP TABLE account, entry, secret, parent");
  }

  void SetUp() override {
    postgres().run("TRUNCATE entry");
    client_ = std::make_unique<Client>(proxy->address());
  }

  Client& client() { return *client_; }
  std::string entries() { return postgres().scalar("SELECT count(*) FROM entry"); }
  /// SQLSTATEs, tags and transaction states of an exchange: "E42501 ZI".
  static std::string story(const Messages& messages) {
    std::string words;
    for (const auto& each : messages) {
      std::string word;
      if (each.type() == 'E') word = "E" + each.field('C');
      if (each.type() == 'N') word = "N" + each.field('C');
      if (each.type() == 'C') word = std::string(each.body().substr(0, each.body().size() - 1));
      if (each.type() == 'Z') word = "Z" + std::string(each.body());
      if (!word.empty()) words += (words.empty() ? "" : ", ") + word;
    }
    return words;
  }
  std::string told(std::string_view bytes) { return story(client().exchange(bytes)); }

  static inline Chaperone* proxy = nullptr;
  std::unique_ptr<Client> client_;
};

constexpr std::string_view kDenied = "SELECT * FROM secret";
const std::string kInsert = "INSERT INTO entry VALUES (1, 'x')";

TEST_F(Enforce, DeniedSimpleQueryReadsAsAnErrorOfPostgreSQL) {
  const auto answer = client().exchange(query("SELECT 'é', id FROM secret"));
  EXPECT_EQ(story(answer), "E42501, ZI");
  const auto& error = find(answer, 'E');
  EXPECT_EQ(error.field('M').substr(0, 30), "pgchaperone: tester may not re") << error.field('M');
  EXPECT_EQ(error.field('P'), "21") << "characters, not bytes";
  EXPECT_EQ(error.field('t'), "secret");
  EXPECT_EQ(error.field('n'), "tables.secret");
}

TEST_F(Enforce, ErrorsOfTheServerPointIntoTheClientsText) {
  const auto answer = client().exchange(query("SELECT 'é', id, lower(owner) / 2 FROM account"));
  const auto& error = find(answer, 'E');
  EXPECT_EQ(error.field('C'), "42883") << describe(answer);
  EXPECT_EQ(error.field('P'), "30") << error.field('M');
  const auto syntax = client().exchange(query("SELECT 1 FORM secret"));
  EXPECT_EQ(find(syntax, 'E').field('C'), "42601");
  EXPECT_EQ(find(syntax, 'E').field('P'), "15") << find(syntax, 'E').field('M');
}

TEST_F(Enforce, AStringOfStatementsIsOneVerdict) {
  EXPECT_EQ(told(query(kInsert + "; " + std::string(kDenied))), "E42501, ZI");
  EXPECT_EQ(told(query("COMMIT; DROP TABLE entry")), "E42501, ZI");
  EXPECT_EQ(entries(), "0");
}

TEST_F(Enforce, DenialInAPipelineRollsBackWhatIsBeforeIt) {
  EXPECT_EQ(told(extended(kInsert) + extended(kDenied) + extended(kInsert) + sync()),
            "INSERT 0 1, E42501, ZI");
  EXPECT_EQ(entries(), "0");
  EXPECT_EQ(told(extended(kInsert) + sync()), "INSERT 0 1, ZI") << "the session goes on";
  EXPECT_EQ(entries(), "1");
}

TEST_F(Enforce, DenialInATransactionFailsIt) {
  EXPECT_EQ(told(query("BEGIN") + query(kInsert) + query(kDenied) + query(kInsert) + query("COMMIT")),
            "BEGIN, ZT, INSERT 0 1, ZT, E42501, ZE, E25P02, ZE, ROLLBACK, ZI");
  EXPECT_EQ(entries(), "0");
}

TEST_F(Enforce, DenialInAFailedTransactionIsPostgreSQLsOwnError) {
  EXPECT_EQ(told(query("BEGIN") + query("SELECT 1/0") + query(kDenied)), "BEGIN, ZT, E22012, ZE, E25P02, ZE");
  EXPECT_EQ(told(extended(kDenied) + sync() + query("SELECT 1 FORM x") + query("ROLLBACK")),
            "E25P02, ZE, E42601, ZE, ROLLBACK, ZI");
}

TEST_F(Enforce, SavepointsRecoverFromDenials) {
  EXPECT_EQ(told(query("BEGIN") + query("SAVEPOINT a") + query(kDenied) + query("ROLLBACK TO a") +
                 query(kInsert) + query("COMMIT")),
            "BEGIN, ZT, SAVEPOINT, ZT, E42501, ZE, ROLLBACK, ZT, INSERT 0 1, ZT, COMMIT, ZI");
  EXPECT_EQ(entries(), "1");
}

TEST_F(Enforce, DeniedParseLeavesAnOlderStatementOfThatNameUsable) {
  EXPECT_EQ(told(parse("s", "SELECT 7") + sync()), "ZI");
  EXPECT_EQ(told(parse("s", kDenied) + sync()), "E42501, ZI");
  EXPECT_EQ(told(bind_portal("", "s") + execute() + sync()), "SELECT 1, ZI");
}

TEST_F(Enforce, DeniedUnnamedParseDropsTheUnnamedStatement) {
  EXPECT_EQ(told(parse("", "SELECT 7") + sync() + parse("", kDenied) + sync()), "ZI, E42501, ZI");
  EXPECT_EQ(told(bind_portal("", "") + execute() + sync()), "E26000, ZI");
}

TEST_F(Enforce, CommittedBeforeTheDenialStays) {
  EXPECT_EQ(told(extended("BEGIN") + extended(kInsert) + extended("COMMIT") + extended(kDenied) + sync()),
            "BEGIN, INSERT 0 1, COMMIT, E42501, ZI");
  EXPECT_EQ(entries(), "1");
}

TEST_F(Enforce, UnknownNamesAreNotForwarded) {
  EXPECT_EQ(told(extended(kInsert) + execute("nobody") + sync()), "INSERT 0 1, E34000, ZI");
  EXPECT_EQ(told(bind_portal("", "nobody") + sync()), "E26000, ZI");
  EXPECT_EQ(told(describe_statement("nobody") + sync()), "E26000, ZI");
  EXPECT_EQ(told(describe_portal("nobody") + sync()), "E34000, ZI");
  EXPECT_EQ(told(query("EXECUTE nobody") + query("FETCH ALL FROM nobody")), "E26000, ZI, E34000, ZI");
  EXPECT_EQ(entries(), "0");
}

TEST_F(Enforce, NamesAreFollowedAcrossSqlAndProtocol) {
  EXPECT_EQ(told(query("PREPARE p AS SELECT id FROM account WHERE id = $1")), "PREPARE, ZI");
  EXPECT_EQ(told(bind_portal("", "p", {"3"}) + execute() + sync()), "SELECT 1, ZI");
  EXPECT_EQ(told(parse("q", kInsert) + sync() + query("EXECUTE q")), "ZI, INSERT 0 1, ZI");
  EXPECT_EQ(told(query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM account")), "BEGIN, DECLARE CURSOR, ZT");
  EXPECT_EQ(told(execute("c") + sync() + query("COMMIT")), "SELECT 5, ZT, COMMIT, ZI");
  EXPECT_EQ(told(query("PREPARE r AS SELECT id FROM account; EXECUTE r; DEALLOCATE r")),
            "PREPARE, N01000, SELECT 5, DEALLOCATE, ZI");
  // In one pipeline: the name is known when the PREPARE has its answer.
  EXPECT_EQ(told(query("PREPARE t AS SELECT 1") + bind_portal("", "t") + execute() + sync()),
            "PREPARE, ZI, SELECT 1, ZI");
  // However many names are made there.
  EXPECT_EQ(told(query("PREPARE u AS SELECT 1") + query("PREPARE v AS SELECT 2") + query("EXECUTE u") +
                 bind_portal("", "v") + execute() + sync()),
            "PREPARE, ZI, PREPARE, ZI, SELECT 1, ZI, SELECT 1, ZI");
  EXPECT_EQ(
      told(query("PREPARE w AS SELECT 1") + query("DEALLOCATE w") + query("PREPARE w AS SELECT 2, 3") +
           query("EXECUTE w") + query("PREPARE x AS SELECT 1") + query("DEALLOCATE ALL") +
           query("EXECUTE x")),
      "PREPARE, ZI, DEALLOCATE, ZI, PREPARE, ZI, SELECT 1, ZI, PREPARE, ZI, DEALLOCATE ALL, ZI, E26000, ZI");
}

TEST_F(Enforce, ATextUnderANameIsTheOneThatWasDecided) {
  EXPECT_EQ(told(query("PREPARE p AS SELECT pin FROM account")), "E42501, ZI");
  EXPECT_EQ(told(query("EXECUTE p")), "E26000, ZI");
  EXPECT_EQ(told(query("SELECT 1; PREPARE p AS SELECT 2; EXECUTE p; EXECUTE o")), "E26000, ZI");
  EXPECT_EQ(told(query("PREPARE p AS SELECT 3") + query("DEALLOCATE ALL; EXECUTE p")),
            "PREPARE, ZI, E26000, ZI");
}

// The input of regclass looks names up: a guess would be answered by its error.
TEST_F(Enforce, ParametersThatLookUpNamesAreRefused) {
  for (const std::uint32_t type : {2205U, 2210U, 24U, 2206U, 4089U}) {
    EXPECT_EQ(
        told(parse("", "SELECT $1 IS NULL", {type}) + bind_portal("", "", {"secret"}) + execute() + sync()),
        "E42501, ZI")
        << type;
  }
  EXPECT_EQ(
      told(parse("", "SELECT $1 IS NULL", {25U}) + bind_portal("", "", {"secret"}) + execute() + sync()),
      "SELECT 1, ZI");
  EXPECT_EQ(told(query("PREPARE lookup (regclass) AS SELECT $1 IS NULL")), "E42501, ZI");
}

TEST_F(Enforce, FunctionCallIsRefusedAndTheSessionLives) {
  EXPECT_EQ(told(function_call(870, {"ABC"}) + query("SELECT 1")), "E42501, ZI, SELECT 1, ZI");
  EXPECT_EQ(told(query("BEGIN") + function_call(870, {"ABC"}) + query("COMMIT")),
            "BEGIN, ZT, E42501, ZE, ROLLBACK, ZI");
}

TEST_F(Enforce, RowsOverTheCapAreCutWithAWarning) {
  const auto simple = client().exchange(query("SELECT id FROM account ORDER BY id"));
  EXPECT_EQ(count(simple, 'D'), 5U);
  EXPECT_EQ(story(simple), "N01000, SELECT 5, ZI");
  const auto parts = client().exchange(parse("", "SELECT id FROM account ORDER BY id") + bind_portal("", "") +
                                       execute("", 3) + execute("", 3) + execute("", 3) + sync());
  EXPECT_EQ(count(parts, 'D'), 5U) << describe(parts);
  EXPECT_EQ(story(parts), "N01000, SELECT 0, ZI");
  EXPECT_EQ(told(query("SELECT id FROM account ORDER BY id LIMIT 5")), "SELECT 5, ZI");
  EXPECT_EQ(told(query("SELECT 1; SELECT id FROM account; SELECT 2")),
            "SELECT 1, N01000, SELECT 5, SELECT 1, ZI");
}

TEST_F(Enforce, CopyOutIsCutLikeRows) {
  for (const std::string_view options : {"", "WITH (FORMAT csv, HEADER)", "WITH (FORMAT binary)"}) {
    const auto answer =
        client().exchange(query(fmt::format("COPY (SELECT id FROM account) TO STDOUT {}", options)));
    EXPECT_EQ(story(answer), "N01000, COPY 5, ZI") << options;
    const std::size_t more = options.empty() ? 0 : 1;  // a header, or the trailer
    EXPECT_EQ(count(answer, 'd'), 5U + more) << options;
  }
}

TEST_F(Enforce, BytesOverTheCapAreCut) {
  const auto answer = client().exchange(query("SELECT repeat('x', 10000) FROM generate_series(1, 10)"));
  EXPECT_EQ(count(answer, 'D'), 5U) << story(answer);
  const auto long_rows = client().exchange(query("SELECT repeat(note, 10000) FROM entry"));
  EXPECT_EQ(story(long_rows), "SELECT 0, ZI");
}

TEST_F(Enforce, WritesOverTheirCapAreUndone) {
  EXPECT_EQ(told(query("UPDATE account SET balance = balance + 1")), "E42501, ZI");
  EXPECT_EQ(told(query("UPDATE account SET balance = balance + 1 WHERE id IN (1, 3)")), "UPDATE 2, ZI");
  EXPECT_EQ(told(extended("UPDATE account SET balance = 0") + extended(kInsert) + sync()), "E42501, ZI");
  EXPECT_EQ(entries(), "0") << "what stands behind it in the pipeline is skipped";
  EXPECT_EQ(told(query("BEGIN") + query(kInsert) + query("UPDATE account SET balance = 0") + query("COMMIT")),
            "BEGIN, ZT, INSERT 0 1, ZT, E42501, ZE, ROLLBACK, ZI");
  EXPECT_EQ(entries(), "0");
  EXPECT_EQ(postgres().scalar("SELECT sum(balance) FROM account"), "212");
  postgres().run("UPDATE account SET balance = id");
}

TEST_F(Enforce, WritesCantSlipPastTheirCount) {
  // A part of the rows, then the end: PostgreSQL has changed all of them.
  EXPECT_EQ(told(parse("", "UPDATE account SET balance = 0 RETURNING id") + bind_portal("", "") +
                 execute("", 1) + sync()),
            "E42501, ZI");
  EXPECT_EQ(told(query("WITH w AS (UPDATE account SET balance = 0 RETURNING id) SELECT 1")), "E42501, ZI");
  EXPECT_EQ(told(query("EXPLAIN ANALYZE UPDATE account SET balance = 0")), "E42501, ZI");
  EXPECT_EQ(told(query("PREPARE w AS UPDATE account SET balance = 0") + query("EXECUTE w")),
            "PREPARE, ZI, E42501, ZI");
  EXPECT_EQ(told(query("SELECT 1; UPDATE account SET balance = 0")), "E42501, ZI");
  EXPECT_EQ(told(query("DO $$ BEGIN UPDATE account SET balance = 0; END $$")), "E42501, ZI");
  EXPECT_EQ(postgres().scalar("SELECT sum(balance) FROM account"), "210");
}

// FETCH runs a portal that nobody has executed, and its tag counts what it gives.
TEST_F(Enforce, WritesAreNotFetched) {
  EXPECT_EQ(told(query("BEGIN") + parse("w", "UPDATE account SET balance = 0 RETURNING id") +
                 bind_portal("p", "w") + sync()),
            "BEGIN, ZT, ZT");
  EXPECT_EQ(told(query("FETCH 1 FROM p") + query("COMMIT")), "E42501, ZE, ROLLBACK, ZI");
  EXPECT_EQ(told(query("BEGIN") + parse("v", "UPDATE account SET balance = 0 RETURNING id") +
                 bind_portal("p", "v") + extended("MOVE 0 FROM p") + sync() + query("COMMIT")),
            "BEGIN, ZT, E42501, ZE, ROLLBACK, ZI");
  EXPECT_EQ(postgres().scalar("SELECT sum(balance) FROM account"), "210");
}

// What an earlier segment of the pipeline makes of a name is not known before its answer: it may be skipped,
// and the name stands for what it stood for.
TEST_F(Enforce, NamesOfSegmentsThatFailStandForWhatTheyStoodFor) {
  const std::string write = "UPDATE account SET balance = 0", read = "SELECT 1";
  const auto run = bind_portal("", "s") + execute() + sync();
  EXPECT_EQ(told(parse("s", write) + sync()), "ZI");
  EXPECT_EQ(told(parse("s", read) + sync() + run), "E42P05, ZI, E42501, ZI");
  EXPECT_EQ(told(extended("SELECT 1/0") + close_statement("s") + parse("s", read) + sync() + run),
            "E22012, ZI, E42501, ZI");
  EXPECT_EQ(
      told(extended("SELECT 1/0") + close_statement("s") + parse("s", read) + sync() + query("EXECUTE s")),
      "E22012, ZI, E42501, ZI");
  EXPECT_EQ(told(parse("", write) + sync()), "ZI");
  EXPECT_EQ(told(parse("x", "SELECT 1/0") + bind_portal("", "x") + execute() + parse("", read) + sync() +
                 bind_portal("", "") + execute() + sync()),
            "E22012, ZI, E42501, ZI");
  // The same of a portal, which a savepoint outlives.
  EXPECT_EQ(told(query("BEGIN") + bind_portal("q", "s") + sync() + query("SAVEPOINT a")),
            "BEGIN, ZT, ZT, SAVEPOINT, ZT");
  EXPECT_EQ(told(parse("r", "ROLLBACK TO a") + parse("t", read) + sync()), "ZT");
  EXPECT_EQ(told(bind_portal("z", "x") + execute("z") + close_portal("q") + bind_portal("q", "t") + sync() +
                 bind_portal("b", "r") + execute("b") + sync() + execute("q") + sync() + query("COMMIT")),
            "E22012, ZE, ROLLBACK, ZT, E34000, ZE, ROLLBACK, ZI");
  EXPECT_EQ(postgres().scalar("SELECT sum(balance) FROM account"), "210");
  // Without a failure the new text runs.
  EXPECT_EQ(told(close_statement("s") + parse("s", read) + sync() + run), "ZI, SELECT 1, ZI");
}

// A pipeline has more than one transaction under way: the end of one says nothing of the write in the next.
TEST_F(Enforce, ErrorsAtTheEndOfATransactionTellNothingOfItsWrites) {
  const std::string write = "UPDATE account SET ref = 99 WHERE id = 3";
  for (const auto& pipeline :
       {extended(write) + sync(), extended("SELECT 1") + sync() + extended(write) + sync(),
        query("SELECT 1") + query("BEGIN") + query(write) + query("COMMIT")}) {
    const auto answer = client().exchange(pipeline);
    const auto& error = find(answer, 'E');
    EXPECT_EQ(error.field('C'), "23503") << describe(answer);
    EXPECT_EQ(error.field('D'), "detail withheld by pgchaperone") << story(answer);
  }
}

TEST_F(Enforce, ErrorsOfNarrowedWritesTellNothingOfTheRow) {
  const auto answer = client().exchange(query("UPDATE account SET balance = 5000 WHERE id = 3"));
  const auto& error = find(answer, 'E');
  EXPECT_EQ(error.field('C'), "23514") << describe(answer);
  EXPECT_EQ(error.bytes.find("owner 3"), std::string::npos) << error.field('D');
  EXPECT_EQ(error.field('D'), "detail withheld by pgchaperone");
  const auto insert = client().exchange(query("INSERT INTO account (id, balance) VALUES (50, 1)"));
  EXPECT_EQ(find(insert, 'E').field('C'), "23502") << describe(insert);
  EXPECT_EQ(find(insert, 'E').bytes.find("hunter2"), std::string::npos);
  client().close();
  const auto session = proxy->session(client().pid());
  bool kept = false;
  for (const auto& record : of_kind(session, "outcome")) {
    kept = kept ||
           (record.contains("withheld") && text(record, "withheld").find("owner 3") != std::string::npos);
  }
  EXPECT_TRUE(kept) << "the record has what the client did not get";
}

TEST_F(Enforce, ACursorThatIsCutSaysSo) {
  postgres().run("INSERT INTO entry SELECT i, 'x' FROM generate_series(1, 9) i");
  const std::string declare = "BEGIN; DECLARE c CURSOR FOR SELECT id FROM entry";
  EXPECT_EQ(told(query(declare) + query("FETCH 3 FROM c") + query("FETCH 3 FROM c") +
                 query("FETCH 3 FROM c") + query("COMMIT")),
            "BEGIN, DECLARE CURSOR, ZT, FETCH 3, ZT, N01000, FETCH 2, ZT, FETCH 0, ZT, COMMIT, ZI");
  const auto answer =
      client().exchange(query(declare) + extended("FETCH ALL FROM c") + sync() + query("COMMIT"));
  EXPECT_EQ(story(answer), "BEGIN, DECLARE CURSOR, ZT, N01000, FETCH 5, ZT, COMMIT, ZI");
  EXPECT_EQ(find(answer, 'N').field('M'),
            "pgchaperone: the cursor ends after 5 rows; its query may have more");
  EXPECT_EQ(find(answer, 'N').field('D'), "capability ledger, rule limits");
  EXPECT_EQ(told(query(declare + " LIMIT 4; FETCH ALL FROM c") + query("COMMIT")),
            "BEGIN, DECLARE CURSOR, FETCH 4, ZT, COMMIT, ZI")
      << "one that is short enough";
  EXPECT_EQ(told(query(declare + "; MOVE 4 FROM c; FETCH ALL FROM c; COMMIT")),
            "BEGIN, DECLARE CURSOR, MOVE 4, N01000, FETCH 1, COMMIT, ZI");
}

TEST_F(Enforce, APortalThatIsReadInPartsSaysWhereItIsCut) {
  postgres().run("INSERT INTO entry SELECT i, 'x' FROM generate_series(1, 9) i");
  const auto read = [&](int rows) { return execute("p", rows) + flush(); };
  client().send(query("BEGIN") + parse("", "SELECT id FROM entry") + bind_portal("p", "") + read(3));
  EXPECT_EQ(count(client().read_until("Zs"), 'D'), 3U);
  EXPECT_EQ(count(client().exchange(read(3), "s"), 'D'), 2U);
  EXPECT_EQ(story(client().exchange(read(3), "C")), "N01000, SELECT 0");
  EXPECT_EQ(story(client().exchange(sync() + query("COMMIT"))), "ZT, COMMIT, ZI");
  // As many rows as there may be: whether there are more shows behind them.
  client().send(query("BEGIN") + parse("", "SELECT id FROM entry") + bind_portal("p", "") + read(5));
  EXPECT_EQ(count(client().read_until("Zs"), 'D'), 5U);
  EXPECT_EQ(story(client().exchange(read(5), "C")), "N01000, SELECT 0");
  EXPECT_EQ(story(client().exchange(sync() + query("COMMIT"))), "ZT, COMMIT, ZI");
}

TEST_F(Enforce, StatementsAreRecordedWithTheirVerdict) {
  client().exchange(query("SELECT id FROM account WHERE id = 1") + query(kDenied) +
                    query("ALTER ROLE tester PASSWORD 'hunter2'") + parse("", "SELECT $1::int") +
                    bind_portal("", "", {"42"}) + execute() + sync());
  client().close();
  const auto session = of_kind(proxy->session(client().pid()), "statement");
  ASSERT_EQ(session.size(), 4U);
  EXPECT_EQ(text(session[0], "verdict"), "allow");
  EXPECT_EQ(text(session[0], "capability"), "ledger");
  EXPECT_NE(text(session[0], "sent").find("tenant"), std::string::npos) << text(session[0], "sent");
  EXPECT_EQ(text(session[0], "policy").substr(0, 7), "sha256:");
  EXPECT_TRUE(session[0].at("enforced").as_bool());
  EXPECT_EQ(text(session[1], "verdict"), "deny");
  EXPECT_EQ(text(session[1], "rule"), "tables.secret");
  EXPECT_EQ(text(session[2], "verdict"), "deny");
  EXPECT_EQ(text(session[2], "sql").find("hunter2"), std::string::npos) << text(session[2], "sql");
  EXPECT_EQ(text(session[3], "sql"), "SELECT $1::int");
  EXPECT_EQ(session[3].at("values").as_array().size(), 1U);
}

// What the record says is what current_setting() says.
TEST_F(Enforce, TheDeclaredTaskIsRecordedAsItIsInForce) {
  constexpr std::string_view kShow = "SELECT current_setting('chaperone.declared_task', true)";
  const std::string_view steps[] = {
      "SET chaperone.declared_task = 'one'",
      "BEGIN",
      "SET LOCAL chaperone.declared_task = 'two'",
      "SAVEPOINT s",
      "SELECT set_config('chaperone.declared_task', 'three', false)",
      "ROLLBACK TO s",
      "COMMIT",
      "SET LOCAL chaperone.declared_task = 'nowhere'",
      "BEGIN; SET chaperone.declared_task = 'four'; ROLLBACK",
      "PREPARE p AS SELECT set_config('chaperone.declared_task', 'five', false)",
      "EXECUTE p",
      "RESET ALL"};
  std::vector<std::string> shown;
  for (const auto step : steps) {
    const auto answer = client().exchange(query(step));
    ASSERT_TRUE(std::ranges::none_of(answer, [](const auto& each) { return each.type() == 'E'; }))
        << step << ": " << describe(answer);
    shown.push_back(client().scalar(kShow));
  }
  EXPECT_EQ(shown[2], "two");
  EXPECT_EQ(shown[10], "five");
  client().close();
  std::vector<std::string> recorded;
  for (const auto& record : of_kind(proxy->session(client().pid()), "statement")) {
    if (text(record, "sql") != kShow) continue;
    const auto& task = record.at("declared_task");
    recorded.emplace_back(task.is_null() ? "" : task.as_string().c_str());
  }
  EXPECT_EQ(recorded, shown);
}

TEST_F(Enforce, StatementsSayWhoAsksForThem) {
  EXPECT_EQ(client().scalar("SELECT current_setting('chaperone.agent')"), "tester");
  client().exchange(query("SELECT 'who asks'"));
  const auto seen = postgres().scalar(fmt::format(
      "SELECT query || ' -- ' || application_name FROM pg_stat_activity WHERE pid = {}", client().pid()));
  EXPECT_EQ(seen, "/*agent='tester'*/ SELECT 'who asks' -- tester");
}

TEST_F(Enforce, TheAgentsNameStaysInFrontOfWhatItCallsItself) {
  const auto name = [&] {
    return postgres().scalar(
        fmt::format("SELECT application_name FROM pg_stat_activity WHERE pid = {}", client().pid()));
  };
  const auto after = [&](std::string_view sql) {
    const auto answer = client().exchange(query(sql));
    EXPECT_EQ(count(answer, 'E'), 0U) << sql << ": " << describe(answer);
    return name();
  };
  EXPECT_EQ(after("SET application_name = 'it''s \\me'"), "tester it's \\me");
  EXPECT_EQ(after("SET SESSION Application_Name TO plain"), "tester plain");
  EXPECT_EQ(after("set application_name to $$other/TICKET-1$$"), "tester other/TICKET-1");
  EXPECT_EQ(after("SELECT set_config('application_name', 'by call', false)"), "tester by call");
  EXPECT_EQ(after("SELECT pg_catalog.set_config('APPLICATION_NAME', 'a' || 'b', false), 1 / 1"), "tester ab");
  EXPECT_EQ(after("SET application_name = 'tester psql'"), "tester psql") << "what SHOW shows, given back";
  EXPECT_EQ(after("BEGIN; SET LOCAL application_name = 'inside'"), "tester inside");
  EXPECT_EQ(after("ROLLBACK"), "tester psql");
  EXPECT_EQ(after("RESET application_name"), "tester");
  client().exchange(parse("", "SELECT set_config('application_name', $1, false)") +
                    bind_portal("", "", {"bound"}) + execute() + sync());
  EXPECT_EQ(name(), "tester bound");
  EXPECT_EQ(after("PREPARE p AS SELECT set_config('application_name', $1, false); EXECUTE p('named')"),
            "tester named");
  EXPECT_EQ(after("SELECT set_config('application_name', NULL, false)"), "tester") << "NULL resets";
  const auto error = client().exchange(query("SET application_name = 'x'; SELECT 'é' FROM no_such"));
  EXPECT_EQ(find(error, 'E').field('P'), "45") << describe(error);
}

// The meaning of a literal would change between our reading and the server's.
TEST_F(Enforce, PinnedSettingsStay) {
  EXPECT_EQ(
      told(parse("", "select set_config('standard_conforming_strings','off',false)") + bind_portal("", "") +
           execute() + parse("", R"(select 'a\', ' union select version() --' as x)") + bind_portal("", "") +
           execute() + sync()),
      "E42501, ZI");
  for (const std::string_view sql :
       {"SET standard_conforming_strings = off", "SET search_path = pg_temp",
        "SET client_encoding = 'LATIN1'", "SET chaperone.actor = 'root'", "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres", "SET statement_timeout = 0", "SET row_security = off"}) {
    EXPECT_EQ(told(query(sql)), "E42501, ZI") << sql;
  }
  EXPECT_EQ(told(query("DISCARD ALL") + query("RESET ALL") + query("SET TimeZone = 'UTC'") +
                 query("SET extra_float_digits = 3")),
            "DISCARD ALL, ZI, RESET, ZI, SET, ZI, SET, ZI");
  EXPECT_EQ(client().scalar("SELECT current_setting('chaperone.agent')"), "tester");
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"options", "-c standard_conforming_strings=off"},
                                                        {"options", "-c\\ role=postgres"},
                                                        {"client_encoding", "SJIS"},
                                                        {"chaperone.agent", "root"},
                                                        {"role", "postgres"}}) {
    EXPECT_EQ(refusal(proxy->address(), {.parameters = {{name, value}}}).field('C'), "28000")
        << name << "=" << value;
  }
  Client fine(proxy->address(), {.parameters = {{"options", "-c DateStyle=ISO"},
                                                {"client_encoding", "utf-8"},
                                                {"extra_float_digits", "2"},
                                                {"application_name", "mine"}}});
  EXPECT_EQ(fine.scalar("SELECT current_setting('application_name')"), "tester mine");
}

TEST_F(Enforce, BadTextIsRefusedAndTheSessionLives) {
  EXPECT_EQ(told(query("SELECT '\xff'")), "E22021, ZI");
  EXPECT_EQ(told(query("SELECT " + std::string(2U << 20, '1'))), "E54000, ZI");
  EXPECT_EQ(told(parse("", "SELECT " + std::string(2U << 20, '1')) + sync()), "E54000, ZI");
  EXPECT_EQ(told(query("SELECT 1")), "SELECT 1, ZI");
  EXPECT_EQ(told(query("")), "ZI");
}

TEST_F(Enforce, CopyInOfWhatIsAllowed) {
  client().send(query("COPY entry (id, note) FROM STDIN"));
  client().read_until("G");
  EXPECT_EQ(told(copy_data("1\ta\n") + copy_data("2\tb\n") + copy_done() + query("SELECT 1")), "COPY 2, ZI");
  client().read_until("Z");
  EXPECT_EQ(entries(), "2");
  EXPECT_EQ(told(query("COPY secret FROM STDIN")), "E42501, ZI");
  EXPECT_EQ(told(query("COPY entry FROM PROGRAM 'id'")), "E42501, ZI");
  EXPECT_EQ(told(query("COPY entry TO '/tmp/x'")), "E42501, ZI");
}

}  // namespace
}  // namespace chaperone::pg
