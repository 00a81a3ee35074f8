#include "rules/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): explicit_bzero
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
  file.text.reserve(static_cast<std::size_t>(status.st_size));  // so that nothing of a secret stays behind
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got == 0) {
      ::explicit_bzero(buffer, sizeof buffer);
      return;
    }
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

bool is_private(const File& file) {
  const mode_t forbidden =
      file.owner == 0 && ::geteuid() != 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
  return (file.mode & forbidden) == 0;
}

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
