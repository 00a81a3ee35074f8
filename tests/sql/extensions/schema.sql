-- A database with extensions in the schema of its tables, as CREATE EXTENSION puts them there.
CREATE EXTENSION citext;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION "uuid-ossp";
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE EXTENSION unaccent;
CREATE EXTENSION fuzzystrmatch;
CREATE EXTENSION tablefunc;
CREATE EXTENSION dblink;
CREATE SCHEMA tools;
CREATE EXTENSION intarray SCHEMA tools;

CREATE TABLE users (
    id bigserial PRIMARY KEY,
    tenant_id integer NOT NULL,
    uid uuid NOT NULL DEFAULT uuid_generate_v4(),
    email citext NOT NULL UNIQUE,
    name text NOT NULL,
    path ltree,
    extra hstore,
    groups integer[],
    password text
);
-- None of an extension, under the names of some.
CREATE FUNCTION soundex(integer) RETURNS text LANGUAGE sql AS 'DELETE FROM users RETURNING name';
CREATE FUNCTION strpos(text, integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- What it gives is for its author to answer for.
CREATE FUNCTION find_users(text) RETURNS SETOF users LANGUAGE sql STABLE AS 'SELECT * FROM users WHERE name = $1';
