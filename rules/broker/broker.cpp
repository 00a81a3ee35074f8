#include "rules/broker/broker.hpp"

#include "rules/broker/broker_files.hpp"

namespace chaperone::rules {

std::string capability_role(std::string_view capability) {
  return "agc_" + std::string(capability);
}

std::string_view lease_sql() {
  return broker_files::kLease;
}

}  // namespace chaperone::rules
