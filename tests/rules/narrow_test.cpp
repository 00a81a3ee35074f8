#include "rules/narrow/narrow.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/rules/narrowing.hpp"

// What is refused, and which expressions may be evaluated beside a filter.
namespace chaperone::rules {

namespace {

using narrowing::Shop;

bool is_guarded(const Shop& shop, std::string_view condition) {
  const std::string sent = shop.rewritten(fmt::format("select id from users where {}", condition));
  EXPECT_NE(sent.find("FROM public.users WHERE"), std::string::npos) << condition << "\n" << sent;
  return sent.find("CASE WHEN (users.tenant = ") != std::string::npos ||
         sent.find("OFFSET 0") != std::string::npos;
}

}  // namespace

TEST(Narrow, RefusesWhatHasNoSoundForm) {
  const Shop shop;
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"select * from users tablesample system (10)", "sample \"users\", of which it sees some rows"},
      {"explain select * from users", "EXPLAIN a statement over \"users\", of which it sees a part"},
      {"explain (verbose) select 1 from orders where id in (select id from users)",
       "EXPLAIN a statement over \"users\", of which it sees a part"},
      {"explain analyze select id, name from staff",
       "EXPLAIN a statement over \"staff\", of which it sees a part"},
      {"explain update users set name = 'x'", "EXPLAIN a statement over \"users\", of which it sees a part"},
      {"select null::users", "use the row type of a table of which it sees a part"},
      {"select u::public.users from users u", "use the row type of a table of which it sees a part"},
      {"select null::users[]", "use the row type of a table of which it sees a part"},
      {"select null::mem", "use the row type of a table of which it sees a part"},
      {"update users set salary = salary * 2 where email = 'x'",
       "use column \"email\", of which it sees a mask, in a write"},
      {"update users set name = email", "use column \"email\", of which it sees a mask, in a write"},
      {"delete from users where email like 'a%'",
       "use column \"email\", of which it sees a mask, in a write"},
      {"update users set tenant = 7 where id = 3", "set column \"tenant\", which decides whose row it is"},
      {"update users set (name, tenant) = ('a', 42)", "set column \"tenant\", which decides whose row it is"},
      {"update users set name = t.subject from tickets t join orders o using (id) where t.id = users.id "
       "returning *",
       "use RETURNING * with USING or NATURAL here"},
      {"update users set name = 'x' where current of c",
       "use WHERE CURRENT OF on \"users\", of which it sees some rows"},
      {"delete from users where current of c",
       "use WHERE CURRENT OF on \"users\", of which it sees some rows"},
      {"update staff set name = 'x' where id = 3 returning staff",
       "use a whole row of \"staff\", of which it sees some columns"},
      {"update staff set name = row_to_json(staff)::text",
       "use a whole row of \"staff\", of which it sees some columns"},
      {"delete from users where users is not null",
       "use a whole row of \"users\", of which it sees some columns"},
      {"insert into users (id, name) values (1, 'x') on conflict (id) do update set name = 'x'",
       "use ON CONFLICT DO UPDATE on \"users\", of which it sees some rows"},
      {"merge into users u using orders o on o.id = u.id when matched then update set name = 'x'",
       "MERGE into \"users\", of which it sees some rows"},
      {"insert into users values (1, 42, 'e', 'n', 5, now())",
       "insert into column \"created\", which the values reach by their place"},
      {"insert into notes select 1, 'x', 3", ""},
      {"copy mem to stdout", "copy a table that it may not read"},
      {"copy users (id, ssn) to stdout", "copy a column that it may not read"},
      {"select * from orders o left join users u on u.id = o.id where u.salary + 1 > 3 for update of o",
       "lock rows beside an expression that could fail on rows it does not see"},
  };
  for (const auto& [sql, why] : cases) {
    const std::string sent = shop.rewritten(sql);
    if (why.empty()) {
      EXPECT_EQ(sent.find("ssn"), std::string::npos) << sql;
      continue;
    }
    EXPECT_EQ(sent, fmt::format("denied: may not {}", why)) << sql;
  }
}

TEST(Narrow, ADenialSaysWhere) {
  const Shop shop;
  const auto facts = parser::read_facts("select 1; explain select * from users");
  ASSERT_TRUE(facts.has_value());
  const Resolution resolution = resolve(*facts, shop.catalog(), shop.capability());
  const Narrowing narrowing = narrow(*facts, shop.catalog(), shop.capability(), resolution);
  ASSERT_TRUE(narrowing.denial.has_value());
  EXPECT_EQ(narrowing.denial->rule, "tables.users.read.explain");
  EXPECT_EQ(narrowing.denial->schema, "public");
  EXPECT_EQ(narrowing.denial->table, "users");
  EXPECT_EQ(narrowing.denial->offset, 32U);
}

TEST(Narrow, TotalExpressionsStandBesideTheFilter) {
  const Shop shop;
  for (const std::string_view condition : {"id = 1",
                                           "id = $1",
                                           "id in (1, 2, 3)",
                                           "id not in (1, 2)",
                                           "id between 1 and 3",
                                           "salary is null",
                                           "salary is distinct from 3",
                                           "not (salary > 3 or tenant <> 42)",
                                           "(salary > 3) is true",
                                           "name = 'a'",
                                           "name like 'a%'",
                                           "name ilike '%a\\\\'",
                                           "name not like '_a'",
                                           "lower(name) = 'a'",
                                           "upper(name) like 'A%'",
                                           "length(name) > 3",
                                           "name ~ '^[a-z]+[0-9]*$'",
                                           "created > '2024-01-01'",
                                           "created > now() - interval '1 day'",
                                           "extract(year from created) = 2024",
                                           "coalesce(salary, 0) > 3",
                                           "nullif(salary, 0) = 3",
                                           "greatest(salary, tenant) > 3",
                                           "case when salary > 3 then true else false end",
                                           "mood = 'ok'",
                                           "mood in ('ok', 'sad')",
                                           "data @> '{}'",
                                           "data->>'a' = 'b'",
                                           "data ? 'a'",
                                           "salary / 2 > 3",
                                           "salary % 10 = 3",
                                           "salary::bigint > 3",
                                           "salary::text = '3'",
                                           "salary = any('{1,2}')",
                                           "salary = any(array[1, 2])",
                                           "(id, salary) = (1, 2)",
                                           "(id, salary) in ((1, 2), (3, 4))",
                                           "salary > 1 + 2 * 3",
                                           "1 / 0 > id",
                                           "id = (select max(id) from orders)",
                                           "exists (select 1 from orders o where o.user_id = users.id)",
                                           "id in (select user_id from orders)",
                                           "id in (select user_id from orders where total * 2 > 3)",
                                           "created::date = '2024-01-01'",
                                           "substring(name, salary, 2) = 'a'",
                                           "name || '' = 'a' or true"}) {
    const bool concatenation = condition.find("||") != std::string_view::npos;
    EXPECT_EQ(is_guarded(shop, condition), concatenation) << condition;
  }
}

TEST(Narrow, PartialExpressionsAreKeptBehindTheFilter) {
  const Shop shop;
  for (const std::string_view condition : {"salary + 1 > 3",
                                           "-salary > 3",
                                           "salary / tenant > 3",
                                           "salary / 0 > 3",
                                           "salary / -1 > 3",
                                           "salary * 2 = 3",
                                           "name::int = 3",
                                           "name::date = now()",
                                           "(data->>'a')::int = 3",
                                           "name like '%a\\'",
                                           "name like email",
                                           "name like $1",
                                           "name like 'a' || $1",
                                           "name like 'a#' escape '#'",
                                           "name similar to 'a'",
                                           "name ~ '('",
                                           "name ~ 'a{2}'",
                                           "name ~ $1",
                                           "name ~ email",
                                           "created + interval '1 day' > now()",
                                           "date_trunc('day', created) = now()",
                                           "created at time zone 'UTC' > now()",
                                           "extract(year from name::date) = 3",
                                           "sqrt(salary) > 2",
                                           "power(salary, 2) > 3",
                                           "substring(name, salary, tenant) = 'a'",
                                           "to_date(name, 'YYYY') = now()",
                                           "decode(name, 'hex') = ''",
                                           "snoop(name)",
                                           "public.snoop(name)",
                                           "salary in (1, 1 / salary)",
                                           "coalesce(1 / salary, 3) = 3",
                                           "case when salary > 3 then 1 / salary > 3 end",
                                           "case 1 / salary when 1 then true end",
                                           "(id, 1 / salary) = (1, 2)",
                                           "salary = any(array[1, 1 / tenant])",
                                           "not (name::int = 3)",
                                           "exists (select 1 from orders o where 1 / users.salary > o.id)",
                                           "(select o.id from orders o where o.user_id = users.salary) = 3",
                                           "id in (select 1 / users.salary from orders)",
                                           "(select 1 / salary) = 3",
                                           "array[1 / salary] = '{1}'",
                                           "array(select 1 / salary) = '{1}'",
                                           "row(1 / salary) is null",
                                           "(1 / salary) is null",
                                           "1 / salary is distinct from 3",
                                           "tenant = 42 and (id = 3 or 1 / salary > 3)",
                                           "nonsense(name)",
                                           "name operator(public.=) 'a'",
                                           "jsonb_array_length(data) > 1"}) {
    EXPECT_TRUE(is_guarded(shop, condition)) << condition;
  }
}

TEST(Narrow, OnlyWhatAFilteredRowReachesCounts) {
  const Shop shop;
  const auto is_flat = [&shop](std::string_view sql) {
    const std::string sent = shop.rewritten(sql);
    EXPECT_NE(sent.find("FROM public.users"), std::string::npos) << sql << "\n" << sent;
    return sent.find("CASE WHEN (") == std::string::npos && sent.find("OFFSET 0") == std::string::npos;
  };
  for (
      const std::string_view sql :
      {"select * from users u join orders o on o.user_id = u.id where o.total * 2 > 3 and 1 / o.id > 0",
       "select * from users u join orders o on o.user_id = u.id and o.note::int > 3",
       "select 1 / salary, name::int from users order by 1 / salary", "select sum(1 / salary) from users",
       "select sum(salary) filter (where 1 / salary > 3) from users group by 1 / tenant",
       "select tenant from users group by tenant having sum(salary) / count(*) > 3",
       "select rank() over (order by 1 / salary) from users", "select distinct on (1 / salary) id from users",
       "select * from (select id, 1 / salary as d from users) s where id > 3 order by d",
       "select * from (select tenant, sum(1 / salary) as d from users group by tenant) s where d / 2 > 3",
       "select * from (select id, row_number() over (order by 1 / salary) as n from users) s where n + 1 < 3",
       "with s as (select *, 1 / salary as d from users) select * from s where salary > 3",
       "with recursive r as (select id, salary from users union all select u.id, u.salary from users u join "
       "r on "
       "u.id = r.id) select * from r where 1 / salary > 3",
       "select (select 1 / u.salary), (select count(*) from orders o where 1 / u.salary > o.id) from users u",
       "select * from users u, generate_series(1, 10 / u.salary) g",
       "select case when salary > 3 then 1 / salary end from users",
       "select id from users union select 1 / salary from users",
       "insert into orders (id) select 1 / salary from users",
       "select * from users limit (select count(*) / 2 from orders)"}) {
    EXPECT_TRUE(is_flat(sql)) << sql << "\n" << shop.rewritten(sql);
  }
  for (const std::string_view sql :
       {"select * from (select id, 1 / salary as d from users) s where d > 3",
        "select * from (select *, 1 / salary as d from users) s where d > 3",
        "select * from (select * from (select 1 / salary as d from users) s offset 0) t where d > 3",
        "select * from (select id from orders union all select 1 / salary from users) s where id > 3",
        "select * from (select distinct salary from users) s where 1 / salary > 3",
        "select salary from users group by salary having 1 / salary > 3",
        "with s as (select 1 / salary as d from users) select 1 from orders where exists (select 1 from s "
        "where d > 3)",
        "with s as (select 1 / salary as d from users), t as (select d from s) select * from t where d = 3",
        "select * from orders o where o.id in (select 1 / salary from users)",
        "select * from orders o join users u on o.id = 1 / u.salary",
        "select * from orders o left join users u on u.id = o.id where 1 / u.salary > 3",
        "select * from users u, lateral (select 1 where 1 / u.salary > 3) x",
        "select * from (select 1 / salary as id from users) s join orders using (id)",
        "select * from (select 1 / salary as id from users) s natural join orders",
        "select j.id from (users u join orders o using (id)) as j where 1 / j.salary > 3"}) {
    EXPECT_FALSE(is_flat(sql)) << sql << "\n" << shop.rewritten(sql);
  }
}

TEST(Narrow, CapsOnAffectedRows) {
  Shop shop;
  const auto caps = [&shop](std::string_view sql) {
    const auto facts = parser::read_facts(sql);
    const Resolution resolution = resolve(*facts, shop.catalog(), shop.capability());
    std::string text;
    const Narrowing plan = narrow(*facts, shop.catalog(), shop.capability(), resolution);
    if (plan.denial) return plan.denial->message;
    for (const auto& cap : plan.max_rows) {
      text += cap ? fmt::format("{} {} ", cap->rows, cap->rule) : "- ";
    }
    return text;
  };
  EXPECT_EQ(caps("select 1; update tickets set status = 'x' where id = 1; update users set name = 'x'"),
            "- - - ")
      << "the key names its rows";
}

TEST(Narrow, WhatWasNarrowedIsTold) {
  const Shop shop(1000);
  const auto what = [&shop](std::string_view sql) {
    const auto facts = parser::read_facts(sql);
    const Resolution resolution = resolve(*facts, shop.catalog(), shop.capability());
    return static_cast<int>(narrow(*facts, shop.catalog(), shop.capability(), resolution).what);
  };
  using namespace narrowed;
  EXPECT_EQ(what("select 1"), 0);
  EXPECT_EQ(what("select id from orders limit 3"), 0);
  EXPECT_EQ(what("select id from orders"), kLimit);
  EXPECT_EQ(what("select * from staff limit 3"), kColumns);
  EXPECT_EQ(what("select * from cards limit 3"), kMask);
  EXPECT_EQ(what("select id from users limit 3"), kRows | kColumns);
  EXPECT_EQ(what("select email from users"), kRows | kColumns | kMask | kLimit);
  EXPECT_EQ(what("insert into notes (body) values ('x')"), kSet);
  EXPECT_EQ(what("delete from tickets where id = 3"), kRows);
}

}  // namespace chaperone::rules
