#pragma once

#include "proxy/auth/strict_json.hpp"

namespace chaperone::auth {

/// Zeroes all texts of a value that held a secret, but for names.
void wipe(Json& value);

}  // namespace chaperone::auth
