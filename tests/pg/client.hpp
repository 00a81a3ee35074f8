#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/socket.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/wire/frontend.hpp"
#include "tests/pg/tls_end.hpp"

namespace chaperone::pg {

using Milliseconds = std::chrono::milliseconds;
inline constexpr Milliseconds kPatience{20'000};

/// Nothing came, or nothing could be sent, in time.
struct TimedOut : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The other side has closed.
struct Closed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A message of a server, as it came.
struct Message {
  std::string bytes;

  char type() const { return bytes.front(); }
  std::string_view body() const { return std::string_view(bytes).substr(5); }
  /// A field of ErrorResponse or NoticeResponse; empty = there is none.
  std::string field(char code) const;
  /// A value of a DataRow in text format.
  std::string value(std::size_t column) const;
  /// For people: "D 3 bytes", "C SELECT 1", "E 42601 syntax error".
  std::string describe() const;
};

using Messages = std::vector<Message>;
std::string describe(const Messages& messages);
std::size_t count(const Messages& messages, char type);
/// The first message of that type; throws when there is none.
const Message& find(const Messages& messages, char type);

/// A connected socket with blocking reads and writes, each with a deadline.
class Peer {
 public:
  explicit Peer(net::Descriptor socket) : socket_(std::move(socket)) {}
  /// Connects. `receive_buffer`: of the kernel, 0 = its own choice.
  explicit Peer(const session::Address& address, int receive_buffer = 0);

  int fd() const { return socket_.get(); }
  /// Does a TLS handshake; from then on what is sent and read is encrypted. Throws std::runtime_error with
  /// the reason when it fails, Closed when the other side ends it. `accepts`: as a server.
  void start_tls(const TlsOptions& options, bool accepts = false);
  /// Asks for TLS as a client does, and starts it.
  void request_tls(const TlsOptions& options);
  TlsEnd* tls() { return tls_.get(); }
  void send(std::string_view bytes, Milliseconds patience = kPatience);
  /// Sends as much as can be sent until nothing was taken for `quiet`; says how much.
  std::size_t send_until_stuck(std::string_view bytes, Milliseconds quiet);
  /// Shuts down for writing.
  void finish();
  void close() { socket_.reset(); }
  /// Closes with a reset.
  void reset();

  /// At least one byte, at most `most`; what an earlier read has left over first.
  std::string read_some(std::size_t most = 1U << 16, Milliseconds patience = kPatience);
  std::string read_exactly(std::size_t size, Milliseconds patience = kPatience);
  Message read(Milliseconds patience = kPatience);
  /// Messages until one of each of these types has come, in this order ("ZZ" = the second ReadyForQuery); '$'
  /// = until the other side closes.
  Messages read_until(std::string_view types, Milliseconds patience = kPatience);
  /// All until the other side closes.
  Messages read_to_end(Milliseconds patience = kPatience) { return read_until("$", patience); }
  /// True when nothing comes for that time.
  bool silent(Milliseconds time);

 protected:
  bool fill(Milliseconds patience);

  void send_raw(std::string_view bytes, Milliseconds patience);

  net::Descriptor socket_;
  std::shared_ptr<TlsEnd> tls_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

/// How to log in.
struct Login {
  std::string user = "tester";
  std::string password = "a secret";
  std::string database = "shop";
  std::vector<std::pair<std::string, std::string>> parameters = {};
  std::uint16_t minor = 0;
  std::optional<TlsOptions> tls = {};  ///< nothing = without
};

/// A client that is logged in.
class Client : public Peer {
 public:
  /// Connects and logs in; throws std::runtime_error with the server's words when it is refused.
  explicit Client(const session::Address& address, const Login& login = {}, int receive_buffer = 0);

  /// Sends and reads until; without types: a ReadyForQuery for each Query, Sync and FunctionCall that is
  /// sent.
  Messages exchange(std::string_view bytes, std::string_view until = {});
  /// The first value of the first row that a query gives.
  std::string scalar(std::string_view sql);
  /// A query that has to succeed.
  Messages run(std::string_view sql);

  const Messages& greeting() const { return greeting_; }  ///< from AuthenticationOk to ReadyForQuery
  std::int32_t pid() const { return pid_; }
  const std::string& secret() const { return secret_; }

 private:
  Messages greeting_;
  std::int32_t pid_ = 0;
  std::string secret_;
};

/// Logs in on a connection: what came from AuthenticationOk on, up to ReadyForQuery, or the messages up to
/// the end of the connection when it is refused.
Messages log_in(Peer& peer, const Login& login = {});
/// The same for what follows a StartupMessage that has been sent.
Messages authenticate(Peer& peer, std::string_view password);
std::string startup_packet(const Login& login);
/// The outcome of an attempt to log in that has to fail: the error.
Message refusal(const session::Address& address, const Login& login = {});
/// Sends a CancelRequest on a connection of its own and waits for its end.
void cancel(const session::Address& address, std::int32_t pid, std::string_view secret);

/// The ReadyForQuerys that a server owes for these messages, as `until` takes them.
std::string readies(std::string_view bytes);

}  // namespace chaperone::pg
