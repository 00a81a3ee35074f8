#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chaperone::session {

/// Values by the exact bytes of a text and a number beside it, for one thread. Bounded by bytes; a text is
/// worth keeping when it is seen for the second time (seen_before()), so that statements with a literal in
/// them, seen once, do not push the others out. `Value` is cheap to copy.
template <class Value>
class TextCache {
 public:
  static constexpr std::size_t kMaxBytes = 16U << 20;
  static constexpr std::size_t kMaxTextBytes = 64U << 10;

  /// What a value is found by; views the text.
  struct Key {
    Key(std::uint64_t beside, std::string_view sql)
        : number(beside),
          text(sql),
          hash(fits() ? std::hash<std::string_view>{}(sql) ^ (beside * kOdd) : 0) {}
    bool fits() const { return text.size() <= kMaxTextBytes; }

    std::uint64_t number;
    std::string_view text;
    std::size_t hash;  // of both, made once for all look-ups

   private:
    static constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15U;
  };

  /// What was kept, or nullptr; valid until the next call.
  const Value* find(const Key& key) {
    if (!key.fits()) return nullptr;
    if (const auto found = young_.find(key); found != young_.end()) return &found->second;
    const auto found = old_.find(key);
    if (found == old_.end()) return nullptr;
    auto node = old_.extract(found);
    make_room();
    young_bytes_ += node.key().bytes;
    return &young_.insert(std::move(node)).position->second;
  }

  /// Whether it has been asked for this one before. It may forget that.
  bool seen_before(const Key& key) {
    if (!key.fits()) return false;
    return std::exchange(seen_once_[key.hash % seen_once_.size()], key.hash) == key.hash;
  }

  /// `bytes`: memory that the value takes.
  void keep(const Key& key, Value value, std::size_t bytes) {
    if (!key.fits()) return;
    make_room();
    const std::size_t all = bytes + key.text.size() + sizeof(Stored) + sizeof(Value) + 64;
    if (young_.try_emplace(Stored{key.number, std::string(key.text), key.hash, all}, std::move(value)).second)
      young_bytes_ += all;
  }

 private:
  struct Stored {
    std::uint64_t number;
    std::string text;
    std::size_t hash;
    std::size_t bytes;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const noexcept { return key.hash; }
    std::size_t operator()(const Stored& stored) const noexcept { return stored.hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const { return a.number == b.number && a.text == b.text; }
  };
  using Values = std::unordered_map<Stored, Value, Hash, Equal>;

  void make_room() {
    if (young_bytes_ <= kMaxBytes / 2) return;
    old_ = std::exchange(young_, {});
    young_bytes_ = 0;
  }

  // Two generations: a text that is used moves to the young one, and the old one is dropped whole.
  Values young_, old_;
  std::size_t young_bytes_ = 0;
  std::vector<std::size_t> seen_once_ = std::vector<std::size_t>(4096);
};

}  // namespace chaperone::session
