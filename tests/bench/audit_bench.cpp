#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/log.hpp"
#include "proxy/audit/verify.hpp"

namespace {

using namespace chaperone::audit;

constexpr Microseconds kTime = 1'795'370'400'123'456;
constexpr std::string_view kSql = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;";

const SessionMembers& sample_session() {
  static const SessionMembers session({.session = "7q3kabcdefghijkl",
                                       .agent = "triage-bot",
                                       .proof = "scram",
                                       .client = "127.0.0.1:51234",
                                       .database = "shop",
                                       .role = "app",
                                       .backend_pid = 4242});
  return session;
}

/// The three lines of a pgbench statement.
void add_statement(Batch& batch, std::uint64_t number) {
  const Microseconds time = kTime + static_cast<Microseconds>(number * 50);
  const std::uint64_t statements[] = {number};
  batch.statement(time, sample_session(), {.statement = number, .sql = kSql});
  batch.outcome(time, sample_session(),
                {.statement = number,
                 .result = Result::kOk,
                 .tag = "SELECT 1",
                 .rows = 1,
                 .bytes = 37,
                 .microseconds = 91});
  batch.transaction(time, sample_session(), {.statements = statements, .end = TransactionEnd::kCommitted});
}

/// A directory for files, gone with it.
class Scratch {
 public:
  Scratch() {
    if (::mkdtemp(directory_.data()) == nullptr) std::abort();
  }
  ~Scratch() { std::filesystem::remove_all(directory_); }
  std::string log() const { return directory_ + "/audit.jsonl"; }

 private:
  std::string directory_ = (std::filesystem::temp_directory_path() / "audit_bench_XXXXXX").string();
};

void record(benchmark::State& state) {
  Batch batch;
  std::uint64_t number = 0;
  for (auto _ : state) {
    batch.clear();
    add_statement(batch, ++number);
    benchmark::DoNotOptimize(batch.line(0).data());
  }
  state.counters["bytes"] = static_cast<double>(batch.bytes());
}
BENCHMARK(record);

void record_and_seal(benchmark::State& state) {
  Batch batch;
  Chain chain;
  Buffer lines;
  std::uint64_t number = 0;
  for (auto _ : state) {
    batch.clear();
    lines.clear();
    add_statement(batch, ++number);
    for (std::size_t index = 0; index < batch.lines(); ++index) chain.seal(batch.line(index), lines);
    benchmark::DoNotOptimize(lines.view().data());
  }
  state.counters["bytes"] = static_cast<double>(lines.size());
}
BENCHMARK(record_and_seal);

void json_text(benchmark::State& state, std::string_view piece) {
  std::string text;
  while (text.size() < static_cast<std::size_t>(state.range(0))) text += piece;
  Buffer buffer;
  for (auto _ : state) {
    buffer.clear();
    benchmark::DoNotOptimize(append_json_string(buffer, text));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) *
                          static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(json_text, ascii, "SELECT id, name FROM customers WHERE id = 4711 AND ")
    ->Arg(64)
    ->Arg(4096);
BENCHMARK_CAPTURE(json_text, escapes, "SELECT \"id\"\n\tFROM \"customers\" WHERE name = '\\x'\n")->Arg(4096);
BENCHMARK_CAPTURE(json_text, cyrillic, "SELECT 'Привет, мир' ")->Arg(4096);

/// With the write to the file, and what the writer thread spends; `statements` share one, as those of one
/// wake-up do.
void append(benchmark::State& state, Durability durability) {
  const Scratch scratch;
  auto log = Log::open({.file = scratch.log(), .durability = durability});
  if (!log) return state.SkipWithError(log.error().message.c_str());
  Batch batch;
  std::uint64_t number = 0;
  const auto statements = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    for (std::uint64_t each = 0; each < statements; ++each) add_statement(batch, ++number);
    if (!(*log)->append(batch)) return state.SkipWithError("append failed");
  }
  state.counters["per_statement"] = benchmark::Counter(
      static_cast<double>(number), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(append, none, Durability::kNone)->Arg(1)->Arg(8)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(append, batch, Durability::kBatch)->Arg(1)->Arg(8)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(append, sync, Durability::kSync)->Arg(1)->Arg(8)->MeasureProcessCPUTime();

void verify_lines(benchmark::State& state) {
  const Scratch scratch;
  std::uint64_t lines = 0;
  {
    auto log = Log::open({.file = scratch.log(), .durability = Durability::kNone});
    if (!log) return state.SkipWithError(log.error().message.c_str());
    Batch batch;
    for (std::uint64_t number = 1; number <= 100'000; ++number) {
      add_statement(batch, number);
      if (!(*log)->append(batch)) return state.SkipWithError("append failed");
    }
  }
  const std::string files[] = {scratch.log()};
  for (auto _ : state) {
    const auto result = verify(files);
    if (!result || !result->intact) return state.SkipWithError("the log does not verify");
    lines += result->lines;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(lines));
}
BENCHMARK(verify_lines)->Unit(benchmark::kMillisecond);

}  // namespace
