#include "parser/parser.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace chaperone::parser {

namespace {

/// The statements' texts, separated by bars; of a text that does not parse the message.
std::string split(std::string_view sql) {
  const auto script = parse(sql);
  if (!script) return "error: " + script.error().message;
  std::string texts;
  for (const Statement& statement : script->statements) {
    if (!texts.empty()) texts += '|';
    texts += sql.substr(statement.span.offset, statement.span.length);
  }
  return texts;
}

Statement only(std::string_view sql) {
  const auto script = parse(sql);
  if (!script) throw std::runtime_error(std::string(sql) + ": " + script.error().message);
  if (script->statements.size() != 1) throw std::runtime_error(std::string(sql) + ": not one statement");
  return script->statements.front();
}

std::string error_of(std::string_view sql) {
  const auto script = parse(sql);
  if (script) return "none";
  return script.error().message + " at " + std::to_string(script.error().position);
}

}  // namespace

TEST(SelfTest, FindsNothing) {
  EXPECT_EQ(self_test(), "");
}

TEST(Parse, SpansRunFromTheFirstTokenToTheLast) {
  EXPECT_EQ(split("SELECT 1"), "SELECT 1");
  EXPECT_EQ(split("SELECT 1;"), "SELECT 1");
  EXPECT_EQ(split(" \n SELECT 1 \t;\f"), "SELECT 1");
  EXPECT_EQ(split("/* a */ SELECT /* b */ 1 /* c */ ; -- d"), "SELECT /* b */ 1");
  EXPECT_EQ(split("-- a\nSELECT 1 -- b"), "SELECT 1");
  EXPECT_EQ(split("BEGIN; SELECT 1 ;COMMIT"), "BEGIN|SELECT 1|COMMIT");
  EXPECT_EQ(split(";;BEGIN;/* ; */;\n;COMMIT;; "), "BEGIN|COMMIT");
  EXPECT_EQ(split("SELECT 1 /* a */; /* b */ SELECT 2 /* c */"), "SELECT 1|SELECT 2");
  EXPECT_EQ(split("SELECT ';', $$;$$, \";\"; SELECT E'\\';'"), "SELECT ';', $$;$$, \";\"|SELECT E'\\';'");
}

TEST(Parse, SemicolonsInsideAStatementDoNotEndIt) {
  EXPECT_EQ(split("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC; SELECT 1; SELECT 2; END; SELECT 3"),
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC; SELECT 1; SELECT 2; END|SELECT 3");
  EXPECT_EQ(split("SELECT 0; CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; ; SELECT 2); SELECT 3"),
            "SELECT 0|CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; ; SELECT 2)|SELECT 3");
  EXPECT_EQ(split("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;"),
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END");
}

TEST(Parse, TextWithoutAStatementIsAnEmptyScript) {
  for (const char* sql : {"", " ", ";", " ; ;\n", "-- a", "/* a */", "/* a */;"}) {
    const auto script = parse(sql);
    ASSERT_TRUE(script.has_value()) << sql << ": " << script.error().message;
    EXPECT_TRUE(script->statements.empty()) << sql;
  }
}

TEST(Parse, TheTextNeedsNoClosingNul) {
  const std::string longer = "SELECT 1; DROP TABLE t";
  const auto script = parse(std::string_view(longer).substr(0, 8));
  ASSERT_TRUE(script.has_value()) << script.error().message;
  EXPECT_EQ(script->statements.size(), 1U);
}

TEST(Parse, NamesAreFoldedUnquotedAndTruncated) {
  EXPECT_EQ(only("SAVEPOINT MixedCase").name, "mixedcase");
  EXPECT_EQ(only("SAVEPOINT \"Mixed\"\"Case\"").name, "Mixed\"Case");
  EXPECT_EQ(only("SAVEPOINT U&\"\\0041!0042\" UESCAPE '!'").name, "\\0041B");
  EXPECT_EQ(only("ROLLBACK TO " + std::string(70, 'A')).name, std::string(63, 'a'));
  // 31 characters of two bytes: the 32nd would be cut in half.
  std::string wide;
  for (int i = 0; i < 40; ++i) wide += "\xC3\xA9";
  EXPECT_EQ(only("CLOSE \"" + wide + "\"").name, wide.substr(0, 62));
  EXPECT_EQ(only("FETCH 1 IN " + wide).name, wide.substr(0, 62));
}

TEST(Parse, CopyFromStdinIsOnlyWhatTheClientSends) {
  EXPECT_EQ(only("COPY t FROM STDIN").kind, StatementKind::kCopyFromStdin);
  EXPECT_EQ(only("COPY t FROM STDOUT").kind, StatementKind::kCopyFromStdin);  // the grammar takes either word
  EXPECT_EQ(only("COPY BINARY t FROM STDIN").kind, StatementKind::kCopyFromStdin);
  EXPECT_EQ(only("COPY t FROM 'STDIN'").kind, StatementKind::kCopyFrom);
  EXPECT_EQ(only("COPY t FROM PROGRAM 'cat'").kind, StatementKind::kCopyFrom);
  EXPECT_EQ(only("COPY t TO STDIN").kind, StatementKind::kCopyTo);
  EXPECT_EQ(only("COPY (DELETE FROM t RETURNING *) TO STDOUT").kind, StatementKind::kCopyTo);
}

TEST(Parse, WhatMayCommitInside) {
  for (const char* sql :
       {"CALL p()", "DO $$BEGIN COMMIT; END$$", "VACUUM", "ANALYZE a, b", "CLUSTER t", "REINDEX SCHEMA s",
        "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)", "DROP INDEX CONCURRENTLY i",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "CREATE DATABASE d", "DROP DATABASE d WITH (FORCE)",
        "ALTER DATABASE d SET TABLESPACE s", "CREATE TABLESPACE s LOCATION '/d'", "DROP TABLESPACE s",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "DROP SUBSCRIPTION s"}) {
    EXPECT_TRUE(only(sql).commits_inside) << sql;
  }
  for (const char* sql : {"SELECT f()", "CREATE INDEX ON t (a)", "DROP INDEX i", "DROP TABLE t",
                          "ALTER TABLE t DETACH PARTITION p", "ALTER TABLE t DETACH PARTITION p FINALIZE",
                          "ALTER DATABASE d OWNER TO r", "ALTER DATABASE d SET a = 1",
                          "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "COMMIT", "TRUNCATE t"}) {
    EXPECT_FALSE(only(sql).commits_inside) << sql;
  }
}

TEST(Parse, WhatCarriesASecret) {
  for (const char* sql :
       {"CREATE ROLE r PASSWORD 'x'", "CREATE USER u WITH LOGIN ENCRYPTED PASSWORD 'x'",
        "ALTER USER u PASSWORD 'x'", "CREATE GROUP g PASSWORD 'x'",
        "CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER s OPTIONS (user 'u')",
        "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'x')",
        "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h')", "ALTER SERVER s OPTIONS (ADD k 'x')",
        "CREATE SUBSCRIPTION s CONNECTION 'password=x' PUBLICATION p",
        "ALTER SUBSCRIPTION s CONNECTION 'password=x'"}) {
    EXPECT_TRUE(only(sql).carries_secret) << sql;
  }
  for (const char* sql :
       {"CREATE ROLE r LOGIN", "ALTER ROLE r PASSWORD NULL", "ALTER ROLE r SET password_encryption = 'md5'",
        "CREATE USER MAPPING FOR u SERVER s", "DROP USER MAPPING FOR u SERVER s", "DROP SERVER s",
        "ALTER SUBSCRIPTION s ENABLE", "SELECT 'password'"}) {
    EXPECT_FALSE(only(sql).carries_secret) << sql;
  }
}

TEST(Parse, ErrorsArePostgresqlsOwn) {
  EXPECT_EQ(error_of("SELECT 1 FORM t"), "syntax error at or near \"t\" at 15");
  EXPECT_EQ(error_of("SELECT"), "none");  // no columns: PostgreSQL takes it
  EXPECT_EQ(error_of("SELECT 1 FROM"), "syntax error at end of input at 14");
  EXPECT_EQ(error_of("SELECT 'a"), "unterminated quoted string at or near \"'a\" at 8");
  EXPECT_EQ(error_of("SELECT 1 /* a"), "unterminated /* comment at or near \"/* a\" at 10");
  EXPECT_EQ(error_of("SELECT $$a"), "unterminated dollar-quoted string at or near \"$$a\" at 8");
  EXPECT_EQ(error_of("SELECT \"\""), "zero-length delimited identifier at or near \"\"\"\" at 8");
  EXPECT_EQ(error_of("SELECT U&'\\zzzz'"), "invalid Unicode escape at 11");
  EXPECT_EQ(error_of("SELECT 1; SELECT 2 FORM t"), "syntax error at or near \"t\" at 25");
  EXPECT_EQ(error_of("SELECT 'h\xC3\xA9llo \xF0\x9F\x98\x80' FORM t"), "syntax error at or near \"t\" at 23");
  EXPECT_EQ(error_of("\\d t"), "syntax error at or near \"\\\" at 1");
  EXPECT_EQ(error_of("\xEF\xBB\xBFSELECT 1"), "syntax error at or near \"\xEF\xBB\xBFSELECT\" at 1");
  EXPECT_EQ(parse("SELECT 1 FORM t").error().kind, ErrorKind::kSyntax);
}

// PostgreSQL reads the column "name" here, libpg_query would read an empty constant of the type name.
TEST(Parse, AStringJoinedOverACommentIsRefused) {
  EXPECT_EQ(error_of("SELECT u&\"name\" UESCAPE '!' --\n''"),
            "a comment between the segments of one string constant is not supported: write it in front or "
            "behind at 29");
  EXPECT_EQ(error_of("SELECT 'a'\n-- c\n'b'"),
            "a comment between the segments of one string constant is not supported: write it in front or "
            "behind at 12");
  EXPECT_EQ(error_of("SELECT 'a'\n'b' -- c\n"), "none");
  EXPECT_EQ(error_of("SELECT 'a' -- 'b'\n"), "none");
}

TEST(Parse, AScriptTellsItsSize) {
  const auto small = parse("BEGIN");
  const auto large =
      parse("SAVEPOINT a_name_that_is_too_long_to_be_kept_inside_of_its_string; SELECT 1; SELECT 2");
  ASSERT_TRUE(small.has_value() && large.has_value());
  EXPECT_GE(small->bytes(), sizeof(Statement));
  EXPECT_GE(large->bytes(), 3 * sizeof(Statement) + 56);
  EXPECT_LT(large->bytes(), 8 * sizeof(Statement));
  EXPECT_EQ(Script{}.bytes(), 0U);
}

// libpg_query alone calls each of these a syntax error; PostgreSQL does not.
TEST(Parse, CommentsBehindWordsThatTheGrammarLooksAheadFrom) {
  for (const std::string_view sql :
       {"SELECT a FROM t ORDER BY a NULLS /* x */ LAST", "SELECT a FROM t ORDER BY a NULLS -- x\n FIRST",
        "SELECT 1 WHERE 1 NOT /* x */ IN (2)", "SELECT 1 WHERE 1 NOT --\rBETWEEN 2 AND 3",
        "SELECT * FROM generate_series(1, 2) WITH /**/ ORDINALITY",
        "SELECT timestamp 'x' /**/ AT /**/ TIME ZONE 'y'"}) {
    const auto script = parse(sql);
    ASSERT_TRUE(script) << sql << ": " << script.error().message;
    EXPECT_EQ(script->statements.at(0).span.length, sql.size()) << sql;
  }
  EXPECT_EQ(error_of("SELECT 'a' /* \n */ 'b'"), "syntax error at or near \"'b'\" at 20")
      << "two strings, not one";
}

TEST(Parse, UncheckedErrorsThrow) {
  const auto script = parse("FORM");
  EXPECT_THROW((void)script.value(), std::logic_error);
}

TEST(Parse, ThreadsDoNotDisturbEachOther) {
  std::vector<std::string> found(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < found.size(); ++i) {
    threads.emplace_back([i, &text = found[i]] {
      const std::string name = "name_" + std::to_string(i);
      for (int round = 0; round < 2'000 && text.empty(); ++round) {
        const auto script = parse("SAVEPOINT " + name + "; SELECT 1");
        if (!script || script->statements.size() != 2 || script->statements[0].name != name)
          text = "wrong result";
        if (error_of("SELECT 1 FORM " + name) != "syntax error at or near \"" + name + "\" at 15")
          text = "wrong error";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : found) EXPECT_EQ(text, "");
}

}  // namespace chaperone::parser
