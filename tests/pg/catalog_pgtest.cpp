#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "proxy/net/catalog_reader.hpp"
#include "proxy/net/control_connection.hpp"
#include "rules/catalog/catalog.hpp"
#include "tests/pg/servers.hpp"

// The catalog of a live database, of a dump of it and of the DDL that made it are one and the same.

namespace chaperone::pg {
namespace {

constexpr std::chrono::seconds kTimeout(20);

std::string live(const std::string& database) {
  auto connection = net::ControlConnection::open({.server = postgres().address(),
                                                  .database = database,
                                                  .role = Login{}.user,
                                                  .password = Login{}.password,
                                                  .parameters = {}},
                                                 kTimeout);
  if (!connection) throw std::runtime_error(connection.error().message);
  const auto catalog = net::read_catalog(*connection, kTimeout);
  if (!catalog) throw std::runtime_error(catalog.error().message);
  return rules::write_catalog(**catalog);
}

/// The snapshot of DDL; its notes on the way.
std::string from_sql(std::string_view sql, std::vector<std::string>& notes) {
  rules::Problems problems;
  const auto catalog = rules::load_catalog_sql(sql, "schema.sql", problems, &notes);
  EXPECT_TRUE(problems.empty()) << problems.text();
  return rules::write_catalog(*catalog);
}

std::string dump(const std::string& database) {
  const TemporaryDirectory directory;
  const auto file = directory.path("dump.sql");
  Process process({"/usr/bin/env", "PGPASSWORD=" + Login{}.password, "/usr/lib/postgresql/15/bin/pg_dump",
                   "--schema-only", "-h", postgres().address().host, "-p",
                   std::to_string(postgres().address().port), "-U", Login{}.user, database},
                  {.log = file});
  if (!process.wait(std::chrono::seconds(60)) || process.status() != 0) {
    throw std::runtime_error("pg_dump: " + read_file(file));
  }
  return read_file(file);
}

/// Lines that only one of two snapshots has. The head's server version is only in a live one and in a dump.
std::string differences(const std::string& ours, const std::string& theirs) {
  const auto lines = [](const std::string& text) {
    std::set<std::string> out;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      if (line.starts_with("{\"catalog\"")) line.erase(12, line.find("\"search_path\"") - 12);
      out.insert(line);
    }
    return out;
  };
  const auto a = lines(ours);
  const auto b = lines(theirs);
  std::string out;
  for (const std::string& line : a) {
    if (!b.contains(line)) out += "ours:   " + line + '\n';
  }
  for (const std::string& line : b) {
    if (!a.contains(line)) out += "server: " + line + '\n';
  }
  return out;
}

void compare(const std::string& database, const std::string& file) {
  postgres().run("DROP DATABASE IF EXISTS " + database);
  postgres().run("CREATE DATABASE " + database);
  const std::string sql = read_file(file);
  ASSERT_FALSE(sql.empty()) << file;
  {
    Client client(postgres().address(), {.database = database});
    client.run(sql);
  }
  const std::string server = live(database);
  std::vector<std::string> notes;
  EXPECT_EQ(differences(from_sql(sql, notes), server), "") << "the DDL as written";
  EXPECT_EQ(differences(from_sql(dump(database), notes), server), "") << "its dump";
  std::string all;
  for (const std::string& note : notes) {
    if (note.find("is psql's") == std::string::npos) all += note + '\n';
  }
  EXPECT_EQ(all, "");
}

TEST(CatalogOfAServer, EqualsItsDdlAndItsDump) {
  compare("catalog_rich", SOURCE_DIR "/tests/rules/schemas/rich.sql");
}

TEST(CatalogOfAServer, TheShopOfTheQuickstart) {
  compare("catalog_shop", SOURCE_DIR "/examples/quickstart/shop.sql");
}

/// Objects of a user that would take part if our questions left a name open.
TEST(CatalogOfAServer, CannotBeMisled) {
  postgres().run("DROP DATABASE IF EXISTS catalog_hostile");
  postgres().run("CREATE DATABASE catalog_hostile");
  Client client(postgres().address(), {.database = "catalog_hostile"});
  client.run(R"(
CREATE TABLE t (a int);
CREATE TABLE taken (by text);
CREATE FUNCTION json_build_object(text, text, text, name, text, text) RETURNS json LANGUAGE sql AS
  $$ INSERT INTO taken VALUES ('json_build_object'); SELECT '{}'::json $$;
CREATE FUNCTION current_schemas(bool) RETURNS name[] LANGUAGE sql AS $$ INSERT INTO taken VALUES ('current_schemas'); SELECT '{}'::name[] $$;
CREATE FUNCTION text(json) RETURNS text LANGUAGE sql AS $$ INSERT INTO taken VALUES ('text'); SELECT '' $$;
CREATE FUNCTION never(name, text) RETURNS bool LANGUAGE sql AS $$ INSERT INTO taken VALUES ('~'); SELECT false $$;
CREATE OPERATOR <> (LEFTARG = name, RIGHTARG = text, FUNCTION = never);
CREATE TABLE pg_class (oid int);
ALTER DATABASE catalog_hostile SET search_path = public, pg_catalog;
)");
  const std::string text = live("catalog_hostile");
  EXPECT_NE(
      text.find("{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\",\"columns\":[{\"name\":\"a\""),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("\"search_path\":[\"public\"]"), std::string::npos) << text;
  EXPECT_EQ(client.scalar("SELECT count(*) FROM taken"), "0");
}

TEST(ControlConnection, ErrorsAreValues) {
  const auto open = [](std::string_view database, std::string_view password, session::Address server) {
    return net::ControlConnection::open({.server = std::move(server),
                                         .database = std::string(database),
                                         .role = Login{}.user,
                                         .password = std::string(password),
                                         .parameters = {{"application_name", "control"}}},
                                        kTimeout);
  };
  const auto wrong = open("shop", "wrong", postgres().address());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().sqlstate, "28P01");
  const auto nowhere = open("nowhere", Login{}.password, postgres().address());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().sqlstate, "3D000");
  const auto none = open("shop", "", postgres().address());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "it asks for a password, and the configuration has none (password_file)");
  const auto closed = open("shop", "", {.host = "127.0.0.1", .port = 1});
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().message, "it can't be reached: Connection refused");

  auto connection = open("shop", Login{}.password, postgres().socket());
  ASSERT_TRUE(connection) << connection.error().message;
  EXPECT_FALSE(connection->parameter("server_version").empty());
  const auto failed = connection->query("SELECT 1 / 0", kTimeout);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "22012");
  const auto results = connection->query(
      "SELECT current_setting('application_name') AS a, NULL; SELECT repeat('x', 1000000)", kTimeout);
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 2u);
  EXPECT_EQ((*results)[0].columns[0], "a");
  EXPECT_EQ((*results)[0].rows[0][0], "control");
  EXPECT_EQ((*results)[0].rows[0][1], std::nullopt);
  EXPECT_EQ((*results)[1].rows[0][0]->size(), 1'000'000u);
  const auto late = connection->query("SELECT pg_sleep(60)", std::chrono::milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, "it did not answer in time");
  EXPECT_FALSE(connection->query("SELECT 1", kTimeout)) << "after a timeout there is no telling what comes";
}

}  // namespace
}  // namespace chaperone::pg
