#include "proxy/session/text_shape.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proxy/session/decision_cache.hpp"
#include "proxy/session/sql_text.hpp"
#include "rules/policy/load.hpp"
#include "rules/policy_test.hpp"
#include "tests/support/scripted_peer.hpp"

namespace chaperone::session {
namespace {

using chaperone::test::query;
using chaperone::test::same;
using chaperone::test::ScriptedPeer;

std::string shape(std::string_view sql) {
  TextShape shapes;
  return std::string(shapes.of(sql));
}

TEST(TextShape, HasZerosForConstantsThatAreCompared) {
  EXPECT_EQ(shape("SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"),
            "SELECT abalance FROM pgbench_accounts WHERE aid = 0000;");
  EXPECT_EQ(shape("SELECT 1 FROM t WHERE a=5 AND b<10 AND c>7 AND d<=1 AND e>=2 AND f<>3 AND (g!=9)"),
            "SELECT 1 FROM t WHERE a=0 AND b<00 AND c>0 AND d<=0 AND e>=0 AND f<>0 AND (g!=0)");
  EXPECT_EQ(shape("UPDATE t SET a = 1, b =\t22\nWHERE c\r\n=\f333\n"),
            "UPDATE t SET a = 0, b =\t00\nWHERE c\r\n=\f000\n");
  EXPECT_EQ(shape("SELECT a = 123456789"), "SELECT a = 000000000");
  EXPECT_EQ(shape("SELECT 1 = 1"), "SELECT 1 = 0");
}

// Everything else keeps its bytes: the first of these texts has a constant of its own, so that it has a
// shape.
TEST(TextShape, LeavesAllOtherNumbers) {
  for (const std::string_view rest :
       {"SELECT 5", "SELECT a FROM t LIMIT 5 OFFSET 6", "SELECT a FROM t ORDER BY 1",
        "SELECT a FROM t GROUP BY 1", "SELECT a::float(5), CAST(b AS numeric(5, 2)) FROM t",
        "SELECT a IN (5, 6), a BETWEEN 5 AND 6, a + 5, a * 5, a % 5, a || 5, a <-> 5, a -> 5, a ->> 5",
        "SELECT a @> 5, a <@ 5, a #>= 5, a =# 5, a =~ 5, a <=> 5, a |= 5, a == 5, a >> 5, a << 5, a !== 5",
        "SELECT f(a => 5), f(a := 5), a::5", "SELECT a = -5, a =-5, a = +5, a =+ 5, a > - 5",
        "SELECT a = 5e3, a = 5.5, a = 5., a = .5, a = 0x1F, a = 0b1, a = 0o7, a = 1_000",
        "SELECT a =5and true, a = 5a, a = 5::int, a = 5[1], a = 5+1, a = 5=5=a, a < 5||6",
        "SELECT a = 1234567890, a = 12345678901, a = 0000000000000001", "SELECT a1 FROM t5 WHERE a1 = t5.a2",
        "SELECT a OPERATOR(pg_catalog.=) 5, a = ANY (b), a = (5)", "SELECT a =\v5"}) {
    EXPECT_EQ(shape(rest), "") << rest;
    EXPECT_EQ(shape("SELECT x = 12; " + std::string(rest)), "SELECT x = 00; " + std::string(rest));
  }
}

TEST(TextShape, IsNotKnownWhereDigitsCanBeSomethingElse) {
  for (const std::string_view rest :
       {"SELECT '= 5'", "SELECT \"= 5\"", "SELECT $$ = 5 $$", "SELECT $1", "SELECT U&\"\\0041\" = 5",
        "-- = 5", "/* = 5 */", "SELECT 1 --", "SELECT a =-- b\n 5", "SELECT a =/* b */ 5", "SELECT a +/* = 5",
        "\\ = 5", "SELECT \xc3\xa4 = 5",
        "SELECT a =\xc2\xa0"
        "5"}) {
    EXPECT_EQ(shape("SELECT x = 12; " + std::string(rest)), "") << rest;
  }
  EXPECT_EQ(shape(std::string_view("SELECT x = 12; \0", 16)), "");
}

TEST(TextShape, ATwinHasOtherConstantsAndTheSameShape) {
  TextShape shapes;
  for (const std::string_view sql :
       {"SELECT a = 1, b = 1, c = 1, d = 9, e = 0", "SELECT a = 111111111 WHERE b < 999999999 OR c >= 10",
        "SELECT a=5,b=5,c=5,d=5,e=5,f=5,g=5,h=5,i=50,k=50,l=50,m=50"}) {
    const std::string zeros(shapes.of(sql));
    const std::string twin = shapes.twin(sql);
    ASSERT_EQ(twin.size(), sql.size());
    std::map<std::string, std::set<std::string>> others;
    for (std::size_t i = 0; i < sql.size(); ++i) {
      const bool constant = std::isdigit(sql[i]) != 0;
      EXPECT_EQ(twin[i] != sql[i], constant) << sql << '\n' << twin;
      if (!constant || std::isdigit(sql[i - 1]) != 0) continue;
      std::size_t end = i;
      while (end < sql.size() && std::isdigit(sql[end]) != 0) ++end;
      EXPECT_NE(twin[i], '0');
      EXPECT_TRUE(others[std::string(sql.substr(i, end - i))].insert(twin.substr(i, end - i)).second) << twin;
    }
    EXPECT_EQ(shapes.of(twin), zeros);
  }
}

TEST(TextShape, IsOfQueriesAlone) {
  const auto is_query = [](std::string_view sql) { return is_query_text(read_sql(sql, {})->script); };
  EXPECT_TRUE(
      is_query("SELECT 1 = 5; UPDATE t SET a = 5; DELETE FROM t WHERE a = 5; "
               "INSERT INTO t SELECT 1 WHERE 1 = 5; WITH x AS (SELECT 1) TABLE x;"));
  for (const std::string_view sql :
       {"SET work_mem = 5", "SELECT 1; SET work_mem = 5", "SELECT 1 AS a INTO t WHERE 1 = 5",
        "CREATE TABLE t WITH (fillfactor = 50) AS SELECT 1", "EXPLAIN SELECT 1 = 5",
        "PREPARE p AS SELECT 1 = 5", "DECLARE c CURSOR FOR SELECT 1 = 5", "COPY (SELECT 1 = 5) TO STDOUT",
        "SELEC 1 = 5", "", "ALTER ROLE x SET work_mem = 5"}) {
    EXPECT_FALSE(is_query(sql)) << sql;
  }
}

// PostgreSQL's scanner and grammar read a text, its shape and a twin alike: the same statements at the same
// places, or an error at the same place.
TEST(TextShape, IsReadAsTheTextIs) {
  static constexpr std::string_view kPieces[] = {" ",
                                                 " ",
                                                 "\n",
                                                 "=",
                                                 "=",
                                                 "<",
                                                 ">",
                                                 "<=",
                                                 ">=",
                                                 "<>",
                                                 "!=",
                                                 "=>",
                                                 ":=",
                                                 "::",
                                                 "->",
                                                 "@>",
                                                 "-",
                                                 "+",
                                                 "*",
                                                 "/",
                                                 "%",
                                                 "!",
                                                 "~",
                                                 "?",
                                                 "5",
                                                 "12",
                                                 "007",
                                                 "999999999",
                                                 "1234567890",
                                                 "5",
                                                 "12",
                                                 ".",
                                                 ".5",
                                                 "e3",
                                                 "5e3",
                                                 "0x1F",
                                                 "_",
                                                 "_1",
                                                 "a",
                                                 "t1",
                                                 "(",
                                                 ")",
                                                 ",",
                                                 ";",
                                                 "[",
                                                 "]",
                                                 "SELECT ",
                                                 "SELECT a FROM t WHERE a ",
                                                 " AND b ",
                                                 " LIMIT ",
                                                 "UPDATE t SET a ",
                                                 "DELETE FROM t WHERE a ",
                                                 "float(",
                                                 " IN (",
                                                 " BETWEEN ",
                                                 "OR a ",
                                                 "SET x ",
                                                 "OPERATOR(",
                                                 "ORDER BY ",
                                                 "$",
                                                 "--",
                                                 "/*",
                                                 "'",
                                                 "\"",
                                                 "\xc3\xa4",
                                                 "day"};
  std::mt19937 random(20261127);
  TextShape shapes;
  std::size_t read = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string sql = round % 2 == 0 ? "SELECT a FROM t WHERE a = 5 AND b " : "";
    for (std::size_t left = 1 + random() % 9; left > 0; --left) sql += kPieces[random() % std::size(kPieces)];
    const std::string zeros(shapes.of(sql));
    if (zeros.empty()) continue;
    const auto is = parser::parse(sql);
    for (const std::string& other : {zeros, shapes.twin(sql)}) {
      const auto alike = parser::parse(other);
      ASSERT_EQ(is.has_value(), alike.has_value()) << sql << '\n' << other;
      if (is) {
        ++read;
        ASSERT_EQ(*is, *alike) << sql << '\n' << other;
      } else {
        ++refused;
        ASSERT_EQ(is.error().position, alike.error().position) << sql << '\n' << other;
      }
    }
  }
  EXPECT_GE(read, 1'000U);
  EXPECT_GE(refused, 1'000U);
}

TEST(SqlCache, ReadsTextsThatAreAlikeOnce) {
  SqlCache cache;
  const auto one = [&](std::string_view sql) { return cache.get_alike(sql, {}); };
  one("SELECT a FROM t WHERE b = 11");
  one("SELECT a FROM t WHERE b = 22");
  const auto shared = one("SELECT a FROM t WHERE b = 33");
  EXPECT_EQ(shared, one("SELECT a FROM t WHERE b = 44"));
  EXPECT_EQ(shared->script, read_sql("SELECT a FROM t WHERE b = 44", {})->script);
  EXPECT_NE(shared, one("SELECT a FROM t WHERE b = 444"));
  // By exact bytes a text is what it was sent as.
  EXPECT_EQ(cache.get("SELECT a FROM t WHERE b = 33", {})->sql, "SELECT a FROM t WHERE b = 33");
  EXPECT_EQ(cache.get("SELECT a FROM t WHERE b = 00", {})->sql, "SELECT a FROM t WHERE b = 00");
}

TEST(SqlCache, KeepsWhatIsNoQueryApart) {
  SqlCache cache;
  for (int i = 1; i < 9; ++i) {
    const std::string sql = "SET work_mem = " + std::to_string(i);
    EXPECT_EQ(cache.get_alike(sql, {})->sql, sql);
    const std::string unread = "SELEC a = " + std::to_string(i);
    EXPECT_EQ(cache.get_alike(unread, {})->sql, unread);
  }
}

TEST(SqlCache, RecordsAreOfTheTextThatCame) {
  ScriptedPeer peer;
  std::size_t number = 0;
  for (const std::string_view sql : {"DELETE FROM t WHERE a = 17", "DELETE FROM t WHERE a = 28",
                                     "DELETE FROM t WHERE a = 39", "DELETE FROM t WHERE a = 40"}) {
    const std::string n = std::to_string(++number);
    peer.client(query(sql))
        .expect_server(same)
        .server(test::command_complete("DELETE 1") + test::ready())
        .expect_client(same)
        .expect_records({n + ": " + std::string(sql), n + " ok DELETE 1, 1 rows", "[" + n + "] committed"});
  }
  peer.run();
}

TEST(DecisionCache, SharesWhereConstantsDoNotMatter) {
  rules::Problems problems;
  const auto catalog = rules::load_catalog_sql(
      "CREATE TABLE tickets (id int PRIMARY KEY, tenant int, subject text, weight int)", "schema.sql",
      problems);
  const auto policy =
      std::make_shared<const rules::PolicySet>(rules::load_policy(R"(
version: 1
capabilities:
  triage:
    tables:
      tickets:
        read: {columns: [id, subject, weight], rows: "tenant = 7"}
        delete: {rows: "tenant = 7", by: [id], max_rows: 3}
    functions: [safe]
agents:
  bot: {capabilities: [triage]}
)",
                                                                  "policy.yaml", *catalog, problems));
  ASSERT_TRUE(problems.empty()) << problems.text();
  const DecisionContext context(policy, catalog, *policy->find_agent("bot"), {});
  const DecisionContext other(policy, catalog, *policy->find_agent("bot"), {});
  DecisionCache cache;
  const auto one = [&](std::string_view sql) { return cache.get_alike(context, sql); };

  for (const std::string_view sql :
       {"SELECT id FROM tickets WHERE id = 1", "DELETE FROM tickets WHERE id = 1"}) {
    std::string text(sql);
    SharedDecision last;
    for (const char digit : {'1', '2', '3', '4'}) {
      text.back() = digit;
      last = one(text);
      ASSERT_TRUE(last->decision.allow) << text;
    }
    text.back() = '5';
    EXPECT_EQ(one(text), last) << "was not shared: " << text;
    EXPECT_EQ(last->decision, context.decide(text));
    EXPECT_NE(cache.get_alike(other, text), last) << "another context";
  }

  // A fence repeats the predicate, constant and all.
  for (const std::string_view number : {"11", "22", "33", "44", "55", "33"}) {
    const std::string text = "SELECT sum(1 / weight) FROM tickets GROUP BY id HAVING sum(weight) / 2 > 1";
    const std::string fenced =
        "SELECT count(*) FROM tickets t JOIN tickets u ON t.weight / u.weight = 1 WHERE t.id = " +
        std::string(number);
    const auto decided = one(fenced);
    EXPECT_EQ(decided->decision, context.decide(fenced));
    ASSERT_TRUE(decided->decision.allow) << decided->decision.denial->message;
    const std::string sent = decided->decision.rewritten.edits.apply(fenced, {});
    EXPECT_NE(sent.find("id = " + std::string(number) + ")"), std::string::npos) << sent;
    EXPECT_EQ(one(text)->decision, context.decide(text));
  }

  // A refusal has its own text.
  for (const std::string_view sql :
       {"DELETE FROM tickets WHERE weight = 1", "DELETE FROM tickets WHERE weight = 2",
        "DELETE FROM tickets WHERE weight = 3"}) {
    EXPECT_FALSE(one(sql)->decision.allow);
    EXPECT_EQ(one(sql)->sql, sql);
  }
}

// The digits of all numbers, or of those behind a comparison alone, made others.
std::string with_other_digits(std::string_view sql, bool compared_alone, std::mt19937& random) {
  std::string other(sql);
  char before = ' ';  // last byte that is no blank
  for (std::size_t i = 0; i < other.size(); ++i) {
    const bool in_name = i > 0 && (std::isalnum(other[i - 1]) != 0 || other[i - 1] == '_');
    if (std::isdigit(other[i]) != 0 && !in_name &&
        (!compared_alone || before == '=' || before == '<' || before == '>')) {
      for (; i < other.size() && std::isdigit(other[i]) != 0; ++i)
        other[i] = static_cast<char>('0' + random() % 10);
      if (i == other.size()) break;
    }
    if (other[i] != ' ') before = other[i];
  }
  return other;
}

// Numbers in place of strings and parameters, so that more of the cases have a shape.
std::string with_numbers(std::string_view sql) {
  std::string out;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == '\'') {
      const std::size_t end = sql.find('\'', i + 1);
      if (end == std::string_view::npos) return std::string(sql);
      out += "23";
      i = end;
    } else if (sql[i] == '$') {
      out += '1';
    } else {
      out += sql[i];
    }
  }
  return out;
}

// What the cache says is what is decided without it, for all cases of tests/sql with other constants.
TEST(DecisionCache, DecidesAsWithoutACache) {
  std::mt19937 random(20261126);
  std::size_t statements = 0;
  std::size_t shared = 0;
  std::vector<std::string> wrong;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/sql")) {
    if (entry.path().extension() != ".yaml") continue;
    rules::Problems problems;
    const rules::PolicyTest file = rules::load_policy_test(entry.path().string(), problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
    std::map<std::string, std::unique_ptr<DecisionContext>> contexts;
    DecisionCache cache;
    for (const auto& each : file.cases) {
      auto& context = contexts[each.agent];
      if (context == nullptr) {
        context = std::make_unique<DecisionContext>(file.policy, file.catalog,
                                                    *file.policy->find_agent(each.agent), parser::Limits());
      }
      const std::string plain = with_numbers(each.sql);
      for (const std::string& sql : {plain, plain + "; SELECT 12 = 34", "SELECT 1 WHERE 55 < 44; " + plain}) {
        if (shape(sql).empty()) continue;
        for (int round = 0; round < 6; ++round) {
          const std::string text = with_other_digits(sql, round < 4, random);
          const auto cached = cache.get_alike(*context, text);
          ++statements;
          if (cached->sql != text) ++shared;
          if (cached->decision != context->decide(text)) wrong.push_back(text);
          if (!cached->decision.allow && cached->sql != text) wrong.push_back("a shared refusal: " + text);
        }
      }
    }
  }
  EXPECT_GE(statements, 5'000U);
  EXPECT_GE(shared, 500U);
  for (const auto& text : wrong) ADD_FAILURE() << text;
}

}  // namespace
}  // namespace chaperone::session
