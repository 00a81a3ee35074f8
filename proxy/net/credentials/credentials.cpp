#include "proxy/net/credentials/credentials.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "proxy/net/credentials/certificates.hpp"
#include "proxy/net/credentials/commands.hpp"
#include "proxy/net/credentials/session_roles.hpp"
#include "proxy/net/events.hpp"

namespace chaperone::net {
namespace {

/// What tells sources apart; empty: the credential needs none. The roles of one database are made by one
/// source, whatever it is called (the configuration sees to it that they are made in one way); what leaves
/// nothing there is each entry's own.
std::string key_of(const session::Database& database, std::string_view name) {
  if (std::holds_alternative<session::SessionRoleCredential>(database.credential)) {
    return fmt::format("session_role {}", database.target(name));  // whoever its broker is now
  }
  if (const auto* shown = std::get_if<session::ClientCertificateCredential>(&database.credential)) {
    return fmt::format("client_certificate {} {} {}", name, database.target(name), shown->role);
  }
  if (const auto* given = std::get_if<session::CommandCredential>(&database.credential)) {
    return fmt::format("command {} {} {}", name, database.target(name), fmt::join(given->program, " "));
  }
  return {};
}

}  // namespace

void throw_exception_from_error(const LeaseError& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

std::string lease_name(std::string_view instance) {
  return fmt::format("agp_{}_{}", instance, auth::random_id());
}

std::string record_lease(audit::Log& log, std::string_view event, std::string_view name,
                         const session::Lease& lease, std::string_view target,
                         const session::LeaseRequest& request, std::string_view members) {
  std::string capabilities;
  for (const std::string& capability : request.capabilities) {
    capabilities += fmt::format("{}{}", capabilities.empty() ? "" : ",", json_or_null(capability));
  }
  const auto& principal = request.principal;
  const auto left =
      std::chrono::round<std::chrono::seconds>(*lease.deadline - std::chrono::steady_clock::now());
  const auto written = log.append_event(
      wall_clock(), "lease",
      fmt::format(
          R"("event":"{}","lease":"{}","role":{},"server":{},"session":"{}","database":{},"agent":{},"actor":{},"task":{},"capabilities":[{}],"seconds":{}{})",
          event, name, json_or_null(lease.role), json_or_null(target), request.session,
          json_or_null(request.database), json_or_null(principal.agent), json_or_null(principal.actor),
          json_or_null(principal.task), capabilities, left.count(), members));
  return written ? std::string() : written.error().message;
}

Credentials::~Credentials() = default;

void Credentials::follow(const session::Environment& environment) {
  const std::lock_guard guard(mutex_);
  std::erase_if(retired_, [](const auto& source) { return source->idle(); });
  std::map<std::string, std::shared_ptr<CredentialSource>> wanted;
  for (const auto& [name, database] : environment.databases) {
    std::string key = key_of(database, name);
    if (key.empty() || wanted.contains(key)) continue;
    auto node = sources_.extract(key);
    if (node) {
      node.mapped()->follow(database);
      wanted.insert(std::move(node));
    } else {
      wanted.emplace(std::move(key), make(name, database));
    }
  }
  for (auto& [key, source] : sources_) retired_.push_back(std::move(source));
  sources_ = std::move(wanted);
}

std::shared_ptr<CredentialSource> Credentials::make(const std::string& name,
                                                    const session::Database& database) const {
  if (std::holds_alternative<session::ClientCertificateCredential>(database.credential)) {
    return std::make_shared<Certificates>(database, instance_, log_);
  }
  if (std::holds_alternative<session::CommandCredential>(database.credential)) {
    return std::make_shared<Commands>(database, instance_, log_);
  }
  return std::make_shared<SessionRoles>(database.target(name), database, name, instance_, log_);
}

std::shared_ptr<CredentialSource> Credentials::find(const session::Database& database,
                                                    std::string_view name) const {
  const std::lock_guard guard(mutex_);
  const auto found = sources_.find(key_of(database, name));
  return found == sources_.end() ? nullptr : found->second;
}

std::size_t Credentials::roles() const {
  const std::lock_guard guard(mutex_);
  std::size_t sum = 0;
  for (const auto& [key, source] : sources_) sum += source->roles();
  for (const auto& source : retired_) sum += source->roles();
  return sum;
}

void Credentials::refuse() {
  const std::lock_guard guard(mutex_);
  for (auto& [key, source] : sources_) source->refuse();
  for (auto& source : retired_) source->refuse();
}

}  // namespace chaperone::net
