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

}  // namespace

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
      for (const char* between : {"", " ", "\n", "--\n", "/**/"}) {
        ASSERT_EQ(difference(first + between + second), "");
      }
    }
  }
}

}  // namespace chaperone::parser::testing
