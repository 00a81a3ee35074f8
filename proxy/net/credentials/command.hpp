#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/error.hpp"
#include "proxy/wire/secret.hpp"

namespace chaperone::net {

/// A program of the configuration that prints a credential.
struct CommandLine {
  std::vector<std::string> words;        ///< its absolute path, then its arguments; no shell reads them
  std::vector<std::string> environment;  ///< NAME=value: all that it gets
  std::chrono::milliseconds timeout{5000};
};

/// What a run came to.
struct CommandResult {
  wire::Secret output;  ///< where it ended well
  std::string errors;   ///< the beginning of what it wrote to standard error
  std::string failure;  ///< why it gave nothing, for the operator; empty = it did
};

/// Bytes of standard output; more is a failure.
inline constexpr std::size_t kMaxCommandOutput = 64U << 10;
/// Bytes of standard error that are kept.
inline constexpr std::size_t kMaxCommandErrors = 1024;
/// So many run at once in this process.
inline constexpr std::size_t kMaxCommands = 8;

/// The path without symbolic links of a program that nobody but root and ourselves can change or replace: the
/// file and every directory above it are owned by one of them, and writable by nobody else (a sticky
/// directory by all), as sshd has it for AuthorizedKeysCommand. The error says what is wrong with which of
/// them.
wire::Result<std::string> trusted_program(const std::string& path);

/// Runs the program once, in a process group of its own, in "/", with nothing of ours but three pipes, writes
/// `input` to it and waits for its end. Then, or when the time is over or `stop` becomes readable, all of the
/// group is killed; no zombie is left. Blocks, also while kMaxCommands others run. Waits for its own child
/// alone, so that other children of the process are nobody's here.
CommandResult run_command(const CommandLine& command, std::string_view input, int stop = -1);

}  // namespace chaperone::net
