#include "proxy/net/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>
#include <thread>

#include "proxy/net/worker.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {

namespace asio = boost::asio;

namespace {

// Connections that have not said yet who they are; more are turned away before they cost anything.
constexpr std::uint32_t kMaxStrangers = 512;
// Listeners, log, admin, libraries, connections that carry a CancelRequest.
constexpr rlim_t kOtherDescriptors = 128;

wire::Error failure(const session::Address& address, std::string_view what) {
  return {.sqlstate = wire::sqlstate::kConnectionFailure,
          .message =
              fmt::format("{}: {}: {}", address.to_string(), what, std::generic_category().message(errno))};
}

std::uint32_t sessions_that_fit(std::uint32_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t reserved = kOtherDescriptors + std::min<rlim_t>(kMaxStrangers, limit.rlim_cur / 4);
  const rlim_t fit =
      limit.rlim_cur > reserved + 2 ? (limit.rlim_cur - reserved) / 2 : 1;  // a session has two sockets
  if (fit >= wanted) return wanted;
  spdlog::warn("limits.connections is {}, but {} open files allow {} sessions (ulimit -n)", wanted,
               limit.rlim_cur, fit);
  return static_cast<std::uint32_t>(fit);
}

// A socket file that nobody listens on any more is in the way of ours; one that somebody does is not ours to
// take.
bool remove_stale(const SocketAddress& address, const std::string& path) {
  Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), address.get(), address.length) == 0) {
    errno = EADDRINUSE;
    return false;
  }
  return errno != ECONNREFUSED || ::unlink(path.c_str()) == 0;
}

struct Listener {
  Descriptor socket;
  std::string unlink_at_end;
  Listen configured = {};  ///< its TLS belongs to the acceptor's thread, once that runs
};

wire::Result<Listener> listen_on_path(const session::Address& address) {
  const std::string path = address.socket_path();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    errno = ENAMETOOLONG;
    return failure(address, "the path of the socket");
  }
  const auto local = SocketAddress::of_unix_socket(path);
  if (!remove_stale(local, path)) return failure(address, "listening");
  Listener listener{Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), path};
  if (::bind(listener.socket.get(), local.get(), local.length) != 0) return failure(address, "listening");
  ::chmod(path.c_str(), 0777);  // who may come in is decided by the login, as on TCP
  if (::listen(listener.socket.get(), SOMAXCONN) != 0) return failure(address, "listening");
  return listener;
}

wire::Result<Listener> listen_on(session::Address& address) {
  if (address.unix_socket) return listen_on_path(address);
  asio::io_context io;
  boost::system::error_code error;
  const auto results = asio::ip::tcp::resolver(io).resolve(address.host, std::to_string(address.port),
                                                           asio::ip::tcp::resolver::passive, error);
  if (error || results.empty()) {
    return wire::Error{.sqlstate = wire::sqlstate::kConnectionFailure,
                       .message = fmt::format("{}: {}", address.to_string(), error.message())};
  }
  const auto endpoint = results.begin()->endpoint();
  Listener listener{
      Descriptor(::socket(endpoint.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), {}};
  const int on = 1;
  ::setsockopt(listener.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(listener.socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(listener.socket.get(), SOMAXCONN) != 0) {
    return failure(address, "listening");
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  ::getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  address.port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                                   : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  return listener;
}

}  // namespace

struct Server::Implementation {
  explicit Implementation(audit::Log& log) : shared(log) {}

  asio::awaitable<void> accept(Listener& listener, asio::posix::stream_descriptor& descriptor);
  void take_all(const Listener& listener);
  void turn_away(Descriptor client);

  Shared shared;
  std::vector<session::Address> addresses;
  std::vector<Listener> listeners;
  std::unique_ptr<Credentials> credentials;  // outlive the workers, as the next one, which ask them
  std::unique_ptr<RuleKeeper> rules;
  std::vector<std::unique_ptr<Worker>> workers;
  std::size_t next_worker = 0;
  Descriptor reserve{
      ::open("/dev/null", O_RDONLY | O_CLOEXEC)};  // given up to answer when descriptors have run out
  std::vector<asio::posix::stream_descriptor> acceptors;
  std::thread acceptor_thread;
};

Server::Server() = default;

wire::Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options,
                                                    std::shared_ptr<const session::Environment> environment,
                                                    audit::Log& log) {
  std::unique_ptr<Server> server(new Server);
  server->implementation_ = std::make_unique<Implementation>(log);
  auto& my = *server->implementation_;
  my.shared.login_timeout = options.login_timeout;
  my.shared.max_sessions = sessions_that_fit(options.max_sessions);
  my.shared.agents.allow(options.max_sessions_per_agent == 0 ? my.shared.max_sessions
                                                             : options.max_sessions_per_agent);
  my.shared.sync = options.durability == audit::Durability::kSync;
  for (const auto& wanted : options.listen) {
    auto listener = listen_on(my.addresses.emplace_back(wanted.address));
    if (!listener) return listener.error();
    listener->configured = wanted;
    my.listeners.push_back(std::move(*listener));
  }
  my.credentials = std::make_unique<Credentials>(options.instance, log);
  my.credentials->follow(*environment);
  my.shared.credentials = my.credentials.get();
  my.rules = std::make_unique<RuleKeeper>(environment, log, [&my](auto fresh, auto news) {
    const auto shared = std::make_shared<const std::vector<RuleNews>>(std::move(news));
    for (auto& worker : my.workers)
      worker->post([&worker, fresh, shared] { worker->on_rules(fresh, *shared); });
  });
  my.shared.rules = my.rules.get();
  for (unsigned i = 0; i < std::max(1U, options.threads); ++i) {
    my.workers.push_back(std::make_unique<Worker>(my.shared, environment, options.values));
  }
  if (my.shared.sync) {
    log.on_durable([&my](std::uint64_t seq) {
      for (auto& worker : my.workers) worker->post([&worker, seq] { worker->on_durable(seq); });
    });
  }
  for (auto& worker : my.workers) worker->revoke(options.revocations);
  for (auto& worker : my.workers) worker->start();
  my.rules->start();
  my.acceptors.reserve(my.listeners.size());
  for (auto& listener : my.listeners) {
    auto& acceptor = my.acceptors.emplace_back(my.shared.io, ::dup(listener.socket.get()));
    asio::co_spawn(my.shared.io, my.accept(listener, acceptor), asio::detached);
  }
  my.acceptor_thread = std::thread([&my] { my.shared.io.run(); });
  return server;
}

Server::~Server() {
  if (!implementation_) return;
  auto& my = *implementation_;
  my.shared.io.stop();
  if (my.acceptor_thread.joinable()) my.acceptor_thread.join();
  for (const auto& listener : my.listeners) {
    if (!listener.unlink_at_end.empty()) ::unlink(listener.unlink_at_end.c_str());
  }
  if (my.rules) my.rules->stop();
  if (my.shared.sync) my.shared.log.on_durable({});
  if (my.credentials) my.credentials->refuse();
  my.workers.clear();
}

asio::awaitable<void> Server::Implementation::accept(Listener& listener,
                                                     asio::posix::stream_descriptor& descriptor) {
  const auto use = asio::as_tuple(asio::use_awaitable);
  while (true) {
    auto [error] = co_await descriptor.async_wait(asio::posix::descriptor_base::wait_read, use);
    if (error) co_return;
    take_all(listener);
  }
}

void Server::Implementation::take_all(const Listener& listener) {
  const int socket = listener.socket.get();
  while (true) {
    Descriptor client(::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EMFILE && errno != ENFILE) return;
      spdlog::error("no descriptors are left: a connection is turned away");
      reserve.reset();
      turn_away(Descriptor(::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)));
      reserve = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      continue;
    }
    if (shared.strangers >= kMaxStrangers) {
      turn_away(std::move(client));
      continue;
    }
    ++shared.strangers;
    auto& worker = *workers[next_worker++ % workers.size()];
    const auto passed = std::make_shared<Descriptor>(std::move(client));
    worker.post([&worker, passed, tls = listener.configured.tls] { worker.adopt(std::move(*passed), tls); });
  }
}

void Server::Implementation::turn_away(Descriptor client) {
  if (!client) return;
  std::string message;
  wire::backend::encode_error_response(
      message, "FATAL",
      {.sqlstate = wire::sqlstate::kTooManyConnections, .message = "sorry, too many clients already"});
  (void)send(client.get(), message);
}

const std::vector<session::Address>& Server::addresses() const {
  return implementation_->addresses;
}

std::string Server::reload(std::shared_ptr<const session::Environment> environment,
                           const std::vector<Listen>& listen) {
  auto problems = implementation_->rules->reload(environment);
  if (!problems.empty()) return problems;
  implementation_->credentials->follow(*environment);
  asio::post(implementation_->shared.io, [&listeners = implementation_->listeners, listen] {
    for (auto& listener : listeners) {
      auto& configured = listener.configured;
      for (const auto& fresh : listen) {
        if (fresh.address == configured.address && fresh.tls && configured.tls) configured.tls = fresh.tls;
      }
    }
  });
  return {};
}

void Server::reload_refused() {
  implementation_->rules->refused();
}

session::RuleReport Server::rules() const {
  return implementation_->rules->report();
}

std::size_t Server::lease_roles() const {
  return implementation_->credentials->roles();
}

void Server::revoke(std::shared_ptr<const auth::Revocations> revocations) {
  for (auto& worker : implementation_->workers) {
    worker->post([&worker, revocations] { worker->revoke(revocations); });
  }
}

void Server::drain() {
  implementation_->shared.draining = true;
  for (auto& worker : implementation_->workers) worker->post([&worker] { worker->drain(false); });
}

void Server::end_sessions() {
  for (auto& worker : implementation_->workers) worker->post([&worker] { worker->drain(true); });
}

bool Server::draining() const {
  return implementation_->shared.draining;
}
std::uint32_t Server::sessions() const {
  return implementation_->shared.sessions;
}
std::uint32_t Server::max_sessions() const {
  return implementation_->shared.max_sessions;
}

std::vector<const session::Counters*> Server::counters() const {
  std::vector<const session::Counters*> counters;
  for (const auto& worker : implementation_->workers) counters.push_back(&worker->counters());
  return counters;
}

}  // namespace chaperone::net
