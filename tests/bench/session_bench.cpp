#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "proxy/session/relay.hpp"
#include "tests/support/messages.hpp"

// What the session and its records cost a statement: the bytes of pgbench -S, as both sides send them.

namespace chaperone::session {
namespace {

using namespace chaperone::test;  // NOLINT: the messages

class Bench {
 public:
  Bench()
      : relay_({}, cache_, counters_,
               audit::SessionMembers({.session = "abcdefghijklmnop",
                                      .agent = "triage-bot",
                                      .proof = "scram",
                                      .client = "127.0.0.1:51234",
                                      .database = "shop",
                                      .role = "app",
                                      .backend_pid = 4711})),
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
  Counters counters_;
  audit::Batch batch_;
  Relay relay_;
  Step step_;
};

std::string one_row() {
  return data_row("12345") + command_complete("SELECT 1") + ready();
}

void round_trips(benchmark::State& state, Bench& bench, std::string_view request, std::string_view reply) {
  for (auto _ : state) bench.round_trip(request, reply);
  if (bench.over()) state.SkipWithError("the session ended");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

/// The text is in the cache.
void simple_query(benchmark::State& state) {
  Bench bench;
  round_trips(state, bench, query("SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"),
              row_description() + one_row());
}
BENCHMARK(simple_query);

/// Every text is a new one and is parsed, as pgbench's simple mode has it.
void new_simple_query(benchmark::State& state) {
  Bench bench;
  const std::string reply = row_description() + one_row();
  int account = 1'000'000;
  for (auto _ : state) {
    bench.round_trip(
        query("SELECT abalance FROM pgbench_accounts WHERE aid = " + std::to_string(++account) + ";"), reply);
  }
  if (bench.over()) state.SkipWithError("the session ended");
}
BENCHMARK(new_simple_query);

void extended_query(benchmark::State& state) {
  Bench bench;
  round_trips(state, bench,
              parse("", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;") + bind("", "", {"4711"}) +
                  describe('P', "") + execute() + sync(),
              parse_complete() + bind_complete() + row_description() + one_row());
}
BENCHMARK(extended_query);

void prepared_query(benchmark::State& state) {
  Bench bench;
  bench.client(parse("P_0", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;") + sync());
  bench.server(parse_complete() + ready());
  round_trips(state, bench, bind("", "P_0", {"4711"}) + describe('P', "") + execute() + sync(),
              bind_complete() + row_description() + one_row());
}
BENCHMARK(prepared_query);

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

}  // namespace
}  // namespace chaperone::session
