#include "rules/rewrite/context.hpp"

#include <fmt/format.h>

#include <string_view>

namespace chaperone::rules {

std::string percent_encoded(std::string_view value) {
  std::string result;
  for (const char byte : value) {
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') ||
                       std::string_view("-._~").find(byte) != std::string_view::npos;
    if (plain) {
      result += byte;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    }
  }
  return result;
}

std::string context_comment(const Principal& principal, std::string_view rule) {
  std::string fields;
  const auto add = [&fields](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    fields += fmt::format("{}{}='{}'", fields.empty() ? "" : ",", key, percent_encoded(value));
  };
  add("actor", principal.actor);
  add("agent", principal.agent);
  add("rule", rule);
  add("task", principal.task);
  return fields.empty() ? fields : fmt::format("/*{}*/ ", fields);
}

std::string application_name(const Principal& principal, std::string_view client) {
  constexpr std::size_t kLongest = 63;  // NAMEDATALEN - 1
  std::string name = principal.agent;
  if (!principal.task.empty()) name += fmt::format("/{}", principal.task);
  if (client.starts_with(name)) {
    const std::string_view rest = client.substr(name.size());
    if (rest.empty() || rest.front() == ' ') client = rest.substr(rest.empty() ? 0 : 1);
  }
  if (!client.empty()) name += fmt::format(" {}", client);
  if (name.size() > kLongest) {
    std::size_t end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
    name.resize(end);
  }
  return name;
}

void add_context(const parser::Script& script, const std::string& comment, CommentPlace place,
                 parser::EditScript& edits) {
  if (comment.empty() || place == CommentPlace::kOff) return;
  for (const parser::Statement& statement : script.statements) {
    const parser::Span& span = statement.span;
    if (place == CommentPlace::kFront) {
      edits.insert_first(span.offset, {{comment, false}});
    } else {
      edits.insert(span.offset + span.length, {{" ", false}, {comment, false}});
    }
  }
}

}  // namespace chaperone::rules
