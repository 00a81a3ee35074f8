// The rules of agents that are held back: catalogs read and followed, the policy reloaded.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

/// Agents `tester`, held back, and `other`, observed, over a table of the shop.
std::string policy(std::string_view column) {
  return fmt::format(
      "version: 1\n"
      "capabilities:\n"
      "  items:\n"
      "    tables:\n"
      "      item:\n"
      "        read:\n"
      "          columns: [id, {}]\n"
      "    functions: [safe]\n"
      "agents:\n"
      "  tester:\n"
      "    capabilities: [items]\n"
      "  other:\n"
      "    mode: observe\n",
      column);
}

ChaperoneOptions held_back(const session::Address& server, std::string_view column = "name") {
  return {.server = server, .database = "shop", .role = "tester", .policy = policy(column)};
}

Records effects(const Chaperone& chaperone, std::string_view event = "effective") {
  Records found;
  for (auto& record : chaperone.records("kind", "policy")) {
    if (text(record, "event") == event) found.push_back(std::move(record));
  }
  return found;
}

bool log_says(const Chaperone& chaperone, std::string_view words) {
  return chaperone.log().find(words) != std::string::npos;
}

/// That the log will say so, from `behind` on.
void expect_log(const Chaperone& chaperone, std::string_view words) {
  EXPECT_TRUE(eventually([&] { return log_says(chaperone, words); }))
      << "\"" << words << "\" is not in: " << chaperone.log();
}

TEST(Rules, AreThereBeforeAnybodyAsks) {
  Chaperone mine(held_back(postgres().address()));
  ASSERT_TRUE(eventually([&] { return effects(mine).size() == 1; })) << mine.log();
  const auto record = effects(mine)[0];
  EXPECT_EQ(text(record, "database"), "shop");
  EXPECT_EQ(text(record, "policy").substr(0, 7), "sha256:");
  EXPECT_EQ(text(record, "catalog").substr(0, 7), "sha256:");
  EXPECT_NE(text(record, "policy"), text(record, "catalog"));
  EXPECT_GE(record.at("relations").as_int64(), 4);
  EXPECT_EQ(mine.metric("pgchaperone_rulebooks"), 1);
  EXPECT_EQ(mine.metric(fmt::format("pgchaperone_policy_info{{hash=\"{}\"}}", text(record, "policy"))), 1);
  Client client(mine.address());
  EXPECT_EQ(client.scalar("SELECT 1"), "1");
  EXPECT_EQ(effects(mine).size(), 1u) << "a login takes what is there";
}

TEST(Rules, OfADatabaseThatTheConfigurationDoesNotNameAreReadOnDemand) {
  auto options = held_back(postgres().address());
  options.database = "*";
  Chaperone mine(options);
  EXPECT_EQ(effects(mine).size(), 0u);
  {
    Client client(mine.address());
    EXPECT_EQ(client.scalar("SELECT 1"), "1");
  }
  EXPECT_EQ(effects(mine).size(), 1u);
  const auto refused = refusal(mine.address(), {.database = "nowhere"});
  EXPECT_EQ(refused.field('C'), "57P03");
  EXPECT_EQ(refused.field('M').find("does not exist"), std::string::npos) << refused.field('M');
  expect_log(
      mine, "the catalog of database \"nowhere\" can't be read: database \"nowhere\" does not exist (3D000)");
  // A table of the policy is not there: it does not load over this one.
  EXPECT_EQ(refusal(mine.address(), {.database = "postgres"}).field('C'), "57P03");
  expect_log(mine, "policy.yaml:5:7: ");
  ASSERT_EQ(effects(mine, "refused").size(), 1u);
  EXPECT_EQ(text(effects(mine, "refused")[0], "database"), "postgres");
  EXPECT_EQ(Client(mine.address(), {.user = "other", .database = "postgres"}).scalar("SELECT 2"), "2")
      << "who is observed needs no rules";
}

TEST(Rules, OfAnObservedAgentSayWhatWouldHaveBeenDenied) {
  auto options = held_back(postgres().address());
  options.policy += "    capabilities: [items]\n";
  Chaperone mine(options);
  ASSERT_TRUE(eventually([&] { return effects(mine).size() == 1; })) << mine.log();
  Client client(mine.address(), {.user = "other"});
  client.run("SELECT name FROM item LIMIT 0");
  client.run("SELECT price FROM item LIMIT 0");
  client.close();
  const auto statements = of_kind(mine.session(client.pid()), "statement");
  ASSERT_EQ(statements.size(), 2U);
  EXPECT_EQ(text(statements[0], "verdict"), "allow");
  EXPECT_EQ(text(statements[0], "capability"), "items");
  EXPECT_EQ(text(statements[1], "verdict"), "deny");
  EXPECT_EQ(text(statements[1], "rule"), "tables.item.read.columns");
  for (const auto& statement : statements) {
    EXPECT_FALSE(statement.at("enforced").as_bool());
    EXPECT_EQ(text(statement, "policy"), text(effects(mine)[0], "policy"));
    EXPECT_TRUE(statement.at("sent").is_null());
  }
  EXPECT_EQ(outcomes(mine.session(client.pid())), (std::vector<std::string>{"ok SELECT 0", "ok SELECT 0"}))
      << "observed, nothing is refused";
}

TEST(Rules, ThatDoNotLoadLeaveAnObservedAgentAlone) {
  auto options = held_back(postgres().address(), "no_such_column");
  options.policy = options.policy.substr(0, options.policy.find("  tester:")) +
                   "  other: {mode: observe, capabilities: [items]}\n";
  Chaperone mine(options);
  Client client(mine.address(), {.user = "other"});
  EXPECT_EQ(client.scalar("SELECT 7"), "7");
  expect_log(mine, "no_such_column");
  client.close();
  const auto statements = of_kind(mine.session(client.pid()), "statement");
  ASSERT_EQ(statements.size(), 1U);
  EXPECT_EQ(text(statements[0], "verdict"), "unknown");
  EXPECT_EQ(text(statements[0], "reason"), "no rules are loaded for this database");
}

// The socket of a server that is not there yet.
TEST(Rules, WaitForAServerThatIsDown) {
  TemporaryDirectory directory;
  const session::Address socket{
      .host = directory.path(), .port = postgres().socket().port, .unix_socket = true};
  Chaperone mine(held_back(socket));
  expect_log(mine, "the catalog of database \"shop\" can't be read: it can't be reached: No such file");
  const auto refused = refusal(mine.address());
  EXPECT_EQ(refused.field('C'), "57P03");
  EXPECT_NE(refused.field('M').find("the rules for the database \"shop\" can't be loaded"),
            std::string::npos);
  EXPECT_EQ(refused.field('M').find("No such file"), std::string::npos) << "the stranger learns of no server";
  std::filesystem::create_symlink(postgres().socket().socket_path(), socket.socket_path());
  EXPECT_TRUE(eventually([&] {
    try {
      return Client(mine.address()).scalar("SELECT 3") == "3";
    } catch (const std::runtime_error&) {
      return false;
    }
  })) << mine.log();
}

TEST(Rules, FollowTheSchema) {
  Chaperone mine(held_back(postgres().address()));
  Client client(mine.address());
  ASSERT_TRUE(eventually([&] { return effects(mine).size() == 1; }));
  const auto changes = [&](std::string_view sql) {
    const auto before = effects(mine).size();
    postgres().run(sql);
    EXPECT_TRUE(eventually([&] { return effects(mine).size() > before; }, std::chrono::seconds(15)))
        << sql << " is not seen";
    const auto all = effects(mine);
    EXPECT_NE(all.back().at("catalog"), all[all.size() - 2].at("catalog")) << sql;
    EXPECT_EQ(all.back().at("policy"), all.front().at("policy")) << sql;
  };
  changes("CREATE TABLE rules_followed (a int)");
  changes("ALTER TABLE rules_followed RENAME a TO b");
  postgres().run("DROP TABLE rules_followed");
  EXPECT_EQ(client.scalar("SELECT 4"), "4");
  EXPECT_EQ(postgres().scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgchaperone'"),
            "1")
      << "one connection a database";
}

// The keeper's connection is ended; a new one goes on.
TEST(Rules, SurviveTheLossOfTheirConnection) {
  Chaperone mine(held_back(postgres().address()));
  Client client(mine.address());
  postgres().run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgchaperone'");
  postgres().run("CREATE TABLE rules_after_loss (a int)");
  EXPECT_TRUE(eventually([&] { return effects(mine).size() == 2; }, std::chrono::seconds(15))) << mine.log();
  postgres().run("DROP TABLE rules_after_loss");
  EXPECT_EQ(client.scalar("SELECT 5"), "5");
}

TEST(Rules, AReloadIsAllOrNothing) {
  Chaperone mine(held_back(postgres().address()));
  Client client(mine.address());
  ASSERT_TRUE(eventually([&] { return effects(mine).size() == 1; }));
  const auto reload = [&](const std::string& text, const char* event) {
    const auto before = mine.records("event", event).size();
    write_file(mine.policy(), text);
    mine.process().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return mine.records("event", event).size() > before; })) << mine.log();
  };
  // Well formed, but not over this catalog. The configuration beside it names another role.
  auto other = held_back(postgres().address(), "no_such_column");
  other.role = "other";
  mine.write_config(other);
  reload(policy("no_such_column"), "reload_refused");
  EXPECT_NE(text(mine.records("event", "reload_refused").back(), "why").find("policy.yaml:7:25: "),
            std::string::npos)
      << text(mine.records("event", "reload_refused").back(), "why");
  expect_log(mine, "policy.yaml:7:25: ");
  EXPECT_EQ(effects(mine, "refused").size(), 1u);
  EXPECT_EQ(effects(mine).size(), 1u);
  EXPECT_EQ(mine.metric("pgchaperone_policy_stale"), 1);
  EXPECT_EQ(mine.metric("pgchaperone_policy_refusals_total"), 1);
  EXPECT_EQ(Client(mine.address()).scalar("SELECT current_user"), "tester") << "half of it took effect";
  reload("version: 1\nagents: [\n", "reload_refused");
  EXPECT_EQ(mine.metric("pgchaperone_policy_refusals_total"), 2) << "nor does one that can't be read";

  reload(policy("price"), "reload");
  ASSERT_EQ(effects(mine).size(), 2u);
  EXPECT_NE(effects(mine)[0].at("policy"), effects(mine)[1].at("policy"));
  EXPECT_EQ(effects(mine)[0].at("catalog"), effects(mine)[1].at("catalog"));
  EXPECT_EQ(mine.metric("pgchaperone_policy_stale"), 0);
  EXPECT_EQ(client.scalar("SELECT 6"), "6") << "a session lives on";
  reload(policy("price"), "reload");
  EXPECT_EQ(effects(mine).size(), 2u) << "the same once more is nothing new";
}

TEST(Rules, ASessionEndsWhenItsDatabaseIsAnotherOne) {
  Chaperone mine(held_back(postgres().address()));
  Client held(mine.address()), observed(mine.address(), {.user = "other"});
  mine.write_config(held_back(postgres().socket()));
  mine.process().signal(SIGHUP);
  EXPECT_EQ(held.read_to_end().back().field('C'), "57P01");
  EXPECT_EQ(observed.scalar("SELECT 7"), "7") << "who is not decided by its catalog keeps what it has";
  EXPECT_EQ(Client(mine.address()).scalar("SELECT 8"), "8");
}

// tests/acceptance/enforce.sh has the same with a hundred reloads under 64 busy sessions.
TEST(Rules, ReloadsDropNoSession) {
  Chaperone mine(held_back(postgres().address()));
  constexpr int kSessions = 16;
  constexpr std::size_t kReloads = 20;
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0}, ready{0};
  std::atomic<std::uint64_t> run{0};
  std::vector<std::thread> load;
  for (int i = 0; i < kSessions; ++i) {
    load.emplace_back([&] {
      try {
        Client client(mine.address());
        ++ready;
        while (!stop) {
          if (client.scalar("SELECT 1") != "1") ++failures;
          ++run;
          std::this_thread::sleep_for(Milliseconds(10));
        }
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
        ++failures;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return ready + failures == kSessions; }, std::chrono::seconds(30)));
  const auto reloads = [&] {
    const std::string log = mine.log();
    std::size_t count = 0;
    for (auto at = log.find("info reloaded"); at != std::string::npos; at = log.find("info reloaded", at + 1))
      ++count;
    return count;
  };
  for (std::size_t i = 1; i <= kReloads && failures == 0; ++i) {
    write_file(mine.policy(), policy(i % 2 == 0 ? "name" : "price"));
    mine.process().signal(SIGHUP);
    const bool done = eventually([&] { return reloads() >= i; }, std::chrono::seconds(30));
    EXPECT_TRUE(done) << mine.log();
    if (!done) break;
  }
  stop = true;
  for (auto& thread : load) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(run, 0u);
  EXPECT_EQ(effects(mine).size(), kReloads + 1);
  EXPECT_EQ(mine.metric("pgchaperone_sessions_total{event=\"refused\"}"), 0);
}

}  // namespace
}  // namespace chaperone::pg
