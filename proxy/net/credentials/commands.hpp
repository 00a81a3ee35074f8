#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/credentials/source.hpp"
#include "proxy/net/socket.hpp"

namespace chaperone::net {

/// Runs the command of the database, whose credential is a CommandCredential, for a lease of that name.
/// Blocks. `stop`: see run_command().
LeaseOutcome command_lease(const session::Database& database, const session::LeaseRequest& request,
                           const std::string& name, int stop = -1);

/// `command`: a program that gives a credential for each session. What it gave is recorded, without the
/// secret, before it is used. Threads for as many as run at once, and no more than kMaxCommands; they come as
/// they are needed.
class Commands : public CredentialSource {
 public:
  /// `log` outlives it.
  Commands(const session::Database& database, std::string instance, audit::Log& log);
  ~Commands() override;

  void open(session::LeaseRequest request, Done done) override;
  void used(const std::string&) override {}
  void close(const std::string&) override {}
  void follow(const session::Database& database) override;
  bool idle() const override;
  std::size_t roles() const override { return 0; }
  void refuse() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    session::LeaseRequest request;
    Done done;
    Clock::time_point since;
  };

  void run();
  LeaseOutcome make(const Job& job);

  const std::string instance_;
  audit::Log& log_;
  mutable std::mutex mutex_;
  std::condition_variable wakes_;
  session::Database database_;
  std::deque<Job> jobs_;
  std::size_t running_ = 0, resting_ = 0;
  bool refusing_ = false;
  Descriptor stop_;  // readable once there is no time left for commands
  std::vector<std::thread> threads_;
};

}  // namespace chaperone::net
