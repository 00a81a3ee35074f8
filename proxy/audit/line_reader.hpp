#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/audit/file.hpp"
#include "proxy/audit/json.hpp"
#include "proxy/wire/error.hpp"

namespace chaperone::audit {

/// Reads a file line by line, front to back, in the memory of its longest line.
class LineReader {
 public:
  static wire::Result<LineReader> open(const std::string& path);

  /// The next line without its newline, valid until the next call; false at the end of what is there now. A
  /// last line that has no newline yet is not given: unfinished() has it.
  wire::Result<bool> next(std::string_view& line);
  /// After next() gave false: what stands behind the last newline.
  std::string_view unfinished() const { return buffer_.view().substr(begin_); }

  /// Goes to where the last `count` lines begin.
  wire::Result<void> seek_to_last(std::size_t count);
  /// Goes to a place in the file, the beginning of a line.
  void seek(std::uint64_t offset);
  /// Where the next line begins.
  std::uint64_t offset() const { return read_ - (buffer_.size() - begin_); }
  std::uint64_t size() const;
  const std::string& path() const { return path_; }
  /// Whether the path names another file than the one that is open.
  bool replaced() const;

 private:
  LineReader(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  std::string path_;
  Descriptor descriptor_;
  Buffer buffer_;
  std::size_t begin_ = 0;    // of the next line in buffer_
  std::size_t scanned_ = 0;  // up to where there is no newline behind begin_
  std::uint64_t read_ = 0;   // offset of the end of buffer_ in the file
};

}  // namespace chaperone::audit
