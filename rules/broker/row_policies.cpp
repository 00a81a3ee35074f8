#include "rules/broker/row_policies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "parser/facts.hpp"
#include "rules/broker/broker.hpp"
#include "rules/resolve/denials.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/sha256.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

/// NAMEDATALEN - 1.
constexpr std::size_t kMaxName = 63;
constexpr std::size_t kDigestDigits = 8;

/// What one capability lets through of a table for one command; nothing where it has no such right.
struct Share {
  const Capability* capability = nullptr;
  std::string condition;  ///< empty: all rows
  bool enforced = false;  ///< by row-level security
  bool subquery = false;
  Mark mark;
};

class TablePolicies {
 public:
  TablePolicies(const Relation& relation, const Catalog& catalog, const std::string& file, Problems& problems)
      : relation_(relation), file_(file), problems_(problems), out_{relation.schema, relation.name, {}, {}} {
    shown_ = table_name(catalog, relation.schema, relation.name);
  }

  RowPolicies run(const std::vector<std::pair<const Capability*, const TableRule*>>& rules) {
    for (const RowCommand command :
         {RowCommand::kSelect, RowCommand::kInsert, RowCommand::kUpdate, RowCommand::kDelete}) {
      std::vector<Share> shares;
      for (const auto& [capability, rule] : rules) {
        if (auto found = share(*capability, *rule, command)) shares.push_back(std::move(*found));
      }
      for (const Share& share : shares) {
        open(share, command);
        if (share.enforced) close(share, shares, command);
      }
    }
    return std::move(out_);
  }

 private:
  std::optional<Share> share(const Capability& capability, const TableRule& rule, RowCommand command);
  std::string condition(const Expression& expression);
  std::string values_of(const InsertRule& insert);
  RowPolicy begin(const Share& share, RowCommand command, bool restrictive) const;
  void open(const Share& share, RowCommand command);
  void close(const Share& share, const std::vector<Share>& all, RowCommand command);

  const Relation& relation_;
  const std::string& file_;
  Problems& problems_;
  RowPolicies out_;
  std::string shown_;
};

std::optional<Share> TablePolicies::share(const Capability& capability, const TableRule& rule,
                                          RowCommand command) {
  Share out;
  out.capability = &capability;
  const std::optional<RowFilter>* rows = nullptr;
  if (command == RowCommand::kSelect && rule.read) rows = &rule.read->rows;
  if (command == RowCommand::kUpdate && rule.update) rows = &rule.update->rows;
  if (command == RowCommand::kDelete && rule.remove) rows = &rule.remove->rows;
  if (command == RowCommand::kInsert && rule.insert) {
    out.mark = rule.insert->mark;
    out.condition = values_of(*rule.insert);
    out.enforced = !out.condition.empty();
    return out;
  }
  if (rows == nullptr) return {};
  out.mark = rule.mark;
  if (!*rows) return out;
  const Expression& expression = (*rows)->expression;
  out.mark = expression.mark;
  out.condition = condition(expression);
  out.enforced = (*rows)->row_security;
  out.subquery = expression.has_subquery;
  return out;
}

/// In CREATE POLICY a table has no alias: its columns go by its own name.
std::string TablePolicies::condition(const Expression& expression) {
  std::string out;
  for (const Expression::Part& part : expression.parts) {
    if (part.kind == Expression::PartKind::kText) {
      out += part.text;
    } else if (part.kind == Expression::PartKind::kColumn) {
      out += fmt::format("{}.{}", identifier(relation_.name), identifier(part.text));
    } else {
      const std::string value = fmt::format("(SELECT chaperone.lease_parameter({}))", literal(part.text));
      out += part.type.name.empty() ? value : fmt::format("CAST({} AS {})", value, part.type.sql());
    }
  }
  if (!expression.has_subquery) return out;
  const auto read = parser::read_facts("SELECT " + out);
  const bool taken = !read || std::ranges::any_of(read->from_items, [&](const parser::FromItem& item) {
    return item.kind == parser::FromKind::kRelation && item.alias == relation_.name;
  });
  if (taken) {
    problems_.add(
        file_, expression.mark,
        fmt::format("the subquery has a table that goes by the name {}, as the filtered one does, and "
                    "a policy of row-level security can't tell them apart",
                    in_quotes(relation_.name)),
        "another alias in the subquery");
  }
  return out;
}

/// What the proxy fills in, where it is a parameter and = of its type is PostgreSQL's own.
std::string TablePolicies::values_of(const InsertRule& insert) {
  static constexpr std::array<std::string_view, 6> kPlain = {"int2", "int4", "int8", "text", "uuid", "bool"};
  std::string out;
  for (const auto& [name, value] : insert.set) {
    const auto index = relation_.find_column(name);
    if (!index || value.parts.size() != 1 || value.parts[0].kind != Expression::PartKind::kParameter)
      continue;
    const TypeName& type = relation_.columns[*index].type;
    if (type.schema != "pg_catalog" || type.dimensions > 0 ||
        std::ranges::find(kPlain, type.name) == kPlain.end())
      continue;
    out += fmt::format("{}({}.{} OPERATOR(pg_catalog.=) {})", out.empty() ? "" : " AND ",
                       identifier(relation_.name), identifier(name), condition(value));
  }
  return out;
}

/// chaperone_select_triage, chaperone_only_select_triage; of a long name the beginning and a digest.
std::string policy_name(std::string_view role, RowCommand command, bool restrictive) {
  std::string out = fmt::format("{}{}{}_{}", kRowPolicyPrefix, restrictive ? "only_" : "",
                                lower(name_of(command)), role.substr(capability_role({}).size()));
  if (out.size() <= kMaxName) return out;
  std::size_t kept = kMaxName - kDigestDigits - 1;
  while ((out[kept] & 0xC0) == 0x80) --kept;  // not within a character
  return fmt::format("{}_{}", out.substr(0, kept), sha256(role).substr(0, kDigestDigits));
}

RowPolicy TablePolicies::begin(const Share& share, RowCommand command, bool restrictive) const {
  RowPolicy policy;
  policy.role = capability_role(share.capability->name);
  policy.name = policy_name(policy.role, command, restrictive);
  policy.capability = share.capability->name;
  policy.command = command;
  policy.restrictive = restrictive;
  policy.condition = share.condition.empty() ? "true" : share.condition;
  policy.mark = share.mark;
  return policy;
}

void TablePolicies::open(const Share& share, RowCommand command) {
  out_.policies.push_back(begin(share, command, false));
}

void TablePolicies::close(const Share& share, const std::vector<Share>& all, RowCommand command) {
  RowPolicy policy = begin(share, command, true);
  for (const Share& other : all) {
    if (&other == &share) continue;
    if (other.subquery) {
      out_.notes.push_back(fmt::format(
          "The filter of {} has a subquery: a lease that holds {} too sees no more of {} than {} shows "
          "({}).",
          in_quotes(other.capability->name), in_quotes(share.capability->name), shown_,
          in_quotes(share.capability->name), name_of(command)));
      continue;
    }
    const std::string held = fmt::format("(SELECT pg_catalog.pg_has_role({}::pg_catalog.name, 'USAGE'))",
                                         literal(capability_role(other.capability->name)));
    policy.condition += other.condition.empty() ? fmt::format("\n    OR {}", held)
                                                : fmt::format("\n    OR ({} AND {})", held, other.condition);
  }
  out_.policies.push_back(std::move(policy));
}

bool enforces(const TableRule& rule) {
  const auto by_database = [](const std::optional<RowFilter>& rows) { return rows && rows->row_security; };
  return (rule.read && by_database(rule.read->rows)) || (rule.update && by_database(rule.update->rows)) ||
         (rule.remove && by_database(rule.remove->rows));
}

}  // namespace

std::string RowPolicy::digest() const {
  return sha256(condition);
}

std::string_view name_of(RowCommand command) {
  static constexpr std::array<std::string_view, 4> kNames = {"SELECT", "INSERT", "UPDATE", "DELETE"};
  return kNames[static_cast<std::size_t>(command)];
}

std::vector<RowPolicies> row_policies(const PolicySet& policy, const Catalog& catalog,
                                      const std::string& file, Problems& problems) {
  using Rules = std::vector<std::pair<const Capability*, const TableRule*>>;
  std::map<std::string, const Capability*, std::less<>> used;
  for (const auto& [name, agent] : policy.agents) {
    for (const auto& capability : agent.capabilities) used.emplace(capability->name, capability.get());
  }
  std::map<std::pair<std::string, std::string>, Rules> tables;
  for (const auto& [name, capability] : used) {
    for (const auto& [key, rule] : capability->tables) tables[key].emplace_back(capability, &rule);
  }
  std::vector<RowPolicies> out;
  for (const auto& [key, rules] : tables) {
    const Relation* relation = catalog.find_relation(key.first, key.second);
    const bool wanted = std::ranges::any_of(rules, [](const auto& entry) { return enforces(*entry.second); });
    if (relation != nullptr && wanted)
      out.push_back(TablePolicies(*relation, catalog, file, problems).run(rules));
  }
  return out;
}

}  // namespace chaperone::rules
