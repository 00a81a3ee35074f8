#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/scram.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/wire/frame.hpp"

namespace chaperone::session {

/// How we log in at a server on our own account.
struct ControlLogin {
  Address server;
  std::string database;
  std::string role;
  wire::Secret password;
  std::shared_ptr<const net::TlsContext> tls = {};  ///< for whoever has the socket; nullptr = no TLS
  /// Further start-up parameters, as application_name.
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// The login to a database of the configuration that agents know as `name`; as `role` where its credential
/// names none.
ControlLogin control_login(const Database& database, std::string_view name, std::string_view role);

/// What the server said, or why it can't be talked to.
struct ControlError {
  std::string sqlstate;  ///< the server's own, else 08006 or 08P01
  std::string message;
  std::string detail;
  std::string hint;
};

/// For people, on one line: what a server says is foreign text.
std::string text_of(const ControlError& error);

/// What one statement of a query gave, in text format; nothing = NULL.
struct ControlResult {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::string tag;  ///< "SELECT 3"
};

/// A conversation of our own with a PostgreSQL server: login by SCRAM (or whatever needs no password), then
/// simple queries. Takes the server's bytes, gives what to send; no socket, no clock. What a client sent
/// never comes near it.
///
///     Control control(login, keys);            // take_output() is the StartupMessage
///     send(control.take_output()); while (control.state() is kLoggingIn or kBusy) control.on_server(bytes)
///     if (!control.error()) { control.query("SELECT 1"); ..the same.. control.take_results(); }
///
/// An error of the server leaves it kReady, anything out of order kBroken for ever.
class Control {
 public:
  enum class State { kLoggingIn, kReady, kBusy, kBroken };

  /// `keys` outlives it.
  Control(ControlLogin login, auth::ScramKeyCache& keys);

  /// What goes in and out is encrypted; before the first bytes of the server. `end_point`: see ScramClient.
  void on_tls_established(std::string end_point) { end_point_ = std::move(end_point); }
  /// One string of SQL, in state kReady. `max_bytes` bounds the rows that are kept; beyond it the
  /// conversation is over.
  void query(std::string_view sql, std::size_t max_bytes = 256U << 20);
  void on_server(std::string_view bytes);
  /// The connection is lost or the time is over.
  void on_closed(std::string_view why);

  std::string take_output() { return std::exchange(output_, {}); }
  State state() const { return state_; }
  /// Of the login or the last query.
  const std::optional<ControlError>& error() const { return error_; }
  /// One for each statement that was completed.
  std::vector<ControlResult> take_results() { return std::exchange(results_, {}); }
  /// A ParameterStatus, as server_version; empty: not sent.
  std::string_view parameter(std::string_view name) const;

 private:
  void on_frame(const wire::Frame& frame);
  void authentication(std::string_view body);
  void sasl(std::int32_t code, std::string_view data);
  void row_description(std::string_view body);
  void data_row(std::string_view body);
  void server_error(std::string_view body);
  void fail(std::string message);

  ControlLogin login_;
  auth::ScramKeyCache& keys_;
  std::string end_point_;
  wire::FrameReader reader_;
  State state_ = State::kLoggingIn;
  std::string output_;
  std::optional<auth::ScramClient> scram_;
  bool server_proved_ = false;
  bool authenticated_ = false;
  std::optional<ControlError> error_;
  std::vector<ControlResult> results_;
  ControlResult current_;
  std::size_t left_ = 0;  ///< bytes of rows that may still come
  std::map<std::string, std::string, std::less<>> parameters_;
};

}  // namespace chaperone::session
