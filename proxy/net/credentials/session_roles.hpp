#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/control_connection.hpp"
#include "proxy/net/credentials/source.hpp"

namespace chaperone::net {

/// `session_role`: a role for each session, by the functions of rules::lease_sql().
///
///     open()  -> [open()] assign()    a role that can log in, for a minute, by keys that only we have
///     used()  -> seal()               it can't any more
///     close() -> shut(), drop()       what it still runs ends; then it is gone
///
/// Two threads, each with a connection of its own as the broker. The front one makes logins, which sessions
/// wait for; it does not wait for the disk, since a role that a crash loses only fails its login. The back
/// one makes roles ahead of time while sessions come, removes those that are over, and at its start and every
/// half minute those that nobody knows any more: of this instance all that are not ours, of others what has
/// expired. So that they are nobody's, its connection holds the instance's name in that database; where
/// another one holds it no lease is opened. What is made is recorded before it is made.
class SessionRoles : public CredentialSource {
 public:
  /// `log` outlives it.
  SessionRoles(std::string target, const session::Database& database, std::string name, std::string instance,
               audit::Log& log);
  /// Removes all that it made, within 5 s; what is left then is for the next start to find.
  ~SessionRoles() override;

  void open(session::LeaseRequest request, Done done) override;
  void used(const std::string& role) override;
  void close(const std::string& role) override;
  void follow(const session::Database& database) override;
  bool idle() const override;
  std::size_t roles() const override;
  void refuse() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Opening {
    session::LeaseRequest request;
    Done done;
    Clock::time_point since;
  };
  struct Removal {
    Clock::time_point due;
    Clock::duration pause;  ///< until the attempt behind it
  };
  /// Whose the instance's name is in that database.
  enum class Hold : std::uint8_t { kUnknown, kOurs, kAnothers };

  class Broker;
  session::Database database() const;
  std::string make_name();
  /// An error: it can't be recorded, so it may not be done.
  ControlOutcome<void> record(std::string_view event, std::string_view role, std::string_view members = {});

  // The front thread.
  void run_front();
  std::string why_not(const Opening& opening, std::unique_lock<std::mutex>& lock);
  LeaseOutcome make_lease(Broker& broker, const session::LeaseRequest& request);
  ControlOutcome<void> assign(Broker& broker, const std::string& role, bool is_ready,
                              const std::string& verifier, std::chrono::seconds lifetime,
                              const session::LeaseRequest& request);

  // The back thread: what there is to do, each step a part of it.
  void run_back();
  ControlOutcome<void> take_care(Broker& broker);
  ControlOutcome<void> hold(Broker& broker);
  ControlOutcome<void> reap(Broker& broker);
  ControlOutcome<void> keep_ready(Broker& broker);
  ControlOutcome<void> shut(Broker& broker);
  ControlOutcome<void> drop(Broker& broker);
  void tell(const ControlOutcome<void>& outcome);
  std::size_t wanted_ready();
  Clock::time_point next_due();

  const std::string target_;
  const std::string name_;  // by which agents call the database
  const std::string instance_;
  audit::Log& log_;

  mutable std::mutex mutex_;
  session::Database database_;
  std::atomic<unsigned> login_{0};  // how often the way to log in as the broker has changed
  std::condition_variable front_wakes_, back_wakes_;
  bool refusing_ = false, stopping_ = false;
  Clock::time_point last_words_;  // once stopping_
  Hold hold_ = Hold::kUnknown;
  std::string failure_;  // what the back thread met last; empty: it can do its work
  std::deque<Opening> openings_;
  std::deque<std::string> used_;
  std::deque<std::pair<std::string, Clock::time_point>> ready_;  // made ahead, and when
  std::deque<Clock::time_point> demand_;                         // of the last openings
  std::unordered_set<std::string> ours_;                         // every role that is or may be there
  std::vector<std::string> closed_;                              // to be shut
  std::map<std::string, Removal> shut_;                          // to be dropped
  Clock::time_point next_reap_, next_attempt_;

  std::thread front_, back_;
};

}  // namespace chaperone::net
