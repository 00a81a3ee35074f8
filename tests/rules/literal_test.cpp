#include "rules/rewrite/literal.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "parser/parser.hpp"

namespace chaperone::rules {

TEST(Literal, QuotesAndBackslashesAreDoubled) {
  EXPECT_EQ(literal(""), "''");
  EXPECT_EQ(literal("42"), "'42'");
  EXPECT_EQ(literal("o'neil"), "'o''neil'");
  EXPECT_EQ(literal("a\\'b"), "E'a\\\\''b'");
  EXPECT_EQ(literal("\\"), "E'\\\\'");
  EXPECT_EQ(literal("'; DROP TABLE users; --"), "'''; DROP TABLE users; --'");
  EXPECT_EQ(literal("é\n*/"), "'é\n*/'");
}

TEST(Literal, Identifiers) {
  EXPECT_EQ(identifier("users_2"), "users_2");
  EXPECT_EQ(identifier("Users"), "\"Users\"");
  EXPECT_EQ(identifier("2users"), "\"2users\"");
  EXPECT_EQ(identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(identifier("user"), "\"user\"");
  EXPECT_EQ(identifier("values"), "\"values\"");
  EXPECT_EQ(identifier("name"), "name");
  EXPECT_EQ(identifier("é"), "\"é\"");
  EXPECT_EQ(identifier(""), "\"\"");
}

TEST(Literal, SafeForms) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"select 'a', 'it''s', 1", "select 'a', 'it''s', 1"},
      {R"(select 'a\b')", R"(select E'a\\b')"},
      {R"(select 'a\')", R"(select E'a\\')"},
      {R"(select 'a\', ' union select 1 --')", R"(select E'a\\', ' union select 1 --')"},
      {R"(select 'it''s \')", R"(select E'it''s \\')"},
      {R"(select '''\''')", R"(select E'''\\''')"},
      {R"(select E'a\\b', e'\'')", R"(select E'a\\b', e'\'')"},
      {"select 'a'\n'b\\x'", "select E'a'\n'b\\\\x'"},
      {"select 'a\\'\r\n  'b' 'c\\'", "select E'a\\\\'\r\n  'b' E'c\\\\'"},
      {"select E'a'\n'b\\\\x'", "select E'a'\n'b\\\\x'"},
      {R"(select N'a\b', n'\', N'c')", R"(select nchar E'a\\b', nchar E'\\', N'c')"},
      {"select N'a'\n'\\'", "select nchar E'a'\n'\\\\'"},
      {R"(select n 'a\b' from (select 1) s(n))", R"(select n E'a\\b' from (select 1) s(n))"},
      {R"(select date'\', x'ab', b'01')", R"(select date E'\\', x'ab', b'01')"},
      {R"(select U&'d\0061t', U&"d\0061t")", R"(select U&'d\0061t', U&"d\0061t")"},
      {R"(select U&'d\0061t' UESCAPE '\')", R"(select U&'d\0061t' UESCAPE E'\\')"},
      {R"(select "a\" from t)", R"(select "a\" from t)"},
      {R"(select $$a\$$, $é$\'$é$)", R"(select $$a\$$, $é$\'$é$)"},
      {"select 1 --'\\'\n, '\\'", "select 1 --'\\'\n, E'\\\\'"},
      {R"(select /* '\' /* " */ '\' */ '\')", R"(select /* '\' /* " */ '\' */ E'\\')"},
      {R"(select a like '10\%' escape '\')", R"(select a like E'10\\%' escape E'\\')"},
      {R"(select 'é\')", R"(select E'é\\')"},
      {R"(select'\'as"x")", R"(select E'\\'as"x")"},
  };
  for (const auto& [sql, safe] : cases) EXPECT_EQ(with_safe_literals(sql), safe) << sql;
}

// PostgreSQL joins segments over a comment; the parser refuses them, but a part may come from elsewhere.
TEST(Literal, NothingIsDoubledInACommentBetweenSegments) {
  EXPECT_EQ(with_safe_literals("'a' --'\\\n'\\'"), "E'a' --'\\\n'\\\\'");
}

TEST(Literal, WhatWasReplacedIsLeftAlone) {
  const std::string sql = R"(select '\' from t limit '\')";
  parser::EditScript edits;
  edits.replace({18, 9}, {{"limit 1", false}});
  make_literals_safe(sql, edits);
  EXPECT_EQ(edits.apply(sql, nullptr), R"(select E'\\' from t limit 1)");
}

TEST(Literal, TheSafeFormIsSafeAlready) {
  const std::string safe = with_safe_literals("select 'a\\'\n'''\\b', N'\\'");
  EXPECT_EQ(with_safe_literals(safe), safe);
  EXPECT_TRUE(parser::parse(safe).has_value()) << safe;
}

}  // namespace chaperone::rules
