#include "rules/evaluate/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/answers.hpp"
#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/mutant.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

using parser::FromKind;
using parser::Id;
using parser::kNone;

namespace {

/// Whether the capability names every table that the script names: what tells from afar which ones can cover
/// it.
bool names_all_tables(const Capability& capability, const parser::Facts& facts, const Sources& sources) {
  const auto names = [&](const Relation* relation) {
    if (relation == nullptr) return false;
    return capability.find_table(relation->schema, relation->name) != nullptr ||
           (relation->system && capability.introspection);
  };
  for (std::size_t i = 0; i < sources.items.size(); ++i) {
    if (facts.from_items[i].kind != FromKind::kRelation || sources.items[i].cte != kNone) continue;
    if (!names(sources.items[i].relation)) return false;
  }
  for (std::size_t i = 0; i < sources.uses.size(); ++i) {
    if (facts.relation_uses[i].action == parser::RelationAction::kCreate) continue;
    if (!names(sources.uses[i])) return false;
  }
  return true;
}

/// Puts the agent in front of what resolve() and the checks left open, and the capability behind.
void put_into_words(const Agent& agent, const Capability* capability, Denial& denial) {
  if (denial.message.starts_with("may not "))
    denial.message = fmt::format("{} {}", agent.name, denial.message);
  if (!denial.detail.empty()) return;
  denial.detail = capability != nullptr ? fmt::format("capability {}, rule {}", capability->name, denial.rule)
                                        : fmt::format("rule {}", denial.rule);
}

Verdict denied(const Agent& agent, std::shared_ptr<const Capability> capability, Denial denial) {
  Verdict verdict;
  put_into_words(agent, capability.get(), denial);
  verdict.capability = std::move(capability);
  verdict.denial = std::move(denial);
  return verdict;
}

/// Whether the set `session` may cover the script: nothing in it has a FROM or writes.
bool is_session_script(const parser::Facts& facts) {
  return facts.from_items.empty() && facts.relation_uses.empty();
}

/// Whether the set `session` alone covers what the script does, whatever the capability.
bool needs_no_capability(const parser::Facts& facts, const Capability& capability) {
  using parser::StatementKind;
  static constexpr StatementKind kKinds[] = {StatementKind::kBegin,
                                             StatementKind::kCommit,
                                             StatementKind::kRollback,
                                             StatementKind::kSavepoint,
                                             StatementKind::kReleaseSavepoint,
                                             StatementKind::kRollbackToSavepoint,
                                             StatementKind::kDeallocate,
                                             StatementKind::kCloseCursor,
                                             StatementKind::kDiscardAll,
                                             StatementKind::kFetch,
                                             StatementKind::kDiscardOther,
                                             StatementKind::kUnlisten,
                                             StatementKind::kSet,
                                             StatementKind::kReset,
                                             StatementKind::kShow,
                                             StatementKind::kSetConstraints};
  return std::ranges::all_of(facts.script.statements,
                             [](const parser::Statement& statement) {
                               return std::ranges::find(kKinds, statement.kind) != std::end(kKinds);
                             }) &&
         std::ranges::none_of(facts.setting_uses, [&](const parser::SettingUse& use) {
           return capability.settings.contains(use.name);
         });
}

/// By statement: the queries that answer SHOW chaperone.capabilities and the like.
std::vector<Answer> find_answers(const Agent& agent, const Catalog& catalog, const parser::Facts& facts) {
  std::vector<Answer> answers;
  if (facts.setting_uses.empty()) return answers;
  for (Id id = 0; id < facts.statements.size(); ++id) {
    const parser::StatementFacts& statement = facts.statements[id];
    for (Id i = statement.settings.first; i < statement.settings.first + statement.settings.count; ++i) {
      if (facts.setting_uses[i].action != parser::SettingAction::kShow) continue;
      if (auto query = answer_query(facts.setting_uses[i].name, agent, catalog))
        answers.push_back({id, std::move(*query)});
    }
  }
  return answers;
}

std::vector<SessionName> find_session_names(const parser::Facts& facts) {
  constexpr std::string_view kName = "application_name";
  std::vector<SessionName> found;
  for (Id id = 0; id < facts.statements.size(); ++id) {
    const parser::Range settings = facts.statements[id].settings;
    for (Id i = settings.first; i < settings.first + settings.count; ++i) {
      const parser::SettingUse& use = facts.setting_uses[i];
      if (use.action == parser::SettingAction::kSet && use.name == kName && use.values.count == 1)
        found.push_back({.statement = id, .setting = i, .call = kNone});
    }
  }
  for (Id id = 0; id < facts.exprs.size(); ++id) {
    const parser::Expr& call = facts.exprs[id];
    if (call.kind != parser::ExprKind::kFunction || call.children.count != 3) continue;
    if (facts.at(call.names).back() != "set_config") continue;
    Id name = call.children.first;
    while (facts.exprs[name].kind == parser::ExprKind::kCast) name = facts.exprs[name].children.first;
    if (lower(facts.exprs[name].text) == kName)
      found.push_back({.statement = kNone, .setting = kNone, .call = id});
  }
  return found;
}

const Capability& no_capability() {
  static const Capability empty;
  return empty;
}

}  // namespace

bool is_searched(const Catalog& catalog, std::string_view schema) {
  return schema == "pg_catalog" ||
         std::ranges::find(catalog.search_path(), schema) != catalog.search_path().end();
}

bool is_narrowed(const Relation& relation, const TableRule& rule) {
  if (!rule.read || rule.read->rows || !rule.read->masks.empty()) return true;
  if (rule.read->columns.all) return false;
  return !std::ranges::all_of(relation.columns,
                              [&](const Column& column) { return rule.read->columns.has(column.name); });
}

std::optional<Denial> Evaluation::check() {
  for (Id i = 0; i < facts_.statements.size() && !denied(); ++i) check_statement(i);
  if (!denied()) {
    resolution_ = resolve(facts_, catalog_, capability_, sources_);
    if (resolution_.denial) denial_ = std::move(resolution_.denial);
  }
  for (Id i = 0; i < facts_.queries.size() && !denied(); ++i) check_query(i);
  for (Id i = 0; i < facts_.from_items.size() && !denied(); ++i) check_item(i);
  for (Id i = 0; i < facts_.types.size() && CHAPERONE_MUTANT(8, !denied(), false); ++i) check_type(i);
  if (!denied()) check_number_types();
  for (Id i = 0; i < facts_.exprs.size() && !denied(); ++i) check_expression(i);
  if (!denied()) check_named_numbers();
  for (Id i = 0; i < facts_.statements.size() && !denied(); ++i) {
    if (facts_.script.statements[i].kind == parser::StatementKind::kExplain) check_explained(i);
  }
  return std::move(denial_);
}

Verdict evaluate(const Agent& agent, const Catalog& catalog, const parser::Facts& facts) {
  const Sources sources = find_sources(facts, catalog);
  std::shared_ptr<const Capability> closest;
  std::optional<Denial> denial;
  for (const auto& capability : agent.capabilities) {
    if (!names_all_tables(*capability, facts, sources)) continue;
    Evaluation evaluation(agent, catalog, facts, sources, *capability, false);
    std::optional<Denial> found = evaluation.check();
    if (!found) {
      Verdict verdict;
      verdict.narrowing = narrow(facts, catalog, *capability, evaluation.resolution());
      found = std::move(verdict.narrowing.denial);
      if (!found) {
        verdict.allow = true;
        if (!needs_no_capability(facts, *capability)) verdict.capability = capability;
        verdict.resolution = std::move(evaluation.resolution());
        if (std::ranges::any_of(evaluation.lookups(), &Lookup::withholds))
          verdict.narrowing.what |= narrowed::kMask;
        verdict.narrowing.lookups = std::move(evaluation.lookups());
        verdict.narrowing.answers = find_answers(agent, catalog, facts);
        verdict.narrowing.session_names = find_session_names(facts);
        return verdict;
      }
    }
    if (!denial) {
      denial = std::move(found);
      closest = capability;
    }
  }
  if (CHAPERONE_MUTANT(9, agent.session, true) && is_session_script(facts)) {
    Evaluation evaluation(agent, catalog, facts, sources, no_capability(), true);
    std::optional<Denial> found = evaluation.check();
    if (!found) {
      Verdict verdict;
      verdict.allow = true;
      verdict.resolution = std::move(evaluation.resolution());
      verdict.narrowing.lookups = std::move(evaluation.lookups());
      verdict.narrowing.max_rows.resize(facts.statements.size());
      verdict.narrowing.answers = find_answers(agent, catalog, facts);
      verdict.narrowing.session_names = find_session_names(facts);
      return verdict;
    }
    if (!denial) denial = std::move(found);
  }
  if (!denial && !agent.capabilities.empty()) {
    // None names all tables: what the first one lacks.
    closest = agent.capabilities.front();
    denial = Evaluation(agent, catalog, facts, sources, *closest, false).check();
  }
  if (!denial) {
    denial.emplace();
    denial->rule = "agents";
    denial->message = "may not run this statement: it has no capability";
  }
  return denied(agent, std::move(closest), std::move(*denial));
}

Denial refusal(const parser::Error& error, std::string_view sql) {
  Denial denial;
  denial.message = error.message;
  switch (error.kind) {
    case parser::ErrorKind::kSyntax:
      denial.rule = "parser.syntax";
      denial.sqlstate = "42601";
      break;
    case parser::ErrorKind::kLimit:
      denial.rule = "limits.statement";
      denial.sqlstate = "54000";
      break;
    case parser::ErrorKind::kEncoding:
      denial.rule = "parser.encoding";
      denial.sqlstate = "22021";
      break;
    case parser::ErrorKind::kUnsupported:
      denial.rule = "parser.unsupported";
      denial.sqlstate = "0A000";
      break;
  }
  denial.detail = fmt::format("rule {}", denial.rule);
  if (error.position == 0) return denial;
  // From characters to bytes.
  std::uint32_t characters = 0;
  for (std::uint32_t i = 0; i < sql.size(); ++i) {
    if ((static_cast<unsigned char>(sql[i]) & 0xc0) == 0x80) continue;
    if (++characters == error.position) denial.offset = i;
  }
  if (denial.offset == kNone) denial.offset = static_cast<std::uint32_t>(sql.size());
  return denial;
}

}  // namespace chaperone::rules
