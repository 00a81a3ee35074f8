#include "proxy/audit/line_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace chaperone::audit {
namespace {

constexpr std::size_t kReadSize = 256 << 10;
/// Longer than any record: statements and values are cut long before.
constexpr std::size_t kLineLimit = 64 << 20;

}  // namespace

wire::Result<LineReader> LineReader::open(const std::string& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor) return system_error(path, "cannot open", errno);
  ::posix_fadvise(*descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return LineReader(path, std::move(descriptor));
}

wire::Result<bool> LineReader::next(std::string_view& line) {
  for (;;) {
    const std::string_view text = buffer_.view();
    const std::size_t end = text.find('\n', scanned_);
    if (end != std::string_view::npos) {
      line = text.substr(begin_, end - begin_);
      begin_ = scanned_ = end + 1;
      return true;
    }
    buffer_.drop_front(begin_);
    begin_ = 0;
    scanned_ = buffer_.size();
    if (scanned_ > kLineLimit) return system_error(path_, "has a line that is too long", EFBIG);

    char* const at = buffer_.room(std::max(kReadSize, scanned_));
    const ssize_t count = ::pread(*descriptor_, at, std::max(kReadSize, scanned_), static_cast<off_t>(read_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path_, "cannot read", errno);
    if (count == 0) return false;
    buffer_.end_at(at + count);
    read_ += static_cast<std::uint64_t>(count);
  }
}

wire::Result<void> LineReader::seek_to_last(std::size_t count) {
  std::string block(kReadSize, '\0');
  // The newline that ends the last line is none before it.
  std::size_t left = count + 1;
  for (std::uint64_t end = size(); end > 0;) {
    const std::uint64_t begin = end > kReadSize ? end - kReadSize : 0;
    const auto wanted = static_cast<std::size_t>(end - begin);
    const ssize_t got = ::pread(*descriptor_, block.data(), wanted, static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path_, "cannot read", errno);
    for (std::size_t index = static_cast<std::size_t>(got); index > 0; --index) {
      if (block[index - 1] != '\n' || --left > 0) continue;
      seek(begin + index);
      return {};
    }
    end = begin;
  }
  seek(0);
  return {};
}

void LineReader::seek(std::uint64_t offset) {
  buffer_.clear();
  begin_ = scanned_ = 0;
  read_ = offset;
}

std::uint64_t LineReader::size() const {
  struct stat status;
  return ::fstat(*descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool LineReader::replaced() const {
  struct stat here;
  struct stat there;
  return ::fstat(*descriptor_, &here) != 0 || ::stat(path_.c_str(), &there) != 0 ||
         here.st_ino != there.st_ino || here.st_dev != there.st_dev;
}

}  // namespace chaperone::audit
