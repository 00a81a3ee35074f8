#include "proxy/net/local_end.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "proxy/auth/base64url.hpp"
#include "proxy/auth/scram.hpp"
#include "proxy/net/peer_owner.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {
namespace {

/// More than any pool has.
constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kPasswordBytes = 24;
constexpr int kBacklog = 64;

wire::Error failure(std::string_view what) {
  return {.sqlstate = wire::sqlstate::kInternalError,
          .message = fmt::format("{}: {}", what, std::generic_category().message(errno))};
}

/// Where a directory of one's own may be made.
std::string place() {
  for (const char* const name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value == '/' && ::access(value, W_OK | X_OK) == 0) return value;
  }
  return "/tmp";
}

void refuse(const Descriptor& client, std::string_view sqlstate, std::string_view why) {
  std::string error;
  wire::backend::encode_error_response(
      error, "FATAL", {.sqlstate = sqlstate, .message = fmt::format("pgchaperone connect: {}", why)});
  (void)send(client.get(), error);
}

}  // namespace

LocalEnd::LocalEnd(ForwardTarget target)
    : target_(std::move(target)), password_(auth::base64url_encode(auth::random_bytes(kPasswordBytes))) {
}

wire::Result<std::unique_ptr<LocalEnd>> LocalEnd::open(ForwardTarget target) {
  std::unique_ptr<LocalEnd> made(new LocalEnd(std::move(target)));
  if (const auto listening = made->listen(); !listening) return listening.error();
  made->accepting_ = std::thread([end = made.get()] { end->accept(); });
  return made;
}

wire::Result<void> LocalEnd::listen() {
  constexpr int kType = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  stop_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_) return failure("eventfd");
  tcp_ = Descriptor(::socket(AF_INET, kType, 0));
  SocketAddress any;
  auto& address = reinterpret_cast<sockaddr_in&>(any.storage);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  any.length = sizeof(address);
  if (!tcp_ || ::bind(tcp_.get(), any.get(), any.length) != 0 || ::listen(tcp_.get(), kBacklog) != 0 ||
      ::getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&any.storage), &any.length) != 0) {
    return failure("a port of 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  std::string directory = place() + "/pgchaperone-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return failure(directory);
  directory_ = std::move(directory);
  const session::Address local{directory_, port_, true};
  if (local.socket_path().size() >= sizeof(sockaddr_un::sun_path)) {
    errno = ENAMETOOLONG;
    return failure(local.socket_path());
  }
  const auto path = SocketAddress::of_unix_socket(local.socket_path());
  unix_ = Descriptor(::socket(AF_UNIX, kType, 0));
  if (!unix_ || ::bind(unix_.get(), path.get(), path.length) != 0 || ::listen(unix_.get(), kBacklog) != 0) {
    return failure(local.socket_path());
  }
  return {};
}

LocalEnd::~LocalEnd() {
  if (stop_) ::eventfd_write(stop_.get(), 1);
  if (accepting_.joinable()) accepting_.join();
  if (directory_.empty()) return;
  ::unlink(session::Address{directory_, port_, true}.socket_path().c_str());
  ::rmdir(directory_.c_str());
}

void LocalEnd::accept() {
  constexpr int kReapEvery = 1000;  // milliseconds
  while (true) {
    std::array<pollfd, 3> entries{
        {{stop_.get(), POLLIN, 0}, {unix_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}}};
    ::poll(entries.data(), entries.size(), connections_.empty() ? -1 : kReapEvery);
    if (entries[0].revents != 0) break;
    reap(false);
    for (const auto& [listener, by_port] : {std::pair(&unix_, false), std::pair(&tcp_, true)}) {
      Descriptor client(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client) {
        admit(std::move(client), by_port);
      } else if (errno == EMFILE || errno == ENFILE) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until one of ours has ended
      }
    }
  }
  reap(true);
}

void LocalEnd::admit(Descriptor client, bool by_port) {
  if (peer_owner(client.get()) != ::geteuid()) {
    return refuse(client, wire::sqlstate::kInvalidAuthorization, "this is for the programs of another user");
  }
  if (connections_.size() >= kMaxConnections) {
    return refuse(client, wire::sqlstate::kTooManyConnections, "too many connections");
  }
  if (by_port) set_options(client.get());
  Connection& connection = connections_.emplace_back();
  connection.thread = std::thread([this, &connection, by_port, client = std::move(client)]() mutable {
    static const std::string none;
    forward(std::move(client), by_port ? password_ : none, target_, stop_.get());
    connection.over = true;
  });
}

void LocalEnd::reap(bool all) {
  for (auto each = connections_.begin(); each != connections_.end();) {
    if (!all && !each->over) {
      ++each;
      continue;
    }
    each->thread.join();
    each = connections_.erase(each);
  }
}

}  // namespace chaperone::net
