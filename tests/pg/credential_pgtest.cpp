// Credentials made for one session, against a real server: minted certificates, and what commands give.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "proxy/commands/broker.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

/// Agents' certificates of this authority are let in as `cert_agents`, and as nobody else, by the lines that
/// `broker sql` prints.
class Credential : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto& server = postgres();
    server.run("CREATE ROLE cert_agents LOGIN");
    server.run("CREATE ROLE given LOGIN PASSWORD 'of a command, and long enough'");
    server.run("CREATE TABLE lent (id int PRIMARY KEY, hidden int)");
    server.run("INSERT INTO lent VALUES (1, 2)");
    server.run("GRANT SELECT ON lent TO cert_agents, given");
    const std::filesystem::path directory = server.scalar("SHOW data_directory");
    // Where the server finds it, and may read it.
    write_file(directory / "clients.pem", clients().certificate());
    std::filesystem::permissions(directory / "clients.pem", std::filesystem::perms(0644));
    ChaperoneOptions options = certificates();
    options.start = false;
    const Chaperone mine(options);
    std::ostringstream out, errors;
    ASSERT_EQ(commands::print_broker_sql({.config = mine.config(), .database = "shop"}, out, errors), 0)
        << errors.str();
    std::string hba, ident;
    std::istringstream lines(out.str());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("host") || line.starts_with("local")) hba += line + "\n";
      if (line.starts_with("pgchaperone")) ident += line + "\n";
    }
    write_file(directory / "pg_hba.conf", hba + read_file(directory / "pg_hba.conf"));
    write_file(directory / "pg_ident.conf", ident);
    server.run("ALTER SYSTEM SET ssl_ca_file = 'clients.pem'");
    server.run("SELECT pg_reload_conf()");
    ASSERT_TRUE(eventually([&] { return server.scalar("SHOW ssl_ca_file") == "clients.pem"; }));
    EXPECT_EQ(server.scalar("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL"), "0");
  }
  static void TearDownTestSuite() {
    postgres().run("DROP TABLE lent");
    postgres().run("ALTER SYSTEM RESET ssl_ca_file");
    postgres().run("SELECT pg_reload_conf()");
  }

  static const Authority& clients() {
    static const Authority authority("the authority of agents");
    return authority;
  }
  static ChaperoneOptions certificates(const Authority& authority = clients(),
                                       const std::string& more = "role: cert_agents") {
    return {.server = postgres().address(),
            .server_tls = "{ca: server-ca.pem}",
            .database = "shop",
            .credential =
                fmt::format("{{client_certificate: {{ca_certificate: ca.pem, ca_key: ca.key, {}}}}}", more),
            .more = "instance: west-1\n",
            .files = {{"server-ca.pem", postgres().authority().certificate()},
                      {"ca.pem", authority.certificate()},
                      {"ca.key", authority.key()}}};
  }

  /// A command of /bin/sh, found by `name`.
  std::string script(const std::string& body, const std::string& name = "give") {
    const auto file = directory_.path(name);
    write_file(file, "#!/bin/sh\n" + body + "\n");
    std::filesystem::permissions(file, std::filesystem::perms(0700));
    return file;
  }
  ChaperoneOptions command(const std::string& program, const std::string& more = "timeout: 5s") const {
    return {.server = postgres().address(),
            .server_tls = "{ca: server-ca.pem}",
            .database = "shop",
            .credential = fmt::format("{{command: {{program: [{}, one argument], {}}}}}", program, more),
            .more = "instance: west-1\n",
            .files = {{"server-ca.pem", postgres().authority().certificate()}}};
  }
  std::string file(const std::string& name) const { return directory_.path(name); }

  static constexpr std::string_view kGiven =
      R"(echo '{"user":"given","password":"of a command, and long enough"}')";
  TemporaryDirectory directory_;
};

/// What the client is told, and what the operator is: nothing of the latter is in the former.
std::string refusal_of(const Chaperone& chaperone) {
  const std::size_t before = chaperone.records("event", "refused").size();
  const Message error = refusal(chaperone.address());
  EXPECT_EQ(error.field('C'), "08006");
  EXPECT_TRUE(eventually([&] { return chaperone.records("event", "refused").size() > before; }));
  const std::string why = text(chaperone.records("event", "refused").back(), "why");
  EXPECT_TRUE(why.starts_with(error.field('M'))) << why;
  EXPECT_LT(error.field('M').size(), why.size()) << "the client is told all of it";
  return why;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "status");
    std::ostringstream status;
    status << in.rdbuf();  // of one that goes just now nothing is read
    if (status.str().find(fmt::format("\nPPid:\t{}\n", parent)) != std::string::npos) {
      children.push_back(std::stoi(entry.path().filename()));
    }
  }
  return children;
}

std::size_t descriptors_of(pid_t pid) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid)), {}));
}

constexpr std::string_view kWhoIsThere =
    "select client_dn || ' ' || client_serial from pg_stat_ssl where pid = pg_backend_pid()";

TEST_F(Credential, ACertificateForEachSession) {
  Chaperone mine(certificates());
  std::set<std::string> names;
  for (int i = 0; i < 3; ++i) {
    Client client(mine.address());
    EXPECT_EQ(client.scalar("select current_user"), "cert_agents");
    const std::string shown = client.scalar(kWhoIsThere);
    const auto records = mine.records("event", "minted");
    ASSERT_EQ(records.size(), static_cast<std::size_t>(i) + 1);
    const std::string name = text(records.back(), "lease");
    EXPECT_TRUE(name.starts_with("agp_west-1_")) << name;
    EXPECT_TRUE(shown.starts_with("/CN=" + name + " ")) << shown;
    EXPECT_EQ(text(records.back(), "role"), "cert_agents");
    EXPECT_EQ(text(records.back(), "agent"), "tester");
    EXPECT_LE(records.back().at("seconds").as_int64(), 600);
    EXPECT_GT(records.back().at("seconds").as_int64(), 500) << "whole seconds of what is left of ten minutes";
    names.insert(name);
    client.close();
    const auto session = mine.session(client.pid());
    EXPECT_EQ(text(session.front(), "session"), text(records.back(), "session"));
  }
  EXPECT_EQ(names.size(), 3U);
}

TEST_F(Credential, CancelsNeedNoCertificate) {
  Chaperone mine(certificates());
  Client client(mine.address());
  client.send(query("select pg_sleep(30)"));
  ASSERT_TRUE(eventually([&] {
    return postgres().scalar(fmt::format(
               "select count(*) from pg_stat_activity where pid = {} and state = 'active'", client.pid())) ==
           "1";
  }));
  cancel(mine.address(), client.pid(), client.secret());
  EXPECT_EQ(find(client.read_until("Z"), 'E').field('C'), "57014");
  EXPECT_EQ(client.scalar("select 'goes on'"), "goes on");
}

TEST_F(Credential, TheSessionEndsWithItsCertificate) {
  Chaperone mine(certificates(clients(), "role: cert_agents, lifetime: 2s"));
  Client client(mine.address());
  client.send(query("select pg_sleep(60)"));
  const Messages last = client.read_to_end();
  ASSERT_FALSE(last.empty());
  EXPECT_EQ(last.back().field('C'), "57P01");
  EXPECT_EQ(last.back().field('M'), "pgchaperone: the credential of this session has come to its end");
  EXPECT_TRUE(eventually([&] {
    return postgres().scalar(
               fmt::format("select count(*) from pg_stat_activity where pid = {}", client.pid())) == "0";
  }));
  EXPECT_EQ(Client(mine.address()).scalar("select 1"), "1") << "the next one has one of its own";
}

TEST_F(Credential, TheCatalogIsReadWithACertificateToo) {
  ChaperoneOptions options = certificates();
  options.policy =
      "version: 1\ncapabilities:\n  lent:\n    tables:\n      lent:\n        read: {columns: [id]}\n"
      "agents:\n  tester: {capabilities: [lent]}\n";
  Chaperone mine(options);
  Client client(mine.address());
  EXPECT_EQ(client.scalar("select id from lent"), "1");
  EXPECT_EQ(find(client.exchange(query("select hidden from lent")), 'E').field('C'), "42501");
  const auto records = mine.records("event", "minted");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(boost::json::serialize(records[0].at("capabilities")), "[\"lent\"]");
}

TEST_F(Credential, ACertificateThatTheServerDoesNotTake) {
  const Authority foreign("another authority");
  EXPECT_NE(refusal_of(Chaperone(certificates(foreign))).find("alert unknown ca"), std::string::npos);
  // The role's line in pg_hba.conf asks for a password: nothing else is tried.
  const std::string password = refusal_of(Chaperone(certificates(clients(), "role: other")));
  EXPECT_NE(password.find("it asks for a password rather than a certificate"), std::string::npos) << password;
  // No line of pg_ident.conf leads to this one.
  postgres().run("CREATE ROLE cert_others LOGIN");
  const std::string unmapped = refusal_of(Chaperone(certificates(clients(), "role: cert_others")));
  EXPECT_NE(unmapped.find("password"), std::string::npos) << unmapped;
  postgres().run("DROP ROLE cert_others");
}

TEST_F(Credential, AnAuthorityThatExpires) {
  const Authority brief(CertificateOptions{.usage = "", .ends = 2});
  Chaperone mine(certificates(brief));
  std::string why;
  EXPECT_TRUE(eventually([&] {
    why = refusal_of(mine);
    return why.find("the authority's certificate has expired") != std::string::npos;
  })) << why;
  // A newer one takes effect with a reload.
  mine.write("ca.pem", clients().certificate());
  mine.write("ca.key", clients().key());
  mine.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mine.records("event", "reload").size() == 1; }));
  EXPECT_EQ(Client(mine.address()).scalar("select current_user"), "cert_agents");
}

TEST_F(Credential, ACommandIsToldForWhomAndGivesAPassword) {
  const std::string program =
      script("cat > " + file("question") + "; env > " + file("environment") + "; ls -l /proc/self/fd > " +
             file("descriptors") + "; echo \"$#:$1\" > " + file("arguments") +
             "; echo 'a \033[31mremark\nof it' >&2; " + std::string(kGiven));
  ChaperoneOptions options = command(program, "lifetime: 90s");
  options.policy =
      "version: 1\ncapabilities:\n  lent:\n    tables:\n      lent:\n        read: {columns: [id]}\n"
      "agents:\n  tester: {capabilities: [lent]}\n";
  Chaperone mine(options);
  Client client(mine.address());
  EXPECT_EQ(client.scalar("select id from lent"), "1");
  EXPECT_EQ(
      postgres().scalar(fmt::format("select usename from pg_stat_activity where pid = {}", client.pid())),
      "given");
  const auto records = mine.records("event", "given");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(text(records[0], "by"), "password");
  EXPECT_EQ(read_file(file("question")),
            fmt::format(
                "{{\"version\":1,\"server\":\"{}\",\"database\":\"shop\",\"agent\":\"tester\",\"actor\":null,"
                "\"task\":null,\"capabilities\":[\"lent\"],\"lease\":\"{}\",\"lifetime\":90}}\n",
                postgres().address().to_string(), text(records[0], "lease")));
  EXPECT_EQ(read_file(file("arguments")), "1:one argument\n");
  const std::string environment = read_file(file("environment"));
  for (std::size_t at = 0; at < environment.size(); at = environment.find('\n', at) + 1) {
    const std::string_view line = std::string_view(environment).substr(at);
    EXPECT_TRUE(line.starts_with("PATH=") || line.starts_with("PWD=") || line.starts_with("_=") ||
                line.starts_with("SHLVL=") || line.starts_with("OLDPWD="))
        << "of ours: " << environment;
  }
  const std::string descriptors = read_file(file("descriptors"));
  EXPECT_EQ(descriptors.find("socket"), std::string::npos) << descriptors;
  EXPECT_EQ(descriptors.find("audit"), std::string::npos) << descriptors;
  EXPECT_EQ(descriptors.find("anon_inode"), std::string::npos) << descriptors;
  EXPECT_NE(mine.log().find(R"( says "a \u001b[31mremark\nof it")"), std::string::npos) << mine.log();
  for (const std::string& text : {mine.log(), read_file(mine.audit())}) {
    EXPECT_EQ(text.find("long enough"), std::string::npos) << text;
  }
}

TEST_F(Credential, ACommandGivesACertificate) {
  const Credentials own =
      clients().issue({.common_name = "agp_west-1_aaaaaaaaaaaaaaaa", .usage = "clientAuth"});
  write_file(file("answer"),
             boost::json::serialize(boost::json::object{
                 {"user", "cert_agents"}, {"certificate", own.certificate}, {"key", own.key}}));
  Chaperone mine(command(script("exec cat " + file("answer"))));
  Client client(mine.address());
  EXPECT_TRUE(client.scalar(kWhoIsThere).starts_with("/CN=agp_west-1_aaaaaaaaaaaaaaaa "));
  EXPECT_EQ(text(mine.records("event", "given").at(0), "by"), "certificate");
}

TEST_F(Credential, ACommandThatFailsLetsNobodyIn) {
  const std::string program = script("exit 1");
  Chaperone mine(command(program, "timeout: 1s"));
  struct Case {
    std::string body, why;
  };
  const pid_t pid = mine.process().pid();
  refusal_of(mine);  // after it all threads that it takes are there
  const std::size_t descriptors = descriptors_of(pid);
  for (const Case& each : {
           Case{"exit 3", "give: it ended with status 3"},
           Case{"kill -11 $$", "give: it was ended by signal 11"},
           Case{"exec sleep 60", "give: it took longer than 1000 ms"},
           Case{"sleep 60 & sleep 60", "give: it took longer than 1000 ms"},
           Case{std::string(kGiven) + "; exec sleep 60", "give: it took longer than 1000 ms"},
           Case{std::string(kGiven) + "; exit 1", "give: it ended with status 1"},
           Case{"exec head -c 1000000 /dev/zero", "give: it printed more than 65536 bytes"},
           Case{"exec cat /dev/zero", "give: it printed more than 65536 bytes"},
           Case{":", "give: its answer is no JSON"},
           Case{"echo given:password", "give: its answer is no JSON"},
           Case{"echo '[]'", "give: its answer is no JSON object"},
           Case{std::string(kGiven) + "; " + std::string(kGiven), "give: its answer is no JSON"},
           Case{R"(echo '{"user":"given"}')", "give: its answer has to hold a password, or a certificate"},
           Case{R"(printf '%s' '{"user":"given","password":"of a command, and long enough\n"}')",
                "give: password of its answer holds a line end"},
           Case{R"(echo '{"user":"given","password":"p","superuser":true}')",
                "give: its answer has a member \"superuser\""},
           Case{R"(echo '{"user":"given","password":"p","expires_at":"2020-01-01T00:00:00Z"}')",
                "give: what it gave has expired already"},
           Case{R"(echo '{"user":"given","certificate":"c","key":"k"}')",
                "give: certificate of its answer: "},
           Case{R"(echo '{"user":"given","password":"another one"}')", "password authentication failed"},
           Case{R"(echo '{"user":"nobody_at_all","password":"p"}')", "password authentication failed"},
       }) {
    script(each.body);
    const std::string why = refusal_of(mine);
    EXPECT_NE(why.find(each.why), std::string::npos) << each.body << ": " << why;
    EXPECT_EQ(why.find("long enough"), std::string::npos) << each.body << ": " << why;
  }
  ::chmod(program.c_str(), 0722);
  EXPECT_NE(refusal_of(mine).find("is writable by others than its owner (mode 0722)"), std::string::npos);
  EXPECT_EQ(children_of(pid), std::vector<pid_t>{}) << "zombies";
  EXPECT_TRUE(eventually([&] { return descriptors_of(pid) <= descriptors; }))
      << descriptors_of(pid) << " descriptors, before " << descriptors;
  script(std::string(kGiven));
  EXPECT_EQ(Client(mine.address()).scalar("select current_user"), "given") << "the next one that works does";
}

TEST_F(Credential, SoManyCommandsAtOnce) {
  const std::string program =
      script("touch " + file("at.$$") + "; ls " + directory_.path().string() + " | grep -c '^at' >> " +
             file("counts") + "; sleep 0.2; rm " + file("at.$$") + "; " + std::string(kGiven));
  Chaperone mine(command(program, "timeout: 30s"));
  std::vector<std::thread> logins;
  std::atomic<int> served{0};
  for (int i = 0; i < 24; ++i) {
    logins.emplace_back([&] {
      try {
        served += Client(mine.address()).scalar("select 1") == "1" ? 1 : 0;
      } catch (const std::exception& failure) {
        ADD_FAILURE() << failure.what();
      }
    });
  }
  for (std::thread& login : logins) login.join();
  EXPECT_EQ(served, 24);
  std::istringstream counts(read_file(file("counts")));
  int most = 0;
  for (int count = 0; counts >> count;) most = std::max(most, count);
  EXPECT_GT(most, 1) << "one after the other";
  EXPECT_LE(most, 8);
}

TEST_F(Credential, ACommandEndsWithTheProxy) {
  Chaperone mine(command(script("echo $$ > " + file("pid") + "; exec sleep 600"), "timeout: 1m"));
  Peer peer(mine.address());
  std::thread waiting([&] {
    try {
      (void)log_in(peer);
    } catch (const std::exception&) {  // closed
    }
  });
  ASSERT_TRUE(eventually([&] { return !read_file(file("pid")).empty(); }));
  const std::string pid = std::to_string(std::stoi(read_file(file("pid"))));
  mine.process().stop();
  waiting.join();
  EXPECT_TRUE(WIFEXITED(mine.process().status())) << "it had to be killed";
  EXPECT_TRUE(eventually([&] { return read_file("/proc/" + pid + "/status").empty(); }));
}

}  // namespace
}  // namespace chaperone::pg
