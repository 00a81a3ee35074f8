-- The schema of a live database as the lines of a snapshot (rules/catalog/catalog.hpp), one a row, for PostgreSQL 14 and later.
-- Rows that do not begin with { are not part of it. What users made cannot take part: until the search_path is pinned
-- every name is qualified, and no operator stands there.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_catalog.set_config('pgchaperone.search_path',
  pg_catalog.text(pg_catalog.array_to_json(pg_catalog.current_schemas(false))), true);
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

SELECT json_build_object(
  'catalog', 1,
  'server_major', current_setting('server_version_num')::int / 10000,
  'search_path', (
    SELECT coalesce(json_agg(s), '[]') FROM json_array_elements_text(current_setting('pgchaperone.search_path')::json) s
    WHERE s <> 'pg_catalog' AND s !~ '^pg_temp'),
  'schemas', (
    SELECT coalesce(json_agg(nspname ORDER BY nspname), '[]') FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'))::text;

-- An array is told by its element. Modifiers of an interval are what intervaltypmodin takes; of the others what
-- format_type shows in brackets.
WITH type_names AS (
  SELECT t.oid, coalesce(e.oid, t.oid) AS element, n.nspname, coalesce(e.typname, t.typname) AS typname,
    CASE WHEN e.oid IS NOT NULL THEN 1 END AS dimensions
  FROM pg_type t LEFT JOIN pg_type e ON e.typarray = t.oid
  JOIN pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
)
SELECT json_strip_nulls(json_build_object(
  'type', t.typname,
  'schema', n.nspname,
  'kind', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' WHEN 'b' THEN 'base'
    ELSE 'range' END,
  'base', (
    SELECT json_build_object('schema', b.nspname, 'name', b.typname, 'modifiers',
      CASE WHEN t.typtypmod < 0 THEN NULL
        WHEN b.element <> 'interval'::regtype THEN lower(substring(format_type(b.oid, t.typtypmod) FROM '\((.*)\)'))
        WHEN t.typtypmod & 65535 = 65535 THEN ((t.typtypmod >> 16) & 32767)::text
        ELSE ((t.typtypmod >> 16) & 32767)::text || ',' || (t.typtypmod & 65535) END,
      'dimensions', b.dimensions)
    FROM type_names b WHERE t.typtype = 'd' AND b.oid = t.typbasetype),
  'checked', CASE WHEN t.typtype = 'd' AND (t.typnotnull
    OR EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = t.oid)) THEN true END,
  'labels', (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
))::text
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND t.typtype IN ('b', 'c', 'd', 'e', 'r', 'm')
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
  AND (t.typtype <> 'c' OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
ORDER BY n.nspname, t.typname;

WITH type_names AS (
  SELECT t.oid, coalesce(e.oid, t.oid) AS element, n.nspname, coalesce(e.typname, t.typname) AS typname,
    CASE WHEN e.oid IS NOT NULL THEN 1 END AS dimensions
  FROM pg_type t LEFT JOIN pg_type e ON e.typarray = t.oid
  JOIN pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
), user_relations AS (
  SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
), relation_columns AS (
  SELECT a.attrelid, json_agg(json_build_object(
    'name', a.attname,
    'type', json_build_object('schema', t.nspname, 'name', t.typname, 'modifiers',
      CASE WHEN a.atttypmod < 0 THEN NULL
        WHEN t.element <> 'interval'::regtype THEN lower(substring(format_type(t.oid, a.atttypmod) FROM '\((.*)\)'))
        WHEN a.atttypmod & 65535 = 65535 THEN ((a.atttypmod >> 16) & 32767)::text
        ELSE ((a.atttypmod >> 16) & 32767)::text || ',' || (a.atttypmod & 65535) END,
      'dimensions', t.dimensions),
    'not_null', CASE WHEN a.attnotnull THEN true END,
    'has_default', CASE WHEN a.atthasdef OR a.attidentity <> '' THEN true END,
    'generated', CASE WHEN a.attgenerated <> '' THEN true END,
    'identity', CASE WHEN a.attidentity <> '' THEN true END,
    'identity_always', CASE WHEN a.attidentity = 'a' THEN true END) ORDER BY a.attnum) AS value
  FROM user_relations c JOIN pg_attribute a ON a.attrelid = c.oid JOIN type_names t ON t.oid = a.atttypid
  WHERE a.attnum > 0 AND NOT a.attisdropped
  GROUP BY a.attrelid
), unique_indexes AS (
  SELECT i.indrelid, i.indisprimary, (
    SELECT json_agg(a.attname ORDER BY k.place)
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE k.place <= i.indnkeyatts) AS value
  FROM pg_index i WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
), foreign_keys AS (
  -- Those that the partitions of a referenced table are given besides are left out.
  SELECT f.conrelid, json_agg(json_build_object('columns', (
      SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(f.conkey) WITH ORDINALITY k (attnum, place)
      JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
    'schema', n.nspname, 'relation', r.relname)) AS value
  FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace n ON n.oid = r.relnamespace
  LEFT JOIN pg_constraint p ON p.oid = f.conparentid
  WHERE f.contype = 'f' AND (p.oid IS NULL OR p.conrelid <> f.conrelid)
  GROUP BY f.conrelid
)
SELECT json_strip_nulls(json_build_object(
  'relation', c.relname,
  'schema', c.nspname,
  'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned_table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized_view' WHEN 'f' THEN 'foreign_table' WHEN 'S' THEN 'sequence' ELSE 'composite_type' END,
  'columns', (SELECT value FROM relation_columns WHERE attrelid = c.oid),
  'primary_key', (SELECT value FROM unique_indexes WHERE indrelid = c.oid AND indisprimary),
  'unique_keys', (SELECT json_agg(value) FROM unique_indexes WHERE indrelid = c.oid AND NOT indisprimary),
  'foreign_keys', (SELECT value FROM foreign_keys WHERE conrelid = c.oid),
  'parents', (
    SELECT json_agg(json_build_array(n.nspname, p.relname) ORDER BY i.inhseqno) FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace WHERE i.inhrelid = c.oid),
  'row_security', CASE WHEN c.relrowsecurity THEN true END,
  'security_invoker', CASE WHEN c.relkind = 'v' AND EXISTS (
    SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker' AND option_value::bool)
    THEN true END
))::text
FROM user_relations c ORDER BY c.nspname, c.relname;

WITH type_names AS (
  SELECT t.oid, n.nspname, coalesce(e.typname, t.typname) AS typname, CASE WHEN e.oid IS NOT NULL THEN 1 END AS dimensions
  FROM pg_type t LEFT JOIN pg_type e ON e.typarray = t.oid
  JOIN pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
)
SELECT json_strip_nulls(json_build_object(
  'function', p.proname,
  'schema', n.nspname,
  'kind', CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window' WHEN 'p' THEN 'procedure' ELSE 'function' END,
  'arguments', coalesce((
    SELECT json_agg(json_build_object('schema', t.nspname, 'name', t.typname, 'dimensions', t.dimensions) ORDER BY a.place)
    FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place) JOIN type_names t ON t.oid = a.type), '[]'),
  'defaults', nullif(p.pronargdefaults, 0),
  'variadic', CASE WHEN p.provariadic <> 0 THEN true END,
  'volatility', p.provolatile,
  'security_definer', CASE WHEN p.prosecdef THEN true END,
  'language', l.lanname,
  'extension', e.extname
))::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, p.proname;

SELECT DISTINCT json_strip_nulls(json_build_object('operator', o.oprname, 'schema', n.nspname, 'extension', e.extname))::text
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1;
COMMIT
