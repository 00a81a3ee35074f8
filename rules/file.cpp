#include "rules/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace chaperone::rules {
namespace {

std::string reason(int code) {
  return std::generic_category().message(code);
}

void read_open_file(int descriptor, std::size_t max_bytes, File& file) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    file.error = reason(errno);
    return;
  }
  if (!S_ISREG(status.st_mode)) {
    file.error = S_ISDIR(status.st_mode) ? reason(EISDIR) : "Not a regular file";
    return;
  }
  file.owner = status.st_uid;
  file.mode = status.st_mode & 07777;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got == 0) return;
    if (got < 0) {
      if (errno == EINTR) continue;
      file.error = reason(errno);
      return;
    }
    file.text.append(buffer, static_cast<std::size_t>(got));
    if (file.text.size() > max_bytes) {
      file.text.clear();
      file.error = fmt::format("Larger than {} bytes", max_bytes);
      return;
    }
  }
}

}  // namespace

File read_file(const std::string& path, std::size_t max_bytes) {
  File file;
  if (path.find('\0') != std::string::npos) {
    file.error = "The path holds a NUL";
    return file;
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    file.error = reason(errno);
    return file;
  }
  read_open_file(descriptor, max_bytes, file);
  ::close(descriptor);
  return file;
}

}  // namespace chaperone::rules
