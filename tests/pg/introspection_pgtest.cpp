// What clients and tools ask of the system catalogs, rewritten and run: they learn of what the capability
// shows, and of nothing that it hides, whatever they read.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "rules/builtin/builtin.hpp"
#include "rules/decide.hpp"
#include "rules/policy/load.hpp"
#include "rules/policy_test.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

using rules::BuiltinClass;

// Beside the shop's own hidden tables and columns: hidden things of every kind, that touch shown ones. All of
// their names hold "hush".
constexpr std::string_view kHidden = R"sql(
CREATE SCHEMA hush_schema;
CREATE DOMAIN hush_schema.hush_domain AS text;
CREATE FUNCTION public.hush_function(anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''x''::text';
CREATE FUNCTION public.hush_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE AGGREGATE public.hush_sum(integer) (SFUNC = int4pl, STYPE = integer);
CREATE TYPE public.hush_type AS (hush_field integer);
CREATE TABLE hush_schema.hush_table (id bigint PRIMARY KEY, hush_text text, customer_id bigint REFERENCES public.customers (id));
CREATE TABLE public.hush_parent (id bigserial PRIMARY KEY, hush_a integer, hush_b integer, h public.hush_type);
ALTER TABLE public.customers ADD hush_number integer, ADD name_length integer GENERATED ALWAYS AS (length(name) + hush_number) STORED;
ALTER TABLE public.customers ADD CONSTRAINT hush_check CHECK (hush_number > 0), ADD CONSTRAINT hush_key UNIQUE (hush_number),
  ADD CONSTRAINT hush_reference FOREIGN KEY (hush_number) REFERENCES public.employees (id),
  ADD CONSTRAINT hush_out FOREIGN KEY (id) REFERENCES hush_schema.hush_table (id) NOT VALID;
ALTER TABLE public.customers ALTER hush_number SET NOT NULL;
CREATE INDEX hush_index ON public.customers (name) WHERE hush_number > 3;
CREATE INDEX hush_expression ON public.customers ((lower(name) || hush_number));
CREATE INDEX hush_included ON public.customers (name) INCLUDE (hush_number);
CREATE INDEX hush_called ON public.orders (public.hush_function(status));
CREATE INDEX customers_name_idx ON public.customers (name);
CREATE STATISTICS hush_statistics ON name, hush_number FROM public.customers;
ALTER TABLE public.orders ADD note text DEFAULT public.hush_function(1);
ALTER TABLE public.orders ADD CONSTRAINT hush_rule CHECK (public.hush_function(status) <> '');
CREATE TRIGGER hush_trigger BEFORE INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION public.hush_trigger();
CREATE POLICY hush_policy ON public.customers USING (hush_number = 1);
CREATE POLICY hush_policy ON public.orders USING (EXISTS (SELECT FROM hush_schema.hush_table));
CREATE RULE hush_rewrite AS ON DELETE TO public.products DO ALSO DELETE FROM hush_schema.hush_table;
CREATE VIEW public.hush_view AS SELECT hush_number FROM public.customers;
CREATE MATERIALIZED VIEW public.hush_totals AS SELECT count(*) AS hush_count FROM hush_schema.hush_table;
CREATE SEQUENCE public.hush_sequence OWNED BY public.customers.hush_number;
CREATE OPERATOR public.<#> (FUNCTION = public.hush_operator, LEFTARG = integer, RIGHTARG = integer);
CREATE TABLE public.hush_part PARTITION OF public.events FOR VALUES FROM (1) TO (10);
CREATE VIEW public.order_names AS SELECT o.id, t.hush_text FROM public.orders o, hush_schema.hush_table t;
CREATE VIEW public.order_ids AS SELECT id FROM public.orders;
COMMENT ON COLUMN public.customers.hush_number IS 'hush comment';
COMMENT ON TABLE public.hush_parent IS 'hush comment';
COMMENT ON FUNCTION public.hush_trigger() IS 'hush comment';
COMMENT ON CONSTRAINT hush_check ON public.customers IS 'hush comment';
COMMENT ON COLUMN public.customers.name IS 'what they are called';
)sql";

constexpr std::string_view kBefore = R"sql(
CREATE TABLE public.events (id bigint, at timestamptz) PARTITION BY RANGE (id);
CREATE FUNCTION public.hush_operator(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
)sql";

constexpr std::string_view kPolicy = R"(
version: 1
capabilities:
  analyse:
    include: [introspection]
    tables:
      products: {read: {columns: "*"}}
      orders: {read: {columns: "*"}}
      order_items: {read: {columns: "*"}}
      customers: {read: {columns: [id, name, email, mood, created_at, name_length], mask: {email: email}}}
      '"Mixed Case"': {read: {columns: "*"}}
      events: {read: {columns: "*"}}
      order_names: {read: {columns: [id]}}
      order_ids: {read: {columns: "*"}}
    functions: [safe, text_search, public.total_spent]
agents:
  analyst: {capabilities: [analyse]}
)";

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Introspection : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres().run("DROP DATABASE IF EXISTS introspection");
    postgres().run("CREATE DATABASE introspection");
    client = std::make_unique<Client>(postgres().address(), Login{.database = "introspection"});
    const std::string schema = read_file(std::string(SOURCE_DIR) + "/tests/sql/shop/schema.sql");
    client->run(schema);
    client->run(kBefore);
    client->run(kHidden);
    rules::Problems problems;
    std::string snapshot;
    for (const Message& row : client->run(rules::live_catalog_query())) {
      if (row.type() == 'D' && row.value(0).starts_with("{")) snapshot += row.value(0) + "\n";
    }
    catalog = rules::load_catalog_snapshot(snapshot, "live", problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
    policy = rules::load_policy(kPolicy, "policy.yaml", *catalog, problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
    for (const Message& row : client->run(
             "SELECT oid FROM pg_class WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace "
             "AND relname ~ '^(hush|tickets|ticket_notes|stock|employees|keys|open)' "
             "UNION ALL SELECT reltype FROM pg_class WHERE relname ~ '^(hush|tickets|employees)' AND reltype "
             "> 0 "
             "UNION ALL SELECT oid FROM pg_constraint WHERE conname ~ '^hush' "
             "UNION ALL SELECT oid FROM pg_proc WHERE proname ~ '^hush' AND proname <> 'hush_operator' ")) {
      if (row.type() == 'D') hidden_numbers.insert(row.value(0));
    }
    ASSERT_GT(hidden_numbers.size(), 20U);
  }
  static void TearDownTestSuite() {
    client.reset();
    postgres().run("DROP DATABASE introspection");
  }

  struct Result {
    std::string sent;
    std::vector<std::vector<std::string>> rows;
    std::string error;

    bool has(std::string_view value) const {
      return std::ranges::any_of(rows,
                                 [&](const auto& row) { return std::ranges::find(row, value) != row.end(); });
    }
    bool mentions(std::string_view text) const {
      return std::ranges::any_of(rows, [&](const auto& row) {
        return std::ranges::any_of(
            row, [&](const std::string& value) { return value.find(text) != std::string::npos; });
      });
    }
  };

  /// What the agent gets; `error` holds a refusal too.
  static Result ask(const std::string& sql) {
    Result result;
    const rules::Agent& agent = *policy.find_agent("analyst");
    const rules::Decision decision = rules::decide(sql, agent, *catalog);
    if (!decision.allow) {
      result.error = decision.denial->sqlstate + " " + decision.denial->message;
      return result;
    }
    result.sent = rules::fill(decision.rewritten, sql, {});
    const std::string text = result.sent;
    for (const Message& message : client->exchange(query(text))) {
      if (message.type() == 'T') columns_of(message);
      if (message.type() == 'D') {
        std::vector<std::string>& row = result.rows.emplace_back();
        for (std::size_t i = 0; i < columns; ++i) row.push_back(message.value(i));
      }
      if (message.type() == 'E') result.error = message.field('C') + " " + message.field('M');
    }
    return result;
  }

  static void expect_nothing_hidden(const std::string& sql, const Result& result) {
    static constexpr std::string_view kNames[] = {"hush",   "ticket_notes",   "employees",
                                                  "salary", "reverse_string", "stock_imports"};
    for (const auto& row : result.rows) {
      for (const std::string& value : row) {
        for (const std::string_view name : kNames) {
          EXPECT_EQ(value.find(name), std::string::npos) << sql << "\n"
                                                         << fmt::format("{}", fmt::join(row, " | "));
        }
        EXPECT_NE(value, "ssn") << sql;
        EXPECT_FALSE(hidden_numbers.contains(value)) << sql << "\n"
                                                     << fmt::format("{}", fmt::join(row, " | "));
      }
    }
    EXPECT_EQ(result.error.find("hush"), std::string::npos) << sql << "\n" << result.error;
  }

  static void columns_of(const Message& description) {
    const std::string_view body = description.body();
    columns = static_cast<unsigned char>(body[0]) * 256U + static_cast<unsigned char>(body[1]);
  }

  static inline std::unique_ptr<Client> client;
  static inline std::shared_ptr<const rules::Catalog> catalog;
  static inline rules::PolicySet policy;
  static inline std::set<std::string> hidden_numbers;
  static inline std::size_t columns = 0;
};

TEST_F(Introspection, EveryShownRelationWhole) {
  std::set<std::string> names;
  for (const rules::BuiltinRelation& relation : rules::builtin().relations()) {
    if (relation.value == BuiltinClass::kIntrospection && (relation.versions & rules::kIn15) != 0)
      names.insert(fmt::format("{}.{}", relation.schema, relation.name));
  }
  EXPECT_GT(names.size(), 120U);
  for (const std::string& name : names) {
    const std::string sql = "SELECT * FROM " + name;
    const Result result = ask(sql);
    EXPECT_EQ(result.error, "") << sql << "\n" << result.sent;
    expect_nothing_hidden(sql, result);
  }
}

TEST_F(Introspection, WhatClientsAskFindsWhatIsShown) {
  const std::pair<std::string_view, std::vector<std::string_view>> asked[] = {
      {"SELECT relname FROM pg_class WHERE relnamespace = 2200",
       {"products", "orders", "order_items", "customers", "Mixed Case", "orders_pkey", "orders_id_seq",
        "customers_name_idx", "events", "order_names"}},
      {"SELECT attname FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0",
       {"id", "name", "email", "mood", "created_at"}},
      {"SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'",
       {"id", "customer_id", "status", "total", "note"}},
      {"SELECT column_default FROM information_schema.columns WHERE table_name = 'orders'", {"now()"}},
      {"SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
       {"orders", "customers", "order_ids"}},
      {"SELECT conname FROM pg_constraint",
       {"orders_customer_id_fkey", "products_sku_key", "customers_pkey"}},
      {"SELECT constraint_name FROM information_schema.table_constraints",
       {"orders_customer_id_fkey", "customers_pkey"}},
      {"SELECT column_name FROM information_schema.key_column_usage WHERE constraint_name = "
       "'order_items_pkey'",
       {"order_id", "product_id"}},
      {"SELECT column_name FROM information_schema.constraint_column_usage WHERE constraint_name = "
       "'orders_customer_id_fkey'",
       {"id"}},
      {"SELECT unique_constraint_name FROM information_schema.referential_constraints", {"customers_pkey"}},
      {"SELECT indexname FROM pg_indexes WHERE tablename = 'customers'",
       {"customers_pkey", "customers_name_idx"}},
      {"SELECT tablename FROM pg_tables", {"orders", "pg_class"}},
      {"SELECT viewname FROM pg_views WHERE definition IS NOT NULL", {"order_ids", "pg_tables"}},
      {"SELECT viewname FROM pg_views WHERE definition IS NULL", {"order_names"}},
      {"SELECT proname FROM pg_proc WHERE pronamespace = 2200", {"total_spent"}},
      {"SELECT routine_name FROM information_schema.routines", {"total_spent"}},
      {"SELECT parameter_name FROM information_schema.parameters", {"customer"}},
      {"SELECT enumlabel FROM pg_enum", {"happy", "angry"}},
      {"SELECT typname FROM pg_type", {"mood", "orders", "_orders", "positive", "int4"}},
      {"SELECT description FROM pg_description", {"what they are called"}},
      {"SELECT nspname FROM pg_namespace", {"public", "pg_catalog"}},
      {"SELECT sequence_name FROM information_schema.sequences", {"orders_id_seq", "products_id_seq"}},
      {"SELECT oid, xmin, relname FROM pg_class GROUP BY oid, xmin", {"orders"}},
      {"SELECT c.oid, c.relname, count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid GROUP BY "
       "c.oid",
       {"orders"}},
  };
  for (const auto& [sql, values] : asked) {
    const Result result = ask(std::string(sql));
    EXPECT_EQ(result.error, "") << sql << "\n" << result.sent;
    expect_nothing_hidden(std::string(sql), result);
    for (const std::string_view value : values) EXPECT_TRUE(result.has(value)) << sql << ": " << value;
  }
}

// The queries of psql, drivers and ORMs that have to stay allowed, run.
TEST_F(Introspection, WhatPsqlDriversAndOrmsSend) {
  std::size_t run = 0;
  for (const std::string_view file : {"psql", "jdbc", "orm", "bi", "language_model", "tools"}) {
    rules::Problems problems;
    const rules::PolicyTest test =
        rules::load_policy_test(fmt::format("{}/tests/sql/ordinary_{}.yaml", SOURCE_DIR, file), problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
    for (const rules::PolicyCase& one : test.cases) {
      const bool asks =
          one.sql.find("pg_") != std::string::npos || one.sql.find("information_schema") != std::string::npos;
      if (one.agent != "analyst" || !one.allow || !asks || one.sql.find('$') != std::string::npos) continue;
      ++run;
      const Result result = ask(one.sql);
      EXPECT_EQ(result.error, "") << one.name << "\n" << one.sql << "\n" << result.sent;
      expect_nothing_hidden(one.sql, result);
    }
  }
  EXPECT_GT(run, 45U);
}

// Numbers and names that are put to the functions and casts of the set `introspection`.
TEST_F(Introspection, NothingLeadsToWhatIsHidden) {
  const auto number = [](std::string_view sql) { return client->scalar(sql); };
  const std::string table = number("SELECT 'hush_schema.hush_table'::regclass::oid");
  const std::string view = number("SELECT 'hush_view'::regclass::oid");
  const std::string row = number("SELECT reltype FROM pg_class WHERE relname = 'hush_parent'");
  const std::string constraint = number("SELECT oid FROM pg_constraint WHERE conname = 'hush_check'");
  const std::string function = number("SELECT 'hush_function'::regproc::oid");
  const std::string index = number("SELECT 'hush_index'::regclass::oid");
  const std::string trigger = number("SELECT oid FROM pg_trigger WHERE tgname = 'hush_trigger'");
  const std::string column = number("SELECT attnum FROM pg_attribute WHERE attname = 'hush_number'");
  // Nothing, or NULL.
  const std::string quiet[] = {
      fmt::format("SELECT '{}'::regclass", table),
      fmt::format("SELECT {}::regclass", table),
      fmt::format("SELECT CAST({} AS regclass)", table),
      fmt::format("SELECT {}::oid::regclass::text", table),
      fmt::format("SELECT {}::regtype", row),
      fmt::format("SELECT format_type({}, NULL)", row),
      fmt::format("SELECT format_type(o::oid, NULL) FROM generate_series({} - 3, {} + 3) o WHERE o = {}", row,
                  row, row),
      fmt::format("SELECT {}::regproc, {}::regprocedure", function, function),
      fmt::format("SELECT pg_get_viewdef({})", view),
      fmt::format("SELECT pg_get_viewdef({}::oid, true)", view),
      fmt::format("SELECT pg_get_constraintdef({})", constraint),
      fmt::format("SELECT pg_get_indexdef('{}'), pg_get_indexdef({}, 1, true)", index, index),
      fmt::format("SELECT pg_get_triggerdef({}, true)", trigger),
      fmt::format("SELECT pg_get_function_arguments({}), pg_get_function_result({})", function, function),
      fmt::format("SELECT obj_description({}, 'pg_class')", number("SELECT 'hush_parent'::regclass::oid")),
      fmt::format("SELECT col_description('customers'::regclass, {})", column),
      fmt::format("SELECT col_description(c.oid, {}) FROM pg_class c WHERE c.relname = 'customers'", column),
      fmt::format("SELECT pg_table_is_visible({})", view),
      fmt::format("SELECT has_table_privilege({}, 'SELECT')", table),
      "SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE relname = 'order_names'",
      "SELECT pg_get_viewdef('order_names', true)",
      // Sizes and counts of what is narrowed or hidden, and of what holds all of it.
      "SELECT pg_table_size('customers'), pg_relation_size('customers', 'main'), "
      "pg_indexes_size('customers')",
      "SELECT pg_total_relation_size('customers'::regclass)",
      "SELECT pg_total_relation_size(c.oid) FROM pg_class c WHERE relname ~ "
      "'^(customers|pg_statistic|order_names)'",
      "SELECT pg_relation_size('hush_schema.hush_table'), pg_relation_size('no_such_table')",
      fmt::format("SELECT pg_relation_size({}), pg_relation_size('{}'), pg_relation_size({}::oid)", table,
                  table, index),
      "SELECT pg_relation_size('hush' || '_parent'), pg_relation_size(quote_ident('tickets'))",
      "SELECT pg_relation_size(g::oid) FROM generate_series(1, 3) g",
      "SELECT pg_stat_get_live_tuples('customers'::regclass), pg_stat_get_numscans('orders'::regclass)",
      "SELECT n_live_tup, seq_scan, last_vacuum FROM pg_stat_user_tables WHERE relname = 'customers'",
      "SELECT seq_scan, n_dead_tup FROM pg_stat_all_tables",
      "SELECT pg_database_size(current_database()), pg_database_size('template1'), pg_database_size(oid), "
      "pg_database_size(datname) FROM pg_database",
      "SELECT pg_tablespace_size(oid), pg_tablespace_size(spcname), pg_tablespace_location(oid) FROM "
      "pg_tablespace",
      // Bodies.
      fmt::format("SELECT pg_get_functiondef({}), pg_get_function_sqlbody({})", function, function),
      "SELECT pg_get_functiondef('total_spent'::regproc), pg_get_functiondef(p.oid), p.prosrc, p.prosqlbody, "
      "p.probin FROM pg_proc p WHERE p.proname = 'total_spent'",
      "SELECT routine_definition FROM information_schema.routines WHERE routine_schema = 'public'",
      // Another table's columns.
      "SELECT pg_get_expr(d.adbin, 'customers'::regclass) FROM pg_attrdef d WHERE d.adrelid = "
      "'orders'::regclass",
      "SELECT pg_get_expr(d.adbin, c.oid) FROM pg_attrdef d, pg_class c WHERE c.oid <> d.adrelid",
      "SELECT pg_get_expr(d.adbin, 0), pg_get_expr(d.adbin, d.oid) FROM pg_attrdef d",
      fmt::format("SELECT pg_get_partition_constraintdef({})", number("SELECT 'hush_part'::regclass::oid")),
      "SELECT to_regclass('hush_schema.hush_table'), to_regtype('hush_parent'), to_regproc('hush_function'), "
      "to_regnamespace('hush_schema'), to_regclass('no_such_table')",
  };
  for (const std::string& sql : quiet) {
    const Result result = ask(sql);
    EXPECT_EQ(result.error, "") << sql << "\n" << result.sent;
    for (const auto& values : result.rows) {
      for (const std::string& value : values) {
        EXPECT_TRUE(value.empty() || value == "-" || value == "???") << sql << "\n"
                                                                     << value << "\n"
                                                                     << result.sent;
      }
    }
  }
  // What is hidden and what is not there read the same.
  const std::pair<std::string, std::string> missing[] = {
      {"SELECT '{}'::regclass", "relation"},
      {"SELECT pg_relation_is_publishable('{}')", "relation"},
      {"SELECT has_table_privilege('{}', 'SELECT')", "relation"},
      {"SELECT pg_get_serial_sequence('{}', 'id')", "relation"},
      {"SELECT obj_description('{}'::regclass)", "relation"},
  };
  for (const auto& [sql, what] : missing) {
    for (const std::string_view name :
         {"hush_parent", "hush_schema.hush_table", "tickets", "no_such_table"}) {
      const Result result = ask(fmt::format(fmt::runtime(sql), name));
      EXPECT_EQ(result.error, fmt::format("42P01 relation \"{}\" does not exist", name)) << sql;
    }
  }
  const std::string refused[] = {
      fmt::format("SELECT (g)::oid::regclass FROM generate_series({}, {}) g", table, table),
      fmt::format("SELECT ({} + 0)::oid::regclass", table),
      "SELECT ('hush' || '_parent')::regclass",
      "SELECT '{hush_parent}'::regclass[]",
      "SELECT * FROM json_to_record('{\"a\": \"hush_parent\"}') AS x(a regclass)",
      "SELECT 'hush_parent'::regtype",
      "SELECT '_hush_parent'::regtype",
      "SELECT 'hush_function'::regproc",
      "SELECT 'hush_function(anyelement)'::regprocedure",
      "SELECT 'hush_schema'::regnamespace",
      "SELECT has_schema_privilege('hush_schema', 'USAGE')",
      "SELECT has_column_privilege('customers', 'ssn', 'SELECT')",
      "SELECT pg_get_serial_sequence('customers', 'hush_number')",
      "SELECT pg_get_serial_sequence('hush' || '_parent', 'id')",
      "SELECT has_function_privilege('hush_function(anyelement)', 'EXECUTE')",
      "SELECT pg_get_object_address('table', '{hush_parent}', '{}')",
      fmt::format("SELECT pg_describe_object('pg_class'::regclass, {}, 0)", table),
      fmt::format("SELECT pg_describe_object('pg_class'::regclass, oid, {}) FROM pg_class", column),
      fmt::format("SELECT oidvectortypes('{}'::oidvector)", row),
      "SELECT tableoid::regclass FROM events",
      "SELECT '{int4,hush_parent}'::regtype[]",
      "SELECT pg_get_viewdef('hush_view', true)",
      "SELECT regclass('hush_parent')",
      "SELECT * FROM pg_partition_tree('events')",
  };
  for (const std::string& sql : refused) {
    const Result result = ask(sql);
    EXPECT_NE(result.error, "") << sql << "\n" << result.sent;
    EXPECT_TRUE(result.rows.empty()) << sql;
  }
}

// A result that is withheld is a narrowing, and the record says so.
TEST_F(Introspection, WhatIsWithheldIsRecorded) {
  for (const std::string_view sql :
       {"SELECT pg_database_size(current_database())", "SELECT pg_total_relation_size('orders')",
        "SELECT pg_get_functiondef('total_spent'::regproc)"}) {
    const rules::Decision decision = rules::decide(sql, *policy.find_agent("analyst"), *catalog);
    EXPECT_EQ(rules::narrowed_words(decision.narrowed), std::vector<std::string_view>{"mask"}) << sql;
  }
}

TEST_F(Introspection, WhatIsShownIsFoundByNumberAndName) {
  const std::string orders = client->scalar("SELECT 'orders'::regclass::oid");
  const std::pair<std::string, std::string> asked[] = {
      {fmt::format("SELECT '{}'::regclass", orders), "orders"},
      {fmt::format("SELECT {}::regclass", orders), "orders"},
      {"SELECT 'orders'::regclass", "orders"},
      {"SELECT 'public.\"Mixed Case\"'::regclass", "\"Mixed Case\""},
      {"SELECT 'orders_id_seq'::regclass", "orders_id_seq"},
      {"SELECT 'pg_class'::regclass", "pg_class"},
      {"SELECT to_regclass('orders')", "orders"},
      {"SELECT to_regclass('customers_name_idx')", "customers_name_idx"},
      {"SELECT (quote_ident(schemaname) || '.' || quote_ident(tablename))::regclass FROM pg_tables WHERE "
       "tablename = 'orders'",
       "orders"},
      {"SELECT 'integer'::regtype", "integer"},
      {"SELECT 'mood'::regtype", "mood"},
      {"SELECT 'total_spent'::regproc", "total_spent"},
      {"SELECT 'public'::regnamespace", "public"},
      {"SELECT format_type(23, NULL)", "integer"},
      {"SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND "
       "attname = 'total'",
       "numeric(12,2)"},
      {"SELECT format_type(x.t, x.m) FROM (SELECT atttypid AS t, atttypmod AS m FROM pg_attribute WHERE "
       "attrelid = 'orders'::regclass) x",
       "numeric(12,2)"},
      {"SELECT pg_get_viewdef('order_ids'::regclass)", " SELECT orders.id\n   FROM orders;"},
      {"SELECT pg_get_viewdef(c.oid, true) FROM pg_class c WHERE c.relname = 'order_ids'",
       " SELECT orders.id\n   FROM orders;"},
      {"SELECT pg_get_serial_sequence('orders', 'id')", "public.orders_id_seq"},
      {"SELECT pg_get_serial_sequence(quote_ident(table_schema) || '.' || quote_ident(table_name), "
       "column_name) FROM "
       "information_schema.columns WHERE table_name = 'orders'",
       "public.orders_id_seq"},
      {"SELECT has_table_privilege('orders', 'SELECT')", "t"},
      {"SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_class c WHERE relname = 'orders'", "t"},
      {"SELECT has_column_privilege('customers', 'name', 'SELECT')", "t"},
      {"SELECT has_schema_privilege('public', 'USAGE')", "t"},
      {"SELECT has_schema_privilege(nspname, 'USAGE') FROM pg_namespace", "t"},
      {"SELECT col_description('customers'::regclass, 3)", "what they are called"},
      {"SELECT col_description(a.attrelid, a.attnum) FROM pg_attribute a WHERE a.attname = 'name'",
       "what they are called"},
      {"SELECT col_description((quote_ident(table_schema) || '.' || quote_ident(table_name))::regclass, "
       "ordinal_position) FROM "
       "information_schema.columns WHERE table_name = 'customers'",
       "what they are called"},
      {"SELECT col_description(c.oid, i.ordinal_position::int) FROM information_schema.columns i JOIN "
       "pg_class c ON c.relname = "
       "i.table_name WHERE i.table_name = 'customers'",
       "what they are called"},
      {"SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d", "now()"},
      {"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'orders_pkey'",
       "PRIMARY KEY (id)"},
      {"SELECT p.typ::regtype FROM (SELECT unnest(proargtypes) AS typ FROM pg_proc WHERE proname = "
       "'total_spent') p",
       "bigint"},
      {"SELECT pg_get_partkeydef('events'::regclass)", "RANGE (id)"},
      {"SELECT pg_total_relation_size('orders') > 0", "t"},
      {"SELECT pg_total_relation_size('public.orders'::regclass) > 0", "t"},
      {"SELECT pg_total_relation_size(quote_ident(schemaname) || '.' || quote_ident(tablename)) > 0 FROM "
       "pg_tables "
       "WHERE tablename = 'orders'",
       "t"},
      {"SELECT pg_size_pretty(pg_relation_size(c.oid)) FROM pg_class c WHERE relname = 'orders_pkey'",
       "8192 bytes"},
      {"SELECT prosrc, pg_get_functiondef(oid) IS NOT NULL FROM pg_proc WHERE proname = 'cosh'", "dcosh"},
      {"SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'orders'", "0"},
      {"SELECT pg_get_expr(d.adbin, c.oid) FROM pg_class c JOIN pg_attrdef d ON d.adrelid = c.oid", "now()"},
      {"SELECT CASE WHEN true THEN (SELECT pg_get_expr(adbin, cls.oid) FROM pg_attrdef WHERE adrelid = "
       "cls.oid "
       "AND adnum = attr.attnum) END FROM pg_class cls JOIN pg_attribute attr ON attrelid = cls.oid",
       "now()"},
      {"SELECT pg_get_viewdef('order_ids')", " SELECT orders.id\n   FROM orders;"},
      {"SELECT '{int4,text}'::regtype[]", "{integer,text}"},
      {"SELECT has_any_column_privilege('\"' || replace(schemaname, '\"', '\"\"') || '\".\"' || "
       "replace(tablename, '\"', '\"\"') || '\"', 'SELECT') FROM pg_tables WHERE tablename = 'orders'",
       "t"},
      {"SELECT set_config('bytea_output', 'hex', false) FROM pg_show_all_settings() WHERE name = "
       "'bytea_output'",
       "hex"},
      {"SELECT current_setting(name) FROM pg_settings WHERE name = 'bytea_output'", "hex"},
      {"SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE refclassid = "
       "'pg_extension'::regclass",
       "language plpgsql"},
  };
  for (const auto& [sql, value] : asked) {
    const Result result = ask(sql);
    EXPECT_EQ(result.error, "") << sql << "\n" << result.sent;
    EXPECT_TRUE(result.has(value)) << sql << "\n" << result.sent;
    expect_nothing_hidden(sql, result);
  }
}

}  // namespace
}  // namespace chaperone::pg
