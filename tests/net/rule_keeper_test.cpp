// What the keeper of rulebooks tells the I/O threads, over servers that are threads of the test.

#include "proxy/net/rule_keeper.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "rules/policy/load.hpp"
#include "tests/pg/catalog_server.hpp"
#include "tests/pg/process.hpp"

namespace chaperone::net {
namespace {

using pg::eventually;
using Kind = RuleNews::Kind;

std::string policy_reading(std::string_view column) {
  return fmt::format(
      "version: 1\ncapabilities:\n  c:\n    tables:\n      item:\n        read:\n          columns: [{}]\n"
      "agents:\n  bot:\n    capabilities: [c]\n",
      column);
}

/// A configuration with the databases `shop` and "*" of that server.
std::shared_ptr<session::Environment> environment(const session::Address& server, const std::string& policy) {
  auto fresh = std::make_shared<session::Environment>();
  for (const char* name : {"shop", "*"}) {
    fresh->databases[name].server = server;
    fresh->databases[name].credential = session::StaticCredential{.role = "app", .password = {}};
  }
  rules::Problems problems;
  fresh->policy =
      std::make_shared<const rules::PolicySet>(rules::load_policy(policy, "policy.yaml", problems));
  EXPECT_EQ(problems.text(), "");
  fresh->policy_file = "policy.yaml";
  fresh->policy_text = policy;
  return fresh;
}

/// A gate that answers wait at while it is closed.
class Gate {
 public:
  void close() { set(false); }
  void open() { set(true); }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  void set(bool open) {
    const std::lock_guard guard(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
};

class RuleKeeperTest : public testing::Test {
 protected:
  RuleKeeperTest() {
    catalog_.before_answer = [this] {
      gate_.pass();
      if (breaks_off_) throw pg::Closed("on purpose");
    };
    serve();
    log_ = audit::Log::open({.file = directory_.path("audit.jsonl")}).value();
  }
  void TearDown() override {
    gate_.open();
    keeper_.reset();
    log_->close();
  }
  void serve() {
    server_ = std::make_unique<pg::FakeServer>([this](pg::Peer& peer) { catalog_.serve(peer); });
  }
  void start(const std::string& policy = policy_reading("id")) {
    keeper_ = std::make_unique<RuleKeeper>(
        environment(server_->address(), policy), *log_,
        [this](const std::shared_ptr<const session::Environment>& fresh, std::vector<RuleNews> news) {
          const std::lock_guard guard(mutex_);
          reloads_ += fresh ? 1 : 0;
          for (auto& one : news) news_.push_back(std::move(one));
        });
    keeper_->start();
  }
  /// The newest of that kind for a database; nothing: there is none.
  std::optional<RuleNews> newest(Kind kind, std::string_view database = "shop") const {
    const std::lock_guard guard(mutex_);
    for (auto news = news_.rbegin(); news != news_.rend(); ++news) {
      if (news->kind == kind && news->database == database) return *news;
    }
    return {};
  }
  bool told(Kind kind, std::string_view database = "shop") {
    return eventually([&] { return newest(kind, database).has_value(); });
  }
  std::uint64_t answered() const {
    std::uint64_t most = 0;
    const std::lock_guard guard(mutex_);
    for (const auto& news : news_) most = std::max(most, news.answers);
    return most;
  }
  bool answers(std::uint64_t number) {
    return eventually([&] { return answered() >= number; });
  }
  static std::string column(const RuleNews& news) {
    return news.rules->catalog().find_relation("item")->columns[1].name;
  }

  pg::TemporaryDirectory directory_;
  pg::CatalogOfOneTable catalog_;
  Gate gate_;
  std::atomic<bool> breaks_off_{false};
  std::unique_ptr<pg::FakeServer> server_;
  std::unique_ptr<audit::Log> log_;
  mutable std::mutex mutex_;
  std::vector<RuleNews> news_;
  int reloads_ = 0;
  std::unique_ptr<RuleKeeper> keeper_;
};

TEST_F(RuleKeeperTest, AnswersWhoAsksWhetherAnythingChangedOrNot) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  EXPECT_EQ(column(*newest(Kind::kCatalog)), "name");
  keeper_->enter("shop", "app");
  const auto first = keeper_->refresh("shop");
  ASSERT_TRUE(answers(first));
  EXPECT_EQ(newest(Kind::kNothingNew)->answers, first);
  EXPECT_EQ(catalog_.loads, 1) << "the whole was read though nothing had changed";

  catalog_.rename_column("title");
  const auto second = keeper_->refresh("shop");
  ASSERT_TRUE(answers(second));
  EXPECT_EQ(newest(Kind::kCatalog)->answers, second);
  EXPECT_EQ(column(*newest(Kind::kCatalog)), "title");
  EXPECT_EQ(server_->connections(), 2u) << "the whole comes over a new connection";
  EXPECT_EQ(keeper_->report().refreshes, 2u);

  const auto strange = keeper_->refresh("nobody is there");
  EXPECT_TRUE(answers(strange));
}

TEST_F(RuleKeeperTest, ManyWhoAskCostOneReadingASecond) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  keeper_->enter("shop", "app");
  const int before = catalog_.checks;
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) last = keeper_->refresh("shop");
  ASSERT_TRUE(answers(last));
  EXPECT_LE(catalog_.checks - before, 2);
}

// What had begun before a session asked can't have seen what the session means.
TEST_F(RuleKeeperTest, AReadingThatBeganBeforeIsNoAnswer) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  keeper_->enter("shop", "app");
  gate_.close();
  const int before = catalog_.checks;
  const auto early = keeper_->refresh("shop");
  ASSERT_TRUE(eventually([&] { return catalog_.checks > before; }));  // what it will say is settled
  catalog_.rename_column("title");
  const auto late = keeper_->refresh("shop");
  gate_.open();
  ASSERT_TRUE(answers(early));
  ASSERT_TRUE(answers(late));
  EXPECT_EQ(newest(Kind::kCatalog)->answers, late);
  EXPECT_EQ(column(*newest(Kind::kCatalog)), "title");
}

TEST_F(RuleKeeperTest, AnswersThoughTheServerHangs) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  keeper_->enter("shop", "app");
  gate_.close();
  const auto number = keeper_->refresh("shop");
  EXPECT_TRUE(answers(number));
  EXPECT_EQ(newest(Kind::kNothingNew)->answers, number);
  EXPECT_FALSE(newest(Kind::kFailed)) << "what was in force stays so";
}

TEST_F(RuleKeeperTest, AnswersThoughTheServerBreaksOff) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  keeper_->enter("shop", "app");
  breaks_off_ = true;
  EXPECT_TRUE(answers(keeper_->refresh("shop")));
  EXPECT_FALSE(newest(Kind::kFailed));
  EXPECT_EQ(keeper_->report().databases, 1u);
  EXPECT_GE(keeper_->report().catalog_failures, 1u);
}

TEST_F(RuleKeeperTest, AHangingServerHoldsUpNoOther) {
  Gate closed;
  closed.close();
  pg::FakeServer stuck([&](pg::Peer&) { closed.pass(); });
  auto both = environment(server_->address(), policy_reading("id"));
  both->databases["stuck"] = {.server = stuck.address(),
                              .database = "",
                              .credential = session::StaticCredential{.role = "app", .password = ""}};
  keeper_ = std::make_unique<RuleKeeper>(
      both, *log_, [this](const std::shared_ptr<const session::Environment>&, std::vector<RuleNews> news) {
        const std::lock_guard guard(mutex_);
        for (auto& one : news) news_.push_back(std::move(one));
      });
  keeper_->start();
  ASSERT_TRUE(eventually([&] { return stuck.connections() == 1; }));
  EXPECT_TRUE(told(Kind::kCatalog));
  EXPECT_FALSE(newest(Kind::kFailed, "stuck"));
  closed.open();
  EXPECT_TRUE(told(Kind::kFailed, "stuck"));
}

TEST_F(RuleKeeperTest, APolicyThatDoesNotLoadLeavesTheOlderRules) {
  start(policy_reading("name"));
  ASSERT_TRUE(told(Kind::kCatalog));
  keeper_->enter("shop", "app");
  catalog_.rename_column("title");
  ASSERT_TRUE(answers(keeper_->refresh("shop")));
  EXPECT_EQ(column(*newest(Kind::kCatalog)), "name");
  EXPECT_FALSE(newest(Kind::kFailed));
  EXPECT_TRUE(keeper_->report().policy_stale);
  EXPECT_EQ(keeper_->report().policy_refusals, 1u);

  // The old text over the new catalog is refused, what the new catalog needs is taken.
  const auto refused = keeper_->reload(environment(server_->address(), policy_reading("id, name")));
  EXPECT_NE(refused.find("policy.yaml:7:25: item has no column \"name\""), std::string::npos) << refused;
  EXPECT_EQ(reloads_, 0);
  EXPECT_EQ(keeper_->reload(environment(server_->address(), policy_reading("title"))), "");
  EXPECT_EQ(reloads_, 1);
  EXPECT_TRUE(told(Kind::kPolicy));
  EXPECT_EQ(column(*newest(Kind::kPolicy)), "title");
  EXPECT_TRUE(eventually([&] { return !keeper_->report().policy_stale; }));
}

// A migration, and the policy for it in the same minute; with and without sessions, whose catalog is
// followed.
TEST_F(RuleKeeperTest, AReloadSeesWhatTheCatalogIsNow) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  catalog_.rename_column("title");
  EXPECT_EQ(keeper_->reload(environment(server_->address(), policy_reading("title"))), "");
  ASSERT_TRUE(told(Kind::kPolicy));
  EXPECT_EQ(column(*newest(Kind::kPolicy)), "title");

  const auto refused = keeper_->reload(environment(server_->address(), policy_reading("name")));
  EXPECT_NE(refused.find("item has no column \"name\""), std::string::npos) << refused;
  EXPECT_TRUE(eventually([&] { return keeper_->report().policy_refusals == 1; }))
      << "refused once, though it was held against two catalogs";
  EXPECT_EQ(reloads_, 1);
}

TEST_F(RuleKeeperTest, AReloadOverAServerThatHangsIsJudgedByTheOlderCatalog) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  gate_.close();
  const auto refused = keeper_->reload(environment(server_->address(), policy_reading("title")));
  EXPECT_NE(refused.find("item has no column \"title\""), std::string::npos) << refused;
  EXPECT_EQ(keeper_->reload(environment(server_->address(), policy_reading("name"))), "");
}

// With rules in no database there is nothing that a policy could be held against.
TEST_F(RuleKeeperTest, APolicyThatNeverLoadedHoldsNoReloadUp) {
  start(policy_reading("nothing"));
  ASSERT_TRUE(told(Kind::kFailed));
  EXPECT_NE(newest(Kind::kFailed)->why.find("policy.yaml:7:"), std::string::npos);
  EXPECT_EQ(keeper_->reload(environment(server_->address(), policy_reading("nothing_else"))), "");
  EXPECT_EQ(keeper_->reload(environment(server_->address(), policy_reading("id"))), "");
  EXPECT_TRUE(told(Kind::kPolicy));
}

TEST_F(RuleKeeperTest, AnotherDatabaseByThatNameStartsAnew) {
  start();
  ASSERT_TRUE(told(Kind::kCatalog));
  pg::CatalogOfOneTable other;
  other.rename_column("title");
  pg::FakeServer elsewhere([&](pg::Peer& peer) { other.serve(peer); });
  EXPECT_EQ(keeper_->reload(environment(elsewhere.address(), policy_reading("id"))), "");
  EXPECT_TRUE(told(Kind::kGone));
  EXPECT_TRUE(eventually([&] { return column(*newest(Kind::kCatalog)) == "title"; }));
  EXPECT_NE(newest(Kind::kCatalog)->rules->target().find(elsewhere.address().to_string()), std::string::npos);
  keeper_.reset();  // before the server goes
}

TEST_F(RuleKeeperTest, OnlySoManyThatNobodyNamed) {
  start();
  for (int i = 0; i < 100; ++i) keeper_->enter(fmt::format("d{}", i), "app");
  ASSERT_TRUE(eventually([&] { return keeper_->report().databases == 101; }, std::chrono::seconds(60)))
      << keeper_->report().databases;
  keeper_->enter("one more", "app");
  ASSERT_TRUE(told(Kind::kFailed, "one more"));
  keeper_->leave("one more");
  keeper_->leave("d7");
  keeper_->enter("one more", "app");
  EXPECT_TRUE(told(Kind::kCatalog, "one more"));
  EXPECT_TRUE(told(Kind::kForgotten, "d7"));
}

}  // namespace
}  // namespace chaperone::net
