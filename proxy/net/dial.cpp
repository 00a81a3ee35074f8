#include "proxy/net/dial.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace chaperone::net {

using Clock = std::chrono::steady_clock;

bool wait_for(int fd, short events, Clock::time_point deadline, int stop) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    std::array<pollfd, 2> entries{{{fd, events, 0}, {stop, POLLIN, 0}}};
    const int ready = ::poll(entries.data(), entries.size(),
                             static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return entries[1].revents == 0;
    if (ready < 0 && errno != EINTR) return true;  // the call that follows tells why
  }
}

namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// A connected socket, or errno in `error`.
Descriptor connect_to(const SocketAddress& address, int family, Clock::time_point deadline, int stop,
                      int& error) {
  Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  error = 0;
  if (!socket) {
    error = errno;
    return socket;
  }
  if (::connect(socket.get(), address.get(), address.length) == 0) return socket;
  error = errno;
  if (error == EINPROGRESS) {
    error = ETIMEDOUT;
    if (wait_for(socket.get(), POLLOUT, deadline, stop)) {
      socklen_t size = sizeof error;
      if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    }
  }
  return socket;
}

}  // namespace

Descriptor dial(const session::Address& server, Clock::time_point deadline, std::string& why, int stop) {
  int error = EADDRNOTAVAIL;
  Descriptor socket;
  if (server.unix_socket) {
    const std::string path = server.socket_path();
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      error = ENAMETOOLONG;
    } else {
      socket = connect_to(SocketAddress::of_unix_socket(path), AF_UNIX, deadline, stop, error);
    }
  } else {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failed = ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &list);
    if (failed != 0) {
      why = ::gai_strerror(failed);
      return {};
    }
    for (const addrinfo* entry = list; entry != nullptr && error != 0; entry = entry->ai_next) {
      socket = connect_to(SocketAddress::from(entry->ai_addr, entry->ai_addrlen), entry->ai_family, deadline,
                          stop, error);
    }
    ::freeaddrinfo(list);
  }
  if (error == 0) return socket;
  why = reason(error);
  return {};
}

}  // namespace chaperone::net
