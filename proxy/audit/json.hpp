#pragma once

#include <charconv>
#include <concepts>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

/// Writing JSON by appending bytes: what records are made with on the path of every statement.
namespace chaperone::audit {

/// Bytes that grow at their end. Unlike std::string, room that is asked for is not filled first, so that
/// several pieces can be written through one pointer: `char* end = buffer.room(64); end = put(end, ..);
/// buffer.end_at(end);`
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  std::string_view view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Its memory is kept for what comes next, unless a huge line made it large.
  void clear();
  /// Drops what stands behind the first `size` bytes.
  void cut(std::size_t size) { size_ = size; }
  /// Drops the first `count` bytes.
  void drop_front(std::size_t count);

  /// Where the next byte goes, with room for `count` of them; valid until the next call.
  char* room(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    return data_.get() + size_;
  }
  void end_at(const char* end) { size_ = static_cast<std::size_t>(end - data_.get()); }
  void append(std::string_view bytes);

 private:
  void swap(Buffer& other) noexcept {
    data_.swap(other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void grow(std::size_t count);

  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

inline char* put(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

template <std::integral Number>
char* put_number(char* at, Number number) {
  return std::to_chars(at, at + 20, number).ptr;
}

/// Two lower-case hex digits a byte.
char* put_hex(char* at, std::string_view bytes);

/// Appends text as a JSON string with its quotes, valid whatever the bytes are. Control characters are
/// escaped, DEL and C1 (U+0080 to U+009F) too, so that a line shown on a terminal does not drive it. Each
/// byte that is not UTF-8 becomes U+FFFD; false says that there was one.
[[nodiscard]] bool append_json_string(Buffer& to, std::string_view text);

}  // namespace chaperone::audit
