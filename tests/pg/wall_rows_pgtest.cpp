// Row-level security for `rows: {.., enforce: rls}`: what a lease role sees that has logged in past the
// proxy, and that nothing changes for the other roles of the database.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/check.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/wall.hpp"

namespace chaperone::pg {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE public.tickets (id int PRIMARY KEY, tenant int NOT NULL, status text DEFAULT 'open');
CREATE TABLE public.members (agent text, tenant int);
INSERT INTO public.tickets VALUES (1, 7, 'open'), (2, 7, 'shut'), (3, 8, 'open'), (4, 8, 'shut'), (5, 9, 'shut');
INSERT INTO public.members VALUES ('bot', 8), ('bot', 9);
)sql";
constexpr std::string_view kPolicy = R"yaml(version: 1
capabilities:
  by-tenant:
    tables:
      tickets:
        read: {columns: [id, status], rows: {where: "tenant = :tenant", enforce: rls}}
        insert: {columns: [id, status], set: {tenant: ":tenant"}}
        update: {columns: [status], rows: {where: "tenant = :tenant", enforce: rls}}
        delete: {rows: {where: "tenant = :tenant", enforce: rls}}
  all-of-them: {tables: {tickets: {read: {columns: [id]}}}}
  open-ones: {tables: {tickets: {read: {columns: [id], rows: "status = 'open'"}}}}
  of-members:
    tables:
      tickets:
        read:
          columns: [id]
          rows: {where: "tenant IN (SELECT m.tenant FROM public.members m WHERE m.agent = :agent)", enforce: rls}
agents:
  bot: {capabilities: [by-tenant, all-of-them, open-ones, of-members], parameters: {tenant: claim tenant}}
)yaml";
constexpr std::string_view kSeven = R"({"tenant": "7", "agent": "bot"})";
constexpr std::string_view kIds = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM public.tickets";

std::string tag(Client& client, std::string_view sql) {
  for (const Message& message : client.exchange(query(sql))) {
    if (message.type() == 'C') return std::string(message.body().substr(0, message.body().size() - 1));
    if (message.type() == 'E') return message.field('C');
  }
  return "nothing";
}

class RowSecurity : public testing::Test {
 protected:
  RowSecurity() : wall_(wall_server(), "wall_rows", kSchema, kPolicy) {}
  ~RowSecurity() override {
    wall_.control().run("DROP OWNED BY app; DROP ROLE app");
    if (wall_.control().scalar("SELECT to_regnamespace('chaperone') IS NULL") == "t") return;
    wall_.end_leases();
    const PsqlRun run = wall_.drop();
    EXPECT_EQ(run.status, 0) << run.output;
  }
  void SetUp() override {
    wall_.control().run("CREATE ROLE app; GRANT SELECT, UPDATE ON public.tickets TO app");
  }

  std::string seen(const std::vector<std::string>& capabilities, std::string_view parameters = kSeven) {
    return wall_.lease(capabilities, parameters)->scalar(kIds);
  }
  std::string seen_by_app() {
    wall_.control().run("SET ROLE app");
    const std::string ids = wall_.control().scalar(kIds);
    wall_.control().run("RESET ROLE");
    return ids;
  }
  std::string row_security() {
    return wall_.control().scalar(
        "SELECT relrowsecurity FROM pg_class WHERE oid = 'public.tickets'::regclass");
  }
  std::string policies() { return wall_.control().scalar("SELECT count(*) FROM pg_policy"); }

  Wall wall_;
};

TEST_F(RowSecurity, ShowsALeaseItsOwnRowsEvenPastTheProxy) {
  wall_.set_up();
  const auto client = wall_.lease({"by-tenant"}, kSeven);
  EXPECT_EQ(client->scalar(kIds), "1 2");
  // Nothing that a client can set counts.
  client->run("SET chaperone.tenant = '8'; SET application_name = 'x'");
  EXPECT_EQ(client->scalar(kIds), "1 2");
  EXPECT_EQ(tag(*client, "SET row_security = off"), "SET");
  EXPECT_EQ(tag(*client, "SELECT id FROM public.tickets"), "42501");
  client->run("RESET row_security");
  EXPECT_EQ(tag(*client, "UPDATE public.tickets SET status = 'x' WHERE id IN (1, 3)"), "UPDATE 1");
  EXPECT_EQ(tag(*client, "UPDATE public.tickets SET status = 'x'"), "UPDATE 2");
  EXPECT_EQ(tag(*client, "DELETE FROM public.tickets"), "DELETE 2");
  EXPECT_EQ(tag(*client, "INSERT INTO public.tickets (id, tenant) VALUES (10, 8)"), "42501");
  EXPECT_EQ(tag(*client, "INSERT INTO public.tickets (id, tenant) VALUES (10, 7)"), "INSERT 0 1");
  EXPECT_EQ(wall_.control().scalar(kIds), "3 4 5 10");
}

TEST_F(RowSecurity, ALeaseTakesNothingDown) {
  wall_.set_up();
  const auto client = wall_.lease({"by-tenant", "open-ones"}, kSeven);
  const std::string before = wall_.privileges();
  // Members may try this on what their group holds.
  tag(*client, "DROP OWNED BY \"agc_by-tenant\"");
  tag(*client, "REVOKE ALL ON public.tickets FROM \"agc_by-tenant\"");
  for (const std::string_view sql :
       {"ALTER TABLE public.tickets DISABLE ROW LEVEL SECURITY",
        "DROP POLICY \"chaperone_only_select_by-tenant\" ON public.tickets",
        "CREATE POLICY mine ON public.tickets USING (true)", "GRANT \"agc_all-of-them\" TO current_user",
        "UPDATE chaperone.leases SET parameters = '{}'", "ALTER ROLE \"agc_by-tenant\" BYPASSRLS",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"}) {
    EXPECT_EQ(tag(*client, sql), "42501") << sql;
  }
  EXPECT_EQ(wall_.changes(before), "");
  EXPECT_EQ(client->scalar(kIds), "1 2 3");
}

TEST_F(RowSecurity, ALeaseWithoutTheParameterSeesNothing) {
  wall_.set_up();
  EXPECT_EQ(seen({"by-tenant"}, "{}"), "");
}

TEST_F(RowSecurity, CapabilitiesAddUp) {
  wall_.set_up();
  EXPECT_EQ(seen({"all-of-them"}), "1 2 3 4 5");
  EXPECT_EQ(seen({"by-tenant", "all-of-them"}), "1 2 3 4 5");
  EXPECT_EQ(seen({"of-members"}), "3 4 5");
  EXPECT_EQ(seen({"by-tenant", "open-ones"}), "1 2 3");
  // A filter with a subquery does not open more to who holds another one.
  EXPECT_EQ(seen({"by-tenant", "of-members"}), "1 2");
  EXPECT_NE(wall_.setup_sql().find(
                R"(-- NOTE The filter of "of-members" has a subquery: a lease that holds "by-tenant" too)"),
            std::string::npos);
}

TEST_F(RowSecurity, OtherRolesGoOnAsBefore) {
  EXPECT_EQ(seen_by_app(), "1 2 3 4 5");
  wall_.set_up();
  EXPECT_EQ(row_security(), "t");
  EXPECT_EQ(seen_by_app(), "1 2 3 4 5");
  const std::string once = wall_.privileges();
  wall_.set_up();
  EXPECT_EQ(wall_.changes(once), "");

  wall_.use(
      "version: 1\ncapabilities:\n  c: {tables: {tickets: {read: {columns: [id]}}}}\nagents:\n  bot: "
      "{capabilities: [c]}\n");
  wall_.set_up();
  EXPECT_EQ(row_security(), "f");
  EXPECT_EQ(policies(), "0");
  EXPECT_EQ(seen({"c"}), "1 2 3 4 5");
}

TEST_F(RowSecurity, DropPutsItBack) {
  wall_.set_up();
  EXPECT_EQ(wall_.drop().status, 0);
  EXPECT_EQ(row_security(), "f");
  EXPECT_EQ(policies(), "0");
}

TEST_F(RowSecurity, PoliciesThatAreThereStayAndOpenNothing) {
  wall_.control().run(
      "CREATE POLICY everything ON public.tickets USING (true);"
      "CREATE POLICY not_nine ON public.tickets AS RESTRICTIVE USING (tenant <> 9);"
      "ALTER TABLE public.tickets ENABLE ROW LEVEL SECURITY");
  EXPECT_EQ(seen_by_app(), "1 2 3 4");
  wall_.set_up();
  EXPECT_EQ(seen_by_app(), "1 2 3 4");
  EXPECT_EQ(seen({"by-tenant"}), "1 2");
  EXPECT_EQ(seen({"of-members"}), "3 4");
  EXPECT_EQ(seen({"all-of-them"}), "1 2 3 4");
  wall_.end_leases();
  EXPECT_EQ(wall_.drop().status, 0);
  EXPECT_EQ(row_security(), "t");
  EXPECT_EQ(policies(), "2");
}

TEST_F(RowSecurity, PoliciesThatAreSwitchedOffAreNotPutInForce) {
  wall_.control().run("CREATE POLICY nothing ON public.tickets AS RESTRICTIVE USING (false)");
  const PsqlRun run = psql(wall_server(), wall_.database(), wall_.setup_sql());
  EXPECT_NE(run.status, 0);
  EXPECT_NE(run.output.find("tickets has policies of row-level security that are switched off"),
            std::string::npos)
      << run.output;
  EXPECT_EQ(row_security(), "f");
}

TEST_F(RowSecurity, TheProxyLeavesTheFilterToTheDatabase) {
  const rules::Agent& bot = *wall_.policy().find_agent("bot");
  const rules::Principal principal = rules::make_principal(bot, {{"tenant", "7"}});
  const auto checked = rules::check("SELECT id, status FROM tickets", bot, wall_.catalog(), principal);
  ASSERT_TRUE(checked.allow) << checked.message;
  EXPECT_EQ(checked.rewritten.value_or("").find("tenant"), std::string::npos);
}

}  // namespace
}  // namespace chaperone::pg
