#pragma once

#include <string_view>

/// Decisions by topic: what evaluate_test.cpp checks one by one, and what has to tell every mutant of the
/// rules from the rules.
namespace chaperone::rules::cases {

struct Case {
  std::string_view agent;
  std::string_view sql;
  std::string_view rule;  ///< of the denial; empty: allowed
};

inline constexpr std::string_view kSchema = R"(
CREATE SCHEMA private;
CREATE TYPE mood AS ENUM ('happy', 'angry');
CREATE TYPE address AS (street text, city text);
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE DOMAIN used_code AS text CHECK (VALUE <> '');
CREATE TABLE customers (id int PRIMARY KEY, tenant int, name text, email text, ssn text, mood mood, code used_code);
CREATE TABLE tickets (id int PRIMARY KEY, tenant int, subject text, status text, secret text, customer_id int);
CREATE TABLE notes (id serial PRIMARY KEY, tenant int, author text, ticket_id int, body text, hidden text);
CREATE TABLE products (id int PRIMARY KEY, sku text UNIQUE, name text, price numeric, stock int);
CREATE TABLE imports (id int PRIMARY KEY, line text);
CREATE TABLE plain (id int PRIMARY KEY, name text, email text);
CREATE TABLE employees (id int PRIMARY KEY, salary int);
CREATE TABLE private.keys (id int, value text);
CREATE VIEW open_tickets AS SELECT id, subject FROM tickets WHERE status = 'open';
CREATE FUNCTION listed(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION covert(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION initcap(int) RETURNS text LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION private.lower(int) RETURNS text LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE tidy(int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE wreck(int) LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE OPERATOR private.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
)";

inline constexpr std::string_view kPolicy = R"(
version: 1
capabilities:
  triage:
    include: [introspection]
    tables:
      customers:
        read:
          columns: [id, name, email, mood, code]
          mask:
            email: email
      tickets:
        read:
          columns: [id, subject, status, customer_id]
          rows: "tenant = :tenant"
        update:
          columns: [status]
          rows: "tenant = :tenant"
          by: [id]
          max_rows: 3
        delete:
          rows: "tenant = :tenant"
          by: [id]
          max_rows: 1
        insert:
          columns: [id, subject]
      notes:
        insert:
          columns: [ticket_id, body]
          set:
            tenant: ":tenant"
            author: ":actor"
          max_rows: 2
          returning: [id]
      open_tickets:
        read:
          columns: "*"
    functions: [safe, listed]
    statements: [truncate, ddl, copy_from]
    limits:
      rows: 100
      time: 5s
  stock:
    tables:
      products:
        read:
          columns: "*"
        insert:
          columns: [sku, name, price, stock]
          returning: [id]
        update:
          columns: [name, price, stock]
        delete:
          by: [id]
          max_rows: 1
      imports:
        read:
          columns: "*"
        insert:
          columns: "*"
        update:
          columns: [line]
          by: [id]
          max_rows: 1
        delete: {}
      plain:
        read:
          columns: "*"
    functions: [safe, tidy]
    statements: [truncate, lock, listen, notify, call, copy_from, ddl]
    settings:
      work_mem: deny
      statement_timeout:
        max: 2s
      enable_seqscan: allow
  clerk:
    tables:
      customers:
        read:
          columns: [id, name, email]
          mask:
            email: redact
        update:
          columns: [name, email]
      employees:
        read:
          columns: [id]
        update:
          columns: [salary]
          by: [id]
          max_rows: 1
      plain:
        insert:
          columns: "*"
    functions: [safe]
  bare:
    tables:
      imports:
        read:
          columns: "*"
agents:
  triage-bot:
    capabilities: [triage]
    parameters:
      tenant: 7
  stock-bot:
    capabilities: [stock]
  clerk-bot:
    capabilities: [clerk]
  both-bot:
    capabilities: [stock, triage]
    parameters:
      tenant: 7
  quiet-bot:
    capabilities: [stock]
    session: none
  bare-bot:
    capabilities: [bare]
  silent-bot:
    capabilities: [bare]
    session: none
)";

inline constexpr Case kReads[] = {
    {"triage-bot", "SELECT id, name, email FROM customers WHERE name LIKE 'a%' ORDER BY 2", ""},
    {"triage-bot", "SELECT * FROM customers", ""},
    {"triage-bot",
     "SELECT c.name, count(*) FROM customers c JOIN tickets t ON t.customer_id = c.id GROUP BY 1", ""},
    {"triage-bot", "SELECT ssn FROM customers", "tables.customers.read.columns"},
    {"triage-bot", "SELECT id FROM customers WHERE ssn LIKE '1%'", "tables.customers.read.columns"},
    {"triage-bot", "SELECT id FROM customers ORDER BY ssn", "tables.customers.read.columns"},
    {"triage-bot", "SELECT id FROM customers GROUP BY id, ssn", "tables.customers.read.columns"},
    {"triage-bot", "SELECT count(*) FILTER (WHERE ssn > '5') FROM customers",
     "tables.customers.read.columns"},
    {"triage-bot", "SELECT rank() OVER (ORDER BY ssn) FROM customers", "tables.customers.read.columns"},
    {"triage-bot", "SELECT rank() OVER w FROM customers WINDOW w AS (PARTITION BY ssn)",
     "tables.customers.read.columns"},
    {"triage-bot", "SELECT DISTINCT ON (ssn) id FROM customers", "tables.customers.read.columns"},
    {"triage-bot", "SELECT c.id FROM customers c JOIN open_tickets o ON c.ssn = o.subject",
     "tables.customers.read.columns"},
    {"triage-bot", "SELECT (SELECT max(ssn) FROM customers)", "tables.customers.read.columns"},
    {"triage-bot", "SELECT x.y FROM customers c, LATERAL (SELECT c.ssn AS y) x",
     "tables.customers.read.columns"},
    {"triage-bot", "SELECT 1 FROM customers c, unnest(ARRAY[c.ssn]) u", "tables.customers.read.columns"},
    {"triage-bot", "SELECT 1 FROM customers LIMIT (SELECT max(length(ssn)) FROM customers)",
     "tables.customers.read.columns"},
    {"triage-bot", "VALUES ((SELECT ssn FROM customers LIMIT 1))", "tables.customers.read.columns"},
    {"triage-bot", "SELECT id FROM customers UNION SELECT ssn::int FROM customers",
     "tables.customers.read.columns"},
    {"triage-bot", "SELECT ctid FROM customers", "tables.customers.read.columns"},
    {"stock-bot", "SELECT ctid, xmin FROM plain", ""},
    {"triage-bot", "SELECT salary FROM employees", "tables.employees"},
    {"triage-bot", "SELECT value FROM private.keys", "tables.private.keys"},
    {"triage-bot", "SELECT * FROM notes", "tables.notes.read"},
    {"triage-bot", "SELECT * FROM customers, employees", "tables.employees"},
    {"triage-bot", "SELECT subject FROM open_tickets", ""},
    {"triage-bot", "WITH t AS (SELECT * FROM employees) SELECT 1", "tables.employees"},
    {"triage-bot", "TABLE employees", "tables.employees"},
    {"triage-bot", "SELECT 1 WHERE EXISTS (SELECT 1 FROM employees)", "tables.employees"},
    {"triage-bot", "SELECT 1; SELECT salary FROM employees", "tables.employees"},
    {"both-bot", "SELECT id FROM products; SELECT id FROM customers", "tables.customers"},
    {"both-bot", "SELECT id FROM customers", ""},
    {"both-bot", "SELECT id FROM products", ""},
    {"both-bot", "SELECT ssn FROM customers", "tables.customers.read.columns"},
    {"bare-bot", "SELECT id FROM products", "tables.products"},
    {"triage-bot", "SELECT id FROM customers FOR UPDATE", "tables.customers.update"},
    {"triage-bot", "SELECT id FROM tickets WHERE id = 1 FOR UPDATE", ""},
    {"triage-bot", "SELECT t.id FROM tickets t JOIN customers c ON c.id = t.customer_id FOR SHARE OF t", ""},
    {"triage-bot", "SELECT t.id FROM tickets t JOIN customers c ON c.id = t.customer_id FOR SHARE OF c",
     "tables.customers.update"},
    {"triage-bot", "SELECT id FROM (SELECT id FROM customers) x FOR KEY SHARE", "tables.customers.update"},
    {"triage-bot", "WITH x AS (SELECT id FROM customers FOR UPDATE) SELECT * FROM x",
     "tables.customers.update"},
    {"triage-bot", "SELECT relname, reltuples FROM pg_class", ""},
    {"triage-bot", "SELECT relfilenode FROM pg_class", "tables.pg_catalog.pg_class.read.columns"},
    {"triage-bot", "SELECT rolpassword FROM pg_authid", "tables.pg_authid"},
    {"triage-bot", "SELECT most_common_vals FROM pg_stats", "tables.pg_stats"},
    {"triage-bot", "SELECT setting FROM pg_settings WHERE name = 'max_index_keys'", ""},
    {"triage-bot", "SELECT sourcefile FROM pg_settings", "tables.pg_catalog.pg_settings.read.columns"},
    {"stock-bot", "SELECT relname FROM pg_class", "tables.pg_class"},
    {"triage-bot", "UPDATE pg_class SET relname = 'x'", "tables.pg_class"},
    {"triage-bot", "EXPLAIN SELECT id FROM tickets", "tables.tickets.read.explain"},
    {"triage-bot", "EXPLAIN (ANALYZE) SELECT id FROM customers", "tables.customers.read.explain"},
    {"triage-bot", "EXPLAIN SELECT subject FROM open_tickets", ""},
    {"stock-bot", "EXPLAIN ANALYZE SELECT count(*) FROM plain", ""},
    {"stock-bot", "EXPLAIN ANALYZE DELETE FROM products", "tables.products.delete.by"},
    {"stock-bot", "EXPLAIN EXECUTE p", "statements"},
};

inline constexpr Case kWrites[] = {
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = 1", ""},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE status = 'y' AND (id = $1)", ""},
    {"triage-bot", "UPDATE tickets t SET status = 'x' WHERE 1 = t.id", ""},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id IN (1, $2, '3'::int)", ""},
    {"triage-bot",
     "UPDATE tickets SET status = c.name FROM customers c WHERE c.id = tickets.customer_id AND tickets.id = "
     "5",
     ""},
    {"triage-bot", "UPDATE tickets SET status = 'x'", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE true", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id > 0", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = id", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = 1 OR true", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE NOT (id = 1)", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE (id = 1) IS NOT NULL", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE (id = 1) = true", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id <> 1", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id NOT IN (1)", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = ANY ('{1,2}')", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = (SELECT max(id) FROM tickets)",
     "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id IN (SELECT id FROM tickets)",
     "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id IN (1, id)", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = length('a')", "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets t SET status = 'x' FROM tickets s WHERE s.id = 1",
     "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE CASE WHEN id = 1 THEN true ELSE true END",
     "tables.tickets.update.by"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id IN (1, 2, 3, 4)",
     "tables.tickets.update.max_rows"},
    {"triage-bot", "UPDATE tickets SET tenant = 8 WHERE id = 1", "tables.tickets.update.columns"},
    {"triage-bot", "UPDATE tickets SET subject = 'x' WHERE id = 1", "tables.tickets.update.columns"},
    {"triage-bot", "UPDATE tickets SET (status, subject) = ('x', 'y') WHERE id = 1",
     "tables.tickets.update.columns"},
    {"triage-bot", "UPDATE tickets SET status = secret WHERE id = 1", "tables.tickets.read.columns"},
    {"triage-bot", "UPDATE tickets SET status = (SELECT ssn FROM customers LIMIT 1) WHERE id = 1",
     "tables.customers.read.columns"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = 1 RETURNING secret",
     "tables.tickets.read.columns"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = 1 RETURNING *", ""},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = 1 RETURNING tickets",
     "tables.tickets.read.columns"},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE id = 1 AND tickets IS NOT NULL",
     "tables.tickets.read.columns"},
    {"triage-bot", "UPDATE tickets SET status = 'x' FROM plain WHERE tickets.id = 1", "tables.plain"},
    {"triage-bot", "UPDATE customers SET name = 'x' WHERE id = 1", "tables.customers.update"},
    {"triage-bot", "UPDATE tickets t SET status = secret FROM (SELECT 'x' AS secret) s WHERE t.id = 1",
     "tables.tickets.read.columns"},
    {"triage-bot", "WITH u AS (UPDATE tickets SET status = 'x') SELECT 1", "tables.tickets.update.by"},
    {"triage-bot", "WITH u AS (UPDATE tickets SET status = 'x' WHERE id = 1 RETURNING id) SELECT id FROM u",
     ""},
    {"triage-bot", "UPDATE tickets SET status = 'x' WHERE CURRENT OF c", "tables.tickets.update.by"},
    {"clerk-bot", "UPDATE customers SET name = 'x' WHERE id = 1", ""},
    {"clerk-bot", "UPDATE customers SET name = email WHERE id = 1", "tables.customers.read.columns"},
    {"clerk-bot", "UPDATE customers SET name = 'x' WHERE email = 'a@b'", "tables.customers.read.columns"},
    {"clerk-bot", "UPDATE customers SET name = 'x' WHERE id = 1 RETURNING email", ""},
    {"clerk-bot", "UPDATE customers SET name = 'x' WHERE CURRENT OF c", "tables.customers.read"},
    {"clerk-bot", "UPDATE employees SET salary = 1 WHERE id = 1", ""},
    {"clerk-bot", "UPDATE employees SET salary = 1 WHERE id = 1 AND salary > 5",
     "tables.employees.read.columns"},
    {"clerk-bot", "UPDATE employees SET salary = salary + 1 WHERE id = 1", "tables.employees.read.columns"},
    {"clerk-bot", "UPDATE employees SET salary = 1 WHERE id = 1 RETURNING salary",
     "tables.employees.read.columns"},
    {"clerk-bot", "UPDATE employees SET salary = id WHERE id = 1", ""},
    {"triage-bot", "DELETE FROM tickets WHERE id = 1", ""},
    {"triage-bot", "DELETE FROM tickets", "tables.tickets.delete.by"},
    {"triage-bot", "DELETE FROM tickets WHERE id IN (1, 2)", "tables.tickets.delete.max_rows"},
    {"triage-bot", "DELETE FROM tickets USING customers c WHERE tickets.id = c.id",
     "tables.tickets.delete.by"},
    {"triage-bot", "DELETE FROM customers WHERE id = 1", "tables.customers.delete"},
    {"triage-bot", "WITH d AS (DELETE FROM tickets RETURNING *) SELECT * FROM d", "tables.tickets.delete.by"},
    {"stock-bot", "DELETE FROM imports", ""},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, 'x')", ""},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, 'x') RETURNING id", ""},
    {"triage-bot", "INSERT INTO notes VALUES (1, 'x')", ""},
    {"triage-bot", "INSERT INTO notes VALUES (1, 'x', 'y')", "tables.notes.insert.columns"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body, tenant) VALUES (1, 'x', 8)",
     "tables.notes.insert.set"},
    {"triage-bot", "INSERT INTO notes (ticket_id, hidden) VALUES (1, 'x')", "tables.notes.insert.columns"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
     "tables.notes.insert.max_rows"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, 'x') RETURNING body",
     "tables.notes.read.columns"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, 'x') RETURNING ctid",
     "tables.notes.read.columns"},
    {"stock-bot", "INSERT INTO products (sku) VALUES ('x') RETURNING tableoid",
     "tables.products.read.columns"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) SELECT id, subject FROM tickets", ""},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) SELECT id, ssn FROM customers",
     "tables.customers.read.columns"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) SELECT 1, salary::text FROM employees",
     "tables.employees"},
    {"triage-bot", "INSERT INTO customers (id) VALUES (1)", "tables.customers.insert"},
    {"triage-bot", "INSERT INTO tickets (id, subject) VALUES (1, 'x') ON CONFLICT DO NOTHING",
     "tables.tickets.insert"},
    {"triage-bot",
     "INSERT INTO notes (ticket_id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'y'",
     "tables.notes.read.columns"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, 'x') ON CONFLICT (hidden) DO NOTHING",
     "tables.notes.read.columns"},
    {"stock-bot",
     "INSERT INTO products (sku, name) VALUES ('a', 'b') ON CONFLICT (sku) DO UPDATE SET name = "
     "excluded.name",
     ""},
    {"stock-bot",
     "INSERT INTO products (sku, name) VALUES ('a', 'b') ON CONFLICT (sku) DO UPDATE SET sku = 'x'",
     "tables.products.update.columns"},
    {"stock-bot",
     "INSERT INTO products (sku, name) VALUES ('a', 'b') ON CONFLICT (sku) DO UPDATE SET name = "
     "excluded.id::text",
     "tables.products.insert.columns"},
    {"stock-bot", "INSERT INTO imports (id, line) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET line = 'y'",
     ""},
    {"stock-bot",
     "INSERT INTO imports (id, line) VALUES (1, 'x') ON CONFLICT (line) DO UPDATE SET line = 'y'",
     "tables.imports.update.by"},
    {"stock-bot", "INSERT INTO products (sku) VALUES ('x') ON CONFLICT DO NOTHING RETURNING id", ""},
    {"stock-bot",
     "MERGE INTO products p USING imports i ON p.id = i.id WHEN MATCHED THEN UPDATE SET name = i.line", ""},
    {"stock-bot",
     "MERGE INTO products p USING imports i ON p.id = i.id WHEN MATCHED THEN UPDATE SET sku = i.line",
     "tables.products.update.columns"},
    {"stock-bot", "MERGE INTO products p USING imports i ON p.id = i.id WHEN MATCHED THEN DELETE",
     "tables.products.delete"},
    {"stock-bot",
     "MERGE INTO products p USING imports i ON p.id = i.id WHEN NOT MATCHED THEN INSERT (id) VALUES (1)",
     "tables.products.insert.columns"},
    {"stock-bot",
     "MERGE INTO products p USING imports i ON p.id = i.id WHEN NOT MATCHED THEN INSERT VALUES (1)",
     "tables.products.insert.columns"},
    {"stock-bot", "MERGE INTO imports p USING plain i ON p.id = i.id WHEN MATCHED THEN UPDATE SET line = 'x'",
     "tables.imports.update"},
    {"triage-bot",
     "MERGE INTO tickets t USING customers c ON c.id = t.id WHEN MATCHED THEN UPDATE SET status = 'x'",
     "tables.tickets.update"},
    {"clerk-bot",
     "MERGE INTO customers c USING (VALUES (1)) v (n) ON c.id = v.n WHEN MATCHED THEN UPDATE SET name = 'x' "
     "WHEN NOT MATCHED THEN INSERT (id) VALUES (1)",
     "tables.customers.insert"},
};

inline constexpr Case kStatements[] = {
    {"stock-bot", "TRUNCATE imports", ""},
    {"stock-bot", "TRUNCATE imports CASCADE", "statements.truncate"},
    {"stock-bot", "TRUNCATE products", "tables.products.delete"},
    {"stock-bot", "TRUNCATE plain", "tables.plain.delete"},
    {"stock-bot", "TRUNCATE employees", "tables.employees"},
    {"triage-bot", "TRUNCATE tickets", "tables.tickets.delete"},
    {"clerk-bot", "TRUNCATE customers", "statements.truncate"},
    {"stock-bot", "LOCK TABLE products", ""},
    {"stock-bot", "LOCK TABLE employees", "tables.employees"},
    {"triage-bot", "LOCK TABLE tickets", "statements.lock"},
    {"stock-bot", "LISTEN x", ""},
    {"stock-bot", "NOTIFY x, 'y'", ""},
    {"triage-bot", "LISTEN x", "statements.listen"},
    {"triage-bot", "NOTIFY x", "statements.notify"},
    {"triage-bot", "UNLISTEN *", ""},
    {"stock-bot", "CALL tidy(1)", ""},
    {"stock-bot", "CALL wreck(1)", "functions"},
    {"triage-bot", "CALL tidy(1)", "statements.call"},
    {"stock-bot", "DO 'BEGIN END'", "statements"},
    {"stock-bot", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "statements"},
    {"stock-bot", "GRANT SELECT ON products TO public", "statements"},
    {"stock-bot", "CREATE ROLE x", "statements"},
    {"stock-bot", "CREATE EXTENSION dblink", "statements"},
    {"stock-bot", "ALTER SYSTEM SET log_statement = 'all'", "statements"},
    {"stock-bot", "VACUUM products", "statements"},
    {"stock-bot", "CREATE TRIGGER t AFTER INSERT ON products EXECUTE FUNCTION f()", "statements"},
    {"stock-bot", "CREATE RULE r AS ON INSERT TO products DO NOTHING", "statements"},
    {"stock-bot", "CREATE INDEX ON products (name)", ""},
    {"stock-bot", "CREATE INDEX ON products (covert(id))", "functions"},
    {"stock-bot", "ALTER TABLE products ADD COLUMN x int", ""},
    {"stock-bot", "ALTER TABLE products ADD COLUMN x int DEFAULT covert(1)", "functions"},
    {"stock-bot", "ALTER TABLE products DROP COLUMN price CASCADE", "statements.ddl"},
    {"stock-bot", "ALTER TABLE products OWNER TO x", "statements.ddl"},
    {"stock-bot", "ALTER TABLE products RENAME TO y", "statements.ddl"},
    {"stock-bot", "ALTER TABLE products RENAME COLUMN price TO y", ""},
    {"stock-bot", "ALTER TABLE products DISABLE ROW LEVEL SECURITY", "statements.ddl"},
    {"stock-bot", "DROP TABLE employees", "tables.employees"},
    {"stock-bot", "ALTER TABLE imports INHERIT products", "statements.ddl"},
    {"stock-bot", "CREATE TABLE copies (LIKE employees)", "tables.copies"},
    {"stock-bot", "CREATE TEMP TABLE plain (id int)", "statements.ddl"},
    {"stock-bot", "SELECT * INTO TEMP plain FROM products", "statements.ddl"},
    {"stock-bot", "SELECT * INTO other FROM products", "tables.other"},
    {"stock-bot", "CREATE TABLE other AS SELECT * FROM products", "tables.other"},
    {"stock-bot", "CREATE VIEW products_v AS SELECT * FROM products", "tables.products_v"},
    {"triage-bot", "ALTER TABLE customers RENAME COLUMN ssn TO visible", "tables.customers.read"},
    {"triage-bot", "CREATE INDEX ON tickets (id)", "tables.tickets.read"},
    {"clerk-bot", "CREATE INDEX ON customers (id)", "statements.ddl"},
    {"clerk-bot", "SELECT * INTO x FROM customers", "statements.ddl"},
    {"clerk-bot", "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", "statements.ddl"},
    {"clerk-bot", "PREPARE p AS SELECT 1 INTO x", "statements.ddl"},
    {"triage-bot", "COPY (SELECT id FROM customers) TO STDOUT", ""},
    {"triage-bot", "COPY customers (id, name) TO STDOUT", ""},
    {"triage-bot", "COPY customers TO STDOUT", ""},
    {"triage-bot", "COPY customers (ssn) TO STDOUT", "tables.customers.read.columns"},
    {"triage-bot", "COPY employees TO STDOUT", "tables.employees"},
    {"triage-bot", "COPY notes TO STDOUT", "tables.notes.read"},
    {"triage-bot", "COPY (SELECT ssn FROM customers) TO STDOUT", "tables.customers.read.columns"},
    {"triage-bot", "COPY (DELETE FROM tickets RETURNING id) TO STDOUT", "tables.tickets.delete.by"},
    {"triage-bot", "COPY customers TO '/tmp/x'", "statements"},
    {"triage-bot", "COPY customers TO PROGRAM 'sh'", "statements"},
    {"stock-bot", "COPY imports FROM STDIN", ""},
    {"stock-bot", "COPY imports (id, line) FROM STDIN WITH (FORMAT csv)", ""},
    {"stock-bot", "COPY imports FROM '/etc/passwd'", "statements"},
    {"stock-bot", "COPY imports FROM STDIN WHERE id > 1", "statements.copy_from"},
    {"stock-bot", "COPY imports FROM STDIN WITH (FREEZE)", "statements.copy_from"},
    {"stock-bot", "COPY products FROM STDIN", "tables.products.insert.columns"},
    {"stock-bot", "COPY products (id) FROM STDIN", "tables.products.insert.columns"},
    {"stock-bot", "COPY plain FROM STDIN", "tables.plain.insert"},
    {"triage-bot", "COPY notes (ticket_id, body) FROM STDIN", "tables.notes.insert.max_rows"},
    {"clerk-bot", "COPY plain FROM STDIN", "statements.copy_from"},
    {"clerk-bot", "COPY customers FROM STDIN", "tables.customers.insert"},
    {"triage-bot", "DECLARE c CURSOR FOR SELECT id FROM customers", ""},
    {"triage-bot", "DECLARE c CURSOR FOR SELECT ssn FROM customers", "tables.customers.read.columns"},
    {"triage-bot", "PREPARE p (int) AS SELECT id FROM customers WHERE id = $1", ""},
    {"triage-bot", "PREPARE p AS DELETE FROM tickets", "tables.tickets.delete.by"},
    {"triage-bot", "PREPARE p (employees) AS SELECT 1", "types"},
    {"triage-bot", "EXECUTE p (1)", ""},
    {"triage-bot", "EXECUTE p (pg_sleep(10))", "functions"},
    {"triage-bot", "FETCH ALL FROM c", ""},
    {"triage-bot", "PREPARE TRANSACTION 'x'", "statements"},
    {"triage-bot", "BEGIN; SELECT id FROM customers; COMMIT", ""},
    {"triage-bot", "BEGIN; SELECT ssn FROM customers; COMMIT", "tables.customers.read.columns"},
};

inline constexpr Case kSession[] = {
    {"bare-bot", "BEGIN", ""},
    {"bare-bot", "SELECT 1", ""},
    {"bare-bot", "SELECT version(), current_user, now()", ""},
    {"bare-bot", "SELECT pg_sleep(1)", "functions"},
    {"bare-bot", "SELECT generate_series(1, 1000000000)", "functions"},
    {"bare-bot", "SELECT 1 FROM generate_series(1, 10)", "functions"},
    {"bare-bot", "EXPLAIN SELECT 1", ""},
    {"bare-bot", "PREPARE p AS SELECT $1", ""},
    {"bare-bot", "DISCARD ALL", ""},
    {"silent-bot", "SELECT version()", "functions"},
    {"silent-bot", "SELECT id FROM imports", ""},
    {"quiet-bot", "BEGIN", "session"},
    {"quiet-bot", "SET timezone = 'UTC'", "session"},
    {"quiet-bot", "SELECT current_setting('timezone')", "session"},
    {"quiet-bot", "SELECT id FROM products", ""},
    {"triage-bot", "SET timezone = 'UTC'", ""},
    {"triage-bot", "SET statement_timeout = '2s'", ""},
    {"triage-bot", "SET statement_timeout = '6s'", "settings.statement_timeout"},
    {"triage-bot", "SET statement_timeout = 0", "settings.statement_timeout"},
    {"triage-bot", "SET statement_timeout TO DEFAULT", ""},
    {"triage-bot", "SET search_path = private", "settings.search_path"},
    {"triage-bot", "SET ROLE postgres", "settings.role"},
    {"triage-bot", "RESET ROLE", "settings.role"},
    {"triage-bot", "SET chaperone.actor = 'x'", "settings.chaperone.actor"},
    {"triage-bot", "SET chaperone.declared_task = 'x'", ""},
    {"triage-bot", "SHOW chaperone.capabilities", ""},
    {"triage-bot", "SHOW chaperone.secret", "settings.chaperone.secret"},
    {"triage-bot", "SHOW ALL", "settings"},
    {"triage-bot", "SHOW data_directory", "settings.data_directory"},
    {"triage-bot", "BEGIN READ WRITE", ""},
    {"quiet-bot", "BEGIN READ WRITE", "session"},
    {"triage-bot", "SET SESSION AUTHORIZATION postgres", "settings.session_authorization"},
    {"triage-bot", "SET SESSION AUTHORIZATION DEFAULT", ""},
    {"triage-bot", "BEGIN READ ONLY", ""},
    {"triage-bot", "SET myapp.tenant = '1'", "settings.myapp.tenant"},
    {"triage-bot", "SET search_path FROM CURRENT", "settings.search_path"},
    {"triage-bot", "SELECT set_config('timezone', 'UTC', false)", ""},
    {"triage-bot", "SELECT set_config('statement_timeout', '0', false)", "settings.statement_timeout"},
    {"triage-bot", "SELECT set_config('stand' || 'ard_conforming_strings', 'off', false)", "settings"},
    {"triage-bot", "SELECT set_config($1, 'off', false)", "settings"},
    {"triage-bot", "SELECT set_config('standard_conforming_strings', $1, false)",
     "settings.standard_conforming_strings"},
    {"triage-bot", "SELECT set_config('SEARCH_PATH', 'private', false)", "settings.search_path"},
    {"triage-bot", "SELECT set_config(name, 'x', false) FROM customers", "settings"},
    {"triage-bot", "SELECT id, set_config('role', 'x', false) FROM customers", "settings.role"},
    {"triage-bot", "SELECT current_setting('data_directory')", "settings.data_directory"},
    {"triage-bot", "SELECT current_setting('chaperone.actor', true)", ""},
    {"stock-bot", "SET work_mem = '8MB'", "settings.work_mem"},
    {"triage-bot", "SET work_mem = '8MB'", ""},
    {"both-bot", "SET work_mem = '8MB'", ""},
    {"stock-bot", "SET statement_timeout = '1s'", ""},
    {"stock-bot", "SET statement_timeout = '3s'", "settings.statement_timeout"},
    {"stock-bot", "SET statement_timeout = 0", "settings.statement_timeout"},
    {"stock-bot", "SET enable_seqscan = off", ""},
    {"triage-bot", "SET enable_seqscan = off", "settings.enable_seqscan"},
};

inline constexpr Case kExpressions[] = {
    {"triage-bot",
     "SELECT upper(name), coalesce(name, 'x'), greatest(id, 1), id::text, name || 'x' FROM customers", ""},
    {"triage-bot", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM customers", ""},
    {"triage-bot",
     "SELECT sum(id) OVER (PARTITION BY mood ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM "
     "customers",
     ""},
    {"triage-bot",
     "SELECT extract(year FROM now()), now() AT TIME ZONE 'UTC', substring('abc' FROM 2), trim(' x '), "
     "position('a' IN 'b'), overlay('a' PLACING 'b' FROM 1)",
     ""},
    {"triage-bot", "SELECT pg_sleep(1)", "functions"},
    {"triage-bot", "SELECT pg_catalog.pg_read_file('x')", "functions"},
    {"triage-bot", "SELECT * FROM pg_read_file('/etc/passwd')", "functions"},
    {"triage-bot", "SELECT * FROM ROWS FROM (generate_series(1, 2), pg_ls_dir('.')) x", "functions"},
    {"triage-bot", "SELECT 1 FROM customers c, LATERAL pg_ls_dir(c.name) x", "functions"},
    {"triage-bot", "SELECT query_to_xml('SELECT 1', true, false, '')", "functions"},
    {"triage-bot", "SELECT * FROM ts_stat('SELECT 1')", "functions"},
    {"triage-bot", "SELECT nextval('notes_id_seq')", "functions"},
    {"triage-bot", "SELECT dblink('x')", "functions"},
    {"triage-bot", "SELECT lo_import('/etc/passwd')", "functions"},
    {"triage-bot", "SELECT pg_terminate_backend(1)", "functions"},
    {"triage-bot", "SELECT pg_import_system_collations('pg_catalog')", "functions"},
    {"triage-bot", "SELECT id FROM customers ORDER BY pg_sleep(1)", "functions"},
    {"triage-bot", "SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM customers", "functions"},
    {"triage-bot", "SELECT id FROM customers LIMIT pg_backend_pid() + length(pg_read_file('x'))",
     "functions"},
    {"triage-bot", "INSERT INTO notes (ticket_id, body) VALUES (1, pg_read_file('x'))", "functions"},
    {"triage-bot", "UPDATE tickets SET status = pg_read_file('x') WHERE id = 1", "functions"},
    {"triage-bot", "SELECT listed(1)", ""},
    {"triage-bot", "SELECT public.listed(1)", ""},
    {"triage-bot", "SELECT covert(1)", "functions"},
    {"triage-bot", "SELECT initcap('x')", "functions"},
    {"triage-bot", "SELECT pg_catalog.initcap('x')", ""},
    {"triage-bot", "SELECT lower('X')", ""},
    {"triage-bot", "SELECT private.lower(1)", "functions"},
    {"triage-bot", "SELECT no_such_function(1)", "functions"},
    {"triage-bot", "SELECT shop.public.listed(1)", "functions"},
    {"triage-bot", "SELECT repeat('x', 10)", ""},
    {"triage-bot", "SELECT repeat('x', 1000000000)", "functions.safe"},
    {"triage-bot", "SELECT repeat('x', $1)", "functions.safe"},
    {"triage-bot", "SELECT repeat(name, id) FROM customers", "functions.safe"},
    {"triage-bot", "SELECT ssn(c) FROM customers c", "functions"},
    {"triage-bot", "SELECT users(1)", "functions"},
    {"triage-bot", "SELECT 1 ### 2", "operators"},
    {"triage-bot", "SELECT 1 + 2", ""},
    {"triage-bot", "SELECT 1 OPERATOR(pg_catalog.+) 2", ""},
    {"triage-bot", "SELECT 1 OPERATOR(private.+) 2", "operators"},
    {"triage-bot", "SELECT 1 OPERATOR(nowhere.+) 2", "operators"},
    {"triage-bot", "SELECT id FROM customers ORDER BY id USING ###", "operators"},
    {"triage-bot", "SELECT 1 ### ANY (ARRAY[1])", "operators"},
    {"triage-bot", "SELECT 1 ### ALL (SELECT 1)", "operators"},
    {"triage-bot",
     "SELECT '1'::int, '{}'::jsonb, '{1}'::int[], 'happy'::mood, '2020-01-01'::date, NULL::numeric(5, 2)",
     ""},
    {"triage-bot", "SELECT null::customers", "types"},
    {"triage-bot", "SELECT null::public.employees", "types"},
    {"triage-bot", "SELECT null::employees[]", "types"},
    {"triage-bot", "SELECT null::_employees", "types"},
    {"triage-bot", "SELECT null::address", "types"},
    {"triage-bot", "SELECT null::pg_class", "types"},
    {"triage-bot", "SELECT jsonb_populate_record(null::customers, '{}')", "types"},
    {"triage-bot", "SELECT 'x'::code", "types"},
    {"triage-bot", "SELECT 'x'::used_code", ""},
    {"triage-bot", "SELECT 'customers'::regclass, 'customers'::regclass::text", ""},
    {"stock-bot", "SELECT 'customers'::regclass", "types"},
    {"triage-bot", "SELECT ('a' || 'b')::regclass", "types"},
    {"triage-bot", "SELECT '<x/>'::xml", "types"},
    {"triage-bot", "SELECT xmlparse(document '<x/>')", "functions"},
    {"triage-bot", "SELECT 'x'::char(10000000)", "types"},
    {"triage-bot", "SELECT 'x'::char(10), B'1'::bit(8)", ""},
    {"triage-bot", "SELECT null::cstring", "types"},
    {"triage-bot", "SELECT * FROM jsonb_to_record('{}') AS x (a int, b employees)", "types"},
    {"triage-bot", "SELECT id FROM open_tickets TABLESAMPLE evil (1)", "functions"},
    {"triage-bot", "SELECT CURRENT_USER, SESSION_USER, CURRENT_DATE, LOCALTIMESTAMP", ""},
};

}  // namespace chaperone::rules::cases
