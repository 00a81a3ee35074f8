#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/rules/narrowing.hpp"

// What is sent for what an agent wrote.
namespace chaperone::rules {

namespace {

using narrowing::Shop;
using Case = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kUsers =
    "id, tenant, pg_catalog.left(email, 1)::pg_catalog.text AS email, name, salary, created, mood, data";
constexpr std::string_view kTickets = "id, subject, body, status, created, points";

// What stands for it in the tables.
const std::vector<std::pair<std::string, std::string>> kShort = {
    {"<users>", "(SELECT <columns of users> FROM public.users WHERE tenant = <tenant>)"},
    {"<fence users>",
     "(SELECT <columns of users> FROM public.users WHERE tenant = <tenant> UNION ALL SELECT <columns of "
     "users> FROM "
     "public.users WHERE false OFFSET 0)"},
    {"<tickets>", "(SELECT <columns of tickets> FROM public.tickets WHERE tenant_id = <tenant>)"},
    {"<fence tickets>",
     "(SELECT <columns of tickets> FROM public.tickets WHERE tenant_id = <tenant> UNION ALL SELECT <columns "
     "of "
     "tickets> FROM public.tickets WHERE false OFFSET 0)"},
    {"<staff>", "(SELECT id, name, boss FROM public.staff)"},
    {"<cards>", "(SELECT id, owner, '***'::pg_catalog.text AS number FROM public.cards)"},
    {"<columns of users>", std::string(kUsers)},
    {"<columns of tickets>", std::string(kTickets)},
    {"<set>", "E'al''ice\\\\'::pg_catalog.text, <tenant>"},
    {"<tenant>", "'42'::pg_catalog.int4"},
};

std::string whole(std::string_view text) {
  std::string result(text);
  for (const auto& [name, meaning] : kShort) {
    for (std::size_t at = 0; (at = result.find(name, at)) != std::string::npos;)
      result.replace(at, name.size(), meaning);
  }
  return result;
}

void check(const Shop& shop, const std::vector<Case>& cases) {
  for (const auto& [sql, sent] : cases) EXPECT_EQ(shop.rewritten(sql), whole(sent)) << sql;
}

}  // namespace

TEST(Rewrite, EachTableIsReadThroughAWrapper) {
  const Shop shop;
  check(
      shop,
      {
          {R"sql(select * from users)sql", R"sql(select * from <users> users)sql"},
          {R"sql(select id, name from users)sql", R"sql(select id, name from <users> users)sql"},
          {R"sql(select count(*) from staff)sql", R"sql(as written)sql"},
          {R"sql(select * from staff)sql", R"sql(select * from <staff> staff)sql"},
          {R"sql(select s.* from staff s)sql", R"sql(select s.* from <staff> s)sql"},
          {R"sql(select s from staff s)sql", R"sql(select s from <staff> s)sql"},
          {R"sql(select number from cards)sql", R"sql(select number from <cards> cards)sql"},
          {R"sql(select id, owner from cards)sql", R"sql(as written)sql"},
          {R"sql(select c.* from public.cards as c)sql", R"sql(select c.* from <cards> as c)sql"},
          {R"sql(select public.cards.number, public.cards.* from public.cards)sql",
           R"sql(select cards.number, cards.* from <cards> cards)sql"},
          {R"sql(select * from users natural join staff)sql",
           R"sql(select * from <users> users natural join <staff> staff)sql"},
          {R"sql(select * from orders join users using (id))sql",
           R"sql(select * from orders join <users> users using (id))sql"},
          {R"sql(select (select count(*) from users))sql",
           R"sql(select (select count(*) from <users> users))sql"},
          {R"sql(with u as (select * from users) select * from u)sql",
           R"sql(with u as (select * from <users> users) select * from u)sql"},
          {R"sql(with users as (select 1 id) select * from users)sql", R"sql(as written)sql"},
          {R"sql(select id from users union all select id from tickets)sql",
           R"sql(select id from <users> users union all select id from <tickets> tickets)sql"},
          {R"sql(table users)sql", R"sql(SELECT * FROM <users> users)sql"},
          {R"sql(table staff)sql", R"sql(SELECT * FROM <staff> staff)sql"},
          {R"sql(select * from only users)sql",
           R"sql(select * from (SELECT <columns of users> FROM ONLY public.users WHERE tenant = <tenant>) users)sql"},
          {R"sql(select * from only (users) u)sql",
           R"sql(select * from (SELECT <columns of users> FROM ONLY public.users WHERE tenant = <tenant>) u)sql"},
          {R"sql(select * from users * as u)sql", R"sql(select * from <users>  as u)sql"},
          {R"sql(select * from users u(a, b))sql", R"sql(select * from <users> u(a, b))sql"},
          {R"sql(select * from staff tablesample system (10) repeatable (1))sql",
           R"sql(select * from (SELECT id, name, boss FROM public.staff tablesample system (10) repeatable (1)) staff )sql"},
          {R"sql(select salary * 2 from users order by salary * 3)sql",
           R"sql(select salary * 2 from <users> users order by salary * 3)sql"},
          {R"sql(with s as (select *, salary * 2 as d from users) select d from s order by d)sql",
           R"sql(with s as (select *, salary * 2 as d from <users> users) select d from s order by d)sql"},
          {R"sql(select * from docs)sql",
           R"sql(select * from (SELECT pgchaperone.id, pgchaperone.owner, pgchaperone.title, pgchaperone.pages FROM public.docs AS pgchaperone WHERE pgchaperone.owner IN (SELECT m.user_id FROM public.mem AS m WHERE m.tenant = <tenant>)) docs)sql"},
          {R"sql(explain select * from orders)sql", R"sql(as written)sql"},
      });
}

TEST(Rewrite, PartialPredicatesAreGuardedOrFenced) {
  const Shop shop;
  check(
      shop, {
                {R"sql(select * from users u where u.id = 1)sql",
                 R"sql(select * from <users> u where u.id = 1)sql"},
                {R"sql(select id, name from staff where id = 3)sql", R"sql(as written)sql"},
                {R"sql(select * from orders o left join users u on u.id = o.user_id)sql",
                 R"sql(select * from orders o left join <users> u on u.id = o.user_id)sql"},
                {R"sql(select 1 where exists (select 1 from users u where u.id = 1))sql",
                 R"sql(select 1 where exists (select 1 from <users> u where u.id = 1))sql"},
                {R"sql(select a from users u(a, b, c) where (b + 1) > 2)sql",
                 R"sql(select a from <users> u(a, b, c) where CASE WHEN (u.b = <tenant>) THEN ((b + 1) > 2) ELSE false END)sql"},
                {R"sql(select * from staff as s tablesample bernoulli ('1\0') where true)sql",
                 R"sql(select * from (SELECT id, name, boss FROM public.staff tablesample bernoulli (E'1\\0')) as s  where true)sql"},
                {R"sql(select * from users where salary > 10 for update of users)sql",
                 R"sql(select * from <users> users where salary > 10 for update of users)sql"},
                {R"sql(select * from users where salary + 1 > 10)sql",
                 R"sql(select * from <users> users where CASE WHEN (users.tenant = <tenant>) THEN (salary + 1 > 10) ELSE false END)sql"},
                {R"sql(select * from users u where u.salary / 0 > 10 and u.id = 3 and lower(u.email) = 'a')sql",
                 R"sql(select * from <users> u where CASE WHEN (u.tenant = <tenant>) THEN (u.salary / 0 > 10) ELSE false END and u.id = 3 and lower(u.email) = 'a')sql"},
                {R"sql(select * from tickets t where t.points * 2 > 10 and t.id in (1,2,3))sql",
                 R"sql(select * from (SELECT t.id, t.subject, t.body, t.status, t.created, t.points FROM public.tickets AS t WHERE (t.tenant_id = <tenant>) AND CASE WHEN (t.tenant_id = <tenant>) THEN (t.points * 2 > 10) ELSE false END) t where true and t.id in (1,2,3))sql"},
                {R"sql(select * from tickets where points + 1 > 3 or id = 3)sql",
                 R"sql(select * from (SELECT tickets.id, tickets.subject, tickets.body, tickets.status, tickets.created, tickets.points FROM public.tickets AS tickets WHERE (tickets.tenant_id = <tenant>) AND CASE WHEN (tickets.tenant_id = <tenant>) THEN (points + 1 > 3 or id = 3) ELSE false END) tickets where true)sql"},
                {R"sql(select * from users u join tickets t on t.id = u.id where u.salary + t.points > 3)sql",
                 R"sql(select * from <users> u join <fence tickets> t on t.id = u.id where CASE WHEN (u.tenant = <tenant>) THEN (u.salary + t.points > 3) ELSE false END)sql"},
                {R"sql(select * from orders o left join users u on u.id = o.user_id where u.salary + 1 > 3)sql",
                 R"sql(select * from orders o left join <fence users> u on u.id = o.user_id where u.salary + 1 > 3)sql"},
                {R"sql(select * from orders o join users u on u.id = o.user_id + 1 and u.salary::text = o.note)sql",
                 R"sql(select * from orders o join <users> u on u.id = o.user_id + 1 and u.salary::text = o.note)sql"},
                {R"sql(select * from orders o join users u on u.name::int = o.user_id where u.id = 5 and o.id = 3)sql",
                 R"sql(select * from orders o join (SELECT u.id, u.tenant, pg_catalog.left(u.email, 1)::pg_catalog.text AS email, u.name, u.salary, u.created, u.mood, u.data FROM public.users AS u WHERE (u.tenant = <tenant>) AND (u.id = 5) UNION ALL SELECT u.id, u.tenant, pg_catalog.left(u.email, 1)::pg_catalog.text AS email, u.name, u.salary, u.created, u.mood, u.data FROM public.users AS u WHERE false OFFSET 0) u on u.name::int = o.user_id where u.id = 5 and o.id = 3)sql"},
                {R"sql(select * from (select salary * 2 as d from users) s where d > 3)sql",
                 R"sql(select * from (select salary * 2 as d from <fence users> users) s where d > 3)sql"},
                {R"sql(select * from (select salary * 2 as d, id from users) s where id > 3)sql",
                 R"sql(select * from (select salary * 2 as d, id from <users> users) s where id > 3)sql"},
                {R"sql(select * from docs where pages + 1 > 3)sql",
                 R"sql(select * from (SELECT pgchaperone.id, pgchaperone.owner, pgchaperone.title, pgchaperone.pages FROM public.docs AS pgchaperone WHERE pgchaperone.owner IN (SELECT m.user_id FROM public.mem AS m WHERE m.tenant = <tenant>) UNION ALL SELECT pgchaperone.id, pgchaperone.owner, pgchaperone.title, pgchaperone.pages FROM public.docs AS pgchaperone WHERE false OFFSET 0) docs where pages + 1 > 3)sql"},
                {R"sql(select * from orders where note = 'a\b' and exists (select 1 from users u where u.id = orders.user_id and u.salary + orders.id > 3))sql", R"sql(select * from orders where note = E'a\\b' and exists (select 1 from <users> u where u.id = orders.user_id and CASE WHEN (u.tenant = <tenant>) THEN (u.salary + orders.id > 3) ELSE false END))sql"},
                {R"sql(select * from users u where exists (select 1 from orders o where o.user_id = u.id and 10 / u.salary > 3))sql",
                 R"sql(select * from <users> u where CASE WHEN (u.tenant = <tenant>) THEN (exists (select 1 from orders o where o.user_id = u.id and 10 / u.salary > 3)) ELSE false END)sql"},
                {R"sql(select * from users u where (select count(*) from orders o where o.user_id = u.salary) > 3)sql",
                 R"sql(select * from <users> u where (select count(*) from orders o where o.user_id = u.salary) > 3)sql"},
                {R"sql(select * from users u where (select o.id from orders o where o.user_id = u.id order by 1 fetch first 1 row with ties) = 1)sql",
                 R"sql(select * from <users> u where CASE WHEN (u.tenant = <tenant>) THEN ((select o.id from orders o where o.user_id = u.id order by 1 fetch first 1 row with ties) = 1) ELSE false END)sql"},
                // It may be a cast of the value.
                {R"sql(select d.id from docs d, lateral unnest(array[d.title]) t where t.int4 > 3)sql",
                 R"sql(select d.id from (SELECT pgchaperone.id, pgchaperone.owner, pgchaperone.title, pgchaperone.pages FROM public.docs AS pgchaperone WHERE pgchaperone.owner IN (SELECT m.user_id FROM public.mem AS m WHERE m.tenant = <tenant>) UNION ALL SELECT pgchaperone.id, pgchaperone.owner, pgchaperone.title, pgchaperone.pages FROM public.docs AS pgchaperone WHERE false OFFSET 0) d, lateral unnest(array[d.title]) t where t.int4 > 3)sql"},
                {R"sql(select * from users where name like 'a%' and email ilike '%x' and name like '%\')sql",
                 R"sql(select * from <users> users where name like 'a%' and email ilike '%x' and CASE WHEN (users.tenant = <tenant>) THEN (name like E'%\\') ELSE false END)sql"},
                {R"sql(select * from users where name ~ '^[a-z]+$' and mood = 'ok' and data @> '{}' and data->>'a' = 'x')sql",
                 R"sql(select * from <users> users where name ~ '^[a-z]+$' and mood = 'ok' and data @> '{}' and data->>'a' = 'x')sql"},
                {R"sql(select * from users where created > now() - interval '1 day' and created::date = '2024-01-01' and extract(year from created) = 2024)sql",
                 R"sql(select * from <users> users where created > now() - interval '1 day' and created::date = '2024-01-01' and extract(year from created) = 2024)sql"},
                {R"sql(select name::int from users where salary between 1 and 2 and (id = 3 and (tenant + 1 = 3)))sql",
                 R"sql(select name::int from <users> users where salary between 1 and 2 and (id = 3 and CASE WHEN (users.tenant = <tenant>) THEN ((tenant + 1 = 3)) ELSE false END))sql"},
            });
}

TEST(Rewrite, GroupByAKeyListsWhatDependsOnIt) {
  const Shop shop;
  check(
      shop,
      {
          {R"sql(select boss, count(*) from staff group by boss)sql", R"sql(as written)sql"},
          {R"sql(select u.id, u.name, count(o.id) from users u join orders o on o.user_id = u.id group by u.id)sql",
           R"sql(select u.id, u.name, count(o.id) from <users> u join orders o on o.user_id = u.id group by u.id, u.name)sql"},
          {R"sql(select u.*, count(o.id) from users u join orders o on o.user_id = u.id group by u.id order by u.id)sql",
           R"sql(select u.*, count(o.id) from <users> u join orders o on o.user_id = u.id group by u.id, u.tenant, u.email, u.name, u.salary, u.created, u.mood, u.data order by u.id)sql"},
          {R"sql(select id, name from users group by 1 having max(salary) > 3)sql",
           R"sql(select id, name from <users> users group by 1, users.name having max(salary) > 3)sql"},
          {R"sql(select u.id, u.name, o.note from users u, orders o group by u.id, rollup(o.note))sql",
           R"sql(select u.id, u.name, o.note from <users> u, orders o group by u.id, rollup(o.note), u.name)sql"},
          {R"sql(select u.id, u.name, u.salary from users u group by u.id, grouping sets ((u.name), (u.salary, u.id), ()))sql",
           R"sql(select u.id, u.name, u.salary from <users> u group by u.id, grouping sets ((u.name), (u.salary, u.id), ()))sql"},
          {R"sql(select u.id, u.data, max(o.id) from users u, orders o group by rollup(u.id))sql",
           R"sql(select u.id, u.data, max(o.id) from <users> u, orders o group by rollup(u.id))sql"},
          {R"sql(select tenant, sum(salary) / count(*) from users group by tenant having sum(salary) / count(*) > 3)sql",
           R"sql(select tenant, sum(salary) / count(*) from <users> users group by tenant having sum(salary) / count(*) > 3)sql"},
          {R"sql(select tenant from users group by tenant having tenant + 1 > 3)sql",
           R"sql(select tenant from <fence users> users group by tenant having tenant + 1 > 3)sql"},
      });
}

TEST(Rewrite, WritesGetTheFilter) {
  const Shop shop;
  check(
      shop,
      {
          {R"sql(update users set name = 'x' where id = 3)sql",
           R"sql(update users set name = 'x' where (id = 3) AND (users.tenant = <tenant>))sql"},
          {R"sql(update users set name = 'x' where id = 3 or true)sql",
           R"sql(update users set name = 'x' where (id = 3 or true) AND (users.tenant = <tenant>))sql"},
          {R"sql(update users set name = 'x')sql",
           R"sql(update users set name = 'x' WHERE (users.tenant = <tenant>))sql"},
          {R"sql(update users set name = 'x' returning *)sql",
           R"sql(update users set name = 'x' WHERE (users.tenant = <tenant>) returning users.id, users.tenant, pg_catalog.left(users.email, 1)::pg_catalog.text AS email, users.name, users.salary, users.created, users.mood, users.data)sql"},
          {R"sql(update users u set name = 'a\b' where u.id = 3 and u.salary + 1 > 3 returning u.id, email, lower(email), u.*)sql",
           R"sql(update users u set name = E'a\\b' where (u.id = 3 and CASE WHEN (u.tenant = <tenant>) THEN (u.salary + 1 > 3) ELSE false END) AND (u.tenant = <tenant>) returning u.id, (pg_catalog.left(u.email, 1)::pg_catalog.text) AS email, lower((pg_catalog.left(u.email, 1)::pg_catalog.text)), u.id, u.tenant, pg_catalog.left(u.email, 1)::pg_catalog.text AS email, u.name, u.salary, u.created, u.mood, u.data)sql"},
          {R"sql(update users set email = 'x' where id = 3)sql",
           R"sql(update users set email = 'x' where (id = 3) AND (users.tenant = <tenant>))sql"},
          {R"sql(update users set name = o.note from orders o where o.user_id = users.id and o.total * 2 > users.salary)sql",
           R"sql(update users set name = o.note from orders o where (o.user_id = users.id and CASE WHEN (users.tenant = <tenant>) THEN (o.total * 2 > users.salary) ELSE false END) AND (users.tenant = <tenant>))sql"},
          {R"sql(update users set name = t.subject from tickets t where t.id = users.id returning *)sql",
           R"sql(update users set name = t.subject from <tickets> t where (t.id = users.id) AND (users.tenant = <tenant>) returning users.id, users.tenant, pg_catalog.left(users.email, 1)::pg_catalog.text AS email, users.name, users.salary, users.created, users.mood, users.data, t.*)sql"},
          {R"sql(update only users set name = 'x' where (id = 3) returning (email))sql",
           R"sql(update only users set name = 'x' where ((id = 3)) AND (users.tenant = <tenant>) returning ((pg_catalog.left(users.email, 1)::pg_catalog.text)) AS email)sql"},
          {R"sql(update tickets set status = 'x' where id = 3)sql",
           R"sql(update tickets set status = 'x' where (id = 3) AND (tickets.tenant_id = <tenant>))sql"},
          {R"sql(update tickets t set status = 'x', points = points + 1 where id = 3 and points * 2 > 3 returning id, points)sql",
           R"sql(update tickets t set status = 'x', points = points + 1 where (id = 3 and CASE WHEN (t.tenant_id = <tenant>) THEN (points * 2 > 3) ELSE false END) AND (t.tenant_id = <tenant>) returning id, points)sql"},
          {R"sql(update staff set name = 'x' where id = 3)sql", R"sql(as written)sql"},
          {R"sql(update staff set name = 'x' where id = 3 returning *)sql",
           R"sql(update staff set name = 'x' where id = 3 returning staff.id, staff.name, staff.boss)sql"},
          {R"sql(with x as (update users set name = 'x' where id = 1 returning id) select * from x, users)sql",
           R"sql(with x as (update users set name = 'x' where (id = 1) AND (users.tenant = <tenant>) returning id) select * from x, <users> users)sql"},
          {R"sql(delete from users)sql", R"sql(delete from users WHERE (users.tenant = <tenant>))sql"},
          {R"sql(delete from users where id = 3)sql",
           R"sql(delete from users where (id = 3) AND (users.tenant = <tenant>))sql"},
          {R"sql(delete from users u using orders o where o.user_id = u.id and o.total + u.salary > 3 returning *)sql",
           R"sql(delete from users u using orders o where (o.user_id = u.id and CASE WHEN (u.tenant = <tenant>) THEN (o.total + u.salary > 3) ELSE false END) AND (u.tenant = <tenant>) returning u.id, u.tenant, pg_catalog.left(u.email, 1)::pg_catalog.text AS email, u.name, u.salary, u.created, u.mood, u.data, o.*)sql"},
          {R"sql(delete from tickets where id = 3 and created::date = '2024-01-01';)sql",
           R"sql(delete from tickets where (id = 3 and created::date = '2024-01-01') AND (tickets.tenant_id = <tenant>);)sql"},
          {R"sql(merge into staff s using users u on s.id = u.id + 1 when matched then update set name = u.name)sql",
           R"sql(merge into staff s using <fence users> u on s.id = u.id + 1 when matched then update set name = u.name)sql"},
      });
}

TEST(Rewrite, InsertsGetTheirColumns) {
  const Shop shop;
  check(
      shop,
      {
          {R"sql(insert into users values (1, 42, 'e', 'n'))sql",
           R"sql(insert into users (id, tenant, email, name) values (1, 42, 'e', 'n'))sql"},
          {R"sql(insert into users values (1, 42, 'e', 'n', 5), (default, 42, 'e', 'n', 5))sql",
           R"sql(insert into users (id, tenant, email, name, salary) values (1, 42, 'e', 'n', 5), (default, 42, 'e', 'n', 5))sql"},
          {R"sql(insert into users (id, name) values (1, 'x\y') returning *)sql",
           R"sql(insert into users (id, name) values (1, E'x\\y') returning users.id, users.tenant, pg_catalog.left(users.email, 1)::pg_catalog.text AS email, users.name, users.salary, users.created, users.mood, users.data)sql"},
          {R"sql(insert into users (id, name) values (1, 'x') on conflict do nothing)sql",
           R"sql(as written)sql"},
          {R"sql(insert into users (id, name) select id, note from orders)sql", R"sql(as written)sql"},
          {R"sql(insert into users select id, user_id, note from orders)sql",
           R"sql(insert into users (id, tenant, email) select id, user_id, note from orders)sql"},
          {R"sql(insert into orders values (1, 2, 3))sql", R"sql(as written)sql"},
          {R"sql(insert into orders select * from orders)sql", R"sql(as written)sql"},
          {R"sql(insert into orders select id, salary from users where salary + 1 > 3)sql",
           R"sql(insert into orders select id, salary from <users> users where CASE WHEN (users.tenant = <tenant>) THEN (salary + 1 > 3) ELSE false END)sql"},
          {R"sql(insert into notes (ticket_id, body) values (1, 'x'), (2, 'y') returning id)sql",
           R"sql(insert into notes (ticket_id, body, author, tenant_id) values (1, 'x', <set>), (2, 'y', <set>) returning id)sql"},
          {R"sql(insert into notes values (1, 'x'))sql",
           R"sql(insert into notes (ticket_id, body, author, tenant_id) values (1, 'x', <set>))sql"},
          {R"sql(insert into notes (ticket_id, body) select id, subject from tickets where id is distinct from 3)sql",
           R"sql(insert into notes (ticket_id, body, author, tenant_id) select id, subject, <set> from <tickets> tickets where id is distinct from 3)sql"},
          {R"sql(insert into notes (ticket_id, body) select distinct on (id) id, subject as "from" from tickets t union all (select 1, 'x' order by 1 limit 3))sql",
           R"sql(insert into notes (ticket_id, body, author, tenant_id) select distinct on (id) id, subject as "from", <set> from <tickets> t union all (select 1, 'x', <set> order by 1 limit 3))sql"},
          {R"sql(insert into notes (ticket_id) select id as rows from orders)sql",
           R"sql(insert into notes (ticket_id, author, tenant_id) select id as rows, <set> from orders)sql"},
          {R"sql(insert into notes (ticket_id) select rows.id rows from (select 1 as id) rows where id is not distinct from 1)sql",
           R"sql(insert into notes (ticket_id, author, tenant_id) select rows.id rows, <set> from (select 1 as id) rows where id is not distinct from 1)sql"},
          {R"sql(insert into notes (ticket_id) select id as distinct from orders)sql",
           R"sql(insert into notes (ticket_id, author, tenant_id) select id as distinct, <set> from orders)sql"},
          {R"sql(insert into notes (ticket_id) select id distinct from orders)sql",
           R"sql(insert into notes (ticket_id, author, tenant_id) select id distinct, <set> from orders)sql"},
          {R"sql(insert into notes (ticket_id) select g from rows from (generate_series(1, 2)) as g where g is not distinct from 1)sql",
           R"sql(insert into notes (ticket_id, author, tenant_id) select g, <set> from rows from (generate_series(1, 2)) as g where g is not distinct from 1)sql"},
          {R"sql(insert into notes (ticket_id, body) table orders)sql",
           R"sql(insert into notes (ticket_id, body, author, tenant_id) SELECT *, <set> FROM orders)sql"},
          {R"sql(insert into notes default values returning *)sql",
           R"sql(insert into notes (author, tenant_id) VALUES (<set>) returning notes.id)sql"},
          {R"sql(insert into notes as n (ticket_id) with x as (select 1) select * from x)sql",
           R"sql(insert into notes as n (ticket_id, author, tenant_id) with x as (select 1) select *, <set> from x)sql"},
          {R"sql(insert into notes (ticket_id) values ((select id from tickets limit 1)))sql",
           R"sql(insert into notes (ticket_id, author, tenant_id) values ((select id from <tickets> tickets limit 1), <set>))sql"},
      });
}

TEST(Rewrite, OtherStatements) {
  const Shop shop;
  check(
      shop,
      {
          {R"sql(copy users to stdout)sql",
           R"sql(copy (SELECT <columns of users> FROM ONLY public.users WHERE tenant = <tenant>) to stdout)sql"},
          {R"sql(copy staff (id, name) to stdout with (format csv))sql", R"sql(as written)sql"},
          {R"sql(copy staff to stdout)sql",
           R"sql(copy (SELECT id, name, boss FROM ONLY public.staff) to stdout)sql"},
          {R"sql(copy public.orders to stdout)sql", R"sql(as written)sql"},
          {R"sql(copy (select * from users) to stdout)sql",
           R"sql(copy (select * from <users> users) to stdout)sql"},
          {R"sql(copy orders from stdin)sql", R"sql(as written)sql"},
          {R"sql(declare c cursor for select * from users)sql",
           R"sql(declare c cursor for select * from <users> users)sql"},
          {R"sql(prepare p (int) as select * from users where id = $1)sql",
           R"sql(prepare p (int) as select * from <users> users where id = $1)sql"},
          {R"sql(select 1; select * from staff; delete from users where id = 1 -- x)sql",
           R"sql(select 1; select * from <staff> staff; delete from users where (id = 1) AND (users.tenant = <tenant>) -- x)sql"},
      });
}

TEST(Rewrite, RowsAreLimited) {
  const Shop shop(1000);
  check(
      shop,
      {
          {R"sql(select id from orders)sql", R"sql(select id from orders LIMIT 1001)sql"},
          {R"sql(select id from orders -- c)sql", R"sql(select id from orders LIMIT 1001 -- c)sql"},
          {R"sql(select id from orders;)sql", R"sql(select id from orders LIMIT 1001;)sql"},
          {R"sql(select id from orders limit 5)sql", R"sql(as written)sql"},
          {R"sql(select id from orders limit 1000)sql", R"sql(as written)sql"},
          {R"sql(select id from orders limit 1001)sql",
           R"sql(select id from orders limit least((1001), 1001::bigint))sql"},
          {R"sql(select id from orders limit 5000 offset 10)sql",
           R"sql(select id from orders limit least((5000), 1001::bigint) offset 10)sql"},
          {R"sql(select id from orders offset 10 limit $1)sql",
           R"sql(select id from orders offset 10 limit least(($1), 1001::bigint))sql"},
          {R"sql(select id from orders limit all)sql", R"sql(select id from orders limit 1001)sql"},
          {R"sql(select id from orders limit null)sql",
           R"sql(select id from orders limit least((null), 1001::bigint))sql"},
          {R"sql(select id from orders limit (select 3))sql",
           R"sql(select id from orders limit least(((select 3)), 1001::bigint))sql"},
          {R"sql(select id from orders limit 2.7 offset 1)sql",
           R"sql(select id from orders limit least((2.7), 1001::bigint) offset 1)sql"},
          {R"sql(select id from orders limit $1 + 1)sql",
           R"sql(select id from orders limit least(($1 + 1), 1001::bigint))sql"},
          {R"sql(select id from orders fetch first 5000 rows only)sql",
           R"sql(select id from orders fetch first (least((5000), 1001::bigint)) rows only)sql"},
          {R"sql(select id from orders fetch first row only)sql", R"sql(as written)sql"},
          {R"sql(select id from orders offset 5 rows fetch next $1 rows only)sql",
           R"sql(select id from orders offset 5 rows fetch next (least(($1), 1001::bigint)) rows only)sql"},
          {R"sql(select id from orders order by total fetch first 5 rows with ties)sql",
           R"sql(SELECT * FROM (select id from orders order by total fetch first 5 rows with ties) pgchaperone LIMIT 1001)sql"},
          {R"sql((select id from orders limit 5000))sql",
           R"sql((select id from orders limit least((5000), 1001::bigint)))sql"},
          {R"sql(((select id from orders)))sql", R"sql(((select id from orders LIMIT 1001)))sql"},
          {R"sql((select id from orders) union (select 1 limit 3))sql",
           R"sql((select id from orders) union (select 1 limit 3) LIMIT 1001)sql"},
          {R"sql(select id from orders union all select 1 order by 1)sql",
           R"sql(select id from orders union all select 1 order by 1 LIMIT 1001)sql"},
          {R"sql((select id from orders limit 5) order by 1)sql", R"sql(as written)sql"},
          {R"sql(values (1), (2))sql", R"sql(values (1), (2) LIMIT 1001)sql"},
          {R"sql(table orders)sql", R"sql(table orders LIMIT 1001)sql"},
          {R"sql(with x as (select 1 limit 2) select * from x)sql",
           R"sql(with x as (select 1 limit 2) select * from x LIMIT 1001)sql"},
          {R"sql(select 1)sql", R"sql(as written)sql"},
          {R"sql(select now(), upper('a'))sql", R"sql(as written)sql"},
          {R"sql(select generate_series(1, 10))sql", R"sql(select generate_series(1, 10) LIMIT 1001)sql"},
          {R"sql(select count(*) from orders)sql", R"sql(select count(*) from orders LIMIT 1001)sql"},
          {R"sql(select id from orders for update)sql",
           R"sql(select id from orders for update LIMIT 1001)sql"},
          {R"sql(select id from orders limit 5000 for update)sql",
           R"sql(select id from orders limit least((5000), 1001::bigint) for update)sql"},
          {R"sql(select id from orders for update limit 5000)sql",
           R"sql(select id from orders for update limit least((5000), 1001::bigint))sql"},
          {R"sql(declare c cursor for select id from orders limit 5000)sql",
           R"sql(declare c cursor for select id from orders limit least((5000), 1000::bigint))sql"},
          {R"sql(declare c cursor with hold for (select id from orders))sql",
           R"sql(declare c cursor with hold for (select id from orders LIMIT 1000))sql"},
          {R"sql(declare c scroll cursor for select id from users for update)sql",
           R"sql(declare c scroll cursor for select id from <users> users for update LIMIT 1000)sql"},
          {R"sql(copy (select id from orders limit 5000) to stdout)sql",
           R"sql(copy (select id from orders limit least((5000), 1001::bigint)) to stdout)sql"},
          {R"sql(copy (table orders) to stdout csv)sql",
           R"sql(copy (table orders LIMIT 1001) to stdout csv)sql"},
          {R"sql(copy orders to stdout)sql",
           R"sql(copy (SELECT id, user_id, total, note, placed FROM ONLY public.orders LIMIT 1001) to stdout)sql"},
          {R"sql(copy users (id, email) to stdout with csv header)sql",
           R"sql(copy (SELECT id, pg_catalog.left(email, 1)::pg_catalog.text AS email FROM ONLY public.users WHERE tenant = <tenant> LIMIT 1001) to stdout with csv header)sql"},
          {R"sql(prepare p as select id from orders)sql",
           R"sql(prepare p as select id from orders LIMIT 1001)sql"},
          {R"sql(prepare p (int, text) as (select id from orders where id = $1))sql",
           R"sql(prepare p (int, text) as (select id from orders where id = $1 LIMIT 1001))sql"},
          {R"sql(execute p(1))sql", R"sql(as written)sql"},
          {R"sql(explain select id from orders)sql", R"sql(as written)sql"},
          {R"sql(create temp table x as select id from orders)sql", R"sql(as written)sql"},
          {R"sql(insert into orders select * from orders)sql", R"sql(as written)sql"},
          {R"sql(select id from orders where note = 'limit' or total = 3 order by (select 1 limit 1))sql",
           R"sql(select id from orders where note = 'limit' or total = 3 order by (select 1 limit 1) LIMIT 1001)sql"},
          {R"sql(select id as limit from orders)sql", R"sql(select id as limit from orders LIMIT 1001)sql"},
          {R"sql(select 1; select id from orders; values (1))sql",
           R"sql(select 1; select id from orders LIMIT 1001; values (1) LIMIT 1001)sql"},
          {R"sql(select id from orders limit (5))sql", R"sql(as written)sql"},
          {R"sql(select id from orders limit '3')sql",
           R"sql(select id from orders limit least(('3'), 1001::bigint))sql"},
          {R"sql(select id from orders where note = 'a\')sql",
           R"sql(select id from orders where note = E'a\\' LIMIT 1001)sql"},
      });
}

}  // namespace chaperone::rules
