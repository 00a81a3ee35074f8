#include "rules/broker/broker_sql.hpp"

#include <gtest/gtest.h>

#include <set>

#include "rules/broker/row_policies.hpp"
#include "rules/policy/load.hpp"
#include "tests/rules/shop.hpp"

namespace chaperone::rules {
namespace {

constexpr std::string_view kPlain = R"yaml(version: 1
capabilities:
  c:
    tables:
      tickets: {read: {columns: [id], rows: {where: "tenant_id = :tenant", enforce: rls}}}
agents:
  a: {capabilities: [c], parameters: {tenant: 7}}
)yaml";

class BrokerSql : public testing::Test {
 protected:
  PolicySet load(std::string_view policy) {
    Problems found;
    PolicySet loaded = load_policy(policy, "policy.yaml", *test::shop(), found);
    EXPECT_TRUE(found.empty()) << found.text();
    return loaded;
  }
  std::string setup(std::string_view policy, const BrokerSetup& with = {"shop", "broker", "policy.yaml"}) {
    return broker_setup_sql(with, load(policy), *test::shop(), problems_);
  }
  std::vector<RowPolicies> rows(std::string_view policy) {
    return row_policies(load(policy), *test::shop(), "policy.yaml", problems_);
  }

  Problems problems_;
};

TEST_F(BrokerSql, ReadsParametersFromTheLease) {
  const auto tables = rows(kPlain);
  ASSERT_EQ(tables.size(), 1U);
  ASSERT_EQ(tables[0].policies.size(), 2U);
  const RowPolicy& open = tables[0].policies[0];
  EXPECT_EQ(open.name, "chaperone_select_c");
  EXPECT_EQ(open.role, "agc_c");
  EXPECT_FALSE(open.restrictive);
  EXPECT_EQ(open.condition,
            "(tickets.tenant_id OPERATOR(pg_catalog.=) CAST((SELECT chaperone.lease_parameter('tenant')) AS "
            "pg_catalog.int4))");
  const RowPolicy& closed = tables[0].policies[1];
  EXPECT_EQ(closed.name, "chaperone_only_select_c");
  EXPECT_TRUE(closed.restrictive);
  EXPECT_EQ(closed.condition, open.condition);
}

TEST_F(BrokerSql, NamesOfPoliciesFitAndDiffer) {
  const std::string one(58, 'x');
  const std::string text =
      "version: 1\ncapabilities:\n"
      "  " +
      one +
      "a: {tables: {tickets: {read: {columns: [id], rows: {where: \"tenant_id = 1\", enforce: rls}}}}}\n"
      "  " +
      one +
      "b: {tables: {tickets: {read: {columns: [id], rows: {where: \"tenant_id = 2\", enforce: rls}}}}}\n"
      "agents:\n  a: {capabilities: [" +
      one + "a, " + one + "b]}\n";
  std::set<std::string> names;
  const auto tables = rows(text);
  ASSERT_EQ(tables.size(), 1U);
  for (const RowPolicy& policy : tables[0].policies) {
    EXPECT_LE(policy.name.size(), 63U);
    names.insert(policy.name);
  }
  EXPECT_EQ(names.size(), 4U);
}

TEST_F(BrokerSql, ASubqueryOverATableOfTheSameNameIsAProblem) {
  rows(R"yaml(version: 1
capabilities:
  c:
    tables:
      tickets:
        read:
          columns: [id]
          rows: {where: "EXISTS (SELECT 1 FROM public.members tickets)", enforce: rls}
agents:
  a: {capabilities: [c]}
)yaml");
  EXPECT_NE(problems_.text().find("policy.yaml:8:"), std::string::npos) << problems_.text();
  EXPECT_NE(problems_.text().find("goes by the name \"tickets\""), std::string::npos) << problems_.text();
}

// A line of its own would be SQL, or a command of psql, in the hands of a superuser. (The loader takes no
// control characters in what people write into a policy.)
TEST_F(BrokerSql, TheNameOfAFileDoesNotBecomeALineOfItsOwn) {
  const std::string sql = setup(kPlain, {"shop", "broker", "policy\n\\! x.yaml"});
  EXPECT_NE(sql.find("policy \\! x.yaml"), std::string::npos);
  EXPECT_EQ(sql.find("\n\\!"), std::string::npos);
}

TEST_F(BrokerSql, HoldsNoPasswordAndNamesTheLines) {
  const std::string sql = setup(kPlain);
  EXPECT_NE(sql.find("--   \\password broker\n"), std::string::npos);
  EXPECT_NE(sql.find("-- policy.yaml:5 tables.tickets.read.columns\n"), std::string::npos);
  EXPECT_NE(sql.find("\nGRANT SELECT (id) ON TABLE public.tickets TO agc_c;\n"), std::string::npos);
  EXPECT_EQ(sql.find("PASSWORD '"), std::string::npos);
  EXPECT_EQ(sql, setup(kPlain));
}

TEST_F(BrokerSql, SaysWhatTheProxyAloneHolds) {
  const std::string sql = setup(R"yaml(version: 1
capabilities:
  c:
    tables:
      customers: {read: {columns: [id, email, ssn], mask: {email: email, ssn: redact}, rows: "tenant_id = 1"}}
      members: {insert: {columns: [agent], set: {tenant_id: "1"}, max_rows: 3}}
agents:
  a: {capabilities: [c]}
)yaml");
  EXPECT_NE(
      sql.find("-- \"c\", customers: `rows` (`enforce: rls` makes a wall of them); masks of email, which the "
               "role can read in clear\n"),
      std::string::npos);
  EXPECT_NE(sql.find("-- \"c\", members: `set`; `by` and `max_rows`\n"), std::string::npos);
}

}  // namespace
}  // namespace chaperone::rules
