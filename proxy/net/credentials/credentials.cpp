#include "proxy/net/credentials/credentials.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "proxy/net/credentials/session_roles.hpp"

namespace chaperone::net {
namespace {

/// What tells sources apart; empty: the credential needs none.
std::string key_of(const session::Database& database, std::string_view name) {
  const auto* role = std::get_if<session::SessionRoleCredential>(&database.credential);
  if (role == nullptr) return {};
  return fmt::format("session_role {} {}", database.target(name), role->broker);
}

}  // namespace

void throw_exception_from_error(const LeaseError& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

Credentials::~Credentials() = default;

void Credentials::follow(const session::Environment& environment) {
  const std::lock_guard guard(mutex_);
  std::erase_if(retired_, [](const auto& source) { return source->idle(); });
  std::map<std::string, std::shared_ptr<CredentialSource>> wanted;
  for (const auto& [name, database] : environment.databases) {
    std::string key = key_of(database, name);
    if (key.empty() || wanted.contains(key)) continue;  // two names of one database have one source
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
