#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/auth/proof.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::auth {

/// What has been revoked: single tokens, all that an agent has, all that was given to an actor. A plain
/// value.
///
/// Its file has an object a line: {"agent":"triage-bot","time":"2026-11-26T02:00:00Z"}, with "token" (the
/// `jti`), "agent" or "actor" for what it is.
class Revocations {
 public:
  enum class Kind : std::uint8_t { kToken, kAgent, kActor };

  /// The error's message begins with "<file>:<line>: ".
  static wire::Result<Revocations> from_text(std::string_view text, std::string_view file);
  std::string to_text() const;

  /// False: it is revoked already.
  bool add(Kind kind, std::string_view name, std::string_view time);
  /// False: it was not revoked.
  bool lift(Kind kind, std::string_view name);
  std::size_t size() const { return entries_.size(); }

  /// The file can't be read any more: what is revoked stays so, and nobody comes in with a token until it
  /// can.
  void set_unreadable() { readable_ = false; }
  bool readable() const { return readable_; }

  /// Why an identity is revoked, for the operator; nothing: it is not. An agent's revocation holds however it
  /// proved itself.
  std::optional<std::string> why(const ProvenIdentity& identity) const;

 private:
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.first != b.first ? a.first < b.first : std::string_view(a.second) < std::string_view(b.second);
    }
  };
  std::map<std::pair<Kind, std::string>, std::string, Less> entries_;  // with the time
  bool readable_ = true;
};

}  // namespace chaperone::auth
