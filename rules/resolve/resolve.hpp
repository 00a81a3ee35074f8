#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"

/// Names to objects, in PostgreSQL's scope rules (parse_relation.c, parse_clause.c), against the projected
/// catalog: what the capability shows. Hidden and absent are one code path.
namespace chaperone::rules {

class Projection;

/// A refusal, before it is put into words for a certain agent.
struct Denial {
  std::string rule;  ///< tables.customers.read.columns
  std::string sqlstate = "42501";
  /// Without "pgchaperone: ". What resolve() and narrow() make starts with "may not ..", without the agent;
  /// evaluate() puts it in front.
  std::string message;
  std::string detail;  ///< empty: "capability .., rule .." is made from the fields
  std::string hint;
  std::uint32_t offset = parser::kNone;  ///< byte in the client's text
  std::string schema;
  std::string table;
  std::string column;
  bool operator==(const Denial&) const = default;
};

/// What a FROM item or a statement's target is.
struct RelationBinding {
  const Relation* relation = nullptr;  ///< nullptr: a CTE, subquery, function or join
  /// nullptr with a relation: a system relation that is shown whole. Others have a rule that belongs to
  /// Resolution::projection.
  const TableRule* rule = nullptr;
  parser::Id cte = parser::kNone;  ///< facts.ctes: the item is a reference to it
  /// Sent as written, a name of the text could mean a column of it that is hidden, though it means something
  /// else here (an unqualified name that PostgreSQL would find here first or find ambiguous, NATURAL, aliases
  /// of columns, GROUP BY). If anything of the relation is hidden, masked or filtered, it has to be wrapped,
  /// whatever else refers to it.
  bool must_wrap = false;
};

/// ColumnBinding::column of one that an item may have of which not all are known: what a function gives.
inline constexpr std::uint16_t kUnknownColumn = 0xffff;

/// What a column reference is. Whole-row references and stars reach every visible column of `item`.
struct ColumnBinding {
  enum class Kind : std::uint8_t {
    kNone,      ///< not a column reference
    kRelation,  ///< column `column` of the relation bound to `item`
    kDerived,   ///< column `column` of a subquery, CTE, function or join alias; its own uses are elsewhere
    kWholeRow,  ///< the row of `item`: t, t.*, count(t)
    kStar,      ///< * over every item of the query
    kOutput,    ///< ORDER BY, GROUP BY: an output column's name
    kSystem,    ///< ctid, tableoid .. of the relation
    kExcluded,  ///< ON CONFLICT: excluded.column
    kFunctionCall,  ///< t.f or f(t) in attribute notation: refused unless it is a column
  };
  Kind kind = Kind::kNone;
  parser::Id item = parser::kNone;  ///< from_items
  std::uint16_t column = 0;         ///< in the relation's columns, or in the derived item's
};

/// Bindings of one script under one capability.
struct Resolution {
  std::vector<RelationBinding> items;  ///< one for each of facts.from_items
  std::vector<ColumnBinding> columns;  ///< one for each of facts.exprs
  /// Output column names of each query (facts.queries), "?column?" where it has none.
  std::vector<std::vector<std::string>> outputs;
  std::vector<parser::Id>
      known_fields;              ///< exprs of kField that are columns of a row that is known; ascending
  std::optional<Denial> denial;  ///< a name that is not there; nothing else counts then
  std::shared_ptr<Projection> projection;  ///< what the rules of system relations belong to; nullptr: none
};

/// Binds every name of the script. `capability` decides what is visible.
Resolution resolve(const parser::Facts& facts, const Catalog& catalog, const Capability& capability);

}  // namespace chaperone::rules
