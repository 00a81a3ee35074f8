#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/session/decision_cache.hpp"
#include "proxy/session/guard.hpp"
#include "proxy/session/relay.hpp"
#include "rules/check.hpp"
#include "rules/policy/load.hpp"
#include "tests/support/messages.hpp"

// What the session and its records cost a statement: the bytes of pgbench -S, as both sides send them. And
// what a decision costs that is kept.

namespace {
std::size_t allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace chaperone::session {
namespace {

using namespace chaperone::test;  // NOLINT: the messages

constexpr std::string_view kSchema =
    "CREATE TABLE tickets (id int PRIMARY KEY, tenant_id int, subject text);"
    "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84))";
constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  triage:
    tables:
      tickets:
        read:
          columns: [id, subject]
          rows: "tenant_id = 7"
      pgbench_accounts:
        read:
          columns: [aid, bid, abalance]
          rows: "bid <= :branches"
    functions: [safe]
    limits: {rows: 1000}
agents:
  bot:
    capabilities: [triage]
    parameters: {branches: 10}
)";

std::shared_ptr<const DecisionContext> context() {
  static const auto made = [] {
    rules::Problems problems;
    const auto catalog = rules::load_catalog_sql(kSchema, "schema.sql", problems);
    const auto policy = std::make_shared<const rules::PolicySet>(
        rules::load_policy(kPolicy, "policy.yaml", *catalog, problems));
    if (!problems.empty()) throw std::runtime_error(problems.text());
    return std::make_shared<const DecisionContext>(policy, catalog, *policy->find_agent("bot"),
                                                   parser::Limits());
  }();
  return made;
}

class Bench {
 public:
  explicit Bench(bool enforced = false)
      : relay_({}, cache_, counters_,
               audit::SessionMembers({.session = "abcdefghijklmnop",
                                      .agent = "triage-bot",
                                      .proof = "scram",
                                      .client = "127.0.0.1:51234",
                                      .database = "shop",
                                      .role = "app",
                                      .backend_pid = 4711}),
               enforced ? std::optional<Guard>(std::in_place, decisions_, context(),
                                               rules::make_principal(context()->agent(), {}),
                                               rules::CommentPlace::kFront)
                        : std::nullopt),
        step_(batch_, {}) {
    relay_.begin(step_);
  }

  void round_trip(std::string_view request, std::string_view reply) {
    client(request);
    server(reply);
    batch_.clear();
  }
  void client(std::string_view bytes) {
    relay_.on_client(bytes, step_);
    send();
  }
  void server(std::string_view bytes) {
    relay_.on_server(bytes, step_);
    send();
  }
  bool over() const { return relay_.over(); }

 private:
  void send() {
    benchmark::DoNotOptimize(step_.to_server.pieces() + step_.to_client.pieces());
    step_.to_server.clear();
    step_.to_client.clear();
    step_.now.wall += 50;
  }

  SqlCache cache_;
  DecisionCache decisions_;
  Counters counters_;
  audit::Batch batch_;
  Relay relay_;
  Step step_;
};

std::string one_row() {
  return data_row("12345") + command_complete("SELECT 1") + ready();
}

void round_trips(benchmark::State& state, Bench& bench, std::string_view request, std::string_view reply) {
  for (int i = 0; i < 3; ++i) bench.round_trip(request, reply);
  const std::size_t before = allocations;
  for (auto _ : state) bench.round_trip(request, reply);
  if (bench.over()) state.SkipWithError("the session ended");
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(allocations - before), benchmark::Counter::kAvgIterations);
}

/// The text is in the cache.
void simple_query(benchmark::State& state, bool enforced) {
  Bench bench(enforced);
  round_trips(state, bench, query("SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"),
              row_description() + one_row());
}
BENCHMARK_CAPTURE(simple_query, observed, false);
BENCHMARK_CAPTURE(simple_query, enforced, true);

/// Every text is a new one, `before` the number in it.
void new_texts(benchmark::State& state, std::string_view before) {
  Bench bench;
  const std::string reply = row_description() + one_row();
  int account = 1'000'000;
  for (auto _ : state) {
    bench.round_trip(query(std::string(before) + std::to_string(++account) + ";"), reply);
  }
  if (bench.over()) state.SkipWithError("the session ended");
}

/// As pgbench's simple mode has it: alike but for a constant, so that one of them is parsed.
void new_simple_query(benchmark::State& state) {
  new_texts(state, "SELECT abalance FROM pgbench_accounts WHERE aid = ");
}
BENCHMARK(new_simple_query);

/// All are parsed.
void new_other_query(benchmark::State& state) {
  new_texts(state, "SELECT abalance FROM pgbench_accounts WHERE aid = +");
}
BENCHMARK(new_other_query);

void extended_query(benchmark::State& state, bool enforced) {
  Bench bench(enforced);
  round_trips(state, bench,
              parse("", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;") + bind("", "", {"4711"}) +
                  describe('P', "") + execute() + sync(),
              parse_complete() + bind_complete() + row_description() + one_row());
}
BENCHMARK_CAPTURE(extended_query, observed, false);
BENCHMARK_CAPTURE(extended_query, enforced, true);

void prepared_query(benchmark::State& state, bool enforced) {
  Bench bench(enforced);
  bench.client(parse("P_0", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;") + sync());
  bench.server(parse_complete() + ready());
  round_trips(state, bench, bind("", "P_0", {"4711"}) + describe('P', "") + execute() + sync(),
              bind_complete() + row_description() + one_row());
}
BENCHMARK_CAPTURE(prepared_query, observed, false);
BENCHMARK_CAPTURE(prepared_query, enforced, true);

/// A read of 64 KiB within a large result.
void data_rows(benchmark::State& state) {
  Bench bench;
  bench.client(query("SELECT * FROM big"));
  std::string rows;
  while (rows.size() < std::size_t{64} << 10) rows += data_row(std::string(100, 'x'));
  for (auto _ : state) bench.server(rows);
  if (bench.over()) state.SkipWithError("the session ended");
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(rows.size()));
}
BENCHMARK(data_rows);

/// A narrowed statement that was decided before: nothing is read, decided or allocated. By its text, or by
/// its shape.
void cached_decision(benchmark::State& state, std::string_view sql, bool alike) {
  DecisionCache cache;
  const auto get = [&] { return alike ? cache.get_alike(*context(), sql) : cache.get(*context(), sql); };
  for (int i = 0; i < 3; ++i) {
    if (!get()->decision.allow) return state.SkipWithError("it is refused");
  }
  const std::size_t before = allocations;
  for (auto _ : state) benchmark::DoNotOptimize(get());
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(allocations - before), benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(cached_decision, exact,
                  "SELECT id, subject FROM tickets WHERE id = $1 ORDER BY id LIMIT 20", false);
BENCHMARK_CAPTURE(cached_decision, alike,
                  "SELECT id, subject FROM tickets WHERE id = 4711 ORDER BY id LIMIT 20", true);

}  // namespace
}  // namespace chaperone::session
