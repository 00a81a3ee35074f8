#include "proxy/commands/child.hpp"

#include <fcntl.h>
#include <fmt/ostream.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ostream>
#include <system_error>
#include <thread>

#include "proxy/net/dial.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

using Clock = std::chrono::steady_clock;

/// As much as a token may be, and its line's end.
constexpr std::size_t kMaxLine = (16U << 10) + 2;

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// How a program is started: with no signal held back.
class Start {
 public:
  Start(const sigset_t& mask, short flags) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_setsigmask(&attributes_, &mask);
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags | POSIX_SPAWN_SETSIGMASK));
  }
  ~Start() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&files_);
  }
  Start(const Start&) = delete;

  posix_spawn_file_actions_t* files() { return &files_; }
  /// 0 or an errno. A name without a slash is looked for in PATH.
  int run(pid_t& pid, const std::vector<std::string>& command, char* const* environment) const {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return ::posix_spawnp(&pid, arguments[0], &files_, &attributes_, arguments.data(), environment);
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

std::vector<std::string> environment_with(const ChildVariables& variables) {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view entry(*each);
    const auto name = entry.substr(0, entry.find('='));
    const bool ours = std::any_of(variables.begin(), variables.end(),
                                  [&](const auto& variable) { return variable.first == name; });
    if (!ours) all.emplace_back(entry);
  }
  for (const auto& [name, value] : variables) {
    if (value) all.push_back(name + "=" + *value);
  }
  return all;
}

int status_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

wire::Error failed(std::string_view why) {
  return {.sqlstate = wire::sqlstate::kInvalidAuthorization,
          .message = fmt::format("pgchaperone connect: the token command {}", why)};
}

}  // namespace

HeldSignals::HeldSignals() {
  // Whoever started us may have SIGCHLD ignored, and then no child can be waited for.
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, nullptr);
  ::sigemptyset(&held_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD})
    ::sigaddset(&held_, signal);
  ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int HeldSignals::run(const std::vector<std::string>& command, const ChildVariables& variables,
                     std::ostream& errors) const {
  const auto environment = environment_with(variables);
  std::vector<char*> pointers;
  for (const auto& entry : environment) pointers.push_back(const_cast<char*>(entry.c_str()));
  pointers.push_back(nullptr);
  pid_t child = -1;
  if (const int error = Start(before_, 0).run(child, command, pointers.data()); error != 0) {
    fmt::print(errors, "pgchaperone: {} can't be started: {}; expected a program behind --\n",
               rules::in_quotes(command.front()), reason(error));
    return 2;
  }
  while (true) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) return status_of(status);
    siginfo_t signal{};
    if (::sigwaitinfo(&held_, &signal) < 0) continue;
    if (signal.si_signo != SIGCHLD && signal.si_code != SI_KERNEL) ::kill(child, signal.si_signo);
  }
}

wire::Result<std::string> line_of_command(const std::string& command, std::chrono::seconds patience,
                                          int stop) {
  const auto deadline = Clock::now() + patience;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("can't be started: " + reason(errno));
  const net::Descriptor from(ends[0]);
  net::Descriptor to(ends[1]);
  sigset_t none;
  ::sigemptyset(&none);
  Start start(none, POSIX_SPAWN_SETPGROUP);
  ::posix_spawn_file_actions_addopen(start.files(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(start.files(), to.get(), STDOUT_FILENO);
  pid_t child = -1;
  const int error = start.run(child, {"/bin/sh", "-c", command}, environ);
  to.reset();
  if (error != 0) return failed("can't be started: " + reason(error));
  std::string line;
  std::array<char, 4096> buffer;
  ssize_t got = 1;
  while (got > 0 && line.size() <= kMaxLine && net::wait_for(from.get(), POLLIN, deadline, stop)) {
    got = ::read(from.get(), buffer.data(), buffer.size());
    if (got > 0) line.append(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  bool ended = false;
  while (got == 0 && !ended && Clock::now() < deadline) {
    ended = ::waitpid(child, &status, WNOHANG) == child;
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (!ended) {
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
    return failed(got > 0 && line.size() > kMaxLine
                      ? "printed too much"
                      : fmt::format("was not over within {} s", patience.count()));
  }
  if (status != 0) return failed(fmt::format("ended with status {}", status_of(status)));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  const bool good = std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (line.empty() || !good) return failed("printed no token; expected one, alone on a line");
  return {boost::system::in_place_value, std::move(line)};
}

}  // namespace chaperone::commands
