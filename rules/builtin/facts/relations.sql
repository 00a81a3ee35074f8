-- Relations: schema, name, kind (r table, v view), columns with their types.
SELECT c.relnamespace::regnamespace, c.relname, c.relkind,
  (SELECT string_agg(a.attname || ':' || pg_temp.type_name(a.atttypid), ',' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c
WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND c.relkind IN ('r', 'v');
