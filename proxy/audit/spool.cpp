#include "proxy/audit/spool.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/audit/file.hpp"

namespace chaperone::audit {
namespace {

/// Some 30 ms of lines at 20,000 statements a second.
constexpr std::size_t kSize = 1 << 20;

std::string spool_path(const std::string& log) {
  return hidden_path(log, ".spool");
}

}  // namespace

wire::Result<std::unique_ptr<Spool>> Spool::create(const std::string& log) {
  const std::string path = spool_path(log);
  const Descriptor descriptor(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!descriptor) return system_error(path, "cannot open", errno);
  // Blocks of its own: a store to a page without them would raise SIGBUS on a full disk.
  if (const int failed = ::posix_fallocate(*descriptor, 0, kSize); failed != 0) {
    return system_error(path, "cannot get room", failed);
  }
  void* const memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, *descriptor, 0);
  if (memory == MAP_FAILED) return system_error(path, "cannot map", errno);
  return std::unique_ptr<Spool>(new Spool(static_cast<char*>(memory)));
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

wire::Result<std::string> spooled_lines(const std::string& log, ChainPosition& end) {
  const std::string path = spool_path(log);
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  std::string found;
  if (!descriptor) {
    if (errno == ENOENT) return {boost::system::in_place_value, std::move(found)};
    return system_error(path, "cannot open", errno);
  }
  std::string text(kSize, '\0');
  std::size_t size = 0;
  while (size < kSize) {
    const ssize_t got = ::read(*descriptor, text.data() + size, kSize - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "cannot read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }

  // Behind the newest lines stands what is left of older ones, of which the file has all.
  Sha256 sha256;
  std::string_view left = std::string_view(text).substr(0, size);
  for (std::size_t length = left.find('\n'); length != left.npos; length = left.find('\n')) {
    const auto line = read_sealed_line(left.substr(0, length));
    if (!line || !hash_fits(*line, sha256)) break;
    if (line->seq > end.seq) {
      if (line->seq != end.seq + 1 || line->prev != end.hash_text()) break;
      found.append(left.substr(0, length + 1));
      end = line->position();
    }
    left.remove_prefix(length + 1);
  }
  return {boost::system::in_place_value, std::move(found)};
}

void remove_spool(const std::string& log) {
  ::unlink(spool_path(log).c_str());
}

}  // namespace chaperone::audit
