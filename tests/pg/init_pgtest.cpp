// From a connection string to an agent that is observed: what `pgchaperone init` makes, served, used and
// recorded.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/json/parse.hpp>
#include <sstream>

#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

namespace fs = std::filesystem;

class Init : public testing::Test {
 protected:
  Init() : program_(fs::read_symlink(fmt::format("/proc/{}/exe", chaperone().process().pid()))) {
    postgres().run("DROP DATABASE IF EXISTS \"init shop\"");
    postgres().run("CREATE DATABASE \"init shop\"");
    Client there(postgres().address(), {.database = "init shop"});
    there.run("CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, \"odd: name\" int)");
    there.run("INSERT INTO customers VALUES (1, 'Ada', '123-45-6789', 7)");
    there.run("CREATE TABLE api_keys (id int, key text)");
    ::setenv("PGPASSWORD", Login{}.password.c_str(), 1);
  }
  ~Init() override {
    ::unsetenv("PGPASSWORD");
    postgres().run("DROP DATABASE \"init shop\" WITH (FORCE)");
  }

  /// Runs a shell's command line in which `pgchaperone` is the program; gives the exit status.
  int run(const std::string& line) {
    Process shell(
        {"/bin/sh", "-c",
         fmt::format("cd {}; pgchaperone() {{ {} \"$@\"; }}; {}", place_.path().string(), program_, line)},
        {.log = place_.path("said")});
    EXPECT_TRUE(shell.wait(std::chrono::seconds(30))) << line;
    return WIFEXITED(shell.status()) ? WEXITSTATUS(shell.status()) : 1000;
  }
  std::string said() {
    std::string text = read_file(place_.path("said"));
    fs::remove(place_.path("said"));
    return text;
  }
  fs::path at(const std::string& name) const { return place_.path(name); }
  int init(const std::string& more = "", std::string_view user = "tester") {
    return run(fmt::format(
        "pgchaperone init --database 'postgresql://{}@{}/init%20shop' --agent triage-bot --listen unix:{} {}",
        user, postgres().address().to_string(), place_.path().string(), more));
  }

  const std::string program_;

 private:
  TemporaryDirectory place_;
};

TEST_F(Init, MakesASetupThatServesAtOnce) {
  ASSERT_EQ(init(), 0) << said();
  const std::string text = said();
  EXPECT_NE(text.find("Left out of the policy, since it looks sensitive: api_keys, customers.ssn\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\"tester\" is a superuser"), std::string::npos) << text;
  for (const auto& entry : fs::recursive_directory_iterator(at("pgchaperone"))) {
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0022, 0U) << entry.path();
    if (entry.path().extension() == ".password" || entry.path().extension() == ".key") {
      EXPECT_EQ(status.st_mode & 0077, 0U) << entry.path();
    }
    const bool secret = entry.path().filename() == "database.password";
    EXPECT_EQ(entry.is_regular_file() && read_file(entry.path()).find(Login{}.password) != std::string::npos,
              secret)
        << entry.path();
  }
  EXPECT_EQ(text.find(Login{}.password), std::string::npos);
  EXPECT_EQ(run("pgchaperone config validate --config pgchaperone/chaperone.yaml"), 0) << said();
  said();
  const std::string check =
      " | pgchaperone check --policy pgchaperone/policy.yaml --schema pgchaperone/schema.jsonl -";
  EXPECT_EQ(run("echo 'SELECT id, name, \"odd: name\" FROM customers'" + check), 0) << said();
  EXPECT_EQ(run("echo 'SELECT ssn FROM customers'" + check), 1);
  said();
  const auto json = boost::json::parse(read_file(at("pgchaperone/mcp.json")));
  EXPECT_EQ(json.at("mcpServers").at("init shop").at("command").as_string(), program_);

  // Of the broker's SQL everything but that it lasts: the roles would be there for all tests.
  EXPECT_EQ(
      run(fmt::format("sed 's/^COMMIT;$/SELECT count(*) FROM chaperone.capabilities; ROLLBACK;/' "
                      "pgchaperone/broker.sql | "
                      "psql -XAtq -v ON_ERROR_STOP=1 -h {} -p {} -U tester -d 'init shop' 2>&1 | tail -n 1",
                      postgres().address().host, postgres().address().port)),
      0);
  EXPECT_EQ(said(), "1\n");

  const Process server({program_, "serve", "--config", at("pgchaperone/chaperone.yaml")},
                       {.log = at("served")});
  ASSERT_TRUE(eventually([&] { return fs::exists(at(".s.PGSQL.6432")); })) << read_file(at("served"));
  // What it printed, pasted.
  const auto begin = text.find("postgresql://triage-bot:");
  ASSERT_NE(begin, std::string::npos) << text;
  const std::string uri = text.substr(begin, text.find('\n', begin) - begin);
  EXPECT_EQ(run(fmt::format("psql -XAt '{}' -c 'SELECT ssn FROM customers'", uri)), 0);
  EXPECT_EQ(said(), "123-45-6789\n") << "observed, nothing is refused";
  const auto at_connect = text.find("connect --config");
  ASSERT_NE(at_connect, std::string::npos);
  EXPECT_EQ(run(fmt::format("pgchaperone {} -XAtc 'SELECT 2'",
                            text.substr(at_connect, text.find('\n', at_connect) - at_connect))),
            0);
  EXPECT_EQ(said(), "2\n");
  const std::string records = read_file(at("pgchaperone/audit.jsonl"));
  EXPECT_NE(records.find("\"sql\":\"SELECT ssn FROM customers\""), std::string::npos);
  EXPECT_NE(records.find("\"enforced\":false"), std::string::npos);
}

TEST_F(Init, LeavesWhatIsThere) {
  ASSERT_EQ(init(), 0) << said();
  said();
  const std::string before = read_file(at("pgchaperone/state/token.key"));
  EXPECT_EQ(init(), 2);
  EXPECT_EQ(said(),
            "pgchaperone: pgchaperone is there already; expected another --directory, or --force, which "
            "keeps what is "
            "there under another name\n");
  EXPECT_EQ(read_file(at("pgchaperone/state/token.key")), before);
  ASSERT_EQ(init("--force"), 0);
  const std::string text = said();
  const auto kept = text.find("What was there before is ");
  ASSERT_NE(kept, std::string::npos) << text;
  const auto name = text.substr(kept + 25, text.find(" now.") - kept - 25);
  EXPECT_EQ(read_file(fs::path(name) / "state/token.key"), before);
  EXPECT_NE(read_file(at("pgchaperone/state/token.key")), before);
}

TEST_F(Init, MakesNothingWhereSomethingIsWrong) {
  const auto refused = [&](const std::string& more, std::string_view user, std::string_view why) {
    EXPECT_EQ(init(more, user), 2);
    const std::string text = said();
    EXPECT_NE(text.find(why), std::string::npos) << text;
    EXPECT_EQ(text.find(Login{}.password), std::string::npos);
    EXPECT_TRUE(fs::is_empty(at(""))) << "nothing half made is left";
  };
  refused("", "nobody_there", "password authentication failed");
  refused("--listen 0.0.0.0:6432", "tester", "--listen");
  refused("--lifetime never", "tester", "--lifetime is no time");
  refused("--directory said/below", "tester", "no directory can be made there");
}

}  // namespace
}  // namespace chaperone::pg
