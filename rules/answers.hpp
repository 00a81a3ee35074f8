#pragma once

#include <optional>
#include <string_view>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"

/// SHOW chaperone.capabilities, .identity and .limits: what an agent may do, as rows. They become queries
/// over VALUES that PostgreSQL runs, so that they work in both protocols.
namespace chaperone::rules {

/// The query, with slots for agent, actor and task; nullopt: it is no such name. `name` in lower case, with
/// "chaperone." in front. Hidden tables and columns are not in it, nor are filters, which may name hidden
/// columns.
std::optional<Expression> answer_query(std::string_view name, const Agent& agent, const Catalog& catalog);

}  // namespace chaperone::rules
