#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/commands/check.hpp"
#include "proxy/commands/explain.hpp"
#include "proxy/commands/policy_test.hpp"
#include "tests/config/files.hpp"

namespace chaperone::commands {
namespace {

namespace json = boost::json;

constexpr std::string_view kSchema = R"(
CREATE TABLE customers (id integer PRIMARY KEY, tenant_id integer NOT NULL, name text, ssn text);
)";
constexpr std::string_view kPolicy = R"(
version: 1
capabilities:
  look-up:
    tables:
      customers:
        read:
          columns: [id, name]
          rows: "tenant_id = :tenant"
    functions: [safe]
agents:
  bot:
    capabilities: [look-up]
    parameters:
      tenant: claim tenant_id
)";

class CheckCommand : public testing::Test {
 protected:
  CheckCommand() {
    directory_.write("schema.sql", std::string(kSchema));
    directory_.write("policy.yaml", std::string(kPolicy));
    options_.policy = directory_ / "policy.yaml";
    options_.schema = directory_ / "schema.sql";
    options_.parameters = {"tenant=7"};
  }

  int check(CheckFormat format, const std::string& sql) {
    Subjects subjects;
    if (!load_subjects(options_, subjects, errors_)) return 2;
    directory_.write("a.sql", sql);
    const std::vector<std::string> files = {directory_ / "a.sql"};
    std::istringstream input;
    const auto report = make_check_report(format, out_, false);
    const int status = check_files(files, subjects, {}, *report, input, errors_, nullptr);
    return status;
  }
  /// What was written, with the directory's name cut.
  std::string shown() const {
    std::string text = out_.str();
    const std::string directory = directory_ / "";
    for (std::size_t at = text.find(directory); at != std::string::npos; at = text.find(directory)) {
      text.erase(at, directory.size());
    }
    return text;
  }

  test::Directory directory_;
  SubjectOptions options_;
  std::ostringstream out_;
  std::ostringstream errors_;
};

TEST_F(CheckCommand, TextMarksThePlace) {
  EXPECT_EQ(check(CheckFormat::kText,
                  "SELECT id FROM customers;\n\\echo hi\n  SELECT id,\n    ssn FROM customers;\n"),
            1)
      << errors_.str();
  const std::string text = shown();
  EXPECT_NE(text.find("a.sql:4:5: refused: bot may not read column \"ssn\" of \"customers\""),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n        ssn FROM customers;\n        ^\n"), std::string::npos) << text;
  EXPECT_NE(text.find("2 statements in 1 file: 1 allowed (1 narrowed), 1 refused\n"), std::string::npos)
      << text;
  EXPECT_NE(errors_.str().find("note: 1 command of psql skipped: \\echo"), std::string::npos)
      << errors_.str();
}

TEST_F(CheckCommand, TextCutsALongLineToWhatIsAroundThePlace) {
  const std::string before(1000, 'x');
  EXPECT_EQ(check(CheckFormat::kText, "SELECT '" + before + "', ssn, '" + before + "' FROM customers"), 1)
      << errors_.str();
  const std::string text = shown();
  const std::string line = "\n    " + std::string(57, 'x') + "', ssn, '" + std::string(34, 'x') + "\n    " +
                           std::string(60, ' ') + "^\n";
  EXPECT_NE(text.find(line), std::string::npos) << text;
}

TEST_F(CheckCommand, JsonHasTheKeysOfTheManual) {
  EXPECT_EQ(check(CheckFormat::kJson, "SELECT id FROM customers;SELECT ssn FROM customers"), 1)
      << errors_.str();
  std::istringstream lines(out_.str());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const json::object allowed = json::parse(line).as_object();
  std::string keys;
  for (const auto& [key, value] : allowed) keys += std::string(key) + " ";
  EXPECT_EQ(keys, "file line column statement verdict capability rule sqlstate message hint sql rewritten ");
  EXPECT_EQ(allowed.at("verdict"), "allow");
  EXPECT_EQ(allowed.at("capability"), "look-up");
  EXPECT_TRUE(allowed.at("rule").is_null());
  EXPECT_NE(std::string(allowed.at("rewritten").as_string()).find("'7'"), std::string::npos) << line;
  ASSERT_TRUE(std::getline(lines, line));
  const json::object refused = json::parse(line).as_object();
  EXPECT_EQ(refused.at("verdict"), "deny");
  EXPECT_EQ(refused.at("statement"), 2);
  EXPECT_EQ(refused.at("line"), 1);
  EXPECT_EQ(refused.at("column"), 33);
  EXPECT_EQ(refused.at("rule"), "tables.customers.read.columns");
  EXPECT_EQ(refused.at("sqlstate"), "42501");
  EXPECT_TRUE(refused.at("rewritten").is_null());
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(CheckCommand, JsonOfBytesThatAreNoTextIsValid) {
  EXPECT_EQ(check(CheckFormat::kJson, "SELECT '\xFF'"), 1);
  EXPECT_EQ(json::parse(out_.str()).at("sql"), "SELECT '\xEF\xBF\xBD'");
}

TEST_F(CheckCommand, SarifNamesRulesAndPlaces) {
  EXPECT_EQ(
      check(CheckFormat::kSarif, "SELECT ssn FROM customers;\nSELECT 1 FORM x;SELECT ssn FROM customers"), 1);
  const json::object log = json::parse(out_.str()).as_object();
  EXPECT_EQ(log.at("version"), "2.1.0");
  const json::value& run = log.at("runs").at(0);
  EXPECT_EQ(run.at("tool").at("driver").at("name"), "pgchaperone");
  const json::array& rules = run.at("tool").at("driver").at("rules").as_array();
  const json::array& results = run.at("results").as_array();
  ASSERT_EQ(results.size(), 3U);
  ASSERT_EQ(rules.size(), 2U) << "a rule stands once";
  EXPECT_EQ(rules[0].at("id"), "tables.customers.read.columns");
  EXPECT_EQ(rules[1].at("id"), "parser.syntax");
  EXPECT_EQ(results[1].at("ruleIndex"), 1);
  const json::value& place = results[1].at("locations").at(0).at("physicalLocation");
  EXPECT_EQ(place.at("region").at("startLine"), 2);
  EXPECT_EQ(place.at("region").at("startColumn"), 15);
  EXPECT_TRUE(std::string(place.at("artifactLocation").at("uri").as_string()).starts_with("file:///"));
}

TEST_F(CheckCommand, GithubEscapesWhatEndsACommand) {
  EXPECT_EQ(check(CheckFormat::kGithub, "SELECT \"a,b:c%\nd\" FROM customers"), 1);
  const std::string text = shown();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_TRUE(
      text.starts_with("::error file=a.sql,line=1,col=8,title=pgchaperone tables.customers.read.columns::"))
      << text;
}

TEST_F(CheckCommand, JunitCountsAndEscapes) {
  EXPECT_EQ(check(CheckFormat::kJunit,
                  "SELECT id FROM customers;SELECT ssn FROM customers WHERE id < 1 AND name = '&\"'"),
            1);
  const std::string text = shown();
  EXPECT_NE(text.find("<testsuite name=\"a.sql\" tests=\"2\" failures=\"1\">"), std::string::npos) << text;
  EXPECT_NE(text.find("id &lt; 1 AND name = '&amp;&quot;'</failure>"), std::string::npos) << text;
}

TEST_F(CheckCommand, WhatCanNotRunIsTwo) {
  options_.agent = "bto";
  EXPECT_EQ(check(CheckFormat::kText, "SELECT 1"), 2);
  EXPECT_NE(errors_.str().find("the policy has no agent \"bto\"; it has bot. Perhaps you meant bot."),
            std::string::npos)
      << errors_.str();
  errors_.str("");
  options_.agent = "bot";
  options_.parameters = {"tennant=7"};
  EXPECT_EQ(check(CheckFormat::kText, "SELECT 1"), 2);
  EXPECT_NE(errors_.str().find("bot has no parameter \"tennant\"; it has tenant"), std::string::npos)
      << errors_.str();
  errors_.str("");
  options_.schema = directory_ / "none.sql";
  EXPECT_EQ(check(CheckFormat::kText, "SELECT 1"), 2);
  EXPECT_NE(errors_.str().find("none.sql"), std::string::npos) << errors_.str();
}

TEST_F(CheckCommand, ExplainShowsTheWay) {
  Subjects subjects;
  options_.parameters.clear();
  ASSERT_TRUE(load_subjects(options_, subjects, errors_)) << errors_.str();
  EXPECT_EQ(explain("SELECT id FROM customers", subjects, false, false, out_), 0);
  const std::string text = out_.str();
  for (const std::string_view part :
       {"verdict      allow\n", "capability   look-up\n", "by           tables.customers.read.rows\n",
        "narrowed     rows", "'<tenant>'", "--param tenant=VALUE"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  out_.str("");
  EXPECT_EQ(explain("SELECT id, ssn FROM customers", subjects, false, false, out_), 1);
  EXPECT_NE(out_.str().find(
                "statement    SELECT id, ssn FROM customers\n                        ^\nverdict      deny\n"),
            std::string::npos)
      << out_.str();
  out_.str("");
  EXPECT_EQ(explain("SELECT id, ssn FROM customers", subjects, true, false, out_), 1);
  const json::object object = json::parse(out_.str()).as_object();
  EXPECT_EQ(object.at("position"), 12);
  EXPECT_EQ(object.at("capabilities").at(0).at("capability"), "look-up");
}

TEST_F(CheckCommand, TestsOfAPolicy) {
  directory_.write("good.yaml", R"(
policy: policy.yaml
schema: schema.sql
as: bot
parameters:
  tenant: 7
tests:
  - name: reads
    sql: SELECT id FROM customers
    expect: allow
  - name: never sees the ssn
    sql: SELECT ssn FROM customers
    expect: deny
    rule: tables.customers.read.columns
    message: "*may not read column*"
)");
  EXPECT_EQ(test_policies(std::vector{directory_ / "good.yaml"}, false, out_, errors_), 0)
      << out_.str() << errors_.str();
  EXPECT_NE(out_.str().find("PASS: 2/2\n"), std::string::npos) << out_.str();
  EXPECT_EQ(out_.str().find("put to use by no test"), std::string::npos) << out_.str();

  out_.str("");
  directory_.write("bad.yaml", R"(
policy: policy.yaml
schema: schema.sql
as: bot
tests:
  - name: sees the ssn
    sql: SELECT ssn FROM customers
    expect: allow
)");
  EXPECT_EQ(test_policies(std::vector{directory_ / "bad.yaml"}, false, out_, errors_), 1);
  const std::string text = out_.str();
  EXPECT_NE(text.find("bad.yaml:6: FAIL: sees the ssn\n"), std::string::npos) << text;
  EXPECT_NE(text.find("look-up: tables.customers.read.rows\n"), std::string::npos)
      << "not put to use: " << text;
  EXPECT_NE(text.find("FAIL: 1/1\n"), std::string::npos) << text;

  directory_.write("empty.yaml", "policy: policy.yaml\nschema: schema.sql\nas: bot\ntests: []\n");
  EXPECT_EQ(test_policies(std::vector{directory_ / "empty.yaml"}, false, out_, errors_), 2);
  EXPECT_NE(errors_.str().find("empty.yaml:4:"), std::string::npos) << errors_.str();
}

}  // namespace
}  // namespace chaperone::commands
