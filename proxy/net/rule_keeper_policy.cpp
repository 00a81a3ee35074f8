#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "proxy/net/credentials/own_login.hpp"
#include "proxy/net/events.hpp"
#include "proxy/net/log_lines.hpp"
#include "proxy/net/rule_keeper.hpp"
#include "rules/policy/load.hpp"
#include "rules/text.hpp"

namespace chaperone::net {

std::shared_ptr<const session::Rulebook> RuleKeeper::load(const Keeping& keeping,
                                                          const session::Environment& environment,
                                                          rules::Problems& problems) const {
  const auto& catalog = keeping.catalog->catalog;
  auto policy = std::make_shared<const rules::PolicySet>(
      rules::load_policy(environment.policy_text, environment.policy_file, *catalog, problems));
  return std::make_shared<const session::Rulebook>(std::move(policy), catalog, environment.statement_limits,
                                                   keeping.target);
}

void RuleKeeper::load_over_catalog(Keeping& keeping) {
  rules::Problems problems;
  auto rules = load(keeping, *policy_environment_, problems);
  if (!problems.empty()) {
    ++policy_refusals_;
    refuse(keeping, problems);
    return;
  }
  take_effect(keeping, std::move(rules), problems);
  tell_rules(keeping, RuleNews::Kind::kCatalog);
}

void RuleKeeper::refuse(Keeping& keeping, const rules::Problems& problems) {
  keeping.policy_refused = true;
  const std::string text = problems.text();
  record(keeping, "refused", policy_environment_->policy->hash, text);
  have_failed(keeping, fmt::format("the policy does not load over the catalog of database {}:\n{}",
                                   rules::in_quotes(keeping.name), text));
}

void RuleKeeper::take_effect(Keeping& keeping, std::shared_ptr<const session::Rulebook> rules,
                             const rules::Problems& problems) {
  for (const std::string& warning : problems.warnings()) spdlog::warn("{}", warning);
  keeping.rules = std::move(rules);
  keeping.failed.clear();
  keeping.policy_refused = false;
  const auto& catalog = *keeping.catalog->catalog;
  record(keeping, "effective", keeping.rules->policy().hash, "");
  spdlog::info("the policy {} is in force for database {}: {} relations, {} functions",
               keeping.rules->policy().hash, rules::in_quotes(keeping.name), catalog.relations().size(),
               catalog.functions().size());
}

// A catalog is some seconds old, or as old as the last session: what it refuses may be there by now.
void RuleKeeper::begin_reload(std::shared_ptr<const session::Environment> environment,
                              std::promise<std::string>& verdict) {
  std::string refusal = reload_now(environment, false);
  if (refusal.empty()) return verdict.set_value(std::move(refusal));
  const auto now = Clock::now();
  const std::uint64_t number = ++asked_;
  for (auto& [name, keeping] : databases_) {
    if (!keeping->rules) continue;
    keeping->ask(number, now);
    if (!std::exchange(keeping->awake, true)) keeping->used = now;
  }
  reloads_.push_back({std::move(environment), &verdict, number});
}

void RuleKeeper::end_reloads() {
  std::erase_if(reloads_, [this](const Reload& reload) {
    for (const auto& [name, keeping] : databases_) {
      if (keeping->rules && keeping->asked >= reload.number && keeping->answered < reload.number)
        return false;
    }
    reload.verdict->set_value(reload_now(reload.environment, true));
    return true;
  });
}

// All or nothing: what the new policy says has to hold over the catalog of each database that has rules. One
// that has none, since its policy did not load before, holds nothing up. A refusal that is not the last word
// is not recorded.
std::string RuleKeeper::reload_now(const std::shared_ptr<const session::Environment>& environment,
                                   bool last) {
  const auto& with_policy = environment->policy ? environment : policy_environment_;
  const bool other_policy = with_policy && !same_rules(*with_policy);
  struct Loaded {
    Keeping* keeping;
    rules::Problems problems;
    std::shared_ptr<const session::Rulebook> rules;
  };
  std::vector<Loaded> loaded;
  std::string refusal;
  for (auto& [name, keeping] : databases_) {
    if (!other_policy || !keeping->catalog || !keeping->is_target_of(*environment)) continue;
    Loaded& one = loaded.emplace_back(Loaded{keeping.get(), {}, nullptr});
    one.rules = load(*keeping, *with_policy, one.problems);
    if (one.problems.empty() || !keeping->rules) continue;
    if (last) record(*keeping, "refused", with_policy->policy->hash, one.problems.text());
    if (!refusal.empty()) refusal += '\n';
    refusal +=
        fmt::format("over the catalog of database {}:\n{}", rules::in_quotes(name), one.problems.text());
  }
  if (!refusal.empty()) {
    if (!last) return refusal;
    ++policy_refusals_;
    newest_refused_ = true;
    return refusal;
  }
  newest_refused_ = false;
  environment_ = environment;
  if (environment_->policy) policy_environment_ = environment_;
  std::vector<RuleNews> news;
  follow_databases(news);
  for (Loaded& one : loaded) {
    Keeping& keeping = *one.keeping;
    if (!one.problems.empty()) {
      keeping.failed.clear();  // so that it is logged anew
      refuse(keeping, one.problems);
      continue;
    }
    const bool first = !keeping.rules;
    take_effect(keeping, std::move(one.rules), one.problems);
    if (keeping.told || first) {
      keeping.told = true;
      news.push_back({.database = keeping.name, .kind = RuleNews::Kind::kPolicy, .rules = keeping.rules});
    }
  }
  if (other_policy) policy_since_ = static_cast<double>(wall_clock()) / 1e6;
  tell_(environment_, std::move(news));
  load_named();
  return {};
}

bool RuleKeeper::same_rules(const session::Environment& environment) const {
  if (!policy_environment_) return false;
  const auto made_of = [](const session::Environment& from) {
    const auto& limits = from.statement_limits;
    return std::tie(from.policy_text, from.policy_file, limits.bytes, limits.tokens, limits.nesting);
  };
  return made_of(environment) == made_of(*policy_environment_);
}

// Names may mean other databases now, or none; and how to log in to the same ones may have changed.
void RuleKeeper::follow_databases(std::vector<RuleNews>& news) {
  for (auto& [name, keeping] : databases_) {
    const session::Database* database = environment_->find_database(name);
    keeping->named = is_named(name);
    if (!keeping->is_target_of(*environment_)) {
      ++keeping->generation;
      keeping->catalog.reset();
      keeping->rules.reset();
      keeping->failed.clear();
      keeping->policy_refused = keeping->awake = keeping->wanted = keeping->told = false;
      keeping->answered = keeping->asked;
      keeping->began = {};
      news.push_back({.database = name, .kind = RuleNews::Kind::kGone});
    }
    if (database != nullptr && *database != keeping->database) keeping->follow(*database);
  }
}

bool RuleKeeper::Keeping::is_target_of(const session::Environment& environment) const {
  const session::Database* entry = environment.find_database(name);
  return entry != nullptr && entry->target(name) == target;
}

void RuleKeeper::Keeping::follow(const session::Database& entry) {
  database = entry;
  target = entry.target(name);
  reader = std::make_shared<CatalogReader>([database = entry, name = name, role = role] {
    auto login = own_login(database, name, role);
    if (login) login->parameters = {{"application_name", "pgchaperone"}, {"statement_timeout", "10s"}};
    return login;
  });
}

void RuleKeeper::record(const Keeping& keeping, std::string_view event, std::string_view policy,
                        std::string_view why) {
  const auto written = log_.append_event(
      wall_clock(), "policy",
      fmt::format(R"("event":"{}","database":{},"policy":"{}","catalog":"{}","relations":{},"why":{})", event,
                  json_or_null(keeping.name), policy, keeping.catalog->hash,
                  keeping.catalog->catalog->relations().size(), json_or_null(why)));
  if (!written) spdlog::error("{}", written.error().message);
}

void RuleKeeper::update_report() {
  session::RuleReport report;
  if (environment_->policy) report.policy = environment_->policy->hash;
  report.policy_since = policy_since_;
  report.policy_stale = newest_refused_;
  report.policy_refusals = policy_refusals_;
  report.catalog_loads = catalog_loads_;
  report.catalog_checks = catalog_checks_;
  report.catalog_failures = catalog_failures_;
  report.refreshes = refreshes_;
  auto last_word = Clock::time_point::max();
  for (const auto& [name, keeping] : databases_) {
    if (keeping->rules) ++report.databases;
    report.policy_stale |= keeping->policy_refused;
    if (keeping->rules && keeping->sessions != 0) last_word = std::min(last_word, keeping->heard);
  }
  const std::lock_guard guard(report_mutex_);
  report_ = std::move(report);
  last_word_ = last_word;
}

}  // namespace chaperone::net
