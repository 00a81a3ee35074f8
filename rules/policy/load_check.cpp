#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "rules/policy/expression_types.hpp"
#include "rules/policy/load_parts.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

/// Checks one table's rules against each other.
class TableCheck {
 public:
  TableCheck(const CapabilityDraft& draft, const TableRule& rule, const Relation& relation, Loading& loading)
      : draft_(draft), rule_(rule), relation_(relation), loading_(loading) {}

  void run() {
    check_kind();
    if (rule_.read) check_read(*rule_.read);
    if (rule_.insert) check_insert(*rule_.insert);
    check_visible();
    if (rule_.update) {
      check_assigned(rule_.update->columns, "update");
      check_update(*rule_.update);
      check_bounds(rule_.update->bounds, "update");
      check_row_security(rule_.update->rows);
    }
    if (rule_.remove) {
      check_bounds(rule_.remove->bounds, "delete");
      check_row_security(rule_.remove->rows);
    }
  }

 private:
  Mark mark(std::string_view below) const { return draft_.mark_of(rule_, below); }
  void problem(Mark at, std::string_view what, std::string_view expected) {
    loading_.problems.add(loading_.file, at, what, expected);
  }
  void warn(Mark at, std::string_view what, std::string_view advice) {
    loading_.problems.warn(loading_.file, at, what, advice);
  }
  const Column* column(const std::string& name) const {
    const auto index = relation_.find_column(name);
    return index ? &relation_.columns[*index] : nullptr;
  }

  void check_kind();
  void check_visible();
  void check_returning(const std::optional<ColumnSet>& returning, std::string_view action);
  void check_read(const ReadRule& rule);
  void check_insert(const InsertRule& rule);
  void check_update(const UpdateRule& rule);
  void check_assigned(const ColumnSet& columns, std::string_view action);
  void check_bounds(const WriteBounds& bounds, std::string_view action);
  void check_row_security(const std::optional<RowFilter>& rows);

  const CapabilityDraft& draft_;
  const TableRule& rule_;
  const Relation& relation_;
  Loading& loading_;
};

void TableCheck::check_kind() {
  const bool read_only =
      relation_.kind == RelationKind::kMaterializedView || relation_.kind == RelationKind::kSequence;
  if (read_only && (rule_.insert || rule_.update || rule_.remove)) {
    problem(rule_.mark,
            fmt::format("{} is a {}, which no statement writes to", relation_.name,
                        relation_.kind == RelationKind::kSequence ? "sequence" : "materialized view"),
            "read alone");
  }
}

/// What may be written or returned although `read` would not show it: allowed, but seldom meant.
void TableCheck::check_visible() {
  if (rule_.insert) check_returning(rule_.insert->returning, "insert");
  if (rule_.update) check_returning(rule_.update->returning, "update");
  if (rule_.remove) check_returning(rule_.remove->returning, "delete");
  if (!rule_.read || !rule_.read->rows) return;
  const auto unfiltered = [&](Mark at, std::string_view action) {
    warn(at,
         fmt::format("{} has no rows, and `read` has: the agent may change rows that it can't see", action),
         "give it the same `rows`");
  };
  if (rule_.update && !rule_.update->rows) unfiltered(rule_.update->mark, "update");
  if (rule_.remove && !rule_.remove->rows) unfiltered(rule_.remove->mark, "delete");
  if (!rule_.insert) return;
  for (const std::uint16_t index : rule_.read->rows->expression.columns) {
    const std::string& name = relation_.columns[index].name;
    if (rule_.insert->columns.has(name) && !rule_.insert->set.contains(name)) {
      warn(mark("insert.columns"),
           fmt::format(
               "insert may give {}, which the `rows` of read use: the agent may make rows that it can't see",
               in_quotes(name)),
           "fill it in by `set`");
    }
  }
}

void TableCheck::check_returning(const std::optional<ColumnSet>& returning, std::string_view action) {
  if (!returning || !returning->all || !rule_.read || rule_.read->columns.all) return;
  warn(mark(fmt::format("{}.returning", action)),
       fmt::format("{}.returning is \"*\", and `read` shows some columns alone", action),
       "list what RETURNING may name");
}

/// A generated column holds what its sources hold.
void TableCheck::check_read(const ReadRule& rule) {
  check_row_security(rule.rows);
  const bool all_clear =
      rule.masks.empty() && std::all_of(relation_.columns.begin(), relation_.columns.end(),
                                        [&](const Column& c) { return rule.columns.has(c.name); });
  if (all_clear) return;
  for (const Column& c : relation_.columns) {
    if (c.generated && rule.columns.has(c.name) && !rule.masks.contains(c.name)) {
      warn(mark("read.columns"),
           fmt::format("{} is generated and shown, and may hold what a hidden or masked column holds",
                       in_quotes(c.name)),
           "mask it or leave it out unless its sources are shown");
    }
  }
}

void TableCheck::check_assigned(const ColumnSet& columns, std::string_view action) {
  for (const std::string& name : columns.names) {
    const Column* c = column(name);
    if (c != nullptr && (c->generated || c->identity_always)) {
      problem(mark(fmt::format("{}.columns", action)),
              fmt::format("{} is generated always, and no {} can assign it", in_quotes(name), action),
              "the list without it");
    }
  }
}

void TableCheck::check_insert(const InsertRule& rule) {
  check_assigned(rule.columns, "insert");
  for (const auto& [name, value] : rule.set) {
    const Column* c = column(name);
    if (c != nullptr && (c->generated || c->identity_always)) {
      problem(value.mark, fmt::format("{} is generated always, and no insert can assign it", in_quotes(name)),
              "`set` without it");
    }
  }
  for (const Column& c : relation_.columns) {
    if (c.not_null && !c.has_default && !rule.columns.has(c.name) && !rule.set.contains(c.name)) {
      warn(mark("insert.columns"),
           fmt::format("{} is NOT NULL without a default, and the insert can't give it", in_quotes(c.name)),
           "unless a trigger fills it in, name it in `columns` or `set`");
    }
  }
}

void TableCheck::check_update(const UpdateRule& rule) {
  if (!rule.rows) return;
  for (const std::uint16_t index : rule.rows->expression.columns) {
    const std::string& name = relation_.columns[index].name;
    if (rule.columns.has(name)) {
      problem(mark("update.columns"),
              fmt::format("update may assign {}, which its `rows` uses: a row could be moved out of what the "
                          "agent may see",
                          in_quotes(name)),
              rule.columns.all ? "a list of columns without it" : "the list without it");
    }
  }
}

void TableCheck::check_bounds(const WriteBounds& bounds, std::string_view action) {
  const Mark at = mark(fmt::format("{}.by", action));
  for (const std::string& name : bounds.by) {
    if (column(name) == nullptr) continue;
    if (!rule_.read || !rule_.read->columns.has(name)) {
      problem(at,
              fmt::format("{}.by is {}, which `read` does not show: no statement could name it", action,
                          in_quotes(name)),
              fmt::format("{} in read.columns", name));
    } else if (rule_.read->masks.contains(name)) {
      problem(at,
              fmt::format("{}.by is {}, which `read` masks: a statement would name the mask", action,
                          in_quotes(name)),
              "a key that is not masked");
    }
  }
  if (bounds.by.empty()) return;
  const auto covers = [&](const std::vector<std::uint16_t>& unique) {
    return !unique.empty() && std::all_of(unique.begin(), unique.end(), [&](std::uint16_t index) {
      return std::find(bounds.by.begin(), bounds.by.end(), relation_.columns[index].name) != bounds.by.end();
    });
  };
  if (!covers(relation_.primary_key) &&
      std::none_of(relation_.unique_keys.begin(), relation_.unique_keys.end(), covers)) {
    warn(at,
         fmt::format("{}.by holds no key of {}: one value may stand in many rows", action, relation_.name),
         "max_rows bounds them all the same");
  }
}

void TableCheck::check_row_security(const std::optional<RowFilter>& rows) {
  if (!rows || !rows->row_security) return;
  if (relation_.kind != RelationKind::kTable && relation_.kind != RelationKind::kPartitionedTable) {
    problem(rows->expression.mark, fmt::format("{} can't have row-level security", relation_.name),
            "rows without `enforce: rls`");
  } else if (!relation_.row_security) {
    warn(rows->expression.mark,
         fmt::format("row-level security is not on for {} in this schema", relation_.name),
         "run what pgchaperone broker sql prints before an agent gets in");
  }
}

/// Kinds of statement are bound to tables and functions that the capability names.
void check_statements(const CapabilityDraft& draft, Loading& loading) {
  const Capability& c = draft.capability;
  const auto found = draft.marks.find("statements");
  const Mark at = found == draft.marks.end() ? c.mark : found->second;
  const auto needs = [&](StatementClass kind, std::string_view name, bool there, std::string_view expected) {
    if (c.statements.contains(kind) && !there)
      loading.problems.add(loading.file, at,
                           fmt::format("statements has {}, and {} has nothing that it could be about", name,
                                       in_quotes(c.name)),
                           expected);
  };
  const auto any = [&c](const auto& has) {
    return std::any_of(c.tables.begin(), c.tables.end(),
                       [&](const auto& entry) { return has(entry.second); });
  };
  const bool emptied = any([](const TableRule& t) {
    return t.remove && !t.remove->rows && !t.remove->bounds.max_rows && !(t.read && t.read->rows);
  });
  needs(StatementClass::kTruncate, "truncate", !c.tables.empty(), "a table");
  if (c.statements.contains(StatementClass::kTruncate) && !c.tables.empty() && !emptied) {
    loading.problems.warn(loading.file, at,
                          fmt::format("{} has no table that may be truncated", in_quotes(c.name)),
                          "that takes `delete: {}`, whose rows are neither filtered nor bounded");
  }
  needs(StatementClass::kCopyFrom, "copy_from",
        any([](const TableRule& t) { return t.insert && t.insert->set.empty() && !t.insert->max_rows; }),
        "a table with `insert`, without set and max_rows");
  needs(StatementClass::kLock, "lock", !c.tables.empty(), "a table");
  needs(StatementClass::kDdl, "ddl", !c.tables.empty(), "a table");
  needs(StatementClass::kCall, "call", !c.functions.empty(), "a procedure in `functions`, as public.archive");
}

bool fits_integer(const std::string& text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= least && value <= most;
}

/// What a constant has to be so that a cast to the type takes it; nothing where it is, or can't be told.
std::optional<std::string> wanted_constant(const std::string& key, const ConstantSource& source) {
  const std::string& text = source.text;
  if (key == "int2" && !fits_integer(text, -32'768, 32'767)) return "a whole number of 2 bytes";
  if (key == "int4" && !fits_integer(text, INT32_MIN, INT32_MAX)) return "a whole number of 4 bytes";
  if (key == "int8" && !fits_integer(text, INT64_MIN, INT64_MAX)) return "a whole number of 8 bytes";
  if ((key == "numeric" || key == "float4" || key == "float8") && !source.number)
    return "a number, without quotes";
  if (key == "bool" && text != "true" && text != "false") return "true or false";
  if (key == "uuid") {
    const auto digits =
        std::count_if(text.begin(), text.end(), [](unsigned char ch) { return std::isxdigit(ch) != 0; });
    const auto hyphens = std::count(text.begin(), text.end(), '-');
    if (digits != 32 || static_cast<std::size_t>(digits + hyphens) != text.size()) return "a uuid";
  }
  return {};
}

/// Calls `use(expression)` for each expression of a capability that holds parameters.
template <class Use>
void for_each_expression(const Capability& capability, const Use& use) {
  const auto filter = [&use](const std::optional<RowFilter>& rows) {
    if (rows) use(rows->expression);
  };
  for (const auto& [name, table] : capability.tables) {
    if (table.read) {
      filter(table.read->rows);
      for (const auto& [column, mask] : table.read->masks) use(mask.expression);
    }
    if (table.insert) {
      for (const auto& [column, value] : table.insert->set) use(value);
    }
    if (table.update) filter(table.update->rows);
    if (table.remove) filter(table.remove->rows);
  }
}

class ParameterCheck {
 public:
  ParameterCheck(const Agent& agent, Loading& loading) : agent_(agent), loading_(loading) {}

  void run() {
    for (const auto& capability : agent_.capabilities) {
      for_each_expression(*capability, [this](const Expression& expression) {
        for (const Expression::Part& part : expression.parts) {
          if (part.kind == Expression::PartKind::kParameter) check(expression.mark, part);
        }
      });
    }
    for (const auto& [name, source] : agent_.parameters) {
      if (!used_.contains(name) && !agent_.capabilities.empty()) {
        loading_.problems.warn(loading_.file, agent_.mark,
                               fmt::format("the parameter {} of {} is not used by any of its capabilities",
                                           in_quotes(name), in_quotes(agent_.name)),
                               "leave it out");
      }
    }
  }

 private:
  void check(Mark mark, const Expression::Part& part) {
    static constexpr std::array<std::string_view, 3> kAlwaysThere = {"agent", "actor", "task"};
    const bool again = !used_.insert(part.text).second;
    if (std::find(kAlwaysThere.begin(), kAlwaysThere.end(), part.text) != kAlwaysThere.end()) return;
    const auto found = agent_.parameters.find(part.text);
    if (found == agent_.parameters.end()) {
      if (again) return;
      std::vector<std::string_view> known(kAlwaysThere.begin(), kAlwaysThere.end());
      for (const auto& [name, source] : agent_.parameters) known.push_back(name);
      loading_.problems.add(
          loading_.file, mark,
          fmt::format("the agent {} has no parameter {}", in_quotes(agent_.name), in_quotes(part.text)),
          with_suggestion(fmt::format("`{}` under its `parameters`, or one of {}", part.text, one_of(known)),
                          part.text, known));
      return;
    }
    const auto* constant = std::get_if<ConstantSource>(&found->second);
    if (constant == nullptr || loading_.catalog == nullptr) return;
    const std::string key = type_key(part.type, *loading_.catalog);
    const auto wanted = wanted_constant(key, *constant);
    if (wanted && told_.insert(part.text + " " + key).second) {
      loading_.problems.add(
          loading_.file, mark,
          fmt::format("the parameter {} of the agent {} is {}, which can't be read as {}",
                      in_quotes(part.text), in_quotes(agent_.name), in_quotes(constant->text), key),
          *wanted);
    }
  }

  const Agent& agent_;
  Loading& loading_;
  std::set<std::string, std::less<>> used_;
  std::set<std::string> told_;  // parameter and type
};

}  // namespace

void check_capability(const CapabilityDraft& draft, Loading& loading) {
  check_statements(draft, loading);
  if (loading.catalog == nullptr) return;
  for (const auto& [name, rule] : draft.capability.tables) {
    const Relation* relation = loading.catalog->find_relation(name.first, name.second);
    if (relation != nullptr) TableCheck(draft, rule, *relation, loading).run();
  }
}

void check_parameters(const PolicySet& policy, Loading& loading) {
  for (const auto& [name, agent] : policy.agents) ParameterCheck(agent, loading).run();
}

}  // namespace chaperone::rules
