#include "proxy/net/credentials/certificates.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "proxy/net/events.hpp"
#include "rules/text.hpp"

namespace chaperone::net {

LeaseOutcome certificate_lease(const session::Database& database, const std::string& name,
                               std::string* serial) {
  const auto& credential = std::get<session::ClientCertificateCredential>(database.credential);
  if (!database.tls) return LeaseError{"a certificate is shown over TLS alone"};
  const audit::Microseconds now = wall_clock();
  auto minted = credential.authority->mint(name, now, credential.lifetime.count());
  if (!minted) return LeaseError{minted.error().message};
  if (serial != nullptr) *serial = std::move(minted->serial);
  const std::chrono::microseconds good_for(minted->expires_at - now);
  return session::Lease{.role = credential.role,
                        .tls = TlsContext::presenting(*database.tls, std::move(minted->shown)),
                        .deadline = std::chrono::steady_clock::now() + good_for};
}

void Certificates::open(session::LeaseRequest request, Done done) {
  LeaseOutcome outcome = make(request);
  if (!outcome) {
    spdlog::error("no certificate for a session of {}: {}", rules::in_quotes(request.database),
                  outcome.error().message);
  }
  done(std::move(outcome));
}

LeaseOutcome Certificates::make(const session::LeaseRequest& request) {
  const std::string name = lease_name(instance_);
  session::Database database;
  {
    const std::lock_guard guard(mutex_);
    if (refusing_) return LeaseError{"pgchaperone is shutting down"};
    database = database_;
  }
  std::string serial;
  LeaseOutcome lease = certificate_lease(database, name, &serial);
  if (!lease) return lease;
  const auto recorded = record_lease(log_, "minted", name, *lease, database.target(request.database), request,
                                     fmt::format(R"(,"serial":"{}")", serial));
  if (!recorded.empty()) return LeaseError{recorded};
  return lease;
}

void Certificates::follow(const session::Database& database) {
  const std::lock_guard guard(mutex_);
  database_ = database;
}

void Certificates::refuse() {
  const std::lock_guard guard(mutex_);
  refusing_ = true;
}

}  // namespace chaperone::net
