#include "rules/rewrite/context.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

using parser::kNone;

/// The tokens of a call's argument, counted from 0.
TokenRange Rewriter::argument_range(std::size_t call, std::uint32_t argument) const {
  const std::size_t open = text_.skip_names(call);
  if (open == text_.size() || !text_.is(open, '(')) throw CannotRewrite{"a call without brackets"};
  const std::size_t close = text_.partner(open);
  TokenRange range{open + 1, open + 1};
  while (range.end < close) {
    if (!text_.is(range.end, ',')) {
      range.end = text_.next(range.end);
    } else if (argument == 0) {
      break;
    } else {
      --argument;
      range.first = ++range.end;
    }
  }
  if (argument != 0 || range.empty()) throw CannotRewrite{"no such argument"};
  return range;
}

TokenRange Rewriter::lookup_range(const Lookup& lookup) const {
  const std::uint32_t offset = facts_.exprs[lookup.expr].offset;
  const std::size_t token = offset == kNone ? text_.size() : text_.at(offset);
  if (token == text_.size()) throw CannotRewrite{"a look-up without a place"};
  switch (lookup.place) {
    case Lookup::Place::kToken:
      return {token, token + 1};
    case Lookup::Place::kArgument:
    case Lookup::Place::kNothing:
      return argument_range(token, lookup.argument);
    case Lookup::Place::kCall:
      break;
  }
  const std::size_t open = text_.skip_names(token);
  if (open == text_.size() || !text_.is(open, '(')) throw CannotRewrite{"a call without brackets"};
  return {token, text_.partner(open) + 1};
}

void Rewriter::begin_lookup(const Lookup& lookup) {
  put(text_.begin(lookup_range(lookup).first), expression(lookup.before, {}, kNone));
}

void Rewriter::end_lookup(const Lookup& lookup) {
  Composer after;
  if (lookup.with_next) {
    const TokenRange next = argument_range(text_.at(facts_.exprs[lookup.expr].offset), lookup.argument + 1);
    after.sql(") AND pgchaperone_column OPERATOR(pg_catalog.=) (").sql(with_safe_literals(text_.text(next)));
  }
  after.sql(lookup.place == Lookup::Place::kNothing ? ") END" : "))");
  put(text_.end(lookup_range(lookup).end - 1), std::move(after));
}

void Rewriter::session_name(const SessionName& one) {
  const auto slot_of = [](std::string_view client) {
    return std::string(kApplicationNameSlot).append(client);
  };
  if (one.call == kNone) {
    const parser::SettingUse& use = facts_.setting_uses[one.setting];
    Composer text;
    text.sql(use.local ? "SET LOCAL application_name TO " : "SET application_name TO ");
    text.slot(slot_of(facts_.exprs[use.values.first].text), {});
    edits_.replace(facts_.script.statements[one.statement].span, text.take());
    return;
  }
  const parser::Expr& call = facts_.exprs[one.call];
  const TokenRange range = argument_range(text_.at(call.offset), 1);
  const parser::Expr& value = facts_.exprs[call.children.first + 1];
  Composer text;
  if (value.kind == parser::ExprKind::kConstant && value.constant == parser::ConstantKind::kString) {
    replace(range, std::move(text.slot(slot_of(value.text), {})));
    return;
  }
  text.sql("(").slot(slot_of({}), {});
  text.sql("::pg_catalog.text OPERATOR(pg_catalog.||) ' '::pg_catalog.text OPERATOR(pg_catalog.||) (");
  put(text_.begin(range.first), std::move(text));
  put(text_.end(range.end - 1), std::move(Composer().sql(")::pg_catalog.text)")));
}

}  // namespace chaperone::rules
