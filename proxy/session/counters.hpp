#pragma once

#include <atomic>
#include <cstdint>

namespace chaperone::session {

/// Counts of one I/O thread, written by that thread alone and read by /metrics. Relaxed atomics: a plain add
/// on x86.
struct Counters {
  using Count = std::atomic<std::uint64_t>;
  Count sessions_opened{0};   ///< logged in
  Count sessions_refused{0};  ///< refused before they were logged in
  Count sessions_closed{0};   ///< of those that were logged in
  Count statements_ok{0};
  Count statements_failed{0};
  Count statements_cancelled{0};
  Count statements_not_run{0};
  Count statements_unknown{0};
  Count statements_unread{0};  ///< verdict unknown: the parser could not read them
  Count statements_denied{0};
  Count client_bytes{0};  ///< received from clients
  Count server_bytes{0};  ///< received from servers
  Count cancel_requests{0};
  Count protocol_violations{0};
  Count upstream_failures{0};  ///< could not connect or log in, or died
  Count leases_opened{0};
  Count leases_failed{0};  ///< sessions that were refused for want of one
  Count parse_cache_hits{0};
  Count parse_cache_misses{0};

  static void add(Count& count, std::uint64_t n = 1) {
    count.store(count.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

}  // namespace chaperone::session
