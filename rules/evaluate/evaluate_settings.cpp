#include <fmt/format.h>

#include <algorithm>

#include "rules/builtin/settings.hpp"
#include "rules/evaluate/evaluation.hpp"
#include "rules/evaluate/mutant.hpp"
#include "rules/text.hpp"

// SET, SHOW, RESET, the modes of BEGIN, current_setting and set_config.
namespace chaperone::rules {

using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Id;
using parser::SettingAction;

namespace {

/// What the proxy set at login.
bool is_own_setting(std::string_view name) {
  return name == "chaperone.actor" || name == "chaperone.agent" || name == "chaperone.task";
}

/// What SHOW shows as rows, and current_setting() does not know.
bool is_answer(std::string_view name) {
  return name == "chaperone.capabilities" || name == "chaperone.identity" || name == "chaperone.limits";
}

bool writes(const Capability& capability) {
  return capability.statements.contains(StatementClass::kDdl) ||
         capability.statements.contains(StatementClass::kCall) ||
         std::ranges::any_of(capability.tables, [](const auto& entry) {
           const TableRule& rule = entry.second;
           return rule.insert || rule.update || rule.remove;
         });
}

}  // namespace

void Evaluation::check_settings(const parser::StatementFacts& statement) {
  for (Id i = statement.settings.first; i < statement.settings.first + statement.settings.count; ++i) {
    const parser::SettingUse& use = facts_.setting_uses[i];
    switch (use.action) {
      case SettingAction::kResetAll:
        continue;  // to what the proxy logged in with
      case SettingAction::kShowAll:
        if (CHAPERONE_MUTANT(47, true, false)) {
          return deny("settings", "may not run SHOW ALL; SHOW one setting by its name", use.offset);
        }
        continue;
      case SettingAction::kSetFromCurrent:
        return deny(fmt::format("settings.{}", use.name), "may not run SET .. FROM CURRENT", use.offset);
      case SettingAction::kShow:
        if (is_answer(use.name)) continue;
        check_setting({.name = use.name, .verb = "show", .offset = use.offset});
        break;
      case SettingAction::kReset:
      case SettingAction::kSetDefault:
        check_setting({.name = use.name, .verb = "reset", .offset = use.offset});
        break;
      case SettingAction::kSet: {
        SettingChange change{.name = use.name, .verb = "set", .offset = use.offset};
        for (Id e = use.values.first; e < use.values.first + use.values.count; ++e) {
          change.constant = change.constant && facts_.exprs[e].kind == ExprKind::kConstant;
          change.values.push_back(facts_.exprs[e].text);
        }
        check_setting(change);
        break;
      }
    }
    if (denied()) return;
  }
}

/// current_setting('name'[, missing_ok]) and set_config('name', value, is_local).
void Evaluation::check_setting_call(const Expr& call, std::string_view name) {
  const auto argument = [&](std::uint32_t place) -> const Expr* {
    if (place >= call.children.count) return nullptr;
    Id id = call.children.first + place;
    while (facts_.exprs[id].kind == ExprKind::kCast) id = facts_.exprs[id].children.first;
    const Expr& expr = facts_.exprs[id];
    return expr.kind == ExprKind::kConstant && expr.constant == ConstantKind::kString ? &expr : nullptr;
  };
  if (!agent_.session && !capability_.functions.contains(std::pair(std::string_view("pg_catalog"), name))) {
    return deny("session", fmt::format("may not call {}: it has no session statements", in_quotes(name)),
                call.offset);
  }
  const Expr* setting = argument(0);
  if (setting == nullptr && name == "current_setting" && call.children.count > 0 &&
      is_shown_setting(call.children.first)) {
    return;
  }
  if (setting == nullptr) {
    return deny("settings",
                fmt::format("may not call {} unless its first argument is a constant", in_quotes(name)),
                call.offset);
  }
  const std::string lowered = lower(setting->text);
  SettingChange change{.name = lowered, .verb = "show", .offset = setting->offset};
  if (CHAPERONE_MUTANT(23, name == "set_config", false)) {
    change.verb = "set";
    change.one_text = true;
    const Expr* value = argument(1);
    change.constant = value != nullptr;
    if (value != nullptr) change.values.push_back(value->text);
  }
  check_setting(change);
}

void Evaluation::check_setting(const SettingChange& change) {
  auto denial = refuse_setting(change, agent_, catalog_, session_alone_ ? nullptr : &capability_);
  if (denial) deny(std::move(*denial));
}

std::optional<Denial> refuse_setting(const SettingChange& change, const Agent& agent, const Catalog& catalog,
                                     const Capability* capability) {
  const Setting* setting = find_setting(change.name);
  const auto refuse = [&](std::string_view why) {
    Denial denial;
    denial.rule = fmt::format("settings.{}", change.name);
    denial.message = fmt::format("may not {} the setting {}{}{}", change.verb, in_quotes(change.name),
                                 why.empty() ? "" : ": ", why);
    denial.offset = change.offset;
    return std::optional(std::move(denial));
  };
  const SettingRule* rule = nullptr;
  SettingBounds bounds{.search_path = catalog.search_path(), .time = {}};
  if (capability == nullptr) {
    // No capability covered the statement. What one says of the setting was asked there.
    const bool ruled = std::ranges::any_of(
        agent.capabilities, [&](const auto& one) { return one->settings.contains(change.name); });
    if (ruled) return refuse("its capabilities bound it");
    for (const auto& one : agent.capabilities) {
      const auto time = one->limits.time;
      if (time && (!bounds.time || *time < *bounds.time)) bounds.time = time;
      bounds.writes |= writes(*one);
    }
  } else {
    bounds.time = capability->limits.time;
    bounds.writes = writes(*capability);
    const auto found = capability->settings.find(change.name);
    if (found != capability->settings.end()) rule = &found->second;
  }
  if (rule != nullptr && !rule->allow) return refuse("its capability refuses it");
  if (change.name.starts_with("chaperone.")) rule = nullptr;
  if (setting != nullptr && setting->fixed) rule = nullptr;
  if (change.verb == "show") {
    if (is_own_setting(change.name)) return std::nullopt;
    if (setting == nullptr && change.name.starts_with("chaperone.")) {
      Denial unknown =
          name_error("42704", fmt::format("unrecognized configuration parameter {}", in_quotes(change.name)),
                     change.offset);
      unknown.rule = fmt::format("settings.{}", change.name);
      return unknown;
    }
    if (rule == nullptr && (setting == nullptr || !setting->is_shown()))
      return refuse(setting == nullptr ? "" : setting->reason);
    return std::nullopt;
  }
  if (change.verb == "reset") {
    if (rule == nullptr && (setting == nullptr || !setting->is_set()))
      return refuse(setting == nullptr ? "" : setting->reason);
    return std::nullopt;
  }
  if (rule != nullptr && (!rule->values.empty() || rule->most)) {
    if (!change.constant || change.values.size() != 1) return refuse("it must be one constant");
    const std::string_view value = change.values.front();
    if (!rule->values.empty() && std::ranges::find(rule->values, value) == rule->values.end()) {
      return refuse(fmt::format("it may be {}", fmt::join(rule->values, ", ")));
    }
    if (!rule->most) return std::nullopt;
    Setting kind;
    kind.kind = SettingKind::kNumber;
    if (setting != nullptr) kind = *setting;
    const auto least = amount(kind, value);
    const auto most = amount(kind, *rule->most);
    // Zero and below often mean without end.
    if (!least || !most || CHAPERONE_MUTANT(48, *least <= 0, false) || *least > *most)
      return refuse(fmt::format("it may be at most {}", *rule->most));
    return std::nullopt;
  }
  if (rule != nullptr && (setting == nullptr || !setting->is_set())) return std::nullopt;
  if (setting == nullptr) return refuse("");
  if (!setting->is_set()) return refuse(setting->reason);
  const bool within = change.constant && !change.values.empty()
                          ? (change.one_text ? admits_text(*setting, change.values.front(), bounds)
                                             : admits(*setting, change.values, bounds))
                          : setting->kind == SettingKind::kAny;
  if (CHAPERONE_MUTANT(49, within, true)) return std::nullopt;
  return refuse(fmt::format("it may be {}{}{}", describe_values(*setting, bounds),
                            setting->reason.empty() ? "" : "; ", setting->reason));
}

}  // namespace chaperone::rules
