// The wall behind the proxy: a lease role that logs in past it. What the policy does not give PostgreSQL
// itself refuses, and what the proxy lets pass runs.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "proxy/commands/broker.hpp"
#include "rules/broker/broker.hpp"
#include "rules/broker/grants.hpp"
#include "rules/check.hpp"
#include "rules/policy_test.hpp"
#include "rules/rewrite/literal.hpp"
#include "tests/pg/wall.hpp"

namespace chaperone::pg {
namespace {

using rules::Grant;
using rules::GrantObject;
using rules::Privilege;

constexpr std::string_view kDenied = "42501";

std::vector<std::string> capabilities_of(const rules::Agent& agent) {
  std::vector<std::string> names;
  for (const auto& capability : agent.capabilities) names.push_back(capability->name);
  return names;
}

/// Whether one of the agent's capabilities has the privilege on the column or on the whole relation; without
/// a column: on any of it.
bool granted(const rules::Grants& grants, const rules::Agent& agent, const rules::Relation& relation,
             std::string_view column, Privilege privilege) {
  const auto has = [&](const std::string& role, std::string_view name) {
    return grants.has(
        {role, GrantObject::kRelation, relation.schema, relation.name, std::string(name), {}, privilege});
  };
  for (const auto& capability : agent.capabilities) {
    const std::string role = rules::capability_role(capability->name);
    if (has(role, "") || (!column.empty() && has(role, column))) return true;
    if (!column.empty()) continue;
    for (const rules::Column& any : relation.columns) {
      if (has(role, any.name)) return true;
    }
  }
  return false;
}

/// What a refusal of the proxy was about, where it is a relation's whole or a column.
std::optional<Privilege> privilege_of(const rules::Checked& checked) {
  const auto is = [&](std::string_view action) {
    return checked.rule.find(fmt::format(".{}", action)) != std::string::npos;
  };
  if (!checked.rule.starts_with("tables.")) return {};
  // Which rows and how many no privilege tells.
  if (checked.rule.ends_with(".by") || checked.rule.ends_with(".max_rows")) return {};
  if (is("read")) return Privilege::kSelect;
  if (is("insert")) return Privilege::kInsert;
  if (is("update")) return Privilege::kUpdate;
  if (is("delete")) return Privilege::kDelete;
  return {};
}

/// A policy and its schema with the sessions of its agents.
class Behind {
 public:
  Behind(const rules::PolicyTest& test, const std::string& database, std::string_view schema)
      : wall_(wall_server(), database, schema, test.catalog, test.policy) {
    wall_.set_up();
    rules::Problems problems;
    grants_ = rules::needed_grants(*test.policy, *test.catalog, "policy.yaml", problems);
  }
  ~Behind() {
    clients_.clear();
    wall_.end_leases();
    EXPECT_EQ(wall_.drop().status, 0);
  }

  Client& session(const rules::Agent& agent) {
    auto& client = clients_[agent.name];
    if (!client) client = wall_.lease(capabilities_of(agent));
    return *client;
  }

  void replay(const rules::PolicyCase& test) {
    const rules::Agent& agent = *wall_.policy().find_agent(test.agent);
    const rules::Principal principal =
        rules::make_principal(agent, test.parameters, "alice@example.com", "TICKET-1");
    const rules::Checked checked = rules::check(test.sql, agent, wall_.catalog(), principal);
    if (checked.allow) {
      const std::string sql = checked.rewritten.value_or(test.sql);
      ++allowed;
      EXPECT_NE(try_out(session(agent), sql), kDenied) << test.name << ": " << sql;
      return;
    }
    const auto privilege = privilege_of(checked);
    const rules::Relation* relation = wall_.catalog().find_relation(checked.schema, checked.table);
    if (!privilege || relation == nullptr || relation->system) return;
    if (!checked.column.empty() && !relation->find_column(checked.column)) return;
    if (granted(grants_, agent, *relation, checked.column, *privilege)) return;
    ++denied;
    EXPECT_EQ(try_out(session(agent), test.sql), kDenied) << test.name << ": " << test.sql;
  }

  /// Each table, column and privilege by itself.
  void probe(const rules::Agent& agent) {
    for (const rules::Relation& relation : wall_.catalog().relations()) {
      if (relation.kind == rules::RelationKind::kCompositeType ||
          relation.kind == rules::RelationKind::kSequence)
        continue;
      const std::string table =
          fmt::format("{}.{}", rules::identifier(relation.schema), rules::identifier(relation.name));
      for (const rules::Column& column : relation.columns) {
        const std::string name = rules::identifier(column.name);
        ask(agent, relation, column.name, Privilege::kSelect, fmt::format("SELECT {} FROM {}", name, table));
        if (column.generated || column.identity_always || relation.kind != rules::RelationKind::kTable)
          continue;
        ask(agent, relation, column.name, Privilege::kUpdate,
            fmt::format("UPDATE {} SET {} = DEFAULT WHERE false", table, name));
        ask(agent, relation, column.name, Privilege::kInsert,
            fmt::format("INSERT INTO {} ({}) SELECT NULL WHERE false", table, name));
      }
      if (relation.kind != rules::RelationKind::kTable) continue;
      ask(agent, relation, "", Privilege::kDelete, fmt::format("DELETE FROM {} WHERE false", table));
      ask(agent, relation, "", Privilege::kTruncate, fmt::format("TRUNCATE {}", table));
    }
    for (const std::string_view sql :
         {"CREATE TABLE public.mine (a int)", "SELECT chaperone.open('agp_x_aaaaaaaaaaaaaaaa', '1 min')",
          "SELECT * FROM chaperone.leases", "INSERT INTO chaperone.capabilities VALUES ('postgres')",
          "SELECT rolpassword FROM pg_authid", "CREATE ROLE r", "COPY (SELECT 1) TO PROGRAM 'true'",
          "SELECT pg_read_file('PG_VERSION')", "SET ROLE pgchaperone_owner", "CREATE SCHEMA s"}) {
      EXPECT_EQ(try_out(session(agent), sql), kDenied) << agent.name << ": " << sql;
    }
  }

  int allowed = 0, denied = 0, probed = 0;

 private:
  void ask(const rules::Agent& agent, const rules::Relation& relation, std::string_view column,
           Privilege privilege, const std::string& sql) {
    ++probed;
    const bool open = granted(grants_, agent, relation, column, privilege);
    const std::string answer = try_out(session(agent), sql);
    if (open) {
      EXPECT_NE(answer, kDenied) << agent.name << ": " << sql;
    } else {
      EXPECT_EQ(answer, kDenied) << agent.name << ": " << sql;
    }
  }

  Wall wall_;
  rules::Grants grants_;
  std::map<std::string, std::unique_ptr<Client>> clients_;
};

rules::PolicyTest load(const std::filesystem::path& file) {
  rules::Problems problems;
  rules::PolicyTest test = rules::load_policy_test(file, problems);
  EXPECT_TRUE(problems.empty()) << problems.text();
  return test;
}

TEST(TheWall, HoldsTheExamplesToTheirPolicies) {
  for (const std::string name : {"analyst", "etl-writer", "support-desk", "triage-tickets"}) {
    SCOPED_TRACE(name);
    const std::string base = fmt::format("{}/examples/policies/{}", SOURCE_DIR, name);
    const rules::PolicyTest test = load(base + ".test.yaml");
    Behind behind(test, "wall_example", read_file(base + ".sql"));
    for (const rules::PolicyCase& each : test.cases) behind.replay(each);
    for (const auto& [agent, rule] : test.policy->agents) behind.probe(rule);
    EXPECT_GT(behind.allowed, 1);
    EXPECT_GT(behind.probed, 20);
  }
}

TEST(TheWall, RefusesAttacksOnWhatIsNotGrantedAndRunsOrdinarySql) {
  const std::string folder = std::string(SOURCE_DIR) + "/tests/sql/";
  std::unique_ptr<Behind> behind;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path().filename().string());
    const rules::PolicyTest test = load(entry.path());
    if (test.catalog->find_relation("tickets") == nullptr) continue;  // of another schema
    if (!behind) behind = std::make_unique<Behind>(test, "wall_shop", read_file(folder + "shop/schema.sql"));
    for (const rules::PolicyCase& each : test.cases) behind->replay(each);
  }
  ASSERT_TRUE(behind);
  EXPECT_GT(behind->allowed, 200);
  EXPECT_GT(behind->denied, 25);
  fmt::print("  {} allowed, {} refused by PostgreSQL too\n", behind->allowed, behind->denied);
}

constexpr std::string_view kSchema = R"sql(
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigserial PRIMARY KEY, tenant int NOT NULL, note text, secret text);
CREATE TABLE shop.lines (id int DEFAULT nextval('shop.orders_id_seq'), sku text) PARTITION BY LIST (sku);
CREATE TABLE shop.lines_a PARTITION OF shop.lines FOR VALUES IN ('a');
CREATE VIEW shop.notes AS SELECT id, note, tenant FROM shop.orders;
CREATE FUNCTION shop.total(bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION shop.total(bigint, VARIADIC text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA shop FROM PUBLIC;
)sql";
constexpr std::string_view kPolicy = R"yaml(version: 1
capabilities:
  'odd "name"':
    tables:
      shop.orders: {read: {columns: [id, note]}, insert: {columns: [note], set: {tenant: "1"}}}
      shop.lines: {read: {columns: "*"}, insert: {columns: [sku]}}
      shop.notes: {insert: {columns: [note, tenant]}}
    functions: [safe, shop.total, pg_advisory_xact_lock]
  lookup:
    tables:
      shop.notes: {read: {columns: "*"}}
agents:
  a: {capabilities: ['odd "name"', lookup]}
)yaml";

TEST(TheWall, SequencesPartitionsViewsAndFunctions) {
  Wall wall(wall_server(), "wall_parts", kSchema, kPolicy);
  wall.set_up();
  {
    const auto client = wall.lease({"odd \"name\""});
    for (const std::string_view sql :
         {"INSERT INTO shop.orders (note, tenant) VALUES ('x', 1)", "SELECT id, ctid FROM shop.lines",
          "INSERT INTO shop.lines (sku) VALUES ('a')",
          "INSERT INTO shop.notes (note, tenant) VALUES ('x', 1)",
          "SELECT shop.total(1), shop.total(1, 'a', 'b')", "SELECT count(*) FROM shop.orders",
          "SELECT pg_advisory_xact_lock(1)"}) {
      EXPECT_EQ(try_out(*client, sql), "") << sql;
    }
    for (const std::string_view sql :
         {"SELECT * FROM shop.orders", "SELECT secret FROM shop.orders", "SELECT id FROM shop.lines_a",
          "SELECT note FROM shop.notes", "SELECT setval('shop.orders_id_seq', 1)",
          "SELECT last_value FROM shop.orders_id_seq", "INSERT INTO shop.orders (id) VALUES (1)",
          "SELECT orders FROM shop.orders", "SELECT ctid FROM shop.orders", "LOCK TABLE shop.orders"}) {
      EXPECT_EQ(try_out(*client, sql), kDenied) << sql;
    }
  }
  wall.end_leases();
  EXPECT_EQ(wall.drop().status, 0);
}

TEST(TheWall, ASecondRunChangesNothingAndAnotherPolicyTakesBack) {
  Wall wall(wall_server(), "wall_again", kSchema, kPolicy);
  const std::string before = wall.privileges();
  wall.set_up();
  const std::string once = wall.privileges();
  EXPECT_NE(wall.changes(before), "");
  const PsqlRun again = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.output, "");
  EXPECT_EQ(wall.changes(once), "");

  wall.use(
      "version: 1\ncapabilities:\n  lookup: {tables: {shop.notes: {read: {columns: [id]}}}}\nagents:\n"
      "  a: {capabilities: [lookup]}\n");
  wall.set_up();
  {
    const auto client = wall.lease({"lookup"});
    EXPECT_EQ(try_out(*client, "SELECT id FROM shop.notes"), "");
    EXPECT_EQ(try_out(*client, "SELECT note FROM shop.notes"), kDenied);
    EXPECT_EQ(wall.control().scalar("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'agc%'"), "1");
    const PsqlRun refused = wall.drop();
    EXPECT_NE(refused.status, 0);
    EXPECT_NE(refused.output.find("there are leases that live: 1"), std::string::npos) << refused.output;
  }
  wall.use(kPolicy);
  wall.set_up();
  EXPECT_EQ(try_out(*wall.lease({"odd \"name\""}), "SELECT note FROM shop.orders"), "");
  wall.end_leases();
  EXPECT_EQ(wall.changes(once), "");

  const PsqlRun dropped = wall.drop();
  EXPECT_EQ(dropped.status, 0) << dropped.output;
  EXPECT_EQ(wall.control().scalar("SELECT count(*) FROM pg_roles WHERE rolname ~ '^(ag[cp]_|pgchaperone_)'"),
            "0");
  EXPECT_EQ(wall.control().scalar("SELECT count(*) FROM pg_namespace WHERE nspname = 'chaperone'"), "0");
  EXPECT_EQ(wall.control().scalar("SELECT count(*) FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid "
                                  "WHERE b.datname = current_database()"),
            "0");
}

TEST(TheWall, TakesBackWhatOthersGranted) {
  Wall wall(wall_server(), "wall_grants", kSchema, kPolicy);
  wall.set_up();
  wall.control().run(
      "CREATE ROLE friend; GRANT USAGE ON SCHEMA shop TO friend; CREATE TYPE shop.mood AS ENUM ();"
      "REVOKE ALL ON TYPE shop.mood FROM PUBLIC;"
      "GRANT SELECT (secret), DELETE ON shop.orders TO friend WITH GRANT OPTION;"
      "GRANT EXECUTE ON FUNCTION shop.total(bigint) TO friend WITH GRANT OPTION;"
      "GRANT USAGE ON TYPE shop.mood TO friend WITH GRANT OPTION");
  wall.set_up();
  const std::string before = wall.privileges();
  const auto by_friend = [&] {
    wall.control().run(
        "SET ROLE friend; GRANT SELECT (secret) ON shop.orders TO agc_lookup WITH GRANT OPTION;"
        "GRANT DELETE ON shop.orders TO agc_lookup; GRANT USAGE ON TYPE shop.mood TO agc_lookup;"
        "GRANT EXECUTE ON FUNCTION shop.total(bigint) TO agc_lookup; RESET ROLE;"
        "SET ROLE agc_lookup; GRANT SELECT (secret) ON shop.orders TO \"agc_odd \"\"name\"\"\"; RESET ROLE");
  };
  by_friend();
  const PsqlRun run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.output, "");
  EXPECT_EQ(wall.changes(before), "");
  // What a superuser revokes counts as the owner's.
  by_friend();
  wall.control().run("ALTER ROLE friend SUPERUSER");
  const PsqlRun kept = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_EQ(kept.status, 0) << kept.output;
  EXPECT_NE(kept.output.find("role agc_lookup keeps DELETE, SELECT (secret) on TABLE shop.orders, which role "
                             "friend granted"),
            std::string::npos)
      << kept.output;
  const std::string_view mend =
      "ALTER ROLE friend NOSUPERUSER; SET ROLE friend; REVOKE DELETE, SELECT (secret) ON TABLE shop.orders "
      "FROM "
      "agc_lookup CASCADE; RESET ROLE; ALTER ROLE friend SUPERUSER;";
  EXPECT_NE(kept.output.find(mend), std::string::npos) << kept.output;
  wall.control().run(mend);
  EXPECT_EQ(
      wall.control().scalar("SELECT has_column_privilege('agc_lookup', 'shop.orders', 'secret', 'SELECT')"),
      "f");
  wall.control().run("ALTER ROLE friend NOSUPERUSER");
  EXPECT_EQ(psql(wall_server(), wall.database(), wall.setup_sql()).output, "");
  wall.control().run("DROP OWNED BY friend CASCADE");
  EXPECT_EQ(wall.drop().status, 0);
  wall.control().run("DROP ROLE friend");
}

TEST(TheWall, NamesWhatALeaseMadeInTheNameOfItsCapability) {
  Wall wall(wall_server(), "wall_named", kSchema, kPolicy);
  wall.set_up();
  wall.lease({"lookup"})->run("SET ROLE agc_lookup; SELECT lo_create(4711)");
  wall.end_leases();
  PsqlRun run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_NE(run.status, 0);
  EXPECT_NE(run.output.find("the role agc_lookup owns large object 4711"), std::string::npos) << run.output;
  const std::string_view mend =
      "SELECT count(lo_unlink(oid)) FROM (SELECT oid FROM pg_largeobject_metadata WHERE lomowner = "
      "'agc_lookup'::regrole LIMIT 500) AS own;";
  EXPECT_NE(run.output.find(mend), std::string::npos) << run.output;
  wall.control().run(mend);
  wall.control().run(
      "CREATE TABLE a (a int); CREATE TABLE b (a int); ALTER TABLE a OWNER TO agc_lookup; ALTER TABLE b "
      "OWNER "
      "TO agc_lookup");
  run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_NE(run.output.find("the role agc_lookup owns table public.a, table public.b"), std::string::npos)
      << run.output;
  EXPECT_NE(
      run.output.find("CREATE ROLE left_by_agc_lookup; REASSIGN OWNED BY agc_lookup TO left_by_agc_lookup;"),
      std::string::npos)
      << run.output;
  wall.control().run("DROP TABLE a, b");
  run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_EQ(run.output, "");
  EXPECT_EQ(wall.drop().status, 0);
}

TEST(TheWall, TakesNoRoleThatIsMoreThanItShouldBe) {
  Wall wall(wall_server(), "wall_roles", kSchema, kPolicy);
  wall.control().run("CREATE ROLE pgchaperone_broker LOGIN CREATEDB");
  PsqlRun run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_NE(run.output.find("the role pgchaperone_broker is there already and is more than a login"),
            std::string::npos)
      << run.output;
  wall.control().run(
      "ALTER ROLE pgchaperone_broker NOCREATEDB; CREATE ROLE agc_lookup IN ROLE pg_read_all_data");
  run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_NE(run.output.find("the role agc_lookup is there already"), std::string::npos) << run.output;
  EXPECT_EQ(wall.control().scalar("SELECT count(*) FROM pg_namespace WHERE nspname = 'chaperone'"), "0");
  wall.control().run("DROP ROLE agc_lookup, pgchaperone_broker; CREATE SCHEMA chaperone");
  run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_NE(run.output.find("there is a schema chaperone already"), std::string::npos) << run.output;
  wall.control().run(
      "DROP SCHEMA chaperone; CREATE ROLE pgchaperone_broker LOGIN; CREATE TABLE theirs (a int);"
      "GRANT SELECT ON theirs TO pgchaperone_broker");
  run = psql(wall_server(), wall.database(), wall.setup_sql());
  EXPECT_NE(run.output.find("is no broker yet, and owns or may do something in this database"),
            std::string::npos)
      << run.output;
  EXPECT_EQ(wall.control().scalar("SELECT has_table_privilege('pgchaperone_broker', 'theirs', 'SELECT')"),
            "t")
      << "its privileges were taken away";
  wall.control().run("DROP TABLE theirs; DROP ROLE pgchaperone_broker");
  wall.set_up();
  wall.control().run("REVOKE USAGE ON SCHEMA chaperone FROM pgchaperone_broker");
  run = wall.drop();
  EXPECT_NE(run.output.find("is not the broker of this database"), std::string::npos) << run.output;
  EXPECT_EQ(wall.control().scalar("SELECT count(*) FROM pg_roles WHERE rolname = 'pgchaperone_broker'"), "1");
  wall.control().run("GRANT USAGE ON SCHEMA chaperone TO pgchaperone_broker");
  EXPECT_EQ(wall.drop().status, 0);
  run = psql(wall_server(), "postgres", wall.setup_sql());
  EXPECT_NE(run.output.find("this is for the database wall_roles, and you are in postgres"),
            std::string::npos)
      << run.output;
}

TEST(TheWall, HardeningRunsAndLeavesLeasesWhatTheyNeed) {
  Wall wall(wall_server(), "wall_hard", kSchema, kPolicy);
  wall.set_up();
  wall.control().run(
      "CREATE FUNCTION shop.leak() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT secret FROM "
      "shop.orders'");
  const TemporaryDirectory directory;
  write_file(directory.path("policy.yaml"), kPolicy);
  write_file(directory.path("schema.sql"), kSchema);
  write_file(directory.path("passwords"), "");
  std::filesystem::permissions(directory.path("passwords"), std::filesystem::perms(0600));
  write_file(directory.path("chaperone.yaml"), R"yaml(instance: a
listen: [{address: 127.0.0.1:6432}]
audit: {sinks: [{stdout: true}]}
policy: policy.yaml
identity: {default: scram, passwords: passwords}
databases:
  wall_hard: {server: "unix:/tmp", credential: {session_role: {broker: pgchaperone_broker}}}
)yaml");
  commands::BrokerSqlArguments arguments{.config = directory.path("chaperone.yaml"),
                                         .schema = directory.path("schema.sql")};
  std::ostringstream script;
  std::ostringstream errors;
  ASSERT_EQ(commands::print_broker_sql(arguments, script, errors), 0) << errors.str();
  const std::string before = wall.privileges();
  EXPECT_EQ(psql(wall_server(), wall.database(), script.str()).output, "");
  EXPECT_EQ(wall.changes(before), "");
  arguments.harden = true;
  script.str("");
  ASSERT_EQ(commands::print_broker_sql(arguments, script, errors), 0) << errors.str();
  const PsqlRun run = psql(wall_server(), wall.database(), script.str());
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_NE(run.output.find("REVOKE CONNECT ON DATABASE postgres"), std::string::npos) << run.output;
  {
    const auto client = wall.lease({"odd \"name\""});
    EXPECT_EQ(try_out(*client, "SELECT pg_advisory_xact_lock(1)"), "");
    for (const std::string_view sql :
         {"CREATE TEMP TABLE t (a int)", "SELECT lo_create(0)", "SELECT pg_advisory_lock(1)",
          "SELECT shop.leak()", "SELECT pg_notify('a', 'b')",
          "SELECT query_to_xml('SELECT 1', true, true, '')"}) {
      EXPECT_EQ(try_out(*client, sql), kDenied) << sql;
    }
  }
  wall.end_leases();
  EXPECT_EQ(wall.drop().status, 0);
}

}  // namespace
}  // namespace chaperone::pg
