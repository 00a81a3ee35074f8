#include "proxy/net/cancel.hpp"

#include <openssl/crypto.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string_view>
#include <tuple>
#include <utility>

#include "proxy/net/tls.hpp"

namespace chaperone::net {

namespace asio = boost::asio;

namespace {

constexpr auto kCancelTimeout = std::chrono::seconds(5);

bool same(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

using Socket = asio::generic::stream_protocol::socket;

// The handshake as the session has it, a byte behind the server's consent included. False: there is no
// sending it.
asio::awaitable<bool> secure(Socket& socket, Tls& tls) {
  const auto use = asio::as_tuple(asio::use_awaitable);
  const std::string question = wire::encode(wire::SslRequest{});
  auto [error, size] = co_await asio::async_write(socket, asio::buffer(question), use);
  std::array<char, 4096> buffer{};
  if (!error) std::tie(error, size) = co_await socket.async_read_some(asio::buffer(buffer), use);
  if (error || std::string_view(buffer.data(), size) != "S") co_return false;
  std::string_view input;
  while (tls.state() == Tls::State::kHandshake) {
    std::string output;
    tls.handshake(input, output);
    std::tie(error, size) = co_await asio::async_write(socket, asio::buffer(output), use);
    if (error || tls.state() != Tls::State::kHandshake) break;
    std::tie(error, size) = co_await socket.async_read_some(asio::buffer(buffer), use);
    if (error) break;
    input = {buffer.data(), size};
  }
  co_return !error && tls.state() == Tls::State::kOpen;
}

asio::awaitable<void> deliver(asio::io_context& io, CancelTarget target, std::function<void()> done) {
  const auto use = asio::as_tuple(asio::use_awaitable);
  Socket socket(io);
  asio::steady_timer timer(io, kCancelTimeout);
  timer.async_wait([&socket](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error) socket.close(ignored);
  });
  const asio::generic::stream_protocol::endpoint endpoint(target.server.get(), target.server.length);
  std::string packet = wire::encode(
      wire::CancelRequest{.backend_pid = target.key.backend_pid, .secret_key = target.key.secret_key});
  auto [connect_error] = co_await socket.async_connect(endpoint, use);
  bool ready = !connect_error;
  std::optional<Tls> tls;
  if (ready && target.tls) {
    tls.emplace(*target.tls);
    ready = co_await secure(socket, *tls);
    std::string sealed;
    if (ready) tls->write(packet, sealed);
    packet = std::move(sealed);
  }
  if (ready) {
    auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(packet), use);
    // Only its end counts: a TLS server may have sent tickets.
    std::array<char, 4096> ignored{};
    bool open = !write_error;
    while (open) {
      auto [read_error, size] = co_await socket.async_read_some(asio::buffer(ignored), use);
      open = !read_error;
    }
  }
  timer.cancel();
  done();
}

}  // namespace

void CancelKeys::add(const session::CancelKey& ours, CancelTarget target) {
  const std::lock_guard lock(mutex_);
  entries_.emplace(ours.backend_pid, Entry{ours.secret_key, std::move(target)});
}

void CancelKeys::remove(const session::CancelKey& ours) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = entries_.equal_range(ours.backend_pid);
  for (auto entry = first; entry != last; ++entry) {
    if (same(entry->second.secret_key, ours.secret_key)) {
      entries_.erase(entry);
      return;
    }
  }
}

std::optional<CancelTarget> CancelKeys::find(const wire::CancelRequest& request) const {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = entries_.equal_range(request.backend_pid);
  for (auto entry = first; entry != last; ++entry) {
    if (same(entry->second.secret_key, request.secret_key)) return entry->second.target;
  }
  return std::nullopt;
}

void send_cancel(asio::io_context& io, CancelTarget target, std::function<void()> done) {
  asio::co_spawn(io, deliver(io, std::move(target), std::move(done)), asio::detached);
}

}  // namespace chaperone::net
