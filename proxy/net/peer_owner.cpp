#include "proxy/net/peer_owner.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace chaperone::net {
namespace {

/// As /proc/net/tcp and tcp6 write one: 32 bits at a time as numbers of this machine's byte order.
std::string in_table(const sockaddr_storage& storage) {
  const bool v6 = storage.ss_family == AF_INET6;
  std::array<std::uint32_t, 4> words{};
  std::uint16_t port = 0;
  if (v6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof(address));
    std::memcpy(words.data(), &address.sin6_addr, sizeof(words));
    port = ntohs(address.sin6_port);
  } else {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof(address));
    words[0] = address.sin_addr.s_addr;
    port = ntohs(address.sin_port);
  }
  std::string text;
  for (std::size_t i = 0; i < (v6 ? words.size() : 1); ++i) text += fmt::format("{:08X}", words[i]);
  return fmt::format("{}:{:04X}", text, port);
}

std::optional<uid_t> owner_by_table(const char* file, const std::string& local, const std::string& remote) {
  constexpr std::string_view kEstablished = "01";
  // The table may lose a line to another one that goes while it is read.
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::ifstream table(file);
    for (std::string line; std::getline(table, line);) {
      if (line.find(local) == std::string::npos) continue;
      std::istringstream fields(line);
      std::string number, from, to, state, queues, timer, retransmits;
      uid_t user = 0;
      fields >> number >> from >> to >> state >> queues >> timer >> retransmits >> user;
      if (fields && from == local && to == remote && state == kEstablished) return user;
    }
  }
  return {};
}

}  // namespace

std::optional<uid_t> peer_owner(int fd) {
  sockaddr_storage ours{}, theirs{};
  socklen_t length = sizeof(ours), other_length = sizeof(theirs);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&ours), &length) != 0 ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&theirs), &other_length) != 0) {
    return {};
  }
  if (ours.ss_family == AF_UNIX) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
    return peer.uid;
  }
  if (ours.ss_family != AF_INET && ours.ss_family != AF_INET6) return {};
  return owner_by_table(ours.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", in_table(theirs),
                        in_table(ours));
}

}  // namespace chaperone::net
