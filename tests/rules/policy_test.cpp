#include <gtest/gtest.h>

#include <filesystem>

#include "rules/policy/expression.hpp"
#include "rules/policy/load.hpp"
#include "tests/rules/shop.hpp"

namespace chaperone::rules {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTriage = R"yaml(version: 1
capabilities:
  triage-tickets:
    description: Read tickets and who raised them, add a note, move a ticket along.
    include: [introspection]
    tables:
      tickets:
        read:
          columns: [id, subject, body, status, customer_id, created_at]
          rows: "tenant_id = :tenant"
        update:
          columns: [status]
          rows: "tenant_id = :tenant"
          by: [id]
          max_rows: 1
      customers:
        read:
          columns: [id, name, email, created_at]
          mask:
            email: email
          rows: "tenant_id = :tenant"
      ticket_notes:
        insert:
          columns: [ticket_id, body]
          set:
            tenant_id: ":tenant"
            author: ":actor"
          returning: [id, created_at]
    functions: [safe]
    limits:
      rows: 1000
      bytes: 8MiB
      time: 5s
agents:
  triage-bot:
    capabilities: [triage-tickets]
    parameters:
      tenant: claim tenant_id
)yaml";

TEST(Policy, ReadsLikeAJobDescription) {
  Problems problems;
  const PolicySet policy = load_policy(kTriage, "policy.yaml", problems);
  ASSERT_TRUE(problems.empty()) << problems.text();
  const Agent* agent = policy.find_agent("triage-bot");
  ASSERT_NE(agent, nullptr);
  EXPECT_FALSE(agent->observe);
  EXPECT_TRUE(agent->session);
  EXPECT_EQ(std::get<ClaimSource>(agent->parameters.at("tenant")).claim, "tenant_id");
  ASSERT_EQ(agent->capabilities.size(), 1U);
  const Capability& capability = *agent->capabilities[0];
  EXPECT_EQ(capability.name, "triage-tickets");
  EXPECT_TRUE(capability.introspection);
  EXPECT_EQ(capability.function_sets, (std::set<std::string, std::less<>>{"safe"}));
  EXPECT_EQ(capability.limits.rows, 1000U);
  EXPECT_FALSE(capability.limits.rows_fail);
  EXPECT_EQ(capability.limits.bytes, 8U << 20);
  EXPECT_EQ(capability.limits.time, 5s);
  const TableRule* tickets = capability.find_table("public", "tickets");
  ASSERT_NE(tickets, nullptr);
  EXPECT_EQ(tickets->read->columns.names.size(), 6U);
  EXPECT_TRUE(tickets->read->rows);
  EXPECT_EQ(tickets->update->bounds.by, std::vector<std::string>{"id"});
  EXPECT_EQ(tickets->update->bounds.max_rows, 1U);
  EXPECT_FALSE(tickets->insert || tickets->remove);
  EXPECT_EQ(capability.find_table("public", "customers")->read->masks.at("email").kind, MaskKind::kEmail);
  const InsertRule& insert = *capability.find_table("public", "ticket_notes")->insert;
  EXPECT_EQ(insert.set.size(), 2U);
  EXPECT_EQ(insert.returning->names, (std::vector<std::string>{"id", "created_at"}));
}

constexpr std::string_view kEveryKey = R"yaml(version: 1
capabilities:
  base:
    tables:
      archive.log:
        read: {columns: "*", explain: true, mask: {a: null, b: redact, c: email, d: {sql: "left(d, 1)"}}}
    limits: {rows: {max: 10, over: fail}}
    settings: {Work_Mem: {max: 64MB}, TimeZone: [UTC, Europe/Berlin], jit: deny, enable_seqscan: allow}
  more:
    include: [base]
    tables:
      archive.log:
        delete: {rows: {where: "a = 1", enforce: rls}, by: [a], max_rows: 5, returning: "*"}
      '"odd.schema"."odd ""table"""':
        read: {columns: [x]}
        insert: {columns: [x]}
        delete: {}
    functions: [json, text_search, introspection, word_count, public.f]
    statements: [truncate, listen, notify, call, ddl, copy_from, lock]
agents:
  "7":
    capabilities: [base, more]
    parameters: {a: 7, b: -1.5, c: "7", d: text of a constant, e: claim x, f: "claim x"}
    session: none
  watched: {mode: observe}
)yaml";

/// The same against a schema: expressions are written out and masks made.
TEST(Policy, IsBoundToACatalog) {
  Problems problems;
  const PolicySet policy = load_policy(kTriage, "policy.yaml", *test::shop(), problems);
  ASSERT_TRUE(problems.empty()) << problems.text();
  EXPECT_TRUE(problems.warnings().empty()) << problems.warnings()[0];
  EXPECT_EQ(policy.hash.size(), 7U + 64U);
  const Capability& capability = *policy.capabilities.at("triage-tickets");
  const TableRule* tickets = capability.find_table("public", "tickets");
  ASSERT_TRUE(tickets != nullptr && tickets->read && tickets->read->rows);
  const Expression& rows = tickets->read->rows->expression;
  EXPECT_EQ(describe(rows), "(tenant_id OPERATOR(pg_catalog.=) CAST(:tenant AS pg_catalog.int4))");
  EXPECT_EQ(rows.columns, std::vector<std::uint16_t>{1});
  EXPECT_TRUE(rows.total);
  EXPECT_FALSE(rows.has_subquery);
  const auto& set = capability.find_table("public", "ticket_notes")->insert->set;
  EXPECT_EQ(describe(set.at("tenant_id")), "CAST(:tenant AS pg_catalog.int4)");
  EXPECT_EQ(describe(set.at("author")), "CAST(:actor AS pg_catalog.text)");
  const Mask& mask = capability.find_table("public", "customers")->read->masks.at("email");
  EXPECT_EQ(mask.expression.columns, std::vector<std::uint16_t>{3});
  // What is shown keeps the collation of the column, so that it sorts and compares as the column does.
  const std::string email = describe(mask.expression);
  EXPECT_NE(email.find("pg_catalog.left(CAST(email AS pg_catalog.text), 1)"), std::string::npos) << email;
  EXPECT_NE(email.find("pg_catalog.right(CAST(email AS pg_catalog.text), "), std::string::npos) << email;
}

TEST(Policy, ThePoliciesOfThisRepositoryLoad) {
  std::vector<std::pair<std::string, std::string>> files = {
      {SOURCE_DIR "/tests/sql/shop/policy.yaml", SOURCE_DIR "/tests/sql/shop/schema.sql"}};
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/examples/policies")) {
    const std::filesystem::path schema = entry.path();
    if (schema.extension() != ".sql") continue;
    files.emplace_back(std::filesystem::path(schema).replace_extension(".yaml").string(), schema.string());
  }
  EXPECT_GE(files.size(), 5U);
  for (const auto& [policy, schema] : files) {
    Problems problems;
    const auto catalog = load_catalog(schema, problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
    ASSERT_NE(load_policy_file(policy, *catalog, problems), nullptr);
    EXPECT_TRUE(problems.empty()) << problems.text();
    for (const std::string& warning : problems.warnings()) ADD_FAILURE() << warning;
  }
}

TEST(Policy, EveryOtherKey) {
  Problems problems;
  const PolicySet policy = load_policy(kEveryKey, "p", problems);
  ASSERT_TRUE(problems.empty()) << problems.text();
  EXPECT_EQ(policy.observed(), (std::set<std::string, std::less<>>{"watched"}));
  const Agent& agent = policy.agents.at("7");
  EXPECT_FALSE(agent.session);
  const auto constant = [&](const char* name) { return std::get<ConstantSource>(agent.parameters.at(name)); };
  EXPECT_TRUE(constant("a").number);
  EXPECT_TRUE(constant("b").number);
  EXPECT_EQ(constant("b").text, "-1.5");
  EXPECT_FALSE(constant("c").number);
  EXPECT_EQ(constant("d").text, "text of a constant");
  EXPECT_EQ(std::get<ClaimSource>(agent.parameters.at("e")).claim, "x");
  EXPECT_EQ(constant("f").text, "claim x");
  ASSERT_EQ(agent.capabilities.size(), 2U);
  EXPECT_EQ(agent.capabilities[0]->name, "base");
  const Capability& more = *agent.capabilities[1];
  EXPECT_TRUE(more.limits.rows_fail) << "included";
  const TableRule* log = more.find_table("archive", "log");
  ASSERT_NE(log, nullptr);
  ASSERT_TRUE(log->read && log->remove) << "actions of both";
  EXPECT_TRUE(log->read->columns.all && log->read->explain);
  EXPECT_EQ(log->read->masks.at("a").kind, MaskKind::kNull);
  EXPECT_EQ(log->read->masks.at("d").kind, MaskKind::kExpression);
  EXPECT_TRUE(log->remove->rows->row_security);
  EXPECT_TRUE(log->remove->returning->all);
  EXPECT_NE(more.find_table("odd.schema", "odd \"table\""), nullptr);
  EXPECT_EQ(more.statements.size(), 7U);
  EXPECT_TRUE(more.functions.contains({"public", "f"}));
  EXPECT_EQ(more.settings.at("work_mem").most, "64MB");
  EXPECT_EQ(more.settings.at("timezone").values.size(), 2U);
  EXPECT_FALSE(more.settings.at("jit").allow);
  EXPECT_TRUE(more.settings.at("enable_seqscan").allow);
  EXPECT_FALSE(agent.capabilities[0]->find_table("archive", "log")->remove)
      << "the included one stays as it is";
}

TEST(Policy, BrokenFilesNameThePlace) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"", "policy.yaml:1:1: the file is empty; expected a map"},
      {"[]",
       "policy.yaml:1:1: the file is a list; expected a map with `version`, `capabilities` and `agents`"},
      {"agents: {a: {mode: observe}}", "policy.yaml:1:1: key \"version\" is missing; expected version: 1"},
      {"version: 1\n",
       "policy.yaml:1:1: key \"agents\" is missing; expected a map of agents, as {triage-bot: {capabilities: "
       "[triage-tickets]}}"},
      {"version: 2\nagents: {a: {mode: observe}}",
       "policy.yaml:1:10: version is 2; expected a whole number from 1 to 1"},
      {"version: '1'\nagents: {a: {mode: observe}}",
       "policy.yaml:1:10: version is \"1\"; expected a whole number from 1 to 1"},
      {"version: 1\nagents: {a: {mode: observe}, a: {mode: observe}}",
       "policy.yaml:2:30: key \"a\" stands twice; expected it once (it is on line 2 already)"},
      {"version: 1\nagent: {a: {mode: observe}}",
       "policy.yaml:2:1: unknown key \"agent\"; expected version, salt, capabilities or agents (did you mean "
       "\"agents\"?)"},
      {"version: 1\nagents: {a: {mode: observe}}\ntables: {}",
       "policy.yaml:3:1: unknown key \"tables\"; expected version, salt, capabilities or agents"},
  };
  for (const auto& [text, problem] : texts) {
    Problems problems;
    load_policy(text, "policy.yaml", problems);
    EXPECT_EQ(problems.text(), problem) << "of: " << text;
  }
}

}  // namespace
}  // namespace chaperone::rules
