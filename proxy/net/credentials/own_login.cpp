#include "proxy/net/credentials/own_login.hpp"

#include "proxy/net/credentials/certificates.hpp"
#include "proxy/net/credentials/commands.hpp"
#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {
namespace {

/// What stands for the instance in the names of such leases.
constexpr std::string_view kInstance = "control";

}  // namespace

ControlOutcome<session::ControlLogin> own_login(const session::Database& database, std::string_view name,
                                                std::string_view role) {
  session::ControlLogin login = session::control_login(database, name, role);
  const bool minted = std::holds_alternative<session::ClientCertificateCredential>(database.credential);
  if (!minted && !std::holds_alternative<session::CommandCredential>(database.credential)) return login;
  LeaseOutcome lease =
      minted
          ? certificate_lease(database, lease_name(kInstance))
          : command_lease(database,
                          {.session = {}, .database = std::string(name), .principal = {}, .capabilities = {}},
                          lease_name(kInstance));
  if (!lease) {
    return session::ControlError{
        std::string(wire::sqlstate::kConnectionFailure), lease.error().message, {}, {}};
  }
  login.role = std::move(lease->role);
  login.password = std::move(lease->password);
  if (lease->tls) login.tls = std::move(lease->tls);
  return login;
}

bool names_its_role(const session::Database& database) {
  const auto* fixed = std::get_if<session::StaticCredential>(&database.credential);
  return fixed == nullptr || !fixed->role.empty();
}

}  // namespace chaperone::net
