// The law of non-interference: what an agent's SQL, rewritten, gets from the full database is what the SQL as
// written gets from a projected one, whose tables hold only the rows, columns and values that the agent may
// see.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "parser/edit.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/rewrite_queries.hpp"
#include "tests/pg/servers.hpp"
#include "tests/rules/narrowing.hpp"

namespace chaperone::pg {
namespace {

using rules::narrowing::Shop;

// Rows of all tenants; the agent is of tenant 42.
constexpr std::string_view kUsers =
    "SELECT g AS id, 41 + g % 3 AS tenant, 'u' || g || '@example.com' AS email, 'HIDDEN' || g AS ssn, "
    "'name' || g % 7 AS name, CASE WHEN g % 11 = 0 THEN NULL ELSE g * 10 END AS salary, "
    "timestamptz '2024-01-01 00:00+00' + g * interval '1 day' AS created, "
    "(ARRAY['sad', 'ok', 'happy'])[1 + g % 3]::public.mood AS mood, jsonb_build_object('a', g % 5) AS data "
    "FROM generate_series(1, 90) g";
constexpr std::string_view kTickets =
    "SELECT g AS id, 41 + g % 3 AS tenant_id, 'subject ' || g AS subject, repeat('b', g % 5) AS body, "
    "(ARRAY['open', 'closed'])[1 + g % 2] AS status, timestamptz '2024-02-01 00:00+00' + g * interval '1 "
    "hour' "
    "AS created, g % 10 AS points FROM generate_series(1, 60) g";
constexpr std::string_view kDocs =
    "SELECT g AS id, g % 20 AS owner, 'title ' || g AS title, g AS pages FROM generate_series(1, 50) g";
constexpr std::string_view kOrders =
    "INSERT INTO orders SELECT g, g % 100, g * 1.25, CASE WHEN g % 4 = 0 THEN NULL ELSE 'note ' || g END, "
    "date '2024-03-01' + g FROM generate_series(1, 80) g";

constexpr std::string_view kProjected = R"sql(
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE public.users (id int PRIMARY KEY, tenant int NOT NULL, email text, name varchar(40), salary int,
  created timestamptz, mood public.mood, data jsonb);
CREATE TABLE public.staff (id int PRIMARY KEY, name text, boss int);
CREATE TABLE public.orders (id int PRIMARY KEY, user_id int, total numeric(10,2), note text, placed date);
CREATE TABLE public.cards (id int PRIMARY KEY, owner int, number text);
CREATE TABLE public.tickets (id int PRIMARY KEY, subject text, body text, status text, created timestamptz,
  points int);
CREATE TABLE public.docs (id int PRIMARY KEY, owner int, title text, pages int);
CREATE TABLE public.parents (id int PRIMARY KEY, tenant int, label text);
)sql";

struct Reply {
  std::string columns;  // names, types, lengths, type modifiers
  std::vector<std::string> rows;
  std::string end;  // command tag, or SQLSTATE and message
  std::string notices;
  std::uint32_t position = 0;

  std::string text() const {
    std::string all = fmt::format("{}\n", columns);
    for (std::size_t i = 0; i < rows.size() && i < 4; ++i) all += "  " + rows[i] + "\n";
    return all + fmt::format("{} rows, {}", rows.size(), end);
  }
};

Reply reply_of(const Messages& messages) {
  Reply reply;
  for (const Message& message : messages) {
    if (message.type() == 'T') {
      // A column's table and its number there are physical; all else has to be the same.
      const std::string_view body = message.body();
      for (std::size_t i = 2; i < body.size();) {
        const std::size_t end = body.find('\0', i);
        reply.columns += std::string(body.substr(i, end - i)) + " ";
        const auto byte = [&body](std::size_t at) { return static_cast<unsigned char>(body[at]); };
        // So is the number of a type that was made by us; and a whole row is a record.
        const bool own = byte(end + 7) != 0 || byte(end + 8) != 0 || byte(end + 9) >= 0x40 ||
                         (byte(end + 9) == 0x08 && byte(end + 10) == 0xc9);
        for (std::size_t k = end + (own ? 11 : 7); k < end + 19; ++k) {
          reply.columns += fmt::format("{:02x}", byte(k));
        }
        reply.columns += ", ";
        i = end + 19;
      }
    } else if (message.type() == 'D') {
      reply.rows.emplace_back(message.body());
    } else if (message.type() == 'C') {
      reply.end = message.body();
    } else if (message.type() == 'E') {
      reply.end = message.field('C') + " " + message.field('M');
      const std::string position = message.field('P');
      reply.position = position.empty() ? 0 : static_cast<std::uint32_t>(std::stoul(position));
      reply.columns.clear();  // whether they came before it depends on when it was found
      reply.rows.clear();
    } else if (message.type() == 'N') {
      reply.notices += message.field('M') + "\n";
    }
  }
  return reply;
}

class Law : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres().run("CREATE DATABASE law_full");
    postgres().run("CREATE DATABASE law_projected");
    full = connect("law_full");
    projected = connect("law_projected");
    full->run(rules::narrowing::kShop);
    full->run(fmt::format("INSERT INTO users {}", kUsers));
    full->run("INSERT INTO staff SELECT g, 'staff' || g, 'HIDDEN' || g, g / 3 FROM generate_series(1, 20) g");
    full->run("INSERT INTO cards SELECT g, g % 5, '4111-' || g FROM generate_series(1, 20) g");
    full->run(fmt::format("INSERT INTO tickets {}", kTickets));
    full->run("INSERT INTO mem SELECT g, 41 + g % 3 FROM generate_series(1, 20) g");
    full->run(fmt::format("INSERT INTO docs {}", kDocs));
    full->run(kOrders);
    full->run("INSERT INTO parents SELECT g, 41 + g % 3, 'label ' || g FROM generate_series(1, 20) g");
    projected->run(kProjected);
    projected->run(
        fmt::format("INSERT INTO users SELECT id, tenant, left(email, 1), name, salary, created, mood, "
                    "data FROM ({}) s WHERE tenant = 42",
                    kUsers));
    projected->run("INSERT INTO staff SELECT g, 'staff' || g, g / 3 FROM generate_series(1, 20) g");
    projected->run("INSERT INTO cards SELECT g, g % 5, '***' FROM generate_series(1, 20) g");
    projected->run(
        fmt::format("INSERT INTO tickets SELECT id, subject, body, status, created, points FROM ({}) s "
                    "WHERE tenant_id = 42",
                    kTickets));
    projected->run(
        fmt::format("INSERT INTO docs SELECT * FROM ({}) s WHERE owner IN (SELECT g FROM "
                    "generate_series(1, 20) g WHERE 41 + g % 3 = 42)",
                    kDocs));
    projected->run(kOrders);
    projected->run(
        "INSERT INTO parents SELECT g, 41 + g % 3, 'label ' || g FROM generate_series(1, 20) g WHERE 41 "
        "+ g % 3 = 42");
    for (Client* client : {full.get(), projected.get()}) {
      client->run("ANALYZE");
      client->run("SET search_path = public");
    }
  }
  static void TearDownTestSuite() {
    full.reset();
    projected.reset();
    postgres().run("DROP DATABASE law_full WITH (FORCE)");
    postgres().run("DROP DATABASE law_projected WITH (FORCE)");
  }

  static std::unique_ptr<Client> connect(std::string database) {
    Login login;
    login.database = std::move(database);
    return std::make_unique<Client>(postgres().address(), login);
  }

  static Reply ask(Client& client, std::string_view sql) { return reply_of(client.exchange(query(sql))); }

  // What the agent gets for the SQL, and that it may send it.
  void compare(const std::string& sql) {
    const std::string sent = shop_.rewritten(sql);
    Reply expected = ask(*projected, sql);
    ++compared_;
    if (sent.starts_with("unresolved: ") || sent.starts_with("error: ")) {
      // Refused in words of our own where the projected database has nothing of that name.
      EXPECT_TRUE(expected.end.starts_with("42")) << sql << "\n" << sent << "\nbut\n" << expected.text();
      return;
    }
    ASSERT_FALSE(sent.starts_with("denied: ") || sent.starts_with("refused: ")) << sql << "\n" << sent;
    Reply got = ask(*full, sent == "as written" ? sql : sent);
    if (sql.find("order by") == std::string::npos) {
      std::ranges::sort(got.rows);
      std::ranges::sort(expected.rows);
    }
    EXPECT_TRUE(got.columns == expected.columns && got.rows == expected.rows && got.end == expected.end)
        << sql << "\n  sent as\n"
        << sent << "\n  gave\n"
        << got.text() << "\n  and not\n"
        << expected.text();
  }

  static std::unique_ptr<Client> full, projected;
  Shop shop_;
  int compared_ = 0;
};
std::unique_ptr<Client> Law::full, Law::projected;

TEST_F(Law, QueriesOfEveryKind) {
  for (const std::string_view sql : kQueries) compare(std::string(sql));
  EXPECT_GE(compared_, 200);
}

TEST_F(Law, SystemColumnsAndPlansDoNotExist) {
  for (const std::string_view sql :
       {"select ctid from users", "select xmin from users", "select tableoid from users",
        "select ctid from staff", "explain select * from users", "explain analyze select id from staff",
        "select * from users tablesample system (10)", "select null::users",
        "select * from jsonb_populate_record(null::users, '{}')", "select u::users from users u"}) {
    const std::string sent = shop_.rewritten(sql);
    EXPECT_TRUE(sent.starts_with("denied: ") || sent.starts_with("unresolved: ")) << sql << "\n" << sent;
  }
}

// What is written, what is returned of it, and what the agent sees afterwards.
TEST_F(Law, Writes) {
  for (const std::string_view sql : kWrites) {
    for (Client* client : {full.get(), projected.get()}) client->run("BEGIN");
    compare(std::string(sql));
    for (Client* client : {full.get(), projected.get()}) {
      if (ask(*client, "select 1").end.starts_with("25P02")) client->run("ROLLBACK");
    }
    for (const std::string_view table : {"users", "tickets", "staff", "orders"}) {
      compare(fmt::format("select * from {} order by id", table));
    }
    if (HasFailure()) ADD_FAILURE() << "behind " << sql;
    for (Client* client : {full.get(), projected.get()}) client->run("ROLLBACK");
    if (HasFailure()) return;
  }
}

// Rows of others stay as they are.
TEST_F(Law, WritesLeaveHiddenRowsAlone) {
  const std::string hidden =
      "select md5(string_agg(u::text, ',' order by id)) from users u where tenant <> 42 union all "
      "select md5(string_agg(t::text, ',' order by id)) from tickets t where tenant_id <> 42";
  const std::vector<std::string> before = ask(*full, hidden).rows;
  ASSERT_EQ(before.size(), 2U);
  for (const std::string_view sql : kWrites) {
    if (sql.starts_with("insert")) continue;
    const std::string sent = shop_.rewritten(sql);
    if (sent.starts_with("denied: ") || sent.starts_with("unresolved: ")) continue;
    full->run("BEGIN");
    const Reply reply = ask(*full, sent);
    if (reply.columns.find("HIDDEN") != std::string::npos) ADD_FAILURE() << sent;
    if (!ask(*full, "select 1").end.starts_with("25P02")) {
      EXPECT_EQ(ask(*full, hidden).rows, before) << sent;
    }
    full->run("ROLLBACK");
  }
}

TEST_F(Law, WhatAnInsertGetsIsOfTheAgent) {
  full->run("BEGIN");
  for (const std::string_view sql :
       {"insert into notes (ticket_id, body) values (1, 'a'), (2, 'b') returning id",
        "insert into notes values (3, 'c')",
        "insert into notes (ticket_id, body) select id, subject from tickets order by id limit 2",
        "insert into notes (ticket_id, body) (select 1, 'x') union all values (2, 'y')",
        "insert into notes (ticket_id) table parents", "insert into notes default values returning *"}) {
    const std::string sent = shop_.rewritten(sql);
    const Reply reply = ask(*full, sent);
    if (sql.find("table parents") != std::string_view::npos) {
      EXPECT_TRUE(reply.end.starts_with("42601")) << sent << "\n" << reply.text();
      full->run("ROLLBACK");
      full->run("BEGIN");
      continue;
    }
    EXPECT_TRUE(reply.end.starts_with("INSERT")) << sent << "\n" << reply.text();
    EXPECT_EQ(ask(*full, "select count(*) from notes where tenant_id = 42 and author = E'al''ice\\\\'").rows,
              ask(*full, "select count(*) from notes").rows);
  }
  full->run("ROLLBACK");
}

// An error's position is that of the agent's own text.
TEST_F(Law, PositionsOfErrorsAreTheClients) {
  for (const std::string_view sql :
       {"select 'é', nonsense(id) from users",
        "select id from users u where u.name = 'a\\' and 'é' <> '' and u.id = 'x'",
        "select * from users u join orders o on o.id = 'y'",
        "select id + subject from tickets where points > 3 and status = 'a'"}) {
    const auto [sent, map] = shop_.rewritten_with_positions(sql);
    const Reply got = ask(*full, sent);
    const Reply expected = ask(*projected, sql);
    ASSERT_NE(expected.position, 0U) << sql << "\n" << expected.text();
    EXPECT_EQ(got.end, expected.end) << sent;
    EXPECT_EQ(map.client_position(got.position), expected.position) << sent;
  }
}

// What a filter keeps back must not come out by an error or a notice, whatever the filter costs.
class Leaks : public Law {
 protected:
  static constexpr std::string_view kFilters[] = {
      "[tenant] = :tenant::int4",
      "[tenant] IN (42, 1001, 1002, 1003, 1004, 1005, 1006, 1007)",
      "[tenant] IN (SELECT m.tenant FROM public.mem AS m WHERE m.user_id = 1)",
      "pg_catalog.lower(pg_catalog.md5([tenant]::pg_catalog.text)) = pg_catalog.md5('42')",
  };
  static void SetUpTestSuite() {
    Law::SetUpTestSuite();
    full->run(
        "INSERT INTO probe SELECT g, CASE WHEN g % 10 = 0 THEN 42 ELSE 41 END, CASE WHEN g % 10 = 0 THEN "
        "g::text ELSE "
        "'HIDDEN' || g % 3 END, CASE WHEN g % 10 = 0 THEN 10 + g % 7 ELSE 50 END, CASE WHEN g % 10 = 0 THEN "
        "'{\"a\": 1}'::jsonb ELSE '{\"a\": \"HIDDEN\"}' END FROM generate_series(1, 1000) g");
    full->run("CREATE INDEX ON probe (salary)");
    full->run("ANALYZE probe");
  }

  void probe(const std::string& sql) {
    const std::string sent = shop_.rewritten(sql);
    if (sent.starts_with("denied: ")) {
      ++refused_;
      return;
    }
    ASSERT_FALSE(sent.starts_with("unresolved: ") || sent.starts_with("refused: ") ||
                 sent.starts_with("error: "))
        << sql << "\n"
        << sent;
    full->run("BEGIN");
    const Reply reply = ask(*full, sent);
    EXPECT_FALSE(reply.end.starts_with("22")) << sent << "\n" << reply.text();
    EXPECT_EQ(reply.notices.find("HIDDEN"), std::string::npos) << sent << "\n"
                                                               << reply.notices.substr(0, 200);
    full->run("ROLLBACK");
    ++probed_;
  }

  int probed_ = 0;
  int refused_ = 0;
};

TEST_F(Leaks, NoExpressionIsEvaluatedOnHiddenRows) {
  // No one of these fails on a visible row.
  constexpr std::string_view kPredicates[] = {
      "1 / (salary - 50) < 5",
      "(salary - 10) * 100000000 < 2000000000 and salary > 0",
      "email::int > 0",
      "(j->'a')::int > 0",
      "(j->>'a')::int = 1",
      "snoop(email)",
      "random() < 2 and snoop(email)",
      "case when salary = 10 then true else 1 / (salary - 50) < 5 end",
      "not (1 / (salary - 50) > 5 or email::int = -1)",
      "salary in (1, 1 / (salary - 50), 11)",
      "coalesce(1 / (salary - 50), 3) < 5",
      "(select 1 / (salary - 50)) < 5",
      "exists (select 1 from orders o where 1 / (probe.salary - 50) < o.id)",
      "salary in (select o.id + 1 / (probe.salary - 50) from orders o) or salary > 0",
  };
  constexpr std::string_view kForms[] = {
      "select id from probe where {}",
      "select count(*) from probe where {} and id > 0",
      "select * from probe where salary > 0 and {} order by id limit 3",
      "select o.id from orders o join probe on probe.id = o.id where {}",
      "select o.id from orders o left join probe on probe.id = o.id and {}",
      "select o.id from orders o join probe on {} where o.id = probe.id",
      "select o.id from orders o where exists (select 1 from probe where probe.id = o.id and {})",
      "select o.id from orders o where o.id in (select id from probe where {})",
      "select * from (select distinct salary, email, j, id from probe) probe where {}",
      "select * from (select * from probe union select * from probe) probe where {}",
      "select * from (select * from probe offset 0) probe where {}",
      "with probe as (select * from probe) select id from probe where {}",
      "with probe as materialized (select * from probe) select id from probe where {}",
      "select max(id) from probe group by salary, email, j, id having {}",
      "select 1 from probe, lateral (select 1 where {}) x",
      "select (select count(*) from orders o where {}) from probe",
      "select count(*) filter (where {}) from probe",
      "select id, {} from probe",
      "select id from probe order by ({}), id",
      "update probe set salary = 1 where {} returning id",
      "update orders set id = orders.id from probe where orders.id = probe.id and {}",
      "delete from probe where {}",
      "delete from probe where id > 0 and {} returning id",
  };
  for (const std::string_view filter : kFilters) {
    shop_.filter_probe(filter);
    for (const std::string_view form : kForms) {
      for (const std::string_view predicate : kPredicates) {
        if (form.starts_with("update orders")) continue;
        probe(fmt::format(fmt::runtime(form), predicate));
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GE(probed_, 1200);
  EXPECT_EQ(refused_, 0);
}

// The planner asks LIKE about the most common values of a column.
TEST_F(Leaks, NoPatternIsEstimatedOnHiddenRows) {
  for (const std::string_view filter : kFilters) {
    shop_.filter_probe(filter);
    for (const std::string_view predicate :
         {R"(email like '%IDDEN\')", R"(email not like '%IDDEN\')", R"(email ilike '%idden\')",
          R"(email like any (array['x', '%IDDEN\']))", R"(email like '%IDDEN#' escape '#')",
          R"(email like ('%IDDEN' || '\'))", R"(upper(email) like '%IDDEN\')"}) {
      for (const std::string_view form :
           {"select id from probe where {}", "select id from probe where id > 3 and {}",
            "select * from (select email, id from probe) s where {}",
            "select * from (select email, id from probe offset 0) s where {}",
            "with s as materialized (select * from probe) select * from s where {}",
            "select o.id from orders o join probe on {}", "delete from probe where {}"}) {
        probe(fmt::format(fmt::runtime(form), predicate));
      }
    }
  }
  EXPECT_GE(probed_, 150);
}

}  // namespace
}  // namespace chaperone::pg
