#pragma once

#include <mutex>
#include <string>

#include "proxy/audit/log.hpp"
#include "proxy/net/credentials/client_certificate.hpp"
#include "proxy/net/credentials/source.hpp"

namespace chaperone::net {

/// A lease by a certificate of that name for the database, whose credential is a ClientCertificateCredential.
/// `serial` gets the certificate's number.
LeaseOutcome certificate_lease(const session::Database& database, const std::string& name,
                               std::string* serial = nullptr);

/// `client_certificate`: a certificate for each session, made where it is asked for. Its name is the lease's,
/// and pg_ident.conf makes the role out of it; there is nothing on the server to clean up. Whose session it
/// was, its name and its serial number are recorded before it is used.
class Certificates : public CredentialSource {
 public:
  /// `log` outlives it.
  Certificates(const session::Database& database, std::string instance, audit::Log& log)
      : instance_(std::move(instance)), log_(log), database_(database) {}

  void open(session::LeaseRequest request, Done done) override;
  void used(const std::string&) override {}
  void close(const std::string&) override {}
  void follow(const session::Database& database) override;
  bool idle() const override { return true; }
  std::size_t roles() const override { return 0; }
  void refuse() override;

 private:
  LeaseOutcome make(const session::LeaseRequest& request);

  const std::string instance_;
  audit::Log& log_;
  mutable std::mutex mutex_;
  session::Database database_;
  bool refusing_ = false;
};

}  // namespace chaperone::net
