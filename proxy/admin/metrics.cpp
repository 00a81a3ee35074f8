#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <chrono>
#include <sstream>

#include "proxy/admin/admin.hpp"

namespace chaperone::admin {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using session::Counters;

struct Series {
  std::string_view label_value;  ///< empty = the metric has no label
  double value;
};

/// Read before main(), near enough to the start.
const double kStartTime =
    std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();

class Families {
 public:
  void counter(std::string name, std::string help, std::string_view label,
               std::initializer_list<Series> series) {
    add(MetricType::Counter, std::move(name), std::move(help), label, series);
  }
  void gauge(std::string name, std::string help, std::string_view label,
             std::initializer_list<Series> series) {
    add(MetricType::Gauge, std::move(name), std::move(help), label, series);
  }
  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  void add(MetricType type, std::string name, std::string help, std::string_view label,
           std::initializer_list<Series> series) {
    MetricFamily family;
    family.name = "pgchaperone_" + std::move(name);
    family.help = std::move(help);
    family.type = type;
    for (const Series& one : series) {
      prometheus::ClientMetric metric;
      if (!one.label_value.empty())
        metric.label.push_back({std::string(label), std::string(one.label_value)});
      (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = one.value;
      family.metric.push_back(std::move(metric));
    }
    families_.push_back(std::move(family));
  }

  std::vector<MetricFamily> families_;
};

double value(const std::atomic<std::uint64_t>& count) {
  return static_cast<double>(count.load(std::memory_order_relaxed));
}

void add_sessions(const Sources& sources, Families& families) {
  const auto sum = [&sources](Counters::Count Counters::*count) {
    double total = 0;
    for (const Counters* counters : sources.counters) total += value(counters->*count);
    return total;
  };
  // Closed first: a session that ends in between must not count as fewer than none.
  const double closed = sum(&Counters::sessions_closed);
  const double opened = sum(&Counters::sessions_opened);
  families.gauge("sessions", "Sessions that are logged in.", "state",
                 {{"open", std::max(0.0, opened - closed)}});
  families.counter("sessions_total", "Sessions by what became of them.", "event",
                   {{"opened", opened}, {"refused", sum(&Counters::sessions_refused)}, {"closed", closed}});
  families.counter("statements_total", "Statements by their outcome.", "result",
                   {{"ok", sum(&Counters::statements_ok)},
                    {"failed", sum(&Counters::statements_failed)},
                    {"cancelled", sum(&Counters::statements_cancelled)},
                    {"not_run", sum(&Counters::statements_not_run)},
                    {"unknown", sum(&Counters::statements_unknown)}});
  families.counter("statements_unread_total", "Statements that the SQL parser could not read.", {},
                   {{{}, sum(&Counters::statements_unread)}});
  families.counter("received_bytes_total", "Bytes received, by the side that sent them.", "from",
                   {{"client", sum(&Counters::client_bytes)}, {"server", sum(&Counters::server_bytes)}});
  families.counter("cancel_requests_total", "Cancel requests received.", {},
                   {{{}, sum(&Counters::cancel_requests)}});
  families.counter("protocol_violations_total", "Connections closed because a peer broke the protocol.", {},
                   {{{}, sum(&Counters::protocol_violations)}});
  families.counter("upstream_failures_total",
                   "Servers that could not be reached or logged in to, or that died.", {},
                   {{{}, sum(&Counters::upstream_failures)}});
  families.counter("leases_total", "Credentials asked for, one for each session, by what came of it.",
                   "result",
                   {{"opened", sum(&Counters::leases_opened)}, {"failed", sum(&Counters::leases_failed)}});
  families.counter("parse_cache_lookups_total", "Look-ups of parsed SQL.", "result",
                   {{"hit", sum(&Counters::parse_cache_hits)}, {"miss", sum(&Counters::parse_cache_misses)}});
}

void add_audit(const audit::Log& log, Families& families) {
  const audit::Log::Counters& counters = log.counters();
  families.counter("audit_lines_total", "Lines appended to the audit log.", {},
                   {{{}, value(counters.lines)}});
  families.counter("audit_bytes_total", "Bytes appended to the audit log.", {},
                   {{{}, value(counters.bytes)}});
  families.counter("audit_writes_total", "Writes to the audit log.", {}, {{{}, value(counters.writes)}});
  families.counter("audit_syncs_total", "Syncs of the audit log to disk.", {}, {{{}, value(counters.syncs)}});
  families.counter("audit_failures_total", "Writes and syncs of the audit log that failed.", {},
                   {{{}, value(counters.failures)}});
  families.counter("audit_rotations_total", "Files of the audit log that were full.", {},
                   {{{}, value(counters.rotations)}});
  families.gauge("audit_down", "1 while the audit log can't be written and nothing may run.", {},
                 {{{}, log.down() ? 1.0 : 0.0}});
}

void add_rules(const session::RuleReport& report, Families& families) {
  const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
  if (!report.policy.empty()) {
    families.gauge("policy_info", "1 for the policy in force.", "hash", {{report.policy, 1.0}});
    families.gauge("policy_since_seconds", "When that policy took effect, in seconds since 1970.", {},
                   {{{}, report.policy_since}});
  }
  families.gauge("policy_stale",
                 "1 while a newer configuration or policy was refused and an older one is in force.", {},
                 {{{}, report.policy_stale ? 1.0 : 0.0}});
  families.counter("policy_refusals_total", "Configurations and policies that were refused.", {},
                   {{{}, number(report.policy_refusals)}});
  families.gauge("rulebooks", "Databases whose catalog and policy are loaded.", {},
                 {{{}, number(report.databases)}});
  families.counter("catalog_reads_total", "Readings of databases' catalogs, by what they came to.", "result",
                   {{"changed", number(report.catalog_loads)},
                    {"unchanged", number(report.catalog_checks)},
                    {"failed", number(report.catalog_failures)}});
  families.counter("catalog_refreshes_total", "Readings of catalogs that sessions asked for.", {},
                   {{{}, number(report.refreshes)}});
  families.gauge("catalog_age_seconds",
                 "Time since the catalog of a database in use was last known to be current.", {},
                 {{{}, report.catalog_age}});
}

}  // namespace

std::string metrics_text(const Sources& sources) {
  Families families;
  add_sessions(sources, families);
  if (sources.log != nullptr) add_audit(*sources.log, families);
  if (sources.rules) add_rules(sources.rules(), families);
  if (sources.lease_roles) {
    families.gauge("lease_roles", "Roles made for sessions that are there, some ahead of their session.", {},
                   {{{}, static_cast<double>(sources.lease_roles())}});
  }
  if (sources.not_ready) {
    families.gauge("ready", "1 while new sessions are served.", {},
                   {{{}, sources.not_ready().empty() ? 1.0 : 0.0}});
  }
  families.gauge("start_time_seconds", "When the process started, in seconds since 1970.", {},
                 {{{}, kStartTime}});
  return families.text();
}

}  // namespace chaperone::admin
