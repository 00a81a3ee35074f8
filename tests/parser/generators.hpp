#pragma once

#include <ctime>
#include <string>
#include <string_view>

/// Texts of any depth and width.
namespace chaperone::parser::testing {

inline std::string repeat(std::string_view piece, std::size_t times) {
  if (piece.size() == 1) return std::string(times, piece.front());
  std::string text;
  text.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

/// A statement of a given number of terms or levels.
struct Generator {
  const char* name;
  std::string_view head;
  std::string_view piece;
  std::string_view middle;
  std::string_view closing;
  bool counts = true;  ///< every term is a token or more

  std::string text(std::size_t terms) const {
    return std::string(head) + repeat(piece, terms) + std::string(middle) + repeat(closing, terms);
  }
};

inline constexpr Generator kGenerators[] = {
    {"operators", "SELECT 1", "+1", "", ""},
    {"parentheses", "SELECT ", "(", "1", ")"},
    {"nested subselects", "SELECT ", "(SELECT ", "1", ")"},
    {"NOT", "SELECT ", "NOT ", "true", ""},
    {"unary minus", "SELECT ", "- ", "1", ""},
    {"casts", "SELECT 1", "::int", "", ""},
    {"AND", "SELECT true", " AND true", "", ""},
    {"UNION", "SELECT 1", " UNION SELECT 1", "", ""},
    {"ARRAY", "SELECT ARRAY", "[", "1", "]"},
    {"CASE", "SELECT ", "CASE WHEN true THEN ", "1", " END"},
    {"function calls", "SELECT ", "f(", "1", ")"},
    {"joins", "SELECT 1 FROM a", " CROSS JOIN a", "", ""},
    {"indirection", "SELECT a", "[1]", "", ""},
    {"statements", "", "SELECT 1;", "", ""},
    {"empty statements", "", ";", "", ""},
    {"names", "SELECT a", ".a", "", ""},
    {"strings", "SELECT ''", "\n''", "", "", false},
    {"comments", "SELECT 1", " /**/", "", "", false},
    {"nested comments", "SELECT 1 ", "/* ", "", "*/ ", false},
    {"line comments", "SELECT 1\n", "--\n", "", "", false},
    {"list", "SELECT 1", ",1", "", ""},
    {"rows", "VALUES (1)", ",(1)", "", ""},
};

/// Far above what an optimised build takes, so that a slow machine, a debug build or a sanitizer does not
/// fail, and far below what quadratic work would take on these texts.
inline constexpr double kBoundedSeconds = 5;

template <class F>
double cpu_seconds(F&& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace chaperone::parser::testing
