#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/credentials/session_roles.hpp"

/// Between the files of SessionRoles; nobody else includes it.
namespace chaperone::net {

/// Roles that may be there at once; more can only be some that can't be removed.
inline constexpr std::size_t kMostRoles = 10'000;

/// As quote_literal() with standard_conforming_strings on.
std::string quote_literal(std::string_view text);

/// A connection as the broker, made when it is needed and again when it was lost. One thread.
class SessionRoles::Broker {
 public:
  enum class Commit : std::uint8_t { kAsynchronous, kSynchronous };

  Broker(const SessionRoles& owner, Commit commit) : owner_(owner), commit_(commit) {}

  ControlOutcome<std::vector<session::ControlResult>> query(std::string_view sql);
  /// False as well where the configuration says another login by now.
  bool connected() const { return connection_ && connection_->usable() && login_ == owner_.login_; }

 private:
  const SessionRoles& owner_;
  const Commit commit_;
  std::optional<ControlConnection> connection_;
  unsigned login_ = 0;  ///< SessionRoles::login_ that it was made by
};

}  // namespace chaperone::net
