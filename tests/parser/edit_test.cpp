#include "parser/edit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "parser/utf8.hpp"

namespace chaperone::parser {

namespace {

using Pieces = std::vector<EditScript::Piece>;

Pieces text(std::string words) {
  return {{std::move(words), false}};
}

std::string value_of(std::string_view name) {
  return name == "tenant" ? "'42'" : "E'\\\\'";
}

std::string applied(const EditScript& edits, std::string_view sql) {
  return edits.apply(sql, value_of);
}

std::string inserted(std::string_view sql, std::uint32_t offset, std::string words) {
  EditScript edits;
  edits.insert(offset, text(std::move(words)));
  return applied(edits, sql);
}

}  // namespace

TEST(EditScript, LeavesATextWithoutEditsAlone) {
  const EditScript none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(applied(none, "select  1 -- é"), "select  1 -- é");
  EXPECT_EQ(applied(none, ""), "");
}

TEST(EditScript, EditsComeInAnyOrderAndStandInTheTexts) {
  EditScript edits;
  edits.replace({14, 5}, text("(SELECT 1)"));
  edits.insert(20, text("a"));
  edits.insert(20, text("b"));
  edits.insert(0, text("/*c*/"));
  edits.replace({7, 1}, text("x"));
  EXPECT_FALSE(edits.empty());
  EXPECT_GT(edits.bytes(), 20U);
  EXPECT_EQ(applied(edits, "select a from users u"), "/*c*/select x from (SELECT 1) a b u");
}

TEST(EditScript, AnInsertionStandsInFrontOfAReplacement) {
  EditScript edits;
  edits.replace({2, 1}, text("x"));
  edits.insert(2, text("<"));
  edits.insert(3, text(">"));
  EXPECT_EQ(applied(edits, "( a )"), "( <x> )");
}

TEST(EditScript, OverlapsAreAMistake) {
  EditScript edits;
  edits.replace({4, 4}, text("x"));
  EXPECT_THROW(edits.replace({4, 1}, text("y")), std::logic_error);
  EXPECT_THROW(edits.replace({2, 3}, text("y")), std::logic_error);
  EXPECT_THROW(edits.insert(5, text("y")), std::logic_error);
  EXPECT_THROW(edits.replace({7, 9}, text("y")), std::logic_error);
  edits.insert(8, text("z"));
  edits.replace({0, 4}, text("a"));
  EXPECT_EQ(applied(edits, "0123456789"), "a x z 89");
}

TEST(EditScript, SlotsAreFilledAtTheEnd) {
  EditScript edits;
  edits.insert(7, {{"tenant = ", false}, {"tenant", true}, {"::int4 AND", false}});
  EXPECT_EQ(applied(edits, "select a"), "select tenant = '42'::int4 AND a");
  EditScript joined;
  joined.insert(7, {{"name", false}, {"path", true}, {"x", false}});
  EXPECT_EQ(applied(joined, "select a"), "select name E'\\\\'x a");
}

TEST(EditScript, ABlankStandsWhereTokensCouldJoin) {
  EXPECT_EQ(inserted("ab", 1, "c"), "a c b");
  EXPECT_EQ(inserted("1,2", 1, "3"), "1 3,2");
  EXPECT_EQ(inserted("é,2", 2, "x"), "é x,2");
  EXPECT_EQ(inserted("x=1", 2, "-"), "x= -1");
  EXPECT_EQ(inserted("x-1", 2, "-2+"), "x- -2+1");
  EXPECT_EQ(inserted("x/1", 2, "*"), "x/ *1");
  EXPECT_EQ(inserted("''", 2, "'b'"), "'' 'b'");
  EXPECT_EQ(inserted("\"a\"", 3, "\"b\""), "\"a\" \"b\"");
  EXPECT_EQ(inserted("E", 1, "'b'"), "E 'b'");
  EXPECT_EQ(inserted("U", 1, "&'b'"), "U &'b'");
  EXPECT_EQ(inserted("u&", 2, "'b'"), "u& 'b'");
  EXPECT_EQ(inserted("1", 1, ".5"), "1 .5");
  EXPECT_EQ(inserted("a.", 2, "5"), "a. 5");
  EXPECT_EQ(inserted("a:", 2, ":b"), "a: :b");
  EXPECT_EQ(inserted("a:", 2, "=b"), "a: =b");
  EXPECT_EQ(inserted("$1", 2, "a"), "$1 a");
  EXPECT_EQ(inserted("a", 1, "$$b$$"), "a $$b$$");
  EXPECT_EQ(inserted("f(a)", 2, "b,"), "f(b,a)");
  EXPECT_EQ(inserted("f (a)", 1, "(b)"), "f(b) (a)");
}

TEST(EditScript, ADeletionJoinsNothing) {
  EditScript edits;
  edits.replace({1, 1}, {});
  EXPECT_EQ(applied(edits, "a.b"), "a b");
  EXPECT_EQ(applied(edits, "- -"), "- -");
  EXPECT_EQ(applied(edits, "( )"), "()");
}

TEST(PositionMap, CountsCharacters) {
  const std::string sql = "select 'é', a from users u where b";
  EditScript edits;
  edits.insert(0, text("/*ü*/ "));
  edits.replace({20, 5}, text("(SELECT é FROM public.users)"));
  const std::string sent = applied(edits, sql);
  ASSERT_EQ(sent, "/*ü*/ select 'é', a from (SELECT é FROM public.users) u where b");
  const PositionMap map(edits, sql, value_of);
  EXPECT_EQ(map.client_position(0), 0U);
  EXPECT_EQ(map.client_position(1), 1U);
  EXPECT_EQ(map.client_position(6), 1U);
  EXPECT_EQ(map.client_position(7), 1U);
  EXPECT_EQ(map.client_position(15), 9U);
  EXPECT_EQ(map.client_position(19), 13U);
  EXPECT_EQ(map.client_position(26), 20U);
  EXPECT_EQ(map.client_position(53), 20U);
  EXPECT_EQ(map.client_position(54), 25U);
  EXPECT_EQ(map.client_position(63), 34U);
  EXPECT_EQ(map.client_position(64), 35U);
}

TEST(PositionMap, OfNoEditsIsTheIdentity) {
  EXPECT_EQ(PositionMap().client_position(7), 7U);
  EXPECT_EQ(PositionMap(EditScript(), "select é", value_of).client_position(8), 8U);
}

// Every character that was not spliced is found again at the place that the map gives for it.
TEST(PositionMap, EveryKeptCharacterIsFoundAgain) {
  std::mt19937 random(20261);
  const std::vector<std::string> words = {"é", "a", "1", " ", "'", "𝄞", "-", "("};
  for (int round = 0; round < 500; ++round) {
    std::string sql;
    std::vector<std::uint32_t> starts;  // byte offset of each character
    for (auto n = random() % 30; n > 0; --n) {
      starts.push_back(static_cast<std::uint32_t>(sql.size()));
      sql += words[random() % words.size()];
    }
    starts.push_back(static_cast<std::uint32_t>(sql.size()));
    EditScript edits;
    std::vector<bool> kept(starts.size() - 1, true);
    for (std::size_t i = 0; i + 1 < starts.size();) {
      const std::size_t length = std::min<std::size_t>(random() % 3, starts.size() - 1 - i);
      if (random() % 3 == 0) {
        edits.replace({starts[i], starts[i + length] - starts[i]}, text(random() % 4 == 0 ? "" : "ßßß"));
        for (std::size_t k = 0; k < length; ++k) kept[i + k] = false;
        i += length;
      }
      ++i;
    }
    const std::string sent = applied(edits, sql);
    const PositionMap map(edits, sql, value_of);
    std::vector<std::size_t> places;
    for (std::uint32_t p = 1; p <= characters(sent); ++p) places.push_back(map.client_position(p));
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const auto hits = static_cast<std::size_t>(std::count(places.begin(), places.end(), i + 1));
      EXPECT_GE(hits + (kept[i] ? 0U : 1U), 1U) << "character " << i + 1 << " of " << sql << " in " << sent;
    }
    EXPECT_TRUE(std::is_sorted(places.begin(), places.end())) << sql << " as " << sent;
  }
}

}  // namespace chaperone::parser
