#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "proxy/auth/passwords.hpp"
#include "proxy/commands/broker.hpp"
#include "proxy/commands/doctor.hpp"
#include "tests/pg/servers.hpp"

// What the tests of `doctor` break and mend.

namespace chaperone::pg {

namespace json = boost::json;

inline constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  support:
    tables:
      customers:
        read:
          columns: [id, name]
      notes:
        read:
          columns: [id, body]
          rows: {where: "tenant_id = :tenant", enforce: rls}
      orders:
        read: {columns: "*"}
        insert: {columns: [customer_id, total]}
        update: {columns: [total], by: [id], max_rows: 1}
    functions: [safe, "public.tax"]
agents:
  triage-bot:
    capabilities: [support]
    parameters: {tenant: 7}
)";

inline constexpr std::string_view kSchema = R"(
DROP TABLE item, line, big; DROP SEQUENCE numbers; DROP FUNCTION shout, fails; DROP PROCEDURE twice;
DROP ROLE other; DROP ROLE encrypted;
REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text);
CREATE TABLE notes (id int PRIMARY KEY, tenant_id int, body text);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id int, total numeric);
CREATE TABLE secrets (id int PRIMARY KEY, value text);
CREATE FUNCTION tax(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 0.2';
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
)";

/// A server of its own, since what is broken is seen by everybody, with a database that is as it should be.
class Patient {
 public:
  Patient() {
    for (const std::string& each : statements(kSchema)) server_.run(each);
    write_file(path("policy.yaml"), kPolicy);
    write_file(path("app.password"), "a secret\n");
    write_file(path("passwords"),
               auth::Passwords::line("triage-bot", auth::ScramVerifier::derive("a secret")));
    write_config("credential: {insecure_static: {role: app, password_file: app.password}}", 100);
    run(R"(CREATE ROLE app LOGIN PASSWORD 'a secret';
           GRANT USAGE ON SCHEMA public TO app;
           GRANT SELECT (id, name) ON customers TO app;
           GRANT SELECT (id, body) ON notes TO app;
           GRANT SELECT, INSERT (customer_id, total), UPDATE (total) ON orders TO app;
           GRANT USAGE ON SEQUENCE orders_id_seq TO app;
           CREATE POLICY tenant ON notes FOR SELECT TO app USING (tenant_id = 7);)");
  }

  void write_config(std::string_view credential, int connections) {
    write_file(path("chaperone.yaml"), fmt::format("instance: test\nlisten:\n  - address: unix:{}\n"
                                                   "databases:\n  shop:\n    server: {}\n    {}\n"
                                                   "policy: policy.yaml\n"
                                                   "identity: {{default: scram, passwords: passwords}}\n"
                                                   "audit: {{sinks: [{{file: audit.jsonl}}]}}\n"
                                                   "limits: {{connections: {}}}\n",
                                                   directory_.path().string(), server_.socket().to_string(),
                                                   credential, connections));
  }
  std::filesystem::path path(const std::string& name) const { return directory_.path(name); }
  Postgres& server() { return server_; }

  /// As psql does it, one statement at a time.
  void run(std::string_view sql) {
    for (const std::string& each : statements(sql)) server_.run(each);
    // Settings that were reloaded are there when a new session has them.
    if (sql.find("pg_reload_conf") != std::string_view::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  /// What `pgchaperone broker sql` prints, as a DBA runs it.
  void run_broker_sql() {
    const std::string superuser = fmt::format("host={} port={} user=tester password='a secret' dbname=shop",
                                              server_.socket().host, server_.socket().port);
    std::ostringstream out, errors;
    commands::BrokerSqlArguments arguments;
    arguments.config = path("chaperone.yaml");
    arguments.from = superuser;
    ASSERT_EQ(commands::print_broker_sql(arguments, out, errors), 0) << errors.str();
    write_file(path("broker.sql"), out.str());
    Process psql({"/usr/lib/postgresql/15/bin/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", superuser,
                  "-f", path("broker.sql")},
                 {.log = path("psql.log")});
    ASSERT_TRUE(psql.wait(std::chrono::seconds(60)));
    ASSERT_EQ(psql.status(), 0) << read_file(path("psql.log"));
  }

  struct Outcome {
    int status = 0;
    std::string errors;
    std::vector<json::object> findings;

    std::set<std::string> ids() const {
      std::set<std::string> out;
      for (const auto& each : findings) out.insert(std::string(each.at("id").as_string()));
      return out;
    }
    std::string text() const {
      std::string out = errors;
      for (const auto& each : findings) out += json::serialize(each) + "\n";
      return out;
    }
  };
  /// `as_superuser`: with --as, so that all can be seen.
  Outcome examine(bool as_superuser = true) const {
    commands::DoctorArguments arguments;
    arguments.config = path("chaperone.yaml");
    arguments.format = commands::DoctorFormat::kJson;
    if (as_superuser) {
      arguments.as = fmt::format("host={} port={} user=tester password='a secret' dbname=shop",
                                 server_.socket().host, server_.socket().port);
    }
    std::ostringstream out, errors;
    Outcome outcome;
    outcome.status = commands::examine(arguments, out, errors, false);
    outcome.errors = errors.str();
    std::istringstream lines(out.str());
    for (std::string line; std::getline(lines, line);) {
      outcome.findings.push_back(json::parse(line).as_object());
    }
    return outcome;
  }

 private:
  static std::vector<std::string> statements(std::string_view sql) {
    std::vector<std::string> out;
    std::string one;
    char quote = 0;
    for (const char byte : sql) {
      if (quote == 0 && (byte == '\'' || byte == '"')) {
        quote = byte;
      } else if (byte == quote) {
        quote = 0;
      }
      if (byte == ';' && quote == 0) {
        out.push_back(std::exchange(one, {}));
      } else {
        one += byte;
      }
    }
    return out;
  }

  mutable Postgres server_;
  TemporaryDirectory directory_;
};

struct Broken {
  std::string sql;
  std::set<std::string> ids;
  std::string_view object;     ///< of one of the findings
  std::string_view undo = "";  ///< what the mend leaves behind
  std::string_view severity = "danger";
};

inline void expect_found_and_mended(Patient& patient, const Broken& broken,
                                    const std::set<std::string>& always) {
  SCOPED_TRACE(broken.sql);
  patient.run(broken.sql);
  const auto ill = patient.examine();
  std::set<std::string> ids = ill.ids();
  for (const std::string& id : always) EXPECT_EQ(ids.erase(id), 1u) << id << " is missing";
  EXPECT_EQ(ids, broken.ids) << ill.text();
  EXPECT_EQ(ill.status, 1);
  bool object = false;
  std::string mends;
  for (const auto& each : ill.findings) {
    if (!broken.ids.contains(std::string(each.at("id").as_string()))) continue;
    object |=
        each.at("object").as_string() == broken.object && each.at("severity").as_string() == broken.severity;
    mends += std::string(each.at("mend").as_string()) + "\n";
  }
  EXPECT_TRUE(object) << broken.severity << " " << broken.object << "\n" << ill.text();
  // A comment behind the SQL says what else there is to do.
  std::istringstream lines(mends);
  std::string sql;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("pgchaperone broker sql ")) {
      patient.run_broker_sql();
    } else {
      sql += line.substr(0, line.find(" -- ")) + "\n";
    }
  }
  patient.run(sql);
  const auto mended = patient.examine();
  EXPECT_EQ(mended.ids(), always) << "after " << mends << mended.text();
  patient.run(broken.undo);
}

}  // namespace chaperone::pg
