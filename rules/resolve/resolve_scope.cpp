#include <algorithm>

#include "rules/evaluate/mutant.hpp"
#include "rules/resolve/resolver.hpp"

// What a name can mean where it stands: parse_relation.c (colNameToVar, refnameNamespaceItem) and the
// namespaces of parse_clause.c.
namespace chaperone::rules {

using parser::Clause;
using parser::FromItem;
using parser::FromKind;
using parser::kNone;
using parser::Query;
using parser::QueryKind;
using parser::QueryRole;

namespace {

/// pg_attribute's columns of negative number.
bool is_system_column(std::string_view name) {
  return name == "ctid" || name == "xmin" || name == "xmax" || name == "cmin" || name == "cmax" ||
         name == "tableoid";
}

}  // namespace

bool Resolver::step(std::uint64_t steps) {
  steps_ += steps;
  if (steps_ <= kMaxSteps) return true;
  deny(too_complex());
  return false;
}

Resolver::Scope Resolver::scope_of(Id id) const {
  const parser::Expr& expr = facts_.exprs[id];
  Scope scope;
  scope.query = expr.query;
  scope.clause = expr.clause;
  scope.kind = Scope::Kind::kAll;
  if (expr.clause == Clause::kFrom) {
    scope.kind = Scope::Kind::kLateral;
    scope.owner = sources_.owner(id);
  } else if (expr.clause == Clause::kOn) {
    scope.kind = Scope::Kind::kOn;
    scope.owner = sources_.owner(id);
  } else if (expr.clause == Clause::kConflict && expr.query != kNone) {
    scope.inference = !sources_.inference.empty() && sources_.inference[id] != 0;
  }
  if (scope.kind != Scope::Kind::kAll && scope.owner == kNone) scope.kind = Scope::Kind::kNothing;
  return scope;
}

Resolver::Scope Resolver::outer(const Scope& scope) const {
  const Query& query = facts_.queries[scope.query];
  Scope next;
  switch (query.role) {
    case QueryRole::kStatement:
      return next;
    case QueryRole::kExpression:
      return scope_of(query.parent_expr);
    case QueryRole::kFromItem:
      next.query = query.parent;
      next.clause = Clause::kFrom;
      if (facts_.from_items[query.parent_item].lateral) {
        next.kind = Scope::Kind::kLateral;
        next.owner = query.parent_item;
      }
      return next;
    case QueryRole::kCte:
    case QueryRole::kArm:
    case QueryRole::kSource:
      // WITH comes before FROM, an INSERT's source before its target; a set operation has no FROM.
      next.query = query.parent;
      return next;
  }
  return next;
}

std::string_view Resolver::reference_name(const FromItem& item) const {
  if (!item.alias.empty()) return item.alias;
  if (item.kind == FromKind::kRelation) return facts_.names[item.names.first + item.names.count - 1];
  if (item.kind == FromKind::kFunction && item.exprs.count > 0) {
    const parser::Expr& call = facts_.exprs[item.exprs.first];
    if (call.kind == parser::ExprKind::kFunction)
      return facts_.names[call.names.first + call.names.count - 1];
    return call.text;
  }
  return item.kind == FromKind::kJoin ? item.using_alias : std::string_view();
}

/// The one item of that reference name in the scope; `matches` counts them.
Resolver::Id Resolver::find_item(const Scope& scope, std::string_view schema, std::string_view name,
                                 int& matches) {
  Id found = kNone;
  each_item(scope, [&](Id id) {
    if (!step()) return;
    const FromItem& item = facts_.from_items[id];
    if (!schema.empty()) {
      const Relation* relation = out_.items[id].relation;
      if (relation == nullptr || !item.alias.empty() || relation->schema != schema || relation->name != name)
        return;
    } else if (reference_name(item) != name) {
      return;
    }
    ++matches;
    found = id;
  });
  return found;
}

Resolver::View Resolver::view_of(const Scope& scope, Id item) const {
  if (!sources_.items[item].target) return View::kRead;
  switch (scope.clause) {
    case Clause::kReturning:
      return View::kReturning;
    case Clause::kConflict:
      return scope.inference ? View::kInference : View::kRead;
    default:
      return View::kRead;
  }
}

/// What the rule of a target's action lets RETURNING name; nullptr: what may be read.
const ColumnSet* Resolver::returning_of(Id id) const {
  const TableRule& rule = *out_.items[id].rule;
  const std::optional<ColumnSet>* returning = nullptr;
  switch (facts_.queries[facts_.from_items[id].query].kind) {
    case QueryKind::kInsert:
      if (rule.insert) returning = &rule.insert->returning;
      break;
    case QueryKind::kUpdate:
      if (rule.update) returning = &rule.update->returning;
      break;
    case QueryKind::kDelete:
      if (rule.remove) returning = &rule.remove->returning;
      break;
    default:
      break;
  }
  return returning != nullptr && *returning ? &**returning : nullptr;
}

bool Resolver::visible(Id id, View view, std::string_view column) const {
  const TableRule* rule = out_.items[id].rule;
  if (rule == nullptr) return !sources_.items[id].target;  // a system relation that is shown whole
  const bool readable = rule->read && rule->read->columns.has(column);
  switch (view) {
    case View::kRead:
      return CHAPERONE_MUTANT(1, readable, rule->read.has_value());
    case View::kReturning: {
      const ColumnSet* returning = returning_of(id);
      return returning == nullptr ? readable : CHAPERONE_MUTANT(2, returning->has(column), true);
    }
    case View::kInference:
      return readable ||
             CHAPERONE_MUTANT(7, rule->insert.has_value() && rule->insert->columns.has(column), true);
  }
  return false;
}

/// Physical facts are part of a reply only where nothing of the table is narrowed.
bool Resolver::has_system_columns(Id id, View view) const {
  const RelationBinding& binding = out_.items[id];
  switch (binding.relation->kind) {
    case RelationKind::kTable:
    case RelationKind::kPartitionedTable:
    case RelationKind::kMaterializedView:
    case RelationKind::kForeignTable:
      break;
    default:
      return false;
  }
  // Of a catalog it is what its visible rows say of themselves.
  if (binding.rule == nullptr || binding.relation->system) return true;
  if (CHAPERONE_MUTANT(3, view == View::kReturning && returning_of(id) != nullptr, false)) return false;
  if (!binding.rule->read || !binding.rule->read->masks.empty() || binding.rule->read->rows) return false;
  return std::ranges::all_of(binding.relation->columns, [&](const Column& column) {
    return binding.rule->read->columns.has(column.name);
  });
}

/// Counts a column of `item`, unless a join that merges it was counted already.
void Resolver::found_in(Id item, ColumnBinding::Kind kind, std::uint16_t column, std::string_view name,
                        Found& found) {
  Id representative = item;
  for (Id join = facts_.from_items[item].parent; join != kNone; join = facts_.from_items[join].parent) {
    const FromItem& parent = facts_.from_items[join];
    if (!parent.alias.empty()) break;
    if (!step()) return;
    if (!parent.has_using && !parent.natural) continue;
    const std::vector<std::string_view>& merged = columns_of(join).merged;
    if (std::ranges::find(merged, name) != merged.end()) representative = join;
  }
  if (found.matches > 0 && found.representative == representative) return;
  ++found.matches;
  found.representative = representative;
  found.binding = {kind, item, column};
}

void Resolver::match(const Scope& scope, Id id, std::string_view name, Found& found) {
  const FromItem& item = facts_.from_items[id];
  const Relation* relation = out_.items[id].relation;
  // Columns are looked through one after the other.
  constexpr std::uint64_t kColumnsAStep = 8;
  if (!step(1 + (relation == nullptr ? 0 : relation->columns.size() / kColumnsAStep))) return;
  if (relation != nullptr && item.column_aliases.count == 0) {
    const View view = view_of(scope, id);
    if (const auto column = relation->find_column(name)) {
      if (visible(id, view, name)) {
        found_in(id, ColumnBinding::Kind::kRelation, *column, name, found);
      } else {
        out_.items[id].must_wrap = CHAPERONE_MUTANT(4, true, false);
      }
    } else if (item.parent == kNone && is_system_column(name) && has_system_columns(id, view)) {
      found_in(id, ColumnBinding::Kind::kSystem, 0, name, found);
    }
    return;
  }
  if (item.kind == FromKind::kJoin && item.alias.empty()) return;
  const Columns& columns = columns_of(id);
  if (!step(columns.entries.size())) return;
  int matches = 0;
  for (const Entry& entry : columns.entries) {
    if (entry.name != name) continue;
    // Two columns of one name in one item are ambiguous too.
    if (++matches > 1) {
      ++found.matches;
      continue;
    }
    const auto kind = relation != nullptr ? ColumnBinding::Kind::kRelation : ColumnBinding::Kind::kDerived;
    found_in(id, kind, entry.column, name, found);
    if (columns.uncertain) found.uncertain = true;
  }
}

void Resolver::find_in_scope(const Scope& scope, std::string_view name, Found& found) {
  each_item(scope, [&](Id item) { match(scope, item, name, found); });
}

/// PostgreSQL may not find the name in a function's value after all, and go on outwards.
void Resolver::mark_outer(Scope scope, std::string_view name) {
  for (scope = outer(scope); !ends(scope); scope = outer(scope)) {
    each_item(scope, [&](Id item) {
      const Relation* relation = out_.items[item].relation;
      if (!step() || relation == nullptr) return;
      if (relation->find_column(name)) out_.items[item].must_wrap = true;
    });
    if (denied()) return;
  }
}

/// An item that may have a column of that name, of which nothing else is known: what a function or a
/// composite value gives. Not beside a table, at any level: one that is newer than the catalog may have a
/// column of that name, which PostgreSQL would take.
parser::Id Resolver::find_open(Scope scope, std::string_view name) {
  Id found = kNone;
  if (is_system_column(name)) return found;
  bool beside_table = false;
  for (; !ends(scope) && !denied(); scope = outer(scope)) {
    each_item(scope, [&](Id item) {
      if (out_.items[item].relation != nullptr) {
        beside_table = true;
      } else if (found == kNone && columns_of(item).open) {
        found = item;
      }
    });
  }
  return beside_table ? kNone : found;
}

}  // namespace chaperone::rules
