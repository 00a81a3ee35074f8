#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/wire/error.hpp"

/// Files of the log and the system calls on them. Errors carry SQLSTATE 53100 and name the file.
namespace chaperone::audit {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int operator*() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// "audit log <file>: <what>: <the system's word for errno>".
wire::Error system_error(std::string_view file, std::string_view what, int number);

/// Whether the path names this very file.
bool is_named(const Descriptor& descriptor, const std::string& path);

/// A file that lines are appended to.
class LogFile {
 public:
  /// Opens or creates it; its lines stay.
  static wire::Result<std::shared_ptr<LogFile>> open(const std::string& path);
  /// An empty one, whatever was there.
  static wire::Result<std::shared_ptr<LogFile>> create(const std::string& path);

  /// All of `bytes` or none: what a failed write left behind is cut off again. Where that fails too,
  /// leftover() says how many of the bytes are in the file.
  wire::Result<void> append(std::string_view bytes);
  std::size_t leftover() const { return leftover_; }
  wire::Result<void> cut(std::uint64_t size);
  /// fdatasync. May run while another thread appends.
  wire::Result<void> sync() const;
  /// What is on disk of the first `size` bytes, all but the newest of them, need not stay in memory. May run
  /// while another thread appends.
  void let_go(std::uint64_t size) const;

  /// Whether the path still names this very file.
  bool in_place() const;
  /// What another process did to it: "was moved or removed", "was truncated"; empty = nothing.
  std::string_view disturbed() const;
  /// Bytes from `offset` on, fewer only at the end.
  wire::Result<std::string> read(std::uint64_t offset, std::size_t count) const;
  /// Renames it, never over a file that holds anything.
  wire::Result<void> move_to(const std::string& path);

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }

 private:
  LogFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}
  static wire::Result<std::shared_ptr<LogFile>> open(const std::string& path, int flags);

  std::string path_;
  Descriptor descriptor_;
  std::uint64_t size_ = 0;
  std::size_t leftover_ = 0;
};

/// Takes `.<name>.lock` beside the file for as long as it is open: one process a log.
wire::Result<Descriptor> lock_log(const std::string& file);

/// A file of the log's own beside it: <directory>/.<name><suffix>.
std::string hidden_path(const std::string& file, std::string_view suffix);

/// Syncs the directory of a file, so that its name survives a power cut.
wire::Result<void> sync_directory(const std::string& file);

/// Where a log file goes when a new one takes its place: <file>.<first seq, 12 digits>.
std::string set_aside_path(const std::string& file, std::uint64_t first_seq);

/// The files that a log set aside, with their first seq, in its order.
struct SetAside {
  std::uint64_t first_seq;
  std::string path;
};
wire::Result<std::vector<SetAside>> files_set_aside(const std::string& file);

}  // namespace chaperone::audit
