#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chaperone::session {

/// Values by the exact bytes of a text and a number beside it, for one thread. Bounded by bytes; a text gets
/// in when it is seen for the second time, so that statements with a literal in them, seen once, do not push
/// the others out. `Value` is cheap to copy and keeps the text that its key views.
template <class Value>
class TextCache {
 public:
  static constexpr std::size_t kMaxBytes = 16U << 20;
  static constexpr std::size_t kMaxTextBytes = 64U << 10;

  /// The value as it was made before, or made now by `make()`. `text_of` gives the text that a value keeps,
  /// equal to `text`; `bytes_of` its size.
  template <class Make, class TextOf, class BytesOf>
  Value get(std::uint64_t number, std::string_view text, const Make& make, const TextOf& text_of,
            const BytesOf& bytes_of) {
    if (text.size() > kMaxTextBytes) {
      ++misses_;
      return make();
    }
    const Key key{number, text, std::hash<std::string_view>{}(text) ^ (number * 0x9e37'79b9'7f4a'7c15U)};
    if (const auto found = young_.find(key); found != young_.end()) {
      ++hits_;
      return found->second;
    }
    if (const auto found = old_.find(key); found != old_.end()) {
      ++hits_;
      Value value = found->second;
      insert({number, text_of(value), key.hash}, value, bytes_of(value));
      return value;
    }
    ++misses_;
    Value value = make();
    std::size_t& seen = seen_once_[key.hash % seen_once_.size()];
    if (seen == key.hash) {
      insert({number, text_of(value), key.hash}, value, bytes_of(value));
    } else {
      seen = key.hash;
    }
    return value;
  }

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Key {
    std::uint64_t number;
    std::string_view text;
    std::size_t hash;  // of both, made once for all look-ups
    bool operator==(const Key& other) const { return number == other.number && text == other.text; }
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept { return key.hash; }
  };
  using Values = std::unordered_map<Key, Value, Hash>;

  void insert(const Key& key, const Value& value, std::size_t bytes) {
    if (young_bytes_ > kMaxBytes / 2) {
      old_ = std::move(young_);
      young_ = {};
      young_bytes_ = 0;
    }
    young_.emplace(key, value);
    young_bytes_ += bytes + sizeof(Value) + 64;
  }

  // Two generations: a text that is used moves to the young one, and the old one is dropped whole.
  Values young_, old_;
  std::size_t young_bytes_ = 0;
  std::vector<std::size_t> seen_once_ = std::vector<std::size_t>(4096);
  std::uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace chaperone::session
