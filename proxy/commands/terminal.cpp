#include "proxy/commands/terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace chaperone::commands {
namespace {

volatile sig_atomic_t interrupted = 0;

void remember(int signal) {
  interrupted = signal;
}

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/// Echo is off, and signals wait, as long as this lives.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = remember;  // without SA_RESTART, so that read() comes back
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &old_actions_[i]);
    silent_ = ::tcgetattr(terminal_, &old_) == 0;
    termios quiet = old_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (silent_) ::tcsetattr(terminal_, TCSAFLUSH, &quiet);
  }
  ~Silence() {
    if (silent_) ::tcsetattr(terminal_, TCSAFLUSH, &old_);
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &old_actions_[i], nullptr);
    if (interrupted != 0) ::raise(interrupted);
  }
  Silence(const Silence&) = delete;

 private:
  int terminal_;
  bool silent_ = false;
  termios old_{};
  std::array<struct sigaction, kSignals.size()> old_actions_{};
};

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::optional<std::string> ask_secret(const std::string& prompt) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return {};
  std::string line;
  bool whole = false;
  {
    const Silence silence(terminal);
    write_all(terminal, prompt);
    char c = 0;
    while (interrupted == 0) {
      const ssize_t got = ::read(terminal, &c, 1);
      if (got < 0 && errno == EINTR && interrupted == 0) continue;
      if (got != 1) break;
      if (c == '\n') {
        whole = true;
        break;
      }
      line += c;
    }
    write_all(terminal, "\n");
  }
  ::close(terminal);
  if (!whole) return {};
  return line;
}

}  // namespace chaperone::commands
