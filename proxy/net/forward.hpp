#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/socket.hpp"
#include "proxy/net/tls_context.hpp"
#include "proxy/session/environment.hpp"
#include "proxy/wire/error.hpp"

/// A program's connection, forwarded to a pgchaperone server under a login that the program does not know.
namespace chaperone::net {

/// The server, and how it is known.
struct ForwardServer {
  session::Address address;
  std::shared_ptr<const TlsContext> tls = {};  ///< nullptr = none is spoken
  /// Its certificate has to be this one (Tls::fingerprint()), whatever the context says; empty = that
  /// decides.
  std::string certificate = {};
  /// Whose program it has to be where no TLS says so, beside ours and root's; empty = that is not looked at.
  /// On this machine somebody else may listen in its place while it is down.
  std::vector<uid_t> owners = {};
};

/// How one connection logs in there.
struct ForwardLogin {
  std::string agent;
  std::string database;  ///< where the program names none
  std::string token;
};

/// Where forwarded connections go. Its functions are called by the threads of the connections, several at a
/// time, for each anew; an error is what the program reads.
struct ForwardTarget {
  std::function<wire::Result<ForwardServer>()> server;
  std::function<wire::Result<ForwardLogin>(int stop)> login;  ///< gives up once `stop` is readable
};

/// Forwards the connection of `client` to its end, on this thread. `password`: what it has to send for one;
/// empty = it is not asked. Over as well once `stop` is readable.
///
/// SSLRequest and GSSENCRequest are answered by N; the user is the agent, whatever the program calls itself;
/// a CancelRequest is handed on. What goes wrong before the server speaks is a FATAL error of PostgreSQL's
/// form (08006 where the server can't be reached); from AuthenticationOk on the bytes pass as they are.
void forward(Descriptor client, const std::string& password, const ForwardTarget& target, int stop);

}  // namespace chaperone::net
