#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/resolve/resolve.hpp"

/// What the names of a script mean before any capability is asked: which relation or CTE each FROM item is
/// (parse_cte.c, parse_relation.c). Between the files that resolve and evaluate; nobody else includes it.
namespace chaperone::rules {

/// What a FROM item or target is. Of a FROM item of kind kRelation with neither, there is no such relation.
struct Source {
  const Relation* relation = nullptr;
  parser::Id cte = parser::kNone;
  bool target = false;  ///< of INSERT, UPDATE, DELETE or MERGE
};

/// Once for a script, for all capabilities.
struct Sources {
  std::vector<Source> items;          ///< one for each of facts.from_items
  std::vector<const Relation*> uses;  ///< one for each of facts.relation_uses; nullptr: there is none
  std::vector<parser::Id> owners;  ///< exprs: the FROM item whose arguments or ON it stands in; may be empty
  std::vector<char> inference;     ///< exprs: it stands in the key of ON CONFLICT; may be empty
  std::vector<parser::Id> cte_of;  ///< queries: the CTE that it is the body of; may be empty
  std::optional<Denial> denial;    ///< a name of another database or of a temporary schema

  parser::Id owner(parser::Id expr) const { return owners.empty() ? parser::kNone : owners[expr]; }
};

Sources find_sources(const parser::Facts& facts, const Catalog& catalog);

/// resolve() for a script whose sources are known.
Resolution resolve(const parser::Facts& facts, const Catalog& catalog, const Capability& capability,
                   const Sources& sources);

/// Work that a script may cause in the resolver: PostgreSQL's own rules are quadratic in the number of FROM
/// items, and a text has room for tens of thousands.
inline constexpr std::uint64_t kMaxSteps = 5'000'000;

}  // namespace chaperone::rules
