#include "rules/policy/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/policy/load_parts.hpp"
#include "rules/policy/mask.hpp"
#include "rules/policy/yaml.hpp"
#include "rules/sha256.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::string_view kAgents = "a map of agents, as {triage-bot: {capabilities: [triage-tickets]}}";
constexpr std::string_view kCapabilities = "a map of capabilities by their names";
constexpr std::string_view kCapabilityNames = "a list of capabilities, as [triage-tickets]";
constexpr std::string_view kParameter = "a constant, as 7, or a claim, as `claim tenant_id`";
constexpr std::string_view kParameterName = "a lower-case letter or _, then letters, digits and _";
constexpr std::array<std::string_view, 3> kAlwaysThere = {"agent", "actor", "task"};
constexpr std::size_t kLongestName = 63;  // NAMEDATALEN - 1

bool is_name(std::string_view text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.size() <= kLongestName && (text[0] < '0' || text[0] > '9') &&
         std::all_of(text.begin(), text.end(), good);
}

/// -12.5; the form of a numeric constant that means the same to every type of number.
bool is_number(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  const auto digits = [&text] {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
    text.remove_prefix(count);
    return count > 0;
  };
  if (!digits()) return false;
  if (text.empty()) return true;
  if (text[0] != '.') return false;
  text.remove_prefix(1);
  return digits() && text.empty();
}

/// What somebody meant as `claim x`: its first word is one with a slip, and something follows.
bool is_almost_a_claim(std::string_view text) {
  constexpr std::array<std::string_view, 1> kWord = {"claim"};
  const std::size_t end = text.find_first_of(" \t:=.(");
  return end != std::string_view::npos && !closest(text.substr(0, end), kWord).empty();
}

std::optional<ParameterSource> load_parameter(const yaml::Value& value) {
  constexpr std::string_view kClaim = "claim ";
  auto text = value.text(kParameter);
  if (!text) return {};
  if (!value.is_plain()) return ConstantSource{std::move(*text), false};
  if (text->starts_with(kClaim)) {
    std::string claim = text->substr(kClaim.size());
    if (claim.find(' ') != std::string::npos) {
      value.problem(fmt::format("{} names a claim with a blank", value.path()),
                    "one claim, as `claim tenant_id`");
      return {};
    }
    return ClaimSource{std::move(claim)};
  }
  if (*text == "claim") {
    value.problem(fmt::format("{} names no claim", value.path()),
                  "the name of a claim, as `claim tenant_id`");
    return {};
  }
  if (is_almost_a_claim(*text)) {
    value.problem(fmt::format("{} is {}", value.path(), in_quotes(*text)),
                  "a claim, as `claim tenant_id` (did you mean \"claim\"?), or quotes around the text of a "
                  "constant");
    return {};
  }
  const bool number = is_number(*text);
  return ConstantSource{std::move(*text), number};
}

void load_parameters(const yaml::Value& value, Agent& agent) {
  yaml::Map map = value.map("a map, as {tenant: claim tenant_id}");
  const auto entries = map.entries();
  if (value.is_map() && entries.empty())
    value.problem(fmt::format("{} is empty", value.path()), "a parameter, or no key `parameters`");
  for (const auto& [name, source] : entries) {
    if (!is_name(name)) {
      source.problem_at_key(fmt::format("the parameter {} can't be written as :name", in_quotes(name)),
                            kParameterName);
    } else if (std::find(kAlwaysThere.begin(), kAlwaysThere.end(), name) != kAlwaysThere.end()) {
      source.problem_at_key(fmt::format("the parameter {} is always there and means who asks", name),
                            "another name");
    } else {
      // A broken one is there all the same, so that nobody is told that it is missing too.
      agent.parameters.emplace(name, load_parameter(source).value_or(ClaimSource{}));
    }
  }
}

void load_agent_capabilities(const yaml::Value& value, const Drafts& drafts, Loading& loading,
                             std::vector<std::string>& names) {
  std::vector<std::string_view> known;
  for (const auto& [name, draft] : drafts) known.push_back(name);
  const auto list = value.list(kCapabilityNames);
  if (value.is_list() && list.empty()) {
    value.problem(fmt::format("{} is empty", value.path()), kCapabilityNames);
  }
  for (const yaml::Value& entry : list) {
    const auto name = entry.text("the name of a capability");
    if (!name) continue;
    if (std::find(names.begin(), names.end(), *name) != names.end()) {
      entry.problem(fmt::format("{} is in the list already", in_quotes(*name)), "each capability once");
    } else if (!drafts.contains(*name)) {
      const bool shipped = *name == "introspection";
      entry.problem(fmt::format("there is no capability {}", in_quotes(*name)),
                    shipped
                        ? std::string("it in the `include` of a capability, since it ships with pgchaperone")
                        : with_suggestion(one_of(known), *name, known));
    } else {
      for (const std::string& earlier : names) {
        if (!drafts.find(earlier)->second.merged_names.contains(*name)) continue;
        loading.problems.warn(loading.file, entry.mark(),
                              fmt::format("{} can never decide: {} in front of it includes it",
                                          in_quotes(*name), in_quotes(earlier)),
                              "leave it out, or put it first");
      }
      names.push_back(*name);
    }
  }
}

struct LoadedAgent {
  Agent agent;
  std::vector<std::string> capabilities;
};

LoadedAgent load_agent(const std::string& name, const yaml::Value& value, const Drafts& drafts,
                       Loading& loading) {
  LoadedAgent loaded;
  Agent& agent = loaded.agent;
  agent.name = name;
  agent.mark = value.key_mark();
  if (name.find(':') != std::string::npos) {
    value.problem_at_key("the name of an agent holds a colon", "a name that can stand in the passwords file");
  }
  yaml::Map map = value.map("a map, as {capabilities: [triage-tickets]}");
  if (const auto mode = map.find("mode")) {
    static constexpr std::array<std::string_view, 1> kModes = {"observe"};
    agent.observe = mode->choice(kModes).has_value();
  }
  if (const auto session = map.find("session")) {
    static constexpr std::array<std::string_view, 1> kSessions = {"none"};
    agent.session = !session->choice(kSessions).has_value();
  }
  // An agent that is only observed needs none.
  const auto capabilities =
      agent.observe ? map.find("capabilities") : map.need("capabilities", kCapabilityNames);
  if (capabilities) load_agent_capabilities(*capabilities, drafts, loading, loaded.capabilities);
  if (const auto parameters = map.find("parameters")) load_parameters(*parameters, agent);
  return loaded;
}

void load_capabilities(const yaml::Value& value, Loading& loading, Drafts& drafts) {
  yaml::Map map = value.map(kCapabilities);
  const auto entries = map.entries();
  if (value.is_map() && entries.empty()) value.problem("capabilities is empty", kCapabilities);
  for (const auto& [name, entry] : entries) {
    if (name == "introspection") {
      entry.problem_at_key("the capability introspection ships with pgchaperone", "another name");
      continue;
    }
    CapabilityDraft& draft = drafts[name];
    draft.capability.name = name;
    draft.capability.mark = entry.key_mark();
    load_capability(entry, loading, draft);
  }
  merge_includes(drafts);
}

std::string load_salt(const yaml::Value& value) {
  const std::string form =
      fmt::format("{} to {} letters, digits and -._~+/=, at random", kShortestSalt, kLongestSalt);
  auto text = value.text(form);
  if (!text) return {};
  if (!is_salt(*text)) {
    // Not the text itself: it may be most of a secret.
    value.problem(fmt::format("{} is no salt", value.path()), form);
    return {};
  }
  return std::move(*text);
}

/// Of those that an agent has, whole; of the others those that no other capability completes.
void check_capabilities(const Drafts& drafts, const std::set<std::string, std::less<>>& used,
                        Loading& loading) {
  for (const auto& [name, draft] : drafts) {
    if (used.contains(name) || !draft.included) check_capability(draft, loading);
    if (!used.contains(name) && !draft.included) {
      loading.problems.warn(loading.file, draft.capability.mark,
                            fmt::format("no agent has the capability {}", in_quotes(name)),
                            "leave it out, or name it under `capabilities` of an agent");
    }
  }
}

void load_root(const yaml::Value& value, Loading& loading, PolicySet& policy) {
  yaml::Map root = value.map("a map with `version`, `capabilities` and `agents`");
  if (const auto version = root.need("version", "version: 1")) version->integer(1, 1);
  if (const auto salt = root.find("salt")) loading.salt = load_salt(*salt);
  Drafts drafts;
  if (const auto capabilities = root.find("capabilities")) load_capabilities(*capabilities, loading, drafts);
  for (const auto& [name, draft] : drafts) {
    policy.capabilities.emplace(name, std::make_shared<const Capability>(draft.capability));
  }
  const auto agents = root.need("agents", kAgents);
  if (!agents) return;
  yaml::Map map = agents->map(kAgents);
  for (const auto& [name, entry] : map.entries()) {
    LoadedAgent loaded = load_agent(name, entry, drafts, loading);
    for (const std::string& capability : loaded.capabilities) {
      loaded.agent.capabilities.push_back(policy.capabilities.at(capability));
    }
    policy.agents.emplace(name, std::move(loaded.agent));
  }
  if (agents->is_map() && policy.agents.empty()) agents->problem("agents is empty", "at least one agent");
  std::set<std::string, std::less<>> used;
  for (const auto& [name, agent] : policy.agents) {
    for (const auto& capability : agent.capabilities) used.insert(capability->name);
  }
  check_capabilities(drafts, used, loading);
  check_parameters(policy, loading);
}

PolicySet load(std::string_view text, const std::string& file, const Catalog* catalog, Problems& problems) {
  PolicySet policy;
  const auto document = yaml::Document::from_text(text, file, problems);
  Loading loading{file, catalog, problems};
  policy.hash = "sha256:" + sha256(text);
  if (document.readable()) load_root(document.root(), loading, policy);
  return policy;
}

}  // namespace

PolicySet load_policy(std::string_view text, const std::string& file, const Catalog& catalog,
                      Problems& problems) {
  return load(text, file, &catalog, problems);
}

PolicySet load_policy(std::string_view text, const std::string& file, Problems& problems) {
  return load(text, file, nullptr, problems);
}

}  // namespace chaperone::rules
