#include "proxy/audit/spool.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace chaperone::audit {
namespace {

/// Some 30 ms of lines at 20,000 statements a second.
constexpr std::size_t kSize = 1 << 20;

std::string spool_path(const std::string& log) {
  return hidden_path(log, ".spool");
}

/// Whether a page that has its blocks keeps them when it is written back.
bool writes_in_place(int descriptor) {
  struct statfs system;
  if (::fstatfs(descriptor, &system) != 0) return false;
  return system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC ||
         system.f_type == TMPFS_MAGIC;
}

}  // namespace

wire::Result<std::unique_ptr<Spool>> Spool::create(const std::string& log) {
  std::string path = spool_path(log);
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!descriptor) return system_error(path, "cannot create", errno);
  const auto give_up = [&path](std::string_view what, int number) {
    ::unlink(path.c_str());
    return system_error(path, what, number);
  };
  if (!writes_in_place(*descriptor)) return give_up("cannot be kept on this file system", ENOTSUP);
  // Blocks of its own: a store to a page without them would raise SIGBUS on a full disk.
  if (const int failed = ::posix_fallocate(*descriptor, 0, kSize); failed != 0) {
    return give_up("cannot get room", failed);
  }
  void* const memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, *descriptor, 0);
  if (memory == MAP_FAILED) return give_up("cannot map", errno);
  return std::unique_ptr<Spool>(
      new Spool(std::move(path), std::move(descriptor), static_cast<char*>(memory)));
}

Spool::~Spool() {
  ::munmap(memory_, kSize);
}

bool Spool::append(std::string_view lines) {
  if (lines.size() > kSize - size_) return false;
  std::memcpy(memory_ + size_, lines.data(), lines.size());
  size_ += lines.size();
  return true;
}

bool Spool::in_place() const {
  struct stat status;
  return is_named(descriptor_, path_) && ::fstat(*descriptor_, &status) == 0 &&
         static_cast<std::size_t>(status.st_size) == kSize;
}

wire::Result<std::string> read_spool(const std::string& log) {
  const std::string path = spool_path(log);
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT)
    return {boost::system::in_place_value, std::string()};
  const auto file = LogFile::open(path);
  if (!file) return file.error();
  return (*file)->read(0, kSize);
}

SpooledLines spooled_lines(std::string_view spool, ChainPosition& end) {
  // Behind the newest lines stands what is left of older ones, of which the file has all.
  SpooledLines found;
  Sha256 sha256;
  for (std::size_t length = spool.find('\n'); length != spool.npos; length = spool.find('\n')) {
    const auto line = read_sealed_line(spool.substr(0, length));
    if (!line || !hash_fits(*line, sha256)) break;
    const bool follows = line->seq == end.seq + 1 && line->prev == end.hash_text();
    const bool is_there = line->seq < end.seq || (line->seq == end.seq && line->hash == end.hash_text());
    if (!follows && !is_there) {
      found.foreign = line->seq;
      break;
    }
    if (follows) {
      found.lines.append(spool.substr(0, length + 1));
      end = line->position();
    }
    spool.remove_prefix(length + 1);
  }
  return found;
}

void remove_spool(const std::string& log) {
  ::unlink(spool_path(log).c_str());
}

wire::Result<std::string> set_spool_aside(const std::string& log, std::uint64_t seq) {
  std::string aside = set_aside_path(log + ".spool", seq);
  const auto file = LogFile::open(spool_path(log));
  if (!file) return file.error();
  if (auto done = (*file)->move_to(aside); !done) return done.error();
  return {boost::system::in_place_value, std::move(aside)};
}

}  // namespace chaperone::audit
