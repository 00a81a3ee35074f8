#include "parser/script_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chaperone::parser {
namespace {

/// Each piece as its kind's letter (s, c, d; v where it has variables) and its text.
std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> found;
  ScriptReader reader(text);
  ScriptPiece piece;
  while (reader.next(piece)) {
    EXPECT_LE(piece.span.offset + piece.span.length, text.size());
    const char* kind = piece.kind == ScriptPiece::Kind::kStatement ? (piece.has_variables ? "v " : "s ")
                       : piece.kind == ScriptPiece::Kind::kCommand ? "c "
                                                                   : "d ";
    found.push_back(kind + piece.sql(text));
  }
  return found;
}

using Pieces = std::vector<std::string>;

TEST(ScriptReader, CutsAtSemicolons) {
  EXPECT_EQ(pieces("SELECT 1; SELECT 2;\n-- done\n;;"), (Pieces{"s SELECT 1", "s SELECT 2"}));
  EXPECT_EQ(pieces("SELECT 1"), (Pieces{"s SELECT 1"}));
  EXPECT_EQ(pieces(""), Pieces{});
  EXPECT_EQ(pieces(" /* only ; a comment */ -- ;\n"), Pieces{});
}

TEST(ScriptReader, SemicolonsInsideDoNotCut) {
  EXPECT_EQ(pieces("SELECT ';', \"a;b\", $$;$$, $x$ ; $$ $x$, E'\\';' /* ; /* ; */ ; */ -- ;\n;SELECT 2"),
            (Pieces{"s SELECT ';', \"a;b\", $$;$$, $x$ ; $$ $x$, E'\\';'", "s SELECT 2"}));
  EXPECT_EQ(pieces("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b); SELECT 1"),
            (Pieces{"s CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)", "s SELECT 1"}));
}

TEST(ScriptReader, ABodyOfAFunctionIsOneStatement) {
  const std::string body =
      "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; "
      "END";
  EXPECT_EQ(pieces(body + "; SELECT 2;"), (Pieces{"s " + body, "s SELECT 2"}));
  EXPECT_EQ(pieces("BEGIN; SELECT 1; END;"), (Pieces{"s BEGIN", "s SELECT 1", "s END"}));
  EXPECT_EQ(pieces("CREATE TABLE function_begin (a int); BEGIN; COMMIT"),
            (Pieces{"s CREATE TABLE function_begin (a int)", "s BEGIN", "s COMMIT"}));
}

TEST(ScriptReader, BackslashCommandsAreTheClients) {
  EXPECT_EQ(pieces("\\set x it's\nSELECT 1;\n\\echo 'done\n\\q"),
            (Pieces{"c \\set x it's", "s SELECT 1", "c \\echo 'done", "c \\q"}));
  EXPECT_EQ(pieces("SELECT 1 \\gx\nSELECT 2 \\; SELECT 3;"),
            (Pieces{"s SELECT 1", "c \\gx", "s SELECT 2  ; SELECT 3"}));
  EXPECT_EQ(pieces("SELECT E'\\;' \\; SELECT 1"), (Pieces{"s SELECT E'\\;'  ; SELECT 1"}));
}

TEST(ScriptReader, DataOfCopyIsNoStatement) {
  EXPECT_EQ(pieces("COPY t (a) FROM stdin;\n1;\n'2\n\\.\nSELECT 1;"),
            (Pieces{"s COPY t (a) FROM stdin", "d 1;\n'2\n\\.\n", "s SELECT 1"}));
  EXPECT_EQ(pieces("COPY t FROM STDIN WITH (FORMAT csv);\na\n"),
            (Pieces{"s COPY t FROM STDIN WITH (FORMAT csv)", "d a\n"}));
  EXPECT_EQ(pieces("COPY t FROM STDIN;"), (Pieces{"s COPY t FROM STDIN"}));
  EXPECT_EQ(pieces("COPY (SELECT a FROM stdin) TO STDOUT;\nSELECT 1"),
            (Pieces{"s COPY (SELECT a FROM stdin) TO STDOUT", "s SELECT 1"}));
  EXPECT_EQ(pieces("SELECT a FROM stdin;\nSELECT 1"), (Pieces{"s SELECT a FROM stdin", "s SELECT 1"}));
}

TEST(ScriptReader, TellsVariablesOfPsql) {
  EXPECT_EQ(pieces("SELECT :x; SELECT :'x'; SELECT :\"x\"; SELECT a::int; SELECT b[1 : 2]; SELECT ': x'"),
            (Pieces{"v SELECT :x", "v SELECT :'x'", "v SELECT :\"x\"", "s SELECT a::int", "s SELECT b[1 : 2]",
                    "s SELECT ': x'"}));
}

TEST(ScriptReader, EveryPrefixOfATextEnds) {
  const std::string text = "\\a\nCOPY t FROM stdin;\nx\n\\.\nSELECT $$;$$ \\; SELECT 'a' \\g\n;\\;";
  for (std::size_t length = 0; length <= text.size(); ++length) pieces(text.substr(0, length));
}

TEST(LineCounter, CountsLinesAndCharacters) {
  const std::string text = "ab\n\xC3\xA4x\n";
  LineCounter counter(text);
  const auto place = [&counter](std::size_t offset) {
    const LineColumn at = counter.at(offset);
    return std::pair(at.line, at.column);
  };
  EXPECT_EQ(place(0), std::pair(1U, 1U));
  EXPECT_EQ(place(2), std::pair(1U, 3U));
  EXPECT_EQ(place(5), std::pair(2U, 2U));
  EXPECT_EQ(place(1), std::pair(1U, 2U)) << "back";
  EXPECT_EQ(place(99), std::pair(3U, 1U));
}

}  // namespace
}  // namespace chaperone::parser
