#include <fmt/format.h>

#include "rules/file.hpp"
#include "rules/policy/load.hpp"
#include "rules/policy/yaml.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

std::shared_ptr<const PolicySet> load_policy_file(const std::string& path, const Catalog& catalog,
                                                  Problems& problems) {
  const File file = read_file(path, yaml::kMaxFileBytes);
  if (!file.error.empty()) {
    problems.add_line(fmt::format("{} can't be read: {}", in_quotes(path), file.error));
    return nullptr;
  }
  return std::make_shared<const PolicySet>(load_policy(file.text, path, catalog, problems));
}

}  // namespace chaperone::rules
