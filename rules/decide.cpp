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

bool may_be_declared(std::uint32_t type) {
  static constexpr std::uint16_t kTypes[] = {
      0,    16,   17,   18,   19,   20,   21,   22,   23,   25,   26,   27,   28,   29,   30,   114,
      199,  271,  600,  601,  602,  603,  604,  628,  629,  650,  651,  700,  701,  705,  718,  719,
      774,  775,  790,  791,  829,  869,  1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 1010, 1011,
      1012, 1013, 1014, 1015, 1016, 1017, 1018, 1019, 1020, 1021, 1022, 1027, 1028, 1040, 1041, 1042,
      1043, 1082, 1083, 1114, 1115, 1182, 1183, 1184, 1185, 1186, 1187, 1231, 1266, 1270, 1560, 1561,
      1562, 1563, 1700, 1790, 2201, 2950, 2951, 3220, 3221, 3614, 3615, 3643, 3645, 3802, 3807, 3904,
      3905, 3906, 3907, 3908, 3909, 3910, 3911, 3912, 3913, 3926, 3927, 4072, 4073, 4451, 4532, 4533,
      4534, 4535, 4536, 5069, 6150, 6151, 6152, 6153, 6155, 6157};
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
