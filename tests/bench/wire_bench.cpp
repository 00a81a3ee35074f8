#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/frame.hpp"
#include "proxy/wire/frontend.hpp"
#include "tests/wire/bytes.hpp"

namespace chaperone::wire {
namespace {

using test::int16;
using test::int32;
using test::message;
using test::string;
using Item = FrameReader::Item;

/// Reads `stream` again and again in pieces of `piece` bytes.
void read(benchmark::State& state, FrameRules rules, std::string_view stream, std::size_t piece) {
  FrameReader reader(rules);
  std::int64_t frames = 0;
  for (auto _ : state) {
    for (std::string_view left = stream; !left.empty();) {
      std::string_view input = left.substr(0, piece);
      left.remove_prefix(input.size());
      for (Item item = reader.next(input); item != Item::kNeedMore; item = reader.next(input)) {
        if (item == Item::kBad) return state.SkipWithError(reader.error().message.c_str());
        if (item == Item::kChunk) continue;
        benchmark::DoNotOptimize(reader.frame().bytes.data());
        ++frames;
      }
    }
  }
  state.SetItemsProcessed(frames);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(stream.size()));
}

/// What pgbench -M prepared -S sends for one transaction.
std::string prepared_request() {
  return message('B', string("") + string("P_0") + int16(0) + int16(1) + int32(5) + "12345" + int16(1) +
                          int16(0)) +
         message('D', 'P' + string("")) + message('E', string("") + int32(0)) + message('S', "");
}

/// And what it gets.
std::string prepared_reply() {
  return message('2', "") +
         message('T', int16(1) + string("abalance") + int32(16385) + int16(3) + int32(23) + int16(4) +
                          int32(0xffffffff) + int16(0)) +
         message('D', int16(1) + int32(1) + "0") + message('C', string("SELECT 1")) + message('Z', "I");
}

void small_requests(benchmark::State& state) {
  const std::string stream = prepared_request();
  read(state, frontend::rule, stream, stream.size());
}
BENCHMARK(small_requests);

void small_replies(benchmark::State& state) {
  const std::string stream = prepared_reply();
  read(state, backend::rule, stream, stream.size());
}
BENCHMARK(small_replies);

/// 100-byte DataRows in reads of 64 KiB, whose end cuts a row.
void large_result(benchmark::State& state) {
  const std::string row = message('D', int16(2) + int32(4) + "1234" + int32(81) + std::string(81, 'x'));
  std::string stream;
  while (stream.size() < std::size_t{100} * 64 << 10) stream += row;
  read(state, backend::rule, stream, 64 << 10);
}
BENCHMARK(large_result);

/// Rows of 1 MiB, which pass in chunks.
void large_rows(benchmark::State& state) {
  const std::string stream = message('D', int16(1) + int32(1 << 20) + std::string(1 << 20, 'x'));
  read(state, backend::rule, stream, 64 << 10);
}
BENCHMARK(large_rows);

void decode_bind(benchmark::State& state) {
  const auto count = static_cast<std::uint16_t>(state.range(0));
  std::string values;
  for (int i = 0; i < count; ++i) values += int32(5) + "12345";
  const std::string body =
      string("") + string("P_0") + int16(0) + int16(count) + values + int16(1) + int16(0);
  for (auto _ : state) {
    auto bind = frontend::decode_bind(body);
    benchmark::DoNotOptimize(bind);
  }
}
BENCHMARK(decode_bind)->Arg(1)->Arg(30)->Arg(10000);

}  // namespace
}  // namespace chaperone::wire
