#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parser/edit.hpp"
#include "parser/parser.hpp"
#include "rules/evaluate/evaluate.hpp"
#include "rules/narrow/narrow.hpp"
#include "rules/policy/policy.hpp"
#include "rules/rewrite/rewrite.hpp"

namespace chaperone::rules {

/// What the session has to see to while a statement runs, since its text can't.
struct StatementBounds {
  /// The rows that the client may get. The text asks for one more, so that a cut can be noticed.
  std::optional<std::uint64_t> rows;
  /// Of a COPY to the client: its first line is no row (HEADER).
  bool header = false;
  std::optional<WriteCap> writes;  ///< rows that it may change, as its command tag counts them
  bool modifies = false;           ///< it writes to a table, in a WITH too
  bool narrowed = false;           ///< of a table that it names, something is hidden, masked or filtered
  bool operator==(const StatementBounds&) const = default;
};

/// What becomes of a string of SQL, without what led to it: a value that owns itself and can be kept. It
/// holds slots, never a principal's values.
struct Decision {
  bool allow = false;
  std::shared_ptr<const Capability> capability;  ///< as in Verdict
  std::optional<Denial> denial;
  parser::Script script;  ///< empty where the text can't be read
  Rewritten rewritten;
  std::uint8_t narrowed = 0;            ///< narrowed::k..
  std::vector<StatementBounds> bounds;  ///< of each statement, where it is allowed

  /// Rough size on the heap in bytes, for caches that are bounded by bytes.
  std::size_t bytes() const;
  bool operator==(const Decision&) const = default;
};

/// The OIDs of what users make begin here (FirstNormalObjectId, transam.h).
inline constexpr std::uint32_t kFirstUserOid = 16'384;
/// Whether a parameter may be declared to be of the type with this OID, one of PostgreSQL's own
/// (pg_type.dat): those that evaluate() lets be named in SQL, and 0. The input of others looks names up (the
/// reg* types, aclitem) or reads XML; of the rest no client has values.
bool may_be_declared(std::uint32_t type);

/// Reads, decides and rewrites. Pure but for the parser's state a thread (parser::read_facts).
Decision decide(std::string_view sql, const Agent& agent, const Catalog& catalog,
                const parser::Limits& limits = {});

}  // namespace chaperone::rules
