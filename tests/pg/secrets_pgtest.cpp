// A canary in each secret: where it may not be, it is not found. What sessions prove themselves with, and
// what was made for one of them, is not even left in memory.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <fstream>
#include <sstream>

#include "proxy/auth/base64url.hpp"
#include "proxy/auth/crypto.hpp"
#include "proxy/commands/state.hpp"
#include "proxy/commands/token.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using Canaries = std::map<std::string, std::string>;  // by what they are

/// Those that stand somewhere in the memory that a process can write: heap, stacks, variables.
std::string found_in_memory(pid_t pid, const Canaries& canaries) {
  constexpr std::uint64_t kLargest = 1ULL << 30;  // beyond are the shadows of sanitizers
  const net::Descriptor memory(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory) throw std::runtime_error("the process's memory can't be read; are we root?");
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::string found, bytes;
  std::size_t read = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0, end = 0;
    std::string mode;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> mode;
    if (!mode.starts_with("rw") || end - begin > kLargest) continue;
    bytes.resize(end - begin);
    const ssize_t got = ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (got <= 0) continue;
    read += static_cast<std::size_t>(got);
    for (const auto& [what, canary] : canaries) {
      const std::size_t at = std::string_view(bytes.data(), static_cast<std::size_t>(got)).find(canary);
      if (at != std::string::npos) found += fmt::format("{} at {:x} of {}\n", what, at, line);
    }
  }
  if (read < (1U << 20)) throw std::runtime_error("next to nothing of the memory was read");
  return found;
}

/// Those that somebody else could read somewhere.
std::string found_outside(Chaperone& chaperone, const Canaries& canaries) {
  std::string found;
  const std::string proc = fmt::format("/proc/{}/", chaperone.process().pid());
  for (const auto& [where, text] : std::map<std::string, std::string>{
           {"the log", chaperone.log()},
           {"the audit log", read_file(chaperone.audit())},
           {"/metrics", chaperone.get("/metrics")},
           {"/healthz", chaperone.get("/healthz")},
           {"/readyz", chaperone.get("/readyz")},
           {"the command line", read_file(proc + "cmdline")},
           {"the environment", read_file(proc + "environ")},
           {"the names of threads", read_file(proc + "comm")},
       }) {
    EXPECT_FALSE(text.empty()) << where;
    for (const auto& [what, canary] : canaries) {
      if (text.find(canary) != std::string::npos) found += fmt::format("{} in {}\n", what, where);
    }
  }
  return found;
}

/// The private number of a P-256 key in PEM form (RFC 5958, RFC 5915): an OCTET STRING of 32 bytes.
std::string private_number(const std::string& pem) {
  std::string body;
  std::istringstream lines(pem);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("-----")) body += line;
  }
  const std::string der = auth::base64_decode(body).value();
  return der.substr(der.find(std::string_view("\x04\x20", 2)) + 2, 32);
}

/// What of a text in PEM form is the secret: its second line.
std::string second_line(const std::string& pem) {
  const auto begin = pem.find('\n') + 1;
  return pem.substr(begin, pem.find('\n', begin) - begin);
}

std::string password_message(const std::string& text) {
  return message('p', text + std::string(1, '\0'));
}

void attempt(const std::function<void()>& login) {
  try {
    login();
  } catch (const std::exception&) {  // refused, or closed
  }
}

class Secrets : public testing::Test {
 protected:
  static constexpr std::string_view kPassword = "canary-of-a-command-4f9d2c";
  static constexpr std::string_view kByToken =
      "  default: token\n  agents: {tester: scram}\n  passwords: passwords\n  tokens:\n    - keys: builtin\n"
      "  insecure_token_without_tls: true\n";

  static void SetUpTestSuite() {
    postgres().run(fmt::format("CREATE ROLE canary LOGIN PASSWORD '{}'", kPassword));
  }

  /// Encrypted, or not, with tokens; what runs as its command is `script`.
  ChaperoneOptions options(const std::string& script) {
    const auto file = directory_.path("give");
    write_file(file, "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(file, std::filesystem::perms(0700));
    ChaperoneOptions made = encrypted(postgres());
    made.database = "shop";
    made.credential = fmt::format("{{command: {{program: [{}], timeout: 1s}}}}", file.string());
    made.identity = kByToken;
    made.more = "state: state\ninstance: west-1\n";
    made.start = false;
    return made;
  }
  std::string issue(const commands::State& state, std::chrono::seconds lifetime = std::chrono::hours(1)) {
    std::ostringstream out, errors;
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    if (commands::issue_token(state, {.agent = "bot", .lifetime = lifetime}, now, out, errors) != 0) {
      throw std::runtime_error(errors.str());
    }
    return out.str().substr(0, out.str().size() - 1);
  }
  /// Both forms of what a thief would need of it.
  void add_token(const std::string& name, const std::string& token) {
    const std::string signature = token.substr(token.rfind('.') + 1);
    session_[name] = token;
    session_[name + ", its signature"] = signature;
    session_[name + ", its signature's bytes"] = auth::base64url_decode(signature).value();
  }

  TemporaryDirectory directory_;
  Canaries session_;  // secrets of sessions
};

TEST_F(Secrets, OfSessionsAreGoneWithThem) {
  const std::string answer = fmt::format(R"(echo '{{"user":"canary","password":"{}"}}')", kPassword);
  Chaperone mine(options(answer));
  const commands::State state((mine.config().parent_path() / "state").string());
  std::ostringstream out, errors;
  ASSERT_EQ(commands::make_token_key(state, auth::Algorithm::kEs256, false, false, out, errors), 0);
  mine.start();
  session_["the command's password"] = kPassword;
  const auto verifier = auth::ScramVerifier::from_text(
      postgres().scalar("select rolpassword from pg_authid where rolname = 'canary'"));
  const auth::ScramKeys keys = auth::derive_keys(kPassword, verifier->salt, verifier->iterations);
  session_["the ClientKey of the command's password"] = auth::bytes(keys.client_key);

  // Sessions that are served: encrypted, plain, byte by byte.
  for (int i = 0; i < 4; ++i) {
    const std::string token = issue(state);
    add_token(fmt::format("a token that was good ({})", i), token);
    Login login{.user = "bot", .password = token};
    if (i < 2) login.tls = verifying(postgres());
    if (i % 2 == 0) {
      EXPECT_EQ(Client(mine.address(), login).scalar("select current_user"), "canary");
      continue;
    }
    Peer peer(mine.address());
    if (login.tls) peer.request_tls(*login.tls);
    peer.send(startup_packet(login));
    ASSERT_EQ(peer.read().type(), 'R');
    for (const char byte : password_message(token)) peer.send(std::string(1, byte));
    EXPECT_EQ(peer.read_until("Z").back().type(), 'Z');
  }
  // Sessions that are not.
  const auto fails = [&](const std::string& name, Login login) {
    add_token(name, login.password);
    login.tls = verifying(postgres());
    attempt([&] { Client(mine.address(), login); });
    login.tls.reset();
    attempt([&] { Client(mine.address(), login); });
  };
  const std::string good = issue(state);
  fails("a token for another agent", {.user = "another", .password = good});
  fails("a token for no database", {.user = "bot", .password = issue(state), .database = "none"});
  std::string changed = issue(state);
  changed[changed.size() - 5] = changed[changed.size() - 5] == 'A' ? 'B' : 'A';
  fails("a changed token", {.user = "bot", .password = changed});
  attempt([&] {  // gone in the middle of it
    Peer peer(mine.address());
    const std::string token = issue(state);
    session_["half a token"] = token.substr(0, token.size() / 2);
    peer.send(startup_packet({.user = "bot"}));
    (void)peer.read();
    const std::string message = password_message(token);
    peer.send(message.substr(0, message.size() / 2 + 20));
    peer.reset();
  });
  attempt([&] {  // sent before it was asked for
    Peer peer(mine.address());
    const std::string token = issue(state);
    add_token("a token without waiting", token);
    peer.send(startup_packet({.user = "bot"}) + password_message(token) + query("select 1"));
    peer.read_until("ZZ");
  });
  // The command's answer is no good, or it is not taken.
  const Login bot{.user = "bot", .password = good, .tls = verifying(postgres())};
  for (const std::string& script : {
           answer + "; exit 1",
           answer + "; exec sleep 60",
           answer + "; " + answer,
           fmt::format(R"(echo '{{"user":"canary","password":"{}","more":1}}')", kPassword),
           fmt::format(R"(echo '{{"user":"canary","password":"{}'; head -c 70000 /dev/zero)", kPassword),
           fmt::format(R"(echo '{{"user":"tester","password":"{}"}}')", kPassword),
           fmt::format(R"(printf '%s\n' '{{"user":"canary","password":"\u0063{}"}}')", kPassword.substr(1)),
       }) {
    write_file(directory_.path("give"), "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(directory_.path("give"), std::filesystem::perms(0700));
    attempt([&] { Client(mine.address(), bot); });
  }

  // One that gives a certificate, whose key is as much a secret.
  const Credentials own = postgres().authority().issue({.usage = "clientAuth"});
  const std::string number = private_number(own.key);
  session_["the command's key"] = second_line(own.key);
  session_["the command's key, the end of a line"] = session_["the command's key"].substr(40);
  session_["the command's key, its number"] = number;
  session_["the command's key, its number as the machine has it"] = {number.rbegin(), number.rend()};
  write_file(directory_.path("answer"),
             boost::json::serialize(boost::json::object{
                 {"user", "canary"}, {"certificate", own.certificate}, {"key", own.key}}));
  write_file(directory_.path("give"), "#!/bin/sh\nexec cat " + directory_.path("answer").string() + "\n");
  std::filesystem::permissions(directory_.path("give"), std::filesystem::perms(0700));
  attempt([&] { Client(mine.address(), bot); });

  EXPECT_TRUE(eventually([&] { return mine.metric("pgchaperone_sessions{state=\"open\"}") == 0; }));
  EXPECT_EQ(found_outside(mine, session_), "");
  std::string found;
  EXPECT_TRUE(eventually(
      [&] {
        found = found_in_memory(mine.process().pid(), session_);
        return found.empty();
      },
      std::chrono::seconds(5)))
      << found;
}

TEST_F(Secrets, OfTheConfigurationAreNowhereElse) {
  const std::string role_password = "canary-of-a-role-83a1bb";
  postgres().run(fmt::format("CREATE ROLE canary_static LOGIN PASSWORD '{}'", role_password));
  ChaperoneOptions made = encrypted(postgres());
  made.role = "canary_static";
  made.role_password = role_password;
  const std::string listener_key = made.files["server.key"];
  Canaries canaries = {{"the role's password", role_password},
                       {"the listener's key", second_line(listener_key)}};
  Chaperone mine(made);
  EXPECT_EQ(Client(mine.address(), {.tls = verifying(postgres())}).scalar("select current_user"),
            "canary_static");
  attempt([&] { Client(mine.address(), {.password = "canary-of-a-client-6e2f90"}); });
  canaries["a client's wrong password"] = "canary-of-a-client-6e2f90";
  postgres().run("ALTER ROLE canary_static NOLOGIN");
  attempt([&] { Client(mine.address()); });
  mine.write("role.password", "canary-of-a-newer-one-517c06\n");
  canaries["the newer password"] = "canary-of-a-newer-one-517c06";
  mine.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mine.records("event", "reload").size() == 1; }));
  attempt([&] { Client(mine.address()); });
  mine.write("server.key", "-----BEGIN PRIVATE KEY-----\ncanary-of-a-broken-key-b1f40d\n");
  canaries["a key that can't be read"] = "canary-of-a-broken-key-b1f40d";
  mine.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mine.records("event", "reload_refused").size() == 1; }));
  EXPECT_EQ(found_outside(mine, canaries), "");
  // Of those that last only what is needed on and on may be in memory: passwords for the next login, and keys
  // as OpenSSL holds them.
  canaries.erase("the newer password");
  std::string found;
  EXPECT_TRUE(eventually(
      [&] {
        found = found_in_memory(mine.process().pid(), canaries);
        return found.empty();
      },
      std::chrono::seconds(5)))
      << found;
}

TEST_F(Secrets, OfTheBrokerAreItsOwn) {
  // One that may do nothing: what is said of it goes into every place that there is.
  const std::string password = "canary-of-a-broker-0d77e1";
  postgres().run(fmt::format("CREATE ROLE canary_broker LOGIN PASSWORD '{}'", password));
  ChaperoneOptions made = encrypted(postgres());
  made.database = "shop";
  made.credential = "{session_role: {broker: canary_broker, password_file: broker.password}}";
  made.files["broker.password"] = password + "\n";
  made.policy =
      "version: 1\ncapabilities:\n  items:\n    tables:\n      item:\n        read: {columns: [id]}\n"
      "agents:\n  tester: {capabilities: [items]}\n";
  made.more = "instance: west-1\n";
  Chaperone mine(made);
  attempt([&] { Client(mine.address()); });
  postgres().run("ALTER ROLE canary_broker PASSWORD 'another'");
  attempt([&] { Client(mine.address()); });
  EXPECT_EQ(found_outside(mine, {{"the broker's password", password}}), "");
}

TEST_F(Secrets, NoCoreIsWritten) {
  Chaperone mine(ChaperoneOptions{.server = postgres().address()});
  const std::string limits = read_file(fmt::format("/proc/{}/limits", mine.process().pid()));
  EXPECT_NE(limits.find("Max core file size        0                    0 "), std::string::npos) << limits;
}

}  // namespace
}  // namespace chaperone::pg
