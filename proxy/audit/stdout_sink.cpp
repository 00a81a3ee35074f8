#include "proxy/audit/stdout_sink.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "proxy/audit/file.hpp"

namespace chaperone::audit {
namespace {

/// Where standard output is non-blocking: how long its reader may take.
constexpr int kPatienceMilliseconds = 2000;

/// Bytes written; fewer than all only with errno set.
std::size_t write_all(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data() + written, bytes.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) break;
    pollfd wait{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&wait, 1, kPatienceMilliseconds) == 0) {
      errno = EAGAIN;
      break;
    }
  }
  return written;
}

}  // namespace

wire::Result<void> StdoutSink::append(std::string_view lines) {
  leftover_ = 0;
  if (cut_ && write_all("\n") == 0) return system_error("standard output", "cannot write", errno);
  cut_ = false;
  const std::size_t written = write_all(lines);
  if (written == lines.size()) return {};
  const int problem = errno;
  leftover_ = written;
  cut_ = written > 0 && lines[written - 1] != '\n';
  return system_error("standard output", "cannot write", problem);
}

}  // namespace chaperone::audit
