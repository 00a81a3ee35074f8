// Programs that `pgchaperone connect` runs: psql, the local socket and port, tokens, who else gets in,
// signals, exit statuses, what is left behind.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "proxy/commands/state.hpp"
#include "proxy/commands/token.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using commands::State;

/// Agents log in with tokens of the built-in service.
ChaperoneOptions with_tokens(ChaperoneOptions options) {
  options.database = "shop";
  options.role = "tester";
  options.identity = "  default: token\n  tokens:\n    - keys: builtin\n  insecure_token_without_tls: true\n";
  options.more = "state: state\n";
  options.start = false;
  return options;
}

/// Says what a shell script of a test may name: $PGCHAPERONE, $CONFIG, $OUT (a directory).
class Connect : public testing::Test {
 protected:
  explicit Connect(const ChaperoneOptions& given = {.server = postgres().address()})
      : setup_(with_tokens(given)),
        chaperone_(setup_),
        state_((chaperone_.config().parent_path() / "state").string()) {
    std::ostringstream out, errors;
    if (commands::make_token_key(state_, auth::Algorithm::kEdDsa, false, false, out, errors) != 0) {
      throw std::runtime_error(errors.str());
    }
    chaperone_.start();
    chaperone_.write_config(setup_);  // with the port that it has got
    // The program that is tested is the one that serves.
    program_ = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", chaperone_.process().pid()));
    ::setenv("PGCHAPERONE", program_.c_str(), 1);
    ::setenv("CONFIG", chaperone_.config().c_str(), 1);
    ::setenv("OUT", out_.path().c_str(), 1);
    ::setenv("TMPDIR", local_.path().c_str(), 1);
    ::unsetenv("XDG_RUNTIME_DIR");
  }
  ~Connect() override {
    EXPECT_TRUE(std::filesystem::is_empty(local_.path())) << "something of a local socket is left";
    ::unsetenv("TMPDIR");
  }

  /// Runs `pgchaperone connect` with these words of a shell; gives the exit status.
  int connect(const std::string& words, std::string options = "--config $CONFIG --agent triage-bot") {
    Process shell({"/bin/sh", "-c", fmt::format("exec $PGCHAPERONE connect {} {}", options, words)},
                  {.log = out_.path("both")});
    EXPECT_TRUE(shell.wait(std::chrono::seconds(30))) << words;
    return WIFEXITED(shell.status()) ? WEXITSTATUS(shell.status()) : 1000 + WTERMSIG(shell.status());
  }
  /// What the last ones have printed, and forgets it.
  std::string said() {
    std::string text = read_file(out_.path("both"));
    std::filesystem::remove(out_.path("both"));
    return text;
  }
  std::string out(const std::string& name) const { return read_file(out_.path(name)); }
  std::string issue(const std::string& agent) const {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return commands::make_token(state_, {.agent = agent},
                                std::chrono::duration_cast<std::chrono::microseconds>(now).count())
        .value();
  }

  const ChaperoneOptions setup_;
  Chaperone chaperone_;
  State state_;
  std::string program_;

 private:
  TemporaryDirectory out_, local_;
};

TEST_F(Connect, EachConnectionHasATokenOfItsOwn) {
  EXPECT_EQ(
      connect("--actor alice@example.com --task T-1 -- sh -c '"
              "psql -XAtc \"select 1\"; psql -XAt \"$DATABASE_URL\" -c \"select 2\"; "
              "psql -XAt \"$0\" -c \"select 3\"; "
              "PGPASSWORD= psql -XAt -h $1 -U anybody -c \"select current_database()\"' {dsn} {socket}"),
      0);
  EXPECT_EQ(said(), "1\n2\n3\nshop\n") << "and nothing of ours between it";
  Records opened;
  ASSERT_TRUE(eventually([&] {
    opened = chaperone_.records("event", "opened");
    return opened.size() >= 4;
  }));
  for (const Record& each : opened) {
    EXPECT_EQ(text(each, "agent"), "triage-bot");
    EXPECT_EQ(text(each, "actor"), "alice@example.com");
    EXPECT_EQ(text(each, "task"), "T-1");
    EXPECT_EQ(text(each, "proof"), "token");
  }
  // One token would be over with the first session.
  EXPECT_EQ(connect("--lifetime 1s -- sh -c 'psql -XAtc \"select pg_sleep(60)\"; psql -XAtc \"select 4\"'"),
            0);
  const auto both = said();
  EXPECT_NE(both.find("FATAL:  pgchaperone: the token of triage-bot has expired"), std::string::npos) << both;
  EXPECT_TRUE(both.ends_with("\n4\n")) << both;
  EXPECT_EQ(connect("--token-command 'echo >> $OUT/asked; $PGCHAPERONE token issue --config $CONFIG --agent "
                    "triage-bot' "
                    "-- sh -c 'psql -XAtc \"select 5\"; psql -XAt \"$DATABASE_URL\" -c \"select 6\"'"),
            0);
  EXPECT_EQ(said(), "5\n6\n");
  EXPECT_EQ(out("asked"), "\n\n");
}

TEST_F(Connect, TheServersErrorsAndOursAreErrorsOfPostgreSQL) {
  EXPECT_EQ(connect("-- psql -XAt -v VERBOSITY=verbose -c 'select nothing'"), 1);
  EXPECT_NE(said().find("ERROR:  42703: column \"nothing\" does not exist"), std::string::npos);
  EXPECT_EQ(connect("-- psql -XAt -d nowhere -c 'select 1'"), 2);
  EXPECT_NE(said().find("FATAL:  database \"nowhere\" does not exist"), std::string::npos);
  chaperone_.process().stop();
  EXPECT_EQ(connect("-- psql -XAtc 'select 1'"), 2);
  const auto gone = said();
  EXPECT_NE(gone.find(fmt::format(
                "FATAL:  pgchaperone connect: the server at {}: it can't be reached: Connection refused",
                chaperone_.address().to_string())),
            std::string::npos)
      << gone;
}

TEST_F(Connect, NobodyElseGetsIn) {
  connect(
      "-- sh -c 'psql -XAt \"postgresql://triage-bot:guessed@127.0.0.1:$PGPORT/shop\" -c \"select 1\"; "
      "PGPASSWORD= psql -wXAt -h 127.0.0.1 -c \"select 1\"; stat -c %a $PGHOST'");
  const auto refused = said();
  EXPECT_NE(refused.find("FATAL:  pgchaperone connect: that is not the password of this run"),
            std::string::npos)
      << refused;
  EXPECT_NE(refused.find("no password supplied"), std::string::npos) << refused;
  EXPECT_NE(refused.find("\n700\n"), std::string::npos) << refused;
  if (::geteuid() != 0) return;  // nobody else can be asked
  connect(
      "-- sh -c 'setpriv --reuid=nobody --clear-groups psql -wXAt \"$DATABASE_URL\" -c \"select 1\"; "
      "setpriv --reuid=nobody --clear-groups psql -wXAtc \"select 1\"'");
  const auto others = said();
  EXPECT_NE(others.find("FATAL:  pgchaperone connect: this is for the programs of another user"),
            std::string::npos)
      << others;
  EXPECT_NE(others.find("Permission denied"), std::string::npos) << others;
  EXPECT_TRUE(chaperone_.records("event", "opened").empty()) << "a session of none of these";
}

TEST_F(Connect, TheExitStatusIsTheProgramsAndSignalsAreHandedOn) {
  EXPECT_EQ(connect("-- sh -c 'exit 7'"), 7);
  EXPECT_EQ(connect("-- sh -c 'kill -9 $$'"), 128 + SIGKILL);
  EXPECT_EQ(said(), "");
  EXPECT_EQ(connect("-- /no/such/program"), 2);
  EXPECT_EQ(said(),
            "pgchaperone: \"/no/such/program\" can't be started: No such file or directory; expected a "
            "program behind --\n");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    Process running(
        {program_, "connect", "--config", chaperone_.config(), "--agent", "triage-bot", "--", "sh", "-c",
         fmt::format(
             "trap 'echo got {0} > $OUT/got; exit 9' {0}; echo > $OUT/ready; while :; do sleep 0.01; done",
             signal)},
        {});
    ASSERT_TRUE(eventually([&] { return out("ready") == "\n"; }));
    running.signal(signal);
    ASSERT_TRUE(running.wait(std::chrono::seconds(10)));
    EXPECT_EQ(WEXITSTATUS(running.status()), 9);
    EXPECT_EQ(out("got"), fmt::format("got {}\n", signal));
    std::filesystem::remove(std::string(std::getenv("OUT")) + "/ready");
  }
  // It is over with the program, whatever is still connected.
  EXPECT_EQ(connect("-- sh -c 'psql -XAtc \"select pg_sleep(60)\" > /dev/null 2>&1 & sleep 0.3; exit 3'"), 3);
}

TEST_F(Connect, CancelRequestsAreHandedOn) {
  EXPECT_EQ(connect("-- sh -c '(sleep 0.5; kill -INT $(cat $OUT/pid)) & "
                    "sh -c \"echo \\$\\$ > $OUT/pid; exec psql -XAtc \\\"select pg_sleep(60)\\\"\"'"),
            1);
  EXPECT_NE(said().find("canceling statement due to user request"), std::string::npos);
}

TEST_F(Connect, AddressAndTokenCanBeGivenInsteadOfAConfiguration) {
  const std::string options =
      fmt::format("--agent triage-bot --server {} --insecure-without-tls --database shop",
                  chaperone_.address().to_string());
  chaperone_.write("token", issue("triage-bot") + "\n");
  const std::string file = (chaperone_.config().parent_path() / "token").string();
  EXPECT_EQ(connect(fmt::format("--token-command 'cat {}' -- psql -XAtc 'select 5'", file), options), 0);
  EXPECT_EQ(said(), "5\n");
  EXPECT_EQ(connect(fmt::format("--state {} -- psql -XAtc 'select 6'", state_.path("")), options), 0);
  EXPECT_EQ(said(), "6\n");
  const auto refused = [&](const std::string& command) {
    EXPECT_EQ(connect(fmt::format("--token-command '{}' -- psql -XAtc 'select 1'", command), options), 2);
    return said();
  };
  EXPECT_NE(refused("exit 3").find("FATAL:  pgchaperone connect: the token command ended with status 3"),
            std::string::npos);
  EXPECT_NE(refused("echo a token").find("the token command printed no token"), std::string::npos);
  EXPECT_NE(
      refused("echo guessed").find("FATAL:  pgchaperone: the token of agent \"triage-bot\" is not accepted"),
      std::string::npos);
  EXPECT_EQ(
      connect("-- true", "--agent triage-bot --server 10.0.0.1:6432 --insecure-without-tls --database shop"),
      2);
  EXPECT_NE(said().find("is for loopback addresses"), std::string::npos) << "a token in clear on a network";
  EXPECT_EQ(connect("-- true", "--agent triage-bot --config $OUT/nothing.yaml"), 2);
  EXPECT_NE(said().find("nothing.yaml:1:1: can't be read"), std::string::npos);
}

TEST_F(Connect, ATokenIsNotForWhoeverListensInTheServersPlace) {
  if (::geteuid() != 0) return;  // there is nobody else
  chaperone_.process().stop();
  const std::string program_of_others = fmt::format(
      "import socket\ns = socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
      "s.bind(('127.0.0.1', {}))\ns.listen()\nprint('listens', flush=True)\nc, _ = s.accept()\nc.recv(9999)\n"
      "c.sendall(b'R\\0\\0\\0\\x08\\0\\0\\0\\x03')\nprint('got', c.recv(9999), flush=True)\n",
      chaperone_.address().port);
  const std::string log = std::string(std::getenv("OUT")) + "/other";
  Process other(
      {"/usr/bin/setpriv", "--reuid=nobody", "--clear-groups", "/usr/bin/python3", "-c", program_of_others},
      {.log = log});
  ASSERT_TRUE(eventually([&] { return out("other") == "listens\n"; })) << out("other");
  EXPECT_EQ(connect("-- psql -XAtc 'select 1'"), 2);
  EXPECT_NE(said().find("it is a program of another user, who would get the token"), std::string::npos);
  ASSERT_TRUE(other.wait(std::chrono::seconds(10)));
  EXPECT_EQ(out("other"), "listens\ngot b''\n");
  // Nor where the command line says which server it is.
  Process again(
      {"/usr/bin/setpriv", "--reuid=nobody", "--clear-groups", "/usr/bin/python3", "-c", program_of_others},
      {.log = log});
  ASSERT_TRUE(eventually([&] { return out("other") == "listens\ngot b''\nlistens\n"; })) << out("other");
  EXPECT_EQ(
      connect("-- psql -XAtc 'select 1'",
              fmt::format("--agent triage-bot --server {} --insecure-without-tls --state {} --database shop",
                          chaperone_.address().to_string(), state_.path(""))),
      2);
  EXPECT_NE(said().find("it is a program of another user, who would get the token"), std::string::npos);
  ASSERT_TRUE(again.wait(std::chrono::seconds(10)));
  EXPECT_EQ(out("other"), "listens\ngot b''\nlistens\ngot b''\n");
}

TEST_F(Connect, ATokenIsNotForWhoeverListensAtTheServersSocket) {
  const TemporaryDirectory place;
  const std::string socket = place.path(".s.PGSQL.6432");
  const auto program = [&](std::string_view then) {
    return fmt::format(
        "import os, socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('{0}')\nos.chmod('{0}', "
        "0o777)\ns.listen()\n"
        "print('listens', flush=True)\nc, _ = s.accept()\n{1}",
        socket, then);
  };
  const std::string ask =
      "c.recv(9999)\nc.sendall(b'R\\0\\0\\0\\x08\\0\\0\\0\\x03')\nprint('got', len(c.recv(9999)) > 99, "
      "flush=True)\n";
  const std::string options =
      fmt::format("--agent triage-bot --server unix:{}:6432 --state {} --database shop",
                  place.path().string(), state_.path(""));
  const auto listen_as = [&](std::vector<std::string> as) {
    std::filesystem::remove(socket);
    as.insert(as.end(), {"/usr/bin/python3", "-c", program(ask)});
    auto other = std::make_unique<Process>(std::move(as),
                                           ProcessOptions{.log = std::string(std::getenv("OUT")) + "/other"});
    EXPECT_TRUE(eventually([&] { return out("other").ends_with("listens\n"); })) << out("other");
    return other;
  };
  // One of our own gets it: that is how the test sees that it would.
  auto own = listen_as({});
  EXPECT_EQ(connect("-- psql -XAtc 'select 1'", options), 2);
  ASSERT_TRUE(own->wait(std::chrono::seconds(10)));
  EXPECT_EQ(out("other"), "listens\ngot True\n") << said();
  said();
  if (::geteuid() != 0) return;  // there is nobody else
  std::filesystem::permissions(place.path(), std::filesystem::perms::all);
  auto other = listen_as({"/usr/bin/setpriv", "--reuid=nobody", "--clear-groups"});
  EXPECT_EQ(connect("-- psql -XAtc 'select 1'", options), 2);
  EXPECT_NE(said().find("it is a program of another user, who would get the token"), std::string::npos);
  ASSERT_TRUE(other->wait(std::chrono::seconds(10)));
  EXPECT_EQ(out("other"), "listens\ngot True\nlistens\ngot False\n");
}

class ConnectByTls : public Connect {
 protected:
  ConnectByTls() : Connect(encrypted(postgres())) {}
};

TEST_F(ConnectByTls, TheServerHasToBeTheOneThatIsMeant) {
  EXPECT_EQ(connect("-- psql -XAtc 'select 7'"), 0);
  EXPECT_EQ(said(), "7\n") << "whose certificate the configuration names";
  const auto to = [&](std::string_view host, std::string_view more) {
    return fmt::format("--agent triage-bot --server {}:{} {} --state {} --database shop", host,
                       chaperone_.address().port, more, state_.path(""));
  };
  const std::string ca = "--ca " + (chaperone_.config().parent_path() / "ca.pem").string();
  EXPECT_EQ(connect("-- psql -XAtc 'select 8'", to("localhost", ca)), 0);
  EXPECT_EQ(said(), "8\n");
  EXPECT_EQ(connect("-- psql -XAtc 'select 8'", to("localhost", "")), 2);
  EXPECT_NE(said().find("TLS with it failed: the certificate: "), std::string::npos)
      << "of an authority that nobody knows";
  const Credentials other = postgres().authority().issue({.common_name = "pgchaperone"});
  chaperone_.write("server.crt", other.certificate);
  chaperone_.write("server.key", other.key);
  EXPECT_EQ(connect("-- psql -XAtc 'select 9'"), 2);
  EXPECT_NE(said().find("its certificate is not the one of the configuration"), std::string::npos)
      << "somebody else of the same authority";
  chaperone_.process().stop();
  chaperone_.start();
  EXPECT_EQ(connect("-- psql -XAtc 'select 9'"), 0);
  EXPECT_EQ(said(), "9\n");
}

}  // namespace
}  // namespace chaperone::pg
