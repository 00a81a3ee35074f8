#include "proxy/commands/doctor_grants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "proxy/commands/doctor_queries.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

using rules::identifier;

/// An object as one role sees it; `object` as in HeldPrivilege.
struct Place {
  std::string role, object, schema, name;
  auto operator<=>(const Place&) const = default;
};

/// Privileges on one object: by privilege the columns, where an empty one is the whole.
using Columns = std::map<std::string, std::set<std::string>>;

bool covers(const Columns& have, const std::string& privilege, const std::string& column) {
  const auto found = have.find(privilege);
  return found != have.end() && (found->second.contains("") || found->second.contains(column));
}

/// "SELECT (id, name), UPDATE", as GRANT takes it.
std::string as_sql(const Columns& columns) {
  std::string out;
  for (const auto& [privilege, names] : columns) {
    if (!out.empty()) out += ", ";
    out += privilege;
    if (names.contains("")) continue;
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + identifier(name);
    out += " (" + list + ")";
  }
  return out;
}

/// "TABLE public.t" as people say it.
std::string said(std::string_view sql) {
  const auto space = sql.find(' ');
  return rules::lower(sql.substr(0, space)) + std::string(sql.substr(space));
}

/// ", which g granted": who is not the owner.
std::string by_whom(const HeldPrivilege& held) {
  return held.grantor.empty() ? "" : fmt::format(", which {} granted", held.grantor);
}

/// A REVOKE takes back what its own role granted, and that of a superuser what the owner did.
std::string take_back(const HeldPrivilege& held, const std::string& privileges, const std::string& from) {
  return fmt::format("{}REVOKE {} ON {} FROM {};{}", held.before_revoke, privileges, held.sql, from,
                     held.behind_revoke);
}

using Needed = std::map<Place, Columns>;

Needed resolve(const rules::Grants& needed, const Privileges& live) {
  Needed out;
  for (const auto& [grant, reason] : needed.grants) {
    const auto need = [&](std::string_view object, const std::string& schema, const std::string& name) {
      out[{grant.role, std::string(object), schema, name}][std::string(rules::name_of(grant.privilege))]
          .insert(grant.column);
    };
    switch (grant.object) {
      case rules::GrantObject::kDatabase:
        need("database", "", "");
        break;
      case rules::GrantObject::kSchema:
        need("schema", grant.schema, "");
        break;
      case rules::GrantObject::kRelation:
        need("relation", grant.schema, grant.name);
        break;
      case rules::GrantObject::kFunction:
        need("function", grant.schema, grant.name);
        break;
      case rules::GrantObject::kDefault:
        for (const auto& each : live.sequences) {
          if (each.schema != grant.schema || each.relation != grant.name) continue;
          if (!grant.column.empty() && !each.column.empty() && each.column != grant.column) continue;
          out[{grant.role, "sequence", each.sequence_schema, each.sequence}]["USAGE"].insert("");
        }
        break;
    }
  }
  return out;
}

std::string object_sql(const Place& place, const Privileges& live) {
  if (place.object == "database") return "DATABASE " + identifier(live.database);
  if (place.object == "schema") return "SCHEMA " + identifier(place.schema);
  return fmt::format("{} {}.{}", place.object == "sequence" ? "SEQUENCE" : "TABLE", identifier(place.schema),
                     identifier(place.name));
}

class Comparison {
 public:
  Comparison(const rules::Grants& needed, const Privileges& live, bool leases)
      : live_(live), needed_(resolve(needed, live)), leases_(leases) {}

  std::vector<Finding> run() {
    for (const HeldPrivilege& each : live_.held) {
      Place place{each.role, each.object, each.schema, each.name};
      have_[place][each.privilege].insert(each.column);
      if (live_.superusers.at(each.role) || each.owner) continue;
      if (each.grantable) may_grant(each);
      if (!is_needed(place, each)) more_[{std::move(place), each.grantee, each.grantor}].push_back(&each);
    }
    for (const auto& [where, privileges] : more_) more(std::get<0>(where), std::get<1>(where), privileges);
    less();
    return std::move(findings_);
  }

 private:
  void add(Severity severity, std::string_view id, std::string object, std::string risk, std::string mend) {
    findings_.push_back({severity, std::string(id), "", std::move(object), std::move(risk), std::move(mend)});
  }

  const Columns* needed_at(const Place& place) const {
    const auto found = needed_.find(place);
    return found == needed_.end() ? nullptr : &found->second;
  }

  bool is_needed(const Place& place, const HeldPrivilege& held) const {
    // Everybody's CONNECT, TEMPORARY, CREATE and EXECUTE are asked for by other questions; USAGE of a schema
    // shows names alone.
    if (held.grantee.empty() && held.object != "relation" && held.object != "sequence") return true;
    const Columns* const needed = needed_at(place);
    return needed != nullptr && covers(*needed, held.privilege, held.column);
  }

  void may_grant(const HeldPrivilege& held) {
    if (held.grantee != held.role) return;
    add(Severity::kDanger, "grant-option", said(held.sql),
        fmt::format("{} may grant {} on it to any other role{}.", identifier(held.role), held.privilege,
                    by_whom(held)),
        held.grantor.empty()
            ? fmt::format("REVOKE GRANT OPTION FOR {} ON {} FROM {} CASCADE;",
                          as_sql({{held.privilege, {held.column}}}), held.sql, identifier(held.role))
            : take_back(held, as_sql({{held.privilege, {held.column}}}), identifier(held.role) + " CASCADE"));
  }

  void more(const Place& place, const std::string& grantee,
            const std::vector<const HeldPrivilege*>& privileges) {
    Columns extra;
    for (const HeldPrivilege* const each : privileges) extra[each->privilege].insert(each->column);
    const HeldPrivilege& first = *privileges.front();
    const std::string& sql = first.sql;
    const std::string role = identifier(place.role);
    const Columns* const needed = needed_at(place);
    const std::string limit = needed == nullptr ? "nothing of it" : fmt::format("{} alone", as_sql(*needed));
    if (grantee.empty()) {
      if (!told_.insert(sql + ' ' + first.grantor).second) return;
      add(Severity::kDanger, "public-grant", said(sql),
          fmt::format("Every role holds {} on it{}, where the policy gives {} {}.", as_sql(extra),
                      by_whom(first), role, limit),
          take_back(first, as_sql(extra), "PUBLIC"));
    } else if (grantee != place.role) {
      if (leases_) return;  // the membership itself is a finding
      add(Severity::kWarning, "grant-inherited", said(sql),
          fmt::format("{} holds {} on it as a member of {}, where the policy gives {}.", role, as_sql(extra),
                      identifier(grantee), limit),
          fmt::format("REVOKE {} FROM {};", identifier(grantee), role));
    } else {
      const bool shows_names_alone = place.object == "schema" || place.object == "database";
      add(leases_ && !shows_names_alone ? Severity::kDanger : Severity::kWarning, "grant-wider", said(sql),
          fmt::format("{} holds {} on it{}, where the policy gives {}.", role, as_sql(extra), by_whom(first),
                      limit),
          take_back(first, as_sql(extra), role) + again(extra, needed, sql, role));
    }
  }

  /// A REVOKE of a whole table takes away its columns too.
  static std::string again(const Columns& extra, const Columns* needed, const std::string& sql,
                           const std::string& role) {
    Columns back;
    for (const auto& [privilege, columns] : extra) {
      if (needed == nullptr || !columns.contains("")) continue;
      if (const auto found = needed->find(privilege); found != needed->end()) back.insert(*found);
    }
    return back.empty() ? "" : fmt::format("\nGRANT {} ON {} TO {};", as_sql(back), sql, role);
  }

  void less() {
    for (const auto& [place, columns] : needed_) {
      const auto role = live_.superusers.find(place.role);
      if (role == live_.superusers.end() || role->second) continue;
      if (place.object == "function") {
        less_functions(place);
        continue;
      }
      const auto found = have_.find(place);
      Columns missing;
      for (const auto& [privilege, names] : columns) {
        for (const std::string& name : names) {
          if (found == have_.end() || !covers(found->second, privilege, name))
            missing[privilege].insert(name);
        }
      }
      if (!missing.empty()) lacks(place.role, object_sql(place, live_), as_sql(missing));
    }
  }

  void less_functions(const Place& place) {
    const auto refused = live_.refused.find(place.role);
    if (refused == live_.refused.end()) return;
    for (const auto& each : refused->second) {
      if (each.schema == place.schema && each.name == place.name) lacks(place.role, each.sql, "EXECUTE");
    }
  }

  void lacks(const std::string& role, const std::string& sql, const std::string& privileges) {
    add(Severity::kWarning, "grant-missing", said(sql),
        fmt::format("The policy lets {} do what needs {} on it, and PostgreSQL refuses it.", identifier(role),
                    privileges),
        fmt::format("GRANT {} ON {} TO {};", privileges, sql, identifier(role)));
  }

  const Privileges& live_;
  Needed needed_;
  bool leases_;
  Needed have_;
  /// By place, grantee and grantor.
  std::map<std::tuple<Place, std::string, std::string>, std::vector<const HeldPrivilege*>> more_;
  std::set<std::string> told_;  // of PUBLIC
  std::vector<Finding> findings_;
};

}  // namespace

net::ControlOutcome<Privileges> read_privileges(net::ControlConnection& connection,
                                                std::chrono::milliseconds timeout) {
  const auto results = connection.query(doctor_queries::kGrants, timeout);
  if (!results) return results.error();
  const auto sequences = connection.query(rules::default_sequences_query(), timeout);
  if (!sequences) return sequences.error();
  Privileges live;
  const auto text = [](const std::vector<std::optional<std::string>>& row, std::size_t column) {
    return row[column].value_or("");
  };
  for (const auto& row : (*results)[0].rows) {
    live.superusers[text(row, 0)] = text(row, 1) == "t";
    live.database = text(row, 2);
  }
  for (const auto& row : (*results)[1].rows) {
    live.held.push_back({text(row, 0), text(row, 1), text(row, 2) == "t", text(row, 3), text(row, 4),
                         text(row, 5), text(row, 6), text(row, 7), text(row, 8) == "t", text(row, 9),
                         text(row, 10), text(row, 11), text(row, 12)});
  }
  for (const auto& row : (*results)[2].rows) {
    live.refused[text(row, 0)].push_back({text(row, 1), text(row, 2), text(row, 3)});
  }
  for (const auto& row : (*sequences)[0].rows) {
    live.sequences.push_back({text(row, 0), text(row, 1), text(row, 2), text(row, 3), text(row, 4)});
  }
  return live;
}

std::vector<Finding> compare_grants(const rules::Grants& needed, const Privileges& live, bool leases) {
  return Comparison(needed, live, leases).run();
}

}  // namespace chaperone::commands
