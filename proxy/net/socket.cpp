#include "proxy/net/socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace chaperone::net {
namespace {

Transfer failure() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {Transfer::State::kWouldBlock};
  return {Transfer::State::kFailed};
}

}  // namespace

SocketAddress SocketAddress::of_unix_socket(const std::string& path) {
  SocketAddress address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), std::min(path.size(), sizeof(local.sun_path) - 1));
  address.length = sizeof(sockaddr_un);
  return address;
}

SocketAddress SocketAddress::from(const sockaddr* source, std::size_t length) {
  SocketAddress address;
  std::memcpy(&address.storage, source, std::min(length, sizeof(address.storage)));
  address.length = static_cast<socklen_t>(length);
  return address;
}

Transfer receive(int fd, char* buffer, std::size_t size) {
  const auto n = ::recv(fd, buffer, size, MSG_DONTWAIT);
  if (n > 0) return {Transfer::State::kOk, static_cast<std::size_t>(n)};
  if (n == 0) return {Transfer::State::kClosed};
  return failure();
}

Transfer send(int fd, std::string_view bytes) {
  const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return failure();
  const auto sent = static_cast<std::size_t>(n);
  return {sent == bytes.size() ? Transfer::State::kOk : Transfer::State::kWouldBlock, sent};
}

Transfer send(int fd, const session::Gather& gather) {
  if (gather.pieces() == 1) return send(fd, gather.piece(0));
  constexpr std::size_t kPieces = 64;
  std::array<iovec, kPieces> vector{};
  std::size_t sent = 0, next = 0;
  while (next < gather.pieces()) {
    msghdr message{};
    std::size_t size = 0;
    while (message.msg_iovlen < kPieces && next < gather.pieces()) {
      const auto piece = gather.piece(next++);
      vector[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
      size += piece.size();
    }
    message.msg_iov = vector.data();
    const auto n = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      auto result = failure();
      result.bytes = sent;
      return result;
    }
    sent += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < size) return {Transfer::State::kWouldBlock, sent};
  }
  return {Transfer::State::kOk, sent};
}

void set_options(int fd) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  // On a Unix socket the TCP options fail, and are not needed.
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

std::string peer_name(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "unknown";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(address.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(address.sin6_port));
  }
  return "unix";
}

}  // namespace chaperone::net
