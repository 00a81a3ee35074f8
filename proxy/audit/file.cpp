#include "proxy/audit/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::audit {
namespace {

constexpr std::size_t kSeqDigits = 12;
constexpr std::string_view kTruncated = "was truncated";

std::filesystem::path directory_of(const std::string& file) {
  const auto parent = std::filesystem::path(file).parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

wire::Error system_error(std::string_view file, std::string_view what, int number) {
  std::string message("audit log ");
  message.append(file).append(": ").append(what).append(": ").append(std::generic_category().message(number));
  return {wire::sqlstate::kDiskFull, std::move(message)};
}

bool is_named(const Descriptor& descriptor, const std::string& path) {
  struct stat here;
  struct stat there;
  return ::fstat(*descriptor, &here) == 0 && ::stat(path.c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

wire::Result<std::shared_ptr<LogFile>> LogFile::open(const std::string& path, int flags) {
  // O_NONBLOCK: a FIFO must be refused below, not waited for.
  Descriptor descriptor(
      ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | flags, 0600));
  if (!descriptor) return system_error(path, "cannot open", errno);
  struct stat status;
  if (::fstat(*descriptor, &status) != 0) return system_error(path, "cannot stat", errno);
  if (!S_ISREG(status.st_mode)) {
    return wire::Error{wire::sqlstate::kDiskFull, "audit log " + path + ": is not a regular file"};
  }
  std::shared_ptr<LogFile> file(new LogFile(path, std::move(descriptor)));
  file->size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

wire::Result<std::shared_ptr<LogFile>> LogFile::open(const std::string& path) {
  return open(path, 0);
}
wire::Result<std::shared_ptr<LogFile>> LogFile::create(const std::string& path) {
  return open(path, O_TRUNC | O_NOFOLLOW);
}

wire::Result<void> LogFile::append(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(*descriptor_, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const auto problem = system_error(path_, "cannot write", count < 0 ? errno : ENOSPC);
      if (written > 0 && !cut(size_)) leftover_ = written;
      return problem;
    }
    written += static_cast<std::size_t>(count);
  }
  size_ += written;
  return {};
}

wire::Result<void> LogFile::cut(std::uint64_t size) {
  // Never makes it longer: where another process truncated it, that would fill it with zeros.
  if (disturbed() == kTruncated) return {};
  if (::ftruncate(*descriptor_, static_cast<off_t>(size)) != 0)
    return system_error(path_, "cannot truncate", errno);
  size_ = size;
  return {};
}

wire::Result<void> LogFile::sync() const {
  if (::fdatasync(*descriptor_) != 0) return system_error(path_, "cannot sync", errno);
  return {};
}

void LogFile::let_go(std::uint64_t size) const {
  constexpr std::uint64_t kKept = 1U << 20;  // for those who follow the log
  if (size > kKept) ::posix_fadvise(*descriptor_, 0, static_cast<off_t>(size - kKept), POSIX_FADV_DONTNEED);
}

bool LogFile::in_place() const {
  return is_named(descriptor_, path_);
}

wire::Result<void> LogFile::move_to(const std::string& path) {
  int failed =
      ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
  if (failed == EEXIST || failed == EINVAL) {
    // Some file systems can't promise not to replace, and an empty file may be replaced.
    struct stat there;
    if (::stat(path.c_str(), &there) == 0 && there.st_size != 0)
      return system_error(path, "is in the way", EEXIST);
    failed = ::rename(path_.c_str(), path.c_str()) == 0 ? 0 : errno;
  }
  if (failed != 0) return system_error(path_, "cannot rename to " + path, failed);
  path_ = path;
  return {};
}

std::string_view LogFile::disturbed() const {
  if (!in_place()) return "was moved or removed";
  struct stat status;
  if (::fstat(*descriptor_, &status) != 0 || static_cast<std::uint64_t>(status.st_size) < size_)
    return kTruncated;
  return {};
}

wire::Result<std::string> LogFile::read(std::uint64_t offset, std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got =
        ::pread(*descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path_, "cannot read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return {boost::system::in_place_value, std::move(bytes)};
}

std::string hidden_path(const std::string& file, std::string_view suffix) {
  const std::string name = std::filesystem::path(file).filename().string();
  return (directory_of(file) / ("." + name + std::string(suffix))).string();
}

wire::Result<Descriptor> lock_log(const std::string& file) {
  const std::string lock = hidden_path(file, ".lock");
  Descriptor descriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!descriptor) return system_error(file, "cannot open its lock " + lock, errno);
  if (::flock(*descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  if (errno != EWOULDBLOCK) return system_error(file, "cannot lock " + lock, errno);
  return wire::Error{wire::sqlstate::kDiskFull, "audit log " + file + ": is in use by another process"};
}

wire::Result<void> sync_directory(const std::string& file) {
  const std::string directory = directory_of(file).string();
  const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor) return system_error(file, "cannot open directory " + directory, errno);
  if (::fsync(*descriptor) != 0) return system_error(file, "cannot sync directory " + directory, errno);
  return {};
}

std::string set_aside_path(const std::string& file, std::uint64_t first_seq) {
  std::string digits = std::to_string(first_seq);
  if (digits.size() < kSeqDigits) digits.insert(0, kSeqDigits - digits.size(), '0');
  return file + "." + digits;
}

wire::Result<std::vector<SetAside>> files_set_aside(const std::string& file) {
  const std::string prefix = std::filesystem::path(file).filename().string() + ".";
  std::vector<SetAside> found;
  std::error_code problem;
  std::filesystem::directory_iterator entry(directory_of(file), problem);
  for (; !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || name.size() < prefix.size() + kSeqDigits) continue;
    std::uint64_t first_seq = 0;
    const char* const end = name.data() + name.size();
    const auto [after, bad] = std::from_chars(name.data() + prefix.size(), end, first_seq);
    if (bad == std::errc() && after == end) found.push_back({first_seq, entry->path().string()});
  }
  if (problem) return system_error(file, "cannot list its directory", problem.value());
  std::sort(found.begin(), found.end(),
            [](const SetAside& a, const SetAside& b) { return a.first_seq < b.first_seq; });
  return found;
}

}  // namespace chaperone::audit
