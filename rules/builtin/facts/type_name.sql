SET search_path = pg_catalog;
CREATE FUNCTION pg_temp.type_name(oid) RETURNS text STABLE LANGUAGE sql AS $$
  SELECT CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN '' ELSE t.typnamespace::regnamespace || '.' END || t.typname
  FROM pg_type t WHERE t.oid = $1 $$;
-- A row type of a catalog or view, or an array of one: those are known as relations.
CREATE FUNCTION pg_temp.of_relation(oid) RETURNS bool STABLE LANGUAGE sql AS $$
  SELECT t.typtype = 'c' OR coalesce((SELECT e.typtype = 'c' FROM pg_type e WHERE e.oid = t.typelem AND t.typlen = -1), false)
  FROM pg_type t WHERE t.oid = $1 $$;
