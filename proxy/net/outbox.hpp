#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "proxy/net/socket.hpp"

namespace chaperone::net {

struct Leg;

/// What one round has to send, handed to the kernel in one call (io_uring), so that none of those who are
/// woken by it takes the processor away before all have what is theirs. Where the system has no io_uring, or
/// forbids it as containers do, one send after the other. Not thread-safe.
class Outbox {
 public:
  struct Send {
    Leg* leg;
    std::string_view bytes;
    Transfer result;  ///< set by send()
  };

  /// `together` false: one send after the other even so.
  explicit Outbox(bool together = true);
  ~Outbox();
  bool together() const { return ring_ != nullptr; }

  /// The bytes stay where they are until send(). One a leg at a time: a second one could overtake what the
  /// kernel did not take of the first.
  void add(Leg& leg, std::string_view bytes) { sends_.push_back({&leg, bytes, {Transfer::State::kOk}}); }
  /// Sends all as net::send() does. The caller looks at the results and clears them.
  std::vector<Send>& send();

 private:
  class Ring;
  std::unique_ptr<Ring> ring_;
  std::vector<Send> sends_;
};

}  // namespace chaperone::net
