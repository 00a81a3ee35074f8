#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "proxy/commands/doctor_finding.hpp"
#include "proxy/net/control_connection.hpp"
#include "rules/broker/grants.hpp"
#include "rules/broker/row_policies.hpp"
#include "rules/policy/policy.hpp"

namespace chaperone::commands {

/// One database of a configuration, with what the policy says of it.
struct DoctorSubject {
  std::string name = {};        ///< as agents call it
  std::string role = {};        ///< that pgchaperone logs in as; empty: it is not always the same
  bool leases = false;          ///< sessions get roles of their own, from `role`
  bool own_names = false;       ///< agents log in under their own names
  bool local = false;           ///< the server is reached without a network
  std::uint32_t connections{};  ///< limits.connections
  std::string config = {};      ///< the file, for commands that mend
  /// Loaded over the live catalog; nullptr = it can't be, and nothing is known of what it needs.
  const rules::PolicySet* policy = nullptr;
  rules::Grants needed = {};                          ///< by the capabilities' roles
  std::vector<rules::RowPolicies> row_policies = {};  ///< that the capabilities' roles need

  /// The roles that have to hold what capabilities need, with those capabilities. None where it can't be
  /// told.
  std::vector<std::pair<std::string, std::vector<std::shared_ptr<const rules::Capability>>>> holders() const;
};

/// What the questions in proxy/commands/doctor/ are asked about (the setting pgchaperone.doctor): JSON.
std::string questions(const DoctorSubject& subject);

/// Asks the server; whatever it may not tell to this role is a note. The session is of no use for anything
/// else afterwards. `timeout` is that of each query.
net::ControlOutcome<std::vector<Finding>> examine_database(net::ControlConnection& connection,
                                                           const DoctorSubject& subject,
                                                           std::chrono::milliseconds timeout);

}  // namespace chaperone::commands
