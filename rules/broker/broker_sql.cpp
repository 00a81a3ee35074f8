#include "rules/broker/broker_sql.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "rules/broker/broker.hpp"
#include "rules/broker/broker_files.hpp"
#include "rules/broker/grants.hpp"
#include "rules/broker/row_policies.hpp"
#include "rules/resolve/denials.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

/// Foreign text within a comment: on one line.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (has_control_character({&c, 1})) c = ' ';
  }
  return out;
}

std::string qualified(std::string_view schema, std::string_view name) {
  return fmt::format("{}.{}", identifier(schema), identifier(name));
}

/// An array of names as a literal: '{"a","b"}'.
std::string array_literal(const std::vector<std::string>& names) {
  std::string out = "{";
  for (const std::string& name : names) {
    out += out.size() == 1 ? "\"" : ",\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return literal(out + "}");
}

class Script {
 public:
  explicit Script(const BrokerSetup& setup) : setup_(setup) {}

  template <class... Values>
  void line(fmt::format_string<Values...> text, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), text, std::forward<Values>(values)...);
    out_ += '\n';
  }
  void heading(std::string_view text) { line("\n-- {}", text); }
  void file(std::string_view text) { out_ += text; }

  /// The lines that stand in front of all three scripts.
  void begin(std::string_view what) {
    line("-- {}", what);
    line("--   psql -X -d {} -f THIS-FILE", one_line(setup_.database));
  }
  void open() {
    line("\\set ON_ERROR_STOP on");
    line("BEGIN;");
    line("SET LOCAL search_path = pg_catalog, pg_temp;");
    line("SET LOCAL standard_conforming_strings = on;");
    line("SET LOCAL client_encoding = 'UTF8';");
    line(
        "SET LOCAL lock_timeout = '10s';  -- rather than make everybody wait behind a lock that it waits "
        "for");
    line("SET LOCAL client_min_messages = warning;");
    line("SET LOCAL chaperone_setup.database = {};", literal(setup_.database));
    line("SET LOCAL chaperone_setup.broker = {};", literal(setup_.broker));
    line("DO $check$");
    line("BEGIN");
    line("  IF current_database() <> current_setting('chaperone_setup.database') THEN");
    line("    RAISE EXCEPTION 'this is for the database %, and you are in %',");
    line("      current_setting('chaperone_setup.database'), current_database();");
    line("  END IF;");
    line("  IF current_setting('server_version_num')::integer < 150000 THEN");
    line("    RAISE EXCEPTION 'leases take PostgreSQL 15 or later';");
    line("  END IF;");
    line("END");
    line("$check$;");
  }
  void tools() {
    heading("Tools of this session alone.");
    file(broker_files::kTakeBack);
  }

  void grants(const Grants& grants);
  void rows(const RowPolicies& table);
  void beyond(const Capability& capability, const Catalog& catalog);

  std::string take() { return std::move(out_); }

 private:
  std::string at(Mark mark) const { return fmt::format("{}:{}", one_line(setup_.policy_file), mark.line); }
  void grant(const Grant& first, const std::vector<std::string>& columns);

  const BrokerSetup& setup_;
  std::string out_;
};

/// One GRANT. `columns`: of a relation or its defaults.
void Script::grant(const Grant& first, const std::vector<std::string>& columns) {
  const std::string role = identifier(first.role);
  std::vector<std::string> names;
  for (const std::string& column : columns) names.push_back(identifier(column));
  const std::string list = names.empty() ? "" : fmt::format(" ({})", fmt::join(names, ", "));
  switch (first.object) {
    case GrantObject::kDatabase:
      return line("GRANT CONNECT ON DATABASE {} TO {};", identifier(setup_.database), role);
    case GrantObject::kSchema:
      return line("GRANT USAGE ON SCHEMA {} TO {};", identifier(first.schema), role);
    case GrantObject::kRelation:
      return line("GRANT {}{} ON TABLE {} TO {};", name_of(first.privilege), list,
                  qualified(first.schema, first.name), role);
    case GrantObject::kDefault: {
      std::vector<std::string> literals;
      for (const std::string& column : columns) literals.push_back(literal(column));
      line("SELECT format('GRANT USAGE ON SEQUENCE %I.%I TO %I', sequence_schema, sequence, {})",
           literal(first.role));
      return line("FROM pg_temp.default_sequences WHERE schema = {} AND relation = {}{} \\gexec",
                  literal(first.schema), literal(first.name),
                  literals.empty() ? "" : fmt::format(" AND \"column\" IN ({})", fmt::join(literals, ", ")));
    }
    case GrantObject::kFunction:
      if (first.schema == "pg_catalog") {
        line("SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', oid::regprocedure, {}) FROM pg_proc",
             literal(first.role));
        return line("WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = {} \\gexec",
                    literal(first.name));
      }
      return line("GRANT EXECUTE ON ROUTINE {}({}) TO {};", qualified(first.schema, first.name),
                  first.arguments, role);
  }
}

void Script::grants(const Grants& grants) {
  // By role and line of the policy, as a reviewer reads it; those of one table, privilege and line in one.
  using Key = std::tuple<std::string, Mark, GrantObject, std::string, std::string, Privilege, std::string>;
  struct Entry {
    const Grant* first;
    const GrantReason* reason;
    std::vector<std::string> columns;
  };
  std::map<Key, Entry> entries;
  for (const auto& [grant, reason] : grants.grants) {
    Entry& entry = entries
                       .try_emplace(Key(grant.role, reason.mark, grant.object, grant.schema, grant.name,
                                        grant.privilege, grant.arguments),
                                    Entry{&grant, &reason, {}})
                       .first->second;
    if (!grant.column.empty()) entry.columns.push_back(grant.column);
  }
  std::string role;
  std::string reason;
  for (const auto& [key, entry] : entries) {
    if (entry.first->role != role) {
      role = entry.first->role;
      reason.clear();
      line("\n-- {}", in_quotes(grants.capabilities.at(role)));
      for (const GrantNote& note : grants.notes) {
        if (note.role == role) line("-- NOTE {}: {}", at(note.mark), one_line(note.text));
      }
    }
    const std::string because = fmt::format("{} {}", at(entry.reason->mark), one_line(entry.reason->rule));
    if (because != reason) line("-- {}", because);
    reason = because;
    grant(*entry.first, entry.columns);
  }
}

void Script::rows(const RowPolicies& table) {
  const std::string name = qualified(table.schema, table.table);
  line("\n-- {}", one_line(name));
  for (const std::string& note : table.notes) line("-- NOTE {}", one_line(note));
  line("SELECT pg_temp.secure_rows({}) \\g /dev/null", literal(name));
  for (const RowPolicy& policy : table.policies) {
    line("-- {} {}{}", at(policy.mark), in_quotes(policy.capability),
         policy.restrictive ? ": no policy of others opens more" : "");
    line("CREATE POLICY {} ON {}{} FOR {} TO {}", identifier(policy.name), name,
         policy.restrictive ? " AS RESTRICTIVE" : "", name_of(policy.command), identifier(policy.role));
    line("  {} ({});", policy.command == RowCommand::kInsert ? "WITH CHECK" : "USING", policy.condition);
    line("SELECT pg_temp.remember_policy({}, {}, {}) \\g /dev/null", literal(name), literal(policy.name),
         literal(policy.digest()));
  }
}

/// What only the proxy holds.
void Script::beyond(const Capability& capability, const Catalog& catalog) {
  for (const auto& [key, rule] : capability.tables) {
    const Relation* relation = catalog.find_relation(rule.schema, rule.name);
    if (relation == nullptr || relation->system) continue;
    std::vector<std::string> parts;
    const auto by_proxy = [](const std::optional<RowFilter>& rows) { return rows && !rows->row_security; };
    if ((rule.read && by_proxy(rule.read->rows)) || (rule.update && by_proxy(rule.update->rows)) ||
        (rule.remove && by_proxy(rule.remove->rows)))
      parts.emplace_back("`rows` (`enforce: rls` makes a wall of them)");
    std::vector<std::string> masked;
    if (rule.read) {
      for (const auto& [column, mask] : rule.read->masks) {
        if (!mask.expression.columns.empty()) masked.push_back(column);
      }
    }
    if (!masked.empty())
      parts.push_back(fmt::format("masks of {}, which the role can read in clear", list_names(masked)));
    if (rule.insert && !rule.insert->set.empty()) parts.emplace_back("`set`");
    if ((rule.insert && rule.insert->max_rows) || (rule.update && rule.update->bounds.max_rows) ||
        (rule.remove && rule.remove->bounds.max_rows))
      parts.emplace_back("`by` and `max_rows`");
    if (!parts.empty())
      line("-- {}, {}: {}", in_quotes(capability.name), one_line(table_name(catalog, rule.schema, rule.name)),
           fmt::join(parts, "; "));
  }
}

}  // namespace

std::string broker_setup_sql(const BrokerSetup& setup, const PolicySet& policy, const Catalog& catalog,
                             Problems& problems) {
  const Grants needed = needed_grants(policy, catalog, setup.policy_file, problems);
  const std::vector<RowPolicies> tables = row_policies(policy, catalog, setup.policy_file, problems);
  std::vector<std::string> roles;
  std::vector<std::string> secured;
  for (const auto& [role, capability] : needed.capabilities) roles.push_back(role);
  for (const RowPolicies& table : tables) secured.push_back(qualified(table.schema, table.table));

  Script script(setup);
  script.begin(
      "What pgchaperone needs in this database so that each session gets a role of its own. Review it, then "
      "run it");
  script.line("-- as a superuser, and again whenever the policy or the schema has changed:");
  script.line(
      "-- It is one transaction, and a second run changes nothing. No password stands in it. Give the broker "
      "one by");
  script.line("--   \\password {}", one_line(setup.broker));
  script.line(
      "-- or a verifier while it runs: -v broker_verifier='SCRAM-SHA-256$..', as \"pgchaperone password\" "
      "prints them.");
  script.line("-- The policy: {} ({})", one_line(setup.policy_file), policy.hash);
  script.open();
  script.tools();

  script.heading(
      "1. Who owns the functions that make leases (nobody can log in as that), and who may call them.");
  script.file(broker_files::kRoles);
  script.line("\\if :{{?broker_verifier}}");
  script.line("ALTER ROLE {} PASSWORD :'broker_verifier';", identifier(setup.broker));
  script.line("\\endif");
  script.heading("2. The functions.");
  script.file(lease_sql());
  script.line("");
  script.file(broker_files::kBroker);

  script.heading("3. A role for each capability.");
  for (const auto& [name, capability] : policy.capabilities) {
    if (needed.capabilities.contains(capability_role(name)))
      script.line("-- {}:{} {}: {}", one_line(setup.policy_file), capability->mark.line, in_quotes(name),
                  in_quotes(capability->description));
  }
  script.line("SET LOCAL chaperone_setup.capabilities = {};", array_literal(roles));
  script.line("SET LOCAL chaperone_setup.row_security = {};", array_literal(secured));
  script.file(broker_files::kCapabilities);

  script.heading("4. What each of them needs, and the line of the policy that asks for it.");
  script.line(
      "CREATE TEMPORARY TABLE default_sequences (schema, relation, \"column\", sequence_schema, sequence)");
  script.line("ON COMMIT DROP AS");
  script.line("{};", default_sequences_query());
  script.grants(needed);

  script.heading("5. What no privilege can hold, and the proxy alone does:");
  for (const auto& [name, capability] : policy.capabilities) {
    if (needed.capabilities.contains(capability_role(name))) script.beyond(*capability, catalog);
  }
  if (!tables.empty()) {
    script.heading(
        "6. Row-level security, for `enforce: rls`. Values come from the lease, by the role that has logged "
        "in.");
    script.line(
        "-- Where it was off, the policy chaperone_others lets all other roles go on as before. What changes "
        "for them:");
    script.line(
        "-- pg_dump by a role that neither owns the table nor has BYPASSRLS stops with an error, and the "
        "planner may use");
    script.line(
        "-- fewer indexes for operators that are not leakproof. Owners and superusers are not bound.");
    for (const RowPolicies& table : tables) script.rows(table);
  }
  script.line("");
  script.line("COMMIT;");
  return script.take();
}

std::string broker_drop_sql(const BrokerSetup& setup) {
  Script script(setup);
  script.begin("Removes what \"pgchaperone broker sql\" made in this database, once no lease is left:");
  script.open();
  script.tools();
  script.line("");
  script.file(broker_files::kDrop);
  script.line("COMMIT;");
  return script.take();
}

std::string broker_harden_sql(const BrokerSetup& setup) {
  Script script(setup);
  script.begin(
      "What every role has from PUBLIC, leases as well. Nothing of it is needed for leases: each part says "
      "what it");
  script.line(
      "-- is good for and what may break. Delete what you do not want, then run the rest as a superuser.");
  script.open();
  script.file(broker_files::kHarden);
  script.line("COMMIT;");
  return script.take();
}

}  // namespace chaperone::rules
