#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace chaperone::audit {

inline constexpr std::size_t kHashDigits = 64;

/// SHA-256 with one context for all its messages. Not thread-safe.
class Sha256 {
 public:
  using Digest = std::array<char, 32>;

  /// Throws std::runtime_error if OpenSSL has no SHA-256 to give.
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  /// Of `first` and `second`, one after the other.
  Digest operator()(std::string_view first, std::string_view second = {});

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// HMAC-SHA-256 (RFC 2104) with one key.
class Hmac {
 public:
  explicit Hmac(std::string_view key);
  Sha256::Digest operator()(std::string_view message);

 private:
  Sha256 sha256_;
  std::array<char, 64> inner_;
  std::array<char, 64> outer_;
};

/// 32 random bytes, made once a process.
const std::string& process_key();

inline std::string_view bytes_of(const Sha256::Digest& digest) {
  return {digest.data(), digest.size()};
}

}  // namespace chaperone::audit
