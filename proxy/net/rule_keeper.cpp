#include "proxy/net/rule_keeper.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "proxy/net/credentials/own_login.hpp"
#include "proxy/net/log_lines.hpp"
#include "rules/text.hpp"

namespace chaperone::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenReads = 1s;  // however often sessions ask
constexpr auto kBetweenLooks = 5s;  // without being asked
constexpr auto kLongestWait = 3s;   // of a session that asked
constexpr auto kKeptUnused = 60s;
/// Beside those of the configuration: names that agents used under "*".
constexpr std::size_t kMostOthers = 100;
constexpr std::string_view kTooMany = "too many databases are in use that the configuration does not name";

constexpr auto kNever = std::chrono::steady_clock::time_point::max();

}  // namespace

RuleKeeper::RuleKeeper(std::shared_ptr<const session::Environment> environment, audit::Log& log, Tell tell)
    : environment_(std::move(environment)), log_(log), tell_(std::move(tell)) {
  if (environment_->policy) policy_environment_ = environment_;
  policy_since_ = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

RuleKeeper::~RuleKeeper() {
  stop();
}

void RuleKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void RuleKeeper::stop() {
  if (!thread_.joinable()) return;
  mailbox_.post([this] { stopping_ = true; });
  thread_.join();
  for (auto& [name, keeping] : databases_) {
    if (keeping->reading.joinable()) keeping->reading.join();
  }
}

void RuleKeeper::enter(std::string database, std::string role) {
  mailbox_.post([this, database = std::move(database), role = std::move(role)] { entered(database, role); });
}

void RuleKeeper::leave(std::string database) {
  mailbox_.post([this, database = std::move(database)] {
    const auto found = databases_.find(database);
    if (found == databases_.end()) return;
    if (--found->second->sessions == 0) found->second->used = Clock::now();
  });
}

std::uint64_t RuleKeeper::refresh(std::string database) {
  const std::uint64_t number = ++asked_;
  mailbox_.post([this, number, database = std::move(database)] {
    ++refreshes_;
    const auto found = databases_.find(database);
    if (found == databases_.end()) {
      tell({.database = database, .answers = number});
    } else {
      found->second->ask(number, Clock::now());
    }
  });
  return number;
}

std::string RuleKeeper::reload(std::shared_ptr<const session::Environment> environment) {
  std::promise<std::string> verdict;
  mailbox_.post(
      [this, &verdict, environment = std::move(environment)] { begin_reload(environment, verdict); });
  return verdict.get_future().get();
}

void RuleKeeper::refused() {
  mailbox_.post([this] {
    ++policy_refusals_;
    newest_refused_ = true;
  });
}

session::RuleReport RuleKeeper::report() const {
  const std::lock_guard guard(report_mutex_);
  session::RuleReport report = report_;
  if (last_word_ != kNever) {
    report.catalog_age = std::chrono::duration<double>(Clock::now() - last_word_).count();
  }
  return report;
}

void RuleKeeper::run() {
  load_named();
  while (true) {
    act();
    update_report();
    pollfd inbox{mailbox_.descriptor(), POLLIN, 0};
    ::poll(&inbox, 1, milliseconds_to_wait());
    mailbox_.run();
    if (stopping_) break;
  }
  for (const Reload& reload : reloads_) reload.verdict->set_value("pgchaperone is about to end");
}

int RuleKeeper::milliseconds_to_wait() const {
  auto next = kNever;
  for (const auto& [name, keeping] : databases_) next = std::min(next, due(*keeping));
  if (next == kNever) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

RuleKeeper::Clock::time_point RuleKeeper::due(const Keeping& keeping) const {
  auto next = kNever;
  if (keeping.asked > keeping.answered) next = keeping.asked_at + kLongestWait;
  if (keeping.busy || !keeping.awake) return next;
  next = std::min(next, keeping.began + (keeping.wanted ? kBetweenReads : kBetweenLooks));
  if (keeping.sessions == 0) next = std::min(next, keeping.used + kKeptUnused);
  return next;
}

void RuleKeeper::act() {
  const auto now = Clock::now();
  for (auto next = databases_.begin(); next != databases_.end();) {
    Keeping& keeping = *next->second;
    if (keeping.asked > keeping.answered && now >= keeping.asked_at + kLongestWait) {
      keeping.answered = keeping.asked;
      tell({.database = keeping.name, .answers = keeping.answered});
    }
    if (!keeping.busy && keeping.awake) {
      if (keeping.sessions == 0 && now >= keeping.used + kKeptUnused) {
        sleep(keeping);
      } else if (now >= keeping.began + (keeping.wanted ? kBetweenReads : kBetweenLooks)) {
        read(keeping);
      }
    }
    const bool over = !keeping.busy && !keeping.awake && !keeping.named && keeping.sessions == 0;
    next = over ? databases_.erase(next) : std::next(next);
  }
  end_reloads();
}

bool RuleKeeper::is_named(const std::string& name) const {
  return name != "*" && environment_->databases.contains(name);
}

RuleKeeper::Keeping& RuleKeeper::keep(const std::string& name, const std::string& role,
                                      const session::Database& database) {
  auto& slot = databases_[name];
  if (!slot) {
    slot = std::make_unique<Keeping>();
    slot->name = name;
    slot->role = role;
    slot->named = is_named(name);
    slot->follow(database);
  }
  return *slot;
}

// Of the databases that nobody needs now the one that was used longest ago makes room.
bool RuleKeeper::make_room() {
  std::size_t others = 0;
  Keeping* oldest = nullptr;
  for (const auto& [name, keeping] : databases_) {
    if (keeping->named || !keeping->awake) continue;
    ++others;
    if (keeping->sessions != 0 || keeping->busy) continue;
    if (oldest == nullptr || keeping->used < oldest->used) oldest = keeping.get();
  }
  if (others < kMostOthers) return true;
  if (oldest != nullptr) sleep(*oldest);
  return oldest != nullptr;
}

void RuleKeeper::entered(const std::string& name, const std::string& role) {
  const session::Database* database = environment_->find_database(name);
  if (database == nullptr) {  // a reload took it away while this one logged in
    tell({.database = name, .kind = RuleNews::Kind::kGone});
    return;
  }
  Keeping& keeping = keep(name, role, *database);
  ++keeping.sessions;
  if (keeping.told) return;  // the I/O thread has them, or they are on their way
  if (keeping.busy) {        // it is told when that comes back
    keeping.awake = true;
    return;
  }
  const bool room = keeping.awake || keeping.named || make_room();
  if (!room) keeping.failed = kTooMany;
  if (!room || (!keeping.failed.empty() && Clock::now() < keeping.began + kBetweenReads)) {
    tell({.database = name, .kind = RuleNews::Kind::kFailed, .why = keeping.failed});
    return;
  }
  keeping.awake = keeping.wanted = true;
}

void RuleKeeper::Keeping::ask(std::uint64_t number, Clock::time_point now) {
  if (asked <= answered) asked_at = now;
  if (asked <= covered) asked_next_at = now;
  asked = std::max(asked, number);
  wanted = true;
}

// What the configuration names is read before anybody asks, where the credential says as whom.
void RuleKeeper::load_named() {
  const auto& policy = environment_->policy;
  const auto has_rules = [&](const auto& agent) {
    return !agent.second.observe || environment_->judges(agent.first);
  };
  if (!policy || std::ranges::none_of(policy->agents, has_rules)) return;
  for (const auto& [name, database] : environment_->databases) {
    if (name == "*" || !names_its_role(database)) continue;
    Keeping& keeping = keep(name, "", database);
    if (keeping.awake || keeping.rules) continue;
    spdlog::info("reading the catalog of database {} at {}", rules::in_quotes(name),
                 database.server.to_string());
    keeping.awake = keeping.wanted = true;
    keeping.used = Clock::now();
  }
}

void RuleKeeper::sleep(Keeping& keeping) {
  keeping.awake = keeping.wanted = false;
  keeping.reader->hang_up();
  if (std::exchange(keeping.told, false)) {
    tell({.database = keeping.name, .kind = RuleNews::Kind::kForgotten});
  }
}

void RuleKeeper::read(Keeping& keeping) {
  keeping.busy = true;
  keeping.wanted = false;
  keeping.began = Clock::now();
  keeping.covered = keeping.asked;
  keeping.reading = std::thread([this, name = keeping.name, reader = keeping.reader,
                                 generation = keeping.generation] {
    const auto outcome = std::make_shared<ReadOutcome>(reader->read());
    mailbox_.post([this, name, generation, outcome] { have_read(name, generation, std::move(*outcome)); });
  });
}

void RuleKeeper::have_read(const std::string& name, std::uint64_t generation, ReadOutcome outcome) {
  Keeping& keeping = *databases_.find(name)->second;  // which is kept while it is busy
  keeping.reading.join();
  keeping.busy = false;
  if (generation != keeping.generation) {  // of another database, which a reload has replaced
    keeping.began = {};
    return;
  }
  if (!outcome) {
    ++catalog_failures_;
    have_failed(keeping, fmt::format("the catalog of database {} can't be read: {}", rules::in_quotes(name),
                                     session::text_of(outcome.error())));
    return;
  }
  keeping.heard = Clock::now();
  const bool fresh = *outcome && (!keeping.catalog || (*outcome)->hash != keeping.catalog->hash);
  if (fresh) {
    ++catalog_loads_;
    keeping.catalog = std::move(**outcome);
    load_over_catalog(keeping);
  } else {
    ++catalog_checks_;
    if (!keeping.rules) {
      have_failed(keeping, keeping.failed);
    } else {
      tell_rules(keeping, keeping.told ? RuleNews::Kind::kNothingNew : RuleNews::Kind::kCatalog);
    }
  }
}

// What was in force stays so; who waits for the first rules is told that there are none.
void RuleKeeper::have_failed(Keeping& keeping, std::string why) {
  // Once, while it goes on failing for one reason.
  if (why != keeping.failed) log_lines(spdlog::level::err, why);
  keeping.failed = std::move(why);
  if (keeping.rules) {
    tell_rules(keeping, keeping.told ? RuleNews::Kind::kNothingNew : RuleNews::Kind::kCatalog);
  } else {
    tell({.database = keeping.name, .kind = RuleNews::Kind::kFailed, .why = keeping.failed});
  }
}

// With the answer to who asked before the read began.
void RuleKeeper::tell_rules(Keeping& keeping, RuleNews::Kind kind) {
  const bool asked = keeping.covered > keeping.answered;
  if (asked) {
    keeping.answered = keeping.covered;
    keeping.asked_at = keeping.asked_next_at;
  }
  keeping.told = true;
  if (!asked && kind == RuleNews::Kind::kNothingNew) return;
  tell({.database = keeping.name,
        .kind = kind,
        .rules = keeping.rules,
        .answers = asked ? keeping.answered : 0,
        .why = {}});
}

void RuleKeeper::tell(RuleNews news) {
  std::vector<RuleNews> all;
  all.push_back(std::move(news));
  tell_(nullptr, std::move(all));
}

}  // namespace chaperone::net
