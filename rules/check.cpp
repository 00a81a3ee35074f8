#include "rules/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rules/rewrite/rewrite.hpp"

namespace chaperone::rules {
namespace {

std::string table_id(const TableRule& rule) {
  return rule.schema == "public" ? "tables." + rule.name
                                 : fmt::format("tables.{}.{}", rule.schema, rule.name);
}

constexpr std::pair<StatementClass, std::string_view> kClasses[] = {
    {StatementClass::kTruncate, "truncate"}, {StatementClass::kListen, "listen"},
    {StatementClass::kNotify, "notify"},     {StatementClass::kCall, "call"},
    {StatementClass::kDdl, "ddl"},           {StatementClass::kCopyFrom, "copy_from"},
    {StatementClass::kLock, "lock"}};

/// Rules by name, each under the capability's.
class RuleNames {
 public:
  RuleNames(std::string_view capability, std::set<std::string>& names)
      : capability_(capability), names_(names) {}
  void add(std::string_view rule) { names_.insert(fmt::format("{}: {}", capability_, rule)); }

 private:
  std::string_view capability_;
  std::set<std::string>& names_;
};

void add_columns(RuleNames& names, const std::string& action, const ColumnSet& columns) {
  if (!columns.all) names.add(action + ".columns");
}

void add_writes(RuleNames& names, const std::string& action, const std::optional<RowFilter>& rows,
                const WriteBounds& bounds) {
  names.add(action);
  if (rows) names.add(action + ".rows");
  if (!bounds.by.empty()) names.add(action + ".by");
}

void add_table(RuleNames& names, const TableRule& rule) {
  const std::string table = table_id(rule);
  if (rule.read) {
    const std::string action = table + ".read";
    names.add(action);
    add_columns(names, action, rule.read->columns);
    if (rule.read->rows) names.add(action + ".rows");
    for (const auto& [column, mask] : rule.read->masks) names.add(fmt::format("{}.mask.{}", action, column));
  }
  if (rule.insert) {
    const std::string action = table + ".insert";
    names.add(action);
    add_columns(names, action, rule.insert->columns);
    if (!rule.insert->set.empty()) names.add(action + ".set");
  }
  if (rule.update) {
    add_writes(names, table + ".update", rule.update->rows, rule.update->bounds);
    add_columns(names, table + ".update", rule.update->columns);
  }
  if (rule.remove) add_writes(names, table + ".delete", rule.remove->rows, rule.remove->bounds);
}

// How a FROM item is used: the action of the query whose target it is.
std::string_view action_of(const parser::Facts& facts, parser::Id item) {
  const parser::Query& query = facts.queries[facts.from_items[item].query];
  if (query.target != item) return "read";
  switch (query.kind) {
    case parser::QueryKind::kInsert:
      return "insert";
    case parser::QueryKind::kUpdate:
      return "update";
    case parser::QueryKind::kDelete:
      return "delete";
    default:
      return "read";
  }
}

void add_used_items(const parser::Facts& facts, const Resolution& resolution, RuleNames& names) {
  for (parser::Id item = 0; item < resolution.items.size(); ++item) {
    const TableRule* rule = resolution.items[item].rule;
    if (rule == nullptr || facts.from_items[item].query == parser::kNone) continue;
    names.add(fmt::format("{}.{}", table_id(*rule), action_of(facts, item)));
  }
}

void add_narrowing(const parser::Facts& facts, const Verdict& verdict, RuleNames& names) {
  const Narrowing& narrowing = verdict.narrowing;
  for (const Wrapper& wrapper : narrowing.wrappers) {
    const RelationBinding& binding = verdict.resolution.items[wrapper.item];
    const std::string action = table_id(*binding.rule) + ".read";
    if (binding.rule->read->rows) names.add(action + ".rows");
    for (const std::uint16_t column : wrapper.columns) {
      const std::string& name = binding.relation->columns[column].name;
      if (binding.rule->read->masks.contains(name)) names.add(fmt::format("{}.mask.{}", action, name));
    }
  }
  for (const TargetFilter& filter : narrowing.filters) {
    const parser::Id target = facts.queries[filter.query].target;
    names.add(fmt::format("{}.{}.rows", table_id(*verdict.resolution.items[target].rule),
                          action_of(facts, target)));
  }
  for (const InsertColumns& insert : narrowing.inserts) {
    const TableRule* rule = verdict.resolution.items[facts.queries[insert.query].target].rule;
    if (insert.rule != nullptr && !insert.rule->set.empty()) names.add(table_id(*rule) + ".insert.set");
  }
  if (!narrowing.limits.empty()) names.add("limits.rows");
}

std::vector<std::string> exercised(const parser::Facts& facts, const Verdict& verdict) {
  std::set<std::string> found;
  RuleNames names(verdict.capability->name, found);
  if (verdict.allow) {
    add_used_items(facts, verdict.resolution, names);
    add_narrowing(facts, verdict, names);
  } else {
    names.add(verdict.denial->rule);
  }
  return {found.begin(), found.end()};
}

void refuse(const Denial& denial, Checked& checked) {
  checked.allow = false;
  checked.rule = denial.rule;
  checked.sqlstate = denial.sqlstate;
  checked.message = message_of(denial);
  checked.detail = detail_of(denial, checked.capability);
  checked.hint = denial.hint;
  checked.schema = denial.schema;
  checked.table = denial.table;
  checked.column = denial.column;
  checked.offset = denial.offset;
}

}  // namespace

Principal make_principal(const Agent& agent, const std::map<std::string, std::string, std::less<>>& values,
                         std::string actor, std::string task) {
  Principal principal;
  principal.agent = agent.name;
  principal.actor = std::move(actor);
  principal.task = std::move(task);
  for (const auto& [name, source] : agent.parameters) {
    const auto* constant = std::get_if<ConstantSource>(&source);
    principal.parameters[name] = constant != nullptr ? constant->text : fmt::format("<{}>", name);
  }
  for (const auto& [name, value] : values) principal.parameters[name] = value;
  principal.parameters["agent"] = principal.agent;
  principal.parameters["actor"] = principal.actor;
  principal.parameters["task"] = principal.task;
  return principal;
}

std::set<std::string> rules_of(const Agent& agent) {
  std::set<std::string> found;
  for (const auto& capability : agent.capabilities) {
    RuleNames names(capability->name, found);
    for (const auto& [key, rule] : capability->tables) add_table(names, rule);
    for (const auto& [kind, word] : kClasses) {
      if (capability->statements.contains(kind)) names.add(fmt::format("statements.{}", word));
    }
    if (capability->limits.rows) names.add("limits.rows");
  }
  return found;
}

std::string message_of(const Denial& denial) {
  // PostgreSQL's own: syntax, names that are not there, those of prepared statements, cursors and portals
  // too.
  const std::string_view code = denial.sqlstate;
  const bool own =
      (code.starts_with("42") && code != "42501") || code == "3F000" || code == "26000" || code == "34000";
  return own ? denial.message : "pgchaperone: " + denial.message;
}

std::string detail_of(const Denial& denial, std::string_view capability) {
  if (!denial.detail.empty() || denial.rule.empty()) return denial.detail;
  return capability.empty() ? fmt::format("rule {}", denial.rule)
                            : fmt::format("capability {}, rule {}", capability, denial.rule);
}

Checked check(std::string_view sql, const Agent& agent, const Catalog& catalog, const Principal& principal,
              const parser::Limits& limits) {
  Checked checked;
  const auto facts = parser::read_facts(sql, limits);
  if (!facts) {
    refuse(refusal(facts.error(), sql), checked);
    return checked;
  }
  const Verdict verdict = evaluate(agent, catalog, *facts);
  if (verdict.capability != nullptr) {
    checked.capability = verdict.capability->name;
    checked.exercised = exercised(*facts, verdict);
  }
  if (!verdict.allow) {
    refuse(*verdict.denial, checked);
    return checked;
  }
  const auto rewritten = rewrite(sql, *facts, catalog, verdict);
  if (!rewritten) {
    refuse(refusal(rewritten.error(), sql), checked);
    return checked;
  }
  checked.allow = true;
  checked.narrowed = narrowed_words(verdict.narrowing.what);
  if (!rewritten->edits.empty()) checked.rewritten = fill(*rewritten, sql, principal);
  return checked;
}

std::vector<Reason> reasons(std::string_view sql, const Agent& agent, const Catalog& catalog,
                            const parser::Limits& limits) {
  std::vector<Reason> found;
  const auto facts = parser::read_facts(sql, limits);
  if (!facts) return found;
  for (const auto& capability : agent.capabilities) {
    Agent alone = agent;
    alone.capabilities = {capability};
    const Verdict verdict = evaluate(alone, catalog, *facts);
    if (verdict.allow) continue;
    found.push_back({capability->name, verdict.denial->rule, verdict.denial->message});
  }
  return found;
}

}  // namespace chaperone::rules
