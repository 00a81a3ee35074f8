#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/net/socket.hpp"
#include "proxy/net/tls.hpp"
#include "proxy/session/control.hpp"

namespace chaperone::net {

template <class T>
using ControlOutcome = boost::system::result<T, session::ControlError>;

/// A connection of our own to a PostgreSQL server, with blocking calls: for the commands, and for threads of
/// their own. Not for I/O threads. One thread at a time.
class ControlConnection {
 public:
  using Timeout = std::chrono::milliseconds;

  /// Connects (TCP: to each address of the name in turn), encrypts as the login says, and logs in, all within
  /// `timeout`.
  static ControlOutcome<ControlConnection> open(session::ControlLogin login, Timeout timeout);
  ControlConnection(ControlConnection&&) noexcept = default;
  ControlConnection& operator=(ControlConnection&&) noexcept = default;
  /// Says Terminate.
  ~ControlConnection();

  /// Runs one string of SQL: a result for each statement. After an error of the server it can be used on;
  /// after a lost connection or a timeout every further call gives an error.
  ControlOutcome<std::vector<session::ControlResult>> query(std::string_view sql, Timeout timeout);
  /// False: it is lost.
  bool usable() const { return state_->control.state() == session::Control::State::kReady; }
  /// A ParameterStatus, as server_version.
  std::string_view parameter(std::string_view name) const { return state_->control.parameter(name); }

 private:
  struct State {
    State(session::ControlLogin login, Descriptor descriptor);
    void take(std::string_view bytes);
    std::string next_output();

    auth::ScramKeyCache keys;
    std::shared_ptr<const TlsContext> asking;  ///< the server has not said yet whether it speaks TLS
    std::unique_ptr<Tls> tls;                  ///< nullptr = what is sent and received is plain
    std::string reply;                         ///< what TLS itself has to say
    session::Control control;
    Descriptor socket;
  };

  explicit ControlConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
  void drive(std::chrono::steady_clock::time_point deadline);

  std::unique_ptr<State> state_;
};

}  // namespace chaperone::net

namespace chaperone::session {

/// Called by value() on an error; a bug in the caller, who should have looked first.
[[noreturn]] void throw_exception_from_error(const ControlError& error, const boost::source_location& where);

}  // namespace chaperone::session
