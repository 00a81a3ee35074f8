#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "proxy/auth/jwk.hpp"
#include "proxy/auth/revocations.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::commands {

/// The `state` directory: what outlives a process, and what commands tell a running `serve`. Files are
/// replaced whole, so that whoever reads finds the old or the new one; they belong to the directory's owner.
///
///     token.key          the built-in token service's private key (PEM), for its owner alone
///     token_keys.json    the public keys that verify its tokens, older ones too (a JWK Set)
///     revocations.jsonl  what has been revoked
///     instance           the name of this proxy, where the configuration gives none
class State {
 public:
  explicit State(std::string directory) : directory_(std::move(directory)) {}

  std::string path(std::string_view name) const;
  /// Nothing: there is no key yet.
  wire::Result<std::optional<auth::SigningKey>> signing_key() const;
  /// Puts a new key in place. The ones before go on verifying what they signed, unless `alone`. Makes the
  /// directory where it is missing.
  wire::Result<void> set_signing_key(const auth::SigningKey& key, bool alone) const;
  wire::Result<auth::KeySet> keys() const;
  /// The name that is kept there, or a random one that is kept from now on.
  wire::Result<std::string> instance() const;
  /// None where there is no file.
  wire::Result<auth::Revocations> revocations() const;
  /// Reads, lets `change` change, and writes, one process at a time.
  template <class Change>
  wire::Result<void> change_revocations(Change&& change) const {
    const Lock lock(*this);
    auto list = revocations();
    if (!list) return list.error();
    change(*list);
    return write(kRevocationsFile, list->to_text(), 0644);
  }

  static constexpr std::string_view kKeyFile = "token.key";
  static constexpr std::string_view kRevocationsFile = "revocations.jsonl";

 private:
  /// Of the directory, among processes.
  class Lock {
   public:
    explicit Lock(const State& state);
    ~Lock();
    Lock(const Lock&) = delete;

   private:
    int descriptor_;
  };

  wire::Result<void> write(std::string_view name, std::string_view text, mode_t mode) const;

  std::string directory_;
};

/// Looks whether the revocations have changed: one stat() a look, and a read where they have.
class RevocationsWatch {
 public:
  explicit RevocationsWatch(State state) : state_(std::move(state)) {}

  /// What is revoked, where that is not what it was at the last look. What can't be read leaves the last list
  /// in force, marked unreadable, and `problem` says why.
  std::shared_ptr<const auth::Revocations> look(std::string& problem);

 private:
  using Mark = std::tuple<ino_t, off_t, std::int64_t, std::int64_t>;  // with the times of change

  State state_;
  std::optional<Mark> seen_;
  auth::Revocations list_;
};

}  // namespace chaperone::commands
