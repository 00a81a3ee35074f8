#include "proxy/config_reader.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "rules/file.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

std::optional<std::string> read(const Reader& reader, const rules::yaml::Value& value, std::size_t max_bytes,
                                bool secret) {
  const auto name = reader.path(value, "the path of a file");
  if (!name) return {};
  reader.files.push_back({value.path(), *name, secret});
  rules::File file = rules::read_file(*name, max_bytes);
  if (!file.error.empty()) {
    value.problem(fmt::format("{} can't be read: {}", rules::in_quotes(*name), file.error),
                  "a readable file");
    return {};
  }
  if (secret && !rules::is_private(file)) {
    value.problem(
        fmt::format("{} is open to others than its owner (mode {:04o})", rules::in_quotes(*name), file.mode),
        fmt::format("mode 0600 (chmod 600 {})", *name));
    return {};
  }
  return std::move(file.text);
}

}  // namespace

std::string Reader::resolve(const std::string& path) const {
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

std::optional<session::Address> Reader::address(const rules::yaml::Value& value,
                                                const AddressRule& rule) const {
  const auto text = value.text(address_form(rule));
  if (!text) return {};
  std::string problem;
  auto address = parse_address(*text, rule, problem);
  if (!address) value.problem(fmt::format("{} is no address: {}", value.path(), problem), address_form(rule));
  return address;
}

std::optional<std::string> Reader::path(const rules::yaml::Value& value, std::string_view expected) const {
  auto text = value.text(expected);
  if (text) text = resolve(*text);
  return text;
}

std::optional<std::string> Reader::file(const rules::yaml::Value& value, std::size_t max_bytes) const {
  return read(*this, value, max_bytes, false);
}

std::optional<std::string> Reader::secret_file(const rules::yaml::Value& value, std::size_t max_bytes) const {
  return read(*this, value, max_bytes, true);
}

}  // namespace chaperone::config
