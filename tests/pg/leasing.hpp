#pragma once

#include "rules/broker/broker.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {

/// What `pgchaperone broker sql` is for, with the broker's password.
inline void set_up_leases() {
  static const bool done = [] {
    auto& control = postgres().control();
    control.run(
        "CREATE ROLE pgchaperone_owner NOLOGIN CREATEROLE; CREATE ROLE lease_broker LOGIN PASSWORD 'a "
        "secret';"
        "CREATE ROLE agc_items; GRANT agc_items TO pgchaperone_owner WITH ADMIN OPTION;"
        "GRANT SELECT (id, name) ON item TO agc_items");
    control.run(rules::lease_sql());
    control.run(
        "GRANT USAGE ON SCHEMA chaperone TO lease_broker;"
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA chaperone TO lease_broker;"
        "INSERT INTO chaperone.capabilities VALUES ('agc_items')");
    return true;
  }();
  (void)done;
}

}  // namespace chaperone::pg
