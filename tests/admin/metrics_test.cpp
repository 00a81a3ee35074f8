#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "proxy/admin/admin.hpp"

namespace chaperone::admin {
namespace {

using session::Counters;

struct Metrics {
  std::map<std::string, double> samples;  ///< by name and labels, as they stand in the text
  std::map<std::string, std::string> types;
  std::set<std::string> helped;
};

/// Reads the text format as strictly as Prometheus does: HELP and TYPE in front of each metric's samples.
Metrics parse(const std::string& text) {
  static const std::regex help("# HELP ([a-z_]+) .+\\.");
  static const std::regex type("# TYPE ([a-z_]+) (counter|gauge)");
  static const std::regex sample("([a-z_]+)(\\{[a-z]+=\"[a-z_]+\"\\})? ([0-9.e+]+)");
  Metrics metrics;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      EXPECT_TRUE(metrics.helped.insert(match[1]).second) << "twice: " << line;
    } else if (std::regex_match(line, match, type)) {
      metrics.types[match[1]] = match[2];
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_TRUE(metrics.helped.contains(match[1]) && metrics.types.contains(match[1]))
          << "no HELP or TYPE: " << line;
      EXPECT_TRUE(metrics.samples.emplace(match[1].str() + match[2].str(), std::stod(match[3])).second)
          << "twice: " << line;
    } else {
      ADD_FAILURE() << "not the text format: " << line;
    }
  }
  return metrics;
}

TEST(Metrics, SumUpTheThreads) {
  Counters one;
  Counters two;
  Counters::Count Counters::*const counts[] = {
      &Counters::sessions_opened,     &Counters::sessions_refused,   &Counters::sessions_closed,
      &Counters::statements_ok,       &Counters::statements_failed,  &Counters::statements_cancelled,
      &Counters::statements_not_run,  &Counters::statements_unknown, &Counters::statements_unread,
      &Counters::client_bytes,        &Counters::server_bytes,       &Counters::cancel_requests,
      &Counters::protocol_violations, &Counters::upstream_failures,  &Counters::parse_cache_hits,
      &Counters::parse_cache_misses,  &Counters::leases_opened,      &Counters::leases_failed,
  };
  // Each count its own sum, so that a mix-up shows.
  std::uint64_t number = 0;
  for (const auto count : counts) {
    ++number;
    Counters::add(one.*count, number);
    Counters::add(two.*count, 100 * number);
  }
  Counters::add(one.sessions_opened, 1000);

  Metrics metrics = parse(metrics_text({.counters = {&one, &two}}));
  const std::pair<const char*, double> expected[] = {
      {"pgchaperone_sessions{state=\"open\"}", 1101 - 303},
      {"pgchaperone_sessions_total{event=\"opened\"}", 1101},
      {"pgchaperone_sessions_total{event=\"refused\"}", 202},
      {"pgchaperone_sessions_total{event=\"closed\"}", 303},
      {"pgchaperone_statements_total{result=\"ok\"}", 404},
      {"pgchaperone_statements_total{result=\"failed\"}", 505},
      {"pgchaperone_statements_total{result=\"cancelled\"}", 606},
      {"pgchaperone_statements_total{result=\"not_run\"}", 707},
      {"pgchaperone_statements_total{result=\"unknown\"}", 808},
      {"pgchaperone_statements_unread_total", 909},
      {"pgchaperone_received_bytes_total{from=\"client\"}", 1010},
      {"pgchaperone_received_bytes_total{from=\"server\"}", 1111},
      {"pgchaperone_cancel_requests_total", 1212},
      {"pgchaperone_protocol_violations_total", 1313},
      {"pgchaperone_upstream_failures_total", 1414},
      {"pgchaperone_parse_cache_lookups_total{result=\"hit\"}", 1515},
      {"pgchaperone_parse_cache_lookups_total{result=\"miss\"}", 1616},
      {"pgchaperone_leases_total{result=\"opened\"}", 1717},
      {"pgchaperone_leases_total{result=\"failed\"}", 1818},
  };
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(metrics.samples.contains(name)) << name << " is missing";
    EXPECT_EQ(metrics.samples[name], value) << name;
  }
  const double start = metrics.samples["pgchaperone_start_time_seconds"];
  EXPECT_GT(start, 1.6e9);
  EXPECT_EQ(metrics.samples.size(), std::size(expected) + 1) << "a metric that this test does not know";
  for (const auto& [name, type] : metrics.types) {
    EXPECT_TRUE(name.starts_with("pgchaperone_")) << name;
    EXPECT_EQ(type == "counter", name.ends_with("_total")) << name;
  }
}

TEST(Metrics, ASessionThatEndsWhileTheyAreReadIsNoNegativeOne) {
  Counters counters;
  Counters::add(counters.sessions_closed, 3);
  EXPECT_EQ(parse(metrics_text({.counters = {&counters}})).samples["pgchaperone_sessions{state=\"open\"}"],
            0);
}

TEST(Metrics, LargeCountsStayWhole) {
  Counters counters;
  Counters::add(counters.client_bytes, 1'234'567'890'123'456);
  EXPECT_EQ(parse(metrics_text({.counters = {&counters}}))
                .samples["pgchaperone_received_bytes_total{from=\"client\"}"],
            1'234'567'890'123'456.0);
}

TEST(Metrics, TellWhetherItIsReady) {
  std::string why;
  const Sources sources{.not_ready = [&why] { return why; }};
  EXPECT_EQ(parse(metrics_text(sources)).samples["pgchaperone_ready"], 1);
  why = "draining";
  const std::string text = metrics_text(sources);
  EXPECT_EQ(parse(text).samples["pgchaperone_ready"], 0);
  EXPECT_EQ(text.find(why), std::string::npos) << "the reason may name what is not for everyone";
}

TEST(Metrics, CountTheAuditLog) {
  std::string directory = (std::filesystem::temp_directory_path() / "chaperone-metrics-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    auto log = audit::Log::open({.file = directory + "/audit.jsonl"});
    ASSERT_TRUE(log) << log.error().message;
    auto before = parse(metrics_text({.log = log->get()}));
    ASSERT_TRUE((*log)->append_event(0, "admin", R"("event":"test")"));
    // It is counted when it is written, 10 ms later at most.
    auto after = before;
    for (int look = 0; look < 1000 && after.samples["pgchaperone_audit_lines_total"] ==
                                          before.samples["pgchaperone_audit_lines_total"];
         ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      after = parse(metrics_text({.log = log->get()}));
    }
    EXPECT_EQ(
        after.samples["pgchaperone_audit_lines_total"] - before.samples["pgchaperone_audit_lines_total"], 1);
    EXPECT_GT(after.samples["pgchaperone_audit_bytes_total"],
              before.samples["pgchaperone_audit_bytes_total"]);
    EXPECT_EQ(after.samples["pgchaperone_audit_failures_total"], 0);
    EXPECT_EQ(after.samples["pgchaperone_audit_down"], 0);
    for (const char* name : {"writes", "syncs", "rotations"}) {
      EXPECT_TRUE(after.samples.contains("pgchaperone_audit_" + std::string(name) + "_total")) << name;
    }
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace chaperone::admin
