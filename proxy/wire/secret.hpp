#pragma once

#include <string.h>  // NOLINT(modernize-deprecated-headers): explicit_bzero

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chaperone::wire {

/// Zeroes what is given back, also where a container grows or moves.
template <class T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}  // NOLINT: as allocators convert

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* at, std::size_t count) noexcept {
    ::explicit_bzero(at, count * sizeof(T));
    std::allocator<T>().deallocate(at, count);
  }
  friend bool operator==(WipingAllocator, WipingAllocator) { return true; }
};

/// Zeroes a text where it stands, and leaves it empty. What it had outgrown before is not reached.
inline void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

/// A password, token or key: nothing of it is left in memory that was given back, or in what it was moved out
/// of. (A std::string keeps short texts inside itself, and moves leave them there.)
class Secret {
 public:
  Secret() = default;
  /// A copy of the text, which stays where it is.
  template <std::convertible_to<std::string_view> Text>
  Secret(const Text& text) {  // NOLINT: a secret is a text
    append(text);
  }
  /// What the text holds; the text is wiped.
  static Secret taken_from(std::string& text) {
    Secret secret(text);
    wipe(text);
    return secret;
  }

  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  void append(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void reserve(std::size_t size) { bytes_.reserve(size); }
  /// Without its last byte, which has to be there.
  void pop_back() { bytes_.pop_back(); }
  void clear() { std::vector<char, WipingAllocator<char>>().swap(bytes_); }
  bool operator==(const Secret&) const = default;

 private:
  std::vector<char, WipingAllocator<char>> bytes_;
};

}  // namespace chaperone::wire
