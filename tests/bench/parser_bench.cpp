#include <benchmark/benchmark.h>

#include <string>

#include "parser/facts.hpp"
#include "parser/parser.hpp"
#include "parser/prescan.hpp"

namespace chaperone::parser {

namespace {

const std::string kPgbenchSelect = "SELECT abalance FROM pgbench_accounts WHERE aid = 917;";
const std::string kBegin = "BEGIN";

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

std::string insert_20() {
  std::string columns;
  std::string values;
  for (int i = 1; i <= 20; ++i) {
    columns += (i == 1 ? "" : ", ") + std::string(R"("column_)") + std::to_string(i) + '"';
    values += (i == 1 ? "$" : ", $") + std::to_string(i);
  }
  return R"(INSERT INTO "shop_order" ()" + columns + ") VALUES (" + values + R"() RETURNING "id")";
}

void parse_text(benchmark::State& state, const std::string& sql) {
  for (auto _ : state) benchmark::DoNotOptimize(parse(sql));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sql.size()));
}

void read_text(benchmark::State& state, const std::string& sql) {
  for (auto _ : state) benchmark::DoNotOptimize(read_facts(sql));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sql.size()));
}

void prescan_text(benchmark::State& state, const std::string& sql) {
  for (auto _ : state) benchmark::DoNotOptimize(prescan(sql, {}));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sql.size()));
}

BENCHMARK_CAPTURE(parse_text, begin, kBegin);
BENCHMARK_CAPTURE(parse_text, pgbench_select, kPgbenchSelect);
BENCHMARK_CAPTURE(parse_text, insert_20_parameters, insert_20());
BENCHMARK_CAPTURE(parse_text, orm_30_columns, orm_select());
BENCHMARK_CAPTURE(parse_text, syntax_error,
                  std::string("SELECT abalance FORM pgbench_accounts WHERE aid = 1;"));
BENCHMARK_CAPTURE(read_text, begin, kBegin);
BENCHMARK_CAPTURE(read_text, pgbench_select, kPgbenchSelect);
BENCHMARK_CAPTURE(read_text, insert_20_parameters, insert_20());
BENCHMARK_CAPTURE(read_text, orm_30_columns, orm_select());
BENCHMARK_CAPTURE(prescan_text, begin, kBegin);
BENCHMARK_CAPTURE(prescan_text, pgbench_select, kPgbenchSelect);
BENCHMARK_CAPTURE(prescan_text, insert_20_parameters, insert_20());
BENCHMARK_CAPTURE(prescan_text, orm_30_columns, orm_select());
// What a hostile text costs before it is refused.
BENCHMARK_CAPTURE(prescan_text, a_mebibyte_of_brackets, std::string(1U << 20U, '('));
BENCHMARK_CAPTURE(prescan_text, a_mebibyte_of_signs, std::string(1U << 20U, '+'));

}  // namespace

}  // namespace chaperone::parser
