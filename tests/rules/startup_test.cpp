#include "rules/startup.hpp"

#include "rules/rewrite/context.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "engine.hpp"

namespace chaperone::rules {
namespace {

constexpr const char* kSchema = "CREATE TABLE tickets (id bigint PRIMARY KEY);";
constexpr const char* kPolicy = R"(
version: 1
capabilities:
  short:
    tables: {tickets: {read: {columns: "*"}}}
    limits: {time: 2s}
  long:
    tables: {tickets: {read: {columns: "*"}}}
    limits: {time: 5s}
  endless:
    tables: {tickets: {read: {columns: "*"}}}
  bounded:
    tables: {tickets: {read: {columns: "*"}}}
    settings: {timezone: [UTC], work_mem: {max: 8MB}, jit: deny, app.feature: allow}
agents:
  bot: {capabilities: [short, long]}
  other: {capabilities: [short, endless]}
  careful: {capabilities: [bounded], session: none}
)";

using Parameters = SettingValues;

class Startup : public testing::Test {
 protected:
  StartupSettings start(const Parameters& parameters, std::string_view agent = "bot") const {
    return startup_settings(*engine_.policy().find_agent(agent), engine_.catalog(),
                            {std::string(agent), "alice@example.com", "TICKET-1", {}}, parameters);
  }
  /// What is sent of a name; "(none)": it is not sent; the message where the start is refused.
  std::string sent(const Parameters& parameters, std::string_view name,
                   std::string_view agent = "bot") const {
    const StartupSettings settings = start(parameters, agent);
    if (settings.denial) return settings.denial->message;
    const std::multimap<std::string, std::string> values(settings.send.begin(), settings.send.end());
    EXPECT_LE(values.count(std::string(name)), 1U) << name;
    const auto found = values.find(std::string(name));
    return found == values.end() ? "(none)" : found->second;
  }
  bool refused(const Parameters& parameters, std::string_view agent = "bot") const {
    const StartupSettings settings = start(parameters, agent);
    EXPECT_TRUE(!settings.denial || settings.denial->sqlstate == "28000");
    return settings.denial.has_value();
  }

  const Engine engine_{kSchema, kPolicy};
};

TEST_F(Startup, WhatDriversSendPasses) {
  const Parameters starts[] = {
      {},
      {{"application_name", "psql"}, {"client_encoding", "UTF8"}},
      {{"client_encoding", "'utf-8'"}},
      {{"client_encoding", "UTF8"},
       {"DateStyle", "ISO"},
       {"TimeZone", "Europe/Berlin"},
       {"extra_float_digits", "2"},
       {"application_name", "PostgreSQL JDBC Driver"}},
      {{"IntervalStyle", "iso_8601"}, {"geqo", "off"}, {"jit", "off"}, {"search_path", "public"}},
      {{"statement_timeout", "1500"}, {"lock_timeout", "0"}, {"idle_in_transaction_session_timeout", "1000"}},
      {{"options", "-c search_path=public -cstatement_timeout=2s --TimeZone=UTC"}, {"bytea_output", "hex"}},
      {{"options", "  -c datestyle=iso,\\ mdy\t-c jit=off "}},
      {{"chaperone.declared_task", "look around"}, {"options", "-c chaperone.traceparent=00-ab-cd-01"}},
      {{"default_transaction_isolation", "serializable"}, {"default_transaction_read_only", "on"}},
  };
  for (const Parameters& parameters : starts) {
    const StartupSettings settings = start(parameters);
    EXPECT_FALSE(settings.denial) << settings.denial->message;
  }
  EXPECT_EQ(sent({{"TimeZone", "UTC"}}, "timezone"), "UTC");
  EXPECT_EQ(sent({{"options", "-c datestyle=iso,\\ mdy"}}, "datestyle"), "iso, mdy");
  EXPECT_EQ(sent({{"options", "--time-zone=UTC"}}, "time_zone"), "bot may not set the setting \"time_zone\"");
}

TEST_F(Startup, Pins) {
  EXPECT_EQ(sent({{"client_encoding", "unicode"}}, "client_encoding"), "UTF8");
  EXPECT_EQ(sent({}, "standard_conforming_strings"), "on");
  EXPECT_EQ(sent({}, "search_path"), "public");
  EXPECT_EQ(sent({{"search_path", " PUBLIC "}}, "search_path"), "public");
  EXPECT_EQ(sent({}, "client_min_messages"), "notice");
  EXPECT_EQ(sent({{"client_min_messages", "error"}}, "client_min_messages"), "error");
  EXPECT_EQ(sent({}, "row_security"), "on");
  EXPECT_EQ(sent({}, "chaperone.actor"), "alice@example.com");
  EXPECT_EQ(sent({}, "chaperone.agent"), "bot");
  EXPECT_EQ(sent({}, "chaperone.task"), "TICKET-1");
  // The longest of the capabilities' limits; a client may ask for less.
  EXPECT_EQ(sent({}, "statement_timeout"), "5000");
  EXPECT_EQ(sent({{"statement_timeout", "100"}}, "statement_timeout"), "100");
  EXPECT_EQ(sent({{"statement_timeout", "4000"}}, "statement_timeout"), "4000");
  EXPECT_EQ(sent({}, "statement_timeout", "other"), "(none)");
  // What stands later goes over what stands in front, and parameters over options.
  EXPECT_EQ(sent({{"TimeZone", "UTC"}, {"options", "-c timezone=Asia/Tokyo"}}, "timezone"), "UTC");
}

TEST_F(Startup, WhatWouldChangeTheMeaningIsRefused) {
  const Parameters starts[] = {
      {{"client_encoding", "LATIN1"}},
      {{"client_encoding", "SQL_ASCII"}},
      {{"search_path", "archive"}},
      {{"search_path", "public, archive"}},
      {{"SEARCH_PATH", "pg_temp"}},
      {{"standard_conforming_strings", "off"}},
      {{"backslash_quote", "on"}},
      {{"row_security", "off"}},
      {{"role", "postgres"}},
      {{"session_authorization", "postgres"}},
      {{"session_replication_role", "replica"}},
      {{"client_min_messages", "debug5"}},
      {{"debug_print_parse", "on"}},
      {{"statement_timeout", "0"}},
      {{"statement_timeout", "6s"}},
      {{"statement_timeout", "100us"}},
      {{"chaperone.actor", "root"}},
      {{"Chaperone.Task", "x"}},
      {{"chaperone.other", "x"}},
      {{"no_such_setting", "x"}},
      {{"local_preload_libraries", "x"}},
      {{"options", "-c search_path=archive"}},
      {{"options", "-csearch_path=archive"}},
      {{"options", "--search-path=archive"}},
      {{"options", "-c search\\_path=archive"}},
      {{"options", "-c standard-conforming-strings=off"}},
      {{"options", "-c"}},
      {{"options", "-c jit"}},
      {{"options", "-c =x"}},
      {{"options", "--"}},
      {{"options", "-e"}},
      {{"options", "-S 100"}},
      {{"options", "-O"}},
      {{"options", "-jc jit=off"}},
      {{"options", "jit=off"}},
      {{"options", "-c jit=off -P"}},
      {{"options", "-c jit=off"}, {"options", "-c row_security=off"}},
  };
  for (const Parameters& parameters : starts)
    EXPECT_TRUE(refused(parameters)) << parameters.back().first << " " << parameters.back().second;
}

TEST_F(Startup, SettingsOfACapability) {
  EXPECT_FALSE(refused({{"timezone", "UTC"}, {"work_mem", "4MB"}, {"app.feature", "x"}}, "careful"));
  EXPECT_TRUE(refused({{"timezone", "Europe/Berlin"}}, "careful"));
  EXPECT_TRUE(refused({{"work_mem", "9MB"}}, "careful"));
  EXPECT_TRUE(refused({{"jit", "off"}}, "careful"));
  EXPECT_TRUE(refused({{"app.feature", "x"}}));
}

TEST_F(Startup, ApplicationName) {
  EXPECT_EQ(sent({}, "application_name"), "bot/TICKET-1");
  EXPECT_EQ(sent({{"application_name", "psql"}}, "application_name"), "bot/TICKET-1 psql");
  EXPECT_EQ(application_name({"bot", "alice", "", {}}, ""), "bot");
  EXPECT_EQ(application_name({"bot", "", "T", {}}, "bot/T psql"), "bot/T psql") << "what it was shown";
  EXPECT_EQ(application_name({"bot", "", "T", {}}, "bot/T"), "bot/T");
  EXPECT_EQ(application_name({"bot", "", "T", {}}, "bot/T2 psql"), "bot/T bot/T2 psql");
  const std::string cut = application_name({"bot", "", std::string(57, 'x') + "\u00e4\u00e4", {}}, "psql");
  EXPECT_EQ(cut, "bot/" + std::string(57, 'x') + "\u00e4");
}

TEST(SplitOptions, AsPostgresDoes) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(split_options(""), Words());
  EXPECT_EQ(split_options(" \t\n "), Words());
  EXPECT_EQ(split_options("-c a=b"), (Words{"-c", "a=b"}));
  EXPECT_EQ(split_options("  -c\va=b\\ c\\\\d "), (Words{"-c", "a=b c\\d"}));
  EXPECT_EQ(split_options("a\\"), Words{"a"});
}

}  // namespace
}  // namespace chaperone::rules
