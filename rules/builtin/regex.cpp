#include "rules/builtin/regex.hpp"

namespace chaperone::rules {

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(" _-@,:;/'\"#%&=<>!~").find(c) != std::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

bool always_compiles(std::string_view pattern) {
  if (pattern.size() > 200) return false;
  std::size_t i = pattern.starts_with('^') ? 1 : 0;
  const std::size_t end =
      pattern.ends_with('$') && !pattern.ends_with("\\$") ? pattern.size() - 1 : pattern.size();
  while (i < end) {
    const char c = pattern[i++];
    if (c == '\\') {
      if (i == end ||
          std::string_view("dswDSW.\\+*?()[]{}|^$/-").find(pattern[i++]) == std::string_view::npos) {
        return false;
      }
    } else if (c == '[') {
      if (i < end && pattern[i] == '^') ++i;
      const std::size_t close = pattern.find(']', i);
      if (close == std::string_view::npos || close >= end || close == i) return false;
      for (; i < close; ++i) {
        if (!is_plain(pattern[i]) && pattern[i] != '.') return false;
        if (pattern[i] == '-' && i + 1 != close) return false;
        if (i + 2 < close && pattern[i + 1] == '-') {
          const std::string_view range = pattern.substr(i, 3);
          if (range != "a-z" && range != "A-Z" && range != "0-9") return false;
          i += 2;
        }
      }
      i = close + 1;
    } else if (c != '.' && !is_plain(c)) {
      return false;
    }
    if (i < end && (pattern[i] == '*' || pattern[i] == '+' || pattern[i] == '?')) ++i;
  }
  return true;
}

}  // namespace chaperone::rules
