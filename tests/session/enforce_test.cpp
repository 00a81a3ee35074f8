#include <gtest/gtest.h>

#include "proxy/session/guard.hpp"
#include "tests/support/scripted_peer.hpp"

namespace chaperone::test {
namespace {

constexpr std::string_view kWho = "/*agent='bot'*/ ";
constexpr std::string_view kPins = "SELECT pin FROM account";
constexpr std::string_view kPinsRule = "tables.account.read.columns";

std::string sentinel(std::string_view rule) {
  return "/*agent='bot',rule='" + std::string(rule) + "'*/ SELECT \"chaperone.denied\"";
}

std::string commented(std::string_view sql) {
  return std::string(kWho) + std::string(sql);
}

/// What the client reads for a denial of kPins.
std::string pins_denied() {
  return message(
      'E',
      "SERROR" + std::string(1, '\0') + "VERROR" + std::string(1, '\0') + "C42501" + std::string(1, '\0') +
          "Mpgchaperone: bot may not read column \"pin\" of \"account\"; it may read id, owner (masked)" +
          std::string(1, '\0') + "Dcapability ledger, rule tables.account.read.columns" +
          std::string(1, '\0') + "P8" + std::string(1, '\0') + "spublic" + std::string(1, '\0') + "taccount" +
          std::string(1, '\0') + "cpin" + std::string(1, '\0') + "n" + std::string(kPinsRule) +
          std::string(2, '\0'));
}

std::string record_of_denial(int statement) {
  return std::to_string(statement) + " denied by " + std::string(kPinsRule) + ": " + std::string(kPins);
}

std::string run_of(std::string_view sql) {
  return parse("", sql) + bind("", "") + describe('P', "") + execute() + flush();
}

TEST(Enforcing, AllowedStatementsSayWhoAsks) {
  ScriptedPeer::enforcing()
      .client(query("SELECT 1"))
      .expect_server(query(commented("SELECT 1")))
      .expect_records({"1: SELECT 1"})
      .server(row_description() + data_row() + command_complete("SELECT 1") + ready())
      .expect_client(same)
      .expect_records({"1 ok SELECT 1, 1 rows", "[1] committed"})
      .run();
}

TEST(Enforcing, DeniedQueryIsReplacedAndItsErrorIsOurs) {
  ScriptedPeer::enforcing()
      .client(query(kPins))
      .expect_server(query(sentinel(kPinsRule)))
      .expect_records({record_of_denial(1)})
      .server(error("42703") + ready())
      .expect_client(pins_denied() + ready())
      .expect_records({})
      .run();
}

TEST(Enforcing, AnAnswerOfPostgreSQLsOwnToASentinelPasses) {
  ScriptedPeer::enforcing()
      .client(query(kPins))
      .expect_server(query(sentinel(kPinsRule)))
      .server(error("25P02") + ready('E'))
      .expect_client(same)
      .run();
}

TEST(Enforcing, DeniedParseInAPipelineSkipsToSync) {
  ScriptedPeer::enforcing()
      .client(parse("a", kPins) + bind("", "a") + execute() + parse("", "SELECT 1") + sync())
      .expect_server(parse("chaperone.denied", sentinel(kPinsRule)) + sync())
      .expect_records({record_of_denial(1)})
      .server(error("42703") + ready())
      .expect_client(pins_denied() + ready())
      .run();
}

TEST(Enforcing, ASentinelThatRunsEndsTheSession) {
  for (const auto& answer : {row_description(), command_complete("SELECT 1")}) {
    ScriptedPeer::enforcing()
        .client(query(kPins))
        .expect_server(query(sentinel(kPinsRule)))
        .server(answer)
        .expect_farewell("08006")
        .in_order("the session is over")
        .run();
  }
}

TEST(Enforcing, RowsBehindTheCapDoNotPass) {
  const std::string sent = "SELECT id FROM entry LIMIT 3";
  ScriptedPeer::enforcing()
      .client(query("SELECT id FROM entry"))
      .expect_server(query(commented(sent)))
      .server(row_description() + data_row("1") + data_row("2"))
      .expect_client(same)
      .server(data_row("3"))
      .expect_client("")
      .server(notice())
      .expect_client(same)
      .server(command_complete("SELECT 2") + ready())
      .expect_client([] {
        std::string warning;
        session::Guard::append_cut_warning(2, "ledger", warning);
        return warning + command_complete("SELECT 2") + ready();
      }())
      .expect_records({"1: SELECT id FROM entry", "1 ok SELECT 2, 2 rows", "[1] committed"})
      .run();
}

TEST(Enforcing, AWriteIsHeldUntilItsRowsAreCounted) {
  const std::string sql = "UPDATE account SET balance = 0";
  const std::string sent =
      "UPDATE account SET balance = 0 WHERE ((account.tenant OPERATOR(pg_catalog.=) '7'::pg_catalog.int4))";
  ScriptedPeer::enforcing()
      .client(query(sql) + query("SELECT 1"))
      .expect_server(run_of(commented(sent)))
      .server(parse_complete() + bind_complete() + no_data() + command_complete("UPDATE 1"))
      .expect_client(command_complete("UPDATE 1"))
      .expect_server(sync())
      .server(ready())
      .expect_client(ready())
      .expect_server(query(commented("SELECT 1")))
      .server(row_description() + data_row() + command_complete("SELECT 1") + ready())
      .expect_client(same)
      .run();

  Peer peer(enforcing_environment(), "127.0.0.1:51234", test_rulebook());
  peer.log_in();
  peer.client(query(sql) + query("SELECT 1"));
  peer.take_to_server();
  peer.server(parse_complete() + bind_complete() + no_data() + command_complete("UPDATE 2"));
  EXPECT_EQ(show(peer.take_to_client()), "");
  const auto sentinel_parse = parse("chaperone.denied", sentinel("tables.account.update.max_rows"));
  EXPECT_EQ(show(peer.take_to_server()), show(sentinel_parse));
  peer.server(error("42703"));
  EXPECT_EQ(show(peer.take_to_server()), show(sync()));
  EXPECT_NE(peer.take_to_client().find("at most 1 row"), std::string::npos);
  peer.server(ready());
  EXPECT_EQ(show(peer.take_to_server()), show(query(commented("SELECT 1"))));
  EXPECT_EQ(peer.take_records(),
            (std::vector<std::string>{"1: " + sql, "1 failed 42501", "[1] rolled_back", "2: SELECT 1"}));
}

TEST(Enforcing, APinnedSettingThatChangedEndsTheSession) {
  ScriptedPeer::enforcing()
      .client(query("SELECT 1"))
      .expect_server(query(commented("SELECT 1")))
      .server(message('S', string("standard_conforming_strings") + string("off")))
      .expect_farewell("08006")
      .in_order("the session is over")
      .run();
}

TEST(Enforcing, ADatabaseInAnotherEncodingIsNotLoggedInTo) {
  for (const auto& [name, value] :
       Pairs{{"server_encoding", "LATIN1"}, {"standard_conforming_strings", "off"}}) {
    Peer peer(enforcing_environment(), "127.0.0.1:51234", test_rulebook());
    peer.prove(startup({{"user", kAgent}, {"database", "shop"}}));
    peer.upstream_connected();
    peer.take_to_server();
    peer.challenge();
    peer.server(authentication_ok() + parameter_status(name, value));
    EXPECT_NE(peer.take_to_client().find("C08006"), std::string::npos) << name;
    EXPECT_TRUE(peer.over());
  }
}

TEST(Enforcing, PrincipalsOfOneCacheNeverSeeEachOthersValues) {
  const auto rulebook = test_rulebook();
  const auto context = rulebook->context("bot", std::nullopt).value();
  session::DecisionCache cache;
  const auto guard_of = [&](std::string tenant, std::string actor) {
    rules::Principal principal{.agent = "bot", .actor = std::move(actor), .task = "", .parameters = {}};
    principal.parameters = {
        {"tenant", std::move(tenant)}, {"agent", "bot"}, {"actor", principal.actor}, {"task", ""}};
    return session::Guard(cache, context, std::move(principal), rules::CommentPlace::kFront);
  };
  const auto first = guard_of("7", "alice"), second = guard_of("8", "bob's");
  constexpr std::string_view kSql = "SELECT id FROM account WHERE id = 5";
  const auto sent = [&](const session::Guard& guard) {
    std::string text;
    guard.append_sent(*guard.read(kSql), text);
    std::string once;
    guard.append_sent(*guard.read_once(kSql), once);
    EXPECT_EQ(text, once);
    return text;
  };
  for (int round = 0; round < 4; ++round) {
    const auto of_first = sent(first), of_second = sent(second);
    EXPECT_NE(of_first.find("'7'::"), std::string::npos) << of_first;
    EXPECT_NE(of_first.find("actor='alice'"), std::string::npos) << of_first;
    EXPECT_NE(of_second.find("'8'::"), std::string::npos) << of_second;
    EXPECT_NE(of_second.find("actor='bob%27s'"), std::string::npos) << of_second;
    EXPECT_EQ(of_second.find("alice"), std::string::npos) << of_second;
  }
}

TEST(Enforcing, NewRulesDecideWhatWasPrepared) {
  Peer peer(enforcing_environment(), "127.0.0.1:51234", test_rulebook(7));
  peer.log_in();
  const std::string sql = "SELECT owner FROM account";
  peer.client(parse("s", sql) + parse("t", "SELECT 1") + sync());
  peer.server(parse_complete() + parse_complete() + ready());
  peer.take_to_server();
  peer.take_to_client();
  peer.thread().rulebooks["shop"] = test_rulebook(8);
  peer.rules();
  peer.client(bind("", "t") + execute() + sync());
  EXPECT_EQ(peer.take_to_server(), bind("", "t") + execute() + sync()) << "it is sent as before";
  peer.server(bind_complete() + command_complete("SELECT 0") + ready());
  peer.take_to_client();
  // The other one would be sent with another tenant now.
  peer.client(bind("", "s") + execute() + sync());
  EXPECT_EQ(peer.take_to_server().find(bind("", "s")), std::string::npos);
  peer.server(error("42703") + ready());
  EXPECT_NE(peer.take_to_client().find("C26000"), std::string::npos);
}

// It has the rules that it was sent by, also where newer ones come before its answer.
TEST(Enforcing, NewRulesDecideWhatSqlPrepared) {
  Peer peer(enforcing_environment(), "127.0.0.1:51234", test_rulebook(7));
  peer.log_in();
  peer.client(query("PREPARE s AS SELECT owner FROM account"));
  peer.take_to_server();
  peer.thread().rulebooks["shop"] = test_rulebook(8);
  peer.rules();
  peer.server(command_complete("PREPARE") + ready());
  peer.take_to_client();
  for (const auto& run : {query("EXECUTE s"), bind("", "s") + execute() + sync()}) {
    peer.client(run);
    peer.take_to_server();
    peer.server(error("42703") +
                ready());  // of the sentinel: that it is another error to the client tells of it
    EXPECT_NE(peer.take_to_client().find("C26000"), std::string::npos);
  }
}

}  // namespace
}  // namespace chaperone::test
