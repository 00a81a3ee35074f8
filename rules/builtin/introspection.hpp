#pragma once

#include <string_view>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/policy.hpp"

/// The system relations that the shipped capability `introspection` shows, out of builtin.hpp. Which of
/// their rows a capability shows, projection.hpp says.
namespace chaperone::rules {

struct SystemRelation {
  bool shown = false;
  TableRule rule;         ///< its `read` names the columns that are shown
  bool complete = false;  ///< all of them are
  std::string_view reason;
};

/// nullptr: not known.
const SystemRelation* find_system_relation(const Relation& relation);

}  // namespace chaperone::rules
