#include "proxy/session/declared_task.hpp"

#include <algorithm>
#include <optional>

#include "parser/facts.hpp"
#include "rules/startup.hpp"
#include "rules/text.hpp"

namespace chaperone::session {
namespace {

using Kind = Declaration::Kind;
using parser::Expr;
using parser::ExprKind;
using parser::SettingAction;
using parser::StatementKind;

constexpr auto kFold = [](char byte) { return rules::lower(byte); };

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, kFold, kFold);
}

bool mentions(std::string_view sql) {
  return !std::ranges::search(sql, kDeclaredTask.substr(kDeclaredTask.find('.') + 1), {}, kFold).empty();
}

std::optional<Declaration> of_setting(const parser::Facts& facts, const parser::SettingUse& use) {
  if (use.action == SettingAction::kResetAll) return Declaration{.kind = Kind::kReset};
  if (!same_name(use.name, kDeclaredTask)) return std::nullopt;
  switch (use.action) {
    case SettingAction::kReset:
    case SettingAction::kSetDefault:
      return Declaration{.kind = Kind::kReset, .local = use.local};
    case SettingAction::kSet: {
      const bool one = use.values.count == 1 && facts.exprs[use.values.first].kind == ExprKind::kConstant;
      if (!one) return Declaration{.local = use.local};
      return Declaration{
          .kind = Kind::kValue, .local = use.local, .value = std::string(facts.exprs[use.values.first].text)};
    }
    case SettingAction::kShow:
    case SettingAction::kShowAll:
      return std::nullopt;
    default:
      return Declaration{};
  }
}

/// An argument, without casts.
const Expr* argument(const parser::Facts& facts, const Expr& call, std::uint32_t place) {
  if (place >= call.children.count) return nullptr;
  parser::Id id = call.children.first + place;
  while (facts.exprs[id].kind == ExprKind::kCast) id = facts.exprs[id].children.first;
  return &facts.exprs[id];
}

std::optional<bool> boolean(const Expr* expr) {
  if (expr == nullptr || expr->kind != ExprKind::kConstant) return std::nullopt;
  for (const std::string_view yes : {"true", "t", "on", "yes", "1"}) {
    if (same_name(expr->text, yes)) return true;
  }
  for (const std::string_view no : {"false", "f", "off", "no", "0"}) {
    if (same_name(expr->text, no)) return false;
  }
  return std::nullopt;
}

/// set_config(name, value, is_local).
std::optional<Declaration> of_call(const parser::Facts& facts, const Expr& call) {
  const auto names = facts.at(call.names);
  if (call.kind != ExprKind::kFunction || names.empty() || names.back() != "set_config") return std::nullopt;
  const Expr* name = argument(facts, call, 0);
  if (name == nullptr || name->kind != ExprKind::kConstant) return Declaration{};
  if (!same_name(name->text, kDeclaredTask)) return std::nullopt;
  const Expr* value = argument(facts, call, 1);
  const auto local = boolean(argument(facts, call, 2));
  const bool once = call.query != parser::kNone && call.clause == parser::Clause::kOutput &&
                    facts.queries[call.query].role == parser::QueryRole::kStatement &&
                    facts.queries[call.query].from.count == 0 && call.parent == parser::kNone;
  if (!once || value == nullptr || !local) return Declaration{};
  if (value->kind == ExprKind::kParameter) {
    return Declaration{.kind = Kind::kParameter, .local = *local, .parameter = value->number};
  }
  if (value->kind != ExprKind::kConstant) return Declaration{.local = *local};
  if (value->constant == parser::ConstantKind::kNull)
    return Declaration{.kind = Kind::kReset, .local = *local};
  return Declaration{.kind = Kind::kValue, .local = *local, .value = std::string(value->text)};
}

}  // namespace

bool is_run_later(StatementKind kind) {
  return kind == StatementKind::kPrepare || kind == StatementKind::kDeclareCursor;
}

std::vector<Declaration> declarations_of(std::string_view sql, const parser::Script& script,
                                         const parser::Limits& limits) {
  const bool resets = std::ranges::any_of(script.statements, [](const parser::Statement& statement) {
    return statement.kind == StatementKind::kReset || statement.kind == StatementKind::kDiscardAll;
  });
  std::vector<Declaration> found;
  if (script.statements.empty() || (!resets && !mentions(sql))) return found;
  const auto facts = parser::read_facts(sql, limits);
  for (std::size_t i = 0; i < script.statements.size(); ++i) {
    const auto add = [&](std::optional<Declaration> declaration) {
      if (!declaration) return;
      declaration->statement = i;
      found.push_back(std::move(*declaration));
    };
    const parser::Statement& statement = script.statements[i];
    if (statement.kind == StatementKind::kShow) continue;
    if (statement.kind == StatementKind::kDiscardAll) {
      add(Declaration{.kind = Kind::kReset});
      continue;
    }
    if (!facts || i >= facts->statements.size()) {
      if (mentions(sql.substr(statement.span.offset, statement.span.length))) add(Declaration{});
      continue;
    }
    const parser::Range uses = facts->statements[i].settings;
    for (parser::Id use = uses.first; use < uses.first + uses.count; ++use) {
      add(of_setting(*facts, facts->setting_uses[use]));
    }
    if (statement.kind == StatementKind::kSet || statement.kind == StatementKind::kReset) continue;
    for (const Expr& expr : facts->exprs) {
      const bool here = expr.query == parser::kNone
                            ? mentions(sql.substr(statement.span.offset, statement.span.length))
                            : facts->queries[expr.query].statement == i;
      if (here) add(of_call(*facts, expr));
    }
  }
  return found;
}

std::string declared_at_login(std::span<const std::pair<std::string, std::string>> parameters) {
  std::string value;
  for (const auto& [name, text] : parameters) {
    if (same_name(name, kDeclaredTask)) value = text;
    if (name != "options") continue;
    // Words as `-c name=value`, `-cname=value` and `--name=value` (process_postgres_switches); a `-` in a
    // name stands for `_`.
    auto words = rules::split_options(text);
    for (std::size_t i = 0; i < words.size(); ++i) {
      std::string_view word = words[i];
      if (word == "-c" && i + 1 < words.size()) {
        word = words[++i];
      } else if (word.starts_with("-c") || word.starts_with("--")) {
        word.remove_prefix(2);
      } else {
        continue;
      }
      std::string setting(word.substr(0, word.find('=')));
      std::ranges::replace(setting, '-', '_');
      if (same_name(setting, kDeclaredTask) && word.size() > setting.size())
        value = word.substr(setting.size() + 1);
    }
  }
  return value;
}

void DeclaredTask::apply(const Declaration& declaration) {
  const std::string value = declaration.kind == Kind::kValue   ? declaration.value
                            : declaration.kind == Kind::kReset ? at_login_
                                                               : std::string();
  if (!declaration.local) state_.session = value;
  state_.shown = value;
  open_ = true;
}

void DeclaredTask::transaction_ended(bool committed) {
  open_ = false;
  if (committed) {
    committed_ = state_.session;
    state_.shown = state_.session;
  } else {
    state_ = {committed_, committed_};
  }
}

}  // namespace chaperone::session
