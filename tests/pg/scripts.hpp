#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/pg/client.hpp"
#include "tests/pg/messages.hpp"

namespace chaperone::pg {

/// What a client sends at once, and where the answer to it ends.
struct Round {
  std::string bytes;
  std::string until = {};  ///< as Peer::read_until takes it; empty = readies(bytes)
  std::string meanwhile =
      {};  ///< SQL that another session runs once it is sent; $PID is the client's backend
};

/// A conversation to be played direct and through pgchaperone.
struct Script {
  std::string name;
  std::vector<Round> rounds;
  Login login = {};
};

using Scripts = std::vector<Script>;

/// Query messages alone: SQL of all kinds, transactions, cursors, two-phase commit.
Scripts simple_scripts();
Scripts extended_scripts();
Scripts copy_scripts();
/// Settings, notifications, start-up parameters, ends of sessions.
Scripts session_scripts();

}  // namespace chaperone::pg
