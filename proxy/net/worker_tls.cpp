#include <spdlog/spdlog.h>

#include <algorithm>

#include "proxy/net/worker.hpp"

namespace chaperone::net {

namespace {

constexpr std::size_t kSealedInput = 128U << 10;
constexpr std::size_t kRecord = 16384, kRecordOverhead = 32;
// Buffers that are kept for the next round: so many, and none that was made larger.
constexpr std::size_t kKeep = 64;
constexpr std::size_t kKeepCapacity = 256U << 10;

}  // namespace

// Receives once. Of an encrypted leg it gives what is plain of it, which may be nothing, and also kClosed or
// kFailed with the bytes that came before.
Transfer Worker::receive_from(Leg& leg, char* to, std::size_t room) {
  if (!leg.tls) return receive(leg.socket.get(), to, room);
  sealed_input_.resize(kSealedInput);
  const auto got =
      receive(leg.socket.get(), sealed_input_.data(), std::min(room - Tls::kMaxHeld, kSealedInput));
  if (got.state != Transfer::State::kOk) return got;
  std::string_view input(sealed_input_.data(), got.bytes);
  if (leg.tls->state() == Tls::State::kHandshake) shake_hands(leg, input);
  const auto plain = leg.tls->read(input, to, room, reply_);
  send_reply(leg);
  switch (leg.tls->state()) {
    case Tls::State::kFailed:
      return {Transfer::State::kFailed, plain};
    case Tls::State::kClosed:
      return {Transfer::State::kClosed, plain};
    default:
      return {Transfer::State::kOk, plain};
  }
}

void Worker::start_tls(Connection& connection) {
  auto& leg = connection.client;
  leg.tls = std::make_unique<Tls>(*connection.client_tls, connection.session.tls_is_direct());
  connection.client_tls.reset();
  const std::string hello = connection.session.take_client_hello();
  std::string_view input = hello;
  if (!input.empty()) shake_hands(leg, input);
  if (leg.tls->state() == Tls::State::kFailed) lost(leg);
}

void Worker::start_upstream_tls(Connection& connection) {
  auto& leg = connection.server;
  leg.tls = std::make_unique<Tls>(*connection.session.upstream_tls());
  std::string_view nothing;
  shake_hands(leg, nothing);
  if (leg.tls->state() == Tls::State::kFailed) {
    server_gone(connection, "TLS with it failed: " + leg.tls->failure());
  }
}

// Leaves in `input` what is behind the handshake.
void Worker::shake_hands(Leg& leg, std::string_view& input) {
  auto& connection = *leg.connection;
  const bool is_client = &leg == &connection.client;
  leg.tls->handshake(input, reply_);
  send_reply(leg);
  if (leg.tls->state() == Tls::State::kFailed && is_client) {
    spdlog::info("TLS with {} failed: {}", peer_name(leg.socket.get()), leg.tls->failure());
  }
  if (leg.tls->state() != Tls::State::kOpen) return;
  if (is_client) {
    connection.session.on_tls_established(leg.tls->end_point());
  } else {
    auto step = take_step();
    connection.session.on_upstream_tls_established(leg.tls->end_point(), *step);
    settle(connection, std::move(step));
  }
}

// In as few records as it fits into.
void Worker::seal(Leg& leg, const session::Gather& gather, std::string& output) {
  if (gather.pieces() == 1) {
    leg.tls->write(gather.piece(0), output);
  } else {
    for (std::size_t i = 0; i < gather.pieces(); ++i) plain_ += gather.piece(i);
    leg.tls->write(plain_, output);
    plain_.clear();
    if (plain_.capacity() > kKeepCapacity) plain_ = {};
  }
  if (leg.tls->state() == Tls::State::kFailed) lost(leg);
}

void Worker::send_sealed(Leg& leg, const session::Gather& gather) {
  if (sealed_used_ == sealed_.size()) sealed_.push_back(std::make_unique<std::string>());
  auto& bytes = *sealed_[sealed_used_++];
  bytes.clear();
  bytes.reserve(gather.size() + (gather.size() / kRecord + 1) * kRecordOverhead);
  seal(leg, gather, bytes);
  if (bytes.empty() || leg.failed) return;
  leg.queued = true;
  outbox_.add(leg, bytes);
}

// What TLS itself has to say, as in a handshake: seldom, and at once.
void Worker::send_reply(Leg& leg) {
  if (reply_.empty()) return;
  if (leg.queued) send_queued();
  if (!leg.failed && !leg.connection->closed) {
    const auto sent =
        leg.unsent.empty() ? send(leg.socket.get(), reply_) : Transfer{Transfer::State::kWouldBlock};
    if (sent.state == Transfer::State::kFailed) {
      lost(leg);
    } else {
      leg.unsent.append(reply_, sent.bytes);
    }
  }
  reply_.clear();
  update_interest(*leg.connection);
}

void Worker::forget_sealed() {
  if (sealed_.size() > kKeep) sealed_.resize(kKeep);
  for (std::size_t i = 0; i < std::min(sealed_used_, sealed_.size()); ++i) {
    if (sealed_[i]->capacity() > kKeepCapacity) *sealed_[i] = {};
  }
  sealed_used_ = 0;
}

void Worker::say_goodbye(Leg& leg) {
  if (!leg.tls || leg.failed) return;
  leg.tls->finish(reply_);
  send_reply(leg);
}

}  // namespace chaperone::net
