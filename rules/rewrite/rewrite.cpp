#include "rules/rewrite/rewrite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "rules/rewrite/context.hpp"
#include "rules/rewrite/items.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

using parser::Id;
using parser::kNone;

Composer& Composer::sql(std::string_view text) {
  if (text.empty()) return *this;
  if (!pieces_.empty() && !pieces_.back().slot) {
    pieces_.back().text += text;
  } else {
    pieces_.push_back({std::string(text), false});
  }
  return *this;
}

Composer& Composer::column(std::string_view qualifier, std::string_view name) {
  if (!qualifier.empty()) sql(identifier(qualifier)).sql(".");
  return sql(identifier(name));
}

Composer& Composer::slot(std::string_view parameter, const TypeName& type) {
  pieces_.push_back({std::string(parameter), true});
  if (!type.name.empty()) sql("::").sql(type.sql());
  return *this;
}

Composer& Composer::add(const Composer& other) {
  for (const parser::EditScript::Piece& piece : other.pieces_) {
    if (piece.slot) {
      pieces_.push_back(piece);
    } else {
      sql(piece.text);
    }
  }
  return *this;
}

Composer Rewriter::expression(const Expression& expression, std::string_view qualifier, Id item) const {
  Composer text;
  for (const Expression::Part& part : expression.parts) {
    switch (part.kind) {
      case Expression::PartKind::kText:
        text.sql(part.text);
        break;
      case Expression::PartKind::kParameter:
        text.slot(part.text, part.type);
        break;
      case Expression::PartKind::kColumn: {
        const auto column =
            item == kNone ? std::nullopt : resolution_.items[item].relation->find_column(part.text);
        text.column(qualifier, column ? name_of_column(facts_, resolution_, item, *column)
                                      : std::string_view(part.text));
        break;
      }
    }
  }
  return text;
}

std::vector<Rewriter::Extent> Rewriter::find_extents() const {
  // The expression that a query stands in, over the queries and FROM items between.
  std::vector<Id> around(facts_.queries.size(), kNone);
  for (Id id = 0; id < facts_.queries.size(); ++id) {
    const parser::Query& query = facts_.queries[id];
    if (query.parent_expr != kNone) {
      around[id] = query.parent_expr;
    } else if (query.parent != kNone && query.parent < id) {
      around[id] = around[query.parent];
    }
  }
  std::vector<Extent> extents(facts_.exprs.size());
  const auto widen = [&extents](Id id, Extent by) {
    extents[id] = {std::min(extents[id].first, by.first), std::max(extents[id].last, by.last)};
  };
  for (const parser::FromItem& item : facts_.from_items) {
    if (item.query != kNone && around[item.query] != kNone && item.offset != kNone) {
      widen(around[item.query], {item.offset, item.offset});
    }
  }
  for (Id id = static_cast<Id>(facts_.exprs.size()); id-- > 0;) {
    const parser::Expr& expr = facts_.exprs[id];
    if (expr.offset != kNone) widen(id, {expr.offset, expr.offset});
    if (expr.type != kNone && facts_.types[expr.type].offset != kNone) {
      widen(id, {facts_.types[expr.type].offset, facts_.types[expr.type].offset});
    }
    const Id up = expr.parent != kNone ? expr.parent : expr.query != kNone ? around[expr.query] : kNone;
    if (up != kNone && extents[id].first != kNone) widen(up, extents[id]);
  }
  return extents;
}

std::string_view Rewriter::name_of(Id item) const {
  return name_of_item(facts_, item);
}

std::size_t Rewriter::query_end(std::size_t token) const {
  while (token < text_.size() && !text_.is(token, ')') && !text_.is(token, ';')) token = text_.next(token);
  return token;
}

void Rewriter::replace(TokenRange range, Composer text) {
  edits_.replace(text_.span(range), text.take());
}

parser::EditScript Rewriter::run() {
  const Narrowing& todo = narrowing_;
  if (!todo.filters.empty() || !todo.guards.empty() || !todo.groups.empty() || !todo.wrappers.empty()) {
    extents_ = find_extents();
  }
  std::set<Id> conditions;
  for (const TargetFilter& filter : todo.filters) {
    conditions.insert(filter.query);
    filters_[filter.query].push_back(filter.filter);
  }
  for (const Guard& guard : todo.guards) {
    const Id query = facts_.exprs[guard.conjunct].query;
    conditions.insert(query);
    guards_[query].push_back(&guard);
  }

  // What stands inside is closed first and opened last, as its place in the statement's order is behind.
  for (auto lookup = todo.lookups.rbegin(); lookup != todo.lookups.rend(); ++lookup) end_lookup(*lookup);
  for (const Answer& answer : todo.answers) {
    const parser::Span span = facts_.script.statements[answer.statement].span;
    edits_.replace(span, expression(answer.query, {}, kNone).take());
  }
  for (const SessionName& one : todo.session_names) session_name(one);
  for (const InsertColumns& insert : todo.inserts) insert_columns(insert);
  for (const Wrapper& wrapper : todo.wrappers) wrap(wrapper);
  for (const CopySelect& copy : todo.copies) copy_query(copy);
  for (const Wrapper& wrapper : todo.wrappers) {
    for (const Id id : wrapper.moved_conjuncts) {
      if (condition_of(facts_.exprs[id].query).ranges.empty()) {
        throw CannotRewrite{"a condition that can't be cut"};
      }
      replace(conjunct_range(id), std::move(Composer().sql("true")));
    }
  }
  for (const Id id : conditions) narrow_where(id);
  for (const GroupColumns& group : todo.groups) group_columns(group);
  for (const Expansion& expansion : todo.expansions) expand(expansion);
  for (const ReturningMask& returning : todo.returning) mask_returning(returning);
  for (const Id id : todo.unqualify) cut_schema(id);
  for (const RowLimit& one : todo.limits) limit(one);
  for (const Lookup& lookup : todo.lookups) begin_lookup(lookup);
  make_literals_safe(text_.text(), edits_);
  return std::move(edits_);
}

parser::Result<Rewritten> rewrite(std::string_view sql, const parser::Facts& facts, const Catalog&,
                                  const Verdict& verdict) {
  const auto refused = [](std::string_view why) {
    return parser::Error{parser::ErrorKind::kUnsupported,
                         fmt::format("this statement can't be narrowed to what is allowed ({})", why), 0};
  };
  try {
    Rewritten result{Rewriter(sql, facts, verdict.resolution, verdict.narrowing).run()};
    if (result.edits.empty()) return result;
    const std::string sent = result.edits.apply(sql, [](std::string_view) { return std::string("'0'"); });
    parser::Limits limits;
    limits.bytes = std::max<std::uint32_t>(limits.bytes, static_cast<std::uint32_t>(sent.size()));
    limits.tokens *= 4;
    limits.nesting += 20;
    const auto after = parser::read_facts(sent, limits);
    if (!after) return refused(after.error().message);
    const std::string wrong = check_rewritten(facts, *after, verdict.resolution, verdict.narrowing);
    if (!wrong.empty()) return refused(wrong);
    return result;
  } catch (const CannotRewrite& cannot) {
    return refused(cannot.why);
  } catch (const std::logic_error& overlap) {
    return refused(overlap.what());  // edits of one place that were not meant to meet
  }
}

std::string fill(const Rewritten& rewritten, std::string_view sql, const Principal& principal) {
  return rewritten.edits.apply(sql, slot_values(principal));
}

parser::EditScript::Value slot_values(const Principal& principal) {
  return [&principal](std::string_view name) {
    if (name.starts_with(kApplicationNameSlot))
      return literal(application_name(principal, name.substr(kApplicationNameSlot.size())));
    const auto found = principal.parameters.find(name);
    if (found == principal.parameters.end()) throw std::logic_error("no value for a parameter");
    return literal(found->second);
  };
}

}  // namespace chaperone::rules
