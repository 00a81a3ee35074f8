#include "rules/decide.hpp"

#include <utility>

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

}  // namespace

std::size_t Decision::bytes() const {
  return sizeof *this + (denial ? bytes_of(*denial) : 0) + script.bytes() + rewritten.edits.bytes() +
         limits.capacity() * sizeof(RowLimit) + max_rows.capacity() * sizeof(max_rows[0]);
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
  decision.capability = std::move(verdict.capability);
  if (!verdict.allow) {
    refuse(std::move(*verdict.denial), decision);
  } else if (auto rewritten = rewrite(sql, *facts, catalog, verdict); rewritten) {
    decision.allow = true;
    decision.rewritten = std::move(*rewritten);
    decision.narrowed = verdict.narrowing.what;
    decision.limits = std::move(verdict.narrowing.limits);
    decision.max_rows = std::move(verdict.narrowing.max_rows);
  } else {
    refuse(refusal(rewritten.error(), sql), decision);
  }
  decision.script = std::move(facts->script);
  return decision;
}

}  // namespace chaperone::rules
