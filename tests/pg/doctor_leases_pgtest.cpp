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
       "DROP TABLE mine;"},
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
  };
  patient->run("CREATE POLICY wide ON notes USING (true);");
  EXPECT_EQ(patient->examine().ids(), kAlways) << "the restrictive one holds";
  patient->run("DROP POLICY wide ON notes;");
  for (const Broken& each : policies) expect_found_and_mended(*patient, each, kAlways);
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
