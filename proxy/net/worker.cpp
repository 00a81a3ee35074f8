#include "proxy/net/worker.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <system_error>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {

namespace {

constexpr std::size_t kClientBuffer = 256U << 10;
constexpr std::size_t kServerBuffer = 128U << 10;

}  // namespace

Worker::Worker(Shared& shared, std::shared_ptr<const session::Environment> environment, audit::Values values)
    : shared_(shared),
      environment_(std::move(environment)),
      batch_(values),
      readiness_(::epoll_create1(EPOLL_CLOEXEC)),
      client_buffer_(kClientBuffer),
      server_buffer_(kServerBuffer) {
  if (!readiness_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(readiness_.get(), EPOLL_CTL_ADD, mailbox_.descriptor(), &event);
  thread_.admit = [this] { return admit(); };
}

Worker::~Worker() {
  post([this] { stopping_ = true; });
  if (thread_of_control_.joinable()) thread_of_control_.join();
}

void Worker::start() {
  thread_of_control_ = std::thread([this] { run(); });
}

session::Now Worker::now() const {
  using std::chrono::system_clock;
  const auto wall =
      std::chrono::duration_cast<std::chrono::microseconds>(system_clock::now().time_since_epoch());
  return {.steady = Clock::now(), .wall = wall.count()};
}

std::optional<wire::Error> Worker::admit() {
  if (shared_.draining) {
    return wire::Error{.sqlstate = wire::sqlstate::kCannotConnectNow,
                       .message = "pgchaperone is shutting down"};
  }
  if (shared_.log.down()) {
    return wire::Error{.sqlstate = wire::sqlstate::kDiskFull,
                       .message = "pgchaperone: the audit log can't be written, so nothing runs"};
  }
  if (shared_.sessions.fetch_add(1) >= shared_.max_sessions) {
    --shared_.sessions;
    return wire::Error{.sqlstate = wire::sqlstate::kTooManyConnections,
                       .message = "sorry, too many clients already",
                       .hint = "pgchaperone's limits.connections, or its limit of open files, is reached."};
  }
  --shared_.strangers;
  return std::nullopt;
}

void Worker::adopt(Descriptor client, std::shared_ptr<const TlsContext> tls) {
  set_options(client.get());
  auto connection = std::make_shared<Connection>(std::move(client), std::move(tls), environment_, thread_);
  connections_.emplace(connection.get(), connection);
  watch(connection->client, EPOLLIN);
  expect_end(*connection);
}

// Of the login, or of what a closing client still has to take.
void Worker::expect_end(Connection& connection) {
  deadlines_.erase({connection.deadline, &connection});
  connection.deadline = Clock::now() + shared_.login_timeout;
  deadlines_.emplace(connection.deadline, &connection);
}

// Of a session that is logged in. One that turns out later than it was is found so when its time comes.
void Worker::expect_deadline(Connection& connection) {
  const auto deadline = connection.session.deadline();
  if (!deadline || *deadline >= connection.deadline) return;
  deadlines_.erase({connection.deadline, &connection});
  connection.deadline = *deadline;
  deadlines_.emplace(connection.deadline, &connection);
}

void Worker::logged_in(Connection& connection) {
  connection.logged_in = true;
  if (!connection.lease_role.empty()) connection.lease_source->used(connection.lease_role);
  deadlines_.erase({connection.deadline, &connection});
  connection.deadline = kNever;
  if (!connection.session.client_key().secret_key.empty()) {
    shared_.cancel_keys.add(
        connection.session.client_key(),
        {connection.server_address, connection.session.upstream_tls(), connection.session.server_key()});
  }
}

void Worker::on_rules(std::shared_ptr<const session::Environment> environment,
                      const std::vector<RuleNews>& news) {
  if (environment) {
    environment_ = std::move(environment);
    thread_.sql = {};  // limits may have changed, and with them what can be read
  }
  for (const RuleNews& one : news) on_rules(one);
}

void Worker::on_rules(const RuleNews& news) {
  if (news.rules) thread_.rulebooks[news.database] = news.rules;
  if (news.kind == RuleNews::Kind::kForgotten || news.kind == RuleNews::Kind::kGone) {
    thread_.rulebooks.erase(news.database);
  }
  for (const auto& [raw, connection] : std::unordered_map(connections_)) {
    if (!connection->closed && connection->session.database_name() == news.database) {
      on_rules(*connection, news);
    }
  }
}

void Worker::on_rules(Connection& connection, const RuleNews& news) {
  using Kind = RuleNews::Kind;
  auto step = take_step();
  if (news.kind == Kind::kGone) {
    connection.session.on_rules_gone(*step);
  } else if (news.kind == Kind::kFailed) {
    connection.session.on_rules_failed(news.why, *step);
  } else {
    const bool waits = connection.rules_asked > news.answers;
    const bool answered = connection.rules_asked != 0 && !waits;
    if (answered) connection.rules_asked = 0;
    // A catalog that is older than what a session asks for would look like its answer; a policy can't wait.
    if (answered || news.kind == Kind::kPolicy || (news.kind == Kind::kCatalog && !waits)) {
      connection.session.on_rules(*step);
    }
  }
  settle(connection, std::move(step));
}

void Worker::revoke(std::shared_ptr<const auth::Revocations> revocations) {
  thread_.revocations = std::move(revocations);
  for (const auto& [raw, connection] : std::unordered_map(connections_)) {
    if (connection->closed) continue;
    auto step = take_step();
    connection->session.on_revocations(*step);
    settle(*connection, std::move(step));
  }
}

void Worker::drain(bool now) {
  for (const auto& [raw, connection] : std::unordered_map(connections_)) {
    if (connection->closed) continue;
    auto step = take_step();
    connection->session.drain(now, *step);
    settle(*connection, std::move(step));
  }
}

void Worker::carry_out(Connection& connection, session::Action action) {
  switch (action) {
    case session::Action::kNone:
      break;
    case session::Action::kLoadRules:
      break;  // the keeper has been told that the session is there
    case session::Action::kStartTls:
      start_tls(connection);
      break;
    case session::Action::kStartUpstreamTls:
      start_upstream_tls(connection);
      break;
    case session::Action::kOpenLease:
      if (take_place(connection)) open_lease(connection);
      break;
    case session::Action::kConnectUpstream:
      if (take_place(connection)) open_upstream(connection);
      break;
    case session::Action::kCancel:
      pass_cancel(connection);
      break;
    case session::Action::kCancelStatement:
      cancel_statement(connection);
      break;
    case session::Action::kFinishServer:
      say_goodbye(connection.server);
      connection.finish_server = true;
      if (!connection.server.socket) {
        close(connection);
      } else if (connection.server.unsent.empty()) {
        ::shutdown(connection.server.socket.get(), SHUT_WR);
      }
      break;
    case session::Action::kCancelAndClose:
      send_cancel(
          shared_.io,
          {connection.server_address, connection.session.upstream_tls(), connection.session.server_key()},
          [] {});
      [[fallthrough]];
    case session::Action::kClose:
      // The server learns of it at once; the client still gets what it is owed.
      say_goodbye(connection.server);
      say_goodbye(connection.client);
      unwatch(connection.server);
      connection.server.socket.reset();
      connection.server.unsent = {};
      close_lease(connection);  // whatever the server still does for it ends
      connection.close_when_sent = true;
      if (connection.client.unsent.empty() || connection.client.failed) {
        close(connection);
      } else {
        // A client that does not read its last message is not waited for longer than one that does not log
        // in.
        expect_end(connection);
      }
      break;
  }
}

// Once it is proved who it is, before anything is made for it.
bool Worker::take_place(Connection& connection) {
  if (!connection.counted_as.empty()) return true;
  const std::string& agent = connection.session.agent();
  if (shared_.agents.enter(agent)) {
    connection.counted_as = agent;
    return true;
  }
  auto step = take_step();
  connection.session.refuse(
      {.sqlstate = wire::sqlstate::kTooManyConnections,
       .message = fmt::format("pgchaperone: too many sessions of agent \"{}\", which may have {} at once",
                              agent, shared_.agents.most()),
       .hint = "End one of them, or have limits.connections_per_agent raised."},
      *step);
  settle(connection, std::move(step));
  return false;
}

// A lease that comes for a connection that is gone by then goes back at once.
void Worker::open_lease(Connection& connection) {
  auto request = connection.session.lease_request();
  auto source = shared_.credentials->find(connection.session.database(), request.database);
  if (!source) {
    auto step = take_step();
    connection.session.on_lease_failed("the configuration of this database was changed", *step);
    settle(connection, std::move(step));
    return;
  }
  connection.lease_source = source;
  source->open(
      std::move(request), [this, source, waiting = connection.weak_from_this()](LeaseOutcome outcome) {
        post([this, source, waiting, outcome = std::move(outcome)] {
          const auto kept = waiting.lock();
          if (!kept || kept->closed) {
            if (outcome) source->close(outcome->role);
            return;
          }
          auto step = take_step();
          session::Counters::add(outcome ? thread_.counters.leases_opened : thread_.counters.leases_failed);
          if (outcome) {
            kept->lease_role = outcome->role;
            kept->session.on_lease(*outcome, *step);
          } else {
            kept->session.on_lease_failed(outcome.error().message, *step);
          }
          settle(*kept, std::move(step));
        });
      });
}

void Worker::close_lease(Connection& connection) {
  if (connection.lease_role.empty()) return;
  connection.lease_source->close(std::exchange(connection.lease_role, {}));
}

void Worker::open_upstream(Connection& connection) {
  const auto& address = connection.session.upstream();
  if (address.unix_socket) {
    connection.candidates = {SocketAddress::of_unix_socket(address.socket_path())};
    try_candidates(connection, "");
    return;
  }
  const auto resolver = std::make_shared<boost::asio::ip::tcp::resolver>(shared_.io);
  resolver->async_resolve(
      address.host, std::to_string(address.port),
      [this, resolver, waiting = connection.weak_from_this()](const boost::system::error_code& error,
                                                              const auto& results) {
        std::vector<SocketAddress> addresses;
        for (const auto& result : results) {
          const auto endpoint = result.endpoint();
          addresses.push_back(SocketAddress::from(endpoint.data(), endpoint.size()));
        }
        post([this, waiting, addresses = std::move(addresses), why = error ? error.message() : "no address"] {
          const auto kept = waiting.lock();
          if (!kept || kept->closed) return;
          kept->candidates = addresses;
          try_candidates(*kept, why);
        });
      });
}

// One address after the other; `why` is what the last one came to.
void Worker::try_candidates(Connection& connection, std::string why) {
  unwatch(connection.server);
  connection.server.socket.reset();
  while (!connection.candidates.empty()) {
    const auto address = connection.candidates.front();
    connection.candidates.erase(connection.candidates.begin());
    Descriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int result = socket ? ::connect(socket.get(), address.get(), address.length) : -1;
    if (result != 0 && errno != EINPROGRESS) {
      why = std::generic_category().message(errno);
      continue;
    }
    set_options(socket.get());
    connection.server_address = address;
    connection.server.socket = std::move(socket);
    connection.server.failed = false;
    if (result == 0) {
      watch(connection.server, EPOLLIN);
      connected(connection);
    } else {
      connection.server.connecting = true;
      watch(connection.server, EPOLLOUT);
    }
    return;
  }
  auto step = take_step();
  connection.session.on_upstream_failed(why, *step);
  settle(connection, std::move(step));
}

void Worker::connected(Connection& connection) {
  connection.candidates = {};
  auto step = take_step();
  connection.session.on_upstream_connected(*step);
  settle(connection, std::move(step));
}

void Worker::pass_cancel(Connection& connection) {
  session::Counters::add(thread_.counters.cancel_requests);
  auto target = shared_.cancel_keys.find(connection.session.cancel_request());
  if (!target) {  // PostgreSQL says nothing either
    close(connection);
    return;
  }
  unwatch(connection.client);
  // Closed only when the server has closed ours, which PQcancel relies on.
  send_cancel(shared_.io, std::move(*target), [this, waiting = connection.weak_from_this()] {
    post([this, waiting] {
      if (const auto kept = waiting.lock()) close(*kept);
    });
  });
}

void Worker::cancel_statement(Connection& connection) {
  send_cancel(shared_.io,
              {connection.server_address, connection.session.upstream_tls(), connection.session.server_key()},
              [this, waiting = connection.weak_from_this()] {
                post([this, waiting] {
                  const auto kept = waiting.lock();
                  if (!kept || kept->closed) return;
                  auto step = take_step();
                  kept->session.on_cancel_sent(*step);
                  settle(*kept, std::move(step));
                });
              });
}

void Worker::close(Connection& connection) {
  if (connection.closed) return;
  connection.closed = true;
  unwatch(connection.client);
  unwatch(connection.server);
  connection.client.socket.reset();
  connection.server.socket.reset();
  if (connection.logged_in) shared_.cancel_keys.remove(connection.session.client_key());
  close_lease(connection);
  if (connection.uses_rules) shared_.rules->leave(connection.session.database_name());
  if (!connection.counted_as.empty()) shared_.agents.leave(connection.counted_as);
  --(connection.session.admitted() ? shared_.sessions : shared_.strangers);
  deadlines_.erase({connection.deadline, &connection});
  waiting_for_disk_.erase(&connection);
  dead_.push_back(&connection);
}

void Worker::bury() {
  for (auto* connection : dead_) connections_.erase(connection);
  dead_.clear();
}

}  // namespace chaperone::net
