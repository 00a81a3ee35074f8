#include <fstream>

#include "tests/pg/doctor_patient.hpp"

// As doctor_pgtest.cpp, where each session gets a role of its own.

namespace chaperone::pg {
namespace {

class DoctorOfLeases : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    patient = std::make_unique<Patient>();
    patient->run("DROP OWNED BY app; DROP ROLE app;");
    patient->write_config(
        "credential: {session_role: {broker: pgchaperone_broker, password_file: app.password}}", 100);
    patient->run_broker_sql();
    patient->run("ALTER ROLE pgchaperone_broker PASSWORD 'a secret';");
  }
  static void TearDownTestSuite() { patient.reset(); }

  inline static std::unique_ptr<Patient> patient;
};

const std::set<std::string> kAlways = {};

TEST_F(DoctorOfLeases, FindsNothingBehindBrokerSql) {
  const auto outcome = patient->examine();
  EXPECT_EQ(outcome.ids(), kAlways) << outcome.text();
  EXPECT_EQ(outcome.status, 0);
  const auto own = patient->examine(false);
  EXPECT_EQ(own.ids(), std::set<std::string>{"not-looked-at"}) << own.text();
  EXPECT_EQ(own.status, 0) << "what the broker may not see is no finding";
}

TEST_F(DoctorOfLeases, RolesThatAreTooStrong) {
  const Broken all[] = {
      {"ALTER ROLE pgchaperone_broker CREATEROLE;", {"broker-createrole"}, "role pgchaperone_broker"},
      {"ALTER ROLE pgchaperone_owner LOGIN;", {"owner-login"}, "role pgchaperone_owner"},
      {"ALTER ROLE pgchaperone_owner SUPERUSER;", {"owner-superuser"}, "role pgchaperone_owner"},
      {"GRANT pg_write_server_files TO pgchaperone_owner;", {"owner-member"}, "role pgchaperone_owner"},
      {"CREATE ROLE friend NOLOGIN; GRANT pgchaperone_owner TO friend;",
       {"owner-members"},
       "role pgchaperone_owner",
       "DROP ROLE friend;"},
      {"GRANT SELECT ON secrets TO pgchaperone_broker;", {"broker-holds"}, "table public.secrets"},
      {"GRANT agc_support TO pgchaperone_broker;",
       {"broker-member", "capability-shared"},
       "role pgchaperone_broker",
       "",
       "warning"},
      {"GRANT EXECUTE ON FUNCTION pg_read_file(text) TO pgchaperone_broker;",
       {"broker-holds"},
       "routine pg_read_file(text)"},
      {"ALTER ROLE agc_support LOGIN;", {"capability-login"}, "role agc_support"},
      {"ALTER ROLE agc_support BYPASSRLS;", {"capability-bypassrls"}, "role agc_support"},
      {"GRANT pg_monitor TO agc_support;", {"capability-member"}, "role agc_support"},
      {"CREATE TABLE mine (); ALTER TABLE mine OWNER TO agc_support;",
       {"capability-owns"},
       "role agc_support",
       "DROP TABLE mine; DROP ROLE left_by_agc_support;"},
  };
  for (const Broken& each : all) expect_found_and_mended(*patient, each, kAlways);
}

TEST_F(DoctorOfLeases, LeaseFunctions) {
  const Broken all[] = {
      {"CREATE OR REPLACE FUNCTION chaperone.seal(lease text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER "
       "SET search_path = pg_catalog, pg_temp AS 'BEGIN EXECUTE lease; END';",
       {"lease-function-altered"},
       "function chaperone.seal(text)"},
      {"CREATE FUNCTION chaperone.more(text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = "
       "pg_catalog, pg_temp AS 'SELECT $1'; ALTER FUNCTION chaperone.more OWNER TO pgchaperone_owner; "
       "REVOKE ALL ON FUNCTION chaperone.more FROM PUBLIC;",
       {"lease-function-altered"},
       "function chaperone.more(text)"},
      {"ALTER FUNCTION chaperone.open OWNER TO tester;",
       {"lease-function-owner"},
       "function chaperone.open(text,interval)"},
      {"ALTER FUNCTION chaperone.open SECURITY INVOKER;",
       {"lease-function-rights"},
       "function chaperone.open(text,interval)"},
      {"ALTER FUNCTION chaperone.open RESET search_path;",
       {"lease-function-search-path"},
       "function chaperone.open(text,interval)"},
      {"GRANT EXECUTE ON FUNCTION chaperone.open TO PUBLIC;",
       {"lease-function-open"},
       "function chaperone.open(text,interval)"},
      {"REVOKE EXECUTE ON FUNCTION chaperone.open FROM pgchaperone_broker;",
       {"lease-function-closed"},
       "function chaperone.open(text,interval)"},
      {"REVOKE USAGE ON SCHEMA chaperone FROM pgchaperone_broker;",
       {"lease-function-closed"},
       "schema chaperone"},
      {"DROP FUNCTION chaperone.hold;", {"lease-function-missing"}, "function chaperone.hold"},
      {"GRANT INSERT ON chaperone.capabilities TO agc_support;",
       {"lease-schema-open"},
       "table chaperone.capabilities"},
      {"CREATE TRIGGER often BEFORE INSERT ON chaperone.leases FOR EACH ROW EXECUTE FUNCTION "
       "suppress_redundant_updates_trigger();",
       {"lease-table-trigger"},
       "table chaperone.leases"},
      {"ALTER TABLE chaperone.leases OWNER TO tester;", {"lease-schema-owner"}, "table chaperone.leases"},
      {"INSERT INTO chaperone.capabilities VALUES ('pg_read_all_data');",
       {"capability-foreign"},
       "role pg_read_all_data"},
      {"INSERT INTO chaperone.capabilities VALUES ('agc_old');",
       {"capability-left-over"},
       "role agc_old",
       "",
       "warning"},
      {"DELETE FROM chaperone.capabilities;", {"capability-not-granted"}, "role agc_support"},
      {"CREATE ROLE agp_a_aaaaaaaaaaaaaaaa NOLOGIN;", {"lease-unknown"}, "role agp_a_aaaaaaaaaaaaaaaa"},
  };
  for (const Broken& each : all) expect_found_and_mended(*patient, each, kAlways);
}

TEST_F(DoctorOfLeases, GrantsAndRows) {
  const Broken all[] = {
      {"GRANT SELECT ON secrets TO agc_support;", {"grant-wider"}, "table public.secrets"},
      {"GRANT SELECT ON customers TO agc_support;", {"grant-wider"}, "table public.customers"},
      {"REVOKE SELECT (id) ON customers FROM agc_support;",
       {"grant-missing"},
       "table public.customers",
       "",
       "warning"},
      {"GRANT SELECT ON secrets TO PUBLIC;", {"public-grant"}, "table public.secrets"},
      {"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO agc_support;",
       {"default-privileges"},
       "tables that tester makes",
       "",
       "warning"},
      {"ALTER TABLE notes DISABLE ROW LEVEL SECURITY;", {"rls-off"}, "table public.notes"},
      {"CREATE ROLE friend NOLOGIN; GRANT SELECT ON secrets TO friend WITH GRANT OPTION; SET ROLE friend; "
       "GRANT SELECT ON secrets TO agc_support; RESET ROLE;",
       {"grant-wider"},
       "table public.secrets",
       "DROP OWNED BY friend; DROP ROLE friend;"},
      {"CREATE ROLE friend NOLOGIN; GRANT SELECT ON secrets TO friend WITH GRANT OPTION; SET ROLE friend; "
       "GRANT SELECT ON secrets TO agc_support; RESET ROLE; ALTER ROLE friend SUPERUSER;",
       {"grant-wider"},
       "table public.secrets",
       "DROP OWNED BY friend; DROP ROLE friend;"},
  };
  for (const Broken& each : all) expect_found_and_mended(*patient, each, kAlways);

  const std::string name = patient->server().scalar(
      "SELECT polname FROM pg_policy WHERE polrelid = 'notes'::regclass AND NOT polpermissive AND polcmd = "
      "'r'");
  ASSERT_FALSE(name.empty());
  const Broken policies[] = {
      {fmt::format("DROP POLICY {} ON notes;", name), {"rls-policy-missing"}, "table public.notes"},
      {fmt::format("ALTER POLICY {} ON notes USING (true);", name),
       {"rls-policy-altered"},
       "table public.notes"},
      {fmt::format(
           "ALTER POLICY {} ON notes USING (tenant_id = 8 OR chaperone.lease_parameter('tenant') <> '');",
           name),
       {"rls-policy-altered"},
       "table public.notes"},
      {fmt::format("ALTER POLICY {} ON notes TO PUBLIC;", name),
       {"rls-policy-altered"},
       "table public.notes"},
      {"CREATE POLICY wide ON notes FOR SELECT TO agc_support USING (true);",
       {"rls-policy-of-others"},
       "table public.notes",
       "",
       "warning"},
      {"DROP TABLE chaperone.row_policies;", {"lease-table-missing"}, "table chaperone.row_policies"},
  };
  patient->run("CREATE POLICY wide ON notes USING (true);");
  const auto wide = patient->examine();
  EXPECT_EQ(wide.ids(), std::set<std::string>{"rls-policy-of-others"}) << wide.text();
  EXPECT_EQ(wide.status, 0) << "a note: the restrictive one holds";
  patient->run("DROP POLICY wide ON notes;");
  for (const Broken& each : policies) expect_found_and_mended(*patient, each, kAlways);

  std::string changed(kPolicy);
  const std::string_view filter = "tenant_id = :tenant";
  changed.replace(changed.find(filter), filter.size(), "tenant_id = :tenant AND id > 0");
  write_file(patient->path("policy.yaml"), changed);
  const auto outdated = patient->examine();
  EXPECT_EQ(outdated.ids(), std::set<std::string>{"rls-policy-outdated"}) << outdated.text();
  patient->run_broker_sql();
  EXPECT_EQ(patient->examine().ids(), kAlways) << patient->examine().text();
  write_file(patient->path("policy.yaml"), kPolicy);
  patient->run_broker_sql();
}

TEST_F(DoctorOfLeases, WhatALeaseLeftBehind) {
  const Broken all[] = {
      {"CREATE ROLE agp_a_aaaaaaaaaaaaaaaa NOLOGIN; SET SESSION AUTHORIZATION agp_a_aaaaaaaaaaaaaaaa; BEGIN; "
       "PREPARE TRANSACTION 'left'; RESET SESSION AUTHORIZATION; DROP ROLE agp_a_aaaaaaaaaaaaaaaa;",
       {"lease-prepared"},
       "prepared transaction 'left'"},
      {"SET ROLE agc_support; SELECT lo_create(0); RESET ROLE;", {"capability-owns"}, "role agc_support"},
  };
  for (const Broken& each : all) expect_found_and_mended(*patient, each, kAlways);
}

TEST_F(DoctorOfLeases, LinesOfPgHba) {
  const std::string file = patient->server().scalar("SHOW hba_file");
  const std::string before = read_file(file);
  const auto ids_with = [&](std::string_view line) {
    std::ofstream(file, std::ios::trunc) << before << line << '\n';
    return patient->examine().ids();
  };
  using Ids = std::set<std::string>;
  const Ids open{"hba-open-to-leases"};
  EXPECT_EQ(ids_with("host all all 10.0.0.0/8 scram-sha-256"), open);
  EXPECT_EQ(ids_with("hostssl shop all all scram-sha-256"), open);
  EXPECT_EQ(ids_with("host shop +agc_support abc.de scram-sha-256"), open);
  EXPECT_EQ(ids_with("host all all 10.0.0.7/32 scram-sha-256"), Ids{}) << "one address, as pgchaperone's";
  EXPECT_EQ(ids_with("host all all localhost scram-sha-256"), Ids{});
  EXPECT_EQ(ids_with("host other all all scram-sha-256"), Ids{});
  EXPECT_EQ(ids_with("host all reports all scram-sha-256"), Ids{});
  EXPECT_EQ(ids_with("host all all all reject"), Ids{});
  std::ofstream(file, std::ios::trunc) << before;
}

}  // namespace
}  // namespace chaperone::pg
