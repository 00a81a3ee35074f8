#include "tests/pg/wall.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <stdexcept>

#include "proxy/auth/scram.hpp"
#include "rules/broker/broker_sql.hpp"
#include "rules/policy/load.hpp"
#include "rules/rewrite/literal.hpp"
#include "tests/pg/messages.hpp"

namespace chaperone::pg {
namespace {

constexpr std::string_view kBroker = "pgchaperone_broker";
constexpr std::string_view kPassword = "a password of one session";

/// agp_wall_ and 16 characters that tell the number.
std::string lease_name(int number) {
  std::string tail;
  for (int i = 0; i < 16; ++i, number /= 26) tail += static_cast<char>('a' + number % 26);
  return "agp_wall_" + tail;
}

}  // namespace

PsqlRun psql(const Postgres& server, const std::string& database, std::string_view script,
             const std::vector<std::string>& options) {
  const TemporaryDirectory directory;
  write_file(directory.path("script.sql"), script);
  std::vector<std::string> command = {"/usr/bin/env",
                                      "PGPASSWORD=" + Login{}.password,
                                      "/usr/lib/postgresql/15/bin/psql",
                                      "-X",
                                      "-q",
                                      "-h",
                                      server.address().host,
                                      "-p",
                                      std::to_string(server.address().port),
                                      "-U",
                                      Login{}.user,
                                      "-d",
                                      database,
                                      "-f",
                                      directory.path("script.sql")};
  command.insert(command.end(), options.begin(), options.end());
  Process process(command, {.log = directory.path("log")});
  PsqlRun run;
  if (process.wait(std::chrono::seconds(60))) run.status = process.status();
  run.output = read_file(directory.path("log"));
  return run;
}

Wall::Wall(Postgres& server, std::string database, std::string_view schema,
           std::shared_ptr<const rules::Catalog> catalog, std::shared_ptr<const rules::PolicySet> policy)
    : server_(server),
      database_(std::move(database)),
      catalog_(std::move(catalog)),
      policy_(std::move(policy)) {
  server_.run("DROP DATABASE IF EXISTS " + database_);
  server_.run("CREATE DATABASE " + database_);
  control_ = std::make_unique<Client>(server_.address(), Login{.database = database_});
  control_->run(schema);
}

Wall::Wall(Postgres& server, std::string database, std::string_view schema, std::string_view policy)
    : Wall(
          server, std::move(database), schema,
          [&] {
            rules::Problems problems;
            auto catalog = rules::load_catalog_sql(schema, "schema.sql", problems);
            if (!problems.empty()) throw std::logic_error(problems.text());
            return catalog;
          }(),
          nullptr) {
  use(policy);
}

void Wall::use(std::string_view policy) {
  rules::Problems problems;
  policy_ = std::make_shared<const rules::PolicySet>(
      rules::load_policy(policy, "policy.yaml", *catalog_, problems));
  if (!problems.empty()) throw std::logic_error(problems.text());
}

std::string Wall::setup_sql() const {
  rules::Problems problems;
  std::string sql = rules::broker_setup_sql(
      {.database = database_, .broker = std::string(kBroker), .policy_file = "policy.yaml"}, *policy_,
      *catalog_, problems);
  if (!problems.empty()) throw std::logic_error(problems.text());
  return sql;
}

void Wall::set_up() {
  const PsqlRun run = psql(server_, database_, setup_sql(),
                           {"-v", "broker_verifier=" + auth::ScramVerifier::derive(kPassword).to_text()});
  if (run.status != 0) throw std::runtime_error(run.output);
}

PsqlRun Wall::drop() const {
  return psql(server_, database_,
              rules::broker_drop_sql(
                  {.database = database_, .broker = std::string(kBroker), .policy_file = "policy.yaml"}));
}

std::unique_ptr<Client> Wall::lease(const std::vector<std::string>& capabilities,
                                    std::string_view parameters) {
  const Login broker{.user = std::string(kBroker), .password = std::string(kPassword), .database = database_};
  Client client(server_.address(), broker);
  const std::string name = lease_name(leases_++);
  std::string roles;
  for (const std::string& capability : capabilities)
    roles += fmt::format("{}{}", roles.empty() ? "" : ", ", rules::literal("agc_" + capability));
  client.run(fmt::format("SELECT chaperone.open('{}', '10 min')", name));
  client.run(fmt::format("SELECT chaperone.assign('{}', '{}', '10 min', ARRAY[{}]::text[], {}::jsonb)", name,
                         auth::ScramVerifier::derive(kPassword).to_text(), roles,
                         rules::literal(parameters)));
  return std::make_unique<Client>(
      server_.address(), Login{.user = name, .password = std::string(kPassword), .database = database_});
}

void Wall::end_leases() {
  control().run("SELECT chaperone.shut(array_agg(role::text)) FROM chaperone.leases");
  const bool gone = eventually([&] {
    control().run("SELECT chaperone.drop(array_agg(role::text)) FROM chaperone.leases");
    return control().scalar("SELECT count(*) FROM chaperone.leases") == "0";
  });
  if (!gone) throw std::runtime_error("leases stay");
}

Client& Wall::control() {
  return *control_;
}

std::string Wall::privileges() {
  return control().scalar(R"sql(
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
  SELECT format('%s %s', pg_describe_object(s.classid, s.objid, s.objsubid), r.rolname || ' ' || s.deptype::text) AS line
  FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
  WHERE s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AND r.rolname <> current_user
  UNION ALL SELECT format('%s %s', c.oid::regclass, c.relacl::text) FROM pg_class c
    WHERE c.relacl <> acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
    AND c.relnamespace <> 'pg_catalog'::regnamespace AND c.relnamespace <> 'information_schema'::regnamespace
  UNION ALL SELECT format('%s.%s %s', a.attrelid::regclass, a.attname, a.attacl::text) FROM pg_attribute a
    WHERE a.attacl IS NOT NULL AND a.attrelid > 16383
  UNION ALL SELECT format('%s %s', p.oid::regprocedure, p.proacl::text) FROM pg_proc p WHERE p.proacl IS NOT NULL
    AND p.pronamespace <> 'pg_catalog'::regnamespace
  UNION ALL SELECT format('%s %s', n.nspname, n.nspacl::text) FROM pg_namespace n WHERE n.nspacl IS NOT NULL
  UNION ALL SELECT format('%s %s', d.datname, d.datacl::text) FROM pg_database d WHERE d.datname = current_database()
  UNION ALL SELECT format('%s %s %s %s %s %s', p.polname, p.polrelid::regclass, p.polcmd, p.polpermissive,
    p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid)) FROM pg_policy p
  UNION ALL SELECT format('%s row security', c.oid::regclass) FROM pg_class c WHERE c.relrowsecurity
  UNION ALL SELECT format('%s member of %s %s', m.member::regrole, m.roleid::regrole, m.admin_option) FROM pg_auth_members m
  UNION ALL SELECT format('%s %s%s%s', r.rolname, r.rolcanlogin, r.rolcreaterole, r.rolsuper) FROM pg_roles r
) AS all_of_it)sql");
}

std::string Wall::changes(const std::string& before) {
  const auto lines = [](const std::string& text) {
    std::set<std::string> out;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) out.insert(line);
    return out;
  };
  const auto old = lines(before);
  const auto now = lines(privileges());
  std::string out;
  for (const std::string& line : old) {
    if (!now.contains(line)) out += "gone: " + line + '\n';
  }
  for (const std::string& line : now) {
    if (!old.contains(line)) out += "new: " + line + '\n';
  }
  return out;
}

Postgres& wall_server() {
  static Postgres server;
  return server;
}

std::string try_out(Client& client, std::string_view sql) {
  std::size_t parameters = 0;
  for (std::size_t at = 0; at + 1 < sql.size(); ++at) {
    if (sql[at] == '$' && sql[at + 1] >= '1' && sql[at + 1] <= '9')
      parameters = std::max(parameters, static_cast<std::size_t>(sql[at + 1] - '0'));
  }
  std::string bytes;
  if (parameters > 0 && !sql.starts_with("PREPARE")) {
    bytes = extended(sql, std::vector<Value>(parameters)) + sync();
  } else {
    // Outside of COPY a CopyFail is passed over.
    bytes = query(sql) + copy_fail("no data");
  }
  client.exchange(query("BEGIN"));
  const Messages answer = client.exchange(bytes, "Z");
  client.exchange(query("ROLLBACK"));
  client.exchange(query("DISCARD ALL"));
  for (const Message& message : answer) {
    if (message.type() == 'E' && message.field('C') != "57014") return message.field('C');
  }
  return "";
}

}  // namespace chaperone::pg
