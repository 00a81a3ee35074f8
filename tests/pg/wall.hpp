#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {

/// What psql did with a script: its exit status, and all that it said.
struct PsqlRun {
  int status = -1;
  std::string output;
};
PsqlRun psql(const Postgres& server, const std::string& database, std::string_view script,
             const std::vector<std::string>& options = {});

/// A database behind the wall that `broker sql` makes, and sessions that log in there past the proxy, as
/// lease roles. The server is its own: the roles are the cluster's.
class Wall {
 public:
  /// Makes the database anew, with that schema. Throws where the schema or the policy has problems.
  Wall(Postgres& server, std::string database, std::string_view schema, std::string_view policy);
  Wall(Postgres& server, std::string database, std::string_view schema,
       std::shared_ptr<const rules::Catalog> catalog, std::shared_ptr<const rules::PolicySet> policy);

  const rules::Catalog& catalog() const { return *catalog_; }
  const rules::PolicySet& policy() const { return *policy_; }
  const std::string& database() const { return database_; }

  /// Goes on with another policy over the same catalog.
  void use(std::string_view policy);
  std::string setup_sql() const;
  /// Runs it as psql would, and lets the broker log in. Throws where psql fails.
  void set_up();
  PsqlRun drop() const;

  /// A new session as a lease role that holds these capabilities.
  std::unique_ptr<Client> lease(const std::vector<std::string>& capabilities,
                                std::string_view parameters = "{}");
  /// Ends and removes all leases.
  void end_leases();
  /// A session of the superuser.
  Client& control();
  /// What anybody was granted in this database, and policies of row-level security: as lines, sorted.
  std::string privileges();
  /// The lines in which privileges() differs from what it was: "" where nothing has changed.
  std::string changes(const std::string& before);

 private:
  Postgres& server_;
  std::string database_;
  std::shared_ptr<const rules::Catalog> catalog_;
  std::shared_ptr<const rules::PolicySet> policy_;
  std::unique_ptr<Client> control_;
  int leases_ = 0;
};

/// The server of the tests of the wall.
Postgres& wall_server();

/// Runs one string of SQL and takes it back: "" where it went well, else the SQLSTATE of its error. NULL
/// stands in for each $n, and COPY .. FROM STDIN gets no data.
std::string try_out(Client& client, std::string_view sql);

}  // namespace chaperone::pg
