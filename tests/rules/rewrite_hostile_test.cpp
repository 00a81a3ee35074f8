#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "rules/builtin/regex.hpp"
#include "rules/rewrite/rewrite_parts.hpp"
#include "tests/rules/narrowing.hpp"

// Texts made to mislead whoever looks for the parts of a statement.
namespace chaperone::rules {

namespace {

using narrowing::Shop;

/// One filter and one wrapper of `users`, whatever stands around it; its text is cut out.
std::string without_wrapper(std::string text) {
  const std::string_view wrapper =
      "(SELECT id, tenant, pg_catalog.left(email, 1)::pg_catalog.text AS email, name, salary, created, mood, "
      "data FROM "
      "public.users WHERE tenant = '42'::pg_catalog.int4)";
  for (std::size_t at = 0; (at = text.find(wrapper)) != std::string::npos;)
    text.replace(at, wrapper.size(), "<users>");
  const std::string_view filter = "users.tenant = '42'::pg_catalog.int4";
  for (std::size_t at = 0; (at = text.find(filter)) != std::string::npos;)
    text.replace(at, filter.size(), "<filter>");
  return text;
}

}  // namespace

TEST(RewriteHostile, PartsAreFoundWhereTheyAre) {
  const Shop shop;
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"select*from users", "select*from <users> users"},
      {"select 1 from\"users\"", "select 1 from<users> users"},
      {"select 1 from users--x\n", "select 1 from <users> users--x\n"},
      {"select 1 from users/*where*/where(id=1)", "select 1 from <users> users/*where*/where(id=1)"},
      {"select 1 from /* from users */ users /* u */ as /* v */ \"u\" where true",
       "select 1 from /* from users */ <users> /* u */ as /* v */ \"u\" where true"},
      {"select 1 from U&\"us\\0065rs\" where 1 / salary > 0",
       "select 1 from <users> users where CASE WHEN (<filter>) THEN (1 / salary > 0) ELSE false END"},
      {"select 1 from U&\"us!0065rs\" UESCAPE '!' as \"where\" where \"where\".id = 1",
       "select 1 from <users> as \"where\" where \"where\".id = 1"},
      {"select 1 as where, 2 as \"and\" from users where 1 / salary > 0 and id = 3",
       "select 1 as where, 2 as \"and\" from <users> users where CASE WHEN (<filter>) THEN (1 / salary > 0) "
       "ELSE false "
       "END and id = 3"},
      {"select 1 from users where (((1 / salary > 0))) and ((id = 3))",
       "select 1 from <users> users where CASE WHEN (<filter>) THEN ((((1 / salary > 0)))) ELSE false END "
       "and ((id = 3))"},
      {"select 1 from users where (id = 3 and (1 / salary > 0 and name = 'x')) group by id",
       "select 1 from <users> users where (id = 3 and (CASE WHEN (<filter>) THEN (1 / salary > 0) ELSE false "
       "END and "
       "name = 'x')) group by id"},
      {"select 1 from users where salary between 1 / salary and 3 and id = 3",
       "select 1 from <users> users where CASE WHEN (<filter>) THEN (salary between 1 / salary and 3) ELSE "
       "false END "
       "and id = 3"},
      {"select 1 from users where case when id = 1 and id = 2 then 1 / salary > 0 end and id = 3",
       "select 1 from <users> users where CASE WHEN (<filter>) THEN (case when id = 1 and id = 2 then 1 / "
       "salary > 0 "
       "end) ELSE false END and id = 3"},
      {"select 1 from users where id = 3 and not 1 / salary > 0 or id = 4 and id = 5",
       "select 1 from <users> users where CASE WHEN (<filter>) THEN (id = 3 and not 1 / salary > 0 or id = 4 "
       "and id = 5) "
       "ELSE false END"},
      {"select (select 1 where true and 1 / salary > 0) from users where id = 1",
       "select (select 1 where true and 1 / salary > 0) from <users> users where id = 1"},
      {"select 1 from users where id in (select 1 where true and false) and 1 / salary > 0 order by 1",
       "select 1 from <users> users where id in (select 1 where true and false) and CASE WHEN (<filter>) "
       "THEN (1 / salary "
       "> 0) ELSE false END order by 1"},
      {"select 1 from users where 1 / salary > 0 union select 2 from users where 2 / salary > 0 limit 3",
       "select 1 from <users> users where CASE WHEN (<filter>) THEN (1 / salary > 0) ELSE false END union "
       "select 2 from "
       "<users> users where CASE WHEN (<filter>) THEN (2 / salary > 0) ELSE false END limit 3"},
      {"select 1 from users where 1 / salary > 0 for update",
       "select 1 from <users> users where CASE WHEN (<filter>) "
       "THEN (1 / salary > 0) ELSE false END for update"},
      {"select 1 from users where '2020-01-01'::timestamp with time zone > created and 1 / salary > 0",
       "select 1 from <users> users where '2020-01-01'::timestamp with time zone > created and CASE WHEN "
       "(<filter>) THEN "
       "(1 / salary > 0) ELSE false END"},
      {"update users set name = 'where' where name = 'a' or true or 'b' = 'returning' returning id",
       "update users set name = 'where' where (name = 'a' or true or 'b' = 'returning') AND (<filter>) "
       "returning id"},
      {"update users set name = (select 'x' where true) returning id",
       "update users set name = (select 'x' where true) WHERE (<filter>) returning id"},
      {"delete from users where true -- ) or true",
       "delete from users where (true) AND (<filter>) -- ) or true"},
      {"delete from users where true /* ) */;", "delete from users where (true) AND (<filter>) /* ) */;"},
      {"delete from users;", "delete from users WHERE (<filter>);"},
      {"delete from users\n--x", "delete from users WHERE (<filter>)\n--x"},
      {"with d as (delete from users) select 1", "with d as (delete from users WHERE (<filter>)) select 1"},
      {"with d as (delete from users where id = 1 or id = 2) select 1",
       "with d as (delete from users where (id = 1 or id = 2) AND (<filter>)) select 1"},
      {"update users set name = e'\\'' where name = e'\\' where 1' or id = 2",
       "update users set name = e'\\'' where (name = e'\\' where 1' or id = 2) AND (<filter>)"},
      {"update users set name = $$ where $$ where name = $a$ ) $a$ or id = 2",
       "update users set name = $$ where $$ where (name = $a$ ) $a$ or id = 2) AND (<filter>)"},
  };
  for (const auto& [sql, sent] : cases) EXPECT_EQ(without_wrapper(shop.rewritten(sql)), sent) << sql;
}

// The policy's subquery must read the policy's table, whatever the agent calls its own.
TEST(RewriteHostile, NamesOfThePolicyAreNotTaken) {
  Shop shop;
  shop.filter_probe("EXISTS (SELECT 1 FROM public.mem AS m WHERE m.user_id = [id])");
  EXPECT_EQ(shop.rewritten("with mem as (select 1 as user_id) select id from probe as m"),
            "with mem as (select 1 as user_id) select id from (SELECT pgchaperone.id, pgchaperone.tenant, "
            "pgchaperone.email, pgchaperone.salary, pgchaperone.j FROM public.probe AS pgchaperone WHERE "
            "EXISTS (SELECT 1 "
            "FROM public.mem AS m WHERE m.user_id = pgchaperone.id)) as m");
  EXPECT_EQ(shop.rewritten("update probe m set salary = 1"),
            "denied: may not call the table by a name that its filter uses");
  EXPECT_EQ(shop.rewritten("delete from probe as mem"),
            "denied: may not call the table by a name that its filter uses");
  EXPECT_EQ(shop.rewritten("delete from probe p"),
            "delete from probe p WHERE (EXISTS (SELECT 1 FROM public.mem AS m WHERE m.user_id = p.id))");
}

TEST(RewriteHostile, ManyOfEverythingStayLinear) {
  const Shop shop(1000);
  std::string conjuncts = "select * from users where true";
  std::string sums = "select * from users where salary";
  std::string statements;
  std::string arms = "select id from users";
  std::string groups = "select salary";
  for (int i = 0; i < 10'000; ++i) {
    conjuncts += " and 1/salary>0";
    sums += "+1";
    statements += "delete from tickets where id=1/points and subject='\\';";
    if (i < 200) arms += " union select 1";
    groups += "+1";
  }
  EXPECT_NE(shop.rewritten(conjuncts).find("CASE"), std::string::npos);
  EXPECT_NE(shop.rewritten(sums + ">0").find("CASE"), std::string::npos);
  EXPECT_NE(shop.rewritten(statements).find("CASE"), std::string::npos);
  EXPECT_NE(shop.rewritten(arms).find("LIMIT 1001"), std::string::npos);
  EXPECT_NE(shop.rewritten(groups + ", salary from users group by id").find("group by id, users.salary"),
            std::string::npos);
  std::string tables = "select 1 from users a0";
  for (int i = 1; i < 70; ++i) tables += ", users a" + std::to_string(i);
  EXPECT_EQ(shop.rewritten(tables),
            "denied: may not read more than 64 tables of which it sees some rows in one statement");
}

// What came out wrong is noticed, however it came about.
TEST(RewriteHostile, TheResultIsCompared) {
  const Shop shop;
  const auto check = [&shop](std::string_view before, std::string_view after) {
    const auto old_facts = parser::read_facts(before);
    const auto new_facts = parser::read_facts(after);
    const Resolution resolution = resolve(*old_facts, shop.catalog(), shop.capability());
    const Narrowing narrowing = narrow(*old_facts, shop.catalog(), shop.capability(), resolution);
    return check_rewritten(*old_facts, *new_facts, resolution, narrowing);
  };
  const std::string wrapper = "(SELECT a, b, c, d, e, f, g, h FROM public.users WHERE tenant = 42) users";
  EXPECT_EQ(check("select * from users", "select * from " + wrapper), "");
  for (const auto& [after, why] : std::initializer_list<std::pair<std::string, std::string>>{
           {"select * from users", "other relations"},
           {"select * from public.users", "other relations"},
           {"select * from " + wrapper + ", users", "other relations"},
           {"select * from " + wrapper + ", orders", "other relations"},
           {"select * from (SELECT a, b, c, d, e, f, g, h FROM public.users) users", "other relations"},
           {"select * from (SELECT * FROM public.users WHERE tenant = 42) users", "other relations"},
           {"select * from (SELECT a, b, c, d, e, f, g, h FROM users WHERE tenant = 42) users",
            "other relations"},
           {"select * from (SELECT a, b, c, d, e, f, g, h FROM public.users, orders WHERE true) users",
            "other relations"},
           {"select * from (SELECT a, b, c, d, e, f, g, h FROM public.users WHERE tenant = 42) u",
            "other relations"},
           {"select 1 where exists (SELECT a, b, c, d, e, f, g, h FROM public.users WHERE tenant = 42)",
            "other relations"},
           {"select * from " + wrapper + "; select 1", "other statements"},
           {"delete from orders", "another kind of statement"},
           {"explain select * from " + wrapper, "another kind of statement"}}) {
    EXPECT_EQ(check("select * from users", after), why) << after;
  }
  EXPECT_EQ(check("delete from users where id = 1", "delete from users where (id = 1) AND (tenant = 42)"),
            "");
  EXPECT_EQ(check("delete from users where id = 1", "delete from users where id = 1 or true and tenant = 42"),
            "a write without its filter");
  EXPECT_EQ(check("delete from users", "delete from users"), "a write without its filter");
  EXPECT_EQ(check("delete from users", "delete from tickets where tenant = 42"), "other relations");
}

TEST(RewriteHostile, ValuesNeverLeaveTheirPlace) {
  const Shop shop;
  const auto facts = parser::read_facts("select * from users; delete from tickets");
  Verdict verdict;
  verdict.resolution = resolve(*facts, shop.catalog(), shop.capability());
  verdict.narrowing = narrow(*facts, shop.catalog(), shop.capability(), verdict.resolution);
  const std::string_view sql = "select * from users; delete from tickets";
  const auto rewritten = rewrite(sql, *facts, shop.catalog(), verdict);
  ASSERT_TRUE(rewritten.has_value());
  for (const std::string_view value : {"42", "'", "\\'", "') OR true --", "\\", "$$", "é", "*/", "\n"}) {
    Principal who;
    who.parameters.emplace("tenant", value);
    const auto sent = parser::read_facts(fill(*rewritten, sql, who));
    ASSERT_TRUE(sent.has_value()) << value;
    ASSERT_EQ(sent->statements.size(), 2U) << value;
    std::size_t found = 0;
    for (const parser::Expr& expr : sent->exprs) {
      found += expr.kind == parser::ExprKind::kConstant && expr.text == value ? 1U : 0U;
    }
    EXPECT_EQ(found, 2U) << value;
  }
  EXPECT_THROW(fill(*rewritten, sql, Principal{}), std::logic_error);
}

TEST(RewriteHostile, RegularExpressionsThatCompile) {
  for (const std::string_view pattern :
       {"", "a", "^a$", "a.b*", "[a-z]+x?", "^[^0-9]", "a\\.b\\d+", "é+", "[a-]"}) {
    EXPECT_TRUE(always_compiles(pattern)) << pattern;
  }
  for (const std::string_view pattern :
       {"(",  ")",   "(a)", "a{2}", "[",     "[]",    "[z-a]", "[[:alpha:]]", "[a",    "*",   "a**", "^*",
        "\\", "a\\", "\\1", "\\mx", "(?i)a", "***=a", "a|b",   "a$b",         "[a\\]", "a+?", "$^"}) {
    EXPECT_FALSE(always_compiles(pattern)) << pattern;
  }
}

}  // namespace chaperone::rules
