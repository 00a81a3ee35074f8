#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace chaperone::net {

/// How many sessions each agent has, so that none takes the place of all others. Functions may be called from
/// any thread.
class AgentSessions {
 public:
  /// Before the first enter().
  void allow(std::uint32_t most) { most_ = most; }
  std::uint32_t most() const { return most_; }

  /// False: it has as many as it may. Else leave() has to follow.
  bool enter(const std::string& agent) {
    const std::lock_guard guard(mutex_);
    auto& sessions = sessions_[agent];
    if (sessions >= most_) return false;
    ++sessions;
    return true;
  }
  void leave(const std::string& agent) {
    const std::lock_guard guard(mutex_);
    const auto found = sessions_.find(agent);
    if (--found->second == 0) sessions_.erase(found);
  }

 private:
  std::uint32_t most_ = 1;  // so that what enter() finds full is never 0
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> sessions_;
};

}  // namespace chaperone::net
