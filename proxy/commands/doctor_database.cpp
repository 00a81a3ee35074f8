#include "proxy/commands/doctor_database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <set>

#include "proxy/commands/doctor_grants.hpp"
#include "proxy/commands/doctor_queries.hpp"
#include "rules/broker/broker.hpp"
#include "rules/rewrite/literal.hpp"

namespace chaperone::commands {
namespace {

namespace json = boost::json;
using net::ControlConnection;
using net::ControlOutcome;

constexpr std::string_view kNotAllowed = "42501";

/// A set of questions, and what is not known where the role may not ask them.
struct Examination {
  const std::string_view* query;
  std::string_view unknown;
  bool of_leases = false;
};
constexpr std::array kExaminations = {
    Examination{&doctor_queries::kBroker, "the roles of pgchaperone"},
    Examination{&doctor_queries::kPublic, "the privileges of PUBLIC"},
    Examination{&doctor_queries::kRows, "row-level security"},
    Examination{&doctor_queries::kServer, "roles, leases and settings of the server"},
    Examination{&doctor_queries::kDba, "pg_hba.conf and how passwords are kept"},
    Examination{&doctor_queries::kLeases, "the lease functions", true},
    Examination{&doctor_queries::kLeasesDba, "which roles leases may be given", true},
};

Severity severity_of(std::string_view name) {
  if (name == "danger") return Severity::kDanger;
  return name == "warning" ? Severity::kWarning : Severity::kNote;
}

/// Each row is a finding: id, severity, object, risk, mend.
void take(const std::vector<session::ControlResult>& results, const DoctorSubject& subject,
          std::vector<Finding>& findings) {
  for (const session::ControlResult& result : results) {
    for (const auto& row : result.rows) {
      const auto text = [&](std::size_t column) { return row[column].value_or(""); };
      findings.push_back({severity_of(text(1)), text(0), subject.name, text(2), text(3), text(4)});
    }
  }
}

bool narrowed(const rules::TableRule& table) {
  return table.read && (table.read->rows || !table.read->masks.empty());
}

bool left_to_rls(const rules::TableRule& table) {
  const auto rls = [](const std::optional<rules::RowFilter>& rows) { return rows && rows->row_security; };
  return (table.read && rls(table.read->rows)) || (table.update && rls(table.update->rows)) ||
         (table.remove && rls(table.remove->rows));
}

/// What the roles need that really hold the capabilities.
rules::Grants needed_by_holders(const DoctorSubject& subject) {
  if (subject.leases) return subject.needed;
  rules::Grants out;
  for (const auto& [role, capabilities] : subject.holders()) {
    for (const auto& capability : capabilities) {
      const std::string own = rules::capability_role(capability->name);
      for (const auto& [needed, reason] : subject.needed.grants) {
        if (needed.role != own) continue;
        rules::Grant grant = needed;
        grant.role = role;
        out.grants.emplace(std::move(grant), reason);
      }
    }
  }
  return out;
}

ControlOutcome<void> begin(ControlConnection& connection, const DoctorSubject& subject,
                           std::chrono::milliseconds timeout) {
  // The search_path that sessions get, before it is pinned for what is asked here.
  auto done = connection.query(
      "SELECT pg_catalog.set_config('pgchaperone.search_path', "
      "pg_catalog.text(pg_catalog.array_to_json(pg_catalog.current_schemas(false))), false);"
      "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false),"
      "pg_catalog.set_config('default_transaction_read_only', 'on', false);"
      // As broker sql has them where it remembers how a condition is printed.
      "SET quote_all_identifiers = off; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres; "
      "SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = hex",
      timeout);
  if (!done) return done.error();
  done = connection.query(
      fmt::format("SELECT set_config('pgchaperone.doctor', {}, false)", rules::literal(questions(subject))),
      timeout);
  if (!done) return done.error();
  return {};
}

}  // namespace

auto DoctorSubject::holders() const
    -> std::vector<std::pair<std::string, std::vector<std::shared_ptr<const rules::Capability>>>> {
  using Capabilities = std::vector<std::shared_ptr<const rules::Capability>>;
  std::map<std::string, Capabilities> found;
  bool observed = false;
  if (policy != nullptr && (leases || own_names || !role.empty())) {
    for (const auto& [own_name, agent] : policy->agents) {
      observed |= agent.observe;
      if (agent.observe) continue;
      for (const auto& capability : agent.capabilities) {
        Capabilities& held = found[leases         ? rules::capability_role(capability->name)
                                   : role.empty() ? own_name
                                                  : role];
        if (std::ranges::find(held, capability) == held.end()) held.push_back(capability);
      }
    }
  }
  // What an observed agent may do is whatever the role may do that it shares.
  if (!leases && !role.empty() && observed) found.clear();
  return {found.begin(), found.end()};
}

std::string questions(const DoctorSubject& subject) {
  json::array agents, subjects, tables, functions, policies;
  std::set<std::pair<std::string, std::string>> named;
  if (subject.policy != nullptr) {
    for (const auto& [name, agent] : subject.policy->agents) agents.emplace_back(name);
  }
  for (const auto& [role, capabilities] : subject.holders()) {
    subjects.emplace_back(role);
    for (const auto& capability : capabilities) {
      named.insert(capability->functions.begin(), capability->functions.end());
      for (const auto& [key, table] : capability->tables) {
        tables.push_back(json::array{table.schema, table.name, left_to_rls(table), role, narrowed(table)});
      }
    }
  }
  if (subject.leases) {
    for (const auto& table : subject.row_policies) {
      for (const auto& each : table.policies) {
        policies.push_back(json::array{
            table.schema, table.table, each.name, each.role, rules::name_of(each.command), each.restrictive,
            each.condition.find("lease_parameter") != std::string::npos, each.digest()});
      }
    }
  }
  for (const auto& [schema, name] : named) functions.push_back(json::array{schema, name});
  return json::serialize(json::object{
      {"role", subject.role},
      {"leases", subject.leases},
      {"local", subject.local},
      {"own_names", subject.own_names},
      {"connections", subject.connections},
      {"agents", agents},
      {"subjects", subjects},
      {"tables", tables},
      {"functions", functions},
      {"policies", policies},
      {"broker_sql",
       fmt::format("pgchaperone broker sql --config {} --database {}", subject.config, subject.name)},
      {"lease_sql", subject.leases ? rules::lease_sql() : std::string_view()},
  });
}

ControlOutcome<std::vector<Finding>> examine_database(ControlConnection& connection,
                                                      const DoctorSubject& subject,
                                                      std::chrono::milliseconds timeout) {
  if (auto begun = begin(connection, subject, timeout); !begun) return begun.error();
  std::vector<Finding> findings;
  for (const Examination& each : kExaminations) {
    if (each.of_leases && !subject.leases) continue;
    const auto results = connection.query(*each.query, timeout);
    if (results) {
      take(*results, subject, findings);
    } else if (results.error().sqlstate == kNotAllowed) {
      findings.push_back({Severity::kNote, "not-looked-at", subject.name, std::string(each.unknown),
                          fmt::format("This role may not look at it ({}).", text_of(results.error())),
                          fmt::format("pgchaperone doctor --config {} --database {} --as "
                                      "postgresql://<a superuser>@<host>",
                                      subject.config, subject.name)});
    } else if (!(subject.leases && each.of_leases && results.error().sqlstate == "42P01")) {
      return results.error();
    }
  }
  if (subject.policy == nullptr) return findings;
  const auto held = read_privileges(connection, timeout);
  if (!held) return held.error();
  for (Finding& each : compare_grants(needed_by_holders(subject), *held, subject.leases)) {
    each.database = subject.name;
    findings.push_back(std::move(each));
  }
  return findings;
}

}  // namespace chaperone::commands
