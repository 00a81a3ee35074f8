#include "proxy/session/environment.hpp"

#include <fmt/format.h>

namespace chaperone::session {

std::string Address::to_string() const {
  if (unix_socket) return fmt::format("unix:{}:{}", host, port);
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string Address::socket_path() const {
  return fmt::format("{}/.s.PGSQL.{}", host, port);
}

Identity::Method Identity::method_of(std::string_view agent) const {
  const auto own = agents.find(agent);
  return own == agents.end() ? default_method : own->second;
}

std::string Database::target(std::string_view name) const {
  return fmt::format("{}/{}", server.to_string(), database.empty() ? name : std::string_view(database));
}

const Database* Environment::find_database(std::string_view name) const {
  auto entry = databases.find(name);
  if (entry == databases.end()) entry = databases.find(std::string_view("*"));
  return entry == databases.end() ? nullptr : &entry->second;
}

bool Environment::enforces(std::string_view agent) const {
  if (!policy) return false;
  const auto* found = policy->find_agent(agent);
  return found == nullptr || !found->observe;
}

bool Environment::judges(std::string_view agent) const {
  const auto* found = policy ? policy->find_agent(agent) : nullptr;
  return found != nullptr && found->observe && !found->capabilities.empty();
}

}  // namespace chaperone::session
