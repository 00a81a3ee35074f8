#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "proxy/net/credentials/session_roles_broker.hpp"
#include "rules/text.hpp"

namespace chaperone::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kOpening = 3s;
constexpr auto kAnswering = 6s;  // of which the server knows too: statement_timeout
constexpr auto kBetweenReaps = 30s;
constexpr auto kBetweenHolds = 1s;  // attempts, while another one holds the instance's name
constexpr auto kAfterFailure = 1s;
constexpr auto kUntilGone = 50ms;    // that a session which is ended needs, mostly
constexpr auto kLongestPause = 10s;  // between attempts to drop a role
constexpr auto kKeptReady = 10min;
constexpr auto kDemand = 20s;  // openings of so long tell how many roles are made ahead
constexpr std::size_t kMostReady = 32;
constexpr std::size_t kBatch = 64;  // roles that one statement removes

std::string array_of(const std::vector<std::string>& roles) {
  std::string sql;
  for (const std::string& role : roles) sql += (sql.empty() ? "" : ",") + quote_literal(role);
  return fmt::format("ARRAY[{}]::text[]", sql);
}

/// What a query of one column gave.
std::vector<std::string> column_of(const std::vector<session::ControlResult>& results) {
  std::vector<std::string> values;
  for (const auto& result : results) {
    for (const auto& row : result.rows) values.push_back(row.empty() ? "" : row[0].value_or(""));
  }
  return values;
}

}  // namespace

std::string quote_literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + "'";
}

ControlOutcome<std::vector<session::ControlResult>> SessionRoles::Broker::query(std::string_view sql) {
  if (!connected()) {
    connection_.reset();
    login_ = owner_.login_;
    session::ControlLogin login = session::control_login(owner_.database(), owner_.name_, "");
    // A broker whose machine is gone gives the instance's name back within half a minute.
    login.parameters = {{"application_name", "pgchaperone broker"},
                        {"statement_timeout", "5s"},
                        {"lock_timeout", "3s"},
                        {"standard_conforming_strings", "on"},
                        {"search_path", "pg_catalog"},
                        {"tcp_keepalives_idle", "10"},
                        {"tcp_keepalives_interval", "5"},
                        {"tcp_keepalives_count", "3"}};
    if (commit_ == Commit::kAsynchronous) login.parameters.emplace_back("synchronous_commit", "off");
    auto opened = ControlConnection::open(std::move(login), kOpening);
    if (!opened) return opened.error();
    connection_.emplace(std::move(*opened));
  }
  return connection_->query(sql, kAnswering);
}

void SessionRoles::run_back() {
  Broker broker(*this, Broker::Commit::kSynchronous);
  std::unique_lock lock(mutex_);
  while (true) {
    for (auto due = next_due(); Clock::now() < due; due = next_due()) back_wakes_.wait_until(lock, due);
    if (stopping_ && (ours_.empty() || Clock::now() >= last_words_)) break;
    lock.unlock();
    const auto outcome = take_care(broker);
    lock.lock();
    if (!broker.connected()) {
      hold_ = Hold::kUnknown;
      next_reap_ = {};
    }
    tell(outcome);
  }
  if (!ours_.empty())
    spdlog::warn("{} lease role(s) are left in {} until the next start", ours_.size(), target_);
}

// Under the lock, as all that says when.
SessionRoles::Clock::time_point SessionRoles::next_due() {
  const auto now = Clock::now();
  if (stopping_ && (ours_.empty() || now >= last_words_)) return now;
  auto due = stopping_ ? std::min(next_reap_, last_words_) : next_reap_;
  for (const auto& [role, removal] : shut_) due = std::min(due, removal.due);
  const std::size_t wanted = wanted_ready();
  if (!closed_.empty() || ready_.size() < wanted || (wanted == 0 && !ready_.empty())) due = now;
  if (!ready_.empty()) due = std::min({due, ready_.front().second + kKeptReady, demand_.back() + kDemand});
  return std::max(due, next_attempt_);
}

// As many as two seconds need at the rate of the last twenty.
std::size_t SessionRoles::wanted_ready() {
  while (!demand_.empty() && demand_.front() + kDemand <= Clock::now()) demand_.pop_front();
  if (demand_.empty() || refusing_ || hold_ != Hold::kOurs) return 0;
  return std::clamp<std::size_t>(demand_.size() / 10, 2, kMostReady);
}

void SessionRoles::tell(const ControlOutcome<void>& outcome) {
  std::string failure = outcome ? "" : session::text_of(outcome.error());
  if (!outcome) next_attempt_ = Clock::now() + kAfterFailure;
  if (failure == failure_) return;
  if (!failure.empty()) spdlog::error("leases in {}: {}", target_, failure);
  failure_ = std::move(failure);
  front_wakes_.notify_all();
}

ControlOutcome<void> SessionRoles::take_care(Broker& broker) {
  for (const auto step : {&SessionRoles::hold, &SessionRoles::reap, &SessionRoles::keep_ready,
                          &SessionRoles::shut, &SessionRoles::drop}) {
    auto done = (this->*step)(broker);
    if (!done) return done;
  }
  return {};
}

ControlOutcome<void> SessionRoles::hold(Broker& broker) {
  {
    const std::lock_guard guard(mutex_);
    if (hold_ == Hold::kOurs && broker.connected()) return {};
  }
  const auto answer = broker.query(fmt::format("SELECT chaperone.hold({})", quote_literal(instance_)));
  if (!answer) return answer.error();
  const bool ours = column_of(*answer) == std::vector<std::string>{"t"};
  const std::lock_guard guard(mutex_);
  if (!ours && hold_ != Hold::kAnothers) {
    spdlog::error(
        "leases in {}: another pgchaperone makes them as instance {}; give each its own (or `databases` "
        "names "
        "that server in two ways)",
        target_, instance_);
  }
  hold_ = ours ? Hold::kOurs : Hold::kAnothers;
  front_wakes_.notify_all();
  return {};
}

ControlOutcome<void> SessionRoles::reap(Broker& broker) {
  bool alone = false;
  {
    const std::lock_guard guard(mutex_);
    if (Clock::now() < next_reap_) return {};
    alone = hold_ == Hold::kOurs;
    next_reap_ = Clock::now() + (alone ? Clock::duration(kBetweenReaps) : kBetweenHolds);
  }
  const auto answer =
      broker.query(fmt::format("SELECT chaperone.orphans({})", quote_literal(alone ? instance_ : "")));
  if (!answer) return answer.error();
  for (std::string& role : column_of(*answer)) {
    const std::lock_guard guard(mutex_);
    if (!ours_.insert(role).second) continue;
    spdlog::warn("lease role {} was left over and is removed", role);
    closed_.push_back(std::move(role));
  }
  return {};
}

ControlOutcome<void> SessionRoles::keep_ready(Broker& broker) {
  while (true) {
    {
      const std::lock_guard guard(mutex_);
      const std::size_t wanted = wanted_ready();
      while (!ready_.empty() && (wanted == 0 || ready_.front().second + kKeptReady <= Clock::now())) {
        closed_.push_back(std::move(ready_.front().first));
        ready_.pop_front();
      }
      if (ready_.size() >= wanted) return {};
    }
    std::string role = make_name();
    auto made = record("making", role);
    if (made) {
      const auto answer =
          broker.query(fmt::format("SELECT chaperone.open({}, interval '1 hour')", quote_literal(role)));
      if (!answer) made = answer.error();
    }
    const std::lock_guard guard(mutex_);
    if (!made) {
      closed_.push_back(std::move(role));
      return made;
    }
    ready_.emplace_back(std::move(role), Clock::now());
  }
}

ControlOutcome<void> SessionRoles::shut(Broker& broker) {
  std::vector<std::string> roles;
  {
    const std::lock_guard guard(mutex_);
    const auto rest = closed_.begin() + static_cast<std::ptrdiff_t>(std::min(kBatch, closed_.size()));
    std::move(closed_.begin(), rest, std::back_inserter(roles));
    closed_.erase(closed_.begin(), rest);
  }
  if (roles.empty()) return {};
  auto done = ControlOutcome<void>();
  for (const std::string& role : roles) (void)record("closing", role);  // what ends need not wait for the log
  const auto answer = broker.query(fmt::format("SELECT chaperone.shut({})", array_of(roles)));
  if (!answer) done = answer.error();
  const std::lock_guard guard(mutex_);
  for (std::string& role : roles) {
    if (!done) {
      closed_.push_back(std::move(role));
    } else if (ours_.contains(role)) {
      shut_[std::move(role)] = {Clock::now() + kUntilGone, kUntilGone};
    }
  }
  return done;
}

ControlOutcome<void> SessionRoles::drop(Broker& broker) {
  std::vector<std::string> roles;
  {
    const std::lock_guard guard(mutex_);
    const auto now = Clock::now();
    for (auto& [role, removal] : shut_) {
      if (removal.due > now || roles.size() == kBatch) continue;
      roles.push_back(role);
      removal.pause = std::min<Clock::duration>(removal.pause * 2, kLongestPause);
      removal.due = now + removal.pause;
    }
  }
  if (roles.empty()) return {};
  const auto answer = broker.query(fmt::format("SELECT chaperone.drop({})", array_of(roles)));
  if (!answer) return answer.error();
  for (const std::string& role : column_of(*answer)) {
    (void)record("dropped", role);
    const std::lock_guard guard(mutex_);
    shut_.erase(role);
    ours_.erase(role);
  }
  return {};
}

}  // namespace chaperone::net
