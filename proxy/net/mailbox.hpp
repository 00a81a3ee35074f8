#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "proxy/net/socket.hpp"

namespace chaperone::net {

/// What other threads want done on a thread that sleeps in epoll_wait().
class Mailbox {
 public:
  using Task = std::function<void()>;

  /// Throws std::system_error if the system has no descriptor left.
  Mailbox();

  /// Readable while there are tasks.
  int descriptor() const { return wake_.get(); }
  /// From any thread. What is posted and never run is dropped with the mailbox.
  void post(Task task);
  /// Runs what was posted so far, in its order, on the owner's thread.
  void run();

 private:
  Descriptor wake_;  // eventfd
  std::mutex mutex_;
  std::vector<Task> tasks_;
};

}  // namespace chaperone::net
