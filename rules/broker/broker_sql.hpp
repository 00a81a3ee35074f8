#pragma once

#include <string>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/policy/problems.hpp"

/// What `pgchaperone broker sql` prints (docs/broker.md): scripts for psql that a DBA reviews and runs. None
/// holds a secret. Names of files and people's descriptions stand in comments alone, on one line each.
namespace chaperone::rules {

struct BrokerSetup {
  std::string database;     ///< its name on the server
  std::string broker;       ///< the role that pgchaperone logs in as to make leases
  std::string policy_file;  ///< its name in comments and messages
};

/// Makes what leases take: roles, schema `chaperone`, capability roles with the grants that the policy needs,
/// and its policies of row-level security. One transaction; a second run changes nothing, and one with
/// another policy takes back what that does not need. What the policy asks of PostgreSQL that can't be is in
/// `problems`.
std::string broker_setup_sql(const BrokerSetup& setup, const PolicySet& policy, const Catalog& catalog,
                             Problems& problems);

/// Removes all of it; refuses while there are leases.
std::string broker_drop_sql(const BrokerSetup& setup);

/// What PUBLIC holds that the wall can't take away, each with its risk and with what might break.
std::string broker_harden_sql(const BrokerSetup& setup);

}  // namespace chaperone::rules
