#include "rules/answers.hpp"

#include <gtest/gtest.h>

#include <string>

#include "engine.hpp"
#include "rules/decide.hpp"

namespace chaperone::rules {
namespace {

constexpr const char* kSchema = R"(
CREATE TABLE tickets (id bigint PRIMARY KEY, tenant_id int, status text, secret text);
CREATE FUNCTION word_count(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
)";
constexpr const char* kPolicy = R"(
version: 1
capabilities:
  triage:
    tables:
      tickets:
        read: {columns: [id, status], mask: {status: redact}, rows: "tenant_id = :tenant"}
        update: {columns: [status], rows: "tenant_id = :tenant", by: [id], max_rows: 3}
    functions: [safe, public.word_count]
    limits: {rows: 100, time: 2s}
agents:
  bot: {capabilities: [triage], parameters: {tenant: 7}}
  "it's": {capabilities: [triage], parameters: {tenant: 7}}
  mute: {capabilities: [triage], session: none, parameters: {tenant: 7}}
)";

class Answers : public testing::Test {
 protected:
  Decision decide(std::string_view sql, std::string_view agent = "bot") const {
    return rules::decide(sql, *engine_.policy().find_agent(agent), engine_.catalog());
  }
  std::string sent(std::string_view sql) const {
    const Decision decision = decide(sql);
    if (!decision.allow) return decision.denial->sqlstate + " " + decision.denial->message;
    Principal principal{"bot", "al'ice", "", {}};
    principal.parameters = {{"agent", "bot"}, {"actor", "al'ice"}, {"task", ""}};
    return fill(decision.rewritten, sql, principal);
  }
  const Engine engine_{kSchema, kPolicy};
};

TEST_F(Answers, BecomeQueriesOverValues) {
  EXPECT_EQ(
      sent("SHOW chaperone.identity"),
      "SELECT * FROM (VALUES ('bot'::pg_catalog.text, 'al''ice'::pg_catalog.text, ''::pg_catalog.text)) AS "
      "t(\"agent\", \"actor\", \"task\")");
  EXPECT_EQ(
      sent("show CHAPERONE.Limits ;"),
      "SELECT * FROM (VALUES (CAST('triage' AS pg_catalog.text), CAST('100' AS pg_catalog.text), CAST('cut, "
      "with a "
      "warning' AS pg_catalog.text), CAST(NULL AS pg_catalog.text), CAST('2000 ms' AS pg_catalog.text))) AS "
      "t(\"capability\", \"rows\", \"over\", \"bytes\", \"time\") ;");
  const std::string capabilities = sent("/* x */ SHOW chaperone.capabilities");
  for (const std::string_view part :
       {"'id, status (masked)'", "'some'", "'WHERE has to pin id with = or IN; at most 3 rows a statement'",
        "'public.word_count'", "'functions of the set safe'"}) {
    EXPECT_NE(capabilities.find(part), std::string::npos) << part << "\n" << capabilities;
  }
  // What is hidden is not told, and neither is a filter over it.
  for (const std::string_view part : {"tenant", "secret"})
    EXPECT_EQ(capabilities.find(part), std::string::npos) << capabilities;
  // No value of a principal is in what a cache keeps.
  const Decision decision = decide("SHOW chaperone.identity");
  EXPECT_EQ(
      decision.rewritten.edits.apply("SHOW chaperone.identity",
                                     [](std::string_view slot) { return "<" + std::string(slot) + ">"; }),
      "SELECT * FROM (VALUES (<agent>::pg_catalog.text, <actor>::pg_catalog.text, <task>::pg_catalog.text)) "
      "AS "
      "t(\"agent\", \"actor\", \"task\")");
}

TEST_F(Answers, BesideOtherStatements) {
  EXPECT_EQ(sent("BEGIN; SHOW chaperone.agent; COMMIT"), "BEGIN; SHOW chaperone.agent; COMMIT");
  EXPECT_NE(sent("SELECT 1; SHOW chaperone.limits; SELECT 2").find("; SELECT * FROM (VALUES"),
            std::string::npos);
}

TEST_F(Answers, WhatIsNotThere) {
  EXPECT_EQ(sent("SHOW chaperone.other"), "42704 unrecognized configuration parameter \"chaperone.other\"");
  EXPECT_EQ(sent("SELECT current_setting('chaperone.capabilities')"),
            "42704 unrecognized configuration parameter \"chaperone.capabilities\"");
  EXPECT_EQ(sent("SELECT current_setting('chaperone.actor')"), "SELECT current_setting('chaperone.actor')");
  EXPECT_FALSE(decide("SHOW chaperone.identity", "mute").allow);
  EXPECT_FALSE(decide("SET chaperone.identity = 'x'").allow);
  EXPECT_FALSE(decide("SET chaperone.capabilities = 'x'").allow);
  EXPECT_FALSE(decide("RESET chaperone.limits").allow);
  EXPECT_FALSE(decide("SELECT set_config('chaperone.task', 'x', false)").allow);
  EXPECT_TRUE(decide("SET chaperone.declared_task = 'x'").allow);
  EXPECT_TRUE(decide("SET chaperone.traceparent = 'x'").allow);
  EXPECT_TRUE(decide("SHOW chaperone.declared_task").allow);
}

}  // namespace
}  // namespace chaperone::rules
