#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/credentials/source.hpp"

namespace chaperone::net {

/// The sources of all databases whose credential is made for each session. Functions may be called from any
/// thread.
class Credentials {
 public:
  /// `instance`: which of several proxies this is; at most 32 of a-z, 0-9 and -. `log` outlives it.
  Credentials(std::string instance, audit::Log& log) : instance_(std::move(instance)), log_(log) {}
  ~Credentials();  ///< cleans up what is left open, within the time that the sources allow themselves

  /// Makes the sources that this environment needs, and lets go of others when their sessions are over.
  void follow(const session::Environment& environment);
  /// The source for a database that agents call `name`; nullptr: a reload took it away.
  std::shared_ptr<CredentialSource> find(const session::Database& database, std::string_view name) const;
  /// See CredentialSource.
  std::size_t roles() const;
  void refuse();

 private:
  std::shared_ptr<CredentialSource> make(const std::string& name, const session::Database& database) const;

  const std::string instance_;
  audit::Log& log_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<CredentialSource>> sources_;  ///< by key_of()
  std::vector<std::shared_ptr<CredentialSource>> retired_;
};

}  // namespace chaperone::net
