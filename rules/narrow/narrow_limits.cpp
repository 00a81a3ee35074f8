#include <algorithm>
#include <charconv>

#include "rules/builtin/builtin.hpp"
#include "rules/narrow/narrow_plan.hpp"

namespace chaperone::rules {

namespace {

using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::kNone;
using parser::Query;
using parser::QueryKind;

// LIMIT n within the cap: nothing has to be done.
bool limits_itself(const Plan& plan, const Query& query, std::uint64_t cap) {
  if (query.limit == kNone || query.with_ties) return false;
  const Expr& limit = plan.expr(query.limit);
  if (limit.kind != ExprKind::kConstant || limit.constant != ConstantKind::kInteger) return false;
  std::uint64_t rows = 0;
  const auto [end, error] = std::from_chars(limit.text.data(), limit.text.data() + limit.text.size(), rows);
  return error == std::errc() && end == limit.text.data() + limit.text.size() && rows <= cap;
}

// SELECT without FROM whose calls give one row each.
bool gives_one_row(const Plan& plan, Id id) {
  const Query& query = plan.query(id);
  if (query.kind != QueryKind::kSelect || query.from.count != 0) return false;
  for (const Id at : plan.exprs_of_query[id]) {
    const Expr& expr = plan.expr(at);
    if (expr.kind == ExprKind::kField) return false;  // (value).name may call a function
    if (expr.kind != ExprKind::kFunction) continue;
    const std::string_view name = plan.facts.at(expr.names).back();
    if (!plan.catalog.functions({}, name).empty()) return false;
    const auto functions = builtin().find_functions(name);
    if (functions.empty() || std::any_of(functions.begin(), functions.end(),
                                         [](const BuiltinFunction& f) { return f.returns_set; })) {
      return false;
    }
  }
  return true;
}

void limit_rows(Plan& plan, Id statement, std::uint64_t cap) {
  const parser::StatementFacts& facts = plan.facts.statements[statement];
  // What a statement makes of the rows: these give them to the client.
  const bool shown = facts.command == "SELECT" || facts.command == "DECLARE CURSOR" ||
                     facts.command == "PREPARE" || facts.command == "COPY";
  if (facts.query == kNone || !shown) return;
  const Query& query = plan.query(facts.query);
  const bool reads = query.kind == QueryKind::kSelect || query.kind == QueryKind::kValues ||
                     query.kind == QueryKind::kSetOperation;
  if (!reads || query.into || limits_itself(plan, query, cap) || gives_one_row(plan, facts.query)) return;
  if (query.with_ties) {
    for (std::uint32_t i = 0; i < query.ctes.count; ++i) {
      const Id body = plan.facts.ctes[query.ctes.first + i].query;
      if (body != kNone && plan.query(body).kind >= QueryKind::kInsert) {
        return plan.deny("use WITH TIES behind a WITH that writes", kNone, kNone);
      }
    }
  }
  if (facts.command == "DECLARE CURSOR") {
    plan.result.limits.push_back({facts.query, cap, {}});
  } else {
    plan.result.limits.push_back({facts.query, cap + 1, cap});
  }
  plan.result.what |= narrowed::kLimit;
}

bool is_plain_table(const Relation& relation) {
  return relation.kind == RelationKind::kTable && !relation.system;
}

void copy_as_query(Plan& plan, const parser::RelationUse& use, Id id, std::optional<std::uint64_t> cap) {
  const auto names = plan.facts.at(use.names);
  const Relation* relation = names.size() == 1 ? plan.catalog.find_relation(names[0])
                             : names.size() > 1
                                 ? plan.catalog.find_relation(names[names.size() - 2], names.back())
                                 : nullptr;
  if (relation == nullptr) return plan.deny("copy an unknown table", kNone, use.offset);
  const TableRule* rule = plan.capability.find_table(relation->schema, relation->name);
  if (rule == nullptr || !rule->read) {
    if (relation->system) return;
    return plan.deny("copy a table that it may not read", kNone, use.offset);
  }
  CopySelect copy{id, relation, rule, {}, {}};
  bool whole = rule->read->columns.all;
  bool masked = false;
  const auto take = [&](std::uint16_t column) {
    copy.columns.push_back(column);
    masked |= rule->read->masks.contains(relation->columns[column].name);
  };
  if (use.columns.count != 0) {
    whole = true;  // they are named
    for (const std::string_view name : plan.facts.at(use.columns)) {
      const auto column = relation->find_column(name);
      if (!column || (!rule->read->columns.all && !rule->read->columns.has(name))) {
        return plan.deny("copy a column that it may not read", kNone, use.offset);
      }
      take(*column);
    }
  } else {
    // As COPY itself: generated columns are left out.
    for (std::uint16_t column = 0; column < relation->columns.size(); ++column) {
      const Column& one = relation->columns[column];
      if (!one.generated && (rule->read->columns.all || rule->read->columns.has(one.name))) take(column);
    }
  }
  const bool filtered = rule->read->rows && !rule->read->rows->row_security;
  if (whole && !masked && !filtered && !cap) return;
  if (!is_plain_table(*relation)) {
    // COPY refuses it, or takes it apart in its own way.
    if (!filtered && !masked && whole) return;
    return plan.deny("COPY this kind of relation while part of it is hidden", kNone, use.offset, {},
                     "Use COPY (SELECT ..) TO.");
  }
  if (copy.columns.empty()) return plan.deny("copy a table without columns", kNone, use.offset);
  if (cap) {
    copy.rows = *cap + 1;
    plan.result.what |= narrowed::kLimit;
  }
  if (filtered) plan.result.what |= narrowed::kRows;
  if (masked) plan.result.what |= narrowed::kMask;
  if (!whole) plan.result.what |= narrowed::kColumns;
  plan.result.copies.push_back(std::move(copy));
}

}  // namespace

void plan_limits(Plan& plan) {
  const std::optional<std::uint64_t> cap = plan.capability.limits.rows;
  for (Id id = 0; id < plan.facts.statements.size() && !plan.denied(); ++id) {
    if (cap) limit_rows(plan, id, *cap);
    const parser::Range uses = plan.facts.statements[id].relations;
    for (std::uint32_t i = 0; i < uses.count && !plan.denied(); ++i) {
      const parser::RelationUse& use = plan.facts.relation_uses[uses.first + i];
      if (use.action == parser::RelationAction::kCopyTo) copy_as_query(plan, use, uses.first + i, cap);
    }
  }
}

}  // namespace chaperone::rules
