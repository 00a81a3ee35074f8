#pragma once

#include <string>
#include <string_view>

namespace chaperone::commands {

/// The lines of pg_hba.conf and pg_ident.conf by which a server lets sessions in with the certificates of
/// `client_certificate`, with comments for the DBA. `database`: its name there. `instance`: the part of the
/// certificates' names; empty: any.
std::string certificate_setup(std::string_view database, std::string_view role, std::string_view instance);

}  // namespace chaperone::commands
