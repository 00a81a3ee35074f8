#include "tests/pg/client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "proxy/auth/scram.hpp"
#include "proxy/wire/backend.hpp"
#include "proxy/wire/bytes.hpp"
#include "proxy/wire/startup.hpp"
#include "tests/pg/messages.hpp"

namespace chaperone::pg {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool wait_for(int fd, short events, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now()).count();
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) fail("poll");
  }
}

std::uint32_t length_at(std::string_view bytes) {
  return wire::BodyReader(bytes).u32();
}

}  // namespace

std::string Message::field(char code) const {
  std::string_view rest = body();
  while (!rest.empty() && rest.front() != '\0') {
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) break;
    if (rest.front() == code) return std::string(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
  }
  return {};
}

std::string Message::value(std::size_t column) const {
  wire::BodyReader reader(body());
  const std::size_t columns = reader.u16();
  for (std::size_t i = 0; i < columns; ++i) {
    const auto size = reader.i32();
    const auto cell = size > 0 ? reader.bytes(static_cast<std::size_t>(size)) : std::string_view();
    if (i == column) return std::string(cell);
  }
  throw std::runtime_error(fmt::format("a row of {} columns has no column {}", columns, column));
}

std::string Message::describe() const {
  switch (type()) {
    case 'E':
    case 'N':
      return fmt::format("{} {} {} ({})", type(), field('V'), field('C'), field('M'));
    case 'C':
    case 'S':
    case 'Z': {
      std::string text(body());
      for (char& c : text) c = c == '\0' ? ' ' : c;
      return fmt::format("{} {}", type(), text);
    }
    default: {
      std::string text;
      for (const char c : body().substr(0, 60))
        text +=
            c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\{:02x}", static_cast<unsigned char>(c));
      return fmt::format("{} [{}] {}", type(), body().size(), text);
    }
  }
}

std::string describe(const Messages& messages) {
  std::string text;
  for (const auto& message : messages) text += "\n  " + message.describe();
  return text;
}

std::size_t count(const Messages& messages, char type) {
  std::size_t n = 0;
  for (const auto& message : messages) n += message.type() == type ? 1U : 0U;
  return n;
}

const Message& find(const Messages& messages, char type) {
  for (const auto& message : messages) {
    if (message.type() == type) return message;
  }
  throw std::runtime_error(fmt::format("no message of type {} in{}", type, describe(messages)));
}

Peer::Peer(const session::Address& address, int receive_buffer) {
  net::SocketAddress target;
  if (address.unix_socket) {
    target = net::SocketAddress::of_unix_socket(address.socket_path());
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &in.sin_addr);
    target = net::SocketAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof(in));
  }
  socket_ = net::Descriptor(::socket(target.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer != 0) ::setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  if (::connect(fd(), target.get(), target.length) != 0) fail("connect");
  net::set_options(fd());
}

void Peer::start_tls(const TlsOptions& options, bool accepts) {
  auto end = std::make_shared<TlsEnd>(options, accepts);
  try {
    std::string output = end->handshake({});
    while (true) {
      const std::size_t piece = options.piece != 0 ? options.piece : output.size();
      for (std::size_t at = 0; at < output.size(); at += piece) {
        send_raw(std::string_view(output).substr(at, piece), kPatience);
      }
      if (end->open()) break;
      output = end->handshake(read_some());
    }
  } catch (const std::exception&) {
    const std::string alert = end->take_output();
    if (!alert.empty()) net::send(fd(), alert);
    throw;
  }
  // What came right behind the handshake.
  bool ended = false;
  buffer_ = end->decrypt({}, ended);
  begin_ = 0;
  tls_ = std::move(end);
}

void Peer::request_tls(const TlsOptions& options) {
  send(wire::encode(wire::SslRequest{}));
  if (const auto answer = read_exactly(1); answer != "S") throw std::runtime_error("no TLS: " + answer);
  start_tls(options);
}

void Peer::send(std::string_view bytes, Milliseconds patience) {
  if (tls_) {
    send_raw(tls_->encrypt(bytes), patience);
  } else {
    send_raw(bytes, patience);
  }
}

void Peer::send_raw(std::string_view bytes, Milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (!bytes.empty()) {
    const auto sent = net::send(fd(), bytes);
    if (sent.state == net::Transfer::State::kFailed) throw Closed("the other side takes nothing more");
    bytes.remove_prefix(sent.bytes);
    if (!bytes.empty() && !wait_for(fd(), POLLOUT, until)) {
      throw TimedOut(fmt::format("{} bytes could not be sent in time", bytes.size()));
    }
  }
}

std::size_t Peer::send_until_stuck(std::string_view bytes, Milliseconds quiet) {
  const std::size_t whole = bytes.size();
  while (!bytes.empty()) {
    const auto sent = net::send(fd(), bytes);
    if (sent.state == net::Transfer::State::kFailed) throw Closed("the other side takes nothing more");
    bytes.remove_prefix(sent.bytes);
    if (sent.bytes == 0 && !wait_for(fd(), POLLOUT, Clock::now() + quiet)) break;
  }
  return whole - bytes.size();
}

void Peer::finish() {
  ::shutdown(fd(), SHUT_WR);
}

void Peer::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  socket_.reset();
}

// Gives false at the end of the stream.
bool Peer::fill(Milliseconds patience) {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
  if (!wait_for(fd(), POLLIN, Clock::now() + patience)) throw TimedOut("nothing came in time");
  constexpr std::size_t kAtOnce = 256U << 10;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kAtOnce);
  const auto got = net::receive(fd(), buffer_.data() + before, kAtOnce);
  buffer_.resize(before + got.bytes);
  if (tls_ && got.bytes != 0) {
    bool ended = false;
    const std::string plain = tls_->decrypt(std::string_view(buffer_).substr(before), ended);
    buffer_.replace(before, std::string::npos, plain);
    return !ended || !plain.empty();
  }
  return got.state == net::Transfer::State::kOk || got.state == net::Transfer::State::kWouldBlock;
}

std::string Peer::read_some(std::size_t most, Milliseconds patience) {
  while (begin_ == buffer_.size()) {
    if (!fill(patience)) throw Closed("the other side has closed");
  }
  std::string some = buffer_.substr(begin_, most);
  begin_ += some.size();
  return some;
}

std::string Peer::read_exactly(std::size_t size, Milliseconds patience) {
  std::string all;
  while (all.size() < size) all += read_some(size - all.size(), patience);
  return all;
}

Message Peer::read(Milliseconds patience) {
  Message message{read_exactly(5, patience)};
  const std::uint32_t length = length_at(std::string_view(message.bytes).substr(1));
  if (length < 4) throw std::runtime_error(fmt::format("a message {} of length {}", message.type(), length));
  message.bytes += read_exactly(length - 4, patience);
  return message;
}

Messages Peer::read_until(std::string_view types, Milliseconds patience) {
  const auto until = Clock::now() + patience;
  Messages messages;
  try {
    while (!types.empty()) {
      messages.push_back(
          read(std::max(std::chrono::ceil<Milliseconds>(until - Clock::now()), Milliseconds(0))));
      if (messages.back().type() == types.front()) types.remove_prefix(1);
    }
  } catch (const Closed&) {
    if (types.front() != '$') {
      throw Closed(fmt::format("the other side closed before {}; it sent{}", types, describe(messages)));
    }
  } catch (const TimedOut&) {
    throw TimedOut(fmt::format("no {} in time; there came{}", types, describe(messages)));
  }
  return messages;
}

bool Peer::silent(Milliseconds time) {
  return begin_ == buffer_.size() && !wait_for(fd(), POLLIN, Clock::now() + time);
}

std::string startup_packet(const Login& login) {
  wire::StartupMessage message{.major = 3, .minor = login.minor, .parameters = login.parameters};
  message.parameters.insert(message.parameters.begin(), {{"user", login.user}, {"database", login.database}});
  return wire::encode(message);
}

Messages log_in(Peer& peer, const Login& login) {
  if (login.tls) peer.request_tls(*login.tls);
  peer.send(startup_packet(login));
  return authenticate(peer, login.password);
}

Messages authenticate(Peer& peer, std::string_view password) {
  // Deriving the key is what is dear of a login; the tests log in often.
  static thread_local auth::ScramKeyCache keys;
  auth::ScramClient scram(password, keys, peer.tls() != nullptr ? peer.tls()->end_point() : std::string());
  Messages messages;
  while (true) {
    messages.push_back(peer.read());
    const auto& message = messages.back();
    if (message.type() == 'Z') return messages;
    if (message.type() == 'E') {
      for (auto& last : peer.read_to_end()) messages.push_back(std::move(last));
      return messages;
    }
    if (message.type() != 'R') continue;
    const auto authentication = wire::backend::decode_authentication(message.body()).value();
    std::string answer;
    std::string_view mechanism;
    switch (static_cast<wire::backend::AuthenticationCode>(authentication.code)) {
      case wire::backend::AuthenticationCode::kCleartextPassword:
        answer = pg::message('p', std::string(password) + '\0');
        break;
      case wire::backend::AuthenticationCode::kSasl:
        mechanism = scram.choose(wire::backend::decode_sasl_mechanisms(authentication.data).value());
        wire::frontend::encode_sasl_initial_response(answer, mechanism, scram.first());
        break;
      case wire::backend::AuthenticationCode::kSaslContinue:
        wire::frontend::encode_sasl_response(answer, scram.final(authentication.data).value());
        break;
      case wire::backend::AuthenticationCode::kSaslFinal:
        scram.verify(authentication.data).value();
        break;
      case wire::backend::AuthenticationCode::kOk:
        messages.erase(messages.begin(), messages.end() - 1);
        break;
      default:
        throw std::runtime_error("asked for an authentication method that is not spoken");
    }
    peer.send(answer);
  }
}

Message refusal(const session::Address& address, const Login& login) {
  Peer peer(address);
  return find(log_in(peer, login), 'E');
}

Client::Client(const session::Address& address, const Login& login, int receive_buffer)
    : Peer(address, receive_buffer), greeting_(log_in(*this, login)) {
  if (greeting_.back().type() != 'Z') throw std::runtime_error("the login failed:" + pg::describe(greeting_));
  const auto key = wire::backend::decode_backend_key_data(find(greeting_, 'K').body()).value();
  pid_ = key.backend_pid;
  secret_ = key.secret_key;
}

std::string readies(std::string_view bytes) {
  std::string types;
  while (bytes.size() >= 5) {
    const char type = bytes.front();
    if (type == 'Q' || type == 'S' || type == 'F') types += 'Z';
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), std::size_t{length_at(bytes.substr(1))} + 1));
  }
  return types;
}

Messages Client::exchange(std::string_view bytes, std::string_view until) {
  const std::string expected = until.empty() ? readies(bytes) : std::string(until);
  send(bytes);
  return read_until(expected);
}

Messages Client::run(std::string_view sql) {
  auto messages = exchange(query(sql));
  if (count(messages, 'E') != 0) throw std::runtime_error(find(messages, 'E').describe());
  return messages;
}

std::string Client::scalar(std::string_view sql) {
  return find(run(sql), 'D').value(0);
}

void cancel(const session::Address& address, std::int32_t pid, std::string_view secret) {
  Peer peer(address);
  peer.send(wire::encode(wire::CancelRequest{.backend_pid = pid, .secret_key = std::string(secret)}));
  peer.read_to_end();
}

}  // namespace chaperone::pg
