#include "tests/pg/fake_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <exception>
#include <stdexcept>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/bytes.hpp"
#include "tests/pg/messages.hpp"

namespace chaperone::pg {

FakeServer::FakeServer(Serve serve)
    : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 ||
      ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    throw std::runtime_error("the fake server can't listen");
  }
  address_ = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
  acceptor_ = std::thread([this] { accept(); });
}

FakeServer::~FakeServer() {
  stop_ = true;
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
}

void FakeServer::accept() {
  while (!stop_) {
    pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    net::Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) continue;
    ++connections_;
    threads_.emplace_back([this, peer = Peer(std::move(socket))]() mutable {
      try {
        serve_(peer);
      } catch (const std::exception&) {
        // The peer went, or did not do what the test expects; the test sees it at its own end.
      }
    });
  }
}

std::string read_packet(Peer& peer) {
  std::string packet = peer.read_exactly(4);
  packet += peer.read_exactly(wire::BodyReader(packet).u32() - 4);
  return packet;
}

std::string let_in(Peer& peer, std::int32_t pid, std::string_view secret) {
  std::string packet = read_packet(peer);
  std::string answer;
  wire::backend::encode_authentication_ok(answer);
  answer += message('S', zero_ended("server_version") + zero_ended("15.0"));
  wire::backend::encode_backend_key_data(answer, pid, secret);
  peer.send(answer + message('Z', "I"));
  return packet;
}

void answer_queries(Peer& peer) {
  while (true) {
    const char type = peer.read().type();
    if (type == 'Q') peer.send(message('C', zero_ended("SELECT 0")) + message('Z', "I"));
    if (type == 'X') return;
  }
}

}  // namespace chaperone::pg
