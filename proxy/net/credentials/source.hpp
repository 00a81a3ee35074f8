#pragma once

#include <boost/system/result.hpp>
#include <functional>
#include <string>

#include "proxy/audit/log.hpp"
#include "proxy/session/environment.hpp"

namespace chaperone::net {

/// Why there is no lease: for the operator.
struct LeaseError {
  std::string message;
};

using LeaseOutcome = boost::system::result<session::Lease, LeaseError>;
[[noreturn]] void throw_exception_from_error(const LeaseError& error, const boost::source_location& where);

/// "agp_<instance>_<16 random characters>": how the records, and where it can the server, know a lease.
std::string lease_name(std::string_view instance);

/// Records a lease of a kind that leaves nothing on the server: who it is for, with further `members`. Empty,
/// or why it can't be recorded; then it may not be used.
std::string record_lease(audit::Log& log, std::string_view event, std::string_view name,
                         const session::Lease& lease, std::string_view target,
                         const session::LeaseRequest& request, std::string_view members);

/// Where the leases of one database come from: one kind of credential each. There is no way from one kind to
/// another: a session gets what the configuration says, or is refused. Functions may be called from any
/// thread.
class CredentialSource {
 public:
  using Done = std::function<void(LeaseOutcome)>;

  virtual ~CredentialSource() = default;

  /// A lease for one session. `done` is called once, on a thread of the source (or at once); it may not
  /// block. Every lease that is given is given back by close().
  virtual void open(session::LeaseRequest request, Done done) = 0;
  /// The session is logged in as `role`: nobody has to be able to do so again.
  virtual void used(const std::string& role) = 0;
  /// The session is over, or did not come to be.
  virtual void close(const std::string& role) = 0;

  /// The configuration was read again; what tells sources apart (Credentials) is the same.
  virtual void follow(const session::Database& database) = 0;
  /// Nothing is open any more and nothing left to clean up.
  virtual bool idle() const = 0;
  /// Roles that it made and that are, or may be, still there.
  virtual std::size_t roles() const = 0;
  /// From now on open() fails, and no `done` is called once this has returned.
  virtual void refuse() = 0;
};

}  // namespace chaperone::net
