#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chaperone::rules {

/// A place in a file. Both count from 1; columns count characters.
struct Mark {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Mark&) const = default;
};

/// All that is wrong with a file and the files it names, each as "<file>:<line>:<column>: <what>; expected
/// <what>".
class Problems {
 public:
  void add(std::string_view file, Mark mark, std::string_view what, std::string_view expected);
  /// What is no mistake for certain: it holds nothing up. As "<file>:<line>:<column>: <what>; <advice>".
  void warn(std::string_view file, Mark mark, std::string_view what, std::string_view advice);
  /// A whole line that another reader made.
  void add_line(std::string line);

  bool empty() const { return problems_.empty(); }
  /// One a line, those of a file together and in the order of their places. A file with hundreds of them is
  /// told the first hundred.
  std::string text() const;
  /// The warnings, in the order in which they were found.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Problem {
    std::size_t file;  // index in files_, so that files stay in the order in which they were met
    Mark mark;
    std::string line;
  };
  std::size_t file_index(std::string_view file);

  std::vector<std::string> files_;
  std::vector<Problem> problems_;
  std::vector<std::string> warnings_;
};

}  // namespace chaperone::rules
