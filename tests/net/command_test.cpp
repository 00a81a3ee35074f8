#include "proxy/net/credentials/command.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <thread>

#include "proxy/net/credentials/command_protocol.hpp"
#include "tests/pg/process.hpp"

namespace chaperone::net {
namespace {

using namespace std::chrono_literals;
using pg::read_file;

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

class Command : public testing::Test {
 protected:
  Command() { std::signal(SIGPIPE, SIG_IGN); }

  /// A program of /bin/sh.
  std::string script(const std::string& body) {
    const auto file = directory_.path("give");
    pg::write_file(file, "#!/bin/sh\n" + body);
    std::filesystem::permissions(file, std::filesystem::perms(0700));
    return file;
  }
  CommandResult run(const std::string& body, std::string_view input = "{}\n",
                    std::chrono::milliseconds timeout = 10s) {
    return run_command({.words = {script(body)}, .environment = {"PATH=/usr/bin:/bin"}, .timeout = timeout},
                       input);
  }
  std::string file(const std::string& name) const { return directory_.path(name).string(); }
  std::string path(const std::string& name) const { return read_file(directory_.path(name)); }

  pg::TemporaryDirectory directory_;
};

TEST_F(Command, GetsItsInputAndArgumentsAndNothingElse) {
  const int inherited = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ::setenv("CHAPERONE_TEST_SECRET", "of the parent", 1);
  const std::string program =
      script("read line; echo \"$line|$0|$1|$2|$#\"; env >" + file("env") + "; ls -l /proc/$$/fd >" +
             file("fds") + "; pwd >" + file("cwd") + "; cat /proc/self/status >" + file("status") +
             "; ps -o pgid= -p $$ >" + file("group") + "; echo $$ >" + file("pid"));
  const CommandResult result = run_command(
      {.words = {program, "a b; $(id)", "*"}, .environment = {"PATH=/usr/bin:/bin", "ONE=1"}}, "the input\n");
  ::close(inherited);
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.output.view(), "the input|" + program + "|a b; $(id)|*|2\n") << "no shell in between";
  EXPECT_EQ(path("env").find("CHAPERONE"), std::string::npos) << path("env");
  EXPECT_NE(path("env").find("ONE=1\n"), std::string::npos) << path("env");
  EXPECT_EQ(path("cwd"), "/\n");
  EXPECT_EQ(std::stoi(path("group")), std::stoi(path("pid"))) << "a process group of its own";
  // 0, 1 and 2 (one of them is where the listing goes, while it lasts), and the script itself, which sh
  // opens.
  const std::string fds = path("fds");
  EXPECT_EQ(fds.find("/dev/null"), std::string::npos) << fds;
  EXPECT_EQ(fds.find("socket"), std::string::npos) << fds;
  const auto signals = [&](const std::string& which) {
    return std::stoull(path("status").substr(path("status").find(which) + which.size()), nullptr, 16);
  };
  constexpr std::uint64_t kOfPeople = 0x7fffffff;  // above are those of glibc itself
  EXPECT_EQ(signals("SigBlk:") & kOfPeople, 0U);
  EXPECT_EQ(signals("SigIgn:") & kOfPeople, 0U) << "SIGPIPE is ignored here";
}

TEST_F(Command, WhatItMayDoWrong) {
  struct Case {
    std::string body, failure;
    std::chrono::milliseconds timeout = 10s;
  };
  const std::size_t before = open_descriptors();
  for (const Case& each : {
           Case{"exit 1", "it ended with status 1"},
           Case{"kill -9 $$", "it was ended by signal 9"},
           Case{"exec sleep 60", "it took longer than 200 ms", 200ms},
           Case{"exec >&- 2>&- <&-; exec sleep 60", "it took longer than 200 ms", 200ms},
           Case{"trap '' TERM INT HUP; while :; do sleep 1; done", "it took longer than 200 ms", 200ms},
           Case{"head -c 65537 /dev/zero", "it printed more than 65536 bytes"},
           Case{"cat /dev/zero", "it printed more than 65536 bytes"},
           Case{"cat /dev/zero >&2", "it took longer than 200 ms", 200ms},
           Case{"echo '{}'; exec 1>&-; exit 3", "it ended with status 3"},
       }) {
    const CommandResult result = run(each.body, "{}\n", each.timeout);
    EXPECT_EQ(result.failure, each.failure) << each.body;
    EXPECT_TRUE(result.output.empty()) << each.body;
    EXPECT_LE(result.errors.size(), kMaxCommandErrors) << each.body;
  }
  EXPECT_EQ(run("exec head -c 65536 /dev/zero").output.size(), kMaxCommandOutput);
  EXPECT_EQ(run("echo one >&2; echo two >&2").errors, "one\ntwo\n");
  EXPECT_EQ(run("exit 0", std::string(1U << 20, 'x')).failure, "") << "it need not read";
  EXPECT_EQ(run("exec wc -c", std::string(1U << 20, 'x')).output.view(), "1048576\n");
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST_F(Command, WhatItLeavesBehindDiesWithIt) {
  // Holds standard output open, and would for a minute.
  const auto began = std::chrono::steady_clock::now();
  const CommandResult result = run("sleep 60 & echo $! >" + file("child") + "; echo done");
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.output.view(), "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s) << "it waited for the child's end";
  const auto gone = [&] {
    const std::string status = read_file("/proc/" + std::to_string(std::stoi(path("child"))) + "/status");
    return status.empty() || status.find("State:\tZ") != std::string::npos;  // whose parent is not ours
  };
  EXPECT_TRUE(pg::eventually(gone));
  EXPECT_EQ(run("sleep 60 & exec sleep 60", "", 200ms).failure, "it took longer than 200 ms");
}

TEST_F(Command, EndsWithItsOwner) {
  std::array<int, 2> stop{};
  ASSERT_EQ(::pipe(stop.data()), 0);
  std::thread owner([&] {
    std::this_thread::sleep_for(100ms);
    ASSERT_EQ(::write(stop[1], "x", 1), 1);
  });
  const CommandResult result =
      run_command({.words = {script("exec sleep 60")}, .environment = {}, .timeout = 30s}, "", stop[0]);
  owner.join();
  EXPECT_EQ(result.failure, "pgchaperone is ending");
  ::close(stop[0]);
  ::close(stop[1]);
}

TEST_F(Command, LeavesOtherChildrenAlone) {
  const pid_t other = ::fork();
  if (other == 0) ::_exit(7);
  EXPECT_EQ(run("echo fine").output.view(), "fine\n");
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(Command, IsNobodyElsesToChange) {
  const std::string program = script("echo fine");
  ASSERT_TRUE(trusted_program(program)) << trusted_program(program).error().message;
  const auto problem = [](const std::string& file) {
    const auto result = trusted_program(file);
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(problem("give"), "\"give\" is no absolute path");
  EXPECT_EQ(problem(file("none")), "\"" + file("none") + "\" can't be run: No such file or directory");
  EXPECT_EQ(problem(file("")), "\"" + directory_.path().string() + "\" is no program that we may run");
  for (const mode_t mode : {0720U, 0702U, 0777U}) {
    std::filesystem::permissions(program, std::filesystem::perms(mode));
    EXPECT_NE(problem(program).find("is writable by others than its owner (mode 07"), std::string::npos);
    EXPECT_NE(run_command({.words = {program}, .environment = {}}, "").failure, "") << "asked at each run";
  }
  std::filesystem::permissions(program, std::filesystem::perms(0600));
  EXPECT_NE(problem(program).find("is no program that we may run"), std::string::npos);
  std::filesystem::permissions(program, std::filesystem::perms(0700));
  // Whoever may write the directory can put another program there.
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0777));
  EXPECT_NE(problem(program).find("is writable by others"), std::string::npos);
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0700));
  // By a link it is judged where it really is, and that is what runs.
  std::filesystem::create_symlink(program, file("link"));
  EXPECT_EQ(*trusted_program(file("link")), program);
  EXPECT_EQ(run_command({.words = {file("link")}, .environment = {}}, "").output.view(), "fine\n");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(program.c_str(), 12345, 12345), 0);
    EXPECT_NE(problem(program).find("belongs to another user (uid 12345)"), std::string::npos);
  }
  pg::write_file(file("noise"), "echo no shell reads this\n");
  std::filesystem::permissions(file("noise"), std::filesystem::perms(0700));
  EXPECT_EQ(run_command({.words = {file("noise")}, .environment = {}}, "").failure,
            "it can't be run: Exec format error");
}

constexpr audit::Microseconds kNow = 1'795'676'400'000'000;  // 2026-11-26T07:00:00Z

TEST(CredentialQuestion, IsOneLine) {
  const CredentialQuestion question{.server = "db:5432",
                                    .database = "shop",
                                    .agent = "bot",
                                    .actor = "a\"\n",
                                    .capabilities = {"one", "two"},
                                    .lease = "agp_a_b",
                                    .lifetime = 600};
  EXPECT_EQ(
      question.to_json(),
      "{\"version\":1,\"server\":\"db:5432\",\"database\":\"shop\",\"agent\":\"bot\",\"actor\":\"a\\\"\\n\","
      "\"task\":null,\"capabilities\":[\"one\",\"two\"],\"lease\":\"agp_a_b\",\"lifetime\":600}\n");
}

TEST(CredentialAnswer, IsReadStrictly) {
  const auto password = CredentialAnswer::read(
      R"( {"user":"u","password":"p\u00e4ss","expires_at":"2026-11-26T07:00:01.5Z"} )", kNow);
  ASSERT_TRUE(password) << password.error().message;
  EXPECT_EQ(password->user, "u");
  EXPECT_EQ(password->password.view(), "päss");
  EXPECT_EQ(password->expires_at, kNow + 1'000'000);
  const auto certificate = CredentialAnswer::read(R"({"user":"u","certificate":"c\n","key":"k\n"})", kNow);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_EQ(certificate->certificate.view(), "c\n");
  EXPECT_EQ(certificate->expires_at, std::nullopt);

  const auto problem = [](std::string_view text) {
    const auto answer = CredentialAnswer::read(text, kNow);
    return answer ? std::string("none") : answer.error().message;
  };
  constexpr std::string_view kHold = "its answer has to hold a password, or a certificate and its key";
  constexpr std::string_view kTime = "expires_at of its answer is no time as 2026-11-26T07:00:00Z";
  EXPECT_NE(problem("").find("its answer is no JSON"), std::string::npos);
  EXPECT_NE(problem("secret").find("its answer is no JSON"), std::string::npos);
  EXPECT_EQ(problem("secret").find("secret"), std::string::npos);
  EXPECT_NE(problem(R"({"user":"u","password":"p"} {})").find("its answer is no JSON"), std::string::npos);
  EXPECT_NE(problem(R"({"user":"u","user":"v","password":"p"})").find("a name stands twice"),
            std::string::npos);
  EXPECT_EQ(problem("[]"), "its answer is no JSON object");
  EXPECT_EQ(problem("{}"), "its answer names no user");
  EXPECT_EQ(problem(R"({"password":"p"})"), "its answer names no user");
  EXPECT_EQ(problem(R"({"user":"u"})"), kHold);
  EXPECT_EQ(problem(R"({"user":"u","certificate":"c"})"), kHold);
  EXPECT_EQ(problem(R"({"user":"u","key":"k"})"), kHold);
  EXPECT_EQ(problem(R"({"user":"u","password":"p","certificate":"c","key":"k"})"), kHold);
  EXPECT_EQ(problem(R"({"user":"u","password":""})"), "password of its answer is no text");
  EXPECT_EQ(problem(R"({"user":"u","password":7})"), "password of its answer is no text");
  EXPECT_EQ(problem(R"({"user":"u","password":"p\n"})"),
            "password of its answer holds a line end or another control character");
  EXPECT_EQ(problem(R"({"user":"u\u007f","password":"p"})"),
            "user of its answer holds a line end or another control character");
  EXPECT_EQ(problem(R"({"user":")" + std::string(64, 'u') + R"(","password":"p"})"),
            "user of its answer is longer than 63 bytes");
  EXPECT_NE(problem(R"({"user":"u","password":"p","role":"r"})").find("has a member \"role\""),
            std::string::npos);
  for (const std::string time : {"2026-11-26T07:00:00Z", "2026-11-26T06:59:59.999Z"}) {
    EXPECT_EQ(problem(R"({"user":"u","password":"p","expires_at":")" + time + "\"}"),
              "what it gave has expired already");
  }
  for (const std::string time :
       {"2026-11-26T07:00:00", "2026-11-26 07:00:00Z", "2026-11-26T07:00:00+01:00", "2026-13-26T07:00:00Z",
        "2026-02-29T07:00:00Z", "2026-11-26T24:00:00Z", "-026-11-26T07:00:00Z", "2026-11-26T07:00:00.Z",
        "2026-11-26T07:00:00.1x2Z", "2026-11-26T07:00:61Z", "never", "Z"}) {
    EXPECT_EQ(problem(R"({"user":"u","password":"p","expires_at":")" + time + "\"}"), kTime) << time;
  }
}

}  // namespace
}  // namespace chaperone::net
