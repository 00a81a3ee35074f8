#include "tests/pg/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace chaperone::pg {
namespace {

using Clock = std::chrono::steady_clock;

// Between fork and exec: no memory is taken here.
[[noreturn]] void become(char* const* arguments, const passwd* user, const ProcessOptions& options, int log) {
  ::setsid();
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  bool ok = true;
  if (user != nullptr) {
    ok = ::setgroups(0, nullptr) == 0 && ::setgid(user->pw_gid) == 0 && ::setuid(user->pw_uid) == 0 &&
         ::chdir("/") == 0;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL == options.stop_signal ? SIGKILL : options.stop_signal);
  if (ok) ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "pgtest.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  path_ = name;
  std::filesystem::permissions(path_, std::filesystem::perms(0711));  // a server's user passes through
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::vector<std::string>& command, const ProcessOptions& options)
    : stop_signal_(options.stop_signal) {
  const passwd* user = options.user.empty() || ::geteuid() != 0 ? nullptr : ::getpwnam(options.user.c_str());
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string log_name = options.log.empty() ? "/dev/null" : options.log.string();
  const int log = ::open(log_name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  pid_ = ::fork();
  if (pid_ == 0) become(arguments.data(), user, options, log);
  ::close(log);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

void Process::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

bool Process::wait(std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (!ended_) {
    if (::waitpid(pid_, &status_, WNOHANG) == pid_) {
      ended_ = true;
      break;
    }
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void Process::stop() {
  if (ended_) return;
  signal(stop_signal_);
  if (wait(std::chrono::seconds(10))) return;
  signal(SIGKILL);
  wait(std::chrono::seconds(10));
}

std::size_t Process::resident() const {
  std::istringstream status(read_file(fmt::format("/proc/{}/status", pid_)));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6)) * 1024;
  }
  throw std::runtime_error("the process has no VmRSS; is it gone?");
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw std::runtime_error("could not write " + file.string());
  std::filesystem::permissions(file, std::filesystem::perms(0600));
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() >= until) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace chaperone::pg
