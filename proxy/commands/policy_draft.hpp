#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"

namespace chaperone::commands {

/// A first policy, for people to cut down.
struct PolicyDraft {
  std::string text;
  std::size_t tables = 0;  ///< that may be read
  std::vector<std::string>
      left_out;  ///< "customers.ssn", "api_keys": what looks sensitive, as a policy names it
  std::vector<std::string> not_named;  ///< tables that there was no room for
};

/// One agent, in `mode: observe`, with a capability that lists the tables of a database and their columns to
/// be read. Columns and tables whose names look sensitive are left out, and comments say so. Tables of
/// PostgreSQL and of its monitoring extensions, and partitions, which are read through their parents, are not
/// named.
PolicyDraft draft_policy(const rules::Catalog& catalog, std::string_view agent, std::string_view database);

/// Whether a column or table of that name is likely to hold what should stay where it is: "password_hash",
/// "apiKey", "ssn".
bool looks_sensitive(std::string_view name);

}  // namespace chaperone::commands
