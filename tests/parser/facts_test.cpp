#include "parser/facts.hpp"

#include <gtest/gtest.h>

#include "tests/parser/facts_text.hpp"

namespace chaperone::parser {

using testing::facts_text;

TEST(Facts, APlainSelect) {
  EXPECT_EQ(facts_text("SELECT abalance FROM pgbench_accounts WHERE aid = 917"),
            "SELECT\n"
            "  #0 select\n"
            "    output abalance\n"
            "    from pgbench_accounts @21\n"
            "    where op:=(aid, 917)\n");
}

}  // namespace chaperone::parser
