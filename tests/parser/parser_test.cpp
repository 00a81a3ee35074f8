#include "parser/parser.hpp"

#include <gtest/gtest.h>

TEST(Parse, Begin) {
  const auto s = chaperone::parser::parse(" /* x */ begin ; ; select 1 -- x");
  ASSERT_TRUE(s.has_value());
  ASSERT_EQ(s->statements.size(), 2u);
  EXPECT_EQ(s->statements[0].span.offset, 9u);
  EXPECT_EQ(s->statements[0].span.length, 5u);
  EXPECT_EQ(s->statements[1].span.offset, 19u);
  EXPECT_EQ(s->statements[1].span.length, 8u);
}

TEST(SelfTest, FindsNothing) {
  EXPECT_EQ(chaperone::parser::self_test(), "");
}
