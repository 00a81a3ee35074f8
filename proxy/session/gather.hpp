#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chaperone::session {

/// Bytes to be sent in one direction, in order. Most are views into what was received and cost nothing; what
/// has to be made or outlive its buffer is kept inside, and so is what is short beside it: one piece goes out
/// with others' in one call. Cleared and used again, so that steady traffic does not allocate.
class Gather {
 public:
  /// Adds bytes that stay where they are until clear(). Neighbours become one piece.
  void view(std::string_view bytes) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    if (!pieces_.empty()) {
      auto& last = pieces_.back();
      if (last.data != nullptr && last.data + last.size == bytes.data()) {
        last.size += bytes.size();
        return;
      }
      if (last.data == nullptr && bytes.size() <= kShort) {
        made_.append(bytes);
        last.size += bytes.size();
        return;
      }
    }
    pieces_.push_back({bytes.data(), 0, bytes.size()});
  }

  /// Adds what `encode` appends to the string that it is given.
  template <class Encode>
  void write(Encode&& encode) {
    const auto before = made_.size();
    encode(made_);
    const auto added = made_.size() - before;
    if (added == 0) return;
    size_ += added;
    if (!pieces_.empty() && pieces_.back().data == nullptr) {
      pieces_.back().size += added;
      return;
    }
    if (!pieces_.empty() && pieces_.back().size <= kShort) {
      auto& last = pieces_.back();
      made_.insert(before, last.data, last.size);
      last = {nullptr, before, last.size + added};
      return;
    }
    pieces_.push_back({nullptr, before, added});
  }

  /// Adds a copy of the bytes.
  void copy(std::string_view bytes) {
    write([bytes](std::string& out) { out.append(bytes); });
  }

  /// Takes a buffer over until clear(), so that views into the result may be added. Adds nothing by itself.
  std::string_view keep(std::string&& buffer) {
    return *kept_.emplace_back(std::make_unique<std::string>(std::move(buffer)));
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  std::size_t pieces() const { return pieces_.size(); }
  std::string_view piece(std::size_t index) const {
    const auto& piece = pieces_[index];
    return {piece.data != nullptr ? piece.data : made_.data() + piece.offset, piece.size};
  }

  /// All bytes as one string, for tests and for what could not be sent at once. `skip`: without so many at
  /// the front.
  std::string flatten(std::size_t skip = 0) const {
    std::string all;
    all.reserve(size_ - skip);
    for (std::size_t i = 0; i < pieces(); ++i) {
      const auto bytes = piece(i);
      const auto cut = std::min(skip, bytes.size());
      skip -= cut;
      all.append(bytes.substr(cut));
    }
    return all;
  }

  void clear() {
    pieces_.clear();
    if (made_.capacity() > kKeepCapacity) {
      made_ = {};
    } else {
      made_.clear();
    }
    kept_.clear();
    size_ = 0;
  }

 private:
  struct Piece {
    const char* data;  // nullptr = in made_, at offset
    std::size_t offset;
    std::size_t size;
  };
  static constexpr std::size_t kKeepCapacity = 64U << 10;
  static constexpr std::size_t kShort = 4U << 10;

  std::vector<Piece> pieces_;
  std::string made_;
  std::vector<std::unique_ptr<std::string>> kept_;
  std::size_t size_ = 0;
};

}  // namespace chaperone::session
