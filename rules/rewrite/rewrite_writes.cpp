#include <algorithm>

#include "rules/rewrite/items.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

using parser::Id;
using parser::kNone;

void Rewriter::insert_columns(const InsertColumns& insert) {
  const parser::Query& query = facts_.queries[insert.query];
  Composer names;
  for (const std::string& name : insert.names) names.sql(names.empty() ? "" : ", ").sql(identifier(name));
  Composer values;
  const bool listed = query.columns.count != 0;
  if (insert.rule != nullptr) {
    for (const auto& [name, expression_of_column] : insert.rule->set) {
      names.sql(names.empty() && !listed ? "" : ", ").sql(identifier(name));
      values.sql(values.empty() ? "" : ", ").add(expression(expression_of_column, {}, kNone));
    }
  }

  // INTO names [AS alias] [(columns)] [OVERRIDING .. VALUE] DEFAULT VALUES | query
  std::size_t token = text_.skip_names(item_token(query.target));
  if (text_.is_word(token, "AS")) token = text_.skip_name(token + 1);
  if (listed) {
    if (!text_.is(token, '(')) throw CannotRewrite{"no list of columns"};
    token = text_.next(token);
    if (!names.empty()) put(text_.end(token - 2), std::move(names));
  } else if (!names.empty()) {
    put(text_.end(token - 1), std::move(Composer().sql(" (").add(names).sql(")")));
  }
  if (values.empty()) return;
  if (query.default_values) {
    if (!text_.is_word(token, "DEFAULT")) throw CannotRewrite{"no DEFAULT VALUES"};
    return replace({token, token + 2}, std::move(Composer().sql("VALUES (").add(values).sql(")")));
  }
  if (text_.is_word(token, "OVERRIDING")) token += 3;
  add_values({token, text_.size()}, values);
}

// To every row of VALUES and every select list of a source, over all arms of its set operations.
void Rewriter::add_values(TokenRange source, const Composer& values) {
  std::vector<TokenRange> open = {source};
  while (!open.empty()) {
    const TokenRange range = open.back();
    open.pop_back();
    bool arm = true;    // the next query begins here
    bool with = false;  // brackets belong to CTEs
    for (std::size_t token = range.first; token < range.end;) {
      if (text_.is(token, ')') || text_.is(token, ';')) break;
      if (text_.is_word(token, "RETURNING")) break;
      if (!arm) {
        arm = text_.is_word(token, "UNION") || text_.is_word(token, "INTERSECT") ||
              text_.is_word(token, "EXCEPT");
        token = text_.next(token);
        if (arm && (text_.is_word(token, "ALL") || text_.is_word(token, "DISTINCT"))) ++token;
        continue;
      }
      if (text_.is_word(token, "SELECT")) {
        ++token;
        if (text_.is_word(token, "ALL")) ++token;
        if (text_.is_word(token, "DISTINCT")) {
          ++token;
          if (text_.is_word(token, "ON")) token = text_.next(token + 1);
        }
        const std::size_t end = text_.clause_end(token);
        put(text_.end(end - 1), Composer().sql(end == token ? " " : ", ").add(values));
        token = end;
      } else if (text_.is_word(token, "VALUES") && text_.is(token + 1, '(')) {
        for (++token; text_.is(token, '('); ++token) {
          put(text_.begin(text_.partner(token)), Composer().sql(", ").add(values));
          token = text_.next(token);
          if (!text_.is(token, ',')) break;
        }
      } else if (text_.is_word(token, "TABLE")) {
        tables_.insert(token);
        replace({token, token + 1}, Composer().sql("SELECT *, ").add(values).sql(" FROM"));
        ++token;
      } else if (text_.is(token, '(') && !with) {
        open.push_back({token + 1, text_.partner(token)});
        token = text_.next(token);
      } else {
        with |= text_.is_word(token, "WITH");
        token = text_.next(token);
        continue;
      }
      arm = false;
      with = false;
    }
  }
}

// `*` and t.* of a target, and for `*` the query's other items behind it.
void Rewriter::expand(const Expansion& expansion) {
  const parser::Expr& star = facts_.exprs[expansion.expr];
  const parser::Query& query = facts_.queries[star.query];
  const RelationBinding& target = resolution_.items[query.target];
  const std::string_view name = name_of_item(facts_, query.target);
  TokenRange range{text_.at(star.offset), 0};
  if (range.first == text_.size()) throw CannotRewrite{"a star"};
  range.end = range.first + 1;
  for (std::size_t token = range.first; !text_.is(token, '*');) {
    token = text_.skip_name(token);
    if (!text_.is(token, '.')) throw CannotRewrite{"a star"};
    range.end = ++token + 1;
  }
  Composer list;
  for (const std::uint16_t column : expansion.columns) {
    const std::string& of = target.relation->columns[column].name;
    if (!list.empty()) list.sql(", ");
    const ReadRule* read = target.rule->read ? &*target.rule->read : nullptr;
    const auto mask = read == nullptr ? decltype(read->masks.find(of)){} : read->masks.find(of);
    if (read == nullptr || mask == read->masks.end()) {
      list.column(name, of);
    } else {
      list.add(expression(mask->second.expression, name, kNone)).sql(" AS ").sql(identifier(of));
    }
  }
  if (star.names.count == 0) {
    for (std::uint32_t i = 0; i < query.from.count; ++i) {
      std::vector<Id> open = {query.from.first + i};
      while (!open.empty()) {
        const Id item = open.back();
        open.pop_back();
        if (facts_.from_items[item].kind == parser::FromKind::kJoin &&
            facts_.from_items[item].alias.empty()) {
          open.push_back(facts_.from_items[item].right);
          open.push_back(facts_.from_items[item].left);
        } else {
          list.sql(list.empty() ? "" : ", ").sql(identifier(name_of_item(facts_, item))).sql(".*");
        }
      }
    }
  }
  replace(range, std::move(list));
}

void Rewriter::mask_returning(const ReturningMask& returning) {
  const parser::Expr& expr = facts_.exprs[returning.expr];
  const std::size_t first = text_.at(expr.offset);
  if (first == text_.size()) throw CannotRewrite{"a column"};
  const std::string_view target = name_of_item(facts_, facts_.queries[expr.query].target);
  Composer mask;
  mask.sql("(").add(expression(returning.mask->expression, target, kNone)).sql(")");
  const TokenRange range{first, text_.skip_names(first)};
  replace(range, std::move(mask));
  // An output without a name of its own keeps the column's.
  const parser::Range outputs = facts_.queries[expr.query].returning;
  for (std::uint32_t i = 0; i < outputs.count; ++i) {
    const parser::Target& output = facts_.targets[outputs.first + i];
    if (output.expr != returning.expr || !output.name.empty()) continue;
    TokenRange all = range;
    while (all.first > 0 && text_.is(all.first - 1, '(') && text_.partner(all.first - 1) == all.end) {
      all = {all.first - 1, all.end + 1};
    }
    put(text_.end(all.end - 1),
        std::move(Composer().sql(" AS ").sql(identifier(facts_.at(expr.names).back()))));
  }
}

}  // namespace chaperone::rules
