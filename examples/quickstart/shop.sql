-- A small shop with two tenants, as a support desk sees it.
CREATE TABLE customers (
  id bigserial PRIMARY KEY,
  tenant_id integer NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  ssn text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tickets (
  id bigserial PRIMARY KEY,
  tenant_id integer NOT NULL,
  customer_id bigint NOT NULL REFERENCES customers,
  subject text NOT NULL,
  body text NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'waiting', 'solved')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON tickets (tenant_id, status);

CREATE TABLE ticket_notes (
  id bigserial PRIMARY KEY,
  tenant_id integer NOT NULL,
  ticket_id bigint NOT NULL REFERENCES tickets,
  author text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO customers (tenant_id, name, email, ssn) VALUES
  (7, 'Ada Marsh', 'ada@example.com', '078-05-1120'),
  (7, 'Bruno Vale', 'bruno@example.com', '219-09-9999'),
  (7, 'Chiara Lund', 'chiara@example.com', NULL),
  (8, 'Dmitri Oak', 'dmitri@example.net', '457-55-5462');

INSERT INTO tickets (tenant_id, customer_id, subject, body, status) VALUES
  (7, 1, 'Parcel never arrived', 'Tracking has said "in transit" for nine days.', 'open'),
  (7, 2, 'Wrong size', 'I ordered 42 and got 24.', 'open'),
  (7, 3, 'Invoice address', 'Please put my company on the invoice.', 'waiting'),
  (7, 1, 'Thank you', 'The replacement came today.', 'solved'),
  (8, 4, 'Cannot log in', 'The reset mail does not reach me.', 'open');

INSERT INTO ticket_notes (tenant_id, ticket_id, author, body) VALUES
  (7, 1, 'alice@example.com', 'Asked the carrier for a search.'),
  (8, 5, 'walter@example.net', 'Mail was in the spam folder?');
