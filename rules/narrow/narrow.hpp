#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"
#include "rules/resolve/resolve.hpp"

/// From bindings to what has to be done to the text, so that the reply is one that PostgreSQL could have
/// given on the projected database; or a refusal, where no sound way is known.
namespace chaperone::rules {

/// What was narrowed, for the record: rows, mask, columns, limit, set.
namespace narrowed {
inline constexpr std::uint8_t kRows = 1;
inline constexpr std::uint8_t kMask = 2;
inline constexpr std::uint8_t kColumns = 4;
inline constexpr std::uint8_t kLimit = 8;
inline constexpr std::uint8_t kSet = 16;
}  // namespace narrowed

/// mask, rows, columns, limit, set: what of it is there.
std::vector<std::string_view> narrowed_words(std::uint8_t what);

/// A FROM item that is replaced by (SELECT columns FROM relation WHERE filter).
struct Wrapper {
  parser::Id item = parser::kNone;
  bool fence = false;                       ///< no predicate may be evaluated inside: UNION ALL .. OFFSET 0
  std::vector<std::uint16_t> columns;       ///< what it shows, in the relation's order
  std::vector<std::string> system_columns;  ///< ctid, tableoid ..: those that the statement names
  /// Exprs: total conjuncts of the WHERE that stand inside a fence too, so that it finds its rows by an
  /// index.
  std::vector<parser::Id> copied_conjuncts;
  /// Exprs: partial conjuncts of the WHERE that need this item alone. They stand inside, guarded by the
  /// filter, and `true` in their own place. For filters over columns that the wrapper does not show.
  std::vector<parser::Id> moved_conjuncts;
};

/// A WHERE conjunct that may only be evaluated where the filters of `items` hold.
struct Guard {
  parser::Id conjunct = parser::kNone;  ///< exprs
  std::vector<parser::Id> items;        ///< from_items with a filter
};

/// A target of UPDATE or DELETE whose filter goes into the WHERE. A query can have two: that of the write and
/// that of `read`.
struct TargetFilter {
  parser::Id query = parser::kNone;
  const RowFilter* filter = nullptr;
};

/// GROUP BY that named a primary key: the columns that depend on it and have to be listed, each once.
struct GroupColumn {
  parser::Id item = parser::kNone;
  std::uint16_t column = 0;
};
struct GroupColumns {
  parser::Id query = parser::kNone;
  std::vector<GroupColumn> columns;
};

/// Columns that an INSERT gets, or the column list it did not have.
struct InsertColumns {
  parser::Id query = parser::kNone;
  std::vector<std::string> names;    ///< the list to spell out, where the text has none
  const InsertRule* rule = nullptr;  ///< whose `set` columns are added
};

/// The outermost query of a statement gives at most `rows` rows. Where there is a `cap` they are one more
/// than that, so that a cut can be noticed, and the session drops the last one. A cursor's rows are counted
/// by the server alone: it has none.
struct RowLimit {
  parser::Id query = parser::kNone;
  std::uint64_t rows = 0;
  std::optional<std::uint64_t> cap;
  bool operator==(const RowLimit&) const = default;
};

/// A hard cap on the rows that a statement changes; kept by the session, not by the text.
struct WriteCap {
  std::uint64_t rows = 0;
  std::string rule;   ///< tables.tickets.update.max_rows
  std::string table;  ///< as messages name it
  bool operator==(const WriteCap&) const = default;
};

/// `*` or t.* of an INSERT's, UPDATE's or DELETE's target in RETURNING, to be spelled out: the columns of the
/// target, then all of the other items of the query.
struct Expansion {
  parser::Id expr = parser::kNone;
  std::vector<std::uint16_t> columns;
};

/// COPY t TO that becomes COPY (SELECT columns FROM ONLY t WHERE filter) TO.
struct CopySelect {
  parser::Id relation_use = parser::kNone;
  const Relation* relation = nullptr;
  const TableRule* rule = nullptr;
  std::vector<std::uint16_t> columns;
  std::optional<std::uint64_t> rows;  ///< as RowLimit::rows
};

/// A masked column of an UPDATE's or DELETE's target in RETURNING.
struct ReturningMask {
  parser::Id expr = parser::kNone;
  const Mask* mask = nullptr;
};

/// SHOW chaperone.capabilities and the like, which a query takes the place of.
struct Answer {
  parser::Id statement = parser::kNone;
  Expression query;
};

/// What leads to an object by its number or name, and is looked up in the filtered catalog first: NULL where
/// the object is hidden. `before` stands in front of it, with two brackets open.
struct Lookup {
  enum class Place : std::uint8_t {
    kToken,     ///< a constant or parameter
    kArgument,  ///< an argument of a call
    kCall,      ///< a call
    kNothing,   ///< a call's argument, which is NULL instead; one bracket is open
  };
  Place place = Place::kToken;
  parser::Id expr = parser::kNone;
  std::uint32_t argument = 0;
  Expression before;
  bool with_next = false;  ///< by the argument behind it too, as the number of a column
  bool withholds = false;  ///< what is shown may be without it all the same: a narrowing, for the record
};

/// SET or set_config() of application_name: what it is set to goes behind who asks.
struct SessionName {
  parser::Id statement = parser::kNone;  ///< of SET
  parser::Id setting = parser::kNone;    ///< setting_uses: of SET
  parser::Id call = parser::kNone;       ///< exprs: of set_config()
};

struct Narrowing {
  std::uint8_t what = 0;  ///< narrowed::k..
  std::vector<Wrapper> wrappers;
  std::vector<Guard> guards;
  std::vector<TargetFilter> filters;
  std::vector<GroupColumns> groups;
  std::vector<InsertColumns> inserts;
  std::vector<RowLimit> limits;
  std::vector<Expansion> expansions;
  std::vector<CopySelect> copies;
  std::vector<ReturningMask> returning;
  std::vector<Answer> answers;
  std::vector<Lookup> lookups;
  std::vector<SessionName> session_names;
  /// Qualified names of a wrapped table (public.users.name) whose schema has to be cut: exprs.
  std::vector<parser::Id> unqualify;
  std::vector<std::optional<WriteCap>> max_rows;  ///< of each statement of the script
  std::optional<Denial> denial;                   ///< no sound form: nothing else counts then
};

/// Plans what an allowed script needs. `resolution` came from the same facts and capability.
Narrowing narrow(const parser::Facts& facts, const Catalog& catalog, const Capability& capability,
                 const Resolution& resolution);

}  // namespace chaperone::rules
