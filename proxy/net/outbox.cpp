#include "proxy/net/outbox.hpp"

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "proxy/net/connection.hpp"

namespace chaperone::net {
namespace {

Transfer result_of(int code, std::size_t wanted) {
  if (code == -EAGAIN || code == -EINTR) return {Transfer::State::kWouldBlock};
  if (code < 0) return {Transfer::State::kFailed};
  const auto sent = static_cast<std::size_t>(code);
  return {sent == wanted ? Transfer::State::kOk : Transfer::State::kWouldBlock, sent};
}

}  // namespace

/// Nothing is under way in it between two calls: MSG_DONTWAIT has each send end within the call that hands it
/// over, so that no descriptor is closed, and no buffer used again, while the kernel still has it.
class Outbox::Ring {
 public:
  static constexpr std::size_t kSends = 64;

  /// Null where the system has none to give.
  static std::unique_ptr<Ring> open() {
    std::unique_ptr<Ring> ring(new Ring);
    ring->open_ = ::io_uring_queue_init(kSends, &ring->ring_, 0) == 0;
    return ring->open_ ? std::move(ring) : nullptr;
  }
  ~Ring() {
    if (open_) ::io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// At most kSends. Gives how many the kernel took; with fewer than all the ring is of no use any more.
  std::size_t send(std::span<Send> sends) {
    for (auto& each : sends) {
      io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
      ::io_uring_prep_send(entry, each.leg->socket.get(), each.bytes.data(), each.bytes.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL);
      ::io_uring_sqe_set_data(entry, &each);
    }
    std::size_t taken = 0;
    while (taken < sends.size()) {
      const int count = ::io_uring_submit(&ring_);
      if (count == -EINTR) continue;
      if (count <= 0) break;
      taken += static_cast<std::size_t>(count);
    }
    for (std::size_t seen = 0; seen < taken; ++seen) {
      io_uring_cqe* done = nullptr;
      while (::io_uring_wait_cqe(&ring_, &done) != 0) {
      }
      auto& each = *static_cast<Send*>(::io_uring_cqe_get_data(done));
      each.result = result_of(done->res, each.bytes.size());
      ::io_uring_cqe_seen(&ring_, done);
    }
    return taken;
  }

 private:
  Ring() = default;

  io_uring ring_{};
  bool open_ = false;
};

Outbox::Outbox(bool together) : ring_(together ? Ring::open() : nullptr) {
}

Outbox::~Outbox() = default;

std::vector<Outbox::Send>& Outbox::send() {
  std::span<Send> left(sends_);
  while (ring_ && left.size() > 1) {
    const auto part = left.first(std::min(left.size(), Ring::kSends));
    const std::size_t taken = ring_->send(part);
    if (taken < part.size()) ring_.reset();
    left = left.subspan(taken);
  }
  for (auto& each : left) each.result = net::send(each.leg->socket.get(), each.bytes);
  return sends_;
}

}  // namespace chaperone::net
