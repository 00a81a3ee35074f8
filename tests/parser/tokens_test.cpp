#include "parser/tokens.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/parser/scanner.hpp"

namespace chaperone::parser::testing {

namespace {

// Everything that scan.l treats in its own way, alone or at its neighbours.
const std::vector<std::string> kPieces = {
    "'a'",
    "''",
    "'a''b'",
    "'a\\'",
    "'\n'",
    "E'a\\'b'",
    "e'\\\\'",
    "E'\\x41\\101\\u00e9\\U0001F600'",
    "E'\\uD83D\\uDE00'",
    "E''",
    "E'a''b'",
    "U&'\\0041'",
    "u&'a''b'",
    "U&\"a\"",
    "u&\"d!0061\" UESCAPE '!'",
    "U&'d!0061' uescape '!'",
    "\"a\"",
    "\"a\"\"b\"",
    "\"a\\\"",
    "\"A 'b\"",
    "$$a$$",
    "$$'$$",
    "$\xC3\xA9$ ' $\xC3\xA9$",
    "$a$ $b$ $a$ $$ $a$",
    "$a1$$a1$",
    "$_$;$_$",
    "$a",
    "$",
    "$1",
    "$12a",
    "$1$a$;$a$",
    "a$b",
    "a$b$c",
    "a$1",
    "b'01'",
    "B'01'",
    "x'1F'",
    "X'1f'",
    "n'x'",
    "N'x'",
    "u&a",
    "u&",
    "e",
    "E",
    "xE'a'",
    "0",
    "1",
    "12.5",
    ".5",
    "1.",
    "1e5",
    "1.e-5",
    "1E+5",
    ".5e1",
    "1..2",
    "1.5.2",
    "1e",
    "1e+",
    "123abc",
    "0x1F",
    "0b01",
    "0o17",
    "1_000",
    "1_",
    "-1",
    "--c\n",
    "--c\r",
    "--'\n",
    "--",
    "/*c*/",
    "/**/",
    "/***/",
    "/*/*/",
    "/*a/*b*/c*/",
    "/*'*/",
    "/*$$*/",
    "/*--*/",
    "/*",
    "*/",
    "/*/",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "<",
    ">",
    "=",
    "~",
    "!",
    "@",
    "#",
    "&",
    "|",
    "`",
    "?",
    "<>",
    "!=",
    "<=",
    ">=",
    "=>",
    "->",
    "->>",
    "#>>",
    "@-",
    "@+-",
    "+-",
    "*-",
    "*+-",
    "?|",
    "=-1",
    "<-",
    "|/",
    "||/",
    "<->",
    "*--c\n",
    "@--c\n",
    "+/*c*/",
    "@/*c*/-",
    "*/*c*/",
    "+++",
    "-+-",
    "~-",
    "::",
    ":",
    ":=",
    ":a",
    ":::",
    "::=",
    ".",
    "..",
    "...",
    ";",
    ",",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\\",
    "\\d",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\f",
    "\xC3\xA9",
    "\xF0\x9F\x98\x80",
    "a",
    "_a",
    "select",
    "A1",
    "\x01",
};

// Texts that a careless tokenizer cuts elsewhere: what hides there would be read as data by us and as SQL by
// the server, or the other way round. Tokens are separated by a bar.
struct Cut {
  std::string text;
  std::string tokens;
};

const std::vector<Cut> kCuts = {
    // Comments nest; quotes in them are nothing; -- ends at either newline.
    {"1 /* /* */ 2 */ 3", "1|3"},
    {"1 /* ' */ 2 /* ' */ 3", "1|2|3"},
    {"1 /* -- */ 2", "1|2"},
    {"1 -- /* \n 2", "1|2"},
    {"1 --x\r 2", "1|2"},
    {"1 --x\x0b 2\n3", "1|3"},
    {"1 /*/ 2 */ 3", "1|3"},
    {"1 /**/ 2 /***/ 3 /*/**/*/ 4", "1|2|3|4"},
    {"1 */ 2", "1|*/|2"},
    {"1 /* 2", "1"},
    // Backslashes are plain in '..', escapes in E'..' alone.
    {R"('a\' ; --')", R"('a\'|;)"},
    {R"('a\'' ; --')", R"('a\'' ; --')"},
    {R"(E'a\' ; --')", R"(E'a\' ; --')"},
    {R"(e'a\\' ; 'b')", R"(e'a\\'|;|'b')"},
    {R"(E'a\'''b' ; c)", R"(E'a\'''b'|;|c)"},
    {R"(xE'a\' ; c)", R"(xE|'a\'|;|c)"},
    {R"(U&'a\' ; c)", R"(U&'a\'|;|c)"},
    {R"("a\" ; c)", R"("a\"|;|c)"},
    {R"(b'\' ; x'\' ; c)", R"(b'\'|;|x'\'|;|c)"},
    {R"(N'a\' ; c)", R"(N|'a\'|;|c)"},
    // Segments join over a newline, and only over one; each is of the first one's kind.
    {"'a' 'b'", "'a'|'b'"},
    {"'a'\n'b'", "'a'\n'b'"},
    {"'a'\r'b'", "'a'\r'b'"},
    {"'a'\t \f\n\t'b'", "'a'\t \f\n\t'b'"},
    {"'a' -- c\n'b'", "'a' -- c\n'b'"},
    {"'a'\n-- ' \n'b'", "'a'\n-- ' \n'b'"},
    {"'a' /* c */\n'b'", "'a'|'b'"},
    {"E'a'\n'\\'' ; c", "E'a'\n'\\''|;|c"},
    {"'a'\n'\\' ; c", "'a'\n'\\'|;|c"},
    {"'a'\nE'b'", "'a'|E'b'"},
    {"b'0'\n'1' 'x'", "b'0'\n'1'|'x'"},
    {"b'0''1'", "b'0'|'1'"},
    {"\"a\"\n\"b\"", "\"a\"|\"b\""},
    {"$$a$$\n'b'", "$$a$$|'b'"},
    // Dollar quotes: the tag is exact and may be of any letters; inside, nothing else ends it.
    {"$a$ $b$ $a$ ; c", "$a$ $b$ $a$|;|c"},
    {"$a$ $A$ ; $a$", "$a$ $A$ ; $a$"},
    {"$$ ' $$ ; c", "$$ ' $$|;|c"},
    {"$\xC3\xA9$ ; $\xC3\xA9$ c", "$\xC3\xA9$ ; $\xC3\xA9$|c"},
    {"$a$a$a$ ; $a$", "$a$a$a$|;|$a$"},
    {"$1$a$ ; $a$", "$1|$a$ ; $a$"},
    {"a$$b$$", "a$$b$$"},
    {"a $$b$$", "a|$$b$$"},
    {"$a b$", "$|a|b$"},
    {"$1a", "$1|a"},
    {"$$a", "$$a"},
    // Identifiers.
    {"u&\"a\"\"b\" c", "u&\"a\"\"b\"|c"},
    {"u&a", "u|&|a"},
    {"u &\"a\"", "u|&|\"a\""},
    {"\"a;\"\";b\";c", "\"a;\"\";b\"|;|c"},
    {"\xC3\xA9$1 _a1", "\xC3\xA9$1|_a1"},
    // Operators stop at a comment, and end in a sign only with a character that SQL's operators do not have.
    {"a+--b\nc", "a|+|c"},
    {"a+/*b*/-c", "a|+|-|c"},
    {"a*-b", "a|*|-|b"},
    {"a@-b", "a|@-|b"},
    {"a@-/*x*/b", "a|@-|b"},
    {"a<>-1", "a|<>|-|1"},
    {"a=+-+1", "a|=|+|-|+|1"},
    {"a=>-1", "a|=>|-|1"},
    {"a~-1", "a|~-|1"},
    {"a->>'b'", "a|->>|'b'"},
    {"a::b:=c:d:::e", "a|::|b|:=|c|:|d|::|:|e"},
    // Numbers.
    {"1..2", "1|..|2"},
    {"1.2.3", "1.2|.3"},
    {"1.e5 .5e-3 1e+", "1.e5|.5e-3|1|e|+"},
    {"a.1.b", "a|.1|.|b"},
    {"0x1F 0b01 0o17 1_000 1_ 0x_1 0xg", "0x1F|0b01|0o17|1_000|1|_|0x_1|0|xg"},
    // What is not of SQL is handed on, for the grammar to refuse.
    {"\\d t", "\\|d|t"},
    {"a{b}", "a|{|b|}"},
    {"a\x01"
     "b",
     "a|\x01|b"},
};

std::string cut(const std::string& text) {
  std::string tokens;
  for (const Token& token : tokenize(text)) {
    if (!tokens.empty()) tokens += '|';
    tokens += text.substr(token.span.offset, token.span.length);
  }
  return tokens;
}

}  // namespace

TEST(Tokenizer, CutsWherePostgresqlCuts) {
  for (const Cut& expected : kCuts)
    EXPECT_EQ(cut(expected.text), expected.tokens) << "text: " << expected.text;
}

TEST(Tokenizer, EmptyAndBlankTextHasNoToken) {
  for (const char* text : {"", " ", "\n\t\f\r\v", "--", "-- x", "/* x */", "/*", "/* /* */"}) {
    EXPECT_EQ(cut(text), "") << "text: " << text;
  }
}

TEST(Tokenizer, StaysInsideTheTextWhereverItIsCutOff) {
  for (const Cut& whole : kCuts) {
    for (std::size_t length = 0; length <= whole.text.size(); ++length) {
      const std::vector<char> exact(whole.text.begin(),
                                    whole.text.begin() + static_cast<std::ptrdiff_t>(length));
      std::size_t end = 0;
      Tokenizer tokenizer({exact.data(), exact.size()});
      for (Token token; tokenizer.next(token);) {
        EXPECT_GE(token.span.offset, end) << whole.text << " cut off at " << length;
        EXPECT_GT(token.span.length, 0U) << whole.text << " cut off at " << length;
        end = std::size_t{token.span.offset} + token.span.length;
      }
      EXPECT_LE(end, length) << whole.text << " cut off at " << length;
    }
  }
}

TEST(Tokenizer, CountsCommentsAndSignsThatTheScannerReadsAgain) {
  const auto worst_run = [](std::string_view text) {
    Tokenizer tokenizer(text);
    for (Token token; tokenizer.next(token);) {
    }
    return tokenizer.worst_run();
  };
  EXPECT_EQ(worst_run("a + b"), 0U);
  EXPECT_EQ(worst_run("a /*x*/ /*y*/ b"), 1U);
  EXPECT_EQ(worst_run("/**//**//**/a/**/"), 3U);
  EXPECT_EQ(worst_run("/*/*/**/*/*/"), 3U);
  EXPECT_EQ(worst_run("/*a/*b/*c*/*/*/"), 1U);
  EXPECT_EQ(worst_run("a =/**/-/**/b"), 2U);
  EXPECT_EQ(worst_run("1 +++++1"), 4U);
  EXPECT_EQ(worst_run("1 + + + + +1"), 0U);
  EXPECT_EQ(worst_run("1 <+-+-+1"), 5U);
  EXPECT_EQ(worst_run("'/**//**/' \"++++\" $$/**//**/$$ -- /**//**/"), 0U);
}

TEST(Tokenizer, BlanksInThePlaceOfComments) {
  const auto blanked = [](std::string text) { return blank_comments(text) ? text : "unchanged: " + text; };
  EXPECT_EQ(blanked("a/*x*/b--y\nc"), "a     b   \nc");
  EXPECT_EQ(blanked("/* /* \n */ */ 'it''s -- no' \"/*\" $$--$$"),
            std::string(6, ' ') + "\n" + std::string(7, ' ') + "'it''s -- no' \"/*\" $$--$$");
  EXPECT_EQ(blanked("a  b"), "unchanged: a  b");
  EXPECT_EQ(blanked("'a' /*\n*/ 'b'"), "unchanged: 'a' /*\n*/ 'b'");
  EXPECT_EQ(blanked("a /**/ /* open"), "unchanged: a /**/ /* open");
}

TEST(TokenizerAgainstScanner, EveryPieceAlone) {
  std::size_t compared = 0;
  for (const std::string& piece : kPieces) {
    EXPECT_EQ(difference(piece), "");
    compared += scan(piece).has_value() ? 1U : 0U;
  }
  EXPECT_GT(compared, 100U) << "the scanner refuses nearly everything: the comparison is empty";
}

TEST(TokenizerAgainstScanner, EveryPairGluedAndApart) {
  for (const std::string& first : kPieces) {
    for (const std::string& second : kPieces) {
      for (const char* between : {"", " ", "\n", "--\n"}) {
        ASSERT_EQ(difference(first + between + second), "");
      }
    }
  }
}

}  // namespace chaperone::parser::testing
