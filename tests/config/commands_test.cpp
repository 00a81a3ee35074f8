#include "proxy/commands/commands.hpp"

#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/admin/admin.hpp"
#include "proxy/commands/config.hpp"
#include "proxy/commands/health.hpp"
#include "proxy/commands/password.hpp"
#include "proxy/commands/terminal.hpp"
#include "tests/config/files.hpp"

namespace chaperone::test {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string errors;
};

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pgchaperone");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = commands::run(static_cast<int>(arguments.size()), argv.data());
  return {status, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(Commands, HelpIsFineAndShowsAnExample) {
  using List = std::vector<std::string>;
  for (const List& command :
       {List{}, List{"serve"}, List{"config", "validate"}, List{"password"}, List{"health"}, List{"catalog"},
        List{"doctor"}, List{"broker", "sql"}, List{"version"}}) {
    List arguments = command;
    arguments.push_back("--help");
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0) << testing::PrintToString(command) << outcome.errors;
    EXPECT_NE(outcome.out.find("Example: "), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("Usage: pgchaperone"), std::string::npos) << outcome.out;
  }
}

TEST(Commands, WrongArgumentsAreStatus2AndSayWhatWasMeant) {
  struct Wrong {
    std::vector<std::string> arguments;
    std::string_view says;
  };
  const Wrong wrongs[] = {
      {{}, "Usage: pgchaperone [OPTIONS]"},
      {{"config"}, "Usage: pgchaperone config [OPTIONS]"},
      {{"config"}, "Example: pgchaperone config validate --help"},
      {{"test"}, "FILE is required"},
      {{"test", "missing.yaml"},
       "missing.yaml:1:1: can't be read: No such file or directory; expected a readable file\n"},
      {{"serv"}, "pgchaperone: unknown command \"serv\"; did you mean serve?\nSee: pgchaperone --help\n"},
      {{"xyzzy"}, "pgchaperone: unknown command \"xyzzy\"\n"},
      {{"config", "valdate"},
       "unknown command \"valdate\"; did you mean validate?\nSee: pgchaperone config --help\n"},
      {{"config", "validate", "--confg", "x"}, "unknown option \"--confg\"; did you mean --config?"},
      {{"version", "please"}, "unknown argument \"please\""},
      {{"serve"}, "--config is required\nSee: pgchaperone serve --help\n"},
      {{"config", "validate"}, "--config is required"},
      {{"config", "validate", "--config"}, "--config"},
      {{"password"}, "AGENT is required"},
      {{"password", "bot", "--iterations", "100"}, "--iterations"},
      {{"password", "bot", "--iterations", "many"}, "--iterations"},
      {{"health"}, "--config or --address is required"},
      {{"health", "--config", "x", "--address", "y:1"}, "excludes"},
      {{"health", "--address", "nowhere"}, "--address: there is no port; expected host:port"},
      {{"health", "--address", "127.0.0.1:1", "--timeout", "0"}, "--timeout"},
      {{"health", "--address", "127.0.0.1:1"}, "no answer from 127.0.0.1:1"},
      {{"health", "--config", "/nonexistent"}, "/nonexistent:1:1: can't be read"},
      {{"catalog"}, "--config is required\nSee: pgchaperone catalog --help\n"},
      {{"catalog", "--config", "/nonexistent"}, "/nonexistent:1:1: can't be read"},
      {{"catalog", "--config", "x", "--timeout", "0"}, "--timeout"},
      {{"broker"}, "Usage: pgchaperone broker"},
      {{"broker", "sql"}, "--config is required\nSee: pgchaperone broker sql --help\n"},
      {{"broker", "sql", "--config", "x", "--drop", "--harden"}, "excludes"},
      {{"broker", "sql", "--config", "x", "--schema", "a", "--from", "b"}, "excludes"},
      {{"broker", "sql", "--config", "/nonexistent"}, "/nonexistent:1:1: can't be read"},
      {{"doctor"}, "--config is required\nSee: pgchaperone doctor --help\n"},
      {{"doctor", "--config", "/nonexistent"}, "/nonexistent:1:1: can't be read"},
      {{"doctor", "--config", "x", "--format", "xml"}, "xml not in {json,text}"},
  };
  for (const Wrong& wrong : wrongs) {
    const Outcome outcome = run(wrong.arguments);
    EXPECT_EQ(outcome.status, 2) << testing::PrintToString(wrong.arguments);
    EXPECT_NE(outcome.errors.find(wrong.says), std::string::npos)
        << testing::PrintToString(wrong.arguments) << " says: " << outcome.errors;
    EXPECT_EQ(outcome.out, "") << "errors belong on standard error";
  }
}

TEST(Commands, AVersionIsPrinted) {
  const Outcome command = run({"version"});
  EXPECT_EQ(command.status, 0);
  EXPECT_TRUE(command.out.starts_with("pgchaperone ")) << command.out;
  EXPECT_NE(command.out.find("SQL grammar of PostgreSQL 1"), std::string::npos) << command.out;
  EXPECT_EQ(run({"--version"}).out, command.out);
}

TEST(Commands, ValidateSaysWhatItUnderstoodAndNoSecret) {
  const Directory directory;
  write_named_files(directory);
  const std::string file = directory.write("chaperone.yaml", kGoodConfig);
  const Outcome good = run({"config", "validate", "--config", file});
  EXPECT_EQ(good.status, 0) << good.errors;
  for (const char* part :
       {"chaperone.yaml is good:", "127.0.0.1:6432", "unix:/run/pgchaperone:6432", "127.0.0.1:6433",
        "shop -> db.internal:5432, database shop_production, role app", "the agent's own role",
        "\n  observed      legacy-bot, triage-bot\n", "durability batch, values keep",
        "\nwarning: databases.shop.tls.mode: insecure_disable"}) {
    EXPECT_NE(good.out.find(part), std::string::npos) << part << " is not in: " << good.out;
  }
  EXPECT_EQ(good.out.find(kSecret), std::string::npos) << "a secret is shown";

  directory.write("chaperone.yaml", edited(kGoodConfig, "threads: 2", "threads: 0"));
  const Outcome bad = run({"config", "validate", "--config", file});
  EXPECT_EQ(bad.status, 2);
  EXPECT_EQ(bad.errors, file + ":45:10: threads is 0; expected a whole number from 1 to 64\n");
  EXPECT_EQ(bad.out, "");
}

TEST(Commands, HealthIsTheAnswerOfReadyz) {
  std::atomic<bool> draining{false};  // asked on the admin thread
  const auto why = [&draining] { return std::string(draining ? "draining\x1b[31m" : ""); };
  const auto server = admin::Server::start({"127.0.0.1", 0, false}, {.not_ready = why});
  ASSERT_TRUE(server) << server.error().message;
  const auto ask = [&] {
    std::ostringstream out;
    std::ostringstream errors;
    const int status = commands::health((*server)->address(), std::chrono::seconds(5), out, errors);
    return Outcome{status, out.str(), errors.str()};
  };
  const Outcome ready = ask();
  EXPECT_EQ(ready.status, 0);
  EXPECT_EQ(ready.out, "ready\n");
  draining = true;
  const Outcome not_ready = ask();
  EXPECT_EQ(not_ready.status, 1);
  EXPECT_EQ(not_ready.out, "not ready: draining?[31m\n") << "control characters must not reach a terminal";
}

TEST(Commands, HealthFindsTheAddressInTheConfiguration) {
  const auto server = admin::Server::start({"127.0.0.1", 0, false}, {});
  ASSERT_TRUE(server) << server.error().message;
  const Directory directory;
  write_named_files(directory);
  const std::string file = directory.write(
      "chaperone.yaml",
      edited(kGoodConfig, "address: 127.0.0.1:6433", "address: " + (*server)->address().to_string()));
  EXPECT_EQ(run({"health", "--config", file}).status, 0);
  directory.write("chaperone.yaml", edited(kGoodConfig, "admin:\n  address: 127.0.0.1:6433\n", ""));
  const Outcome nowhere = run({"health", "--config", file});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_NE(nowhere.errors.find("has no admin.address"), std::string::npos) << nowhere.errors;
}

/// Runs the password command with answers in place of a terminal.
Outcome password(const std::string& agent, std::vector<std::optional<std::string>> answers, bool asks_twice) {
  std::ostringstream out;
  std::ostringstream errors;
  std::size_t asked = 0;
  const auto source = [&](const std::string&) { return answers.at(asked++); };
  const int status = commands::password(agent, 4096, source, asks_twice, out, errors);
  return {status, out.str(), errors.str()};
}

TEST(PasswordCommand, PrintsALineThatThePasswordsFileTakes) {
  const Outcome outcome = password("triage-bot", {"s3cret", "s3cret"}, true);
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_TRUE(outcome.out.starts_with("triage-bot:SCRAM-SHA-256$4096:")) << outcome.out;
  EXPECT_EQ(outcome.out.find("s3cret"), std::string::npos);
  const auto passwords = auth::Passwords::from_text(outcome.out, "passwords");
  ASSERT_TRUE(passwords) << passwords.error().message;
  EXPECT_TRUE(passwords->find("triage-bot").second);
  EXPECT_NE(password("triage-bot", {"s3cret"}, false).out, outcome.out) << "the salt is not random";
}

TEST(PasswordCommand, RefusesWhatWouldNotWork) {
  EXPECT_EQ(password("bot", {""}, false).status, 2);
  EXPECT_EQ(password("bot", {std::nullopt}, false).status, 2);
  EXPECT_EQ(password("bot", {std::string("a\0b", 3)}, false).status, 2);
  const Outcome differ = password("bot", {"hunter2", "hunter3"}, true);
  EXPECT_EQ(differ.status, 2);
  EXPECT_EQ(differ.errors, "pgchaperone: the two differ; expected the same password twice\n");
  for (const char* agent : {"", "a:b", "a\nb", "a\rb", "#bot"}) {
    const Outcome outcome = password(agent, {"hunter2"}, false);
    EXPECT_EQ(outcome.status, 2) << agent;
    EXPECT_EQ(outcome.out, "") << agent;
  }
}

/// A child on a terminal of its own that asks for a secret and ends with status 0 if it got "s3cret".
class Terminal {
 public:
  Terminal() : child_(::forkpty(&descriptor_, nullptr, nullptr, nullptr)) {
    if (child_ == 0) ::_exit(commands::ask_secret("Password: ") == "s3cret" ? 0 : 1);
    wait_for("Password: ");
  }
  ~Terminal() { ::close(descriptor_); }
  Terminal(const Terminal&) = delete;

  void type(std::string_view keys) {
    EXPECT_EQ(::write(descriptor_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  int wait() {
    int status = 0;
    char c = 0;
    while (::read(descriptor_, &c, 1) == 1) shown_ += c;  // until the child is gone
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    return status;
  }
  bool echoes() const {
    termios settings{};
    EXPECT_EQ(::tcgetattr(descriptor_, &settings), 0);
    return (settings.c_lflag & ECHO) != 0;
  }
  const std::string& shown() const { return shown_; }

 private:
  void wait_for(std::string_view text) {
    char c = 0;
    while (shown_.find(text) == std::string::npos && ::read(descriptor_, &c, 1) == 1) shown_ += c;
  }

  int descriptor_ = -1;
  pid_t child_;
  std::string shown_;
};

TEST(AskSecret, ReadsALineAndShowsNothingOfIt) {
  Terminal terminal;
  EXPECT_FALSE(terminal.echoes());
  terminal.type("s3cret\n");
  const int status = terminal.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the line did not arrive";
  EXPECT_EQ(terminal.shown(), "Password: \r\n");
}

TEST(AskSecret, AnInterruptEndsTheProgramAndLeavesTheTerminalAsItWas) {
  Terminal terminal;
  terminal.type("s3c\x03");
  const int status = terminal.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
  EXPECT_TRUE(terminal.echoes());
}

}  // namespace
}  // namespace chaperone::test
