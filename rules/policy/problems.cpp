#include "rules/policy/problems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace chaperone::rules {
namespace {

constexpr std::size_t kShown = 100;

}  // namespace

std::size_t Problems::file_index(std::string_view file) {
  const auto index = static_cast<std::size_t>(std::find(files_.begin(), files_.end(), file) - files_.begin());
  if (index == files_.size()) files_.emplace_back(file);
  return index;
}

void Problems::add(std::string_view file, Mark mark, std::string_view what, std::string_view expected) {
  problems_.push_back(
      {file_index(file), mark,
       fmt::format("{}:{}:{}: {}; expected {}", file, mark.line, mark.column, what, expected)});
}

void Problems::warn(std::string_view file, Mark mark, std::string_view what, std::string_view advice) {
  warnings_.push_back(fmt::format("{}:{}:{}: {}; {}", file, mark.line, mark.column, what, advice));
}

void Problems::add_line(std::string line) {
  files_.emplace_back();
  problems_.push_back({files_.size() - 1, {}, std::move(line)});
}

std::string Problems::text() const {
  std::vector<const Problem*> sorted;
  for (const Problem& problem : problems_) sorted.push_back(&problem);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem* a, const Problem* b) {
    return std::tie(a->file, a->mark) < std::tie(b->file, b->mark);
  });
  std::string out;
  for (std::size_t i = 0; i < sorted.size() && i < kShown; ++i) {
    if (i > 0) out += '\n';
    out += sorted[i]->line;
  }
  if (sorted.size() > kShown) out += fmt::format("\n.. and {} more", sorted.size() - kShown);
  return out;
}

}  // namespace chaperone::rules
