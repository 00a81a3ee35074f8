#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace chaperone::pg {

/// A directory that is gone with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path path(const std::string& name = {}) const {
    return name.empty() ? path_ : path_ / name;
  }

 private:
  std::filesystem::path path_;
};

struct ProcessOptions {
  std::string user = {};           ///< to run as, where we are root; empty = as ourselves
  std::filesystem::path log = {};  ///< where standard output and error go
  int stop_signal = SIGTERM;
};

/// A child process, ended with its owner, or with us.
class Process {
 public:
  Process(const std::vector<std::string>& command, const ProcessOptions& options);
  ~Process() { stop(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// True when it ended in time; then status() is there.
  bool wait(std::chrono::milliseconds patience);
  /// Of waitpid().
  int status() const { return status_; }
  bool running() { return !wait(std::chrono::milliseconds(0)); }
  /// The stop signal, and after 10 s SIGKILL.
  void stop();
  /// VmRSS of the process, in bytes.
  std::size_t resident() const;

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  int stop_signal_;
  bool ended_ = false;
};

std::string read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view text);
/// Asks until it is true or the time is over; gives the last answer.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = std::chrono::seconds(10));

}  // namespace chaperone::pg
