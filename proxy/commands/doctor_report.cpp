#include "proxy/commands/doctor_report.hpp"

#include <fmt/ostream.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>
#include <string_view>

namespace chaperone::commands {
namespace {

namespace json = boost::json;

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kDanger:
      return "danger";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "";
}

std::string_view color_of(Severity severity) {
  switch (severity) {
    case Severity::kDanger:
      return "\x1b[31m";
    case Severity::kWarning:
      return "\x1b[33m";
    case Severity::kNote:
      return "\x1b[36m";
  }
  return "";
}

/// Names of a database are foreign text: nothing of them is for the terminal, and none begins a line of its
/// own. Lines are where an indent says so.
std::string shown(std::string_view text, std::string_view indent) {
  std::string out;
  for (const char byte : text) {
    if (byte == '\n' && !indent.empty()) {
      out += '\n';
      out += indent;
    } else {
      out += (static_cast<unsigned char>(byte) < ' ' || byte == 0x7F) ? '?' : byte;
    }
  }
  return out;
}

void print_text(const std::vector<Finding>& findings, std::ostream& out, bool color) {
  for (const Finding& each : findings) {
    fmt::print(out, "{}{}{} {}: {}{}\n    {}\n    mend: {}\n", color ? color_of(each.severity) : "",
               name_of(each.severity), color ? "\x1b[0m" : "", each.id, shown(each.object, ""),
               each.database.empty() ? "" : fmt::format(" (database {})", shown(each.database, "")),
               shown(each.risk, ""), shown(each.mend, "          "));
  }
  const auto count = [&](Severity severity, std::string_view what) {
    const auto number = std::ranges::count(findings, severity, &Finding::severity);
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  };
  fmt::print(out, "{}, {}, {}\n", count(Severity::kDanger, "danger"), count(Severity::kWarning, "warning"),
             count(Severity::kNote, "note"));
}

void print_json(const std::vector<Finding>& findings, std::ostream& out) {
  for (const Finding& each : findings) {
    json::object object;
    object["id"] = each.id;
    object["severity"] = name_of(each.severity);
    object["database"] = each.database.empty() ? json::value() : json::value(each.database);
    object["object"] = each.object;
    object["risk"] = each.risk;
    object["mend"] = each.mend;
    out << object << '\n';
  }
}

}  // namespace

void report_findings(std::vector<Finding> findings, DoctorFormat format, std::ostream& out, bool color) {
  std::ranges::stable_sort(findings, {}, &Finding::severity);
  std::vector<Finding> once;
  for (Finding& each : findings) {
    if (std::ranges::find(once, each) == once.end()) once.push_back(std::move(each));
  }
  if (format == DoctorFormat::kText) {
    print_text(once, out, color);
  } else {
    print_json(once, out);
  }
}

bool any_to_mend(const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings, [](const Finding& each) { return each.severity != Severity::kNote; });
}

}  // namespace chaperone::commands
