#include "proxy/net/forward.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "proxy/auth/crypto.hpp"
#include "proxy/net/dial.hpp"
#include "proxy/net/peer_owner.hpp"
#include "proxy/net/tls.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/secret.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "proxy/wire/startup.hpp"

namespace chaperone::net {
namespace {

namespace backend = wire::backend;
namespace frontend = wire::frontend;
namespace sqlstate = wire::sqlstate;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPiece = 32U << 10;
constexpr auto kProgramPatience = std::chrono::seconds(10);
/// A login there may wait for one in the database.
constexpr auto kServerPatience = std::chrono::seconds(60);
constexpr auto kDialPatience = std::chrono::seconds(10);
constexpr auto kLastBytes = std::chrono::seconds(5);

/// The other end is gone, or we are told to stop: there is nobody to tell.
const wire::Error kOver{};

/// One of the two connections: what came of it, and what is still to be sent.
struct Side {
  Descriptor socket;
  std::unique_ptr<Tls> tls = {};
  std::string in = {};   ///< plain
  std::string out = {};  ///< as it goes out
  bool ended = false;    ///< nothing comes of it any more

  void write(std::string_view bytes) {
    if (tls) {
      tls->write(bytes, out);
    } else {
      out += bytes;
    }
  }
  void take(std::string_view bytes) {
    if (!tls) {
      in += bytes;
      return;
    }
    if (tls->state() == Tls::State::kHandshake) tls->handshake(bytes, out);
    const std::size_t before = in.size();
    in.resize(before + bytes.size() + Tls::kMaxHeld);
    in.resize(before + tls->read(bytes, in.data() + before, in.size() - before, out));
    ended |= tls->state() == Tls::State::kClosed || tls->state() == Tls::State::kFailed;
  }
  void receive() {
    std::array<char, kPiece> buffer;
    const Transfer transfer = net::receive(socket.get(), buffer.data(), buffer.size());
    if (transfer.state == Transfer::State::kOk) {
      take({buffer.data(), transfer.bytes});
    } else if (transfer.state != Transfer::State::kWouldBlock) {
      ended = true;
    }
  }
  void send() {
    const Transfer transfer = net::send(socket.get(), out);
    out.erase(0, transfer.bytes);
    if (transfer.state == Transfer::State::kFailed) {
      out.clear();
      ended = true;
    }
  }
};

class Forwarding {
 public:
  Forwarding(Descriptor client, const std::string& password, const ForwardTarget& target, int stop)
      : password_(password), target_(target), stop_(stop) {
    client_.socket = std::move(client);
  }

  void run() {
    const auto begun = begin();
    if (begun) {
      splice();
    } else if (!begun.error().message.empty()) {
      std::string error;
      backend::encode_error_response(error, "FATAL", begun.error());
      client_.write(error);
    }
    flush(client_);
  }

 private:
  /// Waits until something can be sent or received, and does it. `reading`: may receive. False: the time is
  /// over, or all is.
  bool step(Side* reading, Side* also_reading, Clock::time_point deadline) {
    std::array<pollfd, 3> entries{
        {{stop_, POLLIN, 0}, events(client_, reading, also_reading), events(server_, reading, also_reading)}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    const int patience = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    if (::poll(entries.data(), entries.size(), patience) <= 0) return true;
    if (entries[0].revents != 0) {
      stopped_ = true;
      return false;
    }
    constexpr int kEnd = POLLHUP | POLLERR | POLLNVAL;
    for (const auto& [side, entry] : {std::pair(&client_, entries[1]), std::pair(&server_, entries[2])}) {
      if ((entry.events & POLLOUT) != 0 && (entry.revents & (POLLOUT | kEnd)) != 0) side->send();
      if ((entry.events & POLLIN) != 0 && (entry.revents & (POLLIN | kEnd)) != 0) side->receive();
    }
    return true;
  }

  static pollfd events(const Side& side, const Side* reading, const Side* also_reading) {
    short wanted = 0;
    if ((&side == reading || &side == also_reading) && !side.ended) wanted |= POLLIN;
    if (!side.out.empty()) wanted |= POLLOUT;
    return {wanted == 0 ? -1 : side.socket.get(), wanted, 0};
  }

  /// Sends what is left for that side, as far as it takes it.
  void flush(Side& side) {
    const auto deadline = Clock::now() + kLastBytes;
    while (!side.out.empty() && !stopped_ && step(nullptr, nullptr, deadline)) {
    }
  }

  // From the program's first bytes to the server's AuthenticationOk.
  wire::Result<void> begin() {
    const auto startup = read_start_up();
    if (!startup) return startup.error();
    if (const auto* request = std::get_if<wire::CancelRequest>(&*startup)) return cancel(*request);
    if (!password_.empty()) {
      if (auto proved = check_password(); !proved) return proved;
    }
    if (auto connected = connect(); !connected) return connected;
    return log_in(std::get<wire::StartupMessage>(*startup));
  }

  wire::Result<wire::StartupPacket> read_start_up() {
    const auto deadline = Clock::now() + kProgramPatience;
    for (int asked = 0;;) {
      const auto length = wire::startup_packet_length(client_.in);
      if (!length) return length.error();
      if (!*length || client_.in.size() < **length) {
        if (client_.ended || !step(&client_, nullptr, deadline)) return kOver;
        continue;
      }
      auto packet = wire::decode_startup_packet(std::string_view(client_.in).substr(0, **length));
      client_.in.erase(0, **length);
      const bool encryption = packet && (std::holds_alternative<wire::SslRequest>(*packet) ||
                                         std::holds_alternative<wire::GssEncRequest>(*packet));
      if (!encryption) return packet;
      if (++asked > 2) return kOver;
      client_.write("N");
    }
  }

  wire::Result<void> check_password() {
    const auto deadline = Clock::now() + kProgramPatience;
    std::string question;
    backend::encode_authentication_cleartext_password(question);
    client_.write(question);
    wire::FrameReader reader(frontend::authentication_rule);
    while (true) {
      const std::string input = std::exchange(client_.in, {});
      std::string_view rest = input;
      const auto item = reader.next(rest);
      if (item == wire::FrameReader::Item::kNeedMore) {
        if (client_.ended || !step(&client_, nullptr, deadline)) return kOver;
        continue;
      }
      if (item != wire::FrameReader::Item::kFrame) return reader.error();
      const auto given = frontend::decode_password(reader.frame().body());
      if (!given) return given.error();
      if (!auth::equal(auth::sha256(*given), auth::sha256(password_))) {
        return wire::Error{.sqlstate = sqlstate::kInvalidPassword,
                           .message = "pgchaperone connect: that is not the password of this run",
                           .hint = "The program has it in DATABASE_URL and PGPASSWORD."};
      }
      client_.in = rest;
      return {};
    }
  }

  wire::Error unreachable(std::string_view why) const {
    return {.sqlstate = sqlstate::kConnectionFailure,
            .message = fmt::format("pgchaperone connect: the server at {}: {}", address_, why)};
  }

  wire::Result<void> connect() {
    const auto server = target_.server();
    if (!server) return server.error();
    address_ = server->address.to_string();
    owners_ = server->owners;
    const auto deadline = Clock::now() + kServerPatience;
    std::string why;
    server_.socket = dial(server->address, Clock::now() + kDialPatience, why, stop_);
    if (!server_.socket) return unreachable("it can't be reached: " + why);
    set_options(server_.socket.get());
    if (server->tls == nullptr) return {};
    server_.write(wire::encode(wire::SslRequest{}));
    while (server_.in.empty()) {
      if (server_.ended || !step(&server_, nullptr, deadline)) return unreachable("it closed the connection");
    }
    // Whatever came unencrypted behind its consent could be of anybody.
    if (server_.in != "S") return unreachable("it speaks no TLS");
    server_.in.clear();
    server_.tls = std::make_unique<Tls>(*server->tls);
    server_.take({});
    while (server_.tls->state() == Tls::State::kHandshake) {
      if (server_.ended || !step(&server_, nullptr, deadline)) return unreachable("it did not finish TLS");
    }
    if (server_.tls->state() != Tls::State::kOpen) {
      flush(server_);  // the alert
      return unreachable("TLS with it failed: " + server_.tls->failure());
    }
    if (!server->certificate.empty() && server_.tls->fingerprint() != server->certificate) {
      return unreachable("its certificate is not the one of the configuration");
    }
    return {};
  }

  wire::Result<void> cancel(const wire::CancelRequest& request) {
    if (auto connected = connect(); !connected) return connected;
    server_.write(wire::encode(request));
    const auto deadline = Clock::now() + kLastBytes;
    while (!server_.ended && step(&server_, nullptr, deadline)) {
    }
    return kOver;
  }

  wire::Result<void> log_in(wire::StartupMessage startup) {
    auto login = target_.login(stop_);
    if (!login) return login.error();
    std::erase_if(startup.parameters, [](const auto& parameter) { return parameter.first == "user"; });
    startup.parameters.emplace_back("user", login->agent);
    if (startup.find("database") == nullptr) startup.parameters.emplace_back("database", login->database);
    server_.write(wire::encode(startup));
    const auto deadline = Clock::now() + kServerPatience;
    wire::FrameReader reader(backend::rule);
    while (true) {
      const std::string input = std::exchange(server_.in, {});
      std::string_view rest = input;
      for (auto item = reader.next(rest); item != wire::FrameReader::Item::kNeedMore;
           item = reader.next(rest)) {
        if (item == wire::FrameReader::Item::kBad) return reader.error();
        if (item == wire::FrameReader::Item::kChunk) {
          client_.write(reader.chunk());
          continue;
        }
        const wire::Frame& frame = reader.frame();
        if (frame.type != backend::kAuthentication) {  // its refusal too
          refused_ |= frame.type == backend::kErrorResponse;
          client_.write(frame.bytes);
          continue;
        }
        const auto done = answer(frame.body(), login->token);
        if (!done) return done.error();
        if (!*done) continue;
        client_.write(frame.bytes);
        client_.write(rest);
        return {};
      }
      if (server_.ended && refused_) return kOver;
      if (server_.ended || !step(&server_, nullptr, deadline)) return unreachable("it closed the connection");
    }
  }

  /// True: we are in.
  wire::Result<bool> answer(std::string_view body, std::string& token) {
    using Code = backend::AuthenticationCode;
    const auto asked = backend::decode_authentication(body);
    if (!asked) return asked.error();
    if (asked->code == static_cast<int>(Code::kOk)) return true;
    if (asked->code != static_cast<int>(Code::kCleartextPassword) || token.empty()) {
      return wire::Error{
          .sqlstate = sqlstate::kInvalidAuthorization,
          .message = fmt::format("pgchaperone connect: the server at {} does not ask for a token", address_),
          .hint = "The agent has to log in by `token` in its configuration (identity)."};
    }
    // It has answered, so that its end of the connection is its own.
    if (!server_.tls) {
      const auto owner = peer_owner(server_.socket.get());
      const bool known =
          owner && (*owner == 0 || *owner == ::geteuid() || std::ranges::count(owners_, *owner) != 0);
      if (!known) return unreachable("it is a program of another user, who would get the token");
    }
    // A PasswordMessage is a SASLResponse with a NUL at its end.
    token += '\0';
    std::string message;
    frontend::encode_sasl_response(message, token);
    server_.write(message);
    wire::wipe(message);
    wire::wipe(token);
    return false;
  }

  void splice() {
    constexpr auto kNoDeadline = std::chrono::hours(1);  // per step
    server_.write(std::exchange(client_.in, {}));
    while (!client_.ended && !server_.ended) {
      // What one side does not take, the other may not send.
      Side* const from_client = server_.out.empty() ? &client_ : nullptr;
      Side* const from_server = client_.out.empty() ? &server_ : nullptr;
      if (!step(from_client, from_server, Clock::now() + kNoDeadline) && stopped_) return;
      server_.write(std::exchange(client_.in, {}));
      client_.write(std::exchange(server_.in, {}));
    }
    if (server_.tls) server_.tls->finish(server_.out);
    flush(server_);
  }

  const std::string& password_;
  const ForwardTarget& target_;
  const int stop_;
  Side client_{}, server_{};
  std::string address_;
  std::vector<uid_t> owners_;
  bool refused_ = false;
  bool stopped_ = false;
};

}  // namespace

void forward(Descriptor client, const std::string& password, const ForwardTarget& target, int stop) {
  Forwarding(std::move(client), password, target, stop).run();
}

}  // namespace chaperone::net
