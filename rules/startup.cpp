#include "rules/startup.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/builtin/settings.hpp"
#include "rules/evaluate/evaluation.hpp"
#include "rules/rewrite/context.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

/// What has one value for all agents.
constexpr std::pair<std::string_view, std::string_view> kPins[] = {
    {"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}, {"backslash_quote", "safe_encoding"},
    {"array_nulls", "on"},       {"transform_null_equals", "off"},      {"row_security", "on"},
};
/// What a client may choose within bounds, and has this value where it does not.
constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {{"client_min_messages", "notice"}};

/// So that varlena.c SplitIdentifierString reads these names out of it.
std::string path_text(std::span<const std::string> path) {
  std::string text;
  for (const std::string& name : path) {
    if (!text.empty()) text += ", ";
    const bool plain =
        !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
    if (plain) {
      text += name;
      continue;
    }
    text += '"';
    for (const char byte : name) text.append(byte == '"' ? 2 : 1, byte);
    text += '"';
  }
  return text;
}

void put(SettingValues& values, std::string_view name, std::string value) {
  const auto found = std::ranges::find_if(values, [&](const auto& one) { return one.first == name; });
  if (found != values.end()) {
    found->second = std::move(value);
  } else {
    values.emplace_back(name, std::move(value));
  }
}

Denial refusal(const Agent& agent, std::string rule, std::string_view message) {
  Denial denial;
  denial.rule = std::move(rule);
  denial.sqlstate = "28000";
  denial.detail = fmt::format("rule {}", denial.rule);
  denial.message = fmt::format("{} {}", agent.name, message);
  return denial;
}

/// The settings in `options`, in their order; postgres.c process_postgres_switches and guc.c ParseLongOption.
std::optional<Denial> read_options(const Agent& agent, std::string_view options, SettingValues& found) {
  const std::vector<std::string> words = split_options(options);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "-c") {
      if (++i == words.size())
        return refusal(agent, "settings.options", "may not start: -c in options needs a value");
      word = words[i];
    } else if ((word.starts_with("-c") || word.starts_with("--")) && word.size() > 2) {
      word.remove_prefix(2);
    } else {
      return refusal(
          agent, "settings.options",
          fmt::format("may not start with {} in options; it may hold -c name=value", in_quotes(word)));
    }
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return refusal(agent, "settings.options",
                     fmt::format("may not start with {} in options: it needs a value", in_quotes(word)));
    }
    std::string name(word.substr(0, equals));
    std::ranges::replace(name, '-', '_');
    found.emplace_back(std::move(name), word.substr(equals + 1));
  }
  return std::nullopt;
}

/// Under one of the capabilities, or as the set `session` has it. What is shown is what the first one says.
std::optional<Denial> refuse(const SettingChange& change, const Agent& agent, const Catalog& catalog) {
  std::optional<Denial> first;
  for (const auto& capability : agent.capabilities) {
    auto denial = refuse_setting(change, agent, catalog, capability.get());
    if (!denial) return std::nullopt;
    if (!first) first = std::move(denial);
  }
  auto denial = refuse_setting(change, agent, catalog, nullptr);
  if (denial && first) return first;
  return denial;
}

}  // namespace

std::vector<std::string> split_options(std::string_view options) {
  const auto is_blank = [](char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); };
  std::vector<std::string> words;
  std::size_t i = 0;
  while (true) {
    while (i < options.size() && is_blank(options[i])) ++i;
    if (i == options.size()) return words;
    std::string& word = words.emplace_back();
    for (; i < options.size() && !is_blank(options[i]); ++i) {
      if (options[i] == '\\' && ++i == options.size()) break;
      word += options[i];
    }
  }
}

std::optional<std::chrono::milliseconds> longest_time(const Agent& agent) {
  std::optional<std::chrono::milliseconds> most;
  for (const auto& capability : agent.capabilities) {
    if (!capability->limits.time) return std::nullopt;
    most = std::max(most.value_or(*capability->limits.time), *capability->limits.time);
  }
  return most;
}

SettingValues pinned_settings(const Agent& agent, const Catalog& catalog, const Principal& principal) {
  SettingValues values(std::begin(kPins), std::end(kPins));
  values.emplace_back("search_path", path_text(catalog.search_path()));
  if (const auto most = longest_time(agent))
    values.emplace_back("statement_timeout", std::to_string(most->count()));
  values.emplace_back("chaperone.agent", principal.agent);
  values.emplace_back("chaperone.actor", principal.actor);
  values.emplace_back("chaperone.task", principal.task);
  return values;
}

StartupSettings startup_settings(const Agent& agent, const Catalog& catalog, const Principal& principal,
                                 std::span<const std::pair<std::string, std::string>> parameters) {
  StartupSettings result;
  SettingValues asked;  // postinit.c process_startup_options: `options` first, the parameters go over them
  for (const auto& [name, value] : parameters) {
    if (name != "options") continue;
    result.denial = read_options(agent, value, asked);
    if (result.denial) return result;
  }
  for (const auto& parameter : parameters) {
    if (parameter.first != "options") asked.push_back(parameter);
  }
  const SettingValues pins = pinned_settings(agent, catalog, principal);
  result.send = pins;
  for (const auto& [name, value] : kDefaults) put(result.send, name, std::string(value));
  std::string_view client;
  for (const auto& [given, value] : asked) {
    const std::string name = lower(given);
    const std::string_view text = value;
    auto denial = refuse({.name = name, .verb = "set", .values = {text}, .one_text = true}, agent, catalog);
    if (denial) {
      result.denial = refusal(agent, std::move(denial->rule), denial->message);
      return result;
    }
    const bool pinned = std::ranges::any_of(pins, [&](const auto& pin) { return pin.first == name; });
    if (name == "application_name") {
      client = value;
    } else if (!pinned || name == "statement_timeout") {
      put(result.send, name, value);
    }
  }
  put(result.send, "application_name", application_name(principal, client));
  return result;
}

}  // namespace chaperone::rules
