#include "proxy/net/credentials/commands.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "proxy/net/credentials/command.hpp"
#include "proxy/net/credentials/command_protocol.hpp"
#include "proxy/net/events.hpp"
#include "proxy/net/tls_context.hpp"
#include "rules/text.hpp"

namespace chaperone::net {
namespace {

constexpr std::string_view kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

CommandLine command_line(const session::CommandCredential& credential) {
  CommandLine command{.words = credential.program, .environment = {}, .timeout = credential.timeout};
  for (const std::string& name : credential.environment) {
    if (const char* const value = std::getenv(name.c_str())) {
      command.environment.push_back(fmt::format("{}={}", name, value));
    }
  }
  if (std::ranges::find(credential.environment, "PATH") == credential.environment.end()) {
    command.environment.emplace_back(kPath);
  }
  return command;
}

/// What it wrote to standard error, for the log: one line, nothing of it can drive a terminal.
void log_errors(const session::CommandCredential& credential, const std::string& errors) {
  if (errors.empty()) return;
  std::string text = errors;
  while (text.ends_with('\n')) text.pop_back();
  spdlog::warn("{} says {}", credential.program.front(), json_or_null(text));
}

LeaseOutcome lease_of(CredentialAnswer answer, const session::Database& database, audit::Microseconds now) {
  const auto& credential = std::get<session::CommandCredential>(database.credential);
  session::Lease lease{.role = std::move(answer.user), .password = std::move(answer.password)};
  std::chrono::microseconds good_for = credential.lifetime;
  if (answer.expires_at) good_for = std::min(good_for, std::chrono::microseconds(*answer.expires_at - now));
  lease.deadline = std::chrono::steady_clock::now() + good_for;
  if (answer.certificate.empty()) return lease;
  if (!database.tls) return LeaseError{"it gave a certificate, which is shown over TLS alone"};
  PemFile certificate{"certificate of its answer", std::string(answer.certificate.view())};
  PemFile key{"key of its answer", std::string(answer.key.view())};
  auto tls = TlsContext::presenting(*database.tls, certificate, key);
  wire::wipe(key.text);
  if (!tls) return LeaseError{tls.error().message};
  lease.tls = std::move(*tls);
  return lease;
}

}  // namespace

LeaseOutcome command_lease(const session::Database& database, const session::LeaseRequest& request,
                           const std::string& name, int stop) {
  const auto& credential = std::get<session::CommandCredential>(database.credential);
  const std::string server = database.server.to_string();
  const CredentialQuestion question{
      .server = server,
      .database = database.database.empty() ? request.database : database.database,
      .agent = request.principal.agent,
      .actor = request.principal.actor,
      .task = request.principal.task,
      .capabilities = request.capabilities,
      .lease = name,
      .lifetime = credential.lifetime.count()};
  const CommandResult result = run_command(command_line(credential), question.to_json(), stop);
  log_errors(credential, result.errors);
  if (!result.failure.empty())
    return LeaseError{fmt::format("{}: {}", credential.program.front(), result.failure)};
  const audit::Microseconds now = wall_clock();
  auto answer = CredentialAnswer::read(result.output.view(), now);
  LeaseOutcome lease =
      answer ? lease_of(std::move(*answer), database, now) : LeaseOutcome(LeaseError{answer.error().message});
  if (!lease) return LeaseError{fmt::format("{}: {}", credential.program.front(), lease.error().message)};
  return lease;
}

Commands::Commands(const session::Database& database, std::string instance, audit::Log& log)
    : instance_(std::move(instance)), log_(log), database_(database), stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (!stop_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Commands::~Commands() {
  refuse();
}

void Commands::open(session::LeaseRequest request, Done done) {
  {
    const std::lock_guard guard(mutex_);
    if (!refusing_) {
      jobs_.push_back({std::move(request), std::move(done), Clock::now()});
      if (jobs_.size() > resting_ && threads_.size() < kMaxCommands) threads_.emplace_back([this] { run(); });
      wakes_.notify_one();
      return;
    }
  }
  done(LeaseError{"pgchaperone is shutting down"});
}

void Commands::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++resting_;
    wakes_.wait(lock, [this] { return refusing_ || !jobs_.empty(); });
    --resting_;
    if (refusing_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    LeaseOutcome outcome = make(job);
    if (!outcome) {
      spdlog::error("no credential for a session of {}: {}", rules::in_quotes(job.request.database),
                    outcome.error().message);
    }
    lock.lock();
    --running_;
    if (!refusing_) job.done(std::move(outcome));
  }
}

LeaseOutcome Commands::make(const Job& job) {
  session::Database database;
  {
    const std::lock_guard guard(mutex_);
    database = database_;
  }
  const auto& credential = std::get<session::CommandCredential>(database.credential);
  if (Clock::now() - job.since > credential.timeout) {
    return LeaseError{fmt::format("{} commands run at once, and none of them ended in time", kMaxCommands)};
  }
  const std::string name = lease_name(instance_);
  LeaseOutcome lease = command_lease(database, job.request, name, stop_.get());
  if (!lease) return lease;
  const auto recorded =
      record_lease(log_, "given", name, *lease, database.target(job.request.database), job.request,
                   fmt::format(R"(,"by":"{}")", lease->tls ? "certificate" : "password"));
  if (!recorded.empty()) return LeaseError{recorded};
  return lease;
}

void Commands::follow(const session::Database& database) {
  const std::lock_guard guard(mutex_);
  database_ = database;
}

bool Commands::idle() const {
  const std::lock_guard guard(mutex_);
  return jobs_.empty() && running_ == 0;
}

void Commands::refuse() {
  {
    const std::lock_guard guard(mutex_);
    refusing_ = true;
    ::eventfd_write(stop_.get(), 1);
  }
  wakes_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace chaperone::net
