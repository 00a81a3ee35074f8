#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/catalog_reader.hpp"
#include "proxy/net/mailbox.hpp"
#include "proxy/session/rule_report.hpp"
#include "proxy/session/rulebook.hpp"
#include "rules/policy/problems.hpp"

namespace chaperone::net {

/// What there is to tell the I/O threads of the rules of one database.
struct RuleNews {
  enum class Kind : std::uint8_t {
    kNothingNew,  ///< the answer to refresh() alone
    kCatalog,     ///< `rules` over a newer catalog
    kPolicy,      ///< `rules` of a newer policy
    kForgotten,   ///< nobody used them: who comes next asks again
    kGone,        ///< the name means another database now, or none
    kFailed,      ///< there are none: `why`
  };
  std::string database;
  Kind kind = Kind::kNothingNew;
  std::shared_ptr<const session::Rulebook> rules = nullptr;
  std::uint64_t answers = 0;  ///< refresh() up to this number
  std::string why = {};       ///< for the operator
};

/// Keeps the rulebooks of all databases: reads the catalogs, loads the policy over them, and tells the I/O
/// threads.
///
/// A database of the configuration is read when the keeper starts and the policy gives an agent capabilities,
/// any other when a session needs it. While sessions are there, and a minute longer, the catalog is looked at
/// every 5 s over one connection that stays open. What can't be read or loaded leaves in force what was
/// there.
///
/// One thread decides, and is the only one that parses (libpg_query takes a key of the process from each
/// thread that does); blocking calls to servers have a thread each, so that a server that hangs holds up
/// nobody else's rules.
class RuleKeeper {
 public:
  /// Called on the keeper's thread, in the order in which things take effect. With an environment: it and the
  /// news take effect together.
  using Tell = std::function<void(std::shared_ptr<const session::Environment>, std::vector<RuleNews>)>;

  /// `log` outlives the keeper.
  RuleKeeper(std::shared_ptr<const session::Environment> environment, audit::Log& log, Tell tell);
  ~RuleKeeper();  ///< stop()

  void start();
  /// Waits for what is under way with a server, which is bounded by its timeouts; then nothing is told any
  /// more.
  void stop();

  /// All below may be called from any thread while the keeper is there.

  /// A session that is decided by the rules of this database has come, with this role: it waits for them, or
  /// has them.
  void enter(std::string database, std::string role);
  /// It has gone.
  void leave(std::string database);
  /// A fresher rulebook is wanted, as of now. Gives the number that the answer will cover; it comes within
  /// 3 s. At most once a second is a server asked.
  std::uint64_t refresh(std::string database);
  /// Puts another environment in force. Waits for the verdict: empty, or why the policy does not load over
  /// the catalog of a database that has rules, and then nothing has changed. What an older catalog would
  /// refuse is held against a fresh one, which takes 3 s at most.
  std::string reload(std::shared_ptr<const session::Environment> environment);
  /// A newer configuration was refused before it came here.
  void refused();
  session::RuleReport report() const;

 private:
  using Clock = std::chrono::steady_clock;
  using ReadOutcome = ControlOutcome<std::optional<HashedCatalog>>;
  /// One database.
  struct Keeping {
    std::string name;    ///< as agents use it
    std::string role;    ///< of the session that came first, for a credential that names none
    bool named = false;  ///< the configuration names it
    session::Database database;
    std::string target;
    std::uint64_t generation = 0;  ///< of `target`

    std::size_t sessions = 0;
    Clock::time_point used;  ///< when the last of them went
    bool awake = false;      ///< looked at by time
    bool wanted = false;     ///< not only by time
    bool told = false;       ///< the I/O threads have `rules`

    std::shared_ptr<CatalogReader> reader;
    std::thread reading;
    bool busy = false;
    Clock::time_point began;  ///< the last read
    Clock::time_point heard;  ///< the last one that succeeded came back

    std::optional<HashedCatalog> catalog;  ///< may be newer than that of `rules`: the policy may not load
    std::shared_ptr<const session::Rulebook> rules;
    std::string failed;  ///< why there are none, or no newer ones
    bool policy_refused = false;

    std::uint64_t asked = 0, covered = 0, answered = 0;  ///< by refresh(); covered by the last read
    Clock::time_point asked_at, asked_next_at;           ///< first one not answered; first one not covered

    bool is_target_of(const session::Environment& environment) const;
    void follow(const session::Database& entry);
    void ask(std::uint64_t number, Clock::time_point now);
  };

  /// A reload that waits for fresh catalogs.
  struct Reload {
    std::shared_ptr<const session::Environment> environment;
    std::promise<std::string>* verdict;  ///< who waits for it keeps it
    std::uint64_t number;                ///< of refresh()
  };

  // rule_keeper.cpp: catalogs
  void run();
  int milliseconds_to_wait() const;
  Clock::time_point due(const Keeping& keeping) const;
  void act();
  bool is_named(const std::string& name) const;
  Keeping& keep(const std::string& name, const std::string& role, const session::Database& database);
  bool make_room();
  void entered(const std::string& name, const std::string& role);
  void load_named();
  void sleep(Keeping& keeping);
  void read(Keeping& keeping);
  void have_read(const std::string& name, std::uint64_t generation, ReadOutcome outcome);
  void have_failed(Keeping& keeping, std::string why);
  void tell_rules(Keeping& keeping, RuleNews::Kind kind);
  void tell(RuleNews news);

  // rule_keeper_policy.cpp: the policy over them
  std::shared_ptr<const session::Rulebook> load(const Keeping& keeping,
                                                const session::Environment& environment,
                                                rules::Problems& problems) const;
  void load_over_catalog(Keeping& keeping);
  void refuse(Keeping& keeping, const rules::Problems& problems);
  void take_effect(Keeping& keeping, std::shared_ptr<const session::Rulebook> rules,
                   const rules::Problems& problems);
  void begin_reload(std::shared_ptr<const session::Environment> environment,
                    std::promise<std::string>& verdict);
  void end_reloads();
  std::string reload_now(const std::shared_ptr<const session::Environment>& environment, bool last);
  bool same_rules(const session::Environment& environment) const;
  void follow_databases(std::vector<RuleNews>& news);
  void record(const Keeping& keeping, std::string_view event, std::string_view policy, std::string_view why);
  void update_report();

  std::shared_ptr<const session::Environment> environment_;
  /// The last environment with a policy: who was enforced stays so, even if the policy is taken away.
  std::shared_ptr<const session::Environment> policy_environment_;
  audit::Log& log_;
  Tell tell_;
  Mailbox mailbox_;
  bool stopping_ = false;
  std::map<std::string, std::unique_ptr<Keeping>, std::less<>> databases_;
  std::vector<Reload> reloads_;
  std::atomic<std::uint64_t> asked_{0};
  std::uint64_t catalog_loads_ = 0, catalog_checks_ = 0, catalog_failures_ = 0;
  std::uint64_t policy_refusals_ = 0, refreshes_ = 0;
  bool newest_refused_ = false;
  double policy_since_ = 0;
  mutable std::mutex report_mutex_;
  session::RuleReport report_;
  Clock::time_point last_word_ = Clock::time_point::max();  // see RuleReport::catalog_age
  std::thread thread_;
};

}  // namespace chaperone::net
