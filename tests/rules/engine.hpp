#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/evaluate/evaluate.hpp"
#include "rules/policy/load.hpp"

namespace chaperone::rules {

/// A catalog and a policy to ask, out of texts. Both must be without problems.
class Engine {
 public:
  Engine(std::string_view schema, std::string_view policy) {
    Problems problems;
    catalog_ = load_catalog_sql(schema, "schema.sql", problems);
    EXPECT_TRUE(problems.empty()) << problems.text();
    if (catalog_ == nullptr || !problems.empty()) return;
    policy_ = load_policy(policy, "policy.yaml", *catalog_, problems);
    EXPECT_TRUE(problems.empty()) << problems.text();
  }

  const Catalog& catalog() const { return *catalog_; }
  const PolicySet& policy() const { return policy_; }

  /// The facts live as long as the engine, and so does what views of them.
  const parser::Facts& read(std::string_view sql) const {
    auto facts = parser::read_facts(sql);
    EXPECT_TRUE(facts) << sql << ": " << (facts ? "" : facts.error().message);
    kept_.push_back(std::make_unique<parser::Facts>(facts ? std::move(*facts) : parser::Facts()));
    return *kept_.back();
  }

  Verdict decide(std::string_view agent, std::string_view sql) const {
    const Agent* found = policy_.find_agent(agent);
    EXPECT_NE(found, nullptr) << agent;
    auto facts = parser::read_facts(sql);
    if (!facts) {
      Verdict verdict;
      verdict.denial = refusal(facts.error(), sql);
      return verdict;
    }
    kept_.push_back(std::make_unique<parser::Facts>(std::move(*facts)));
    return evaluate(*found, *catalog_, *kept_.back());
  }

  /// "allow", or the denial's message.
  std::string answer(std::string_view agent, std::string_view sql) const {
    const Verdict verdict = decide(agent, sql);
    return verdict.allow ? "allow" : verdict.denial->message;
  }

 private:
  std::shared_ptr<const Catalog> catalog_;
  PolicySet policy_;
  mutable std::vector<std::unique_ptr<parser::Facts>> kept_;
};

}  // namespace chaperone::rules
