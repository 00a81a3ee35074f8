#include "proxy/auth/revocations.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "proxy/auth/scram_verifier.hpp"
#include "proxy/auth/strict_json.hpp"

namespace chaperone::auth {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"token", "agent", "actor"};

std::string json_text(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

}  // namespace

wire::Result<Revocations> Revocations::from_text(std::string_view text, std::string_view file) {
  Revocations revocations;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto wrong = [&](std::string_view what) {
      return wire::Error{.sqlstate = kConfigFileError,
                         .message = fmt::format("{}:{}: {}", file, number, what)};
    };
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const auto entry = parse_json(line);
    if (!entry) return wrong(entry.error().message);
    const Json* time = entry->find("time");
    std::size_t known = time != nullptr && time->is_string() ? 1 : 0;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      const Json* name = entry->find(kKinds[kind]);
      if (name == nullptr || !name->is_string()) continue;
      ++known;
      revocations.add(static_cast<Kind>(kind), name->text, time != nullptr ? time->text : "");
    }
    if (known != entry->names.size() || known != 2) {
      return wrong(R"(expected {"token": .., "time": ..}, or agent or actor in place of token)");
    }
  }
  return revocations;
}

std::string Revocations::to_text() const {
  std::string text;
  for (const auto& [key, time] : entries_) {
    text += fmt::format("{{\"{}\":{},\"time\":{}}}\n", kKinds[static_cast<std::size_t>(key.first)],
                        json_text(key.second), json_text(time));
  }
  return text;
}

bool Revocations::add(Kind kind, std::string_view name, std::string_view time) {
  return entries_.emplace(std::pair(kind, std::string(name)), time).second;
}

bool Revocations::lift(Kind kind, std::string_view name) {
  const auto found = entries_.find(std::pair(kind, name));
  if (found == entries_.end()) return false;
  entries_.erase(found);
  return true;
}

std::optional<std::string> Revocations::why(const ProvenIdentity& identity) const {
  for (const auto& [kind, name] :
       {std::pair(Kind::kToken, &identity.token_id), std::pair(Kind::kAgent, &identity.agent),
        std::pair(Kind::kActor, &identity.actor)}) {
    const auto found =
        name->empty() ? entries_.end() : entries_.find(std::pair(kind, std::string_view(*name)));
    if (found == entries_.end()) continue;
    return fmt::format("the {} {} was revoked at {}", kKinds[static_cast<std::size_t>(kind)],
                       json_text(*name), found->second);
  }
  return std::nullopt;
}

}  // namespace chaperone::auth
