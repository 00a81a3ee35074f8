#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "proxy/net/worker.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {

namespace {

constexpr std::size_t kReceive = 64U << 10;  // from a client at once, and at least from a server
constexpr std::size_t kRecordsUnwritten = 64U << 10;
constexpr auto kRecordDelay = std::chrono::milliseconds(2);

}  // namespace

void Worker::run() {
  std::array<epoll_event, 64> events;
  while (!stopping_) {
    const int count = ::epoll_wait(readiness_.get(), events.data(), static_cast<int>(events.size()),
                                   milliseconds_to_wait());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        mailbox_.run();
      } else {
        handle(*static_cast<Leg*>(event.data.ptr), event.events);
      }
    }
    meet_deadlines();
    commit();
    bury();
  }
  (void)write_records();
}

int Worker::milliseconds_to_wait() const {
  auto due = records_due_;
  if (!deadlines_.empty()) due = std::min(due, deadlines_.begin()->first);
  if (due == kNever) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

void Worker::meet_deadlines() {
  if (deadlines_.empty()) return;
  const auto at = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= at) {
    auto& connection = *deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    if (connection.close_when_sent) {
      close(connection);
      continue;
    }
    if (connection.logged_in) connection.deadline = kNever;
    auto step = take_step();
    connection.session.on_deadline(*step);
    settle(connection, std::move(step));
  }
}

void Worker::handle(Leg& leg, std::uint32_t events) {
  auto& connection = *leg.connection;
  if (connection.closed || !leg.watched) return;  // an earlier event of this round ended it
  const bool is_client = &leg == &connection.client;
  if (leg.connecting) {
    int error = 0;
    socklen_t length = sizeof(error);
    ::getsockopt(leg.socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    leg.connecting = false;
    if (error == 0) {
      connected(connection);
    } else {
      try_candidates(connection, std::generic_category().message(error));
    }
    return;
  }
  if ((events & EPOLLOUT) != 0) flush(leg);
  if (connection.closed || !leg.watched) return;
  if ((events & EPOLLIN) != 0) {
    is_client ? read_client(connection) : read_server(connection);
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Shut down in both directions. What is readable still counts, but for a client that can't be answered.
    is_client ? lost(leg) : read_server(connection);
  }
}

void Worker::read_client(Connection& connection) {
  if (client_buffer_.size() - client_buffer_used_ < kReceive) commit();
  if (connection.closed || !connection.client.watched) return;
  char* const to = client_buffer_.data() + client_buffer_used_;
  const auto got = receive_from(connection.client, to, kReceive);
  if (got.bytes > 0) {
    client_buffer_used_ += got.bytes;
    const bool proves_itself = !connection.session.logged_in();
    auto step = take_step();
    connection.session.on_client({to, got.bytes}, *step);
    settle(connection, std::move(step));
    if (proves_itself) ::explicit_bzero(to, got.bytes);  // a login keeps no view of what it got
  }
  if (got.state == Transfer::State::kFailed) lost(connection.client);
  if (got.state != Transfer::State::kClosed) return;
  connection.client_eof = true;
  auto step = take_step();
  connection.session.on_client_closed(*step);
  settle(connection, std::move(step));
}

void Worker::read_server(Connection& connection) {
  if (server_buffer_.size() - server_buffer_used_ < kReceive) commit();
  if (connection.closed || !connection.server.watched) return;
  char* const to = server_buffer_.data() + server_buffer_used_;
  const auto got = receive_from(connection.server, to, server_buffer_.size() - server_buffer_used_);
  const int error = errno;
  if (got.bytes > 0) {
    server_buffer_used_ += got.bytes;
    auto step = take_step();
    connection.session.on_server({to, got.bytes}, *step);
    settle(connection, std::move(step));
  }
  if (got.state == Transfer::State::kClosed) server_gone(connection, "it closed");
  if (got.state == Transfer::State::kFailed) {
    const Tls* const tls = connection.server.tls.get();
    server_gone(connection, tls != nullptr && tls->state() == Tls::State::kFailed
                                ? "TLS with it failed: " + tls->failure()
                                : std::generic_category().message(error));
  }
}

void Worker::server_gone(Connection& connection, std::string_view why) {
  auto step = take_step();
  connection.session.on_server_closed(why, *step);
  unwatch(connection.server);
  connection.server.failed = true;
  settle(connection, std::move(step));
}

// The other leg's unsent rest.
void Worker::flush(Leg& leg) {
  auto& connection = *leg.connection;
  const bool is_client = &leg == &connection.client;
  if (!leg.unsent.empty() && !leg.failed) {
    const auto sent = send(leg.socket.get(), leg.unsent);
    if (sent.state == Transfer::State::kFailed) {
      lost(leg);
      return;
    }
    leg.unsent.erase(0, sent.bytes);
    if (leg.unsent.empty()) leg.unsent = {};
  }
  if (leg.unsent.empty()) {
    if (is_client && connection.close_when_sent) {
      close(connection);
      return;
    }
    if (!is_client && connection.finish_server) ::shutdown(leg.socket.get(), SHUT_WR);
  }
  update_interest(connection);
}

std::unique_ptr<session::Step> Worker::take_step() {
  if (spare_steps_.empty()) return std::make_unique<session::Step>(batch_, now());
  auto step = std::move(spare_steps_.back());
  spare_steps_.pop_back();
  step->now = now();
  step->action = session::Action::kNone;
  step->refresh_rules = false;
  return step;
}

// What a step says is done by commit(), with the others of the round.
void Worker::settle(Connection& connection, std::unique_ptr<session::Step> step) {
  if (connection.session.logged_in() && !connection.logged_in) logged_in(connection);
  if (connection.logged_in && !connection.close_when_sent) expect_deadline(connection);
  const auto& database = connection.session.database_name();
  if (!connection.uses_rules && !database.empty()) {
    connection.uses_rules = true;
    shared_.rules->enter(database, connection.session.role());
  }
  if (step->refresh_rules) connection.rules_asked = shared_.rules->refresh(database);
  if (step->to_client.empty() && step->to_server.empty() && step->action == session::Action::kNone) {
    spare_steps_.push_back(std::move(step));
    update_interest(connection);
    return;
  }
  deferred_.push_back({&connection, std::move(step)});
}

// The records of the round, then its sends, then what else its steps say. Some of it leads to further steps
// (a client that is lost, a connect that is done at once).
void Worker::commit() {
  do {
    const auto recorded = write_records_due();
    settling_.swap(deferred_);
    for (auto& [connection, step] : settling_) {
      if (connection->closed) continue;
      if (!recorded && !step->to_server.empty()) {
        step->to_server.clear();
        connection->session.abort({.sqlstate = wire::sqlstate::kDiskFull,
                                   .message = "pgchaperone: the audit log can't be written, so nothing runs"},
                                  *step);
      }
      send_to(connection->client, step->to_client);
      send_upstream(*connection, *step, recorded ? *recorded : 0);
    }
    send_queued();
    for (auto& [connection, step] : settling_) {
      if (!connection->closed) carry_out(*connection, step->action);
      update_interest(*connection);
      step->to_client.clear();
      step->to_server.clear();
      spare_steps_.push_back(std::move(step));
    }
    settling_.clear();
  } while (!deferred_.empty());
  client_buffer_used_ = server_buffer_used_ = 0;
}

// Gives the seq that covers what is about to go upstream; 0 = that needs none.
wire::Result<std::uint64_t> Worker::write_records_due() {
  if (batch_.has_intents() || batch_.bytes() >= kRecordsUnwritten) return write_records();
  if (batch_.empty()) return 0;
  // Outcomes alone wait for more. A log that is down says itself which of them it misses.
  const auto at = Clock::now();
  if (records_due_ == kNever) records_due_ = at + kRecordDelay;
  if (records_due_ <= at) (void)write_records();
  return 0;
}

wire::Result<std::uint64_t> Worker::write_records() {
  auto appended = shared_.log.append(batch_);
  batch_.clear();
  records_due_ = kNever;
  return appended;
}

void Worker::send_queued() {
  auto& sends = outbox_.send();
  for (auto& [leg, bytes, result] : sends) {
    leg->queued = false;
    if (leg->connection->closed) continue;
    if (result.state == Transfer::State::kFailed) {
      lost(*leg);
    } else if (result.bytes < bytes.size()) {
      leg->unsent = bytes.substr(result.bytes);
    }
  }
  sends.clear();
  forget_sealed();
}

void Worker::send_upstream(Connection& connection, session::Step& step, std::uint64_t seq) {
  if (step.to_server.empty()) return;
  auto& server = connection.server;
  if (shared_.sync && seq > shared_.log.durable()) {
    append(server, step.to_server);
    connection.sendable_at = seq;
    waiting_for_disk_.insert(&connection);
    return;
  }
  if (connection.sendable_at != 0) {
    append(server, step.to_server);
    return;
  }
  send_to(server, step.to_server);
}

void Worker::on_durable(std::uint64_t seq) {
  for (auto next = waiting_for_disk_.begin(); next != waiting_for_disk_.end();) {
    auto& connection = **next;
    if (connection.sendable_at > seq) {
      ++next;
      continue;
    }
    next = waiting_for_disk_.erase(next);
    connection.sendable_at = 0;
    flush(connection.server);
  }
}

// Behind what waits already.
void Worker::append(Leg& leg, const session::Gather& gather) {
  if (leg.tls) {
    seal(leg, gather, leg.unsent);
  } else {
    leg.unsent += gather.flatten();
  }
}

void Worker::send_to(Leg& leg, const session::Gather& gather) {
  if (gather.empty()) return;
  if (leg.queued) send_queued();
  if (leg.failed || leg.connection->closed) return;
  if (!leg.unsent.empty()) {
    append(leg, gather);
    return;
  }
  if (leg.tls) {
    send_sealed(leg, gather);
    return;
  }
  if (gather.pieces() == 1) {
    leg.queued = true;
    outbox_.add(leg, gather.piece(0));
    return;
  }
  const auto sent = send(leg.socket.get(), gather);
  if (sent.state == Transfer::State::kFailed) {
    lost(leg);
  } else if (sent.bytes < gather.size()) {
    leg.unsent = gather.flatten(sent.bytes);
  }
}

// Nothing can be sent there any more. A client that is lost may still have statements running; a server's
// last words are still read.
void Worker::lost(Leg& leg) {
  auto& connection = *leg.connection;
  if (leg.failed) return;
  leg.failed = true;
  leg.unsent = {};
  if (&leg == &connection.client) {
    unwatch(leg);
    connection.client_eof = true;
    if (connection.close_when_sent) {
      close(connection);
      return;
    }
    auto step = take_step();
    connection.session.on_client_lost(*step);
    settle(connection, std::move(step));
  } else {
    update_interest(connection);
  }
}

void Worker::update_interest(Connection& connection) {
  if (connection.closed) return;
  auto& client = connection.client;
  auto& server = connection.server;
  if (!client.failed) {
    std::uint32_t interest = 0;
    if (!connection.client_eof && !connection.close_when_sent && server.unsent.empty() &&
        connection.session.wants_client()) {
      interest |= EPOLLIN;
    }
    if (!client.unsent.empty()) interest |= EPOLLOUT;
    watch(client, interest);
  }
  if (server.socket && !server.connecting && server.watched) {
    std::uint32_t interest = 0;
    if (client.unsent.empty()) interest |= EPOLLIN;
    if (!server.unsent.empty() && connection.sendable_at == 0 && !server.failed) interest |= EPOLLOUT;
    watch(server, interest);
  }
}

void Worker::watch(Leg& leg, std::uint32_t interest) {
  if (leg.watched && leg.interest == interest) return;
  epoll_event event{.events = interest, .data = {.ptr = &leg}};
  ::epoll_ctl(readiness_.get(), leg.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, leg.socket.get(), &event);
  leg.watched = true;
  leg.interest = interest;
}

void Worker::unwatch(Leg& leg) {
  if (!leg.watched) return;
  ::epoll_ctl(readiness_.get(), EPOLL_CTL_DEL, leg.socket.get(), nullptr);
  leg.watched = false;
}

}  // namespace chaperone::net
