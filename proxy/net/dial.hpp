#pragma once

#include <chrono>
#include <string>

#include "proxy/net/socket.hpp"
#include "proxy/session/environment.hpp"

/// Blocking steps, for the commands and for threads of their own; not for I/O threads.
namespace chaperone::net {

/// A connected socket that does not block, with TCP to each address of the name in turn; an empty one, and
/// the reason in `why`, where there is none by the deadline, or once `stop` is readable (-1: nothing stops
/// it).
Descriptor dial(const session::Address& server, std::chrono::steady_clock::time_point deadline,
                std::string& why, int stop = -1);

/// Waits until the descriptor is ready for `events` of poll(); false when the time is over first, or `stop`
/// readable.
bool wait_for(int fd, short events, std::chrono::steady_clock::time_point deadline, int stop = -1);

}  // namespace chaperone::net
