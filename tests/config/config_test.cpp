#include "proxy/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/config/files.hpp"
#include "tests/pg/certificates.hpp"

namespace chaperone::test {
namespace {

using namespace std::chrono_literals;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() { write_named_files(directory_); }

  Config read(std::string_view text) {
    const auto config = read_config(directory_.write("chaperone.yaml", text));
    if (!config) {
      ADD_FAILURE() << "refused: " << config.error().message;
      return {};
    }
    return *config;
  }
  /// The problems, with the directory's name taken out.
  std::string problems(std::string_view text) {
    const auto config = read_config(directory_.write("chaperone.yaml", text));
    if (config) return "accepted";
    std::string message = config.error().message;
    const std::string prefix = directory_ / "";
    for (std::size_t at = message.find(prefix); at != message.npos; at = message.find(prefix)) {
      message.erase(at, prefix.size());
    }
    return message;
  }

  Directory directory_;
};

TEST_F(ConfigTest, EverythingThatIsSaidIsRead) {
  const Config config = read(kGoodConfig);
  EXPECT_EQ(config.instance, "west-1");
  EXPECT_EQ(config.state, directory_ / "state");
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[0].address.to_string(), "127.0.0.1:6432");
  EXPECT_EQ(config.listen[1].address.socket_path(), "/run/pgchaperone/.s.PGSQL.6432");
  ASSERT_TRUE(config.admin);
  EXPECT_EQ(config.admin->to_string(), "127.0.0.1:6433");
  EXPECT_EQ(config.audit.file, directory_ / "audit.jsonl");
  EXPECT_EQ(config.audit.rotate_size, 256U << 20);
  EXPECT_TRUE(config.audit.to_stdout);
  EXPECT_EQ(config.audit.durability, audit::Durability::kBatch);
  EXPECT_EQ(config.audit.values, audit::Values::kKeep);
  EXPECT_EQ(config.connections, 1000U);
  EXPECT_EQ(config.authentication, 10s);
  EXPECT_EQ(config.drain, 30s);
  EXPECT_EQ(config.threads, 2U);

  const session::Environment& environment = *config.environment;
  EXPECT_EQ(environment.statement_limits.bytes, 1U << 20);
  EXPECT_EQ(environment.statement_limits.tokens, 200'000U);
  EXPECT_EQ(environment.statement_limits.nesting, 200U);
  ASSERT_TRUE(environment.policy);
  EXPECT_EQ(environment.policy->observed(), (std::set<std::string, std::less<>>{"legacy-bot", "triage-bot"}));
  EXPECT_TRUE(environment.passwords.find("triage-bot").second) << "the passwords file was not read";

  const session::Database* shop = environment.find_database("shop");
  ASSERT_NE(shop, nullptr);
  EXPECT_EQ(shop->server.to_string(), "db.internal:5432");
  EXPECT_EQ(shop->database, "shop_production");
  EXPECT_EQ(std::get<session::StaticCredential>(shop->credential),
            (session::StaticCredential{.role = "app", .password = std::string(kSecret)}));
  const session::Database* other = environment.find_database("anything");
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->server.socket_path(), "/run/postgresql/.s.PGSQL.5432");
  EXPECT_EQ(other->database, "");
  EXPECT_EQ(std::get<session::StaticCredential>(other->credential), session::StaticCredential{});
}

TEST_F(ConfigTest, WhatIsNotSaidHasItsDefault) {
  const Config config = read(R"(
listen: [{address: "[::1]:0"}]
databases:
  shop:
    server: unix:/run/postgresql:5433
    credential: {insecure_static: }
identity: {passwords: passwords}
audit: {sinks: [{stdout: true}]}
)");
  EXPECT_EQ(config.instance, "");
  EXPECT_EQ(config.state, "");
  EXPECT_EQ(config.listen.at(0).address.to_string(), "[::1]:0");
  EXPECT_FALSE(config.admin);
  EXPECT_EQ(config.audit.file, "");
  EXPECT_TRUE(config.audit.to_stdout);
  EXPECT_EQ(config.connections, 1000U);
  EXPECT_EQ(config.authentication, 10s);
  EXPECT_EQ(config.drain, 30s);
  EXPECT_EQ(config.threads, 0U);
  EXPECT_FALSE(config.environment->policy) << "without a policy every agent is observed";
  EXPECT_EQ(config.environment->find_database("shop")->server.port, 5433);
  EXPECT_EQ(config.environment->find_database("other"), nullptr) << "there is no entry for \"*\"";
}

TEST_F(ConfigTest, WarnsOfEachThingThatWeakens) {
  const auto warns_of = [](const Config& config, std::string_view what) {
    return std::count_if(config.warnings.begin(), config.warnings.end(),
                         [what](const std::string& warning) { return warning.find(what) != warning.npos; });
  };
  const Config all = read(kGoodConfig);
  EXPECT_EQ(warns_of(all, "databases.shop.tls.mode: insecure_disable"), 1);
  EXPECT_EQ(warns_of(all, "databases.shop.credential.insecure_static"), 1);
  EXPECT_EQ(warns_of(all, "databases.*.credential.insecure_static"), 1);
  EXPECT_EQ(warns_of(all, "no policy"), 0);
  EXPECT_EQ(all.warnings.size(), 3U);
  EXPECT_EQ(warns_of(read(edited(kGoodConfig, "policy: policy.yaml\n", "")), "no policy"), 1);
}

TEST_F(ConfigTest, TlsToServersIsVerifiedWhereItIsNotSaidOtherwise) {
  const pg::Credentials good = pg::Authority::self_signed();
  directory_.write("ca.pem", good.certificate);
  const auto database = [&](const std::string& tls, std::size_t warnings) {
    const Config config = read(edited(kGoodConfig, "    tls:\n      mode: insecure_disable\n", tls));
    EXPECT_EQ(config.warnings.size(), 2 + warnings) << tls;
    return config.environment->find_database("shop")->tls;
  };
  for (const char* verified :
       {"", "    tls: {}\n", "    tls: {mode: verify-full}\n", "    tls: {ca: ca.pem}\n"}) {
    const auto tls = database(verified, 0);
    ASSERT_TRUE(tls) << verified;
    EXPECT_EQ(tls->host(), "db.internal");
  }
  EXPECT_TRUE(database("    tls: {mode: insecure_require}\n", 1));
  EXPECT_FALSE(database("    tls: {mode: insecure_disable}\n", 1));
  const Config config = read(edited(edited(kGoodConfig, "    tls:\n      mode: insecure_disable\n", ""),
                                    "server: db.internal:5432", "server: 127.0.0.1:5432"));
  EXPECT_TRUE(config.environment->find_database("shop")->tls) << "what listens on loopback may be a tunnel";
  EXPECT_FALSE(config.environment->find_database("other")->tls) << "a Unix socket needs none";
}

TEST_F(ConfigTest, TlsToClients) {
  const pg::Authority authority;
  const pg::Credentials own = authority.issue();
  directory_.write("server.crt", own.certificate);
  directory_.write("server.key", own.key);
  directory_.write("clients.pem", authority.certificate());
  for (const char* tls : {"{certificate: server.crt, key: server.key}",
                          "{certificate: server.crt, key: server.key, client_ca: clients.pem}"}) {
    const Config config = read(edited(kGoodConfig, "  - address: 127.0.0.1:6432",
                                      std::string("  - address: 127.0.0.1:6432\n    tls: ") + tls));
    ASSERT_TRUE(config.listen.at(0).tls) << tls;
    EXPECT_TRUE(config.listen[0].tls->accepts());
    EXPECT_FALSE(config.listen.at(1).tls);
  }
}

TEST_F(ConfigTest, ContextCommentIsReadAndChangesNothing) {
  for (const char* place : {"front", "end", "off"}) {
    const Config config = read(edited(kGoodConfig, "comment: front", std::string("comment: ") + place));
    EXPECT_EQ(config.warnings.size(), 3U) << place;
  }
}

TEST_F(ConfigTest, DurabilityAndValuesByName) {
  using audit::Durability;
  using audit::Values;
  const auto audit = [this](std::string_view from, std::string_view to) {
    return read(edited(kGoodConfig, from, to)).audit;
  };
  EXPECT_EQ(audit("durability: batch", "durability: none").durability, Durability::kNone);
  EXPECT_EQ(audit("durability: batch", "durability: sync").durability, Durability::kSync);
  EXPECT_EQ(audit("values: keep", "values: hash").values, Values::kHash);
  EXPECT_EQ(audit("values: keep", "values: drop").values, Values::kDrop);
}

TEST_F(ConfigTest, SyncNeedsAFile) {
  const std::string text =
      edited(edited(kGoodConfig, "    - file: audit.jsonl\n      rotate_size: 256MiB\n", ""),
             "durability: batch", "durability: sync");
  EXPECT_EQ(problems(text),
            "chaperone.yaml:32:15: audit.durability is sync, and standard output can't be synced; expected a "
            "file among "
            "the sinks, or batch");
}

TEST_F(ConfigTest, SizesAndDurationsInEveryUnit) {
  const auto drain = [this](const std::string& text) {
    return read(edited(kGoodConfig, "drain: 30s", "drain: " + text)).drain;
  };
  EXPECT_EQ(drain("0s"), 0ms);
  EXPECT_EQ(drain("1500ms"), 1500ms);
  EXPECT_EQ(drain("15m"), 15min);
  EXPECT_EQ(drain("1h"), 1h);
  const auto bytes = [this](const std::string& text) {
    return read(edited(kGoodConfig, "statement_bytes: 1MiB", "statement_bytes: " + text))
        .environment->statement_limits.bytes;
  };
  EXPECT_EQ(bytes("1024"), 1024U);
  EXPECT_EQ(bytes("64KiB"), 65'536U);
  EXPECT_EQ(bytes("64MiB"), 64U << 20);
}

TEST_F(ConfigTest, PasswordLosesOneLineBreakAndNothingElse) {
  const auto password = [this](std::string_view content) {
    directory_.write("app.password", content);
    return std::get<session::StaticCredential>(
               read(kGoodConfig).environment->find_database("shop")->credential)
        .password;
  };
  EXPECT_EQ(password("x"), "x");
  EXPECT_EQ(password("x\n"), "x");
  EXPECT_EQ(password("x\r\n"), "x");
  EXPECT_EQ(password(" x \n"), " x ");
}

TEST_F(ConfigTest, CertificatesAreMintedByACheckedAuthority) {
  const pg::Authority authority;
  directory_.write("ca.pem", authority.certificate());
  directory_.write("ca.key", authority.key());
  directory_.write("other.key", pg::Authority().key());
  const std::string tls = edited(kGoodConfig, "mode: insecure_disable", "mode: verify-full");
  const auto with = [](const std::string& text, std::string_view credential) {
    return edited(text, "insecure_static:\n        role: app\n        password_file: app.password",
                  "client_certificate: " + std::string(credential));
  };
  const Config config =
      read(with(tls, "{role: agents, ca_certificate: ca.pem, ca_key: ca.key, lifetime: 5m}"));
  const auto& credential =
      std::get<session::ClientCertificateCredential>(config.environment->find_database("shop")->credential);
  EXPECT_EQ(credential.role, "agents");
  EXPECT_EQ(credential.lifetime, 5min);
  EXPECT_TRUE(credential.authority);
  EXPECT_EQ(
      problems(with(tls, "{role: agents, ca_certificate: ca.pem, ca_key: other.key}")),
      "chaperone.yaml:15:7: databases.shop.credential.client_certificate: \"other.key\": the private key is "
      "not that of the certificate in \"ca.pem\"; expected the certificate of an authority and its key");
  EXPECT_NE(problems(with(std::string(kGoodConfig), "{role: a, ca_certificate: ca.pem, ca_key: ca.key}"))
                .find("chaperone.yaml:14:5: databases.shop.credential.client_certificate needs TLS"),
            std::string::npos);
  const std::string nameless = edited(edited(tls, "instance: west-1\n", ""), "state: state\n", "");
  EXPECT_NE(problems(with(nameless, "{role: a, ca_certificate: ca.pem, ca_key: ca.key}"))
                .find("the credential of \"shop\" needs a name of this proxy"),
            std::string::npos);
}

TEST_F(ConfigTest, ACommandIsWordsAndLimits) {
  const Config config = read(edited(
      kGoodConfig, "insecure_static:\n        role: app\n        password_file: app.password",
      "command:\n        program: [/bin/true, --for, \"a b\", \"\"]\n        environment: [VAULT_ADDR]\n"
      "        timeout: 2s\n        lifetime: 90s"));
  const auto& credential =
      std::get<session::CommandCredential>(config.environment->find_database("shop")->credential);
  EXPECT_EQ(credential.program, (std::vector<std::string>{"/bin/true", "--for", "a b", ""}));
  EXPECT_EQ(credential.environment, std::vector<std::string>{"VAULT_ADDR"});
  EXPECT_EQ(credential.timeout, 2s);
  EXPECT_EQ(credential.lifetime, 90s);
}

TEST_F(ConfigTest, AFileOfRootMayBeReadableByTheGroupOfAService) {
  directory_.write("chaperone.yaml", kGoodConfig, 0644);
  for (const char* name : {"passwords", "app.password", "policy.yaml"}) {
    ASSERT_EQ(::chmod((directory_ / name).c_str(), 0640), 0) << name;
  }
  if (::geteuid() == 0) {  // nobody else can make a file of root
    ASSERT_EQ(::chmod((directory_ / "").c_str(), 0755), 0);
    ASSERT_EQ(::seteuid(65534), 0);
    const auto as_service = read_config(directory_ / "chaperone.yaml");
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_TRUE(as_service) << as_service.error().message;
  }
  EXPECT_NE(problems(kGoodConfig).find("app.password\" is open to others than its owner (mode 0640)"),
            std::string::npos)
      << "who owns the file needs no group";
}

TEST_F(ConfigTest, AgentsAreEnforcedUnlessTheyAreObserved) {
  directory_.write("policy.yaml",
                   "version: 1\ncapabilities:\n  c:\n    tables: {t: {read: {columns: [a]}}}\nagents:\n"
                   "  watched: {mode: observe}\n  held: {capabilities: [c]}\n");
  const Config config = read(edited(kGoodConfig, "comment: front", "comment: end"));
  EXPECT_FALSE(config.environment->enforces("watched"));
  EXPECT_TRUE(config.environment->enforces("held"));
  EXPECT_TRUE(config.environment->enforces("nobody")) << "who is not named is let off nothing";
  EXPECT_EQ(config.environment->comment, rules::CommentPlace::kEnd);
}

TEST_F(ConfigTest, ProblemsOfTheNamedFilesKeepTheirOwnPlaces) {
  directory_.write("policy.yaml", "version: 1\nagents:\n  triage-bot: {mode: obverse}\n");
  directory_.write("passwords", "# agents\ntriage-bot\n");
  const std::string text = problems(edited(kGoodConfig, "threads: 2", "threads: two"));
  EXPECT_NE(text.find("policy.yaml:3:22: "), std::string::npos) << text;
  EXPECT_NE(text.find("passwords:2:"), std::string::npos) << text;
  EXPECT_NE(text.find("chaperone.yaml:45:10: "), std::string::npos) << text;
}

TEST_F(ConfigTest, AllProblemsComeInOneRunInTheOrderOfTheFile) {
  std::string text = edited(kGoodConfig, "instance: west-1", "instance: West");
  text = edited(text, "durability: batch", "durability: btach");
  text = edited(text, "threads: 2", "threads: 0");
  text = edited(text, "    server: db.internal:5432", "    server: db.internal");
  EXPECT_EQ(
      problems(text),
      "chaperone.yaml:1:11: instance is \"West\"; expected at most 32 lower-case letters, digits and -\n"
      "chaperone.yaml:10:13: databases.shop.server is no address: there is no port; expected host:port, as "
      "127.0.0.1:5432 or [::1]:5432, or unix:/directory\n"
      "chaperone.yaml:32:15: audit.durability is btach; expected batch, none or sync (did you mean "
      "\"batch\"?)\n"
      "chaperone.yaml:45:10: threads is 0; expected a whole number from 1 to 64");
}

TEST_F(ConfigTest, AnEmptyMapMissesWhatIsNeeded) {
  EXPECT_EQ(
      problems("{}"),
      "chaperone.yaml:1:1: key \"listen\" is missing; expected a list of addresses, as [{address: "
      "127.0.0.1:6432}]\n"
      "chaperone.yaml:1:1: key \"databases\" is missing; expected a map of databases by the names that "
      "agents use\n"
      "chaperone.yaml:1:1: key \"identity\" is missing; expected {default: token, tokens: [..]} or {default: "
      "scram, passwords: <file>}\n"
      "chaperone.yaml:1:1: key \"audit\" is missing; expected {sinks: [{file: audit.jsonl}]}");
  EXPECT_EQ(problems(""), "chaperone.yaml:1:1: the file is empty; expected a map");
  EXPECT_EQ(problems("- a\n"), "chaperone.yaml:1:1: the file is a list; expected a map of settings");
}

TEST_F(ConfigTest, AFileThatCannotBeReadSaysWhy) {
  const auto absent = read_config(directory_ / "absent.yaml");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message,
            (directory_ / "absent.yaml") +
                ":1:1: can't be read: No such file or directory; expected a readable file");
  const auto folder = read_config(directory_ / "");
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("Is a directory"), std::string::npos) << folder.error().message;
}

TEST_F(ConfigTest, OneDatabaseHasOneBroker) {
  const auto two = [&](std::string_view first, std::string_view second) {
    const std::string text =
        edited(kGoodConfig,
               "  \"*\":\n    server: unix:/run/postgresql\n    credential:\n      insecure_static: {}\n",
               fmt::format("  a: {{database: d, {}}}\n  b: {{database: d, {}}}\n", first, second));
    return problems(text);
  };
  const auto role = [](std::string_view server, std::string_view more) {
    return fmt::format(
        "server: \"{}\", tls: {{mode: insecure_disable}}, credential: {{session_role: {{broker: b{}}}}}",
        server, more);
  };
  EXPECT_EQ(two(role("127.0.0.1:5432", ""), role("127.0.0.1:5432", "")), "accepted");
  EXPECT_EQ(two(role("127.0.0.1:5432", ""), role("127.0.0.1:5433", ", lifetime: 1m")), "accepted");
  EXPECT_EQ(two(role("127.0.0.1:5432", ""), role("127.0.0.1:5432", ", lifetime: 1m")),
            "chaperone.yaml:19:3: databases.a (line 18) and databases.b are one database with two "
            "`session_role`s; expected the same broker, password and lifetime in both, since their roles are "
            "made by one broker");
  EXPECT_EQ(two(role("127.0.0.1:5432", ""), role("localhost:5432", "")),
            "chaperone.yaml:19:3: databases.a (line 18) and databases.b are one database, whose server they "
            "name in two ways; expected server: 127.0.0.1:5432 in both");
}

}  // namespace
}  // namespace chaperone::test
