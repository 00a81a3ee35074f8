#include "proxy/commands/dsn.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tests/config/files.hpp"

namespace chaperone::test {
namespace {

using commands::Dsn;
using commands::parse_dsn;
using Tls = Dsn::Tls;

/// With these variables and no others.
wire::Result<Dsn> parse(std::string_view text, const std::map<std::string, std::string>& variables = {}) {
  return parse_dsn(text, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return {};
    return found->second;
  });
}

struct Case {
  const char* text;
  const char* server;
  const char* user;
  const char* password;
  const char* database;
  Tls tls;
};

TEST(Dsn, IsReadAsLibpqReadsIt) {
  const Case cases[] = {
      {"postgresql://app:secret@db.internal:5433/shop?sslmode=verify-full", "db.internal:5433", "app",
       "secret", "shop", Tls::kVerifyFull},
      {"postgres://app@db.internal", "db.internal:5432", "app", "", "app", Tls::kVerifyFull},
      {"postgresql://a%40b:p%2Fw%25%3A@h/the%20shop", "h:5432", "a@b", "p/w%:", "the shop", Tls::kVerifyFull},
      {"postgresql://app:a:b@h/shop", "h:5432", "app", "a:b", "shop", Tls::kVerifyFull},
      {"postgresql://app@[2001:db8::1]:5433/shop", "[2001:db8::1]:5433", "app", "", "shop", Tls::kVerifyFull},
      {"postgresql://app@%2Fvar%2Frun%2Fpg:5433/shop", "unix:/var/run/pg:5433", "app", "", "shop",
       Tls::kInsecureDisable},
      {"postgresql:///shop?host=/run/pg&user=app&port=5433", "unix:/run/pg:5433", "app", "", "shop",
       Tls::kInsecureDisable},
      {"postgresql://app@h/shop?sslmode=require", "h:5432", "app", "", "shop", Tls::kInsecureRequire},
      {"postgresql://app@h/shop?sslmode=disable", "h:5432", "app", "", "shop", Tls::kInsecureDisable},
      {"postgresql://app@h/shop?ssl=true&connect_timeout=3", "h:5432", "app", "", "shop",
       Tls::kInsecureRequire},
      {"postgresql://app@localhost/shop", "localhost:5432", "app", "", "shop", Tls::kInsecureDisable},
      {"postgresql://app@127.0.0.1/shop?sslmode=prefer", "127.0.0.1:5432", "app", "", "shop",
       Tls::kInsecureDisable},
      {"postgresql://app@127.0.0.1/shop?sslmode=verify-full", "127.0.0.1:5432", "app", "", "shop",
       Tls::kVerifyFull},
      {"postgresql://app@h/shop?sslmode=prefer", "h:5432", "app", "", "shop", Tls::kVerifyFull},
      {R"(host=h user='an app' password='it\'s \\ 1' dbname=shop)", "h:5432", "an app", R"(it's \ 1)", "shop",
       Tls::kVerifyFull},
      {"host=::1 user=app", "[::1]:5432", "app", "", "app", Tls::kInsecureDisable},
      {"host=/run/pg user=app dbname=shop", "unix:/run/pg:5432", "app", "", "shop", Tls::kInsecureDisable},
  };
  for (const Case& each : cases) {
    const auto dsn = parse(each.text);
    ASSERT_TRUE(dsn) << each.text << ": " << dsn.error().message;
    EXPECT_EQ(dsn->server.to_string(), each.server) << each.text;
    EXPECT_EQ(dsn->user, each.user) << each.text;
    EXPECT_EQ(dsn->password, each.password) << each.text;
    EXPECT_EQ(dsn->database, each.database) << each.text;
    EXPECT_EQ(dsn->tls, each.tls) << each.text;
  }
}

TEST(Dsn, WhatItLeavesOpenComesFromTheEnvironment) {
  const std::map<std::string, std::string> variables = {{"PGHOST", "h"},     {"PGPORT", "7"},
                                                        {"PGUSER", "u"},     {"PGPASSWORD", "p"},
                                                        {"PGDATABASE", "d"}, {"PGSSLMODE", "require"}};
  const auto all = parse("", variables);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->server.to_string(), "h:7");
  EXPECT_EQ(all->user + all->password + all->database, "upd");
  EXPECT_EQ(all->tls, Tls::kInsecureRequire);
  const auto some = parse("postgresql://app:own@/shop?port=8", variables);
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ(some->server.to_string(), "h:8");
  EXPECT_EQ(some->user + some->password + some->database, "appownshop");
  EXPECT_EQ(parse("shop", variables)->database, "shop") << "a name alone, as psql takes it";
}

TEST(Dsn, ACertificateToCheckByIsUsed) {
  for (const char* mode : {"require", "verify-ca", "verify-full", "prefer"}) {
    const auto dsn = parse(std::string("postgresql://app@localhost/shop?sslrootcert=ca.pem&sslmode=") + mode);
    ASSERT_TRUE(dsn) << mode << ": " << dsn.error().message;
    EXPECT_EQ(dsn->tls, Tls::kVerifyFull) << mode;
    EXPECT_EQ(dsn->ca, "ca.pem") << mode;
  }
  EXPECT_EQ(parse("postgresql://app@h/shop?sslrootcert=system&sslmode=verify-full")->ca, "");
  const Directory directory;
  const auto login = [&](const std::string& file) {
    return commands::control_login(*parse("postgresql://app:pw@h/shop?sslrootcert=" + file)).error().message;
  };
  EXPECT_EQ(login(directory / "missing.pem"),
            "the connection string: sslrootcert can't be read: No such file or directory; expected a file of "
            "certificates");
  EXPECT_EQ(login(directory.write("empty.pem", "")),
            "the connection string: the file of sslrootcert is empty; expected certificates in PEM form");
  const auto plain = commands::control_login(*parse("postgresql://app:pw@h/shop?sslmode=disable"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->role + std::string(plain->password.view()) + plain->database, "apppwshop");
  EXPECT_EQ(plain->tls, nullptr);
}

TEST(Dsn, WhatCanNotBeFollowedIsAnErrorThatTellsNoPassword) {
  const std::pair<std::string, std::string> cases[] = {
      {"mysql://app:s3cret@h/shop", "it is of another scheme"},
      {"postgresql://app:s3cret%4@h/shop", "a percent sign is not followed by two hexadecimal digits"},
      {"postgresql://app:s3cret%00@h/shop", "a percent sign is not followed by two hexadecimal digits"},
      {"postgresql://app:s3cret@h:5432,i:5432/shop", "it names several hosts"},
      {"host=h,i user=app password=s3cret", "it names several hosts"},
      {"postgresql://app:s3cret@h:0/shop", "the port is no number from 1 to 65535"},
      {"postgresql://app:s3cret@h:5432x/shop", "the port is no number from 1 to 65535"},
      {"postgresql://app:s3cret@[::1/shop", "an IPv6 address has no end"},
      {"postgresql://app:s3cret@h/shop?sslmode", "a parameter has no value"},
      {"postgresql://app:s3cret@h/shop?sslmode=s3cret", "sslmode has a value that is none of libpq's"},
      {"postgresql://app:s3cret@h/shop?options=-cs3cret", "options is not followed here"},
      {"postgresql://app:s3cret@h/shop?sslkey=k", "sslkey is not followed here"},
      {"postgresql://app:pa/s3cret@h/shop", "the port is no number from 1 to 65535"},
      {"host=h password=my s3cret=x user=app", "it has a keyword that is none of libpq's"},
      {"host=h password='s3cret", "a value in quotes has no end"},
      {"host=h password=s3cret user", "a keyword has no \"=\""},
      {"postgresql://app:s3cret@h h/shop", "the host is no name or address"},
      {std::string("postgresql://app:s3cret@h/sh\0op", 32), "it holds a NUL"},
  };
  for (const auto& [text, what] : cases) {
    const auto dsn = parse(text);
    ASSERT_FALSE(dsn) << text;
    const std::string& message = dsn.error().message;
    EXPECT_TRUE(message.starts_with("the connection string: " + what + "; expected "))
        << text << ": " << message;
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
  }
  EXPECT_NE(parse("hots=h").error().message.find("expected host"), std::string::npos);
}

}  // namespace
}  // namespace chaperone::test
