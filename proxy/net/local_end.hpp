#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "proxy/net/forward.hpp"

namespace chaperone::net {

/// Where one program of this machine connects to without a secret that lasts: a Unix socket in a directory of
/// mode 0700, and a port of 127.0.0.1 for drivers that know no Unix sockets. Each connection is forwarded on
/// a thread of its own.
///
/// Only processes of our own user get through. On the port the kernel tells whose socket the other end is;
/// and a password made for this run has to be sent, so that a program of ours that happens upon the port does
/// not get in either.
class LocalEnd {
 public:
  /// Listens. Everything is gone with its owner, the connections too.
  static wire::Result<std::unique_ptr<LocalEnd>> open(ForwardTarget target);
  ~LocalEnd();
  LocalEnd(const LocalEnd&) = delete;

  /// Of the Unix socket, which is named as PostgreSQL's would be: .s.PGSQL.<port>.
  const std::string& directory() const { return directory_; }
  std::uint16_t port() const { return port_; }
  /// For the port. Letters, digits, "-" and "_".
  const std::string& password() const { return password_; }

 private:
  struct Connection {
    std::thread thread;
    std::atomic<bool> over = false;
  };

  explicit LocalEnd(ForwardTarget target);
  wire::Result<void> listen();
  void accept();
  void admit(Descriptor client, bool by_port);
  void reap(bool all);

  ForwardTarget target_;
  std::string directory_, password_;
  std::uint16_t port_ = 0;
  Descriptor unix_, tcp_, stop_;
  std::list<Connection> connections_;  // of the accepting thread alone, once that runs
  std::thread accepting_;
};

}  // namespace chaperone::net
