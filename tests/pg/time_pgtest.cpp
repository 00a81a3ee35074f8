// limits.time of a capability, where an agent has others with more of it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

/// An agent that has `limit` for the table `item`, and no limit for `line`.
Chaperone with_time(std::string_view limit) {
  return Chaperone({.server = postgres().address(),
                    .database = "shop",
                    .role = "tester",
                    .policy = fmt::format(R"(version: 1
capabilities:
  quick:
    tables: {{item: {{read: {{columns: "*"}}}}}}
    functions: [safe]
    limits: {{time: {}}}
  slow:
    tables: {{line: {{read: {{columns: "*"}}}}}}
    functions: [safe]
agents:
  tester: {{capabilities: [quick, slow]}}
)",
                                          limit)});
}

std::string work_over(std::string_view table, std::uint64_t rows) {
  return fmt::format("SELECT (SELECT count(*) FROM {}) + count(*) FROM generate_series(1, {}) n", table,
                     rows);
}

TEST(Time, OfACapabilityEndsItsStatements) {
  Chaperone mine = with_time("300ms");
  Client client(mine.address());
  for (const auto& run :
       {query(work_over("item", 2'000'000'000)), extended(work_over("item", 2'000'000'000)) + sync()}) {
    const auto answer = client.exchange(run);
    const auto& error = find(answer, 'E');
    EXPECT_EQ(error.field('C'), "57014") << describe(answer);
    EXPECT_EQ(error.field('M'),
              "pgchaperone: tester may run a statement for 300 ms at most; this one took longer, and was "
              "cancelled");
    EXPECT_EQ(error.field('D'), "capability quick, rule limits.time");
    EXPECT_EQ(client.scalar("SELECT 1"), "1") << "the session goes on";
  }
  client.exchange(query("BEGIN; DECLARE c CURSOR FOR " + work_over("item", 2'000'000'000)));
  EXPECT_EQ(find(client.exchange(query("FETCH c")), 'E').field('D'), "capability quick, rule limits.time");
  client.exchange(query("ROLLBACK"));
  client.close();
  EXPECT_EQ(outcomes(mine.session(client.pid()))[0], "cancelled 57014");
}

// Around the limit, where the statement is as likely to be done as not when the cancel comes.
TEST(Time, ThatIsOverHitsNoOtherStatement) {
  Chaperone mine = with_time("10ms");
  Client client(mine.address());
  std::uint64_t rows = 50'000;
  int ended = 0, ran = 0;
  for (int i = 0; i < 60; ++i) {
    client.send(query(work_over("item", rows)) + query(work_over("line", 1000)) +
                extended(work_over("line", 1000)) + sync());
    const auto answer = client.read_until("ZZZ");
    const bool was_ended = count(answer, 'E') != 0;
    if (was_ended) {
      EXPECT_NE(find(answer, 'E').field('D').find("quick"), std::string::npos) << describe(answer);
    }
    EXPECT_EQ(count(answer, 'C'), was_ended ? 2U : 3U) << describe(answer);
    ++(was_ended ? ended : ran);
    rows = was_ended ? rows - rows / 8 : rows + rows / 8;
  }
  EXPECT_GT(ended, 0);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace chaperone::pg
