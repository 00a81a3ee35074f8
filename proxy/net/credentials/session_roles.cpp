#include "proxy/net/credentials/session_roles.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/net/credentials/session_roles_broker.hpp"
#include "proxy/net/events.hpp"
#include "rules/broker/broker.hpp"
#include "rules/text.hpp"

namespace chaperone::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestWait = 5s;   // of a session, for its lease to be begun
constexpr auto kBetweenSame = 10s;  // lines of the log that say the same; the record has them all
constexpr std::size_t kMostDemand = 1000;

}  // namespace

SessionRoles::SessionRoles(std::string target, const session::Database& database, std::string name,
                           std::string instance, audit::Log& log)
    : target_(std::move(target)),
      name_(std::move(name)),
      instance_(std::move(instance)),
      log_(log),
      database_(database) {
  front_ = std::thread([this] { run_front(); });
  back_ = std::thread([this] { run_back(); });
}

SessionRoles::~SessionRoles() {
  constexpr auto kLastWords = 5s;
  refuse();
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    last_words_ = Clock::now() + kLastWords;
    ready_.clear();
    for (const std::string& role : ours_) {  // what is being shut just now is shut twice
      if (!shut_.contains(role)) closed_.push_back(role);
    }
  }
  back_wakes_.notify_all();
  back_.join();
}

void SessionRoles::refuse() {
  {
    const std::lock_guard guard(mutex_);
    refusing_ = true;
  }
  front_wakes_.notify_all();
  if (front_.joinable()) front_.join();
}

void SessionRoles::open(session::LeaseRequest request, Done done) {
  {
    const std::lock_guard guard(mutex_);
    if (!refusing_) {
      const auto now = Clock::now();
      openings_.push_back({std::move(request), std::move(done), now});
      demand_.push_back(now);
      if (demand_.size() > kMostDemand) demand_.pop_front();
      front_wakes_.notify_one();
      back_wakes_.notify_one();  // who makes some ahead
      return;
    }
  }
  done(LeaseError{"pgchaperone is shutting down"});
}

void SessionRoles::used(const std::string& role) {
  const std::lock_guard guard(mutex_);
  used_.push_back(role);
  front_wakes_.notify_one();
}

void SessionRoles::close(const std::string& role) {
  const std::lock_guard guard(mutex_);
  closed_.push_back(role);
  back_wakes_.notify_one();
}

void SessionRoles::follow(const session::Database& database) {
  const std::lock_guard guard(mutex_);
  if (!(database_.credential == database.credential)) ++login_;
  database_ = database;
  next_reap_ = {};
  back_wakes_.notify_one();
}

bool SessionRoles::idle() const {
  const std::lock_guard guard(mutex_);
  return openings_.empty() && ours_.empty();
}

std::size_t SessionRoles::roles() const {
  const std::lock_guard guard(mutex_);
  return ours_.size();
}

session::Database SessionRoles::database() const {
  const std::lock_guard guard(mutex_);
  return database_;
}

std::string SessionRoles::make_name() {
  std::string role = lease_name(instance_);
  const std::lock_guard guard(mutex_);
  ours_.insert(role);
  return role;
}

ControlOutcome<void> SessionRoles::record(std::string_view event, std::string_view role,
                                          std::string_view members) {
  const auto written = log_.append_event(
      wall_clock(), "lease",
      fmt::format(R"("event":"{}","role":"{}","server":{}{})", event, role, json_or_null(target_), members));
  if (!written)
    return session::ControlError{std::string(written.error().sqlstate), written.error().message, {}, {}};
  return {};
}

void SessionRoles::run_front() {
  Broker broker(*this, Broker::Commit::kAsynchronous);
  std::string said;  // last, of why there is no lease
  Clock::time_point said_at;
  std::unique_lock lock(mutex_);
  while (true) {
    front_wakes_.wait(lock, [this] { return refusing_ || !openings_.empty() || !used_.empty(); });
    if (refusing_) return;
    if (!used_.empty()) {  // before anybody else comes in: who is in could make a login of his own out of it
      const std::string role = std::move(used_.front());
      used_.pop_front();
      lock.unlock();
      const std::string sql = fmt::format("SELECT chaperone.seal({})", quote_literal(role));
      auto sealed = broker.query(sql);
      if (!sealed && !broker.connected()) sealed = broker.query(sql);
      if (!sealed) {
        spdlog::warn("lease role {} can't be sealed, so its session ends: {}", role,
                     session::text_of(sealed.error()));
        close(role);
      }
      lock.lock();
      continue;
    }
    Opening opening = std::move(openings_.front());
    openings_.pop_front();
    std::string why = why_not(opening, lock);
    lock.unlock();
    LeaseOutcome outcome = why.empty() ? make_lease(broker, opening.request) : LeaseOutcome(LeaseError{why});
    if (!outcome && (outcome.error().message != said || Clock::now() >= said_at + kBetweenSame)) {
      said = outcome.error().message;
      said_at = Clock::now();
      spdlog::error("no lease in {}: {}", target_, said);
    }
    opening.done(std::move(outcome));
    lock.lock();
  }
}

// Whose the roles of this instance are has to be known before there is one more.
std::string SessionRoles::why_not(const Opening& opening, std::unique_lock<std::mutex>& lock) {
  front_wakes_.wait_until(lock, opening.since + kLongestWait,
                          [this] { return refusing_ || hold_ != Hold::kUnknown || !failure_.empty(); });
  if (hold_ == Hold::kOurs) {
    if (ours_.size() < kMostRoles) return {};
    return fmt::format("{} roles are there or can't be removed", ours_.size());
  }
  if (hold_ == Hold::kAnothers) {
    return fmt::format(
        "another pgchaperone makes leases there as instance {}; give each its own (or `databases` names that "
        "server in two ways)",
        instance_);
  }
  return failure_.empty() ? "the broker's login takes too long" : failure_;
}

LeaseOutcome SessionRoles::make_lease(Broker& broker, const session::LeaseRequest& request) {
  const auth::ScramSecret secret = auth::ScramSecret::random();
  std::string why;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool was_connected = broker.connected();
    std::string role;
    bool is_ready = false;
    std::chrono::seconds lifetime;
    {
      const std::lock_guard guard(mutex_);
      lifetime = std::get<session::SessionRoleCredential>(database_.credential).lifetime;
      is_ready = attempt == 0 && !ready_.empty();
      if (is_ready) {
        role = std::move(ready_.front().first);
        ready_.pop_front();
        back_wakes_.notify_one();
      }
    }
    if (!is_ready) role = make_name();
    const auto done = assign(broker, role, is_ready, secret.verifier.to_text(), lifetime, request);
    if (done) {
      return session::Lease{
          .role = std::move(role), .keys = secret.keys, .deadline = Clock::now() + lifetime};
    }
    why = session::text_of(done.error());
    close(role);
    // A connection that was lost while nobody used it, or a role that somebody else has removed, say nothing
    // yet.
    if (!is_ready && !(was_connected && !broker.connected())) break;
  }
  return LeaseError{std::move(why)};
}

ControlOutcome<void> SessionRoles::assign(Broker& broker, const std::string& role, bool is_ready,
                                          const std::string& verifier, std::chrono::seconds lifetime,
                                          const session::LeaseRequest& request) {
  const auto& principal = request.principal;
  std::string capabilities, names, parameters;
  for (const std::string& capability : request.capabilities) {
    const std::string_view comma = capabilities.empty() ? "" : ",";
    capabilities += fmt::format("{}{}", comma, quote_literal(rules::capability_role(capability)));
    names += fmt::format("{}{}", comma, json_or_null(capability));
  }
  for (const auto& [name, value] : principal.parameters) {
    parameters +=
        fmt::format("{}{}:{}", parameters.empty() ? "" : ",", json_or_null(name), json_or_null(value));
  }
  const auto recorded = record(
      "opening", role,
      fmt::format(
          R"(,"session":"{}","database":{},"agent":{},"actor":{},"task":{},"capabilities":[{}],"seconds":{})",
          request.session, json_or_null(request.database), json_or_null(principal.agent),
          json_or_null(principal.actor), json_or_null(principal.task), names, lifetime.count()));
  if (!recorded) return recorded.error();
  const std::string ttl = fmt::format("interval '{} seconds'", lifetime.count());
  std::string sql;
  if (!is_ready) sql = fmt::format("SELECT chaperone.open({}, {});", quote_literal(role), ttl);
  sql += fmt::format("SELECT chaperone.assign({}, {}, {}, ARRAY[{}]::text[], {})", quote_literal(role),
                     quote_literal(verifier), ttl, capabilities, quote_literal("{" + parameters + "}"));
  const auto result = broker.query(sql);
  if (!result) return result.error();
  return {};
}

}  // namespace chaperone::net
