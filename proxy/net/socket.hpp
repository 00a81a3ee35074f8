#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/session/gather.hpp"

namespace chaperone::net {

/// A file descriptor that is closed when its owner goes.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

/// A socket address of any family, as connect() takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  static SocketAddress of_unix_socket(const std::string& path);  // path shorter than sun_path
  static SocketAddress from(const sockaddr* address, std::size_t length);
};

/// What one receive or send came to.
struct Transfer {
  enum class State : std::uint8_t { kOk, kWouldBlock, kClosed, kFailed } state;
  std::size_t bytes = 0;  ///< moved; a send may be short with kWouldBlock
};

/// Receives once. kClosed: the peer sends nothing more. kFailed: the connection is lost.
Transfer receive(int fd, char* buffer, std::size_t size);
/// Sends as much as the kernel takes, never raising SIGPIPE.
Transfer send(int fd, const session::Gather& gather);
Transfer send(int fd, std::string_view bytes);

/// For both legs: no delay, and a peer that is gone is noticed (keepalive 60 s, 3 probes of 10 s;
/// unacknowledged data 15 s).
void set_options(int fd);

/// "127.0.0.1:51234", "[::1]:51234" or "unix", of the other end.
std::string peer_name(int fd);

}  // namespace chaperone::net
