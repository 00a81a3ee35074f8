#include "rules/load.hpp"

#include <gtest/gtest.h>

namespace chaperone::rules {
namespace {

std::string problems_of(std::string_view text) {
  Problems problems;
  load_policy(text, "policy.yaml", problems);
  return problems.text();
}

TEST(LoadPolicy, AgentsOfModeObserve) {
  Problems problems;
  const PolicySet policy = load_policy(
      "version: 1\nagents:\n  triage-bot: {mode: observe}\n  \"7\":\n    mode: 'observe'\n", "p", problems);
  EXPECT_TRUE(problems.empty()) << problems.text();
  EXPECT_EQ(policy.observed(), (std::set<std::string, std::less<>>{"7", "triage-bot"}));
}

/// A policy that would hold an agent back must not be half applied: each of its parts is a problem at its
/// place.
TEST(LoadPolicy, WhateverWouldEnforceIsRefused) {
  const std::string text = problems_of(R"(version: 1
include: [base.yaml]
capabilities:
  triage-tickets:
    tables: {tickets: {read: {columns: "*"}}}
agents:
  triage-bot:
    capabilities: [triage-tickets]
    parameters:
      tenant: 7
  other-bot:
    mode: observe
    session: none
)");
  EXPECT_EQ(
      text,
      "policy.yaml:2:1: include: this version observes only and can't enforce yet; expected agents of `mode: "
      "observe` alone\n"
      "policy.yaml:3:1: capabilities: this version observes only and can't enforce yet; expected agents of "
      "`mode: "
      "observe` alone\n"
      "policy.yaml:7:3: agent without `mode: observe`: this version observes only and can't enforce yet; "
      "expected "
      "mode: observe\n"
      "policy.yaml:8:5: agents.triage-bot.capabilities: this version observes only and can't enforce yet; "
      "expected mode: observe\n"
      "policy.yaml:9:5: agents.triage-bot.parameters: this version observes only and can't enforce yet; "
      "expected "
      "mode: observe\n"
      "policy.yaml:13:5: agents.other-bot.session: this version observes only and can't enforce yet; "
      "expected "
      "mode: observe");
}

TEST(LoadPolicy, BrokenOnesNameThePlace) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"", "policy.yaml:1:1: the file is empty; expected a map"},
      {"[]", "policy.yaml:1:1: the file is a list; expected a map with `version` and `agents`"},
      {"agents: {a: {mode: observe}}", "policy.yaml:1:1: key \"version\" is missing; expected version: 1"},
      {"version: 1\n",
       "policy.yaml:1:1: key \"agents\" is missing; expected a map of agents, as {triage-bot: {mode: "
       "observe}}"},
      {"version: 2\nagents: {a: {mode: observe}}",
       "policy.yaml:1:10: version is 2; expected a whole number from 1 to 1"},
      {"version: '1'\nagents: {a: {mode: observe}}",
       "policy.yaml:1:10: version is \"1\"; expected a whole number from 1 to 1"},
      {"version: 1\nagents: {}",
       "policy.yaml:2:9: agents is empty; expected at least one agent, as {triage-bot: {mode: observe}}"},
      {"version: 1\nagents: [a]",
       "policy.yaml:2:9: agents is a list; expected a map of agents, as {triage-bot: {mode: observe}}"},
      {"version: 1\nagents:\n",
       "policy.yaml:2:1: agents is empty; expected a map of agents, as {triage-bot: {mode: observe}}"},
      {"version: 1\nagents: {a: observe}",
       "policy.yaml:2:13: agents.a is observe; expected a map: {mode: observe}"},
      {"version: 1\nagents: {a: }", "policy.yaml:2:10: agents.a is empty; expected a map: {mode: observe}"},
      {"version: 1\nagents: {a: {mode: enforce}}",
       "policy.yaml:2:20: agents.a.mode is \"enforce\": this version observes only and can't enforce yet; "
       "expected observe"},
      {"version: 1\nagents: {a: {mode: [observe]}}",
       "policy.yaml:2:20: agents.a.mode is a list; expected observe"},
      {"version: 1\nagents: {a: {mode: observe, limits: {}}}",
       "policy.yaml:2:29: unknown key \"limits\" in agents.a; expected mode"},
      {"version: 1\nagents: {a: {mode: observe}, a: {mode: observe}}",
       "policy.yaml:2:30: key \"a\" stands twice; expected it once (it is on line 2 already)"},
      {"version: 1\nagents: {'a:b': {mode: observe}}",
       "policy.yaml:2:10: the name of an agent holds a colon; expected a name that can stand in the "
       "passwords file"},
      {"version: 1\nagent: {a: {mode: observe}}",
       "policy.yaml:2:1: unknown key \"agent\"; expected version or agents (did you mean \"agents\"?)"},
      {"version: 1\nagents: {a: {mode: observe}}\ntables: {}",
       "policy.yaml:3:1: unknown key \"tables\"; expected version or agents"},
  };
  for (const auto& [text, problem] : texts) EXPECT_EQ(problems_of(text), problem) << "of: " << text;
}

}  // namespace
}  // namespace chaperone::rules
