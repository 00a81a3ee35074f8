#include "proxy/audit/record.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "proxy/audit/hash.hpp"

namespace chaperone::audit {
namespace {

namespace json = boost::json;

// 2026-11-22T18:00:00.123456Z
constexpr Microseconds kTime = 1'795'370'400'123'456;

SessionMembers sample_session() {
  return SessionMembers({.session = "7q3kabcdefghijkl",
                         .agent = "triage-bot",
                         .proof = "scram",
                         .client = "10.0.0.7:51234",
                         .database = "shop",
                         .role = "app",
                         .backend_pid = 4242});
}

std::string only_line(const Batch& batch) {
  EXPECT_EQ(batch.lines(), 1U);
  return std::string(batch.line(0));
}

json::object parse_line(const Batch& batch) {
  boost::system::error_code problem;
  const json::value value = json::parse("{" + only_line(batch) + "}", problem);
  EXPECT_FALSE(problem) << problem.message() << " in " << only_line(batch);
  return value.is_object() ? value.as_object() : json::object{};
}

json::object statement_with_sql(std::string_view sql, Batch& batch) {
  batch.clear();
  batch.statement(kTime, sample_session(), {.statement = 1, .sql = sql});
  return parse_line(batch);
}

TEST(Record, StatementHasTheMembersOfTheManualInTheirOrder) {
  Batch batch;
  const Value values[] = {{Value::Kind::kText, "7"}};
  batch.statement(kTime, sample_session(),
                  {.statement = 12, .sql = "SELECT email FROM customers WHERE id = $1", .values = values});
  EXPECT_EQ(
      only_line(batch),
      R"("kind":"statement","time":"2026-11-22T18:00:00.123456Z","session":"7q3kabcdefghijkl",)"
      R"("statement":12,"agent":"triage-bot","actor":null,"task":null,"declared_task":null,"proof":"scram",)"
      R"("client":"10.0.0.7:51234","database":"shop","role":"app","backend_pid":4242,)"
      R"("sql":"SELECT email FROM customers WHERE id = $1","sent":null,"values":["7"],"verdict":"allow",)"
      R"("capability":null,"rule":null,"narrowed":[],"enforced":false,"policy":null)");
  EXPECT_TRUE(batch.has_intents());
}

TEST(Record, DeclaredTaskIsThatOfTheMoment) {
  SessionMembers session = sample_session();
  Batch batch;
  const auto declared = [&](std::string_view task) {
    session.declare(task);
    batch.clear();
    batch.statement(kTime, session, {.statement = 1, .sql = "SELECT 1"});
    return parse_line(batch);
  };
  EXPECT_EQ(declared("look \"around\"").at("declared_task"), "look \"around\"");
  const auto cut = declared(std::string(255, 'x') + "\xC3\xA9");
  EXPECT_EQ(cut.at("declared_task").as_string(), std::string(255, 'x'));
  EXPECT_EQ(cut.at("proof"), "scram") << "what stands behind it";
  EXPECT_TRUE(declared("\xFF").contains("lossy"));
  const auto none = declared("");
  EXPECT_TRUE(none.at("declared_task").is_null());
  EXPECT_FALSE(none.contains("lossy"));
}

TEST(Record, StatementSaysWhatItDoesNotKnow) {
  Batch batch;
  batch.statement(kTime, SessionMembers({.session = "s", .agent = "a", .enforced = true}),
                  {.statement = 1,
                   .sql = {},
                   .sent = "SELECT 1",
                   .values = {},
                   .verdict = Verdict::kUnknown,
                   .reason = "syntax error"});
  EXPECT_EQ(only_line(batch),
            R"("kind":"statement","time":"2026-11-22T18:00:00.123456Z","session":"s","statement":1,)"
            R"("agent":"a","actor":null,"task":null,"declared_task":null,"proof":null,"client":null,)"
            R"("database":null,"role":null,"backend_pid":null,"sql":null,"sent":"SELECT 1","values":[],)"
            R"("verdict":"unknown","reason":"syntax error","capability":null,"rule":null,"narrowed":[],)"
            R"("enforced":true,"policy":null)");
}

TEST(Record, TextThatWasCutSaysSoAndEndsWithAWholeCharacter) {
  Batch batch;
  const std::string_view cut = "SELECT '\xF0\x9F\x98";  // three of the four bytes of an emoji
  const Value values[] = {{Value::Kind::kTruncated, "abc\xC3"}};
  batch.statement(kTime, sample_session(),
                  {.statement = 1, .sql = cut, .values = values, .values_truncated = true, .sql_bytes = 99});
  const std::string line = only_line(batch);
  EXPECT_NE(line.find(R"("sql":"SELECT '","sql_bytes":99,"sent":null,"values":[{"truncated":"abc"}],)"
                      R"("values_truncated":true,"verdict")"),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find("lossy"), std::string::npos) << line;
}

TEST(Record, Outcome) {
  Batch batch;
  batch.outcome(kTime, sample_session(),
                {.statement = 12,
                 .result = Result::kOk,
                 .tag = "SELECT 1",
                 .rows = 1,
                 .bytes = 37,
                 .microseconds = 913});
  EXPECT_EQ(
      only_line(batch),
      R"("kind":"outcome","time":"2026-11-22T18:00:00.123456Z","session":"7q3kabcdefghijkl",)"
      R"("statement":12,"result":"ok","tag":"SELECT 1","rows":1,"bytes":37,"microseconds":913,"sqlstate":null)");
  EXPECT_FALSE(batch.has_intents());
  batch.clear();
  batch.outcome(kTime, sample_session(),
                {.statement = 12, .result = Result::kNotRun, .sqlstate = "22012", .suspended = true});
  EXPECT_EQ(only_line(batch),
            R"("kind":"outcome","time":"2026-11-22T18:00:00.123456Z","session":"7q3kabcdefghijkl",)"
            R"("statement":12,"result":"not_run","tag":null,"rows":null,"bytes":0,"microseconds":0,)"
            R"("sqlstate":"22012","suspended":true)");
}

TEST(Record, TransactionAndSession) {
  Batch batch;
  const std::uint64_t statements[] = {12, 13};
  batch.transaction(kTime, sample_session(), {.statements = statements, .end = TransactionEnd::kCommitted});
  EXPECT_EQ(batch.line(0),
            R"("kind":"transaction","time":"2026-11-22T18:00:00.123456Z","session":"7q3kabcdefghijkl",)"
            R"("statements":[12,13],"end":"committed")");
  batch.transaction(kTime, sample_session(),
                    {.statements = {}, .end = TransactionEnd::kRolledBack, .savepoint = "s\"1"});
  EXPECT_EQ(batch.line(1),
            R"("kind":"transaction","time":"2026-11-22T18:00:00.123456Z","session":"7q3kabcdefghijkl",)"
            R"("statements":[],"end":"rolled_back","savepoint":"s\"1")");
  batch.session(kTime, sample_session(), SessionEvent::kRefused, "no such agent");
  EXPECT_EQ(batch.line(2),
            R"("kind":"session","time":"2026-11-22T18:00:00.123456Z","session":"7q3kabcdefghijkl",)"
            R"("agent":"triage-bot","actor":null,"task":null,"declared_task":null,"proof":"scram",)"
            R"("client":"10.0.0.7:51234","database":"shop","role":"app","backend_pid":4242,)"
            R"("token_id":null,"event":"refused","why":"no such agent")");
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0U);
}

TEST(Record, EveryEnumeratorHasItsName) {
  Batch batch;
  const auto has = [&batch](std::string_view member) {
    const bool found = only_line(batch).find(member) != std::string::npos;
    batch.clear();
    return found;
  };
  const auto result = [&](Result value) {
    batch.outcome(kTime, sample_session(), {.statement = 1, .result = value});
  };
  result(Result::kFailed);
  EXPECT_TRUE(has(R"("result":"failed")"));
  result(Result::kCancelled);
  EXPECT_TRUE(has(R"("result":"cancelled")"));
  result(Result::kUnknown);
  EXPECT_TRUE(has(R"("result":"unknown")"));
  batch.transaction(kTime, sample_session(), {.statements = {}, .end = TransactionEnd::kUnknown});
  EXPECT_TRUE(has(R"("end":"unknown")"));
  batch.session(kTime, sample_session(), SessionEvent::kOpened, "");
  EXPECT_TRUE(has(R"("event":"opened","why":null)"));
  batch.session(kTime, sample_session(), SessionEvent::kClosed, "");
  EXPECT_TRUE(has(R"("event":"closed")"));
  batch.statement(kTime, sample_session(), {.statement = 1, .sql = {}, .verdict = Verdict::kDeny});
  EXPECT_TRUE(has(R"("verdict":"deny")"));
}

TEST(Record, TimesAroundASecondAndFarAway) {
  Batch batch;
  const auto shown = [&batch](Microseconds time) {
    batch.clear();
    batch.event(time, "admin", "\"event\":\"x\"");
    return std::string(batch.line(0)).substr(23, 27);
  };
  EXPECT_EQ(shown(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(shown(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(shown(kTime), "2026-11-22T18:00:00.123456Z");
  EXPECT_EQ(shown(kTime + 876'543), "2026-11-22T18:00:00.999999Z");
  EXPECT_EQ(shown(kTime + 876'544), "2026-11-22T18:00:01.000000Z");
  EXPECT_EQ(shown(kTime), "2026-11-22T18:00:00.123456Z");
  EXPECT_EQ(shown(951'782'400'000'000), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(shown(INT64_MAX).substr(0, 4), "9999");
}

TEST(Record, ValuesAreKeptHashedOrDropped) {
  const Value values[] = {{Value::Kind::kNull, {}},
                          {Value::Kind::kText, "it's \"x\""},
                          {Value::Kind::kBinary, std::string_view("\x00\xff\x10", 3)},
                          {Value::Kind::kTruncated, "abc"}};
  const auto shown = [&values](Batch batch) {
    batch.statement(kTime, sample_session(), {.statement = 1, .sql = {}, .values = values});
    return json::serialize(parse_line(batch).at("values"));
  };
  EXPECT_EQ(shown(Batch()), R"([null,"it's \"x\"",{"binary":"00ff10"},{"truncated":"abc"}])");
  EXPECT_EQ(shown(Batch(Values::kDrop)), "null");
  EXPECT_EQ(shown(Batch(Values::kHash, "key")), shown(Batch(Values::kHash, "key")));
  EXPECT_NE(shown(Batch(Values::kHash, "key")), shown(Batch(Values::kHash, "another key")));
  EXPECT_EQ(shown(Batch(Values::kHash)), shown(Batch(Values::kHash))) << "one process has one key of its own";
  const std::string hashed = shown(Batch(Values::kHash, "key"));
  EXPECT_EQ(hashed.find("abc"), std::string::npos) << hashed;
  EXPECT_NE(hashed.find("\",\"truncated\":true}"), std::string::npos) << hashed;
}

TEST(Record, HmacIsTheOneOfRfc4231) {
  const auto hex = [](const Sha256::Digest& digest) {
    std::string text(kHashDigits, ' ');
    put_hex(text.data(), bytes_of(digest));
    return text;
  };
  EXPECT_EQ(hex(Hmac("Jefe")("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(Hmac(std::string(131, '\xaa'))("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Record, HostileTextStaysOneHarmlessLine) {
  Batch batch;
  std::string text;
  for (int code = 0; code < 256; ++code) text += static_cast<char>(code);
  text +=
      "\x1b]0;title\a\r\n\xC2\x9B"
      "31m \xE2\x80\xA8";
  const json::object line = statement_with_sql(text, batch);
  EXPECT_TRUE(line.at("lossy").as_bool());
  for (const char each : batch.line(0)) {
    const auto byte = static_cast<unsigned char>(each);
    ASSERT_TRUE(byte >= 0x20 && byte != 0x7f) << "control character " << int{byte} << " is written as it is";
  }
  EXPECT_EQ(batch.line(0).find("\xC2\x9B"), std::string_view::npos) << "C1 drives some terminals";
}

TEST(Record, ValidUtf8IsKeptAsItIs) {
  Batch batch;
  const std::string text =
      "SELECT 'Grüße \xE2\x82\xAC \xF0\x9F\x98\x80 \x7f \xC2\x85 \xF4\x8F\xBF\xBF \xED\x9F\xBF' \\ \"x\" \t";
  const json::object line = statement_with_sql(text, batch);
  EXPECT_EQ(line.at("sql").as_string(), text);
  EXPECT_FALSE(line.contains("lossy"));
}

TEST(Record, BytesThatAreNotUtf8AreReplacedOneByOne) {
  const std::string_view replacement = "\xEF\xBF\xBD";
  const std::pair<std::string_view, int> cases[] = {{"\xff", 1},
                                                    {"\x80", 1},
                                                    {"\xC0\xAF", 2},
                                                    {"\xE0\x80\x80", 3},
                                                    {"\xED\xA0\x80", 3},
                                                    {"\xF0\x80\x80\x80", 4},
                                                    {"\xF4\x90\x80\x80", 4},
                                                    {"\xE2\x82", 2},
                                                    {"\xF5", 1},
                                                    {"\xC3", 1}};
  Batch batch;
  for (const auto& [bytes, count] : cases) {
    for (const std::string_view around : {"", "x", "0123456789"}) {
      std::string expected(around);
      for (int index = 0; index < count; ++index) expected += replacement;
      expected += around;
      const json::object line = statement_with_sql(std::string(around).append(bytes).append(around), batch);
      EXPECT_EQ(line.at("sql").as_string(), expected);
      EXPECT_TRUE(line.contains("lossy"));
    }
  }
}

TEST(Record, AnyBytesGiveValidJson) {
  std::mt19937 random(20261122);
  const auto pick = [&random](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); };
  const std::string_view pieces[] = {
      "SELECT ",          "\"",      "\\", "\n",   "\xC3\xA4",         "\xE2\x82",
      "\xF0\x9F\x98\x80", "\x1b[2J", "'",  "\x7f", "0123456789abcdef", "\xff"};
  Batch batch;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (int count = pick(40); count > 0; --count) {
      if (pick(2) == 0) {
        text += static_cast<char>(pick(256));
      } else {
        text += pieces[pick(std::size(pieces))];
      }
    }
    const json::object line = statement_with_sql(text, batch);
    // What Boost.JSON takes for valid UTF-8 must come back unchanged, all else must be marked.
    const bool changed = line.at("sql").as_string() != text;
    ASSERT_EQ(changed, line.contains("lossy")) << "round " << round;
  }
}

TEST(Record, AMegabyteOfTheWorstBytes) {
  for (const char byte : {'\x01', '\xff', '\\', 'a', '\xC3'}) {
    Batch batch;
    const std::string text(1 << 20, byte);
    batch.statement(kTime, sample_session(), {.statement = 1, .sql = text, .sent = text});
    const json::object line = parse_line(batch);
    EXPECT_EQ(line.at("sql").as_string().size(),
              static_cast<unsigned char>(byte) < 0x80 ? text.size() : text.size() * 3);
    EXPECT_EQ(line.at("sql"), line.at("sent"));
    batch.clear();
    batch.outcome(kTime, sample_session(), {.statement = 1, .result = Result::kOk});
    EXPECT_EQ(parse_line(batch).at("kind"), "outcome") << "a batch is fit for use after a huge line";
  }
}

TEST(Record, TextOfTheSessionThatIsNotUtf8MarksEachOfItsLines) {
  const SessionMembers session({.session = "s", .agent = "a\xff"});
  Batch batch;
  batch.session(kTime, session, SessionEvent::kOpened, "");
  EXPECT_TRUE(parse_line(batch).contains("lossy"));
  batch.clear();
  batch.statement(kTime, session, {.statement = 1, .sql = "x"});
  EXPECT_TRUE(parse_line(batch).contains("lossy"));
  batch.clear();
  batch.outcome(kTime, session, {.statement = 1, .result = Result::kOk});
  EXPECT_FALSE(parse_line(batch).contains("lossy"));
}

TEST(Record, AMovedBatchGoesOnWhereItWas) {
  Batch first(Values::kHash, "k");
  first.event(kTime, "admin", "\"event\":\"x\"");
  Batch second = std::move(first);
  second.event(kTime, "admin", "\"event\":\"y\"");
  EXPECT_EQ(second.lines(), 2U);
  first = Batch();
  first.event(kTime, "admin", "\"event\":\"z\"");
  EXPECT_EQ(first.lines(), 1U);
}

}  // namespace
}  // namespace chaperone::audit
