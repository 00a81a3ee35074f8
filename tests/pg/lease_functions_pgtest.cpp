// The functions that make leases, as somebody would use them who has stolen the broker's login.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/pg/leasing.hpp"
#include "tests/pg/messages.hpp"

namespace chaperone::pg {
namespace {

TEST(LeaseFunctions, TheBrokerCanMakeNothingElse) {
  set_up_leases();
  Client broker(postgres().address(), {.user = "lease_broker"});
  const auto refuses = [&](std::string_view sql, std::string_view sqlstate) {
    const auto answer = broker.exchange(query(sql));
    ASSERT_EQ(count(answer, 'E'), 1U) << sql << ": " << describe(answer);
    EXPECT_EQ(find(answer, 'E').field('C'), sqlstate) << sql << ": " << find(answer, 'E').field('M');
  };
  constexpr std::string_view kVerifier =
      "SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  broker.run("SELECT chaperone.open('agp_stolen_aaaaaaaaaaaaaaaa', '1 hour')");
  const auto assign = [&](std::string_view verifier, std::string_view ttl, std::string_view capabilities) {
    return fmt::format("SELECT chaperone.assign('agp_stolen_aaaaaaaaaaaaaaaa', '{}', '{}', '{{{}}}', '{{}}')",
                       verifier, ttl, capabilities);
  };
  for (const char* role :
       {"postgres", "agp_stolen_short", "agp_STOLEN_aaaaaaaaaaaaaaaa", "agp_x_aaaaaaaaaaaaaaaa; DROP",
        "agp_an-instance-whose-name-is-longer-than-it-may_aaaaaaaaaaaaaaaa"}) {
    refuses(fmt::format("SELECT chaperone.open('{}', '1 hour')", role), "22023");
  }
  refuses("SELECT chaperone.open(NULL, '1 hour')", "22023");
  refuses("SELECT chaperone.open('agp_stolen_bbbbbbbbbbbbbbbb', '10 days')", "22023");
  refuses("SELECT chaperone.open('agp_stolen_bbbbbbbbbbbbbbbb', '120000 mons -3600000 days 1 hour')",
          "22023");
  refuses("SELECT chaperone.open('agp_stolen_bbbbbbbbbbbbbbbb', NULL)", "22023");
  refuses("SELECT chaperone.open('agp_stolen_bbbbbbbbbbbbbbbb', '-1 hour')", "22023");
  refuses(assign("clear text", "1 hour", "agc_items"), "22023");
  refuses(assign("md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1 hour", "agc_items"), "22023");
  refuses(assign(kVerifier, "10 days", "agc_items"), "22023");
  for (const char* role :
       {"pg_execute_server_program", "pg_read_all_data", "tester", "pgchaperone_owner", "lease_broker"}) {
    refuses(assign(kVerifier, "1 hour", role), "42704");
  }
  refuses("SELECT chaperone.assign('tester', '" + std::string(kVerifier) + "', '1 hour', '{}', '{}')",
          "42704");
  // Of roles that are no leases nothing happens.
  broker.run("SELECT chaperone.seal('other'); SELECT chaperone.shut('{other,tester,lease_broker}')");
  EXPECT_EQ(postgres().scalar(
                "SELECT rolcanlogin AND rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'other'"),
            "t");
  EXPECT_EQ(count(broker.run("SELECT chaperone.drop('{other,agc_items}')"), 'D'), 2U) << "they are no leases";
  EXPECT_EQ(postgres().scalar("SELECT count(*) FROM pg_roles WHERE rolname IN ('other', 'agc_items')"), "2");
  refuses("CREATE ROLE more", "42501");
  refuses("ALTER ROLE agp_stolen_aaaaaaaaaaaaaaaa LOGIN", "42501");
  refuses("SET ROLE pgchaperone_owner", "42501");
  refuses("GRANT agc_items TO lease_broker", "42501");
  refuses("INSERT INTO chaperone.capabilities VALUES ('pg_read_all_data')", "42501");
  refuses("SELECT * FROM chaperone.leases", "42501");
  refuses("SELECT name FROM item", "42501");
  broker.run(assign(kVerifier, "1 hour", "agc_items"));
  refuses(assign(kVerifier, "1 hour", "agc_items"), "42704");  // once
  broker.run("SELECT chaperone.shut('{agp_stolen_aaaaaaaaaaaaaaaa}')");
  EXPECT_EQ(broker.scalar("SELECT chaperone.drop('{agp_stolen_aaaaaaaaaaaaaaaa}')"),
            "agp_stolen_aaaaaaaaaaaaaaaa");
}

TEST(LeaseFunctions, NobodyElseMayCallTheBrokersFunctions) {
  set_up_leases();
  EXPECT_EQ(postgres().scalar("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
                              " WHERE nspname = 'chaperone' AND proname <> 'lease_parameter'"
                              " AND has_function_privilege('public', p.oid, 'EXECUTE')"),
            "0");
  EXPECT_EQ(postgres().scalar("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
                              " WHERE nspname = 'chaperone' AND NOT (prosecdef AND proconfig IS NOT NULL)"),
            "0")
      << "each runs as its owner with a search_path of its own";
  EXPECT_EQ(postgres().scalar("SELECT has_schema_privilege('other', 'chaperone', 'USAGE')"), "f");
}

}  // namespace
}  // namespace chaperone::pg
