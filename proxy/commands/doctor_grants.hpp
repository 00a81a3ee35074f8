#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "proxy/commands/doctor_finding.hpp"
#include "proxy/net/control_connection.hpp"
#include "rules/broker/grants.hpp"

namespace chaperone::commands {

/// A privilege that a role really has, and by whom.
struct HeldPrivilege {
  std::string role;
  std::string grantee;  ///< the role itself, one that it is a member of, or empty: PUBLIC
  bool owner = false;   ///< the grantee owns the object
  std::string object;   ///< relation, sequence, schema, database, function, parameter, large object, server
  std::string schema;   ///< of a database its name, empty for the one that was asked
  std::string name;
  std::string column;  ///< empty: the whole relation
  std::string privilege;
  bool grantable = false;
  std::string sql;           ///< the object as GRANT names it: "TABLE public.tickets"
  std::string grantor = {};  ///< as SQL names it; empty: the owner
  std::string before_revoke = {}, behind_revoke = {};  ///< what makes a REVOKE that one's
};

/// What a live database grants to the roles that hold capabilities.
struct Privileges {
  struct Function {
    std::string schema, name, sql;
  };
  /// Behind defaults: of rules::default_sequences_query(). The column is empty where it is any of a view.
  struct Sequence {
    std::string schema, relation, column;
    std::string sequence_schema, sequence;
  };

  std::string database;
  std::map<std::string, bool>
      superusers;  ///< the roles that are there, and whether privileges hold them back
  std::vector<HeldPrivilege> held;
  std::map<std::string, std::vector<Function>> refused;  ///< what a role may not execute
  std::vector<Sequence> sequences;
};

/// On a session that examine_database() has begun.
net::ControlOutcome<Privileges> read_privileges(net::ControlConnection& connection,
                                                std::chrono::milliseconds timeout);

/// Where a role holds less or more than it needs. `leases`: the roles are for capabilities alone, so that
/// more is a danger; else all agents share one, and it is a warning.
std::vector<Finding> compare_grants(const rules::Grants& needed, const Privileges& live, bool leases);

}  // namespace chaperone::commands
