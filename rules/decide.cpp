#include "rules/decide.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "rules/evaluate/evaluation.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

void refuse(Denial denial, Decision& decision) {
  decision.allow = false;
  decision.denial = std::move(denial);
}

std::size_t bytes_of(const Denial& denial) {
  return sizeof denial + denial.rule.size() + denial.message.size() + denial.detail.size() +
         denial.hint.size() + denial.schema.size() + denial.table.size() + denial.column.size();
}

// copy.c defGetCopyHeaderChoice
bool is_off(std::string_view value) {
  const std::string folded = lower(value);
  return folded == "false" || folded == "off" || folded == "0";
}

/// COPY names its table without a FROM item.
bool copies_into_narrowed(const parser::Facts& facts, const parser::RelationUse& use, const Catalog& catalog,
                          const Capability* capability) {
  if (use.action != parser::RelationAction::kCopyFrom || capability == nullptr) return false;
  const auto names = facts.at(use.names);
  const Relation* relation = names.size() == 1  ? catalog.find_relation(names[0])
                             : names.size() > 1 ? catalog.find_relation(names[names.size() - 2], names.back())
                                                : nullptr;
  const TableRule* rule =
      relation == nullptr ? nullptr : capability->find_table(relation->schema, relation->name);
  return rule == nullptr || is_narrowed(*relation, *rule);
}

std::vector<StatementBounds> bounds_of(const parser::Facts& facts, const Catalog& catalog,
                                       const Verdict& verdict) {
  const Narrowing& narrowing = verdict.narrowing;
  std::vector<StatementBounds> bounds(facts.statements.size());
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    bounds[i].writes = narrowing.max_rows[i];
    const parser::StatementFacts& statement = facts.statements[i];
    for (const parser::Option& option :
         std::span(facts.options).subspan(statement.options.first, statement.options.count)) {
      bounds[i].header |= statement.command == "COPY" && option.name == "header" && !is_off(option.value);
    }
    for (const RowLimit& limit : narrowing.limits) {
      if (limit.cap && facts.queries[limit.query].statement == i) bounds[i].rows = limit.cap;
    }
    for (const CopySelect& copy : narrowing.copies) {
      const parser::Id use = copy.relation_use;
      if (copy.rows && use >= statement.relations.first &&
          use < statement.relations.first + statement.relations.count) {
        bounds[i].rows = *copy.rows - 1;
      }
    }
  }
  for (std::size_t i = 0; i < verdict.resolution.items.size(); ++i) {
    const RelationBinding& binding = verdict.resolution.items[i];
    const parser::Id statement = facts.queries[facts.from_items[i].query].statement;
    if (binding.relation == nullptr || binding.rule == nullptr || statement == parser::kNone) continue;
    if (is_narrowed(*binding.relation, *binding.rule)) bounds[statement].narrowed = true;
  }
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const parser::Range uses = facts.statements[i].relations;
    for (const parser::RelationUse& use : std::span(facts.relation_uses).subspan(uses.first, uses.count)) {
      if (!copies_into_narrowed(facts, use, catalog, verdict.capability.get())) continue;
      bounds[i].modifies = bounds[i].narrowed = true;
    }
  }
  for (const parser::Query& query : facts.queries) {
    if (query.statement != parser::kNone && query.kind >= parser::QueryKind::kInsert)
      bounds[query.statement].modifies = true;
  }
  return bounds;
}

}  // namespace

std::size_t Decision::bytes() const {
  return sizeof *this + (denial ? bytes_of(*denial) : 0) + script.bytes() + rewritten.edits.bytes() +
         bounds.capacity() * sizeof(StatementBounds);
}

bool looks_names_up(std::uint32_t type) {
  static constexpr std::uint32_t kTypes[] = {24,   1008, 2202, 2203, 2204, 2205, 2206, 2207,
                                             2208, 2209, 2210, 2211, 3734, 3735, 3769, 3770,
                                             4089, 4090, 4096, 4097, 4191, 4192};
  return std::ranges::binary_search(kTypes, type);
}

Decision decide(std::string_view sql, const Agent& agent, const Catalog& catalog,
                const parser::Limits& limits) {
  Decision decision;
  auto facts = parser::read_facts(sql, limits);
  if (!facts) {
    refuse(refusal(facts.error(), sql), decision);
    return decision;
  }
  Verdict verdict = evaluate(agent, catalog, *facts);
  decision.capability = verdict.capability;
  if (!verdict.allow) {
    refuse(std::move(*verdict.denial), decision);
  } else if (auto rewritten = rewrite(sql, *facts, catalog, verdict); rewritten) {
    decision.allow = true;
    decision.rewritten = std::move(*rewritten);
    decision.narrowed = verdict.narrowing.what;
    decision.bounds = bounds_of(*facts, catalog, verdict);
  } else {
    refuse(refusal(rewritten.error(), sql), decision);
  }
  decision.script = std::move(facts->script);
  return decision;
}

}  // namespace chaperone::rules
