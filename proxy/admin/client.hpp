#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "proxy/session/environment.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::admin {

struct Answer {
  unsigned status = 0;
  std::string body;
};

/// GETs `path` from an admin address, within `timeout` in all. Blocks: for commands, not for the server.
wire::Result<Answer> get(const session::Address& address, std::string_view path,
                         std::chrono::milliseconds timeout);

}  // namespace chaperone::admin
