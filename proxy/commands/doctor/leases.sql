-- The lease functions: there, as they were made (rules/broker/lease.sql, which the setting has as lease_sql), and for the
-- broker alone. Rows as in broker.sql.

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT CASE WHEN n.oid IS NULL THEN 'lease-schema-missing' ELSE 'lease-function-missing' END, 'danger',
  CASE WHEN n.oid IS NULL THEN 'schema chaperone' ELSE format('function chaperone.%I', f.name[1]) END,
  'Without it no lease can be made, so that every session is refused.', j->>'broker_sql'
FROM asked CROSS JOIN LATERAL regexp_matches(j->>'lease_sql', 'CREATE OR REPLACE FUNCTION chaperone\.(\w+)', 'g') f (name)
LEFT JOIN pg_namespace n ON n.nspname = 'chaperone'
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = f.name[1])
GROUP BY 1, 2, 3, 4, 5
ORDER BY 3;

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'lease-table-missing', 'danger', format('table chaperone.%I', t.name[1]),
  'The schema is of another version, or somebody has dropped it.', j->>'broker_sql'
FROM asked CROSS JOIN LATERAL regexp_matches(j->>'lease_sql', 'CREATE TABLE IF NOT EXISTS chaperone\.(\w+)', 'g') t (name)
JOIN pg_namespace n ON n.nspname = 'chaperone'
WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = t.name[1])
ORDER BY 3;

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
found AS (
  SELECT p.*, format('function %s', p.oid::regprocedure) AS object, j, j->>'role' AS broker,
    p.proname ~ '^\w+$' AND p.prosrc = coalesce((regexp_match(j->>'lease_sql',
      format('FUNCTION chaperone\.%s\(.*?\$function\$(.*?)\$function\$', p.proname)))[1], '') AS known
  FROM asked, pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'chaperone'
)
SELECT 'lease-function-altered', 'danger', object,
  'It is not one that this version made: it may do something else, or the lease functions are of another version.',
  CASE WHEN strpos(j->>'lease_sql', format('FUNCTION chaperone.%I(', proname)) > 0 THEN j->>'broker_sql'
    ELSE format('DROP ROUTINE %s;', oid::regprocedure) END
FROM found WHERE NOT known
UNION ALL
SELECT 'lease-function-owner', 'danger', object,
  format('It belongs to %s, and so runs with the rights of that role.', proowner::regrole),
  format('ALTER ROUTINE %s OWNER TO pgchaperone_owner;', oid::regprocedure)
FROM found WHERE proowner IS DISTINCT FROM (SELECT oid FROM pg_roles WHERE rolname = 'pgchaperone_owner')
UNION ALL
SELECT 'lease-function-rights', 'danger', object,
  'It is not SECURITY DEFINER: it runs with the rights of its caller, so that the broker would need those itself.',
  format('ALTER ROUTINE %s SECURITY DEFINER;', oid::regprocedure)
FROM found WHERE NOT prosecdef
UNION ALL
SELECT 'lease-function-search-path', 'danger', object,
  'It has no fixed search_path: its caller chooses which functions it calls, with the rights of its owner.',
  format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp;', oid::regprocedure)
FROM found WHERE NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))
UNION ALL
SELECT 'lease-function-open', 'danger', object,
  format('%s may run it: it is for the broker alone.', CASE x.grantee WHEN 0 THEN 'Every role' ELSE x.grantee::regrole::text END),
  format('REVOKE EXECUTE ON ROUTINE %s FROM %s;', oid::regprocedure, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END)
FROM found CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) x
WHERE x.grantee <> proowner AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = x.grantee AND r.rolname = broker)
  AND proname <> 'lease_parameter'
UNION ALL
SELECT 'lease-function-closed', 'danger', object,
  'The broker may not run it, so that leases can''t be made or removed.',
  format('GRANT EXECUTE ON ROUTINE %s TO %I;', oid::regprocedure, broker)
FROM found WHERE known AND proname <> 'lease_parameter' AND EXISTS (SELECT FROM pg_roles WHERE rolname = broker)
  AND NOT has_function_privilege(broker, oid, 'EXECUTE')
ORDER BY 3, 1;

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
owner AS (SELECT (SELECT oid FROM pg_roles WHERE rolname = 'pgchaperone_owner') AS oid),
held AS (
  SELECT format('SCHEMA %I', n.nspname) AS object, n.nspowner AS owner, coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
  FROM pg_namespace n WHERE n.nspname = 'chaperone'
  UNION ALL
  SELECT format('TABLE chaperone.%I', c.relname), c.relowner, coalesce(c.relacl, acldefault('r', c.relowner))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'chaperone' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
)
SELECT 'lease-schema-owner', 'danger', lower(left(h.object, 6)) || substr(h.object, 7),
  format('It belongs to %s, which can change who may be given which capability.', h.owner::regrole),
  format('ALTER %s OWNER TO pgchaperone_owner;', h.object)
FROM held h, owner o WHERE h.owner IS DISTINCT FROM o.oid
UNION ALL
SELECT 'lease-schema-open', 'danger', lower(left(h.object, 6)) || substr(h.object, 7),
  format('%s holds %s on it: it is for the lease functions alone.', g.name, string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type)),
  format('REVOKE %s ON %s FROM %s;', string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type), h.object, g.name)
FROM held h CROSS JOIN LATERAL aclexplode(h.acl) x
CROSS JOIN LATERAL (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END) g (name)
WHERE x.grantee <> h.owner AND NOT (h.object LIKE 'SCHEMA %' AND x.privilege_type = 'USAGE')
GROUP BY h.object, g.name
UNION ALL
SELECT 'lease-table-trigger', 'danger', format('table %s', t.tgrelid::regclass),
  format('The trigger %I runs whenever a lease is made, with the rights of their owner.', t.tgname),
  format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'chaperone' AND NOT t.tgisinternal
UNION ALL
SELECT 'lease-function-closed', 'danger', 'schema chaperone', 'The broker may not use it, so that leases can''t be made or removed.',
  format('GRANT USAGE ON SCHEMA chaperone TO %I;', j->>'role')
FROM asked JOIN pg_roles r ON r.rolname = j->>'role' JOIN pg_namespace n ON n.nspname = 'chaperone'
WHERE NOT has_schema_privilege(r.oid, n.oid, 'USAGE')
ORDER BY 3, 1
