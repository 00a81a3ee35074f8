#pragma once

#include <CLI/App.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/check.hpp"
#include "rules/policy/policy.hpp"

namespace chaperone::commands {

/// What `check` and `explain` decide by, as their options name it.
struct SubjectOptions {
  std::string policy;
  std::string schema;
  std::string agent;  ///< empty: the policy's only one
  std::string actor;
  std::string task;
  std::vector<std::string> parameters;  ///< NAME=VALUE
};

struct Subjects {
  std::shared_ptr<const rules::Catalog> catalog;
  std::shared_ptr<const rules::PolicySet> policy;
  const rules::Agent* agent = nullptr;
  rules::Principal principal;
  std::vector<std::string> missing;  ///< parameters that come from a claim and were given no value
};

/// --policy, --schema, --as, --param, --actor, --task.
void add_subject_options(CLI::App& command, SubjectOptions& options);

/// Reads them. What is wrong goes to `errors`, each problem a line, and false comes back.
bool load_subjects(const SubjectOptions& options, Subjects& subjects, std::ostream& errors);

}  // namespace chaperone::commands
