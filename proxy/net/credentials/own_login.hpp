#pragma once

#include <string_view>

#include "proxy/net/control_connection.hpp"

namespace chaperone::net {

/// How we log in to a database on our own account, to read its catalog: as session::control_login() has it,
/// and where each login has a credential of its own, with a fresh one. Blocks for as long as a command may
/// run.
ControlOutcome<session::ControlLogin> own_login(const session::Database& database, std::string_view name,
                                                std::string_view role);

/// Whether own_login() needs to be told no role.
bool names_its_role(const session::Database& database);

}  // namespace chaperone::net
