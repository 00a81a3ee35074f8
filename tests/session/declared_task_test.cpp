#include "proxy/session/declared_task.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/peer.hpp"

namespace chaperone::test {
namespace {

constexpr std::string_view kSetOne = "SET chaperone.declared_task = 'one'";
constexpr std::string_view kMember = "\"declared_task\":";

/// A session as an observed agent has it, or one that is held back.
class DeclaredTask : public testing::TestWithParam<bool> {
 protected:
  DeclaredTask()
      : peer_(GetParam() ? enforcing_environment() : test_environment(), "127.0.0.1:51234",
              GetParam() ? test_rulebook() : nullptr) {}

  void log_in(const Pairs& more = {}) {
    Pairs parameters = {{"user", kAgent}, {"database", "shop"}};
    parameters.insert(parameters.end(), more.begin(), more.end());
    peer_.log_in(parameters);
  }
  void run(std::string_view sql, std::string_view tag, char status = 'I') {
    peer_.client(query(sql));
    peer_.server(command_complete(tag) + ready(status));
  }
  void fail(std::string_view sql, char status = 'I') {
    peer_.client(query(sql));
    peer_.server(error("22012") + ready(status));
  }
  /// As the records of the statements have it that `sql` holds.
  std::string told(std::string_view sql = "SELECT 1", std::string_view tag = "SELECT 1", char status = 'I') {
    const std::size_t before = peer_.records().lines();
    run(sql, tag, status);
    return values(before);
  }
  std::string values(std::size_t first) const {
    std::string values;
    for (std::size_t i = first; i < peer_.records().lines(); ++i) {
      const std::string_view line = peer_.records().line(i);
      const auto at = line.find(kMember);
      if (!line.starts_with("\"kind\":\"statement\"") || at == std::string_view::npos) continue;
      const auto value = line.substr(at + kMember.size());
      values += values.empty() ? "" : " ";
      values += value.substr(0, value.find(",\""));
    }
    return values;
  }

  Peer peer_;
};

INSTANTIATE_TEST_SUITE_P(, DeclaredTask, testing::Bool(),
                         [](const auto& each) { return each.param ? "Enforced" : "Observed"; });

TEST_P(DeclaredTask, IsWhatWasSet) {
  log_in();
  EXPECT_EQ(told(), "null");
  EXPECT_EQ(told(kSetOne, "SET"), "null") << "it is in force behind the statement";
  EXPECT_EQ(told(), R"("one")");
  run("SET SESSION Chaperone.Declared_Task TO 'two \"2\"'", "SET");
  EXPECT_EQ(told(), R"("two \"2\"")");
  run("RESET chaperone.declared_task", "RESET");
  EXPECT_EQ(told(), "null");
  run(kSetOne, "SET");
  run("SET chaperone.declared_task TO DEFAULT", "SET");
  EXPECT_EQ(told(), "null");
  run(kSetOne, "SET");
  fail("SET chaperone.declared_task = 'refused'");
  EXPECT_EQ(told(), R"("one")");
  run("SET chaperone.declared_task = ''", "SET");
  EXPECT_EQ(told(), "null");
}

TEST_P(DeclaredTask, ComesWithTheLoginAndComesBack) {
  log_in({{"chaperone.declared_task", "login"}});
  EXPECT_EQ(told(), R"("login")");
  for (const std::string_view back : {"RESET chaperone.declared_task", "RESET ALL", "DISCARD ALL"}) {
    run(kSetOne, "SET");
    EXPECT_EQ(told(), R"("one")");
    run(back, back.substr(0, back.find(' ')));
    EXPECT_EQ(told(), R"("login")") << back;
  }
}

TEST_P(DeclaredTask, ComesInOptions) {
  log_in({{"options", "-c extra_float_digits=1 -c chaperone.declared_task=look\\ around"}});
  EXPECT_EQ(told(), R"("look around")");
}

TEST_P(DeclaredTask, FollowsTransactions) {
  log_in();
  run("BEGIN", "BEGIN", 'T');
  run("SET LOCAL chaperone.declared_task = 'local'", "SET", 'T');
  EXPECT_EQ(told("SELECT 1", "SELECT 1", 'T'), R"("local")");
  run("COMMIT", "COMMIT");
  EXPECT_EQ(told(), "null");

  run("BEGIN", "BEGIN", 'T');
  run(kSetOne, "SET", 'T');
  EXPECT_EQ(told("SELECT 1", "SELECT 1", 'T'), R"("one")");
  run("ROLLBACK", "ROLLBACK");
  EXPECT_EQ(told(), "null");

  run("BEGIN", "BEGIN", 'T');
  run(kSetOne, "SET", 'T');
  fail("SELECT 1/0", 'E');
  run("COMMIT", "ROLLBACK");
  EXPECT_EQ(told(), "null") << "the transaction had failed";

  run("BEGIN", "BEGIN", 'T');
  run(kSetOne, "SET", 'T');
  run("SAVEPOINT s", "SAVEPOINT", 'T');
  run("SET chaperone.declared_task = 'two'", "SET", 'T');
  EXPECT_EQ(told("SELECT 1", "SELECT 1", 'T'), R"("two")");
  run("ROLLBACK TO s", "ROLLBACK", 'T');
  EXPECT_EQ(told("SELECT 1", "SELECT 1", 'T'), R"("one")");
  run("COMMIT", "COMMIT");
  EXPECT_EQ(told(), R"("one")");
  run("SET LOCAL chaperone.declared_task = 'nothing'", "SET");
  EXPECT_EQ(told(), R"("one")") << "SET LOCAL outside of a transaction";
}

TEST_P(DeclaredTask, FollowsSetConfig) {
  log_in();
  run("SELECT set_config('chaperone.declared_task', 'one', false)", "SELECT 1");
  EXPECT_EQ(told(), R"("one")");
  run("SELECT set_config('chaperone.declared_task', 'local', true)", "SELECT 1");
  EXPECT_EQ(told(), R"("one")");
  run("SELECT set_config('application_name', 'two', false)", "SELECT 1");
  EXPECT_EQ(told(), R"("one")");
  run("SELECT set_config('chaperone.declared_task', 'a' || 'b', false)", "SELECT 1");
  EXPECT_EQ(told(), "null") << "the text does not tell";
  peer_.client(parse("", "SELECT set_config('chaperone.declared_task', $1, false)") +
               bind("", "", {"given"}) + execute() + sync());
  peer_.server(parse_complete() + bind_complete() + data_row() + command_complete("SELECT 1") + ready());
  EXPECT_EQ(told(), R"("given")");
}

TEST_P(DeclaredTask, OfWhatIsRunByName) {
  log_in();
  run("PREPARE p AS SELECT set_config('chaperone.declared_task', 'one', false)", "PREPARE");
  EXPECT_EQ(told(), "null");
  run("EXECUTE p", "SELECT 1");
  EXPECT_EQ(told(), R"("one")");
}

TEST_P(DeclaredTask, InOneStringIsThatOfItsOwnStatements) {
  log_in();
  const std::string all = std::string(kSetOne) +
                          "; SELECT 1; BEGIN; SET LOCAL chaperone.declared_task = 'l'; "
                          "SELECT 2; ROLLBACK; SELECT 3";
  peer_.client(query(all));
  EXPECT_EQ(values(1), R"(null "one" "one" "one" "l" "l" null)");
  peer_.server(error("22012") + ready());
  EXPECT_EQ(told(), "null") << "nothing of it was run";
}

TEST_P(DeclaredTask, IsShownInPart) {
  log_in();
  std::string long_one(255, 'x');
  long_one += "\xC3\xA9\xC3\xA9";
  run("SET chaperone.declared_task = '" + long_one + "'", "SET");
  EXPECT_EQ(told(), '"' + std::string(255, 'x') + '"');
}

}  // namespace
}  // namespace chaperone::test
