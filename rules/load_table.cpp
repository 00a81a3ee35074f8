#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/load_parts.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::string_view kTables = "a map of tables, as {tickets: {read: {columns: [id]}}}";
constexpr std::string_view kActions = "read, insert, update or delete";
constexpr std::string_view kColumns = "a list of columns, as [id, status], or \"*\"";
constexpr std::string_view kRows =
    "an SQL condition, as \"tenant_id = :tenant\", or {where: \"..\", enforce: rls}";
constexpr std::uint64_t kMostRows = 1'000'000'000;

ColumnSet load_columns(const yaml::Value& value) {
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
      columns.names.push_back(std::move(*name));
    }
  }
  return columns;
}

std::optional<Expression> load_expression(const yaml::Value& value, std::string_view expected) {
  auto text = value.text(expected);
  if (!text) return {};
  Expression expression;
  expression.mark = value.mark();
  expression.parts.push_back({Expression::PartKind::kText, std::move(*text), {}});
  return expression;
}

std::optional<RowFilter> load_rows(const yaml::Value& value) {
  RowFilter filter;
  std::optional<Expression> expression;
  if (value.is_map()) {
    yaml::Map map = value.map(kRows);
    if (const auto where = map.need("where", "an SQL condition"))
      expression = load_expression(*where, "an SQL condition");
    if (const auto enforce = map.find("enforce")) {
      static constexpr std::array<std::string_view, 1> kEnforce = {"rls"};
      filter.row_security = enforce->choice(kEnforce).has_value();
    }
  } else {
    expression = load_expression(value, kRows);
  }
  if (!expression) return {};
  filter.expression = std::move(*expression);
  return filter;
}

constexpr std::array<std::string_view, 4> kMaskKinds = {"null", "redact", "hash", "email"};

std::optional<Mask> load_mask(const yaml::Value& value) {
  constexpr std::string_view kMask = "null, redact, hash, email or {sql: \"..\"}";
  Mask mask;
  mask.expression.mark = value.mark();
  if (value.is_map()) {
    yaml::Map map = value.map(kMask);
    mask.kind = MaskKind::kExpression;
    const auto sql = map.need("sql", "an SQL expression over the table's columns");
    auto expression = sql ? load_expression(*sql, "an SQL expression") : std::nullopt;
    if (!expression) return {};
    mask.expression = std::move(*expression);
    return mask;
  }
  // `null` without quotes is YAML's null and means the mask.
  if (value.is_null()) return mask;
  if (!value.is_scalar()) {
    value.map(kMask);
    return {};
  }
  const auto kind = value.choice(kMaskKinds);
  if (!kind) return {};
  mask.kind = static_cast<MaskKind>(*kind);
  return mask;
}

std::optional<std::uint64_t> load_max_rows(yaml::Map& map) {
  const auto value = map.find("max_rows");
  return value ? value->integer(1, kMostRows) : std::nullopt;
}

std::optional<ColumnSet> load_returning(yaml::Map& map) {
  const auto value = map.find("returning");
  return value ? std::optional(load_columns(*value)) : std::nullopt;
}

WriteBounds load_bounds(yaml::Map& map) {
  WriteBounds bounds;
  if (const auto by = map.find("by")) {
    const ColumnSet columns = load_columns(*by);
    if (columns.all) by->problem(fmt::format("{} is \"*\"", by->path()), "a list of columns, as [id]");
    bounds.by = columns.names;
  }
  bounds.max_rows = load_max_rows(map);
  return bounds;
}

ReadRule load_read(const yaml::Value& value) {
  ReadRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {columns: [id, status]}");
  if (const auto columns = map.need("columns", kColumns)) rule.columns = load_columns(*columns);
  if (const auto masks = map.find("mask")) {
    yaml::Map columns = masks->map("a map of columns, as {email: email}");
    for (const auto& [name, entry] : columns.entries()) {
      if (auto mask = load_mask(entry)) rule.masks.emplace(name, std::move(*mask));
    }
  }
  if (const auto rows = map.find("rows")) rule.rows = load_rows(*rows);
  if (const auto explain = map.find("explain")) rule.explain = explain->boolean().value_or(false);
  return rule;
}

InsertRule load_insert(const yaml::Value& value) {
  InsertRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {columns: [ticket_id, body]}");
  if (const auto columns = map.need("columns", kColumns)) rule.columns = load_columns(*columns);
  if (const auto set = map.find("set")) {
    yaml::Map columns = set->map("a map of columns, as {author: \":actor\"}");
    for (const auto& [name, entry] : columns.entries()) {
      if (auto expression = load_expression(entry, "an SQL expression, as \":actor\""))
        rule.set.emplace(name, std::move(*expression));
    }
  }
  rule.max_rows = load_max_rows(map);
  rule.returning = load_returning(map);
  return rule;
}

UpdateRule load_update(const yaml::Value& value) {
  UpdateRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {columns: [status]}");
  if (const auto columns = map.need("columns", kColumns)) rule.columns = load_columns(*columns);
  if (const auto rows = map.find("rows")) rule.rows = load_rows(*rows);
  rule.bounds = load_bounds(map);
  rule.returning = load_returning(map);
  return rule;
}

DeleteRule load_delete(const yaml::Value& value) {
  DeleteRule rule;
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {rows: \"tenant_id = :tenant\"}");
  if (const auto rows = map.find("rows")) rule.rows = load_rows(*rows);
  rule.bounds = load_bounds(map);
  rule.returning = load_returning(map);
  return rule;
}

void load_table(const yaml::Value& value, CapabilityDraft& draft, TableRule& rule) {
  rule.mark = value.key_mark();
  yaml::Map map = value.map("a map, as {read: {columns: [id]}}");
  const auto find = [&](const char* key) {
    auto found = map.find(key);
    if (found) {
      draft.places.emplace(fmt::format("tables.{}.{}.{}", rule.schema, rule.name, key), found->key_mark());
    }
    return found;
  };
  const auto read = find("read");
  const auto insert = find("insert");
  const auto update = find("update");
  const auto remove = find("delete");
  if (read) rule.read = load_read(*read);
  if (insert) rule.insert = load_insert(*insert);
  if (update) rule.update = load_update(*update);
  if (remove) rule.remove = load_delete(*remove);
  if (value.is_map() && !read && !insert && !update && !remove) {
    value.problem_at_key(fmt::format("{} allows nothing", value.path()), kActions);
  }
}

}  // namespace

void load_tables(const yaml::Value& value, Loading&, CapabilityDraft& draft) {
  yaml::Map map = value.map(kTables);
  const auto entries = map.entries();
  if (value.is_map() && entries.empty()) value.problem(fmt::format("{} is empty", value.path()), kTables);
  for (const auto& [key, entry] : entries) {
    auto name = split_name(entry, key);
    if (name.second.empty()) continue;
    if (name.first.empty()) name.first = "public";
    const auto [found, fresh] = draft.capability.tables.emplace(name, TableRule{});
    if (!fresh) {
      entry.problem_at_key(fmt::format("the table {}.{} stands twice", name.first, name.second),
                           fmt::format("it once (it is on line {} already)", found->second.mark.line));
      continue;
    }
    found->second.schema = name.first;
    found->second.name = name.second;
    load_table(entry, draft, found->second);
  }
}

}  // namespace chaperone::rules
