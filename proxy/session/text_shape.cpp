#include "proxy/session/text_shape.hpp"

#include <algorithm>
#include <array>

namespace chaperone::session {
namespace {

enum class ByteClass : std::uint8_t { kPlain, kForbidden, kOperator };

constexpr auto kClasses = [] {
  std::array<ByteClass, 256> classes{};
  for (std::size_t byte = 0x80; byte < classes.size(); ++byte) classes[byte] = ByteClass::kForbidden;
  for (const char byte : std::string_view("\0'\"$\\", 5))
    classes[static_cast<unsigned char>(byte)] = ByteClass::kForbidden;
  // The bytes of an operator (scan.l, op_chars), and the colon of `::` and `:=`.
  for (const char byte : std::string_view("~!@#^&|`?+-*/%<>=:"))
    classes[static_cast<unsigned char>(byte)] = ByteClass::kOperator;
  return classes;
}();

ByteClass class_of(char byte) {
  return kClasses[static_cast<unsigned char>(byte)];
}

bool is_blank(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r' || byte == '\f';
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool is_comparison(std::string_view name) {
  if (name.size() == 1) return name[0] == '=' || name[0] == '<' || name[0] == '>';
  return name == "<=" || name == ">=" || name == "<>" || name == "!=";
}

}  // namespace

std::string_view TextShape::of(std::string_view sql) {
  constexpr std::size_t kMostDigits = 9;
  constants_.clear();
  const std::size_t size = sql.size();
  for (std::size_t at = 0; at < size;) {
    const ByteClass kind = class_of(sql[at]);
    if (kind == ByteClass::kPlain) {
      ++at;
      continue;
    }
    if (kind == ByteClass::kForbidden) return {};
    const std::size_t start = at;
    while (at < size && class_of(sql[at]) == ByteClass::kOperator) ++at;
    const std::string_view name = sql.substr(start, at - start);
    if (!is_comparison(name)) {
      if (name.find("--") != std::string_view::npos || name.find("/*") != std::string_view::npos) return {};
      continue;
    }
    while (at < size && is_blank(sql[at])) ++at;
    const std::size_t first = at;
    while (at < size && is_digit(sql[at])) ++at;
    const std::size_t digits = at - first;
    if (digits == 0 || digits > kMostDigits) continue;
    if (at < size && !is_blank(sql[at]) && sql[at] != ')' && sql[at] != ',' && sql[at] != ';') continue;
    constants_.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(digits)});
  }
  if (constants_.empty()) return {};
  shape_.assign(sql);
  for (const auto& constant : constants_) {
    std::fill_n(shape_.begin() + constant.offset, constant.length, '0');
  }
  return shape_;
}

std::string TextShape::twin(std::string_view sql) const {
  std::string other(sql);
  std::uint32_t count = 0;
  for (const auto& constant : constants_) {
    std::uint32_t number = count++;
    for (std::uint32_t i = constant.offset + constant.length; i-- > constant.offset; number /= 8) {
      // One of the eight digits that are neither 0 nor this one.
      const auto own = static_cast<std::uint32_t>(sql[i] - '0');
      std::uint32_t digit = 1 + number % 8;
      if (own != 0 && digit >= own) ++digit;
      other[i] = static_cast<char>('0' + digit);
    }
  }
  return other;
}

bool is_query_text(const parser::Script& script) {
  using parser::StatementKind;
  return !script.statements.empty() && std::ranges::all_of(script.statements, [](const auto& statement) {
    return statement.kind == StatementKind::kSelect || statement.kind == StatementKind::kInsert ||
           statement.kind == StatementKind::kUpdate || statement.kind == StatementKind::kDelete;
  });
}

}  // namespace chaperone::session
