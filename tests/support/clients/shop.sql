-- A shop for the clients of tests/acceptance/enforce.sh, for the role `worker`. With -v shape=whole as it is; with driver or tool as
-- the capability of that agent in shop.yaml shows it, physically: no hidden tables, columns and rows, masks instead of values.
SELECT :'shape' = 'whole' AS whole, :'shape' <> 'driver' AS tickets, :'shape' <> 'tool' AS items \gset
SET client_min_messages = warning;

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); -- types are everybody's
\if :tickets
CREATE TABLE customers (
  id bigserial PRIMARY KEY,
\if :whole
  tenant_id integer NOT NULL,
  ssn text CHECK (ssn ~ '^[0-9-]+$'),
\endif
  name text NOT NULL,
  email text
);
COMMENT ON TABLE customers IS 'who buys';
CREATE TABLE tickets (
  id bigserial PRIMARY KEY,
\if :whole
  tenant_id integer NOT NULL DEFAULT 7,
\endif
  customer_id bigint NOT NULL REFERENCES customers,
  subject text NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'waiting', 'solved')),
  created_at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00'
);
CREATE INDEX tickets_status ON tickets (status);
CREATE TABLE notes (
  id bigserial PRIMARY KEY,
  ticket_id bigint NOT NULL REFERENCES tickets,
  body text NOT NULL UNIQUE,
  tags text[] NOT NULL DEFAULT '{}',
  data jsonb
);
INSERT INTO customers (name, email) SELECT name, email FROM (VALUES ('Ada', 'a***@example.com'), ('Bruno', 'b***@example.com'), ('Chiara', NULL)) v (name, email)
\if :whole
  WHERE false
\endif
;
\if :whole
CREATE INDEX tickets_tenant ON tickets (tenant_id, status);
CREATE INDEX customers_ssn ON customers (ssn);
INSERT INTO customers (tenant_id, ssn, name, email) VALUES
  (7, '078-05-1120', 'Ada', 'ada@example.com'), (7, '219-09-9999', 'Bruno', 'bruno@example.com'), (7, NULL, 'Chiara', NULL),
  (8, '457-55-5462', 'Dmitri', 'dmitri@example.net');
CREATE TABLE salaries (id bigserial PRIMARY KEY, customer_id bigint REFERENCES customers, amount numeric);
CREATE SCHEMA hr;
CREATE TABLE hr.reviews (id int PRIMARY KEY, words text);
CREATE VIEW well_paid AS SELECT * FROM salaries WHERE amount > 1000;
CREATE FUNCTION raise_salary(bigint) RETURNS void LANGUAGE sql AS 'UPDATE salaries SET amount = amount * 2 WHERE id = $1';
INSERT INTO salaries (customer_id, amount) VALUES (1, 777333);
INSERT INTO hr.reviews VALUES (1, 'words of hr');
\endif
INSERT INTO tickets (customer_id, subject, status) VALUES (1, 'Parcel never arrived', 'open'), (2, 'Wrong size', 'open'),
  (3, 'Invoice address', 'waiting'), (1, 'Thank you', 'solved');
\if :whole
INSERT INTO tickets (tenant_id, customer_id, subject) VALUES (8, 4, 'Secret of the other tenant');
-- What triggers and row-level security know of who asks.
CREATE TABLE visits (id serial PRIMARY KEY, place text, who text);
CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.who := current_setting('chaperone.actor') || ' via ' || current_setting('chaperone.agent') || ' for ' || current_setting('chaperone.task');
  RETURN NEW;
END $$;
INSERT INTO visits (place, who) VALUES ('cellar', 'bob@example.com via witness for nothing');
CREATE TRIGGER note_who BEFORE INSERT ON visits FOR EACH ROW EXECUTE FUNCTION note_who();
ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON visits USING (who LIKE current_setting('chaperone.actor') || ' via %');
\endif
\endif

\if :items
-- What drivers do is tried on a table that is shown whole, so that every row of an error counts as well.
CREATE TABLE items (
  id serial PRIMARY KEY,
  name text NOT NULL UNIQUE,
  price numeric(10, 2) CHECK (price >= 0),
  tags text[],
  data jsonb,
  feels mood,
  raw bytea,
  made timestamptz DEFAULT '2026-01-01 00:00:00+00'
);
COMMENT ON TABLE items IS 'things for sale';
CREATE TABLE lines (a integer, b text);
CREATE FUNCTION say(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING '%', $1 USING HINT = 'with a hint'; END $$;
\endif

GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO worker;
GRANT ALL ON ALL TABLES IN SCHEMA public TO worker;
\if :whole
GRANT USAGE ON SCHEMA hr TO worker;
GRANT ALL ON hr.reviews TO worker;
\endif
ANALYZE;
