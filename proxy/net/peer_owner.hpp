#pragma once

#include <sys/types.h>

#include <optional>

namespace chaperone::net {

/// The user whose socket the other end of a connection on this machine is, as the kernel says: by SO_PEERCRED
/// of a Unix socket, by the table of TCP sockets of a loopback address. Nothing where it can't be told, or
/// that end is closed already: such a socket is nobody's. A listener's end is its own once it has sent
/// something.
std::optional<uid_t> peer_owner(int fd);

}  // namespace chaperone::net
