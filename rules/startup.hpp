#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/resolve/resolve.hpp"

/// The settings of a session as its StartupMessage makes them: what the proxy pins, and what of the client's
/// own parameters may pass. They are the session's defaults: RESET ALL and DISCARD ALL come back to them, and
/// they go over those of ALTER ROLE and ALTER DATABASE.
namespace chaperone::rules {

/// Name, value; in the order in which they are sent.
using SettingValues = std::vector<std::pair<std::string, std::string>>;

/// The longest of the capabilities' limits of time; none where one has none.
std::optional<std::chrono::milliseconds> longest_time(const Agent& agent);

/// What an agent's session starts with, whatever the client says: how SQL is read (client_encoding,
/// standard_conforming_strings, backslash_quote, search_path ..), what hides the SQL that is sent, the
/// longest of its capabilities' limits of time as statement_timeout (longest_time()), and who asks
/// (chaperone.agent, chaperone.actor and chaperone.task).
SettingValues pinned_settings(const Agent& agent, const Catalog& catalog, const Principal& principal);

struct StartupSettings {
  SettingValues send;  ///< pins included, each name once
  /// Of the first parameter that may not pass, SQLSTATE 28000; nothing else counts then.
  std::optional<Denial> denial;
};

/// Judges a client's start-up parameters; without user, database, replication and `_pq_.` options, which are
/// the protocol's. `options` is cut as PostgreSQL does it, and may hold -c name=value and --name=value. Each
/// setting may have the values that SET may give it under one of the agent's capabilities; `session: none`
/// makes no difference, as drivers can't be kept from sending some.
StartupSettings startup_settings(const Agent& agent, const Catalog& catalog, const Principal& principal,
                                 std::span<const std::pair<std::string, std::string>> parameters);

/// postinit.c pg_split_opts: words between blanks, a backslash takes the next byte as it is.
std::vector<std::string> split_options(std::string_view options);

}  // namespace chaperone::rules
