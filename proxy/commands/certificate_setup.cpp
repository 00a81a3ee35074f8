#include "proxy/commands/certificate_setup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace chaperone::commands {
namespace {

/// As both files read a name that is no plain word (hba.c, next_token); without the quotes a name as `all`
/// would be a keyword.
std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

}  // namespace

std::string certificate_setup(std::string_view database, std::string_view role, std::string_view instance) {
  const std::string any = "[a-z0-9-]{1,32}";
  return fmt::format(
      R"(# How the server lets pgchaperone's sessions in by their certificates. In postgresql.conf:
#
#   ssl = on
#   ssl_ca_file = 'FILE'    the authority of client_certificate (ca_certificate) and those above it. Whoever else
#                           gets a certificate of such a name signed by one of them logs in as the role
#
# pg_hba.conf, in front of every line that matches the same: the first one that does decides. Put the address of
# pgchaperone in the place of the first `all`. The other two keep the role from everything else.
hostssl  {0}  {1}  all  cert  map=pgchaperone
host     {0}  {1}  all  reject
local    {0}  {1}  reject

# pg_ident.conf. The expressions need their ^ and $: PostgreSQL would else take a name that only holds such a piece.
# The second line is of pgchaperone's own connections, which read the catalog.
pgchaperone  "/^agp_{2}_[a-z2-7]{{16}}$"  {1}
pgchaperone  "/^agp_control_[a-z2-7]{{16}}$"  {1}

# Then: SELECT pg_reload_conf(); SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL;
)",
      quoted(database), quoted(role), instance.empty() ? any : std::string(instance));
}

}  // namespace chaperone::commands
