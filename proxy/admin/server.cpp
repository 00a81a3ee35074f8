#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "proxy/admin/admin.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Unix = asio::local::stream_protocol;
using Executor = asio::io_context::executor_type;
using boost::system::error_code;

template <class Protocol>
using Acceptor = asio::basic_socket_acceptor<Protocol, Executor>;
template <class Protocol>
using Stream = beast::basic_stream<Protocol, Executor>;
using Response = http::response<http::string_body>;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr std::size_t kConnections = 64;
constexpr std::uint32_t kHeaderBytes = 8192;

Response plain(http::status status, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = std::move(body);
  return response;
}

Response answer(const http::request<http::empty_body>& request, const Sources& sources) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Response response = plain(http::status::method_not_allowed, "only GET and HEAD\n");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  const std::string_view target(request.target().data(), request.target().size());
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == "/healthz") return plain(http::status::ok, "ok\n");
  if (path == "/readyz") {
    const std::string why = sources.not_ready ? sources.not_ready() : "";
    return why.empty() ? plain(http::status::ok, "ready\n")
                       : plain(http::status::service_unavailable, why + "\n");
  }
  if (path == "/metrics") {
    Response response = plain(http::status::ok, metrics_text(sources));
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    return response;
  }
  return plain(http::status::not_found, "there are /metrics, /healthz and /readyz\n");
}

/// What the coroutines share; they all run on the admin thread.
struct Shared {
  Sources sources;
  std::chrono::milliseconds patience{};
  std::size_t connections = 0;
};

/// One connection less when it goes.
class Seat {
 public:
  explicit Seat(Shared& shared) : shared_(shared) { ++shared_.connections; }
  ~Seat() { --shared_.connections; }
  Seat(const Seat&) = delete;

 private:
  Shared& shared_;
};

/// Requests of one connection, one after the other. All waits end by the stream's own timeout.
template <class Protocol>
asio::awaitable<void, Executor> converse(Stream<Protocol> stream, Shared& shared) {
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable_t<Executor>());
  const Seat seat(shared);
  beast::flat_buffer buffer(kHeaderBytes);
  bool keep_alive = true;
  while (keep_alive) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kHeaderBytes);
    stream.expires_after(shared.patience);
    const auto [read_error, read] = co_await http::async_read_header(stream, buffer, parser, kToken);
    const bool malformed =
        read_error && read_error.category() == http::make_error_code(http::error::end_of_stream).category();
    if (read_error && (!malformed || read_error == http::error::end_of_stream)) co_return;

    // A body is never read, so nothing can be read behind one.
    keep_alive = !read_error && parser.is_done() && parser.keep_alive();
    Response response = malformed ? plain(http::status::bad_request, "that is no HTTP request\n")
                                  : answer(parser.get(), shared.sources);
    const bool head = !malformed && parser.get().method() == http::verb::head;
    response.keep_alive(keep_alive);
    response.prepare_payload();
    if (head) response.body().clear();
    stream.expires_after(shared.patience);
    http::response_serializer<http::string_body> serializer(response);
    if (head) {
      const auto [write_error, written] = co_await http::async_write_header(stream, serializer, kToken);
      if (write_error) co_return;
    } else {
      const auto [write_error, written] = co_await http::async_write(stream, serializer, kToken);
      if (write_error) co_return;
    }
  }
  error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

template <class Protocol>
asio::awaitable<void, Executor> accept_all(Acceptor<Protocol>& acceptor, Shared& shared) {
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable_t<Executor>());
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    asio::basic_stream_socket<Protocol, Executor> socket(acceptor.get_executor());
    const auto [error] = co_await acceptor.async_accept(socket, kToken);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Most likely out of descriptors: trying again at once would only burn the processor.
      pause.expires_after(kAcceptPause);
      const auto [interrupted] = co_await pause.async_wait(kToken);
      if (interrupted) co_return;
      continue;
    }
    if (shared.connections >= kConnections) continue;  // closes the socket
    Stream<Protocol> stream(std::move(socket));
    asio::co_spawn(acceptor.get_executor(), converse<Protocol>(std::move(stream), shared), asio::detached);
  }
}

/// A socket file that nobody listens on any more is in the way of bind().
void remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  asio::io_context context(1);
  Unix::socket probe(context);
  error_code error;
  probe.connect(Unix::endpoint(path), error);
  if (error == asio::error::connection_refused) ::unlink(path.c_str());
}

template <class Protocol>
error_code listen(Acceptor<Protocol>& acceptor, const typename Protocol::endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error && endpoint.protocol().family() != AF_UNIX) {
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

}  // namespace

std::string socket_path(const session::Address& address) {
  return fmt::format("{}/admin.{}.sock", address.host, address.port);
}

struct Server::Implementation {
  session::Address address;
  Shared shared;            // outlives the coroutines, which end with `context`
  std::string socket_file;  // to remove at the end; empty = none
  asio::io_context context{1};
  Acceptor<tcp> tcp_acceptor{context.get_executor()};
  Acceptor<Unix> unix_acceptor{context.get_executor()};
  std::thread thread;

  error_code listen_unix() {
    const std::string path = socket_path(address);
    remove_stale(path);
    const error_code error = listen(unix_acceptor, Unix::endpoint(path));
    if (error) return error;
    socket_file = path;
    asio::co_spawn(context, accept_all(unix_acceptor, shared), asio::detached);
    return {};
  }

  error_code listen_tcp() {
    error_code error;
    tcp::resolver resolver(context);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    for (const auto& entry : found) {
      error = listen(tcp_acceptor, entry.endpoint());
      if (!error) break;
      error_code ignored;
      tcp_acceptor.close(ignored);
    }
    if (error) return error;
    address.port = tcp_acceptor.local_endpoint(error).port();
    asio::co_spawn(context, accept_all(tcp_acceptor, shared), asio::detached);
    return error;
  }
};

Server::Server() : implementation_(std::make_unique<Implementation>()) {
}

Server::~Server() {
  implementation_->context.stop();
  if (implementation_->thread.joinable()) implementation_->thread.join();
  if (!implementation_->socket_file.empty()) ::unlink(implementation_->socket_file.c_str());
}

wire::Result<std::unique_ptr<Server>> Server::start(const session::Address& address, Sources sources,
                                                    std::chrono::milliseconds patience) {
  std::unique_ptr<Server> server(new Server);
  Implementation& self = *server->implementation_;
  self.address = address;
  self.shared.sources = std::move(sources);
  self.shared.patience = patience;
  const error_code error = address.unix_socket ? self.listen_unix() : self.listen_tcp();
  if (error) {
    return wire::Error{
        wire::sqlstate::kConnectionFailure,
        fmt::format("admin address {} can't be listened on: {}", address.to_string(), error.message())};
  }
  // Signals are for the main thread: the new one inherits a mask that lets none in.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  self.thread = std::thread([&self] {
    ::pthread_setname_np(::pthread_self(), "admin");
    self.context.run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return server;
}

const session::Address& Server::address() const {
  return implementation_->address;
}

}  // namespace chaperone::admin
