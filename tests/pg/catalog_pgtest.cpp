#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "proxy/commands/catalog.hpp"
#include "proxy/net/control_connection.hpp"
#include "rules/catalog.hpp"
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
  const auto text = commands::snapshot(*connection, kTimeout);
  if (!text) throw std::runtime_error(text.error().message);
  return *text;
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

}  // namespace
}  // namespace chaperone::pg
