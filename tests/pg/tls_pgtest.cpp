// TLS on both sides with the programs that people use: libpq, and PostgreSQL's own.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "proxy/commands/catalog.hpp"
#include "proxy/wire/startup.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kUnderSanitizer = true;
#else
constexpr bool kUnderSanitizer = false;
#endif
#elif defined(__SANITIZE_ADDRESS__)
constexpr bool kUnderSanitizer = true;
#else
constexpr bool kUnderSanitizer = false;
#endif

constexpr const char* kPsql = "/usr/lib/postgresql/15/bin/psql";

class Tls : public testing::Test {
 protected:
  static const session::Address& address() { return encrypted_chaperone().address(); }
  static TlsOptions verifying() { return pg::verifying(postgres()); }
  static Login over_tls(const std::string& user = "encrypted") { return {.user = user, .tls = verifying()}; }

  /// What psql prints, errors included.
  std::string psql(const std::string& connection, const std::string& sql,
                   const session::Address& to = address()) {
    write_file(directory_.path("ca.pem"), postgres().authority().certificate());
    const auto out = directory_.path("out");
    std::filesystem::remove(out);
    Process process(
        {kPsql, "-XAtq",
         fmt::format(
             "host=localhost hostaddr=127.0.0.1 port={} user=encrypted password='a secret' dbname=shop "
             "sslrootcert={} {}",
             to.port, directory_.path("ca.pem").string(), connection),
         "-c", sql},
        {.log = out});
    EXPECT_TRUE(process.wait(std::chrono::seconds(20)));
    return read_file(out);
  }

  TemporaryDirectory directory_;
};

constexpr std::string_view kSsl = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";

TEST_F(Tls, PsqlVerifiesBindsAndIsVerifiedUpstream) {
  EXPECT_EQ(psql("sslmode=verify-full channel_binding=require", std::string(kSsl)), "t\n");
  EXPECT_EQ(psql("sslmode=require channel_binding=disable", std::string(kSsl)), "t\n");
  EXPECT_EQ(psql("sslmode=prefer", "select 1"), "1\n") << "what libpq does when nothing is said";
  EXPECT_EQ(psql("sslmode=verify-full ssl_max_protocol_version=TLSv1.2", "select 1"), "1\n");
  EXPECT_EQ(psql("sslmode=verify-full gssencmode=prefer", "select 1"), "1\n");
}

TEST_F(Tls, PsqlRefusesOthers) {
  write_file(directory_.path("other.pem"), Authority("another authority").certificate());
  const std::string other =
      psql("sslmode=verify-full sslrootcert=" + directory_.path("other.pem").string(), "select 1");
  EXPECT_NE(other.find("certificate verify failed"), std::string::npos) << other;
  const std::string tls11 =
      psql("sslmode=require ssl_min_protocol_version=TLSv1.1 ssl_max_protocol_version=TLSv1.1", "select 1");
  EXPECT_EQ(tls11.find("1\n"), std::string::npos) << tls11;
}

TEST_F(Tls, TheServerLetsTheRoleInByTlsAlone) {
  // What makes the tests above mean something.
  EXPECT_NE(refusal(postgres().address(), {.user = "encrypted"}).field('M').find("reject"),
            std::string::npos);
  Chaperone plain({.server = postgres().address()});
  EXPECT_EQ(refusal(plain.address(), {.user = "encrypted"}).field('C'), "08006");
}

TEST_F(Tls, BeginsWithoutAskingAsPostgres17Does) {
  Peer peer(address());
  peer.start_tls(verifying());
  EXPECT_EQ(log_in(peer, {.user = "encrypted"}).back().type(), 'Z');
  peer.send(query("select 'direct'"));
  EXPECT_EQ(find(peer.read_until("Z"), 'D').value(0), "direct");
}

TEST_F(Tls, LargeResultsAndCopies) {
  Client client(address(), over_tls());
  EXPECT_EQ(client.scalar("select length(repeat('x', 20000000))"), "20000000");
  EXPECT_EQ(client.scalar("select repeat('xyz', 5000000)").size(), 15'000'000U);
  const auto rows = client.run("select repeat('r', g % 3000) from generate_series(1, 20000) g");
  EXPECT_EQ(count(rows, 'D'), 20'000U);
  client.run("create temp table t (x text)");
  client.send(query("copy t from stdin"));
  client.read_until("G");
  for (int i = 0; i < 200; ++i) client.send(copy_data(std::string(50'000, 'c') + "\n"));
  client.send(copy_done());
  client.read_until("Z");
  EXPECT_EQ(client.scalar("select sum(length(x)) from t"), "10000000");
}

TEST_F(Tls, CancelsReachTheStatement) {
  Client client(address(), over_tls());
  client.send(query("select pg_sleep(20)"));
  ASSERT_TRUE(eventually([&] {
    return postgres().scalar(fmt::format(
               "select count(*) from pg_stat_activity where pid = {} and state = 'active'", client.pid())) ==
           "1";
  }));
  Peer canceller(address());
  canceller.request_tls(verifying());
  canceller.send(
      wire::encode(wire::CancelRequest{.backend_pid = client.pid(), .secret_key = client.secret()}));
  EXPECT_TRUE(canceller.read_to_end().empty());
  EXPECT_EQ(find(client.read_until("Z"), 'E').field('C'), "57014");
}

TEST_F(Tls, OurOwnConnectionsAreVerified) {
  std::ostringstream out, errors;
  const commands::CatalogArguments arguments{
      .config = encrypted_chaperone().config(), .database = "shop", .role = "encrypted", .seconds = 20};
  EXPECT_EQ(commands::print_catalog(arguments, out, errors), 0) << errors.str();
  EXPECT_NE(out.str().find("\"item\""), std::string::npos);
}

TEST_F(Tls, AServerThatIsNotTheOneIsRefused) {
  auto options = encrypted(postgres());
  options.files["ca.pem"] = Authority("another authority").certificate();
  options.server_tls = "{mode: verify-full, ca: ca.pem}";
  Chaperone mistaken(options);
  const auto error = refusal(mistaken.address(), over_tls());
  EXPECT_EQ(error.field('C'), "08006");
  ASSERT_TRUE(eventually([&] { return mistaken.records("event", "refused").size() == 1; }));
  const auto refused = mistaken.records("event", "refused");
  EXPECT_NE(text(refused[0], "why").find("unable to get local issuer certificate"), std::string::npos)
      << text(refused[0], "why");
  // The system's authorities know no test's.
  options.server_tls = "{}";
  mistaken.write_config(options);
  mistaken.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mistaken.records("event", "reload").size() == 1; }));
  EXPECT_EQ(refusal(mistaken.address(), over_tls()).field('C'), "08006");
  // Not looked at, it is encrypted all the same, and says so at each start.
  options.server_tls = "{mode: insecure_require}";
  mistaken.write_config(options);
  mistaken.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return mistaken.records("event", "reload").size() == 2; }));
  EXPECT_EQ(Client(mistaken.address(), over_tls()).scalar(kSsl), "t");
  EXPECT_NE(mistaken.log().find("insecure_require"), std::string::npos) << mistaken.log();
}

TEST_F(Tls, CertificatesAreReloaded) {
  const auto& authority = postgres().authority();
  auto options = encrypted(postgres());
  Chaperone mine(options);
  Client old(mine.address(), over_tls());
  EXPECT_EQ(old.tls()->peer_name(), "pgchaperone");
  const auto reload = [&](const char* event, std::size_t times) {
    mine.process().signal(SIGHUP);
    return eventually([&] { return mine.records("event", event).size() == times; });
  };
  const auto replace = [&](const std::string& name) {
    const Credentials fresh = authority.issue({.common_name = name});
    mine.write("server.crt", fresh.certificate);
    mine.write("server.key", fresh.key);
  };
  replace("renewed");
  ASSERT_TRUE(reload("reload", 1));
  EXPECT_EQ(Client(mine.address(), over_tls()).tls()->peer_name(), "renewed");
  EXPECT_EQ(old.scalar("select 'goes on'"), "goes on");

  mine.write("server.key", authority.issue().key);
  ASSERT_TRUE(reload("reload_refused", 1));
  EXPECT_NE(mine.log().find("chaperone.yaml:3:5: listen[0].tls: "), std::string::npos) << mine.log();
  EXPECT_NE(mine.log().find("the private key is not that of the certificate"), std::string::npos)
      << mine.log();
  EXPECT_EQ(Client(mine.address(), over_tls()).tls()->peer_name(), "renewed") << "what was in force stays";
  mine.write("server.crt", "-----BEGIN CERTIFICATE-----\n");
  ASSERT_TRUE(reload("reload_refused", 2));
  EXPECT_EQ(Client(mine.address(), over_tls()).tls()->peer_name(), "renewed");

  replace("again");
  ASSERT_TRUE(reload("reload", 2));
  EXPECT_EQ(Client(mine.address(), over_tls()).tls()->peer_name(), "again");
  EXPECT_EQ(old.scalar("select 'goes on'"), "goes on");
}

TEST_F(Tls, ReloadsUnderLoadFailNoHandshake) {
  Chaperone mine(encrypted(postgres()));
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0}, logins{0};
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&] {
      try {
        while (!stop) logins += Client(mine.address(), over_tls()).scalar("select 1") == "1" ? 1 : 0;
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (std::size_t i = 1; i <= 10; ++i) {
    mine.process().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return mine.records("event", "reload").size() >= i; }));
  }
  stop = true;
  for (auto& thread : load) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(logins, 0);
}

TEST_F(Tls, ClientsShowACertificateWhereTheyHaveTo) {
  auto options = encrypted(postgres());
  options.tls = "{certificate: server.crt, key: server.key, client_ca: clients.pem}";
  const Authority clients("the clients' authority");
  options.files["clients.pem"] = clients.certificate();
  Chaperone mine(options);
  const auto connect = [&](const Credentials& own) {
    Login login = over_tls();
    login.tls->own = own;
    return Client(mine.address(), login).scalar("select 1");
  };
  EXPECT_EQ(connect(clients.issue({.usage = "clientAuth"})), "1");
  EXPECT_THROW(connect({}), std::exception);
  EXPECT_THROW(connect(postgres().authority().issue({.usage = "clientAuth"})), std::exception);
}

TEST_F(Tls, IdleSessions) {
  constexpr std::size_t kSessions = 200;
  Chaperone mine(encrypted(postgres()));
  for (int i = 0; i < 20; ++i) Client(mine.address(), over_tls()).scalar("select 1");
  const auto before = mine.process().resident();
  std::vector<std::unique_ptr<Client>> idle;
  for (std::size_t i = 0; i < kSessions; ++i) {
    idle.push_back(std::make_unique<Client>(mine.address(), over_tls()));
  }
  for (auto& client : idle) client->exchange(extended("select repeat('x', 100000)") + sync());
  const auto now = mine.process().resident();
  const auto each = (now - std::min(now, before)) / kSessions;
  RecordProperty("bytes", static_cast<int>(each));
  // A sanitizer keeps what is given back, and its red zones.
  EXPECT_LT(each, kUnderSanitizer ? 4U << 20 : 64U << 10) << "bytes a session, encrypted on both sides";
  for (auto& client : idle) EXPECT_EQ(client->scalar("select 'alive'"), "alive");
}

}  // namespace
}  // namespace chaperone::pg
