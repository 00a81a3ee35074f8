#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace chaperone::parser::testing {

/// The statements of regress_corpus.sql.
inline std::vector<std::string> read_regress_corpus() {
  std::ifstream file(SOURCE_DIR "/tests/parser/regress_corpus.sql");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> statements;
  constexpr std::string_view kMark = "--%\n";
  std::size_t start = text.find(kMark);
  while (start != std::string::npos) {
    start += kMark.size();
    const std::size_t end = text.find(kMark, start);
    statements.push_back(text.substr(start, end == std::string::npos ? end : end - start));
    start = end;
  }
  return statements;
}

}  // namespace chaperone::parser::testing
