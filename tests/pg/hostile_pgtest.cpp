// What an agent that knows the protocol tried to get past the rules, against a real server.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  loose:
    tables:
      account:
        read: {columns: [id, balance]}
        update: {columns: [balance], rows: "tenant = 2"}
  strict:
    tables:
      account:
        read: {columns: [id, balance], rows: "tenant = :tenant"}
        update: {columns: [balance], rows: "tenant = :tenant", max_rows: 2}
      entry:
        read: {columns: "*"}
    functions: [safe]
    limits: {rows: 5, bytes: 1KiB}
agents:
  tester:
    capabilities: [loose, strict]
    parameters: {tenant: 1}
)";

class Hostile : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres().run("DROP TABLE IF EXISTS account, entry, payroll CASCADE; DROP TYPE IF EXISTS feeling");
    postgres().run("CREATE TYPE feeling AS ENUM ('glad', 'sad')");
    postgres().run(
        "CREATE TABLE account (id int PRIMARY KEY, balance int, tenant int, pin text);"
        "INSERT INTO account SELECT i, i, i % 2, 'pin ' || i FROM generate_series(1, 20) i;"
        "CREATE TABLE entry (id int, note text, felt feeling);"
        "INSERT INTO entry SELECT i, 'note', 'glad' FROM generate_series(1, 9) i;"
        "CREATE TABLE payroll (salary int)");
    postgres().run(
        "CREATE OR REPLACE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.balance = 77 THEN RAISE WARNING 'the pin is %', OLD.pin; END IF; "
        "IF NEW.balance = 88 THEN RAISE EXCEPTION 'the pin is %', OLD.pin USING ERRCODE = 'check_violation'; "
        "END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER object BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION object()");
    proxy = new Chaperone({.server = postgres().address(),
                           .database = "shop",
                           .role = "tester",
                           .policy = std::string(kPolicy)});
  }
  static void TearDownTestSuite() {
    delete proxy;
    proxy = nullptr;
    postgres().run("DROP TABLE account, entry, payroll; DROP FUNCTION object(); DROP TYPE feeling");
  }

  void SetUp() override { client_ = std::make_unique<Client>(proxy->address()); }

  static std::string story(const Messages& messages) {
    std::string words;
    for (const auto& each : messages) {
      std::string word;
      if (each.type() == 'E' || each.type() == 'N') word = each.type() + each.field('C');
      if (each.type() == 'C') word = std::string(each.body().substr(0, each.body().size() - 1));
      if (each.type() == 'Z') word = "Z" + std::string(each.body());
      if (!word.empty()) words += (words.empty() ? "" : ", ") + word;
    }
    return words;
  }
  std::string told(std::string_view bytes) { return story(client_->exchange(bytes)); }
  static std::string balances() { return postgres().scalar("SELECT sum(balance) FROM account"); }

  static inline Chaperone* proxy = nullptr;
  std::unique_ptr<Client> client_;
};

const std::string kAllOfOne = "UPDATE account SET balance = 0 WHERE EXISTS (SELECT FROM entry)";

// The server's tables of names look at 63 bytes: two longer names are one statement there.
TEST_F(Hostile, NamesThatTheServerTakesForOneAreOne) {
  const std::string name(63, 'x');
  EXPECT_EQ(told(parse(name + "1", "SELECT 1") + close_statement(name + "2") + parse(name + "2", kAllOfOne) +
                 sync()),
            "ZI");
  EXPECT_EQ(told(bind_portal("", name + "1") + execute() + sync()), "E42501, ZI");
  EXPECT_EQ(
      told(query("BEGIN") + parse("", "SELECT 1") + bind_portal(name + "1", "") + close_portal(name + "2") +
           bind_portal(name + "2", name) + execute(name + "1") + sync() + query("COMMIT")),
      "BEGIN, ZT, E42501, ZE, ROLLBACK, ZI");
  EXPECT_EQ(balances(), "210");
}

// The whole string is another capability's than the PREPARE by itself would be.
TEST_F(Hostile, WhatAStringPreparesIsHeldToItsCapability) {
  const std::string update = "UPDATE account SET balance = 0";
  EXPECT_EQ(told(query(update)), "UPDATE 0, ZI") << "by itself it is of the first capability";
  EXPECT_EQ(told(query("PREPARE p AS " + update + "; SELECT 1 FROM entry LIMIT 1")), "PREPARE, SELECT 1, ZI");
  EXPECT_EQ(told(query("EXECUTE p")), "E42501, ZI");
  EXPECT_EQ(told(bind_portal("", "p") + execute() + sync()), "E42501, ZI");
  EXPECT_EQ(told(query("PREPARE q AS " + update + "; SELECT 1 FROM entry LIMIT 1; EXECUTE q")), "E42501, ZI");
  EXPECT_EQ(balances(), "210");
}

// A Bind of a name that PREPARE made runs what is prepared there, and not the PREPARE.
TEST_F(Hostile, WhatSqlPreparesIsHeldToItsBoundsWhereTheProtocolRunsIt) {
  EXPECT_EQ(told(query("PREPARE p AS " + kAllOfOne) + bind_portal("", "p") + execute() + sync()),
            "PREPARE, ZI, E42501, ZI");
  EXPECT_EQ(told(query("PREPARE r AS SELECT id FROM entry") + bind_portal("", "r") + execute() + sync()),
            "PREPARE, ZI, N01000, SELECT 5, ZI");
  // Nor does it prepare the name again, under which another text stands by then.
  EXPECT_EQ(told(query("DEALLOCATE p") + query("PREPARE p AS SELECT 1") + query("BEGIN") +
                 bind_portal("old", "p") + sync()),
            "DEALLOCATE, ZI, PREPARE, ZI, BEGIN, ZT, ZT");
  EXPECT_EQ(told(query("DEALLOCATE p") + query("PREPARE p AS " + kAllOfOne) + execute("old") + sync()),
            "DEALLOCATE, ZT, PREPARE, ZT, SELECT 1, ZT");
  EXPECT_EQ(told(bind_portal("", "p") + execute() + sync() + query("ROLLBACK")), "E42501, ZE, ROLLBACK, ZI");
  EXPECT_EQ(balances(), "210");
}

// A parameter of a row type would show the table's name and its columns.
TEST_F(Hostile, TypesOfParametersThatUsersMadeAreLeftOpen) {
  const auto run = [&](std::string_view sql, const std::string& type, std::string_view value) {
    const auto number =
        static_cast<std::uint32_t>(std::stoul(postgres().scalar("SELECT '" + type + "'::regtype::oid")));
    return client_->exchange(parse("", sql, {number}) + bind_portal("", "", {std::string(value)}) +
                             execute() + sync());
  };
  EXPECT_EQ(story(run("SELECT to_jsonb($1)", "payroll", "(1)")).substr(0, 3), "E42");
  EXPECT_EQ(story(run("SELECT ($1).salary", "payroll", "(1)")).substr(0, 3), "E42");
  EXPECT_EQ(story(run("SELECT id FROM entry WHERE felt = $1 LIMIT 1", "feeling", "glad")), "SELECT 1, ZI");
  for (const auto type : {"xml", "aclitem", "pg_class", "regclass"})
    EXPECT_EQ(story(run("SELECT $1 IS NULL", type, "x")), "E42501, ZI") << type;
  for (const auto type : {"text", "int8[]", "timestamptz", "jsonb"})
    EXPECT_EQ(story(run("SELECT $1 IS NULL OR true", type, "{}")).substr(0, 6) == "E42501", false) << type;
}

TEST_F(Hostile, RowsBehindTheCapAreNotFetchedByThemselves) {
  const std::string portal =
      query("BEGIN") + parse("", "SELECT id FROM entry") + bind_portal("p", "") + execute("p", 5) + sync();
  EXPECT_EQ(told(portal), "BEGIN, ZT, ZT");
  EXPECT_EQ(told(query("FETCH ALL FROM p") + query("ROLLBACK")), "E42501, ZE, ROLLBACK, ZI");
  EXPECT_EQ(told(query("BEGIN") + parse("", "SELECT id FROM entry LIMIT 3") + bind_portal("p", "") + sync() +
                 query("FETCH ALL FROM p") + query("COMMIT")),
            "BEGIN, ZT, ZT, FETCH 3, ZT, COMMIT, ZI");
}

// FETCH runs it, and what the EXECUTE names would be held to nothing.
TEST_F(Hostile, APortalOfAnExecuteIsNotFetched) {
  for (const std::string& what : {kAllOfOne + " RETURNING id", std::string("SELECT id FROM entry")}) {
    EXPECT_EQ(
        told(query("PREPARE p AS " + what) + query("BEGIN") + parse("", "EXECUTE p") + bind_portal("c", "") +
             sync() + query("FETCH ALL FROM c") + query("ROLLBACK") + query("DEALLOCATE p")),
        "PREPARE, ZI, BEGIN, ZT, ZT, E42501, ZE, ROLLBACK, ZI, DEALLOCATE, ZI")
        << what;
  }
  EXPECT_EQ(balances(), "210");
}

// The protocol can prepare what SQL cannot: an EXECUTE, and what changes names.
TEST_F(Hostile, OnlyQueriesAreExecutedByName) {
  EXPECT_EQ(
      told(query("PREPARE p AS " + kAllOfOne) + parse("run", "EXECUTE p") + sync() + query("EXECUTE run")),
      "PREPARE, ZI, ZI, E42501, ZI");
  EXPECT_EQ(told(query("DEALLOCATE p") + query("PREPARE p AS SELECT 1") + parse("drop", "DEALLOCATE p") +
                 parse("make", "PREPARE p AS " + kAllOfOne) + sync()),
            "DEALLOCATE, ZI, PREPARE, ZI, ZI");
  EXPECT_EQ(told(query("EXECUTE drop") + query("EXECUTE make") + query("EXECUTE p")),
            "E42501, ZI, E42501, ZI, SELECT 1, ZI");
  EXPECT_EQ(told(bind_portal("", "drop") + execute() + sync() + bind_portal("", "make") + execute() + sync() +
                 query("EXECUTE p")),
            "DEALLOCATE, ZI, PREPARE, ZI, E42501, ZI");
  EXPECT_EQ(balances(), "210");
}

TEST_F(Hostile, RowsOfACallThatIsWrittenAsAFieldAreCut) {
  EXPECT_EQ(told(query("SELECT (ARRAY(SELECT note FROM entry)).unnest")), "N01000, SELECT 5, ZI");
}

// The first cursor is gone with the savepoint, and what its name means is the second.
TEST_F(Hostile, ACursorThatIsDeclaredAgainIsTheNewOne) {
  const std::string wide = "SELECT repeat(note, 200) FROM entry";
  EXPECT_EQ(told(query("BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT id FROM account; ROLLBACK TO s; "
                       "DECLARE c CURSOR FOR " +
                       wide)),
            "BEGIN, SAVEPOINT, DECLARE CURSOR, ROLLBACK, DECLARE CURSOR, ZT");
  EXPECT_EQ(told(query("FETCH ALL FROM c") + query("COMMIT")), "N01000, FETCH 1, ZT, COMMIT, ZI");
}

TEST_F(Hostile, WhatATriggerRaisesTellsNothingOfTheRow) {
  const auto warned = client_->exchange(query("BEGIN; SELECT 1 FROM entry LIMIT 1; ROLLBACK") +
                                        query("UPDATE account SET balance = 77 WHERE id = 3 AND EXISTS "
                                              "(SELECT FROM entry)"));
  EXPECT_EQ(describe(warned).find("pin 3"), std::string::npos) << describe(warned);
  const auto raised =
      client_->exchange(query("UPDATE account SET balance = 88 WHERE id = 3 AND EXISTS (SELECT FROM entry)"));
  EXPECT_EQ(find(raised, 'E').field('C'), "23514") << describe(raised);
  EXPECT_EQ(find(raised, 'E').bytes.find("pin 3"), std::string::npos) << describe(raised);
  postgres().run("UPDATE account SET balance = id WHERE id = 3");
}

}  // namespace
}  // namespace chaperone::pg
