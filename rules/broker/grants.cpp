#include "rules/broker/grants.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "parser/facts.hpp"
#include "rules/broker/broker.hpp"
#include "rules/resolve/denials.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using parser::ExprKind;
using parser::FromKind;
using parser::Id;
using parser::kNone;

/// NAMEDATALEN - 1.
constexpr std::size_t kMaxName = 63;

/// What a table has beside its columns; a privilege on the whole table covers them, one by column each.
constexpr std::array<std::string_view, 6> kSystemColumns = {"ctid", "xmin", "xmax",
                                                            "cmin", "cmax", "tableoid"};

/// The grants of one capability.
class CapabilityGrants {
 public:
  CapabilityGrants(const Capability& capability, const Catalog& catalog, Grants& out)
      : capability_(capability), catalog_(catalog), out_(out), role_(capability_role(capability.name)) {}

  void run() {
    out_.capabilities.emplace(role_, capability_.name);
    at_ = {capability_.mark, {}};
    add(GrantObject::kDatabase, {}, {}, {}, Privilege::kConnect);
    for (const auto& [name, rule] : capability_.tables) {
      const Relation* relation = catalog_.find_relation(rule.schema, rule.name);
      if (relation != nullptr && !relation->system) table(*relation, rule);
    }
    at_ = {capability_.mark, "functions"};
    for (const auto& [schema, name] : capability_.functions) {
      function(schema, name);
      if ((schema.empty() || schema == "pg_catalog") &&
          (name == "nextval" || name == "currval" || name == "setval"))
        note(capability_.mark, fmt::format("{} takes a privilege on the sequence, and the policy names none: "
                                           "PostgreSQL will refuse it but on those behind defaults above",
                                           name));
    }
    if (capability_.statements.contains(StatementClass::kDdl)) {
      note(capability_.mark,
           "`ddl` takes a role that owns the table, which no lease is: PostgreSQL will refuse it");
    }
    // A column of a table that is granted whole.
    std::erase_if(out_.grants, [this](const auto& entry) {
      Grant table = entry.first;
      table.column.clear();
      return table.role == role_ && table.object == GrantObject::kRelation && !entry.first.column.empty() &&
             out_.has(table);
    });
  }

 private:
  void add(GrantObject object, std::string_view schema, std::string_view name, std::string_view column,
           Privilege privilege, std::string arguments = {}) {
    out_.grants.emplace(Grant{role_, object, std::string(schema), std::string(name), std::string(column),
                              std::move(arguments), privilege},
                        at_);
    if (!schema.empty() && schema != "pg_catalog") {
      out_.grants.emplace(
          Grant{role_, GrantObject::kSchema, std::string(schema), {}, {}, {}, Privilege::kUsage}, at_);
    }
  }
  void on_table(const Relation& relation, Privilege privilege) {
    add(GrantObject::kRelation, relation.schema, relation.name, {}, privilege);
    types_of(relation);
  }
  void on_column(const Relation& relation, const Column& column, Privilege privilege) {
    add(GrantObject::kRelation, relation.schema, relation.name, column.name, privilege);
    type(column.type);
  }
  /// The operators and casts of a type are found in its schema.
  void type(const TypeName& type) {
    if (!type.known() || type.schema == "pg_catalog") return;
    add(GrantObject::kSchema, type.schema, {}, {}, Privilege::kUsage);
  }
  void types_of(const Relation& relation) {
    for (const Column& column : relation.columns) type(column.type);
  }
  void note(Mark mark, std::string text) { out_.notes.push_back({role_, mark, std::move(text)}); }
  bool whole(const Relation& relation, Privilege privilege) const {
    return out_.has({role_, GrantObject::kRelation, relation.schema, relation.name, {}, {}, privilege});
  }

  /// Sets what the grants that follow are for.
  void because(const TableRule& rule, Mark mark, std::string_view below) {
    at_ = {mark, table_rule_id(rule.schema, rule.name, below)};
  }

  void table(const Relation& relation, const TableRule& rule);
  void read(const Relation& relation, const TableRule& rule, const ReadRule& read);
  void insert(const Relation& relation, const TableRule& rule, const InsertRule& insert);
  void update(const Relation& relation, const TableRule& rule, const UpdateRule& update);
  void remove(const Relation& relation, const TableRule& rule, const DeleteRule& remove);
  void returning(const Relation& relation, const TableRule& rule, Mark mark, std::string_view below,
                 const std::optional<ColumnSet>& columns);
  void rows(const Relation& relation, const TableRule& rule, const std::optional<RowFilter>& rows,
            std::string_view below);
  void columns_of(const Relation& relation, const Expression& expression);
  void inside(const Expression& expression);
  void defaults(const Relation& relation, const ColumnSet& columns, const InsertRule* insert);
  void function(std::string_view schema, std::string_view name);
  void remark(const Relation& relation, const TableRule& rule);

  const Capability& capability_;
  const Catalog& catalog_;
  Grants& out_;
  std::string role_;
  GrantReason at_;
};

void CapabilityGrants::table(const Relation& relation, const TableRule& rule) {
  if (rule.read) read(relation, rule, *rule.read);
  if (rule.insert) insert(relation, rule, *rule.insert);
  if (rule.update) update(relation, rule, *rule.update);
  if (rule.remove) remove(relation, rule, *rule.remove);
  remark(relation, rule);
}

void CapabilityGrants::read(const Relation& relation, const TableRule& rule, const ReadRule& read) {
  because(rule, read.mark, "read.columns");
  const auto unread = [&](const Column& column) {
    const auto mask = read.masks.find(column.name);
    const auto index = relation.find_column(column.name);
    return mask != read.masks.end() && std::ranges::find(mask->second.expression.columns, *index) ==
                                           mask->second.expression.columns.end();
  };
  if (relation.kind == RelationKind::kSequence ||
      (read.columns.all && std::ranges::none_of(relation.columns, unread))) {
    on_table(relation, Privilege::kSelect);
  } else {
    bool every = true;
    for (const Column& column : relation.columns) {
      if (!read.columns.has(column.name)) {
        every = false;
      } else if (!unread(column)) {
        on_column(relation, column, Privilege::kSelect);
      }
    }
    // As Resolver::has_system_columns().
    if (every && read.masks.empty() && !read.rows && relation.kind != RelationKind::kView) {
      for (const std::string_view name : kSystemColumns)
        add(GrantObject::kRelation, relation.schema, relation.name, name, Privilege::kSelect);
    }
  }
  rows(relation, rule, read.rows, "read.rows");
  for (const auto& [name, mask] : read.masks) {
    because(rule, mask.expression.mark, "read.mask");
    columns_of(relation, mask.expression);
    inside(mask.expression);
  }
}

void CapabilityGrants::insert(const Relation& relation, const TableRule& rule, const InsertRule& insert) {
  because(rule, insert.mark, "insert.columns");
  if (insert.columns.all) {
    on_table(relation, Privilege::kInsert);
  } else {
    for (const Column& column : relation.columns) {
      if (insert.columns.has(column.name) || insert.set.contains(column.name))
        on_column(relation, column, Privilege::kInsert);
    }
  }
  defaults(relation, {.all = true, .names = {}}, &insert);
  for (const auto& [name, value] : insert.set) {
    because(rule, value.mark, "insert.set");
    inside(value);
  }
  returning(relation, rule, insert.mark, "insert.returning", insert.returning);
}

void CapabilityGrants::update(const Relation& relation, const TableRule& rule, const UpdateRule& update) {
  because(rule, update.mark, "update.columns");
  // As Evaluation::check_set(): what a filter uses is assigned by nobody.
  const auto filtered = [&](const Column& column) {
    const auto index = relation.find_column(column.name);
    const auto uses = [&](const std::optional<RowFilter>& rows) {
      return rows && std::ranges::find(rows->expression.columns, *index) != rows->expression.columns.end();
    };
    return uses(update.rows) || (rule.read && uses(rule.read->rows));
  };
  if (update.columns.all && std::ranges::none_of(relation.columns, filtered)) {
    on_table(relation, Privilege::kUpdate);
  } else {
    for (const Column& column : relation.columns) {
      if (update.columns.has(column.name) && !filtered(column))
        on_column(relation, column, Privilege::kUpdate);
    }
  }
  defaults(relation, update.columns, nullptr);
  rows(relation, rule, update.rows, "update.rows");
  returning(relation, rule, update.mark, "update.returning", update.returning);
}

void CapabilityGrants::remove(const Relation& relation, const TableRule& rule, const DeleteRule& remove) {
  because(rule, remove.mark, "delete");
  on_table(relation, Privilege::kDelete);
  rows(relation, rule, remove.rows, "delete.rows");
  returning(relation, rule, remove.mark, "delete.returning", remove.returning);
  // As Evaluation::check_truncate().
  const bool bounded =
      remove.rows || remove.bounds.max_rows || !remove.bounds.by.empty() || (rule.read && rule.read->rows);
  if (capability_.statements.contains(StatementClass::kTruncate) && !bounded)
    on_table(relation, Privilege::kTruncate);
}

void CapabilityGrants::returning(const Relation& relation, const TableRule& rule, Mark mark,
                                 std::string_view below, const std::optional<ColumnSet>& columns) {
  if (!columns) return;
  because(rule, mark, below);
  if (columns->all) return on_table(relation, Privilege::kSelect);
  for (const Column& column : relation.columns) {
    if (columns->has(column.name)) on_column(relation, column, Privilege::kSelect);
  }
}

void CapabilityGrants::rows(const Relation& relation, const TableRule& rule,
                            const std::optional<RowFilter>& rows, std::string_view below) {
  if (!rows) return;
  because(rule, rows->expression.mark, below);
  if (!rows->row_security) columns_of(relation, rows->expression);
  inside(rows->expression);
}

/// The columns of its own table that an expression reads.
void CapabilityGrants::columns_of(const Relation& relation, const Expression& expression) {
  for (const std::uint16_t index : expression.columns)
    on_column(relation, relation.columns[index], Privilege::kSelect);
}

/// What an expression names beside the columns of its own table. It was written by us: every name in it is
/// qualified.
void CapabilityGrants::inside(const Expression& expression) {
  std::string sql = "SELECT ";
  for (const Expression::Part& part : expression.parts) {
    if (part.kind == Expression::PartKind::kText) {
      sql += part.text;
    } else {
      sql += "NULL";
      type(part.type);
    }
  }
  const auto read = parser::read_facts(sql);
  if (!read) return;  // never: it was read when it was compiled
  const parser::Facts& facts = *read;
  const auto relation_of = [&](const parser::FromItem& item) {
    const auto names = facts.at(item.names);
    return names.size() == 2 ? catalog_.find_relation(names[0], names[1]) : nullptr;
  };
  for (const parser::FromItem& item : facts.from_items) {
    if (item.kind != FromKind::kRelation) continue;
    const Relation* relation = relation_of(item);
    if (relation == nullptr || relation->columns.empty()) continue;
    bool named = false;
    for (const parser::Expr& expr : facts.exprs) {
      const auto names = facts.at(expr.names);
      if (expr.kind != ExprKind::kColumn || names.size() != 2 || names[0] != item.alias) continue;
      const auto column = relation->find_column(names[1]);
      if (!column) continue;
      on_column(*relation, relation->columns[*column], Privilege::kSelect);
      named = true;
    }
    // EXISTS (SELECT 1 FROM t) takes a privilege on any column.
    const auto& key = relation->primary_key;
    if (!named) on_column(*relation, relation->columns[key.empty() ? 0 : key[0]], Privilege::kSelect);
  }
  for (const parser::Expr& expr : facts.exprs) {
    const auto names = facts.at(expr.names);
    if (expr.kind == ExprKind::kFunction && names.size() == 2 && names[0] != "pg_catalog")
      function(names[0], names[1]);
  }
  for (const parser::TypeUse& use : facts.types) {
    const auto names = facts.at(use.names);
    if (names.size() == 2) type({std::string(names[0]), std::string(names[1]), {}, 0});
  }
}

/// Columns that are left out, or set to DEFAULT.
void CapabilityGrants::defaults(const Relation& relation, const ColumnSet& columns,
                                const InsertRule* insert) {
  if (relation.kind == RelationKind::kView)
    return add(GrantObject::kDefault, relation.schema, relation.name, {}, Privilege::kUsage);
  for (const Column& column : relation.columns) {
    if (!column.has_default || column.generated || column.identity || !columns.has(column.name)) continue;
    if (insert != nullptr && insert->set.contains(column.name)) continue;
    add(GrantObject::kDefault, relation.schema, relation.name, column.name, Privilege::kUsage);
  }
}

void CapabilityGrants::function(std::string_view schema, std::string_view name) {
  if (schema.empty() || schema == "pg_catalog")
    return add(GrantObject::kFunction, "pg_catalog", name, {}, Privilege::kExecute);
  for (const Function* function : catalog_.functions(schema, name)) {
    std::vector<std::string> types;
    for (const TypeName& argument : function->arguments) types.push_back(argument.sql());
    add(GrantObject::kFunction, schema, name, {}, Privilege::kExecute,
        fmt::format("{}", fmt::join(types, ", ")));
  }
  // An operator is found where its schema is open; its function is PUBLIC's to execute.
  add(GrantObject::kSchema, schema, {}, {}, Privilege::kUsage);
}

void CapabilityGrants::remark(const Relation& relation, const TableRule& rule) {
  const std::string name = in_quotes(table_name(catalog_, relation.schema, relation.name));
  if (relation.kind == RelationKind::kView && relation.security_invoker) {
    note(rule.mark, fmt::format("{} is a view of security_invoker: the role needs what it reads, too; these "
                                "grants are yours to give, column by column",
                                name));
  }
  if (relation.kind == RelationKind::kForeignTable) {
    note(rule.mark, fmt::format("{} is a foreign table: lease roles log in at the other server by the user "
                                "mapping of PUBLIC, if there is one",
                                name));
  }
  if (!capability_.statements.contains(StatementClass::kLock)) return;
  const bool reads = whole(relation, Privilege::kSelect);
  const bool writes = whole(relation, Privilege::kUpdate) || whole(relation, Privilege::kDelete) ||
                      whole(relation, Privilege::kTruncate);
  if (reads && writes) return;
  note(rule.mark, fmt::format("LOCK TABLE {} takes a privilege on the whole table ({}), which would be more "
                              "than the policy says: PostgreSQL will refuse it",
                              name,
                              reads ? "UPDATE or DELETE, but for ACCESS SHARE"
                                    : "SELECT for ACCESS SHARE, else UPDATE or DELETE"));
}

}  // namespace

std::string_view name_of(Privilege privilege) {
  static constexpr std::array<std::string_view, 8> kNames = {"CONNECT", "USAGE",  "SELECT",   "INSERT",
                                                             "UPDATE",  "DELETE", "TRUNCATE", "EXECUTE"};
  return kNames[static_cast<std::size_t>(privilege)];
}

Grants needed_grants(const PolicySet& policy, const Catalog& catalog, const std::string& file,
                     Problems& problems) {
  Grants out;
  for (const auto& [name, agent] : policy.agents) {
    for (const auto& capability : agent.capabilities) {
      const std::string role = capability_role(capability->name);
      if (out.capabilities.contains(role)) continue;
      if (role.size() > kMaxName) {
        problems.add(
            file, capability->mark,
            fmt::format("the capability {} would have a role with a name of {} bytes",
                        in_quotes(capability->name), role.size()),
            fmt::format("a name of at most {} bytes", kMaxName - (role.size() - capability->name.size())));
        out.capabilities.emplace(role, capability->name);
        continue;
      }
      CapabilityGrants(*capability, catalog, out).run();
    }
  }
  return out;
}

std::string_view default_sequences_query() {
  return R"sql(WITH RECURSIVE beneath (top, relation) AS (
  SELECT oid, oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'f')
  UNION
  SELECT b.top, d.refobjid FROM beneath b JOIN pg_rewrite w ON w.ev_class = b.relation
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype = 'n'
)
SELECT DISTINCT n.nspname, t.relname, CASE WHEN b.top = b.relation THEN a.attname END, m.nspname, s.relname
FROM beneath b JOIN pg_class t ON t.oid = b.top JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attrdef e ON e.adrelid = b.relation
JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S' JOIN pg_namespace m ON m.oid = s.relnamespace)sql";
}

}  // namespace chaperone::rules
