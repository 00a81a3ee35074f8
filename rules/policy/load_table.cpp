#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/policy/expression.hpp"
#include "rules/policy/load_parts.hpp"
#include "rules/policy/mask.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::string_view kTables = "a map of tables, as {tickets: {read: {columns: [id]}}}";
constexpr std::string_view kActions = "read, insert, update or delete";
constexpr std::string_view kColumns = "a list of columns, as [id, status], or \"*\"";
constexpr std::string_view kRows =
    "an SQL condition, as \"tenant_id = :tenant\", or {where: \"..\", enforce: rls}";
constexpr std::array<std::string_view, 4> kMaskKinds = {"null", "redact", "hash", "email"};
constexpr std::uint64_t kMostRows = 1'000'000'000;

/// Reads what a capability says of one table.
class TableLoader {
 public:
  TableLoader(Loading& loading, CapabilityDraft& draft, const Relation* relation, TableRule& rule)
      : loading_(loading), draft_(draft), relation_(relation), rule_(rule) {}

  void load(const yaml::Value& value);

 private:
  std::string key(std::string_view below) const {
    return fmt::format("tables.{}.{}.{}", rule_.schema, rule_.name, below);
  }
  /// A key of an action, whose place is kept.
  std::optional<yaml::Value> find(yaml::Map& map, std::string_view action, const char* name) {
    auto found = map.find(name);
    if (found) draft_.marks.emplace(key(fmt::format("{}.{}", action, name)), found->key_mark());
    return found;
  }
  /// The column of that name; reports to `at` where there is none.
  const Column* column(const yaml::Value& at, const std::string& name, bool key_is_name = false) const;
  ColumnSet columns(const yaml::Value& value) const;
  std::optional<ColumnSet> columns(yaml::Map& map, std::string_view action, const char* name);
  ColumnSet needed_columns(yaml::Map& map, std::string_view action);
  std::optional<Expression> expression(const yaml::Value& value, std::string_view expected, ExpressionUse use,
                                       const Column* column) const;
  std::optional<RowFilter> rows(yaml::Map& map, std::string_view action);
  std::optional<Mask> mask(const yaml::Value& value, const std::string& name) const;
  void masks(const yaml::Value& value, ReadRule& rule) const;
  std::optional<std::uint64_t> max_rows(yaml::Map& map, std::string_view action);
  WriteBounds bounds(yaml::Map& map, std::string_view action);
  ReadRule read(const yaml::Value& value);
  InsertRule insert(const yaml::Value& value);
  UpdateRule update(const yaml::Value& value);
  DeleteRule remove(const yaml::Value& value);

  Loading& loading_;
  CapabilityDraft& draft_;
  const Relation* relation_;  // nullptr without a catalog
  TableRule& rule_;
};

const Column* TableLoader::column(const yaml::Value& at, const std::string& name, bool key_is_name) const {
  if (relation_ == nullptr) return nullptr;
  if (const auto index = relation_->find_column(name)) return &relation_->columns[*index];
  std::vector<std::string_view> known;
  for (const Column& c : relation_->columns) known.push_back(c.name);
  const std::string what = fmt::format("{} has no column {}", relation_->name, in_quotes(name));
  const std::string expected = with_suggestion(one_of(known), name, known);
  if (key_is_name) {
    at.problem_at_key(what, expected);
  } else {
    at.problem(what, expected);
  }
  return nullptr;
}

ColumnSet TableLoader::columns(const yaml::Value& value) const {
  ColumnSet columns;
  if (value.is_scalar()) {
    const auto text = value.text(kColumns);
    columns.all = text == "*";
    if (text && !columns.all)
      value.problem(fmt::format("{} is {}", value.path(), in_quotes(*text)), kColumns);
    return columns;
  }
  const auto list = value.list(kColumns);
  if (value.is_list() && list.empty()) value.problem(fmt::format("{} is empty", value.path()), kColumns);
  for (const yaml::Value& entry : list) {
    auto name = entry.text("the name of a column");
    if (!name) continue;
    if (*name == "*") {
      entry.problem("\"*\" in a list of columns", "columns: \"*\" for all of them");
    } else if (columns.has(*name)) {
      entry.problem(fmt::format("the column {} is in the list already", in_quotes(*name)),
                    "each column once");
    } else {
      column(entry, *name);
      columns.names.push_back(std::move(*name));
    }
  }
  return columns;
}

std::optional<ColumnSet> TableLoader::columns(yaml::Map& map, std::string_view action, const char* name) {
  const auto value = find(map, action, name);
  return value ? std::optional(columns(*value)) : std::nullopt;
}

ColumnSet TableLoader::needed_columns(yaml::Map& map, std::string_view action) {
  const auto value = map.need("columns", kColumns);
  if (!value) return {};
  draft_.marks.emplace(key(fmt::format("{}.columns", action)), value->key_mark());
  return columns(*value);
}

std::optional<Expression> TableLoader::expression(const yaml::Value& value, std::string_view expected,
                                                  ExpressionUse use, const Column* column) const {
  const auto text = value.text(expected);
  if (!text) return {};
  Expression out;
  if (relation_ == nullptr) {
    out.parts.push_back({Expression::PartKind::kText, *text, {}});
    for (std::string& name : parameters_of(*text))
      out.parts.push_back({Expression::PartKind::kParameter, std::move(name), {}});
  } else {
    if (use != ExpressionUse::kFilter && column == nullptr) return {};
    auto compiled = compile_expression(*text, {*loading_.catalog, *relation_, use, column});
    if (!compiled) {
      value.problem(fmt::format("{}: {}", value.path(), compiled.error().what), compiled.error().expected);
      return {};
    }
    out = std::move(*compiled);
  }
  out.mark = value.mark();
  return out;
}

std::optional<RowFilter> TableLoader::rows(yaml::Map& map, std::string_view action) {
  const auto value = find(map, action, "rows");
  if (!value) return {};
  RowFilter filter;
  std::optional<Expression> condition;
  if (value->is_map()) {
    yaml::Map form = value->map(kRows);
    if (const auto where = form.need("where", "an SQL condition")) {
      condition = expression(*where, "an SQL condition", ExpressionUse::kFilter, nullptr);
    }
    if (const auto enforce = form.find("enforce")) {
      static constexpr std::array<std::string_view, 1> kEnforce = {"rls"};
      filter.row_security = enforce->choice(kEnforce).has_value();
    }
  } else {
    condition = expression(*value, kRows, ExpressionUse::kFilter, nullptr);
  }
  if (!condition) return {};
  const bool says_something =
      std::any_of(condition->parts.begin(), condition->parts.end(),
                  [](const Expression::Part& part) { return part.kind != Expression::PartKind::kText; });
  if (relation_ != nullptr && !says_something && !condition->has_subquery) {
    value->problem(fmt::format("{} is the same for every row", value->path()),
                   "a condition over columns, or no key `rows`");
  }
  filter.expression = std::move(*condition);
  return filter;
}

std::optional<Mask> TableLoader::mask(const yaml::Value& value, const std::string& name) const {
  constexpr std::string_view kMask = "null, redact, hash, email or {sql: \"..\"}";
  const Column* masked = column(value, name, true);
  Mask mask;
  if (value.is_map()) {
    yaml::Map map = value.map(kMask);
    mask.kind = MaskKind::kExpression;
    const auto sql = map.need("sql", "an SQL expression over the table's columns");
    auto compiled = sql ? expression(*sql, "an SQL expression", ExpressionUse::kMask, masked) : std::nullopt;
    if (!compiled) return {};
    mask.expression = std::move(*compiled);
    return mask;
  }
  // `null` without quotes is YAML's null, and means the mask.
  if (!value.is_null()) {
    if (!value.is_scalar()) {
      value.map(kMask);
      return {};
    }
    const auto kind = value.choice(kMaskKinds);
    if (!kind) return {};
    mask.kind = static_cast<MaskKind>(*kind);
  }
  mask.expression.mark = value.mark();
  if (mask.kind == MaskKind::kHash && loading_.salt.empty()) {
    value.problem(fmt::format("{} is hash, and the policy has no salt", value.path()),
                  "`salt` beside `version`, so that nobody can try out values without it");
    return {};
  }
  if (masked == nullptr) return mask;
  auto built =
      mask_expression(mask.kind, *relation_, *relation_->find_column(name), *loading_.catalog, loading_.salt);
  if (!built) {
    value.problem(built.error().what, built.error().expected);
    return {};
  }
  mask.expression = std::move(*built);
  mask.expression.mark = value.mark();
  return mask;
}

void TableLoader::masks(const yaml::Value& value, ReadRule& rule) const {
  yaml::Map map = value.map("a map of columns, as {email: email}");
  const auto entries = map.entries();
  if (value.is_map() && entries.empty())
    value.problem(fmt::format("{} is empty", value.path()), "a column, or no key `mask`");
  for (const auto& [name, entry] : entries) {
    if (!rule.columns.has(name)) {
      const std::vector<std::string_view> shown(rule.columns.names.begin(), rule.columns.names.end());
      entry.problem_at_key(fmt::format("{} masks a column that `columns` does not show", entry.path()),
                           with_suggestion(one_of(shown), name, shown));
      continue;
    }
    if (auto loaded = mask(entry, name)) rule.masks.emplace(name, std::move(*loaded));
  }
}

std::optional<std::uint64_t> TableLoader::max_rows(yaml::Map& map, std::string_view action) {
  const auto value = find(map, action, "max_rows");
  return value ? value->integer(1, kMostRows) : std::nullopt;
}

WriteBounds TableLoader::bounds(yaml::Map& map, std::string_view action) {
  WriteBounds bounds;
  const auto by = find(map, action, "by");
  if (by) {
    const ColumnSet keys = columns(*by);
    if (keys.all) by->problem(fmt::format("{} is \"*\"", by->path()), "a list of columns, as [id]");
    bounds.by = keys.names;
  }
  const auto most = find(map, action, "max_rows");
  if (most) bounds.max_rows = most->integer(1, kMostRows);
  if (by && !most) {
    by->problem_at_key(fmt::format("{} is without max_rows", by->path()),
                       "max_rows: 1, or how many keys one statement may name");
  }
  return bounds;
}

ReadRule TableLoader::read(const yaml::Value& value) {
  ReadRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {columns: [id, status]}");
  rule.columns = needed_columns(map, "read");
  if (const auto mask = find(map, "read", "mask")) masks(*mask, rule);
  rule.rows = rows(map, "read");
  if (const auto explain = map.find("explain")) rule.explain = explain->boolean().value_or(false);
  return rule;
}

InsertRule TableLoader::insert(const yaml::Value& value) {
  InsertRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {columns: [ticket_id, body]}");
  rule.columns = needed_columns(map, "insert");
  if (const auto set = find(map, "insert", "set")) {
    yaml::Map values = set->map("a map of columns, as {author: \":actor\"}");
    const auto entries = values.entries();
    if (set->is_map() && entries.empty())
      set->problem(fmt::format("{} is empty", set->path()), "a column, or no key `set`");
    for (const auto& [name, entry] : entries) {
      const Column* target = column(entry, name, true);
      if (std::find(rule.columns.names.begin(), rule.columns.names.end(), name) != rule.columns.names.end()) {
        entry.problem_at_key(fmt::format("{} is in `columns` too", entry.path()),
                             "it in one of them: the agent may not name what the proxy fills in");
      }
      auto loaded = expression(entry, "an SQL expression, as \":actor\"", ExpressionUse::kSet, target);
      if (loaded) rule.set.emplace(name, std::move(*loaded));
    }
  }
  rule.max_rows = max_rows(map, "insert");
  rule.returning = columns(map, "insert", "returning");
  return rule;
}

UpdateRule TableLoader::update(const yaml::Value& value) {
  UpdateRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {columns: [status]}");
  rule.columns = needed_columns(map, "update");
  rule.rows = rows(map, "update");
  rule.bounds = bounds(map, "update");
  rule.returning = columns(map, "update", "returning");
  return rule;
}

DeleteRule TableLoader::remove(const yaml::Value& value) {
  DeleteRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {rows: \"tenant_id = :tenant\"}");
  rule.rows = rows(map, "delete");
  rule.bounds = bounds(map, "delete");
  rule.returning = columns(map, "delete", "returning");
  return rule;
}

void TableLoader::load(const yaml::Value& value) {
  yaml::Map map = value.map("a map, as {read: {columns: [id]}}");
  const auto action = [&](const char* name) {
    auto found = map.find(name);
    if (found) draft_.places.emplace(key(name), found->key_mark());
    return found;
  };
  const auto read_value = action("read");
  const auto insert_value = action("insert");
  const auto update_value = action("update");
  const auto delete_value = action("delete");
  if (read_value) rule_.read = read(*read_value);
  if (insert_value) rule_.insert = insert(*insert_value);
  if (update_value) rule_.update = update(*update_value);
  if (delete_value) rule_.remove = remove(*delete_value);
  if (value.is_map() && !read_value && !insert_value && !update_value && !delete_value) {
    value.problem_at_key(fmt::format("{} allows nothing", value.path()), kActions);
  }
}

/// The relation that a key names; reports and gives nothing where there is none that a rule can be about.
const Relation* find_relation(const yaml::Value& entry, std::pair<std::string, std::string>& name,
                              const Catalog& catalog) {
  const Relation* relation = nullptr;
  if (!name.first.empty()) {
    relation = catalog.find_relation(name.first, name.second);
  } else {
    for (const std::string& schema : catalog.search_path()) {
      if (relation == nullptr) relation = catalog.find_relation(schema, name.second);
    }
  }
  const std::string shown = name.first.empty() ? name.second : name.first + "." + name.second;
  if (relation == nullptr) {
    std::vector<std::string> names;
    for (const Relation& known : catalog.relations()) {
      // As the policy would write it.
      const bool short_form =
          !catalog.search_path().empty() && known.schema == catalog.search_path()[0] && name.first.empty();
      names.push_back(short_form ? known.name : known.schema + "." + known.name);
      if (name.first.empty() && !short_form && known.name == name.second) {
        entry.problem_at_key(fmt::format("there is no table {}", in_quotes(shown)),
                             fmt::format("{}.{}", known.schema, known.name));
        return nullptr;
      }
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    entry.problem_at_key(fmt::format("there is no table {}", in_quotes(shown)),
                         with_suggestion("a table of the database", shown, known));
    return nullptr;
  }
  name.first = relation->schema;
  if (relation->kind == RelationKind::kCompositeType || relation->system) {
    entry.problem_at_key(
        fmt::format("{} is {}", in_quotes(shown), relation->system ? "PostgreSQL's own" : "a type"),
        relation->system ? "`include: [introspection]` for what clients ask of the catalogs" : "a table");
    return nullptr;
  }
  return relation;
}

}  // namespace

Mark CapabilityDraft::mark_of(const TableRule& table, std::string_view below) const {
  const auto found = marks.find(fmt::format("tables.{}.{}.{}", table.schema, table.name, below));
  return found == marks.end() ? table.mark : found->second;
}

void load_tables(const yaml::Value& value, Loading& loading, CapabilityDraft& draft) {
  yaml::Map map = value.map(kTables);
  const auto entries = map.entries();
  if (value.is_map() && entries.empty()) value.problem(fmt::format("{} is empty", value.path()), kTables);
  for (const auto& [key, entry] : entries) {
    auto name = split_name(entry, key);
    if (name.second.empty()) continue;
    const Relation* relation = nullptr;
    if (loading.catalog != nullptr) {
      relation = find_relation(entry, name, *loading.catalog);
      if (relation == nullptr) continue;
    } else if (name.first.empty()) {
      name.first = "public";
    }
    const auto [found, fresh] = draft.capability.tables.emplace(name, TableRule{});
    if (!fresh) {
      entry.problem_at_key(fmt::format("the table {}.{} stands twice", name.first, name.second),
                           fmt::format("it once (it is on line {} already)", found->second.mark.line));
      continue;
    }
    TableRule& rule = found->second;
    rule.schema = name.first;
    rule.name = name.second;
    rule.mark = entry.key_mark();
    TableLoader(loading, draft, relation, rule).load(entry);
  }
}

}  // namespace chaperone::rules
