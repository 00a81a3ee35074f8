#include "proxy/commands/broker.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/config/files.hpp"

namespace chaperone {
namespace {

constexpr std::string_view kRole = "{session_role: {broker: the_broker}}";
constexpr std::string_view kPolicy = R"yaml(version: 1
capabilities:
  look: {tables: {item: {read: {columns: [id]}}}}
agents:
  bot: {capabilities: [look]}
)yaml";

class BrokerCommand : public testing::Test {
 protected:
  /// The exit status; what was printed is in `out_` and `errors_`.
  int run(commands::BrokerSqlArguments arguments, std::string_view credential = kRole,
          std::string_view policy = kPolicy) {
    directory_.write("policy.yaml", policy);
    directory_.write("passwords", "");
    arguments.config = directory_.write("chaperone.yaml", std::string(R"yaml(instance: a
listen: [{address: 127.0.0.1:6432}]
audit: {sinks: [{stdout: true}]}
policy: policy.yaml
identity: {default: scram, passwords: passwords}
databases:
  shop:
    server: "unix:/nonexistent"
    database: shop_production
    credential: )yaml") + std::string(credential) + "\n");
    std::ostringstream printed;
    std::ostringstream said;
    const int status = commands::print_broker_sql(arguments, printed, said);
    out_ = printed.str();
    errors_ = said.str();
    return status;
  }
  std::string schema(std::string_view sql = "CREATE TABLE public.item (id int, name text);") {
    return directory_.write("schema.sql", sql);
  }
  void expect_refused(int status, std::string_view why) const {
    EXPECT_EQ(status, 2);
    EXPECT_EQ(out_, "") << "half a script is none";
    EXPECT_NE(errors_.find(why), std::string::npos) << errors_;
  }

  std::string out_, errors_;

 private:
  test::Directory directory_;
};

TEST_F(BrokerCommand, PrintsAScriptForTheDatabaseOfTheConfiguration) {
  EXPECT_EQ(run({.schema = schema()}), 0) << errors_;
  EXPECT_NE(out_.find("psql -X -d shop_production -f "), std::string::npos);
  EXPECT_NE(out_.find("SET LOCAL chaperone_setup.broker = 'the_broker';"), std::string::npos);
  EXPECT_NE(out_.find("GRANT SELECT (id) ON TABLE public.item TO agc_look;"), std::string::npos);
  EXPECT_TRUE(out_.ends_with("COMMIT;\n"));
}

TEST_F(BrokerCommand, DropAndHardenNeedNoSchema) {
  EXPECT_EQ(run({.drop = true}), 0) << errors_;
  EXPECT_NE(out_.find("DROP SCHEMA chaperone;"), std::string::npos);
  EXPECT_EQ(run({.harden = true}), 0) << errors_;
  EXPECT_NE(out_.find("REVOKE TEMPORARY ON DATABASE"), std::string::npos);
}

TEST_F(BrokerCommand, SaysWhyItPrintsNothing) {
  expect_refused(run({.schema = schema()}, "{insecure_static: {role: app}}"),
                 "the credential of \"shop\" makes no roles");
  expect_refused(run({.database = "shap", .schema = schema()}), "expected \"shop\"");
  expect_refused(run({.schema = "/nonexistent"}), "/nonexistent");
  expect_refused(run({.schema = schema("CREATE TABLE (;")}), "schema.sql:1:14");
  expect_refused(run({.schema = schema("CREATE TABLE public.other (id int);")}), "policy.yaml:3:");
  expect_refused(run({}), "(--from postgresql://..) would do");
  expect_refused(run({.from = "postgresql://a,b/c"}), "--from: ");
  const std::string name(60, 'x');
  expect_refused(run({.schema = schema()}, kRole,
                     "version: 1\ncapabilities:\n  " + name +
                         ": {tables: {item: {read: {columns: [id]}}}}\nagents:\n  bot: {capabilities: [" +
                         name + "]}\n"),
                 "a role with a name of 64 bytes");
}

}  // namespace
}  // namespace chaperone
