#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "proxy/net/socket.hpp"
#include "proxy/net/tls_context.hpp"
#include "proxy/session/login.hpp"

namespace chaperone::net {

/// Where a CancelRequest goes: the server of that session, how TLS is spoken there (nullptr = not at all),
/// and its own key there.
struct CancelTarget {
  SocketAddress server;
  std::shared_ptr<const TlsContext> tls = {};
  session::CancelKey key;
};

/// Our cancel keys, of all threads. Thread-safe. Two servers may give out the same PID, so a PID may stand
/// for several sessions; the secret decides.
class CancelKeys {
 public:
  void add(const session::CancelKey& ours, CancelTarget target);
  void remove(const session::CancelKey& ours);
  /// The target of a request; nothing for a key that is not ours. Secrets are compared in constant time.
  std::optional<CancelTarget> find(const wire::CancelRequest& request) const;

 private:
  struct Entry {
    std::string secret_key;
    CancelTarget target;
  };
  mutable std::mutex mutex_;
  std::unordered_multimap<std::int32_t, Entry> entries_;
};

/// Sends the target's server a CancelRequest, encrypted where its session is, and waits until it closes the
/// connection, for then the signal is sent; 5 s at most. `done` is called on the thread of `io`.
void send_cancel(boost::asio::io_context& io, CancelTarget target, std::function<void()> done);

}  // namespace chaperone::net
