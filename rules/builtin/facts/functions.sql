-- Functions, aggregates and window functions: schema, name, argument types, variadic element type, number of defaults,
-- result type, output columns, kind, volatility, strict, leakproof, set-returning.
-- Types carry their names in pg_type; a schema only when it is not pg_catalog.
SELECT p.pronamespace::regnamespace, p.proname,
  coalesce((SELECT string_agg(pg_temp.type_name(t), ',' ORDER BY i) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, i)), '-'),
  CASE WHEN p.provariadic = 0 THEN '-' ELSE pg_temp.type_name(p.provariadic) END,
  p.pronargdefaults, pg_temp.type_name(p.prorettype),
  coalesce((SELECT string_agg(coalesce(nullif(p.proargnames[i], ''), 'column' || i) || ':' || pg_temp.type_name(t), ',' ORDER BY i)
    FROM unnest(p.proallargtypes) WITH ORDINALITY a(t, i) WHERE p.proargmodes[i] IN ('o', 'b', 't')), '-'),
  p.prokind, p.provolatile,
  CASE WHEN p.proisstrict THEN 'strict' ELSE '-' END, CASE WHEN p.proleakproof THEN 'leakproof' ELSE '-' END,
  CASE WHEN p.proretset THEN 'set' ELSE '-' END
FROM pg_proc p
WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace);
