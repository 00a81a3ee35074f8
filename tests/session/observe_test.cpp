#include <gtest/gtest.h>

#include "tests/support/peer.hpp"
#include "tests/support/records.hpp"

// What the records of an observed agent say of what its capabilities would have come to.

namespace chaperone::test {
namespace {

using Texts = std::vector<std::string>;

constexpr std::string_view kPins = "SELECT pin FROM account";
const std::string kAgainst = " against tables.account.read.columns: ";

class Observed : public testing::Test {
 protected:
  explicit Observed(std::shared_ptr<const session::Rulebook> rulebook = test_rulebook())
      : peer_(observing_environment(), "127.0.0.1:51234", std::move(rulebook)) {
    peer_.log_in();
  }

  /// Sends and has it answered, all of it to the byte; the statements' records.
  Texts statements_of(const std::string& client, const std::string& server) {
    const std::size_t from = peer_.records().lines();
    peer_.client(client);
    EXPECT_EQ(show(peer_.take_to_server()), show(client));
    peer_.server(server);
    EXPECT_EQ(show(peer_.take_to_client()), show(server));
    Texts statements;
    for (std::size_t i = from; i < peer_.records().lines(); ++i) {
      const auto line = peer_.records().line(i);
      if (text_member(line, "kind") != "statement") continue;
      statements.push_back(sentence(line));
      last_ = line;
    }
    EXPECT_EQ(contradiction(peer_.records()), "");
    return statements;
  }
  std::string last(std::string_view name) const { return std::string(text_member(last_, name)); }

  Peer peer_;
  std::string last_;
};

struct ObservedWithoutRules : Observed {
  ObservedWithoutRules() : Observed(nullptr) {}
};

TEST_F(Observed, WhatWouldBeDeniedPassesAndIsRecorded) {
  EXPECT_EQ(statements_of(query(kPins), row_description() + command_complete("SELECT 0") + ready()),
            Texts{"1" + kAgainst + std::string(kPins)});
  EXPECT_EQ(last("verdict"), "deny");
  EXPECT_EQ(last("capability"), "ledger");
  EXPECT_EQ(last("enforced"), "false");
  EXPECT_EQ(last("policy").substr(0, 7), "sha256:");
  EXPECT_EQ(last("sent"), "null");
}

TEST_F(Observed, WhatWouldBeNarrowedIsTold) {
  EXPECT_EQ(statements_of(query("SELECT owner FROM account"), command_complete("SELECT 9") + ready()),
            Texts{"1: SELECT owner FROM account"});
  EXPECT_EQ(last("verdict"), "allow");
  EXPECT_EQ(last("capability"), "ledger");
  EXPECT_EQ(last("narrowed"), R"(["mask","rows","columns","limit"])");
  EXPECT_EQ(last("enforced"), "false");
  EXPECT_EQ(last("sent"), "null");
}

TEST_F(Observed, EveryStatementOfAStringHasTheVerdictOfAll) {
  const std::string both = "SELECT 1; " + std::string(kPins);
  EXPECT_EQ(statements_of(query(both), command_complete("SELECT 1") + command_complete("SELECT 0") + ready()),
            (Texts{"1" + kAgainst + "SELECT 1", "2" + kAgainst + std::string(kPins)}));
}

TEST_F(Observed, ConstantsThatDifferOnlyShareAVerdict) {
  for (int i = 0; i < 5; ++i) {
    const auto number = std::to_string(i);
    EXPECT_EQ(statements_of(query("SELECT id FROM account WHERE id = " + number),
                            command_complete("SELECT 1") + ready()),
              Texts{std::to_string(i + 1) + ": SELECT id FROM account WHERE id = " + number});
    EXPECT_EQ(last("capability"), "ledger");
  }
}

TEST_F(Observed, PreparedStatementsHaveTheirVerdictWhereTheyRun) {
  EXPECT_EQ(statements_of(parse("p", kPins) + bind("", "p") + execute() + sync(),
                          parse_complete() + bind_complete() + command_complete("SELECT 0") + ready()),
            Texts{"1" + kAgainst + std::string(kPins)});
  const std::string prepare = "PREPARE q AS " + std::string(kPins);
  EXPECT_EQ(statements_of(query(prepare), command_complete("PREPARE") + ready()),
            Texts{"2" + kAgainst + prepare});
  EXPECT_EQ(statements_of(query("EXECUTE q"), command_complete("SELECT 0") + ready()),
            Texts{"3" + kAgainst + "EXECUTE q"});
}

TEST_F(Observed, WhatTheServerRefusesHasItsVerdictToo) {
  EXPECT_EQ(statements_of(parse("", kPins) + sync(), error("42703") + ready()),
            Texts{"1" + kAgainst + std::string(kPins)});
}

TEST_F(Observed, WhatCannotBeReadIsUnknown) {
  EXPECT_EQ(statements_of(query("SELEC 1"), error("42601") + ready()), Texts{"1? SELEC 1"});
  EXPECT_EQ(last("capability"), "null");
  EXPECT_NE(last("reason"), "no rules are loaded for this database");
}

TEST_F(Observed, RulesThatAreGoneEndNoSession) {
  peer_.thread().rulebooks.clear();
  session::Step step(const_cast<audit::Batch&>(peer_.records()), {});
  peer_.session().on_rules_gone(step);
  EXPECT_EQ(static_cast<int>(step.action), static_cast<int>(session::Action::kNone));
  EXPECT_EQ(statements_of(query(kPins), command_complete("SELECT 0") + ready()),
            Texts{"1? " + std::string(kPins)});
}

TEST_F(ObservedWithoutRules, NothingWaitsForThemAndTheVerdictIsUnknown) {
  EXPECT_EQ(statements_of(query("SELECT 1"), command_complete("SELECT 1") + ready()), Texts{"1? SELECT 1"});
  EXPECT_EQ(last("reason"), "no rules are loaded for this database");
  peer_.thread().rulebooks["shop"] = test_rulebook();
  peer_.rules();
  EXPECT_EQ(statements_of(query(kPins), command_complete("SELECT 0") + ready()),
            Texts{"2" + kAgainst + std::string(kPins)});
}

}  // namespace
}  // namespace chaperone::test
