#include "proxy/commands/audit.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "proxy/audit/file.hpp"
#include "proxy/audit/log.hpp"
#include "proxy/commands/audit_tail.hpp"
#include "tests/config/files.hpp"

namespace chaperone::commands {
namespace {

using test::Directory;

// 2026-11-22T18:00:00.123456Z
constexpr audit::Microseconds kTime = 1'795'370'400'123'456;

audit::SessionMembers session_of(std::string_view id = "7q3kabcdefghijkl") {
  return audit::SessionMembers({.session = id,
                                .agent = "triage-bot",
                                .proof = "scram",
                                .client = "10.0.0.7:51234",
                                .database = "shop",
                                .enforced = true});
}

/// A sealed line as a log would write it.
class Lines {
 public:
  Lines& statement(std::uint64_t number, std::string_view sql, audit::Statement rest = {.statement = 0}) {
    rest.statement = number;
    rest.sql = sql;
    batch_.statement(time_ += 1000, session_, rest);
    return *this;
  }
  Lines& outcome(audit::Outcome outcome) {
    batch_.outcome(time_ += 1000, session_, outcome);
    return *this;
  }
  Lines& transaction(std::vector<std::uint64_t> statements, audit::TransactionEnd end,
                     std::string_view savepoint = "") {
    batch_.transaction(time_ += 1000, session_,
                       {.statements = statements, .end = end, .savepoint = savepoint});
    return *this;
  }
  Lines& session(audit::SessionEvent event, std::string_view why) {
    batch_.session(time_ += 1000, session_, event, why);
    return *this;
  }
  Lines& event(std::string_view kind, std::string_view members) {
    batch_.event(time_ += 1000, kind, members);
    return *this;
  }
  Lines& of(std::string_view session) {
    session_ = session_of(session);
    return *this;
  }
  Lines& next_day() {
    time_ += 86'400'000'000;
    return *this;
  }

  std::vector<std::string> all() const {
    std::vector<std::string> lines;
    for (std::size_t index = 0; index < batch_.lines(); ++index) {
      lines.push_back("{\"v\":1,\"seq\":" + std::to_string(index + 1) + "," +
                      std::string(batch_.line(index)) + "}");
    }
    return lines;
  }

 private:
  audit::Microseconds time_ = kTime;
  audit::SessionMembers session_ = session_of();
  audit::Batch batch_;
};

std::vector<std::string> viewed(const Lines& lines, AuditViewOptions options = {}) {
  AuditView view(std::move(options));
  std::vector<std::string> shown;
  const auto keep = [&shown](const AuditView::Shown& each) {
    if (!each.line.empty()) shown.push_back(each.line);
    return !each.line.empty();
  };
  for (const std::string& line : lines.all()) keep(view.record(line));
  while (keep(view.next_without_outcome())) continue;
  return shown;
}

using Shown = std::vector<std::string>;

TEST(AuditView, AStatementAndItsOutcomeAreOneLine) {
  Lines lines;
  lines.statement(12, "SELECT email\n  FROM customers\n WHERE id = $1")
      .outcome(
          {.statement = 12, .result = audit::Result::kOk, .tag = "SELECT 1", .rows = 1, .microseconds = 913})
      .transaction({12}, audit::TransactionEnd::kCommitted);
  EXPECT_EQ(viewed(lines), (Shown{"18:00:00.125  triage-bot  7q3kab:12  ok              1 row   913 us  "
                                  "SELECT email FROM customers WHERE id = $1"}));
}

TEST(AuditView, WhatAnObservedAgentMayNotDoIsMarked) {
  Lines lines;
  const auto against = audit::decision_members("triage", "tables.secret", {}, "sha256:1", false);
  lines.statement(1, "SELECT * FROM secret",
                  {.statement = 0, .verdict = audit::Verdict::kDeny, .decision = against});
  EXPECT_EQ(viewed(lines).at(0).substr(37, 10), "no outcome");
  lines.outcome({.statement = 1, .result = audit::Result::kOk, .tag = "SELECT 3", .rows = 3})
      .transaction({1}, audit::TransactionEnd::kCommitted);
  EXPECT_EQ(viewed(lines), (Shown{"18:00:00.125  triage-bot  7q3kab:1   ok (deny)      3 rows     0 us  "
                                  "SELECT * FROM secret (tables.secret)"}));
  AuditViewOptions all;
  all.all = true;
  ASSERT_EQ(viewed(lines, all).size(), 3U);
  EXPECT_NE(viewed(lines, all)[0].find("deny"), std::string::npos);
}

TEST(AuditView, EachResultHasItsMark) {
  Lines lines;
  lines.statement(1, "SELECT 1/0")
      .outcome(
          {.statement = 1, .result = audit::Result::kFailed, .microseconds = 12'345, .sqlstate = "22012"});
  lines.statement(2, "SELECT pg_sleep(9)")
      .outcome({.statement = 2,
                .result = audit::Result::kCancelled,
                .microseconds = 2'500'000,
                .sqlstate = "57014"});
  lines.statement(3, "SELECT 3").outcome({.statement = 3, .result = audit::Result::kNotRun});
  lines.statement(4, "SELEKT",
                  {.statement = 0, .verdict = audit::Verdict::kUnknown, .reason = "syntax error"});
  lines.outcome({.statement = 4, .result = audit::Result::kUnknown, .microseconds = 1'500});
  lines.statement(5, "FETCH 5 FROM c")
      .outcome({.statement = 5, .result = audit::Result::kOk, .rows = 5, .suspended = true});
  lines.statement(6, "DROP TABLE t", {.statement = 0, .verdict = audit::Verdict::kDeny});
  lines.statement(7, "SELECT 7");
  EXPECT_EQ(
      viewed(lines),
      (Shown{"18:00:00.125  triage-bot  7q3kab:1   failed 22012           12.3 ms  SELECT 1/0",
             "18:00:00.127  triage-bot  7q3kab:2   cancelled 57014            2.50 s  SELECT pg_sleep(9)",
             "18:00:00.129  triage-bot  7q3kab:3   not run                   0 us  SELECT 3",
             "18:00:00.131  triage-bot  7q3kab:4   unknown unread           1.50 ms  SELEKT",
             "18:00:00.133  triage-bot  7q3kab:5   ok           >= 5 rows     0 us  FETCH 5 FROM c",
             "18:00:00.134  triage-bot  7q3kab:6   deny                            DROP TABLE t",
             "18:00:00.135  triage-bot  7q3kab:7   no outcome                      SELECT 7"}));
}

TEST(AuditView, WhatIsNoStatement) {
  Lines lines;
  lines.session(audit::SessionEvent::kOpened, "")
      .session(audit::SessionEvent::kRefused, "no such database")
      .session(audit::SessionEvent::kClosed, "the client went away")
      .transaction({1}, audit::TransactionEnd::kRolledBack)
      .transaction({1}, audit::TransactionEnd::kUnknown)
      .transaction({1, 2}, audit::TransactionEnd::kRolledBack)
      .transaction({2}, audit::TransactionEnd::kRolledBack, "s1")
      .event("checkpoint", R"("event":"started")")
      .event("gap", R"("event":"recovery","why":"the log was not closed","last_seq":41,"torn":null)");
  EXPECT_EQ(
      viewed(lines),
      (Shown{"18:00:00.124  triage-bot  7q3kab     opened                          proof scram, client "
             "10.0.0.7:51234, database shop",
             "18:00:00.125  triage-bot  7q3kab     refused                         no such database, proof "
             "scram, client 10.0.0.7:51234, database shop",
             "18:00:00.126  triage-bot  7q3kab     closed                          the client went away",
             "18:00:00.128  -           7q3kab     end unknown                     statements 1",
             "18:00:00.129  -           7q3kab     rolled back                     statements 1, 2",
             "18:00:00.130  -           7q3kab     rolled back                     statements 2, back to "
             "savepoint s1",
             "18:00:00.131  -                      checkpoint                      started",
             "18:00:00.132  -                      gap                             recovery: the log was not "
             "closed, last_seq 41"}));
}

TEST(AuditView, AllRecordsOrThoseOfOneStatement) {
  const audit::Value values[] = {{audit::Value::Kind::kText, "7"}, {}};
  Lines lines;
  lines.statement(1, "SELECT $1", {.statement = 0, .values = values})
      .outcome({.statement = 1, .result = audit::Result::kOk, .rows = 1})
      .transaction({1}, audit::TransactionEnd::kCommitted)
      .of("zzzz")
      .statement(1, "SELECT 'other'")
      .statement(2, "SELECT 2");
  EXPECT_EQ(viewed(lines, {.all = true}).size(), 5U + 2U) << "two statements have no outcome, and say so";
  const Shown one = viewed(lines, {.session = "7q3k", .statement = 1});
  EXPECT_EQ(
      one,
      (Shown{
          "18:00:00.124  triage-bot  7q3kab:1   allow                           SELECT $1 with [\"7\",null]",
          "18:00:00.125  triage-bot  7q3kab:1   ok              1 row     0 us  SELECT $1",
          "18:00:00.126  -           7q3kab     committed                       statements 1"}));
  EXPECT_EQ(viewed(lines, {.session = "zz"}).size(), 2U);
  EXPECT_EQ(viewed(lines, {.session = "none"}).size(), 0U);
}

TEST(AuditView, HostileTextDoesNotReachTheTerminal) {
  const std::string hostile =
      "SELECT '\x1b[2J\x1b]0;x\a' --\r\n\x7f\xC2\x9B\xE2\x80\xAE\xE2\x81\xA6\xEF\xBB\xBF\xff\x08";
  Lines lines;
  lines.statement(1, hostile)
      .outcome({.statement = 1, .result = audit::Result::kOk, .tag = hostile, .sqlstate = "\x1b[31m"});
  lines.outcome({.statement = 9, .result = audit::Result::kOk, .tag = hostile});
  lines.session(audit::SessionEvent::kRefused, hostile);
  lines.transaction({1, 2}, audit::TransactionEnd::kRolledBack, hostile);
  lines.of(hostile).statement(3, "SELECT 3");
  for (const bool all : {false, true}) {
    for (const std::string& line : viewed(lines, {.all = all})) {
      for (const char each : line)
        ASSERT_TRUE(static_cast<unsigned char>(each) >= 0x20 && each != 0x7f) << line;
      for (const std::string_view mark : {"\xC2\x9B", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xEF\xBB\xBF"}) {
        ASSERT_EQ(line.find(mark), std::string::npos) << line;
      }
    }
  }
  AuditView view({});
  const std::string line = view.record("\x1b[2J no JSON \xff").line;
  EXPECT_EQ(line, "not a record: \\x1b[2J no JSON \\xff");
}

TEST(AuditView, RecordsOfAnotherShapeAreShownAsFarAsTheyGo) {
  AuditView view({});
  for (const std::string_view line : {"{}", "[]", "1", R"({"kind":7})", R"({"kind":"statement"})",
                                      R"({"kind":"statement","verdict":"deny","sql":null})",
                                      R"({"kind":"outcome","rows":"x","microseconds":-5,"statement":"y"})",
                                      R"({"kind":"transaction","statements":5})",
                                      R"({"kind":"transaction","end":"unknown","statements":[{"a":1}]})",
                                      R"({"kind":"session","time":"short"})"}) {
    EXPECT_NO_THROW(view.record(line)) << line;
  }
  EXPECT_EQ(
      view.record(R"({"kind":"lease","time":"2026-11-22T18:00:00.123456Z","event":"opened","role":"agp_1"})")
          .line,
      "18:00:00.123  -                      lease                           opened, role agp_1");
}

TEST(AuditView, LinesFitTheTerminal) {
  Lines lines;
  lines.statement(1, std::string(1000, 'x'))
      .outcome({.statement = 1, .result = audit::Result::kOk, .rows = 3});
  for (const std::size_t width : {60U, 80U, 120U, 200U}) {
    const Shown shown = viewed(lines, {.width = width});
    ASSERT_EQ(shown.size(), 1U);
    EXPECT_EQ(shown[0].size(), width + std::string_view("…").size() - 1) << shown[0];
    EXPECT_TRUE(shown[0].ends_with("x…")) << shown[0];
  }
  EXPECT_EQ(viewed(lines, {.width = 80})[0].find("7q3k"), std::string::npos)
      << "a narrow one keeps its room for the SQL";
}

TEST(AuditView, ColorsStandAroundTheTextAlone) {
  Lines lines;
  lines.statement(1, "SELECT 1").outcome({.statement = 1, .result = audit::Result::kOk, .rows = 1});
  EXPECT_EQ(viewed(lines, {.color = true}),
            (Shown{"\x1b[2m18:00:00.125\x1b[0m  triage-bot  7q3kab:1   \x1b[32mok\x1b[0m              1 row  "
                   "   0 us  SELECT 1"}));
}

TEST(AuditView, RemembersABoundedNumberOfStatements) {
  AuditView view({});
  Lines first;
  first.statement(1, "SELECT 'the first'");
  view.record(first.all()[0]);
  Lines more;
  for (std::uint64_t number = 2; number < 25'000; ++number) more.statement(number, "SELECT 1");
  for (const std::string& line : more.all()) view.record(line);
  std::size_t left = 0;
  while (!view.next_without_outcome().line.empty()) ++left;
  EXPECT_EQ(left, 10'000U);
}

TEST(Printable, CutsAtColumns) {
  EXPECT_EQ(printable("  SELECT \t\r\n 1  "), "SELECT 1");
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcde…");
  EXPECT_EQ(printable("äöüäöüä", 6), "äöüäö…");
  EXPECT_EQ(printable("漢字漢字", 6), "漢字…");
  EXPECT_EQ(printable("\x1b\x1b", 6), "\\x1b…");
  EXPECT_EQ(printable("\xE2\x82"), "\\xe2\\x82");
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("   "), "");
}

/// A log of its own in a directory.
class AuditCommand : public testing::Test {
 protected:
  std::unique_ptr<audit::Log> open(std::uint64_t rotate_size = 1 << 20) {
    // With sync, a line is in the file when it was appended.
    auto log =
        audit::Log::open({.file = file_, .rotate_size = rotate_size, .durability = audit::Durability::kSync});
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  static void append(audit::Log& log, std::uint64_t number) {
    audit::Batch batch;
    const std::string sql = "SELECT " + std::to_string(number);
    batch.statement(kTime, session_of(), {.statement = number, .sql = sql});
    batch.outcome(kTime, session_of(), {.statement = number, .result = audit::Result::kOk, .rows = 1});
    EXPECT_TRUE(log.append(batch));
  }
  /// Until the file is smaller than this. While it is rotated its name is missing for a moment.
  void wait_for_rotation(std::uint64_t rotate_size) const {
    std::error_code missing;
    for (;;) {
      const std::uint64_t size = std::filesystem::file_size(file_, missing);
      if (!missing && size < rotate_size) return;
      std::this_thread::yield();
    }
  }
  std::vector<std::string> files() const {
    std::vector<std::string> all{file_};
    for (const auto& older : audit::files_set_aside(file_).value()) all.push_back(older.path);
    return all;
  }
  int verify(std::vector<std::string> names) {
    out_.str("");
    errors_.str("");
    return verify_audit(names, out_, errors_, nullptr);
  }
  /// Numbers of the statements in what was shown, in its order.
  std::vector<std::uint64_t> shown() const {
    std::vector<std::uint64_t> numbers;
    std::istringstream text(out_.str());
    for (std::string line; std::getline(text, line);) {
      const std::size_t at = line.find("SELECT ");
      if (at != std::string::npos) numbers.push_back(std::stoull(line.substr(at + 7)));
    }
    return numbers;
  }

  const Directory directory_;
  const std::string file_ = directory_ / "audit.jsonl";
  std::ostringstream out_;
  std::ostringstream errors_;
};

TEST_F(AuditCommand, VerifySaysWhatIsIntact) {
  append(*open(), 1);
  EXPECT_EQ(verify({file_}), 0);
  EXPECT_TRUE(out_.str().starts_with("intact: 4 lines, seq 1 to 4, 0 gaps\nlast hash: ")) << out_.str();
  EXPECT_EQ(errors_.str(), "");
}

TEST_F(AuditCommand, VerifySaysWhatIsBroken) {
  append(*open(), 1);
  std::string text = (std::ostringstream() << std::ifstream(file_).rdbuf()).str();
  text.replace(text.find("SELECT 1"), 8, "SELECT 2");
  std::ofstream(file_) << text;
  EXPECT_EQ(verify({file_}), 1);
  EXPECT_TRUE(out_.str().starts_with("broken: " + file_ + ":2: hash: ")) << out_.str();
  EXPECT_NE(out_.str().find("intact before it: 1 line, seq 1 to 1, 0 gaps"), std::string::npos) << out_.str();
}

TEST_F(AuditCommand, VerifySaysWhatItCouldNotRead) {
  EXPECT_EQ(verify({file_}), 2);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(errors_.str(), "pgchaperone: audit log " + file_ + ": cannot open: No such file or directory\n");
  EXPECT_EQ(verify({directory_ / ""}), 2);
  directory_.write("audit.jsonl", "");
  EXPECT_EQ(verify({file_}), 1);
  EXPECT_EQ(out_.str(), "broken: there are no records\n");
}

TEST_F(AuditCommand, ShowTakesTheFilesOfALogInAnyOrder) {
  const auto log = open(2'000);
  for (std::uint64_t number = 1; number <= 30; ++number) {
    append(*log, number);
    if (number % 10 == 0) wait_for_rotation(2'000);
  }
  log->close();
  const auto names = files();
  ASSERT_GE(names.size(), 3U);
  EXPECT_EQ(show_audit(names, {}, false, out_, errors_), 0) << errors_.str();
  std::vector<std::uint64_t> expected(30);
  for (std::size_t index = 0; index < expected.size(); ++index) expected[index] = index + 1;
  EXPECT_EQ(shown(), expected) << out_.str();
  EXPECT_TRUE(out_.str().find("(UTC)\n") != std::string::npos) << out_.str();
}

TEST_F(AuditCommand, ShowPassesJsonAsItIs) {
  append(*open(), 1);
  EXPECT_EQ(show_audit(std::vector{file_}, {}, true, out_, errors_), 0);
  EXPECT_EQ(out_.str(), (std::ostringstream() << std::ifstream(file_).rdbuf()).str());
  out_.str("");
  EXPECT_EQ(show_audit(std::vector{file_}, {.session = "7q"}, true, out_, errors_), 0);
  const std::string text = out_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST_F(AuditCommand, ADayHasItsLine) {
  std::string text;
  Lines lines;
  lines.statement(1, "SELECT 1").statement(2, "SELECT 2").next_day().statement(3, "SELECT 3");
  for (const std::string& line : lines.all()) text += line + "\n";
  directory_.write("audit.jsonl", text);
  EXPECT_EQ(show_audit(std::vector{file_}, {}, false, out_, errors_), 0);
  EXPECT_EQ(out_.str().find("2026-11-22 (UTC)\n18:00"), 0U) << out_.str();
  EXPECT_NE(out_.str().find("\n2026-11-23 (UTC)\n18:00"), std::string::npos) << out_.str();
}

TEST_F(AuditCommand, TailShowsTheLastLines) {
  const auto log = open();
  for (std::uint64_t number = 1; number <= 500; ++number) append(*log, number);
  EXPECT_EQ(tail_audit({.file = file_, .count = 3, .view = {}}, out_, errors_, {}), 0);
  EXPECT_EQ(shown(), (std::vector<std::uint64_t>{498, 499, 500}));
  out_.str("");
  EXPECT_EQ(tail_audit({.file = file_, .count = 3, .json = true, .view = {}}, out_, errors_, {}), 0);
  const std::string json = out_.str();
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 3) << json;
  EXPECT_TRUE(json.starts_with("{\"v\":1,\"seq\":999,")) << json;
  out_.str("");
  EXPECT_EQ(tail_audit({.file = file_, .count = SIZE_MAX, .view = {}}, out_, errors_, {}), 0);
  EXPECT_EQ(shown().size(), 500U);
  EXPECT_EQ(tail_audit({.file = directory_ / "none", .view = {}}, out_, errors_, {}), 2);
}

TEST_F(AuditCommand, TailFollowsThroughRotation) {
  const auto log = open(3'000);
  std::uint64_t number = 0;
  append(*log, ++number);
  int rounds = 40;
  const auto go_on = [&] {
    // Several files may come between two looks.
    for (int count = 0; count < 12; ++count) append(*log, ++number);
    wait_for_rotation(3'000);
    return --rounds > 0;
  };
  EXPECT_EQ(tail_audit({.file = file_, .follow = true, .view = {}}, out_, errors_, go_on), 0)
      << errors_.str();
  EXPECT_GE(log->counters().rotations, 20U);
  std::vector<std::uint64_t> numbers = shown();
  ASSERT_FALSE(numbers.empty());
  // What the last call appended was not asked for any more.
  for (std::size_t index = 0; index < numbers.size(); ++index) ASSERT_EQ(numbers[index], index + 1);
  EXPECT_EQ(numbers.size(), number - 12);
}

TEST_F(AuditCommand, TailLosesNothingOfFilesThatTurnFullWhileItLooks) {
  constexpr std::uint64_t kFiles = 1'000;
  Lines lines;
  for (std::uint64_t number = 1; number <= kFiles; ++number) {
    lines.statement(number, "SELECT " + std::to_string(number),
                    {.statement = 0, .verdict = audit::Verdict::kDeny});
  }
  const std::vector<std::string> all = lines.all();
  directory_.write("audit.jsonl", all[0] + "\n");
  std::atomic<bool> done = false;
  // As a log rotates, in a file for each line and without the syncs between them.
  const auto rotate = [&] {
    for (std::uint64_t first = 1; first < kFiles; ++first) {
      const std::string next = directory_.write(".new", all[first] + "\n");
      std::filesystem::rename(file_, audit::set_aside_path(file_, first));
      std::filesystem::rename(next, file_);
    }
    done = true;
  };
  std::thread writer;
  int looks_left = 2;
  const auto go_on = [&] {
    if (!writer.joinable()) writer = std::thread(rotate);
    return !done || --looks_left > 0;
  };
  EXPECT_EQ(tail_audit({.file = file_, .follow = true, .view = {}}, out_, errors_, go_on), 0)
      << errors_.str();
  writer.join();
  const std::vector<std::uint64_t> numbers = shown();
  for (std::size_t index = 0; index < numbers.size(); ++index) ASSERT_EQ(numbers[index], index + 1);
  EXPECT_EQ(numbers.size(), kFiles);
}

TEST_F(AuditCommand, TailTakesALineThatIsWrittenInPieces) {
  Lines lines;
  lines.statement(1, "SELECT 1", {.statement = 0, .verdict = audit::Verdict::kDeny});
  lines.statement(2, "SELECT 2", {.statement = 0, .verdict = audit::Verdict::kDeny});
  const std::string text = lines.all()[0] + "\n" + lines.all()[1] + "\n";
  directory_.write("audit.jsonl", text.substr(0, 20));
  std::size_t at = 20;
  const auto go_on = [&] {
    if (at == text.size()) return false;
    const std::size_t more = std::min<std::size_t>(97, text.size() - at);
    std::ofstream(file_, std::ios::app) << text.substr(at, more);
    at += more;
    return true;
  };
  EXPECT_EQ(tail_audit({.file = file_, .follow = true, .view = {}}, out_, errors_, go_on), 0);
  EXPECT_EQ(shown(), (std::vector<std::uint64_t>{1, 2})) << out_.str();
}

TEST_F(AuditCommand, TailGoesOnWhereARestartCutOffATornLine) {
  append(*open(), 1);
  std::ofstream(file_, std::ios::app) << R"({"v":1,"seq":5,"kind":"statement","sql":"SELECT 99)";
  int step = 0;
  const auto go_on = [&] {
    if (step++ == 0) append(*open(), 2);
    return step < 3;
  };
  EXPECT_EQ(tail_audit({.file = file_, .follow = true, .view = {}}, out_, errors_, go_on), 0);
  EXPECT_EQ(shown(), (std::vector<std::uint64_t>{1, 99, 2})) << "the torn line is in the gap record\n"
                                                             << out_.str();
  EXPECT_NE(out_.str().find("recovery: the log was not closed"), std::string::npos) << out_.str();
}

}  // namespace
}  // namespace chaperone::commands
