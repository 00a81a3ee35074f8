#include "proxy/commands/serve.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include "parser/parser.hpp"
#include "proxy/admin/admin.hpp"
#include "proxy/commands/state.hpp"
#include "proxy/config.hpp"
#include "proxy/net/log_lines.hpp"
#include "proxy/net/server.hpp"

namespace chaperone::commands {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

audit::Microseconds wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool same_listeners(const std::vector<net::Listen>& a, const std::vector<net::Listen>& b) {
  return std::ranges::equal(a, b, [](const net::Listen& one, const net::Listen& other) {
    return one.address == other.address && (one.tls == nullptr) == (other.tls == nullptr);
  });
}

unsigned thread_count(unsigned configured) {
  constexpr unsigned kMost = 4;
  // A busy thread takes more at each wake-up than two that are idle half of the time.
  return configured != 0 ? configured : std::clamp(std::thread::hardware_concurrency() / 2, 1U, kMost);
}

/// The running proxy, told by signals what to do: SIGHUP reloads, SIGTERM and SIGINT drain, a second one ends
/// at once.
class Service {
 public:
  /// `revocations`: nullptr where there is no state.
  Service(std::string config_file, Config config, audit::Log& log, net::Server& server,
          RevocationsWatch* revocations)
      : config_file_(std::move(config_file)),
        config_(std::move(config)),
        log_(log),
        server_(server),
        revocations_(revocations) {}

  void run() {
    if (revocations_ != nullptr) watch_revocations();
    wait_for_signal();
    io_.run();
  }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else {
        stop();
      }
      if (!io_.stopped()) wait_for_signal();
    });
  }

  void record(std::string_view event, std::string_view why) {
    const boost::json::value reason = why.empty() ? boost::json::value(nullptr) : boost::json::value(why);
    const auto written =
        log_.append_event(wall_clock(), "admin",
                          fmt::format(R"("event":"{}","why":{})", event, boost::json::serialize(reason)));
    if (!written) spdlog::error("{}", written.error().message);
  }

  void reload() {
    auto fresh = read_config(config_file_);
    if (!fresh) server_.reload_refused();
    const std::string refused =
        fresh ? server_.reload(fresh->environment, fresh->listen) : fresh.error().message;
    if (!refused.empty()) {
      spdlog::error("reload refused, the configuration in force stays:");
      net::log_lines(spdlog::level::err, refused);
      record("reload_refused", refused);
      return;
    }
    const bool needs_restart = !same_listeners(fresh->listen, config_.listen) ||
                               fresh->admin != config_.admin || fresh->audit.file != config_.audit.file ||
                               fresh->audit.durability != config_.audit.durability ||
                               fresh->connections != config_.connections || fresh->state != config_.state ||
                               fresh->threads != config_.threads;
    if (needs_restart)
      spdlog::warn(
          "listen, admin, audit, state, threads, limits.connections and connections_per_agent take effect "
          "with a restart");
    for (const auto& warning : fresh->warnings) spdlog::warn("{}", warning);
    config_.environment = fresh->environment;
    config_.drain = fresh->drain;
    record("reload", {});
    spdlog::info("reloaded {}", config_file_);
  }

  void watch_revocations() {
    revocations_timer_.expires_after(std::chrono::seconds(1));
    revocations_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      look_at_revocations();
      watch_revocations();
    });
  }

  void look_at_revocations() {
    std::string problem;
    auto fresh = revocations_->look(problem);
    if (!fresh) return;
    if (!problem.empty()) spdlog::error("{}; no token is accepted until it can be read", problem);
    record(problem.empty() ? "revocations" : "revocations_unreadable", problem);
    spdlog::info("{} revocation(s) in force", fresh->size());
    server_.revoke(std::move(fresh));
  }

  void stop() {
    if (server_.draining()) {
      spdlog::warn("a second signal: ending at once");
      server_.end_sessions();
      deadline_ = Clock::now() + kLastWords;
      return;
    }
    spdlog::info("draining: {} session(s), at most {} s", server_.sessions(), config_.drain.count() / 1000);
    record("drain", {});
    server_.drain();
    deadline_ = Clock::now() + config_.drain;
    watch_drain();
  }

  void watch_drain() {
    if (server_.sessions() == 0) {
      io_.stop();
      return;
    }
    if (Clock::now() >= deadline_) {
      if (ended_) {
        io_.stop();
        return;
      }
      spdlog::warn("{} session(s) did not end by themselves and are ended", server_.sessions());
      ended_ = true;
      server_.end_sessions();
      deadline_ = Clock::now() + kLastWords;
    }
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) watch_drain();
    });
  }

  static constexpr auto kLastWords = std::chrono::seconds(2);

  std::string config_file_;
  Config config_;
  audit::Log& log_;
  net::Server& server_;
  RevocationsWatch* revocations_;
  asio::io_context io_{1};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
  asio::steady_timer timer_{io_}, revocations_timer_{io_};
  Clock::time_point deadline_;
  bool ended_ = false;
};

/// What is in memory stays there: no core is written, and no other process of this user may look into it.
bool keep_memory_private() {
  constexpr rlimit kNone{0, 0};
  return ::setrlimit(RLIMIT_CORE, &kNone) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0;
}

}  // namespace

int serve(const std::string& config_file) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("pgchaperone"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  if (!keep_memory_private()) {
    spdlog::error("secrets can't be kept out of cores: {}", std::generic_category().message(errno));
    return 2;
  }
  auto config = read_config(config_file);
  if (!config) {
    net::log_lines(spdlog::level::err, config.error().message);
    return 2;
  }
  for (const auto& warning : config->warnings) spdlog::warn("{}", warning);
  if (const auto difference = parser::self_test(); !difference.empty()) {
    spdlog::error("this build reads libpg_query's parse trees wrongly and will not serve: {}", difference);
    return 2;
  }
  std::signal(SIGHUP, SIG_IGN);   // until there is something to reload
  std::signal(SIGPIPE, SIG_IGN);  // a lost peer is a result of send(), not a reason to die
  std::signal(SIGXFSZ, SIG_IGN);  // nor is a full file

  auto log = audit::Log::open(config->audit);
  if (!log) {
    spdlog::error("{}", log.error().message);
    return 2;
  }
  std::optional<RevocationsWatch> revocations;
  std::shared_ptr<const auth::Revocations> revoked;
  if (!config->state.empty()) {
    revocations.emplace(State(config->state));
    std::string problem;
    revoked = revocations->look(problem);
    if (!problem.empty()) {
      spdlog::error("{}", problem);
      return 2;
    }
  }
  std::string instance = config->instance;
  if (instance.empty() && !config->state.empty()) {
    auto kept = State(config->state).instance();
    if (!kept) {
      spdlog::error("{}", kept.error().message);
      return 2;
    }
    instance = std::move(*kept);
  }
  auto server = net::Server::start({.listen = config->listen,
                                    .threads = thread_count(config->threads),
                                    .max_sessions = config->connections,
                                    .max_sessions_per_agent = config->connections_per_agent,
                                    .login_timeout = config->authentication,
                                    .durability = config->audit.durability,
                                    .values = config->audit.values,
                                    .instance = instance,
                                    .revocations = revoked},
                                   config->environment, **log);
  if (!server) {
    spdlog::error("{}", server.error().message);
    return 2;
  }
  std::unique_ptr<admin::Server> admin_server;
  if (config->admin) {
    const auto not_ready = [&log, &server]() -> std::string {
      if ((*server)->draining()) return "draining";
      if ((*log)->down()) return "the audit log can't be written";
      return "";
    };
    auto started =
        admin::Server::start(*config->admin, {.counters = (*server)->counters(),
                                              .log = log->get(),
                                              .not_ready = not_ready,
                                              .rules = [&server] { return (*server)->rules(); },
                                              .lease_roles = [&server] { return (*server)->lease_roles(); }});
    if (!started) {
      spdlog::error("{}", started.error().message);
      return 2;
    }
    admin_server = std::move(*started);
    spdlog::info("metrics and health on {}", admin_server->address().to_string());
  }
  Service service(config_file, std::move(*config), **log, **server, revocations ? &*revocations : nullptr);
  for (const auto& address : (*server)->addresses()) spdlog::info("listening on {}", address.to_string());
  service.run();
  admin_server.reset();
  server->reset();
  (*log)->close();
  spdlog::info("ended");
  return 0;
}

}  // namespace chaperone::commands
