#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/audit/file.hpp"
#include "proxy/audit/log.hpp"
#include "proxy/audit/verify.hpp"

/// What the tests of the log share: a directory of their own, records to write, and a look at what was
/// written.
namespace chaperone::audit::test {

class Scratch {
 public:
  explicit Scratch(const std::string& under = testing::TempDir()) {
    std::string name = under + "audit_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory " + name);
    directory_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  /// The log that most tests write.
  std::string log() const { return path("audit.jsonl"); }

 private:
  std::string directory_;
};

inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The lines of a file, each parsed.
inline std::vector<boost::json::object> records(const std::string& path) {
  std::vector<boost::json::object> parsed;
  for (const std::string& line : split_lines(read_file(path))) {
    boost::system::error_code problem;
    const auto value = boost::json::parse(line, problem);
    if (problem || !value.is_object()) {
      ADD_FAILURE() << "not a JSON object in " << path << ": " << line;
      continue;
    }
    parsed.push_back(value.as_object());
  }
  return parsed;
}

inline std::string member(const boost::json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  if (value == nullptr) return "(no member)";
  return value->is_string() ? std::string(value->as_string()) : boost::json::serialize(*value);
}

/// "kind" or "kind event", of each line.
inline std::vector<std::string> kinds(const std::string& path) {
  std::vector<std::string> found;
  for (const auto& record : records(path)) {
    std::string kind = member(record, "kind");
    if (record.contains("event")) kind += " " + member(record, "event");
    found.push_back(std::move(kind));
  }
  return found;
}

using Kinds = std::vector<std::string>;

/// All files of a log, the present one too.
inline std::vector<std::string> all_files(const std::string& log) {
  std::vector<std::string> files;
  for (const auto& older : files_set_aside(log).value()) files.push_back(older.path);
  if (std::filesystem::exists(log)) files.push_back(log);
  return files;
}

inline Verification verify_log(const std::string& log) {
  const auto files = all_files(log);
  auto result = verify(files);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return *result;
}

inline testing::AssertionResult is_intact(const Verification& verification) {
  if (verification.intact) return testing::AssertionSuccess();
  return testing::AssertionFailure() << verification.file << ":" << verification.line << ": "
                                     << verification.problem;
}

inline testing::AssertionResult contains(std::string_view text, std::string_view part) {
  if (text.find(part) != std::string_view::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << '"' << part << "\" is missing in \"" << text << '"';
}

inline const SessionMembers& sample_session() {
  static const SessionMembers session({.session = "7q3kabcdefghijkl", .agent = "triage-bot"});
  return session;
}

inline constexpr Microseconds kTime = 1'795'370'400'123'456;

inline void add_statement(Batch& batch, std::uint64_t number, std::string_view sql = "SELECT 1") {
  batch.statement(kTime, sample_session(), {.statement = number, .sql = sql});
}

/// Appends one statement; the seq, or 0 after a failed expectation.
inline std::uint64_t append_statement(Log& log, std::uint64_t number, std::string_view sql = "SELECT 1") {
  Batch batch;
  add_statement(batch, number, sql);
  const auto seq = log.append(batch);
  EXPECT_TRUE(seq.has_value()) << seq.error().message << "; " << seq.error().detail;
  return seq ? *seq : 0;
}

inline std::unique_ptr<Log> open_log(LogOptions options) {
  auto log = Log::open(std::move(options));
  if (!log) throw std::runtime_error(log.error().message);
  return std::move(*log);
}

}  // namespace chaperone::audit::test
