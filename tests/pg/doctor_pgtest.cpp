#include <fstream>

#include "tests/pg/doctor_patient.hpp"

// One thing is broken at a time: `doctor` finds exactly that, and what it prints mends it.

namespace chaperone::pg {
namespace {

std::unique_ptr<Patient>& patient_slot() {
  static auto* const slot = new std::unique_ptr<Patient>;
  return *slot;
}

class Doctor : public testing::Test {
 protected:
  static void SetUpTestSuite() { patient_slot() = std::make_unique<Patient>(); }
  static void TearDownTestSuite() { patient_slot().reset(); }
  static Patient& patient() { return *patient_slot(); }
};

/// What is there in any case: one role for all is a warning.
const std::set<std::string> kAlways = {"insecure-setting"};

TEST_F(Doctor, FindsNothingWhereAllIsAsThePolicySays) {
  const auto outcome = patient().examine();
  EXPECT_EQ(outcome.ids(), kAlways) << outcome.text();
  EXPECT_EQ(outcome.status, 1) << "the one role for all is a finding by itself";
}

TEST_F(Doctor, WhatItMayNotSeeIsANote) {
  const auto outcome = patient().examine(false);
  EXPECT_EQ(outcome.ids(), (std::set<std::string>{"insecure-setting", "not-looked-at"})) << outcome.text();
  ASSERT_FALSE(outcome.findings.empty());
  EXPECT_EQ(outcome.findings.back().at("severity").as_string(), "note");
  EXPECT_NE(outcome.findings.back().at("mend").as_string().find("--as"), std::string::npos);
}

TEST_F(Doctor, ARoleThatIsTooStrong) {
  const Broken all[] = {
      {"ALTER ROLE app SUPERUSER;", {"broker-superuser"}, "role app"},
      {"ALTER ROLE app CREATEROLE;", {"broker-createrole"}, "role app"},
      {"ALTER ROLE app CREATEDB;", {"broker-createdb"}, "role app"},
      {"ALTER ROLE app REPLICATION;", {"broker-replication"}, "role app"},
      {"ALTER ROLE app BYPASSRLS;", {"broker-bypassrls"}, "role app"},
      {"GRANT pg_read_all_data TO app;", {"broker-member"}, "role app"},
      {"CREATE ROLE between NOLOGIN; GRANT pg_execute_server_program TO between; GRANT between TO app;",
       {"broker-member"},
       "role app",
       "DROP ROLE between;"},
      {"CREATE ROLE \"Owner's\" NOLOGIN; ALTER TABLE secrets OWNER TO \"Owner's\"; GRANT \"Owner's\" TO app;",
       {"broker-member"},
       "role app",
       "ALTER TABLE secrets OWNER TO tester; DROP ROLE \"Owner's\";"},
      {"CREATE TABLE mine (); ALTER TABLE mine OWNER TO app;",
       {"broker-owns"},
       "role app",
       "DROP TABLE mine;"},
      {"ALTER ROLE app VALID UNTIL '2020-01-01';",
       {"broker-password-expires"},
       "role app",
       "ALTER ROLE app PASSWORD 'a secret';"},
  };
  for (const Broken& each : all) expect_found_and_mended(patient(), each, kAlways);
}

TEST_F(Doctor, WhatPublicMayDo) {
  const Broken all[] = {
      {"GRANT CREATE ON SCHEMA public TO PUBLIC;", {"public-create"}, "schema public"},
      {"CREATE SCHEMA \"Other\"; GRANT CREATE ON SCHEMA \"Other\" TO PUBLIC;",
       {"public-create"},
       "schema \"Other\"",
       "DROP SCHEMA \"Other\";",
       "warning"},
      {"GRANT CREATE ON DATABASE shop TO PUBLIC;", {"public-create"}, "database shop", "", "warning"},
      {"GRANT TEMPORARY ON DATABASE shop TO PUBLIC;", {"public-temp"}, "database shop", "", "warning"},
      {"GRANT CONNECT ON DATABASE postgres TO PUBLIC;",
       {"public-connect"},
       "database postgres",
       "",
       "warning"},
      {"CREATE FUNCTION \"Deep\"(text) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
       {"public-security-definer"},
       "function public.\"Deep\"(text)",
       "DROP FUNCTION \"Deep\";"},
      {"GRANT EXECUTE ON FUNCTION pg_read_file(text), lo_import(text) TO PUBLIC;",
       {"public-dangerous-function"},
       "function pg_read_file(text)"},
      {"CREATE EXTENSION dblink;",
       {"public-dangerous-function"},
       "function public.dblink(text,text)",
       "DROP EXTENSION dblink;"},
      {"CREATE LANGUAGE deep HANDLER plpgsql_call_handler;",
       {"untrusted-language"},
       "language deep",
       "",
       "note"},
      {"CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; "
       "GRANT USAGE ON FOREIGN SERVER far TO PUBLIC;",
       {"public-foreign-server"},
       "server far",
       "DROP EXTENSION postgres_fdw CASCADE;",
       "warning"},
      {"CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; "
       "CREATE USER MAPPING FOR PUBLIC SERVER far;",
       {"public-user-mapping"},
       "server far",
       "DROP EXTENSION postgres_fdw CASCADE;",
       "warning"},
      {"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;",
       {"default-privileges"},
       "tables that tester makes in schema public",
       "",
       "warning"},
      {"GRANT SET ON PARAMETER session_replication_role TO PUBLIC;",
       {"public-parameter"},
       "setting session_replication_role"},
      {"SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;",
       {"public-large-object"},
       "large object 4711",
       "SELECT lo_unlink(4711);",
       "warning"},
      {"ALTER SYSTEM SET lo_compat_privileges = on; SELECT pg_reload_conf();",
       {"public-large-object"},
       "setting lo_compat_privileges"},
      {"GRANT SELECT ON pg_authid TO PUBLIC;", {"public-catalog"}, "table pg_catalog.pg_authid"},
  };
  for (const Broken& each : all) expect_found_and_mended(patient(), each, kAlways);
}

TEST_F(Doctor, RowLevelSecurity) {
  const Broken all[] = {
      {"ALTER TABLE notes DISABLE ROW LEVEL SECURITY;", {"rls-off"}, "table public.notes"},
      {"ALTER TABLE customers ENABLE ROW LEVEL SECURITY;",
       {"rls-gives-nothing"},
       "table public.customers",
       "DROP POLICY app ON customers; ALTER TABLE customers DISABLE ROW LEVEL SECURITY;",
       "warning"},
      {"CREATE POLICY wide ON notes USING (true);", {"rls-shows-all"}, "table public.notes"},
      {"CREATE POLICY said ON notes FOR SELECT USING (tenant_id = current_setting('app.tenant')::int);",
       {"rls-by-setting"},
       "table public.notes",
       "",
       "warning"},
  };
  for (const Broken& each : all) expect_found_and_mended(patient(), each, kAlways);
}

TEST_F(Doctor, WaysAround) {
  const Broken all[] = {
      {"CREATE ROLE \"triage-bot\" LOGIN;",
       {"agent-can-login"},
       "role \"triage-bot\"",
       "DROP ROLE \"triage-bot\";",
       "warning"},
      {"CREATE ROLE reports LOGIN; GRANT SELECT ON orders TO reports;",
       {"direct-login"},
       "role reports",
       "DROP OWNED BY reports; DROP ROLE reports;",
       "note"},
      {"CREATE ROLE agp_a_aaaaaaaaaaaaaaaa NOLOGIN VALID UNTIL '2020-01-01'; CREATE TABLE left_over (); "
       "ALTER TABLE left_over OWNER TO agp_a_aaaaaaaaaaaaaaaa;",
       {"lease-orphan"},
       "role agp_a_aaaaaaaaaaaaaaaa",
       "",
       "warning"},
      {"CREATE ROLE agp_a_aaaaaaaaaaaaaaaa LOGIN;",
       {"lease-without-end"},
       "role agp_a_aaaaaaaaaaaaaaaa",
       "DROP ROLE agp_a_aaaaaaaaaaaaaaaa;"},
      {"CREATE ROLE agp_a_aaaaaaaaaaaaaaaa NOLOGIN CREATEROLE;",
       {"lease-too-strong"},
       "role agp_a_aaaaaaaaaaaaaaaa"},
      {"ALTER SYSTEM SET password_encryption = 'md5'; SELECT pg_reload_conf();",
       {"password-encryption"},
       "setting password_encryption",
       "",
       "warning"},
      {"ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf();",
       {"log-holds-values"},
       "setting log_statement",
       "",
       "note"},
      {"SET password_encryption = 'md5'; CREATE ROLE old NOLOGIN PASSWORD 'old'; RESET password_encryption;",
       {"md5-password"},
       "role old",
       "DROP ROLE old;",
       "warning"},
  };
  for (const Broken& each : all) expect_found_and_mended(patient(), each, kAlways);
}

TEST_F(Doctor, LinesOfPgHba) {
  const std::string file = patient().server().scalar("SHOW hba_file");
  const std::string before = read_file(file);
  const auto ids_with = [&](std::string_view line) {
    std::ofstream(file, std::ios::trunc) << before << line << '\n';
    auto ids = patient().examine().ids();
    ids.erase("insecure-setting");
    return ids;
  };
  using Ids = std::set<std::string>;
  EXPECT_EQ(ids_with("host all all 10.0.0.0/8 trust"), Ids{"hba-trust"});
  EXPECT_EQ(ids_with("host all all 10.0.0.0/8 password"), Ids{"hba-weak"});
  EXPECT_EQ(ids_with("host all all 10.0.0.0/8 no_such_method"), Ids{"hba-broken"});
  EXPECT_EQ(ids_with("host all all 10.0.0.0/8 scram-sha-256"), Ids{});
  std::ofstream(file, std::ios::trunc) << before;
}

TEST_F(Doctor, WhatTheConfigurationSays) {
  Patient& own = patient();
  own.write_config("credential: {insecure_static: {role: app, password_file: app.password}}", 1000);
  EXPECT_EQ(own.examine().ids(), (std::set<std::string>{"insecure-setting", "too-few-connections"}));

  own.write_config("credential: {insecure_static: {role: app, password_file: app.password}}", 100);
  write_file(own.path("policy.yaml"), std::string(kPolicy) + "  watched: {mode: observe}\n");
  EXPECT_EQ(own.examine().ids(), (std::set<std::string>{"insecure-setting", "agent-observed"}))
      << "what an observed agent may do is up to the role";

  write_file(own.path("policy.yaml"), kPolicy);
  own.run("ALTER TABLE customers RENAME name TO full_name;");
  const auto outcome = own.examine();
  own.run("ALTER TABLE customers RENAME full_name TO name;");
  EXPECT_TRUE(outcome.ids().contains("policy-does-not-fit")) << outcome.text();
  EXPECT_EQ(own.examine().ids(), kAlways);
}

TEST_F(Doctor, GrantsAndThePolicy) {
  const Broken all[] = {
      {"GRANT SELECT ON secrets TO app;", {"grant-wider"}, "table public.secrets", "", "warning"},
      {"GRANT SELECT (ssn) ON customers TO app;", {"grant-wider"}, "table public.customers", "", "warning"},
      {"GRANT SELECT ON customers TO app;", {"grant-wider"}, "table public.customers", "", "warning"},
      {"GRANT DELETE, TRUNCATE ON orders TO app;", {"grant-wider"}, "table public.orders", "", "warning"},
      {"GRANT UPDATE ON SEQUENCE orders_id_seq TO app;",
       {"grant-wider"},
       "sequence public.orders_id_seq",
       "",
       "warning"},
      {"GRANT CREATE ON SCHEMA public TO app;", {"grant-wider"}, "schema public", "", "warning"},
      {"GRANT TEMPORARY ON DATABASE shop TO app;", {"grant-wider"}, "database shop", "", "warning"},
      {"GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app;",
       {"grant-wider"},
       "routine pg_read_file(text)",
       "",
       "warning"},
      {"GRANT SET ON PARAMETER session_replication_role TO app;",
       {"grant-wider"},
       "parameter session_replication_role",
       "",
       "warning"},
      {"REVOKE SELECT (name) ON customers FROM app;",
       {"grant-missing"},
       "table public.customers",
       "",
       "warning"},
      {"REVOKE USAGE ON SEQUENCE orders_id_seq FROM app;",
       {"grant-missing"},
       "sequence public.orders_id_seq",
       "",
       "warning"},
      {"REVOKE USAGE ON SCHEMA public FROM app, PUBLIC;", {"grant-missing"}, "schema public", "", "warning"},
      {"REVOKE CONNECT ON DATABASE shop FROM PUBLIC;", {"grant-missing"}, "database shop", "", "warning"},
      {"REVOKE EXECUTE ON FUNCTION tax FROM PUBLIC;",
       {"grant-missing"},
       "routine public.tax(numeric)",
       "",
       "warning"},
      {"GRANT SELECT (id) ON customers TO app WITH GRANT OPTION;",
       {"grant-option"},
       "table public.customers"},
      {"GRANT SELECT ON secrets TO PUBLIC;", {"public-grant"}, "table public.secrets"},
      {"GRANT SELECT (ssn), UPDATE (ssn) ON customers TO PUBLIC;",
       {"public-grant"},
       "table public.customers"},
      {"CREATE ROLE readers NOLOGIN; GRANT SELECT ON secrets TO readers; GRANT readers TO app;",
       {"grant-inherited"},
       "table public.secrets",
       "DROP OWNED BY readers; DROP ROLE readers;",
       "warning"},
      {"CREATE TABLE \"Odd \"\"one\"\"\" (\"a;b\" int, c int); GRANT SELECT (\"a;b\") ON \"Odd \"\"one\"\"\" "
       "TO app;",
       {"grant-wider"},
       "table public.\"Odd \"\"one\"\"\"",
       "DROP TABLE \"Odd \"\"one\"\"\";",
       "warning"},
  };
  for (const Broken& each : all) expect_found_and_mended(patient(), each, kAlways);
}

TEST_F(Doctor, ViewsOverNarrowedTables) {
  Patient& own = patient();
  own.run(
      "CREATE VIEW every_note AS SELECT * FROM notes; CREATE VIEW through AS SELECT * FROM every_note; "
      "GRANT SELECT (id) ON through TO app;");
  std::string policy(kPolicy);
  policy.replace(policy.find("      orders:"), 0, "      through:\n        read: {columns: [id]}\n");
  write_file(own.path("policy.yaml"), policy);
  const auto outcome = own.examine();
  write_file(own.path("policy.yaml"), kPolicy);
  own.run("DROP VIEW through, every_note;");
  EXPECT_EQ(outcome.ids(), (std::set<std::string>{"insecure-setting", "view-over-narrowed-table"}))
      << outcome.text();
}

TEST_F(Doctor, WhatCannotBeAskedIsStatus2) {
  Patient& own = patient();
  own.write_config("credential: {insecure_static: {role: nobody_there, password_file: app.password}}", 100);
  const auto outcome = own.examine(false);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.errors.find("password authentication failed"), std::string::npos) << outcome.errors;
  EXPECT_EQ(own.examine().ids(), (std::set<std::string>{"insecure-setting", "broker-missing"}));
  own.write_config("credential: {insecure_static: {role: app, password_file: app.password}}", 100);
}

}  // namespace
}  // namespace chaperone::pg
