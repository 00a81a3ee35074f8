#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/evaluate/evaluate.hpp"
#include "rules/policy/load.hpp"

namespace chaperone::rules {

namespace {

// 50 capabilities of 8 tables each; the last one is the shop's.
struct World {
  World() {
    std::string schema =
        "CREATE TABLE shop_address (id bigint PRIMARY KEY, city text, street text);"
        "CREATE TABLE shop_customer (id bigint PRIMARY KEY, email text, name text, address_id bigint, ssn "
        "text);"
        "CREATE TABLE accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));"
        "CREATE TABLE shop_order (id bigint PRIMARY KEY, customer_id bigint, status text, created_at "
        "timestamptz";
    for (int i = 1; i <= 30; ++i) schema += ", column_" + std::to_string(i) + " text";
    schema += ");";
    std::string policy = "version: 1\ncapabilities:\n";
    std::string names;
    for (int c = 0; c < 49; ++c) {
      const std::string name = "area-" + std::to_string(c);
      policy += "  " + name + ":\n    tables:\n";
      for (int t = 0; t < 8; ++t) {
        const std::string table = "area_" + std::to_string(c) + "_table_" + std::to_string(t);
        schema += "CREATE TABLE " + table + " (id int PRIMARY KEY, a text, b text);";
        policy += "      " + table + ":\n        read:\n          columns: [id, a]\n";
      }
      policy += "    functions: [safe]\n";
      names += name + ", ";
    }
    policy +=
        "  shop:\n    tables:\n"
        "      shop_order:\n        read:\n          columns: \"*\"\n"
        "        update:\n          columns: [status]\n          by: [id]\n          max_rows: 1\n"
        "      shop_customer:\n        read:\n          columns: [id, email, name, address_id]\n"
        "      shop_address:\n        read:\n          columns: \"*\"\n"
        "      accounts:\n        read:\n          columns: \"*\"\n"
        "    functions: [safe]\n    limits:\n      rows: 1000\n"
        "agents:\n  bot:\n    capabilities: [" +
        names + "shop]\n";
    Problems problems;
    catalog = load_catalog_sql(schema, "schema.sql", problems);
    set = load_policy(policy, "policy.yaml", *catalog, problems);
    if (!problems.empty()) {
      std::fputs(problems.text().c_str(), stderr);
      std::abort();
    }
    agent = set.find_agent("bot");
  }
  std::shared_ptr<const Catalog> catalog;
  PolicySet set;
  const Agent* agent = nullptr;
};

std::string orm_select() {
  std::string columns;
  for (int i = 1; i <= 30; ++i) {
    columns += (i == 1 ? "" : ", ") + std::string(R"("shop_order"."column_)") + std::to_string(i) +
               R"(" AS "t0_r)" + std::to_string(i) + '"';
  }
  return "SELECT " + columns +
         R"( FROM "shop_order" INNER JOIN "shop_customer" ON ("shop_order"."customer_id" = "shop_customer"."id"))"
         R"( LEFT OUTER JOIN "shop_address" ON ("shop_customer"."address_id" = "shop_address"."id"))"
         R"( WHERE ("shop_order"."status" IN ('open', 'paid', 'sent') AND "shop_order"."created_at" >= $1)"
         R"( AND "shop_customer"."email" = $2) ORDER BY "shop_order"."created_at" DESC LIMIT 21)";
}

void evaluate_text(benchmark::State& state, const std::string& sql, bool allowed) {
  static const World world;
  const auto facts = parser::read_facts(sql);
  if (!facts || evaluate(*world.agent, *world.catalog, *facts).allow != allowed) {
    state.SkipWithError("not decided as expected");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(*world.agent, *world.catalog, *facts));
}

void evaluate_pgbench(benchmark::State& state) {
  evaluate_text(state, "SELECT abalance FROM accounts WHERE aid = 917;", true);
}
void evaluate_orm_select(benchmark::State& state) {
  evaluate_text(state, orm_select(), true);
}
void evaluate_update(benchmark::State& state) {
  evaluate_text(state, "UPDATE shop_order SET status = 'paid' WHERE id = $1 RETURNING id, status", true);
}
void evaluate_begin(benchmark::State& state) {
  evaluate_text(state, "BEGIN", true);
}
void evaluate_report(benchmark::State& state) {
  evaluate_text(
      state,
      "WITH spent AS (SELECT o.customer_id, count(*) AS n, sum(length(o.column_1)) AS s FROM shop_order o"
      " GROUP BY o.customer_id) SELECT c.name, s.n, s.s, rank() OVER (ORDER BY s.n DESC) FROM spent s JOIN"
      " shop_customer c ON c.id = s.customer_id WHERE s.n > 3 ORDER BY s.n DESC, c.name LIMIT 50",
      true);
}
void evaluate_denied(benchmark::State& state) {
  evaluate_text(state, "SELECT ssn FROM shop_customer", false);
}
void evaluate_unknown_table(benchmark::State& state) {
  evaluate_text(state, "SELECT a FROM no_such_table", false);
}

BENCHMARK(evaluate_pgbench);
BENCHMARK(evaluate_orm_select);
BENCHMARK(evaluate_update);
BENCHMARK(evaluate_begin);
BENCHMARK(evaluate_report);
BENCHMARK(evaluate_denied);
BENCHMARK(evaluate_unknown_table);

}  // namespace

}  // namespace chaperone::rules
