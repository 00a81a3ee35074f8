// Drain, reload, crash and restart, a full disk; durability and threads under load.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>

#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using Texts = std::vector<std::string>;

Chaperone in_front_of_postgres(ChaperoneOptions options = {}) {
  options.server = postgres().address();
  return Chaperone(std::move(options));
}

// The file holds one whole chain, all of it closed.
void expect_intact(const Chaperone& chaperone, std::uint64_t gaps) {
  const auto verified = chaperone.verify();
  EXPECT_TRUE(verified.intact) << verified.file << ":" << verified.line << ": " << verified.problem;
  EXPECT_EQ(verified.gaps, gaps);
  EXPECT_GT(verified.lines, 0u);
}

TEST(Lifecycle, DrainLetsTransactionsFinish) {
  auto mine = in_front_of_postgres();
  Client idle(mine.address()), busy(mine.address()), sleeping(mine.address());
  busy.exchange(query("begin"));
  sleeping.send(query("select pg_sleep(0.5)"));
  std::this_thread::sleep_for(Milliseconds(50));
  mine.process().signal(SIGTERM);
  const auto farewell = idle.read_to_end();
  ASSERT_EQ(farewell.size(), 1u);
  EXPECT_EQ(farewell[0].field('C'), "57P01");
  EXPECT_EQ(farewell[0].field('S'), "FATAL");
  EXPECT_EQ(refusal(mine.address()).field('C'), "57P03");
  EXPECT_NE(mine.get("/readyz").find("503"), std::string::npos);
  EXPECT_NE(mine.get("/healthz").find("200"), std::string::npos);
  busy.exchange(query("insert into big values (1, 'drained')"));
  busy.send(query("commit"));
  const auto last = busy.read_to_end();
  EXPECT_EQ(find(last, 'C').describe(), "C COMMIT ");
  EXPECT_EQ(last.back().field('C'), "57P01");
  const auto slept = sleeping.read_to_end();
  EXPECT_EQ(count(slept, 'D'), 1u) << "a statement that runs is let to its end" << describe(slept);
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(5)));
  EXPECT_EQ(mine.process().status(), 0);
  EXPECT_EQ(postgres().scalar("select count(*) from big where filler = 'drained'"), "1");
  expect_intact(mine, 0);
  EXPECT_EQ(outcomes(mine.session(busy.pid())), (Texts{"ok BEGIN", "ok INSERT 0 1", "ok COMMIT"}));
}

TEST(Lifecycle, DrainEndsWhatDoesNotEnd) {
  auto mine = in_front_of_postgres();
  Client open(mine.address()), running(mine.address());
  Peer stranger(mine.address());
  open.exchange(query("begin"));
  running.send(query("select pg_sleep(60)"));
  const auto began = std::chrono::steady_clock::now();
  mine.process().signal(SIGTERM);
  const auto left_open = open.read_to_end();
  EXPECT_EQ(left_open.back().field('C'), "57P01");
  EXPECT_EQ(running.read_to_end().back().field('C'), "57P01");
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(5)));
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds(2900)) << "limits.drain is 3 s";
  EXPECT_LT(took, std::chrono::seconds(6));
  EXPECT_EQ(mine.process().status(), 0);
  EXPECT_EQ(outcomes(mine.session(running.pid())), (Texts{"unknown 57P01"}));
  expect_intact(mine, 0);
}

TEST(Lifecycle, ASecondSignalEndsAtOnce) {
  auto mine = in_front_of_postgres();
  Client open(mine.address());
  open.exchange(query("begin"));
  mine.process().signal(SIGTERM);
  EXPECT_TRUE(open.silent(Milliseconds(100)));
  mine.process().signal(SIGTERM);
  EXPECT_EQ(open.read_to_end(Milliseconds(1000)).back().field('C'), "57P01");
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(2)));
}

TEST(Lifecycle, ReloadGoodAndBroken) {
  auto mine = in_front_of_postgres();
  Client before(mine.address());
  ChaperoneOptions other{.server = postgres().address(), .role = "other"};
  mine.write_config(other);
  mine.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mine.records("event", "reload").size() == 1; }));
  {
    Client after(mine.address());
    EXPECT_EQ(after.scalar("select current_user"), "other");
    EXPECT_EQ(before.scalar("select current_user"), "tester") << "a session keeps what it began with";
  }
  const std::string good = read_file(mine.config());
  write_file(mine.config(), good + "no_such_key: 1\n");
  mine.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mine.records("event", "reload_refused").size() == 1; }));
  EXPECT_NE(text(mine.records("event", "reload_refused")[0], "why").find("no_such_key"), std::string::npos);
  const auto line = std::count(good.begin(), good.end(), '\n') + 1;
  EXPECT_NE(mine.log().find(fmt::format("chaperone.yaml:{}:1:", line)), std::string::npos) << mine.log();
  Client still(mine.address());
  EXPECT_EQ(still.scalar("select current_user"), "other");
}

TEST(Lifecycle, ReloadsUnderLoad) {
  auto mine = in_front_of_postgres();
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0}, statements_run{0};
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&] {
      try {
        while (!stop) {
          Client client(mine.address());
          for (int n = 0; n < 20; ++n) statements_run += client.scalar("select 1") == "1" ? 1 : 0;
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (std::size_t i = 1; i <= 20; ++i) {
    mine.process().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return mine.records("event", "reload").size() >= i; }));
  }
  stop = true;
  for (auto& thread : load) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(statements_run, 0);
}

TEST(Lifecycle, KilledUnderLoadTheChainGoesOn) {
  auto mine = in_front_of_postgres();
  std::atomic<int> committed{0};
  postgres().run("truncate big");
  std::vector<std::thread> load;
  for (int i = 0; i < 4; ++i) {
    load.emplace_back([&] {
      try {
        Client client(mine.address());
        while (true) {
          client.run("insert into big values (1, 'load')");
          ++committed;
        }
      } catch (const std::exception&) {  // it ends with the process
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return committed > 200; }));
  mine.process().signal(SIGKILL);
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(5)));
  for (auto& thread : load) thread.join();
  mine.start();
  Client client(mine.address());
  EXPECT_EQ(client.scalar("select 'again'"), "again");
  client.close();
  (void)mine.session(client.pid());
  expect_intact(mine, 1);
  EXPECT_EQ(mine.records("event", "recovery").size(), 1u);
  // No record, no run: with `batch` every statement that ran has its intent in the file.
  const auto rows = std::stoi(postgres().scalar("select count(*) from big"));
  const auto intents = mine.records("sql", "insert into big values (1, 'load')").size();
  EXPECT_GE(static_cast<int>(intents), rows);
  EXPECT_GE(rows, committed);
}

TEST(Lifecycle, ATornLastLineIsKeptAsEvidence) {
  auto mine = in_front_of_postgres();
  Client(mine.address()).run("select 1");
  mine.process().signal(SIGKILL);
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(5)));
  std::ofstream(mine.audit(), std::ios::app) << R"({"v":1,"seq":99,"kind":"stat)";
  mine.start();
  expect_intact(mine, 1);
  ASSERT_EQ(mine.records("event", "recovery").size(), 1u);
  EXPECT_NE(text(mine.records("event", "recovery")[0], "torn").find("\"seq\":99"), std::string::npos);
}

// Past RLIMIT_FSIZE no file can grow, the one that would take its place neither: a full disk.
TEST(Lifecycle, AFullAuditLogStopsEverythingAndRecovers) {
  auto mine = in_front_of_postgres();
  Client before(mine.address());
  before.run("select 1");
  const auto limit_files_to = [&](rlim_t bytes) {
    const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    ASSERT_EQ(::prlimit(mine.process().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  };
  limit_files_to(1);
  postgres().run("truncate big");
  // Under load the spool takes what comes before the log is found full, 10 ms later at most; a log at rest
  // refuses at once.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  before.send(query("insert into big values (1, 'must not run')"));
  const auto answer = before.read_to_end();
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(answer.back().field('C'), "53100") << describe(answer);
  EXPECT_EQ(refusal(mine.address()).field('C'), "53100");
  EXPECT_NE(mine.get("/readyz").find("503"), std::string::npos);
  EXPECT_EQ(postgres().scalar("select count(*) from big"), "0");
  limit_files_to(RLIM_INFINITY);
  EXPECT_TRUE(eventually([&] {
    try {
      return Client(mine.address()).scalar("select 'recovered'") == "recovered";
    } catch (const std::exception&) {
      return false;
    }
  })) << mine.log();
  EXPECT_NE(mine.get("/readyz").find("200"), std::string::npos);
  mine.process().stop();
  const auto verified = mine.verify();
  EXPECT_TRUE(verified.intact) << verified.file << ":" << verified.line << ": " << verified.problem;
  EXPECT_GE(verified.gaps, 1u) << "the hole is declared";
}

class Durability : public testing::TestWithParam<const char*> {};

TEST_P(Durability, UnderConcurrentLoad) {
  Chaperone mine({.server = postgres().address(), .durability = GetParam(), .more = "threads: 2\n"});
  postgres().run("truncate big");
  constexpr int kClients = 6, kStatements = 50;
  std::atomic<int> failures{0};
  std::vector<std::thread> load;
  std::vector<std::int32_t> pids(kClients);
  for (int i = 0; i < kClients; ++i) {
    load.emplace_back([&, i] {
      try {
        Client client(mine.address());
        pids[static_cast<std::size_t>(i)] = client.pid();
        for (int n = 0; n < kStatements; ++n) {
          client.exchange(extended("insert into big values ($1, 'durable')", {std::to_string(n)}) + sync());
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (auto& thread : load) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(postgres().scalar("select count(*) from big"), std::to_string(kClients * kStatements));
  for (const auto pid : pids) EXPECT_EQ(outcomes(mine.session(pid)), Texts(kStatements, "ok INSERT 0 1"));
  mine.process().stop();
  EXPECT_EQ(mine.process().status(), 0);
  expect_intact(mine, 0);
}

INSTANTIATE_TEST_SUITE_P(All, Durability, testing::Values("none", "batch", "sync"));

TEST(Lifecycle, ASecondProcessOnTheSameLogIsRefused) {
  auto mine = in_front_of_postgres();
  EXPECT_THROW(Chaperone({.server = postgres().address(), .audit = mine.audit()}), std::runtime_error);
  EXPECT_EQ(Client(mine.address()).scalar("select 1"), "1");
}

TEST(Lifecycle, ABrokenConfigurationDoesNotStart) {
  Chaperone broken({.server = postgres().address(), .more = "no_such_key: 1\n", .start = false});
  EXPECT_THROW(broken.start(), std::runtime_error);
  ASSERT_TRUE(broken.process().wait(std::chrono::seconds(1)));
  EXPECT_EQ(WEXITSTATUS(broken.process().status()), 2);
  EXPECT_NE(broken.log().find("no_such_key"), std::string::npos) << broken.log();
}

}  // namespace
}  // namespace chaperone::pg
