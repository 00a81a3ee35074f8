#include "proxy/auth/attributes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace chaperone::auth {

AttributeReader::AttributeReader(std::string_view text, wire::Error malformed)
    : text_(text), malformed_(std::move(malformed)) {
}

wire::Result<std::string_view> AttributeReader::value(char name) {
  if (!text_.starts_with(name)) {
    return malformed(
        fmt::format("Expected attribute \"{}\" but found \"{}\".", name, sanitized_front(text_)));
  }
  return value_of(name);
}

wire::Result<Attribute> AttributeReader::any() {
  if (text_.empty()) return malformed("Attribute expected, but found end of string.");
  const char name = text_.front();
  if (!((name >= 'A' && name <= 'Z') || (name >= 'a' && name <= 'z'))) {
    return malformed(
        fmt::format("Attribute expected, but found invalid character \"{}\".", sanitized_front(text_)));
  }
  const wire::Result<std::string_view> value = value_of(name);
  if (!value) return value.error();
  return Attribute{name, *value};
}

wire::Result<std::string_view> AttributeReader::value_of(char name) {
  text_.remove_prefix(1);
  if (!text_.starts_with('='))
    return malformed(fmt::format("Expected character \"=\" for attribute \"{}\".", name));
  text_.remove_prefix(1);
  const std::string_view value = text_.substr(0, text_.find(','));
  more_ = value.size() < text_.size();
  text_.remove_prefix(value.size() + (more_ ? 1 : 0));
  return {boost::system::in_place_value, value};
}

wire::Error AttributeReader::malformed(std::string detail) const {
  wire::Error error = malformed_;
  error.detail = std::move(detail);
  return error;
}

std::string sanitized_front(std::string_view text) {
  const auto c = static_cast<unsigned char>(text.empty() ? '\0' : text.front());
  if (c >= 0x21 && c <= 0x7e) return fmt::format("'{}'", static_cast<char>(c));
  return fmt::format("0x{:02x}", c);
}

bool is_scram_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e && c != ','; });
}

std::string auth_message(std::string_view client_first_bare, std::string_view server_first,
                         std::string_view client_final_without_proof) {
  return fmt::format("{},{},{}", client_first_bare, server_first, client_final_without_proof);
}

}  // namespace chaperone::auth
