#pragma once

#include <memory>

#include "rules/catalog/catalog.hpp"

namespace chaperone::test {

/// A schema with a column of every type that a policy may meet.
inline constexpr const char* kShopSchema = R"sql(
CREATE EXTENSION citext;
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN public.posint AS integer CHECK (VALUE > 0);
CREATE DOMAIN public.code AS varchar(8) NOT NULL;
CREATE TABLE public.tickets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id integer NOT NULL,
  subject text NOT NULL,
  body text,
  status varchar(10) NOT NULL DEFAULT 'open',
  customer_id bigint,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.customers (
  id bigint PRIMARY KEY,
  tenant_id integer NOT NULL,
  name varchar(40),
  email text,
  ssn text,
  created_at timestamptz NOT NULL DEFAULT now(),
  name_upper text GENERATED ALWAYS AS (upper(name)) STORED
);
CREATE TABLE public.ticket_notes (
  id bigserial PRIMARY KEY,
  ticket_id bigint NOT NULL,
  body text NOT NULL,
  tenant_id integer NOT NULL,
  author text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.members (tenant_id integer, agent text, PRIMARY KEY (tenant_id, agent));
CREATE TABLE public.kinds (
  id integer PRIMARY KEY, small smallint, big bigint, num numeric, amount numeric(10,2), f4 real, f8 double precision,
  t text, v varchar(12), c char(4), n name, b boolean, by bytea, u uuid, d date, ts timestamp, tz timestamptz(3),
  tm time, iv interval, j json, jb jsonb, m public.mood, p public.posint, k public.code, tags text[], ns int[], ip inet,
  r int4range, mny money, bits bit(8), ms public.mood[], x xml, ci public.citext
);
CREATE MATERIALIZED VIEW public.totals AS SELECT tenant_id, count(*) AS tickets FROM public.tickets GROUP BY tenant_id;
CREATE VIEW public.open_tickets AS SELECT id, tenant_id, subject FROM public.tickets WHERE status = 'open';
CREATE SCHEMA archive;
CREATE TABLE archive.log (id bigint PRIMARY KEY, line text);
CREATE FUNCTION public.word_count(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE PROCEDURE public.tidy() LANGUAGE sql AS 'SELECT 1';
)sql";

inline std::shared_ptr<const rules::Catalog> shop() {
  static const std::shared_ptr<const rules::Catalog> catalog = [] {
    rules::Problems problems;
    auto loaded = rules::load_catalog_sql(kShopSchema, "shop.sql", problems);
    if (!problems.empty()) throw std::logic_error(problems.text());
    return loaded;
  }();
  return catalog;
}

}  // namespace chaperone::test
