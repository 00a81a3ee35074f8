-- A bank's support desk: agents work for branches, and may see those of their branch's customers.
CREATE EXTENSION citext;
CREATE TABLE branches_of_staff (branch_id integer NOT NULL, login text NOT NULL, PRIMARY KEY (branch_id, login));
CREATE TABLE customers (
    id uuid PRIMARY KEY,
    branch_id integer NOT NULL,
    name text NOT NULL,
    email citext NOT NULL,
    iban varchar(34) NOT NULL,
    blocked boolean NOT NULL DEFAULT false,
    locked_until timestamptz
);
CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customers (id),
    sent_by text NOT NULL,
    body text NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION next_opening(branch integer) RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';
