#pragma once

#include <string>
#include <string_view>

/// What has to be in a database so that a role can be made for each session there (`session_role`).
namespace chaperone::rules {

/// The role that owns schema `chaperone` and its functions; it can create roles, and nobody can log in as it.
inline constexpr std::string_view kBrokerOwner = "pgchaperone_owner";

/// The role that holds what a capability needs; a lease is made a member of those of its agent.
std::string capability_role(std::string_view capability);

/// SQL that makes schema `chaperone` with the functions that make leases, or brings it up to date.
/// kBrokerOwner has to be there; who may call the functions is not said.
std::string_view lease_sql();

}  // namespace chaperone::rules
