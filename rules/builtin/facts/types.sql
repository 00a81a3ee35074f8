-- Types but for the row types of relations: schema, name, kind (b base, d domain, p pseudo, r range, m multirange),
-- category, preferred, element type of an array, base type of a domain.
SELECT t.typnamespace::regnamespace, t.typname, t.typtype, t.typcategory,
  CASE WHEN t.typispreferred THEN 'preferred' ELSE '-' END,
  CASE WHEN t.typelem = 0 THEN '-' ELSE pg_temp.type_name(t.typelem) END,
  CASE WHEN t.typbasetype = 0 THEN '-' ELSE pg_temp.type_name(t.typbasetype) END
FROM pg_type t
WHERE t.typnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND NOT pg_temp.of_relation(t.oid);
