#include <algorithm>

#include "rules/rewrite/literal.hpp"
#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

using parser::Id;
using parser::kNone;

namespace {

/// Inside wrappers where the policy's own subqueries could mean another table by the table's name.
constexpr std::string_view kOwnAlias = "pgchaperone";

std::string relation_sql(const Relation& relation) {
  return identifier(relation.schema) + "." + identifier(relation.name);
}

bool has_subquery(const ReadRule& read) {
  return (read.rows && read.rows->expression.has_subquery) ||
         std::any_of(read.masks.begin(), read.masks.end(),
                     [](const auto& mask) { return mask.second.expression.has_subquery; });
}

}  // namespace

Composer Rewriter::select_list(const Relation& relation, const ReadRule& read,
                               const std::vector<std::uint16_t>& columns, std::string_view qualifier) const {
  Composer list;
  for (const std::uint16_t column : columns) {
    if (!list.empty()) list.sql(", ");
    const std::string& name = relation.columns[column].name;
    const auto mask = read.masks.find(name);
    if (mask == read.masks.end()) {
      list.column(qualifier, name);
    } else {
      list.add(expression(mask->second.expression, qualifier, kNone)).sql(" AS ").sql(identifier(name));
    }
  }
  return list;
}

std::size_t Rewriter::item_token(Id item) const {
  const std::size_t token = text_.at(facts_.from_items[item].offset);
  if (facts_.from_items[item].offset == kNone || token == text_.size()) throw CannotRewrite{"no FROM item"};
  return token;
}

void Rewriter::wrap(const Wrapper& wrapper) {
  const parser::FromItem& item = facts_.from_items[wrapper.item];
  const RelationBinding& bound = resolution_.items[wrapper.item];
  const Relation& relation = *bound.relation;
  const ReadRule& read = *bound.rule->read;

  // [ONLY] names [*] | ONLY (names), then [AS] alias [(columns)], then TABLESAMPLE method (..) [REPEATABLE
  // (..)].
  TokenRange names{item_token(wrapper.item), 0};
  names.end = text_.skip_names(names.first);
  std::size_t behind = names.end;
  if (item.only) {
    if (names.first > 0 && text_.is(names.first - 1, '(')) {
      --names.first;
      behind = ++names.end;
    }
    if (names.first == 0 || !text_.is_word(--names.first, "ONLY")) throw CannotRewrite{"ONLY"};
  } else if (text_.is(behind, '*')) {
    replace({behind, behind + 1}, {});
    ++behind;
  }
  if (!item.alias.empty()) {
    if (text_.is_word(behind, "AS")) ++behind;
    behind = text_.skip_name(behind);
    if (item.column_aliases.count != 0) behind = text_.next(behind);
  }
  Composer sample;
  if (item.sampled) {
    const std::size_t start = behind;
    if (!text_.is_word(start, "TABLESAMPLE")) throw CannotRewrite{"TABLESAMPLE"};
    behind = text_.next(text_.skip_names(start + 1));
    if (text_.is_word(behind, "REPEATABLE")) behind = text_.next(behind + 1);
    const TokenRange range{start, behind};
    sample.sql(" ").sql(with_safe_literals(text_.text(range)));
    replace(range, {});
  }
  if (names.first > 0 && text_.is_word(names.first - 1, "TABLE") && !tables_.contains(names.first - 1)) {
    replace({names.first - 1, names.first}, Composer().sql("SELECT * FROM"));
  }

  const bool conjuncts = !wrapper.copied_conjuncts.empty() || !wrapper.moved_conjuncts.empty();
  std::string_view alias = has_subquery(read) ? kOwnAlias : std::string_view();
  if (conjuncts) alias = name_of(wrapper.item);
  Composer columns;
  for (const std::string& name : wrapper.system_columns) {
    columns.sql(columns.empty() ? "" : ", ").column(alias, name);
  }
  const Composer list = select_list(relation, read, wrapper.columns, alias);
  if (!columns.empty() && !list.empty()) columns.sql(", ");
  columns.add(list);

  Composer from;
  from.sql(" FROM ").sql(item.only ? "ONLY " : "").sql(relation_sql(relation));
  if (!alias.empty()) from.sql(" AS ").sql(identifier(alias));
  from.add(sample);

  Composer where;
  const auto conjoin = [&where]() -> Composer& { return where.sql(where.empty() ? " WHERE " : " AND "); };
  Composer filter;
  if (read.rows && !read.rows->row_security) {
    filter = expression(read.rows->expression, alias, kNone);
    if (conjuncts) {
      conjoin().sql("(").add(filter).sql(")");
    } else {
      conjoin().add(filter);
    }
  }
  for (const Id id : wrapper.copied_conjuncts) {
    conjoin().sql("(").sql(with_safe_literals(text_.text(conjunct_range(id)))).sql(")");
  }
  for (const Id id : wrapper.moved_conjuncts) {
    const TokenRange range = conjunct_range(id);
    conjoin().sql("CASE WHEN (").add(filter).sql(") THEN (");
    where.sql(with_safe_literals(text_.text(range))).sql(") ELSE false END");
  }

  Composer result;
  result.sql("(SELECT ").add(columns).add(from).add(where);
  if (wrapper.fence) result.sql(" UNION ALL SELECT ").add(columns).add(from).sql(" WHERE false OFFSET 0");
  result.sql(")");
  if (item.alias.empty()) result.sql(" ").sql(identifier(name_of(wrapper.item)));
  replace(names, std::move(result));
}

void Rewriter::copy_query(const CopySelect& copy) {
  const parser::RelationUse& use = facts_.relation_uses[copy.relation_use];
  TokenRange range{text_.at(use.offset), 0};
  if (use.offset == kNone || range.first == text_.size()) throw CannotRewrite{"COPY"};
  range.end = text_.skip_names(range.first);
  if (use.columns.count != 0) range.end = text_.next(range.end);
  const ReadRule& read = *copy.rule->read;
  const std::string_view alias = has_subquery(read) ? kOwnAlias : std::string_view();
  Composer query;
  query.sql("(SELECT ").add(select_list(*copy.relation, read, copy.columns, alias));
  query.sql(" FROM ONLY ").sql(relation_sql(*copy.relation));
  if (!alias.empty()) query.sql(" AS ").sql(alias);
  if (read.rows && !read.rows->row_security) {
    query.sql(" WHERE ").add(expression(read.rows->expression, alias, kNone));
  }
  if (copy.rows) query.sql(" LIMIT ").sql(std::to_string(*copy.rows));
  replace(range, std::move(query.sql(")")));
}

// public.users.name and public.users.* to users.name and users.*.
void Rewriter::cut_schema(Id expr) {
  const std::size_t first = text_.at(facts_.exprs[expr].offset);
  if (first == text_.size()) throw CannotRewrite{"a name"};
  std::vector<std::size_t> parts;
  text_.skip_names(first, &parts);
  const std::size_t expected =
      facts_.exprs[expr].names.count + (facts_.exprs[expr].has(parser::flag::kStar) ? 1U : 0U);
  if (parts.size() != expected || parts.size() < 3) throw CannotRewrite{"a name"};
  replace({first, parts[parts.size() - 2]}, {});
}

}  // namespace chaperone::rules
