#include "proxy/net/credentials/command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <semaphore>
#include <system_error>

#include "proxy/net/socket.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/text.hpp"

namespace chaperone::net {
namespace {

using Clock = std::chrono::steady_clock;

std::string reason(int error) {
  return std::generic_category().message(error);
}

wire::Error untrusted(std::string_view path, std::string_view what) {
  return {.sqlstate = wire::sqlstate::kInvalidParameterValue,
          .message = fmt::format("{} {}", rules::in_quotes(path), what)};
}

/// What lets somebody else change it; empty = nothing.
std::string changeable(const struct stat& status) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fmt::format("belongs to another user (uid {})", status.st_uid);
  }
  const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    return fmt::format("is writable by others than its owner (mode {:04o})", status.st_mode & 07777);
  }
  return {};
}

/// Our end does not block; the child's does.
struct Pipe {
  Descriptor ours, theirs;

  bool open(bool we_write) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    ours = Descriptor(ends[we_write ? 1 : 0]);
    theirs = Descriptor(ends[we_write ? 0 : 1]);
    return ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// Starts it with these three as its standard descriptors and no others; 0 or an error.
int spawn(const std::string& path, const CommandLine& command, int in, int out, int err, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  ::posix_spawn_file_actions_addchdir_np(&actions, "/");
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);  // ours ignores some
  auto arguments = pointers(command.words);
  auto environment = pointers(command.environment);
  const int error =
      ::posix_spawn(&pid, path.c_str(), &actions, &attributes, arguments.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// A child from its start to its burial.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), watch_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Child() { bury(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Readable once it has ended; without one it can't be watched.
  int watch() const { return watch_.get(); }

  /// Kills what is left of its group and gives the status of waitpid().
  int bury() {
    if (buried_) return status_;
    buried_ = true;
    ::kill(-pid_, SIGKILL);  // while it is a zombie, nobody else has its number
    int status = 0;
    // All of the group: where we are the first process of a container, what it left behind is ours to bury.
    while (true) {
      const pid_t ended = ::waitpid(-pid_, &status, 0);
      if (ended == pid_) status_ = status;
      if (ended < 0 && errno != EINTR) return status_;
    }
  }

 private:
  pid_t pid_;
  Descriptor watch_;
  int status_ = 0;
  bool buried_ = false;
};

/// One run's pipes.
class Conversation {
 public:
  explicit Conversation(std::string_view input) : input_(input) { output_.reserve(kMaxCommandOutput + 1); }

  bool open() { return in_.open(true) && out_.open(false) && err_.open(false); }
  int start(const std::string& path, const CommandLine& command, pid_t& pid) {
    const int error = spawn(path, command, in_.theirs.get(), out_.theirs.get(), err_.theirs.get(), pid);
    for (Pipe* pipe : {&in_, &out_, &err_}) pipe->theirs.reset();
    return error;
  }

  /// Until the child has ended; empty, or why it is not waited for.
  std::string drive(const Child& child, Clock::time_point deadline, std::chrono::milliseconds timeout,
                    int stop) {
    if (child.watch() < 0) return fmt::format("it can't be watched: {}", reason(errno));
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) return fmt::format("it took longer than {} ms", timeout.count());
      std::array<pollfd, 5> ready = {pollfd{in_.ours.get(), POLLOUT, 0},
                                     {out_.ours.get(), POLLIN, 0},
                                     {err_.ours.get(), POLLIN, 0},
                                     {child.watch(), POLLIN, 0},
                                     {stop, POLLIN, 0}};
      if (::poll(ready.data(), ready.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
        return fmt::format("it can't be waited for: {}", reason(errno));
      }
      if (ready[4].revents != 0) return "pgchaperone is ending";
      if (ready[0].revents != 0) write_input();
      read_output();
      read_errors();
      if (output_.size() > kMaxCommandOutput) {
        return fmt::format("it printed more than {} bytes", kMaxCommandOutput);
      }
      if (ready[3].revents != 0) return {};  // what it has printed was there before its end, and was read
    }
  }

  wire::Secret take_output() { return std::move(output_); }
  std::string take_errors() { return std::move(errors_); }

 private:
  void write_input() {
    const ssize_t written = ::write(in_.ours.get(), input_.data(), input_.size());
    if (written > 0) input_.remove_prefix(static_cast<std::size_t>(written));
    const bool again = written < 0 && (errno == EAGAIN || errno == EINTR);
    if (input_.empty() || (written < 0 && !again)) in_.ours.reset();  // it need not read
  }

  /// Hands what is there to `take`, piece by piece, while that gives true.
  template <class Take>
  static void read_all(Descriptor& from, Take&& take) {
    std::array<char, 4096> piece;
    ssize_t got = 1;
    while (from && got > 0) {
      got = ::read(from.get(), piece.data(), piece.size());
      if (got == 0) from.reset();
      if (got > 0 && !take(std::string_view(piece.data(), static_cast<std::size_t>(got)))) break;
    }
    ::explicit_bzero(piece.data(), piece.size());
  }
  void read_output() {
    read_all(out_.ours, [this](std::string_view piece) {
      output_.append(piece.substr(0, kMaxCommandOutput + 1 - output_.size()));
      return output_.size() <= kMaxCommandOutput;
    });
  }
  // What goes on without end must not keep us here: the rest waits for the next round.
  void read_errors() {
    std::size_t read = 0;
    read_all(err_.ours, [&](std::string_view piece) {
      errors_.append(piece.substr(0, kMaxCommandErrors - errors_.size()));
      return (read += piece.size()) < kMaxCommandOutput;
    });
  }

  std::string_view input_;
  Pipe in_, out_, err_;
  wire::Secret output_;
  std::string errors_;
};

/// Of this thread, while this lives.
class NoSigpipe {
 public:
  NoSigpipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~NoSigpipe() {
    const timespec at_once{};
    while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_, old_;
};

/// One of the kMaxCommands places.
class Place {
 public:
  Place(Clock::time_point deadline, int stop) {
    constexpr auto kLook = std::chrono::milliseconds(50);
    pollfd stopping{stop, POLLIN, 0};
    while (!taken_ && Clock::now() < deadline && ::poll(&stopping, 1, 0) == 0) {
      taken_ = places.try_acquire_for(kLook);
    }
  }
  ~Place() {
    if (taken_) places.release();
  }
  Place(const Place&) = delete;

  explicit operator bool() const { return taken_; }

 private:
  static std::counting_semaphore<kMaxCommands> places;
  bool taken_ = false;
};

std::counting_semaphore<kMaxCommands> Place::places{kMaxCommands};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("it was ended by signal {}", WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fmt::format("it ended with status {}", WEXITSTATUS(status));
}

}  // namespace

wire::Result<std::string> trusted_program(const std::string& path) {
  if (!path.starts_with('/')) return untrusted(path, "is no absolute path");
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) return untrusted(path, fmt::format("can't be run: {}", reason(errno)));
  const std::filesystem::path program(real.get());
  struct stat status {};
  for (std::filesystem::path part = program;; part = part.parent_path()) {
    if (::lstat(part.c_str(), &status) != 0) return untrusted(part.native(), reason(errno));
    if (const auto why = changeable(status); !why.empty()) return untrusted(part.native(), why);
    if (part == program && (!S_ISREG(status.st_mode) || ::access(part.c_str(), X_OK) != 0)) {
      return untrusted(part.native(), "is no program that we may run");
    }
    if (part == part.root_path()) break;
  }
  return {boost::system::in_place_value, program.native()};
}

CommandResult run_command(const CommandLine& command, std::string_view input, int stop) {
  const Clock::time_point deadline = Clock::now() + command.timeout;
  CommandResult result;
  const auto program = trusted_program(command.words.front());
  if (!program) {
    result.failure = program.error().message;
    return result;
  }
  const NoSigpipe quiet;
  const Place place(deadline, stop);
  if (!place) {
    result.failure = fmt::format("{} commands run already", kMaxCommands);
    return result;
  }
  Conversation conversation(input);
  pid_t pid = -1;
  int error = 0;
  if (!conversation.open()) error = errno;
  if (error == 0) error = conversation.start(*program, command, pid);
  if (error != 0) {
    result.failure = fmt::format("it can't be run: {}", reason(error));
    return result;
  }
  Child child(pid);
  result.failure = conversation.drive(child, deadline, command.timeout, stop);
  const int status = child.bury();
  if (result.failure.empty()) result.failure = how_it_ended(status);
  result.errors = conversation.take_errors();
  if (result.failure.empty()) result.output = conversation.take_output();
  return result;
}

}  // namespace chaperone::net
