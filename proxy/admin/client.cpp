#include "proxy/admin/client.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "proxy/admin/admin.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::admin {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 64U << 10;

class Socket {
 public:
  Socket(int family, Clock::time_point deadline)
      : descriptor_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), deadline_(deadline) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;

  /// 0 or errno, here and below.
  int connect(const sockaddr* address, socklen_t length) {
    if (descriptor_ < 0) return errno;
    if (::connect(descriptor_, address, length) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (const int error = wait(POLLOUT)) return error;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
  }
  int send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        text.remove_prefix(static_cast<std::size_t>(sent));
      } else if (const int error = wait(POLLOUT)) {
        return error;
      }
    }
    return 0;
  }
  int receive_all(std::string& text) {
    char buffer[4096];
    while (text.size() < kMaxAnswer) {
      const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
      if (got == 0) return 0;
      if (got > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
      } else if (const int error = wait(POLLIN)) {
        return error;
      }
    }
    return EMSGSIZE;
  }

 private:
  /// After a call that could not go on at once.
  int wait(short events) const {
    if (errno != EAGAIN && errno != EINTR && errno != EINPROGRESS) return errno;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0) return ETIMEDOUT;
    pollfd entry{descriptor_, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    return ready < 0 && errno != EINTR ? errno : 0;
  }

  int descriptor_;
  Clock::time_point deadline_;
};

wire::Error no_answer(const session::Address& address, std::string_view why) {
  return {wire::sqlstate::kConnectionFailure, fmt::format("no answer from {}: {}", address.to_string(), why)};
}

int exchange(Socket& socket, std::string_view path, std::string& text) {
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: pgchaperone\r\nConnection: close\r\n\r\n", path);
  if (const int error = socket.send(request)) return error;
  return socket.receive_all(text);
}

int ask_unix(const std::string& path, Clock::time_point deadline, std::string_view target,
             std::string& text) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return ENAMETOOLONG;
  std::memcpy(name.sun_path, path.data(), path.size());
  Socket socket(AF_UNIX, deadline);
  if (const int error = socket.connect(reinterpret_cast<const sockaddr*>(&name), sizeof name)) return error;
  return exchange(socket, target, text);
}

/// Takes the addresses of the name in turn until one is connected to.
int ask_tcp(const addrinfo* list, Clock::time_point deadline, std::string_view target, std::string& text) {
  int error = EADDRNOTAVAIL;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    Socket socket(entry->ai_family, deadline);
    error = socket.connect(entry->ai_addr, entry->ai_addrlen);
    if (error == 0) return exchange(socket, target, text);
  }
  return error;
}

}  // namespace

wire::Result<Answer> get(const session::Address& address, std::string_view path,
                         std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  std::string text;
  int error = 0;
  if (address.unix_socket) {
    error = ask_unix(socket_path(address), deadline, path, text);
  } else {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failed =
        ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
    if (failed != 0) return no_answer(address, ::gai_strerror(failed));
    error = ask_tcp(list, deadline, path, text);
    ::freeaddrinfo(list);
  }
  if (error != 0) return no_answer(address, std::generic_category().message(error));

  constexpr std::string_view kProtocol = "HTTP/1.1 ";
  Answer answer;
  const std::size_t head = text.find("\r\n\r\n");
  if (!text.starts_with(kProtocol) || head == std::string::npos)
    return no_answer(address, "what came is not HTTP");
  const char* const digits = text.data() + kProtocol.size();
  if (std::from_chars(digits, digits + 3, answer.status).ec != std::errc{}) {
    return no_answer(address, "what came is not HTTP");
  }
  answer.body = text.substr(head + 4);
  return answer;
}

}  // namespace chaperone::admin
