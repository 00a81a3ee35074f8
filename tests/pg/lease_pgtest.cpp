// A role for each session (session_role): its life, and what happens when something of it goes wrong.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/pg/leasing.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  items:
    tables:
      item:
        read: {columns: [id, name], rows: "id < :most"}
    functions: [safe, pg_catalog.pg_sleep]
agents:
  tester: {capabilities: [items], parameters: {most: 100}}
  other: {mode: observe, capabilities: [items], parameters: {most: 7}}
)";

ChaperoneOptions leasing(std::string_view instance, std::string_view lifetime = "15m") {
  set_up_leases();
  return {
      .server = postgres().address(),
      .database = "shop",
      .credential = fmt::format(
          "{{session_role: {{broker: lease_broker, password_file: role.password, lifetime: {}}}}}", lifetime),
      .more = fmt::format("instance: {}\n", instance),
      .policy = std::string(kPolicy)};
}

/// Of an instance, and in which of them somebody can log in or is.
std::string roles(std::string_view instance, std::string_view where = "true") {
  return postgres().scalar(fmt::format(
      "SELECT count(*) FROM pg_authid WHERE rolname LIKE 'agp\\_{}\\_%' AND ({})", instance, where));
}

/// But for those that are made ahead and belong to no session yet.
bool none_left(std::string_view instance) {
  return eventually([&] {
    return postgres().scalar(fmt::format(
               "SELECT count(*) FROM chaperone.leases WHERE instance = '{}' AND assigned IS NOT NULL",
               instance)) == "0";
  });
}

/// A session; an error tells the proxy's log as well.
Client session_of(const Chaperone& chaperone, const Login& login = {}) {
  try {
    return Client(chaperone.address(), login);
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}\n{}", error.what(), chaperone.log()));
  }
}

Records leases(const Chaperone& chaperone, std::string_view event) {
  Records found;
  for (auto& record : chaperone.records("kind", "lease")) {
    if (text(record, "event") == event) found.push_back(std::move(record));
  }
  return found;
}

TEST(Leases, LiveAsLongAsTheirSession) {
  Chaperone mine(leasing("live"));
  {
    Client client = session_of(mine);
    const std::string role = client.scalar("SELECT session_user");
    EXPECT_TRUE(role.starts_with("agp_live_")) << role;
    EXPECT_EQ(client.scalar("SELECT count(name) >= 0 FROM item"), "t");
    EXPECT_TRUE(eventually([&] { return roles("live", "rolcanlogin OR rolpassword IS NOT NULL") == "0"; }))
        << "nobody can log in as a role whose session is there: " << mine.log();
    EXPECT_EQ(
        roles("live", fmt::format("rolname = '{}' AND NOT rolsuper AND NOT rolcreaterole AND NOT rolbypassrls"
                                  " AND rolconnlimit = 1",
                                  role)),
        "1");
    const auto opening = leases(mine, "opening");
    ASSERT_EQ(opening.size(), 1U);
    EXPECT_EQ(text(opening[0], "role"), role);
    EXPECT_EQ(text(opening[0], "agent"), "tester");
    EXPECT_EQ(text(opening[0], "database"), "shop");
    EXPECT_EQ(text(opening[0], "capabilities"), R"(["items"])");
    const auto session = mine.records("event", "opened");
    ASSERT_EQ(session.size(), 1U);
    EXPECT_EQ(text(session[0], "session"), text(opening[0], "session"));
    EXPECT_EQ(text(session[0], "role"), role);
    EXPECT_EQ(mine.metric("pgchaperone_leases_total{result=\"opened\"}"), 1);
    EXPECT_GE(mine.metric("pgchaperone_lease_roles"), 1);
  }
  EXPECT_TRUE(eventually([&] { return !leases(mine, "dropped").empty(); })) << mine.log();
  mine.process().stop();
  EXPECT_EQ(roles("live"), "0") << "an end in order leaves nothing, not even what was made ahead";
  EXPECT_EQ(postgres().scalar("SELECT count(*) FROM chaperone.leases WHERE instance = 'live'"), "0");
}

TEST(Leases, MayDoWhatTheCapabilityNeedsAndNoMore) {
  Chaperone mine(leasing("wall"));
  Client observed = session_of(mine, {.user = "other"});
  EXPECT_EQ(observed.scalar("SELECT count(name) >= 0 FROM item"), "t");
  const auto refused = observed.exchange(query("SELECT price FROM item"));
  EXPECT_EQ(find(refused, 'E').field('C'), "42501")
      << "what only the guardrail would let pass, the wall does not";
  EXPECT_EQ(observed.scalar("SELECT current_setting('is_superuser')"), "off");
}

TEST(Leases, KeepTheValuesOfTheParametersForRowLevelSecurity) {
  Chaperone mine(leasing("values"));
  Client client = session_of(mine);
  Client other = session_of(mine, {.user = "other"});
  const auto value = [](Client& of, std::string_view name) {
    return postgres().scalar(
        fmt::format("SELECT parameters ->> '{}' FROM chaperone.leases JOIN pg_stat_activity"
                    " ON usename = role WHERE pid = {}",
                    name, of.pid()));
  };
  EXPECT_EQ(value(client, "most"), "100");
  EXPECT_EQ(value(other, "most"), "7");
  EXPECT_EQ(value(other, "agent"), "other");
}

TEST(Leases, OfManySessionsAtOnce) {
  Chaperone mine(leasing("many"));
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back([&] {
      try {
        for (int round = 0; round < 3; ++round) {
          Client client = session_of(mine);
          if (client.scalar("SELECT count(name) >= 0 FROM item") != "t") ++failed;
        }
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
        ++failed;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(failed, 0) << mine.log();
  EXPECT_EQ(leases(mine, "opening").size(), 60U);
  mine.process().stop();
  EXPECT_EQ(roles("many"), "0");
}

TEST(Leases, OfAProxyThatWasKilledAreRemovedByTheNext) {
  Chaperone mine(leasing("killed"));
  Client client = session_of(mine);
  client.send(query("SELECT pg_sleep(60)"));
  const auto sleeps = fmt::format(
      "SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND query LIKE '%pg_sleep%'", client.pid());
  ASSERT_TRUE(eventually([&] { return postgres().scalar(sleeps) == "1"; }));
  mine.process().signal(SIGKILL);
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(10)));
  EXPECT_NE(roles("killed"), "0");
  mine.start();
  EXPECT_TRUE(eventually([&] { return postgres().scalar(sleeps) == "0"; })) << "what it ran was not ended";
  EXPECT_TRUE(none_left("killed")) << mine.log();
}

TEST(Leases, OfAnotherInstanceAreLeftAlone) {
  Chaperone mine(leasing("mine")), others(leasing("others"));
  Client client = session_of(others);
  EXPECT_NE(roles("others"), "0");
  mine.process().signal(SIGKILL);
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(10)));
  mine.start();
  Client own = session_of(mine);
  EXPECT_EQ(client.scalar("SELECT 1"), "1");
}

TEST(Leases, AreNotMadeByTwoUnderOneName) {
  Chaperone first(leasing("twice"));
  Client client = session_of(first);
  Chaperone second(leasing("twice"));
  const auto error = refusal(second.address());
  EXPECT_EQ(error.field('C'), "08006");
  EXPECT_NE(second.log().find("another pgchaperone makes them as instance twice"), std::string::npos)
      << second.log();
  EXPECT_EQ(client.scalar("SELECT 1"), "1") << "the first one's are not orphans";
  first.process().stop();
  EXPECT_TRUE(eventually([&] {
    Peer peer(second.address());
    return count(log_in(peer), 'Z') == 1;
  })) << "once the name is free it is taken";
}

TEST(Leases, ThatABrokerRefusesRefuseTheSession) {
  auto options = leasing("refused");
  options.role_password = "not its password";
  Chaperone mine(options);
  const auto error = refusal(mine.address(), {.user = "other"});
  EXPECT_EQ(error.field('C'), "08006");
  EXPECT_EQ(error.field('M').find("lease_broker"), std::string::npos) << "a stranger learns of the broker";
  EXPECT_NE(mine.log().find("password authentication failed"), std::string::npos) << mine.log();
  Records refused;
  ASSERT_TRUE(eventually([&] { return (refused = mine.records("event", "refused")).size() == 1; }));
  EXPECT_NE(text(refused[0], "why").find("password authentication failed"), std::string::npos)
      << text(refused[0], "why");
}

TEST(Leases, OfACapabilityThatTheBrokerMayNotGiveAreNotMade) {
  auto options = leasing("unknown");
  options.policy =
      "version: 1\ncapabilities:\n  absent: {functions: [safe]}\nagents:\n  tester: {capabilities: "
      "[absent]}\n";
  Chaperone mine(options);
  const auto error = refusal(mine.address());
  EXPECT_EQ(error.field('C'), "08006");
  EXPECT_NE(mine.log().find("agc_absent"), std::string::npos) << mine.log();
  EXPECT_NE(mine.log().find("broker sql"), std::string::npos)
      << "the log has to say what would help: " << mine.log();
  EXPECT_TRUE(none_left("unknown")) << "what was begun is not left behind";
}

TEST(Leases, EndTheirSessionWithThem) {
  Chaperone mine(leasing("short", "2s"));
  Client client = session_of(mine);
  client.send(query("SELECT pg_sleep(60)"));
  const auto end = client.read_to_end();
  EXPECT_EQ(find(end, 'E').field('C'), "57P01");
  EXPECT_TRUE(eventually([&] {
    return postgres().scalar(
               fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", client.pid())) == "0";
  })) << "its statement still runs";
  EXPECT_TRUE(none_left("short"));
}

TEST(Leases, SurviveAReload) {
  Chaperone mine(leasing("reload"));
  Client client = session_of(mine);
  mine.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] {
    return mine.log().find("reloaded") != std::string::npos ||
           mine.log().find("configuration") != std::string::npos;
  })) << mine.log();
  EXPECT_EQ(client.scalar("SELECT 1"), "1");
  Client next = session_of(mine);
  EXPECT_EQ(next.scalar("SELECT 1"), "1");
}

TEST(Leases, ThatSomebodyElseRemovedAreMadeAnew) {
  Chaperone mine(leasing("removed"));
  { Client client = session_of(mine); }
  // Some are made ahead now.
  ASSERT_TRUE(
      eventually([&] { return leases(mine, "making").size() >= 2 && leases(mine, "dropped").size() >= 1; }));
  postgres().run(
      "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname LIKE "
      "'agp\\_removed\\_%' LOOP"
      " EXECUTE format('DROP ROLE %I', r); END LOOP; DELETE FROM chaperone.leases WHERE instance = "
      "'removed'; END $$");
  Client client = session_of(mine);
  EXPECT_EQ(client.scalar("SELECT 1"), "1") << mine.log();
}

TEST(Leases, OutliveALostConnectionOfTheBroker) {
  Chaperone mine(leasing("lost"));
  { Client client = session_of(mine); }
  postgres().run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lease_broker' AND "
      "application_name = 'pgchaperone broker'");
  EXPECT_TRUE(eventually([&] {
    Peer peer(mine.address());
    return count(log_in(peer), 'Z') == 1;
  })) << mine.log();
}

TEST(Leases, LeaveWhatTheyOwnedToNobody) {
  set_up_leases();
  postgres().run("CREATE SCHEMA lent; GRANT CREATE, USAGE ON SCHEMA lent TO agc_items");
  Chaperone mine(leasing("owner"));
  {
    Client observed = session_of(mine, {.user = "other"});
    observed.run("CREATE TABLE lent.mine (a int); GRANT SELECT ON lent.mine TO PUBLIC");
  }
  EXPECT_TRUE(none_left("owner") || eventually([&] { return leases(mine, "dropped").size() >= 1; }))
      << mine.log();
  EXPECT_EQ(postgres().scalar("SELECT to_regclass('lent.mine') IS NULL"), "t");
  postgres().run("DROP SCHEMA lent CASCADE");
}

TEST(Leases, CanNotTakeTheNameOfTheInstance) {
  Chaperone mine(leasing("name"));
  Client hostile = session_of(mine, {.user = "other"});
  hostile.send(
      query("DO $$ BEGIN PERFORM pg_advisory_lock(hashtext('pgchaperone'), hashtext('name')); LOOP BEGIN "
            "PERFORM pg_sleep(100);"
            " EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"));
  const auto waits =
      fmt::format("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = {}", hostile.pid());
  ASSERT_TRUE(eventually([&] { return postgres().scalar(waits) == "1"; }));
  mine.process().signal(SIGKILL);
  ASSERT_TRUE(mine.process().wait(std::chrono::seconds(10)));
  ASSERT_TRUE(eventually([&] { return postgres().scalar(waits + " AND granted") == "1"; }));
  mine.start();
  EXPECT_TRUE(eventually([&] {
    Peer peer(mine.address());
    return count(log_in(peer), 'Z') == 1;
  })) << mine.log();
  EXPECT_EQ(postgres().scalar(waits), "0");
}

TEST(Leases, GoOnUnderAnotherBroker) {
  auto options = leasing("broker");
  Chaperone mine(options);
  Client client = session_of(mine);
  postgres().run(
      "CREATE ROLE lease_broker_2 LOGIN PASSWORD 'a secret'; GRANT USAGE ON SCHEMA chaperone TO "
      "lease_broker_2;"
      "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA chaperone TO lease_broker_2;"
      "REVOKE USAGE ON SCHEMA chaperone FROM lease_broker");
  const auto at = options.credential.find("lease_broker");
  options.credential.replace(at, std::string("lease_broker").size(), "lease_broker_2");
  mine.write_config(options);
  mine.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] {
    Peer peer(mine.address());
    return count(log_in(peer), 'Z') == 1;
  })) << mine.log();
  EXPECT_EQ(client.scalar("SELECT 1"), "1");
  mine.process().stop();
  EXPECT_EQ(roles("broker"), "0") << mine.log();
  postgres().run(
      "GRANT USAGE ON SCHEMA chaperone TO lease_broker; DROP OWNED BY lease_broker_2; DROP ROLE "
      "lease_broker_2");
}

TEST(Leases, AreRemovedWhateverTheirSessionHoldsUp) {
  Chaperone mine(leasing("poison", "3s"));
  Client hostile = session_of(mine, {.user = "other"});
  Client objects = session_of(mine, {.user = "other"});
  objects.run("SELECT count(lo_create(0)) FROM generate_series(1, 1200)");
  objects.close();
  hostile.run("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'known'");
  hostile.send(
      query("DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(100); EXCEPTION WHEN query_canceled THEN NULL; END; END "
            "LOOP; END $$"));
  { Client client = session_of(mine); }
  hostile.close();
  EXPECT_TRUE(none_left("poison")) << mine.log();
  EXPECT_EQ(
      postgres().scalar(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", hostile.pid())),
      "0");
}

TEST(Leases, ThatLeftAPreparedTransactionHoldNobodyUp) {
  Chaperone mine(leasing("prepared"));
  Client enforced = session_of(mine);
  enforced.run("BEGIN");
  EXPECT_EQ(find(enforced.exchange(query("PREPARE TRANSACTION 'mine'")), 'E').field('C'), "42501");
  std::string role;
  {
    Client observed = session_of(mine, {.user = "other"});
    role = observed.scalar("SELECT session_user");
    observed.run("BEGIN; ALTER ROLE CURRENT_USER SET work_mem = '1MB'");
    observed.run("PREPARE TRANSACTION 'left by a lease'");
  }
  { Client client = session_of(mine); }
  EXPECT_TRUE(eventually([&] { return leases(mine, "dropped").size() >= 1; })) << mine.log();
  // Its role waits for whoever ends the transaction; nobody can log in as it.
  EXPECT_EQ(
      roles("prepared", fmt::format("rolname = '{}' AND NOT rolcanlogin AND rolpassword IS NULL", role)),
      "1");
  EXPECT_EQ(postgres().scalar(fmt::format("SELECT count(*) FROM pg_prepared_xacts WHERE owner = '{}'", role)),
            "1");
  postgres().run("ROLLBACK PREPARED 'left by a lease'");
  enforced.close();
  EXPECT_TRUE(eventually([&] { return roles("prepared", fmt::format("rolname = '{}'", role)) == "0"; }))
      << mine.log();
}

}  // namespace
}  // namespace chaperone::pg
