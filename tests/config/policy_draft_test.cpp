#include "proxy/commands/policy_draft.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/policy/load.hpp"

namespace chaperone::test {
namespace {

using commands::draft_policy;
using commands::looks_sensitive;

std::shared_ptr<const rules::Catalog> catalog(std::string_view sql) {
  rules::Problems problems;
  auto read = rules::load_catalog_sql(sql, "schema.sql", problems);
  EXPECT_EQ(problems.text(), "");
  return read;
}

/// The policy that it is, and that it has no problems.
rules::PolicySet load(const commands::PolicyDraft& draft, const rules::Catalog& over) {
  rules::Problems problems;
  auto policy = rules::load_policy(draft.text, "policy.yaml", over, problems);
  EXPECT_EQ(problems.text(), "") << draft.text;
  return policy;
}

TEST(PolicyDraft, ListsTablesWithWhatDoesNotLookSensitive) {
  const auto shop = catalog(R"(
CREATE TABLE customers (id int PRIMARY KEY, name text, email text, ssn text, password_hash text);
CREATE VIEW names AS SELECT id, name FROM customers;
CREATE TABLE api_keys (id int, key text);
CREATE SCHEMA archive;
CREATE TABLE archive.log (at timestamptz, line text);
CREATE TABLE measured (at date) PARTITION BY RANGE (at);
CREATE TABLE measured_2026 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE pg_stat_statements (query text);
)");
  const auto draft = draft_policy(*shop, "triage-bot", "shop");
  EXPECT_EQ(draft.tables, 4U);
  EXPECT_EQ(draft.left_out,
            (std::vector<std::string>{"api_keys", "customers.ssn", "customers.password_hash"}));
  EXPECT_NE(draft.text.find("      customers:\n        read:\n          columns: [id, name, email]\n"
                            "          # left out, since they look sensitive: ssn, password_hash\n"),
            std::string::npos)
      << draft.text;
  EXPECT_NE(draft.text.find("      # left out, since it looks sensitive: api_keys\n"), std::string::npos);
  EXPECT_NE(draft.text.find("      archive.log:\n"), std::string::npos);
  EXPECT_EQ(draft.text.find("measured_2026"), std::string::npos) << "read through its parent";
  EXPECT_EQ(draft.text.find("pg_stat_statements"), std::string::npos) << "the SQL of others";
  const auto policy = load(draft, *shop);
  ASSERT_EQ(policy.agents.size(), 1U);
  EXPECT_TRUE(policy.agents.at("triage-bot").observe);
  EXPECT_EQ(policy.agents.at("triage-bot").capabilities.size(), 1U);
}

TEST(PolicyDraft, TakesNamesOfAnyForm) {
  const auto odd = catalog(R"(
CREATE SCHEMA "my.schema";
CREATE TABLE "my.schema"."a ""b"".c" ("Select" int, "no" int, "x: y" int, "#" int, "ünï" int, "- a" int, "{b}" int);
CREATE TABLE "true" (a int);
CREATE TABLE "Mixed" (a int);
CREATE TABLE pg_class (a int);
CREATE TABLE "new
line" ("secret
agents: {x: {}}" int, b int);
)");
  for (const char* agent : {"triage-bot", "a b", "no", "x {y}", "\"q\""}) {
    const auto draft = draft_policy(*odd, agent, "a\nagents: {}");
    const auto policy = load(draft, *odd);
    EXPECT_EQ(policy.agents.size(), 1U);
    EXPECT_TRUE(policy.agents.contains(agent)) << draft.text;
  }
}

TEST(PolicyDraft, OfNoTablesAndOfManyIsAPolicyToo) {
  const auto none = catalog("CREATE TABLE tokens (token text);");
  EXPECT_EQ(draft_policy(*none, "a", "d").tables, 0U);
  load(draft_policy(*none, "a", "d"), *none);
  std::string sql;
  for (int table = 0; table < 900; ++table) {
    std::string columns;
    for (int column = 0; column < 60; ++column)
      columns += fmt::format("{}c{} int", column == 0 ? "" : ", ", column);
    sql += fmt::format("CREATE TABLE t{} ({});\n", table, columns);
  }
  const auto many = catalog(sql);
  const auto draft = draft_policy(*many, "a", "d");
  EXPECT_EQ(draft.tables + draft.not_named.size(), 900U);
  EXPECT_FALSE(draft.not_named.empty());
  EXPECT_NE(draft.text.find(fmt::format("# {} more have no room", draft.not_named.size())),
            std::string::npos);
  load(draft, *many);
}

TEST(PolicyDraft, SensitiveIsToldByTheWordsOfAName) {
  for (const char* name : {"password",      "user_password", "passwordHash",   "PASSWORD", "pwd",
                           "api_key",       "apiKey",        "APIKEY",         "ssn",      "customer_ssn",
                           "refresh_token", "tokens",        "client_secret",  "iban",     "card_number",
                           "pin",           "otp",           "credit_card_no", "salt",     "private_key_pem",
                           "tax_id",        "passport"}) {
    EXPECT_TRUE(looks_sensitive(name)) << name;
  }
  for (const char* name :
       {"id", "name", "email", "status", "pinned", "shipping", "tokenizer", "assalted", "compass", "key",
        "foreign_key", "lessness", "passenger", "spinning", "secretary_name_not"}) {
    EXPECT_EQ(looks_sensitive(name), std::string_view(name).starts_with("secretary")) << name;
  }
}

}  // namespace
}  // namespace chaperone::test
