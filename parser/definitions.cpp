#include "parser/definitions.hpp"

namespace chaperone::parser {

namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::optional<std::vector<std::string>> split_identifiers(std::string_view list) {
  constexpr std::size_t kLongest = 63;
  std::vector<std::string> out;
  std::size_t i = 0;
  const auto skip_blank = [&] {
    while (i < list.size() && is_blank(list[i])) ++i;
  };
  skip_blank();
  if (i == list.size()) return out;
  while (true) {
    std::string name;
    if (i < list.size() && list[i] == '"') {
      for (++i;; ++i) {
        if (i == list.size()) return {};
        if (list[i] == '"' && (i + 1 == list.size() || list[++i] != '"')) break;
        name += list[i];
      }
      if (i < list.size() && list[i] == '"') ++i;
    } else {
      while (i < list.size() && list[i] != ',' && !is_blank(list[i])) name += lower(list[i++]);
      if (name.empty()) return {};
    }
    if (name.size() > kLongest) {
      std::size_t end = kLongest;
      while ((static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
      name.resize(end);
    }
    out.push_back(std::move(name));
    skip_blank();
    if (i == list.size()) return out;
    if (list[i++] != ',') return {};
    skip_blank();
  }
}

}  // namespace chaperone::parser
