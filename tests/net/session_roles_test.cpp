// Leases over a broker that is a thread of the test: who waits for what, and what becomes of roles when it
// fails.

#include "proxy/net/credentials/session_roles.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <regex>
#include <set>
#include <thread>
#include <vector>

#include "tests/pg/fake_server.hpp"
#include "tests/pg/process.hpp"
#include "tests/support/messages.hpp"

namespace chaperone::net {
namespace {

using namespace std::chrono_literals;
using pg::eventually;

/// The functions of the broker over a set of roles in memory.
class Broker {
 public:
  void serve(pg::Peer& peer) {
    pg::let_in(peer);
    while (true) {
      const auto message = peer.read();
      if (message.type() != 'Q') return;
      const std::string sql(message.body());
      if (breaks_off && --left_until_break < 0) {
        left_until_break = 2;
        if (runs_first) (void)answer(sql);
        throw pg::Closed("on purpose");
      }
      peer.send(answer(sql) + test::ready());
    }
  }

  std::set<std::string> roles() const {
    const std::lock_guard guard(mutex_);
    return roles_;
  }
  std::vector<std::string> calls(std::string_view function) const {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> found;
    for (const auto& sql : calls_) {
      if (sql.find(function) != std::string::npos) found.push_back(sql);
    }
    return found;
  }

  std::atomic<bool> breaks_off{false};  ///< every third query ends its connection ..
  std::atomic<bool> runs_first{false};  ///< .. when it is done, but not answered
  std::atomic<int> left_until_break{2};
  std::atomic<bool> holds{true}, refuses_assign{false}, refuses_seal{false};
  std::set<std::string> orphans;  ///< before the first connection
  std::function<void(const std::string& role)> on_open = [](const std::string&) {};

 private:
  static std::string row(std::string_view value) {
    return test::row_description() + test::data_row(value) + test::command_complete("SELECT 1");
  }

  std::string answer(const std::string& sql) {
    const std::lock_guard guard(mutex_);
    calls_.push_back(sql);
    std::vector<std::string> named;
    static const std::regex pattern("agp_[a-z0-9-]+_[a-z2-7]{16}");
    for (std::sregex_iterator at(sql.begin(), sql.end(), pattern), end; at != end; ++at)
      named.push_back(at->str());
    if (sql.find("chaperone.hold") != std::string::npos) return row(holds ? "t" : "f");
    std::string rows;
    if (sql.find("chaperone.orphans") != std::string::npos) {
      for (const auto& role : orphans) rows += test::data_row(role);
      return test::row_description() + rows + test::command_complete("SELECT");
    }
    if (sql.find("chaperone.drop") != std::string::npos) {
      for (const auto& role : named) {
        roles_.erase(role);
        orphans.erase(role);
        rows += test::data_row(role);
      }
      return test::row_description() + rows + test::command_complete("SELECT");
    }
    std::string all;
    if (sql.find("chaperone.open") != std::string::npos) {
      on_open(named[0]);
      roles_.insert(named[0]);
      all += row("");
    }
    if (sql.find("chaperone.assign") != std::string::npos) {
      if (refuses_assign) return test::error("42704", "ERROR", "no capability role of this name");
      all += row("");
    }
    if (refuses_seal && sql.find("chaperone.seal") != std::string::npos)
      return test::error("55P03", "ERROR", "canceling statement due to lock timeout");
    return all.empty() ? row("") : all;
  }

  mutable std::mutex mutex_;
  std::set<std::string> roles_;
  std::vector<std::string> calls_;
};

class SessionRolesTest : public testing::Test {
 protected:
  SessionRolesTest() : server_([this](pg::Peer& peer) { broker_.serve(peer); }) {
    log_ = audit::Log::open({.file = directory_.path("audit.jsonl")}).value();
  }
  void start() {
    const session::Database database{
        .server = server_.address(),
        .database = {},
        .credential = session::SessionRoleCredential{.broker = "broker", .password = {}}};
    roles_ = std::make_unique<SessionRoles>("there", database, "shop", "w1", *log_);
  }
  static session::LeaseRequest request() {
    return {
        .session = "abcdefghijklmnop",
        .database = "shop",
        .principal = {.agent = "bot", .actor = "o'hara", .task = {}, .parameters = {{"tenant", "it's 7"}}},
        .capabilities = {"read-it"}};
  }
  /// Waits for the outcome.
  LeaseOutcome open() {
    std::promise<LeaseOutcome> promise;
    roles_->open(request(), [&](LeaseOutcome outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  }
  /// What kill -9 would leave of the log.
  std::string audit() const {
    return pg::read_file(directory_.path("audit.jsonl")) +
           pg::read_file(directory_.path(".audit.jsonl.spool"));
  }

  pg::TemporaryDirectory directory_;
  std::unique_ptr<audit::Log> log_;
  Broker broker_;
  pg::FakeServer server_;
  std::unique_ptr<SessionRoles> roles_;
};

TEST_F(SessionRolesTest, ALifeInItsOrder) {
  start();
  const auto lease = open();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_TRUE(lease->role.starts_with("agp_w1_")) << lease->role;
  EXPECT_TRUE(lease->keys);
  EXPECT_TRUE(lease->password.empty());
  EXPECT_TRUE(lease->deadline);
  const auto assigned = broker_.calls("chaperone.assign");
  ASSERT_EQ(assigned.size(), 1U);
  EXPECT_NE(assigned[0].find("ARRAY['agc_read-it']::text[]"), std::string::npos) << assigned[0];
  EXPECT_NE(assigned[0].find(R"('{"tenant":"it''s 7"}')"), std::string::npos)
      << "literals are quoted: " << assigned[0];
  roles_->used(lease->role);
  EXPECT_TRUE(eventually([&] { return broker_.calls("chaperone.seal('" + lease->role).size() == 1; }));
  roles_->close(lease->role);
  EXPECT_TRUE(eventually([&] { return !broker_.roles().contains(lease->role); }));
  EXPECT_EQ(broker_.calls("chaperone.shut").size(), 1U);
  EXPECT_EQ(broker_.calls("chaperone.drop").size(), 1U);
}

TEST_F(SessionRolesTest, WhoseSealFailsEnds) {
  broker_.refuses_seal = true;
  start();
  const auto lease = open();
  ASSERT_TRUE(lease) << lease.error().message;
  roles_->used(lease->role);
  EXPECT_TRUE(eventually([&] { return !broker_.roles().contains(lease->role); }));
  EXPECT_EQ(broker_.calls("chaperone.shut").size(), 1U) << "what is connected is ended";
}

TEST_F(SessionRolesTest, IsRecordedBeforeItIsMade) {
  std::atomic<int> unrecorded{0};
  broker_.on_open = [&](const std::string& role) { unrecorded += audit().find(role) == std::string::npos; };
  start();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(open());
  roles_.reset();
  EXPECT_EQ(unrecorded, 0);
}

TEST_F(SessionRolesTest, WhatCanNotBeRecordedIsNotMade) {
  start();
  ASSERT_TRUE(open());
  log_->close();
  const auto made = broker_.calls("chaperone.assign").size();
  EXPECT_FALSE(open());
  EXPECT_EQ(broker_.calls("chaperone.assign").size(), made);
}

TEST_F(SessionRolesTest, AnEndLeavesNothing) {
  start();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(open());  // none of which is closed
  EXPECT_GE(broker_.roles().size(), 30U);
  roles_.reset();
  EXPECT_EQ(broker_.roles().size(), 0U);
}

TEST_F(SessionRolesTest, EveryOpeningHasItsAnswerAndEveryRoleItsEndWhateverBreaks) {
  for (const bool runs_first : {false, true}) {
    broker_.runs_first = runs_first;
    broker_.breaks_off = true;
    start();
    std::atomic<int> answers{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 4; ++i) {
          const auto lease = open();
          ++answers;
          if (!lease) continue;
          roles_->used(lease->role);
          roles_->close(lease->role);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(answers, 16);
    broker_.breaks_off = false;
    roles_.reset();
    EXPECT_EQ(broker_.roles().size(), 0U) << (runs_first ? "done and not answered" : "not done");
  }
}

TEST_F(SessionRolesTest, WhatAnEarlierLifeLeftIsRemoved) {
  broker_.orphans = {"agp_w1_aaaaaaaaaaaaaaaa", "agp_w2_bbbbbbbbbbbbbbbb"};
  start();
  EXPECT_TRUE(eventually([&] { return broker_.calls("chaperone.drop").size() >= 1; }));
  const auto shut = broker_.calls("chaperone.shut");
  ASSERT_GE(shut.size(), 1U);
  EXPECT_NE(shut[0].find("agp_w1_aaaaaaaaaaaaaaaa"), std::string::npos) << shut[0];
  EXPECT_NE(broker_.calls("chaperone.orphans").at(0).find("('w1')"), std::string::npos);
}

TEST_F(SessionRolesTest, UnderANameThatAnotherHoldsNothingIsMade) {
  broker_.holds = false;
  start();
  const auto lease = open();
  ASSERT_FALSE(lease);
  EXPECT_NE(lease.error().message.find("another pgchaperone"), std::string::npos) << lease.error().message;
  EXPECT_EQ(broker_.calls("chaperone.open").size(), 0U);
  ASSERT_TRUE(eventually([&] { return !broker_.calls("chaperone.orphans").empty(); }));
  EXPECT_NE(broker_.calls("chaperone.orphans").at(0).find("('')"), std::string::npos)
      << "only what has expired is anybody's";
  broker_.holds = true;
  EXPECT_TRUE(eventually([&] { return open().has_value(); }));
}

TEST_F(SessionRolesTest, ARefusedOneIsCleanedUp) {
  broker_.refuses_assign = true;
  start();
  const auto lease = open();
  ASSERT_FALSE(lease);
  EXPECT_NE(lease.error().message.find("no capability role"), std::string::npos) << lease.error().message;
  roles_.reset();
  EXPECT_EQ(broker_.roles().size(), 0U);
}

TEST_F(SessionRolesTest, RefusesWhatComesAfterRefuse) {
  start();
  roles_->refuse();
  EXPECT_FALSE(open());
}

}  // namespace
}  // namespace chaperone::net
