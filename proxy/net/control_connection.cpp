#include "proxy/net/control_connection.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "proxy/net/dial.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "proxy/wire/startup.hpp"

namespace chaperone::session {

void throw_exception_from_error(const ControlError& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

}  // namespace chaperone::session

namespace chaperone::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kTimedOut = "it did not answer in time";
constexpr std::string_view kClosed = "it closed the connection";

}  // namespace

ControlOutcome<ControlConnection> ControlConnection::open(session::ControlLogin login, Timeout timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  std::string why;
  Descriptor socket = dial(login.server, deadline, why);
  if (!socket) {
    return session::ControlError{
        std::string(wire::sqlstate::kConnectionFailure), fmt::format("it can't be reached: {}", why), {}, {}};
  }
  set_options(socket.get());
  ControlConnection connection(std::make_unique<State>(std::move(login), std::move(socket)));
  connection.drive(deadline);
  if (connection.state_->control.error()) return *connection.state_->control.error();
  return connection;
}

ControlConnection::~ControlConnection() {
  if (state_ == nullptr || state_->control.state() != session::Control::State::kReady) return;
  std::string bye;
  wire::frontend::encode_terminate(bye);
  if (state_->tls) {
    std::string sealed;
    state_->tls->write(bye, sealed);
    state_->tls->finish(sealed);
    bye = std::move(sealed);
  }
  send(state_->socket.get(), bye);
}

ControlOutcome<std::vector<session::ControlResult>> ControlConnection::query(std::string_view sql,
                                                                             Timeout timeout) {
  session::Control& control = state_->control;
  if (control.state() == session::Control::State::kReady) {
    control.query(sql);
    drive(Clock::now() + timeout);
  }
  if (control.error()) return *control.error();
  return control.take_results();
}

ControlConnection::State::State(session::ControlLogin login, Descriptor descriptor)
    : keys(), asking(login.tls), control(std::move(login), keys), socket(std::move(descriptor)) {
  if (asking) reply = wire::encode(wire::SslRequest{});
}

std::string ControlConnection::State::next_output() {
  std::string output = std::exchange(reply, {});
  if (asking || (tls && tls->state() == Tls::State::kHandshake)) return output;
  const std::string plain = control.take_output();
  if (!tls) return plain;
  tls->write(plain, output);
  return output;
}

void ControlConnection::State::take(std::string_view bytes) {
  if (asking) {
    // Whatever came unencrypted behind its consent could be of anybody.
    if (bytes != "S") return control.on_closed("it speaks no TLS, which the configuration asks for");
    tls = std::make_unique<Tls>(*std::exchange(asking, nullptr));
    bytes = {};
  }
  if (!tls) return control.on_server(bytes);
  if (tls->state() == Tls::State::kHandshake) {
    tls->handshake(bytes, reply);
    if (tls->state() == Tls::State::kOpen) control.on_tls_established(tls->end_point());
  }
  std::string plain(bytes.size() + Tls::kMaxHeld, '\0');
  plain.resize(tls->read(bytes, plain.data(), plain.size(), reply));
  control.on_server(plain);
  if (tls->state() == Tls::State::kFailed) control.on_closed("TLS with it failed: " + tls->failure());
  if (tls->state() == Tls::State::kClosed) control.on_closed(kClosed);
}

void ControlConnection::drive(Clock::time_point deadline) {
  using Control = session::Control;
  Control& control = state_->control;
  const int fd = state_->socket.get();
  std::array<char, 16384> buffer;
  std::string output = state_->next_output();
  std::size_t sent = 0;
  while (control.state() == Control::State::kLoggingIn || control.state() == Control::State::kBusy) {
    if (sent == output.size()) {
      output = state_->next_output();
      sent = 0;
    }
    const bool sending = sent < output.size();
    if (!wait_for(fd, static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), deadline)) {
      control.on_closed(kTimedOut);
      break;
    }
    if (sending) {
      const Transfer transfer = send(fd, std::string_view(output).substr(sent));
      if (transfer.state == Transfer::State::kFailed) control.on_closed("the connection is lost");
      sent += transfer.bytes;
    }
    const Transfer transfer = receive(fd, buffer.data(), buffer.size());
    if (transfer.state == Transfer::State::kOk) {
      state_->take({buffer.data(), transfer.bytes});
    } else if (transfer.state != Transfer::State::kWouldBlock) {
      control.on_closed(kClosed);
    }
  }
  if (control.state() == Control::State::kBroken) state_->socket.reset();
}

}  // namespace chaperone::net
