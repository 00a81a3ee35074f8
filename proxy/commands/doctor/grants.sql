-- What the roles of the setting pgchaperone.doctor ("subjects") hold, to be compared with what the policy needs
-- (doctor_grants.cpp).

-- Those that are there: role, whether it is a superuser; this database.
SELECT r.rolname, r.rolsuper, current_database()
FROM json_array_elements_text(current_setting('pgchaperone.doctor')::json->'subjects') s (role) JOIN pg_roles r ON r.rolname = s.role
ORDER BY 1;

-- Privileges, granted to them, to what they are members of, and to PUBLIC (an empty grantee): role, grantee, whether it
-- is the owner, object, schema, name, column, privilege, whether it may be granted on; the object as SQL; who granted it (empty:
-- the owner), and what stands before and behind a REVOKE in that one's name. That of a superuser counts as the owner's.
WITH RECURSIVE subjects AS (
  SELECT r.oid FROM json_array_elements_text(current_setting('pgchaperone.doctor')::json->'subjects') s (role)
  JOIN pg_roles r ON r.rolname = s.role
),
held (subject, role) AS (
  SELECT oid, oid FROM subjects
  UNION
  SELECT h.subject, m.roleid FROM held h JOIN pg_auth_members m ON m.member = h.role
),
grantees AS (SELECT subject, role FROM held UNION ALL SELECT oid, 0 FROM subjects),
relations AS (
  SELECT c.*, n.nspname, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END AS object
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname <> 'chaperone'
),
objects AS (
  SELECT object, nspname AS schema, relname AS name, '' AS "column", relowner AS owner,
    coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner)) AS acl,
    format('%s %I.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname) AS sql
  FROM relations
  UNION ALL
  SELECT r.object, r.nspname, r.relname, a.attname, r.relowner, a.attacl, format('TABLE %I.%I', r.nspname, r.relname)
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
  UNION ALL
  SELECT 'schema', nspname, '', '', nspowner, coalesce(nspacl, acldefault('n', nspowner)), format('SCHEMA %I', nspname)
  FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' AND nspname <> 'chaperone'
  UNION ALL
  SELECT 'database', CASE WHEN datname = current_database() THEN '' ELSE datname END, '', '', datdba,
    coalesce(datacl, acldefault('d', datdba)), format('DATABASE %I', datname)
  FROM pg_database
  UNION ALL
  SELECT 'function', n.nspname, p.proname, '', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)),
    format('ROUTINE %s', p.oid::regprocedure)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname <> 'chaperone' AND p.proacl IS NOT NULL
  UNION ALL
  SELECT 'parameter', '', parname, '', 10, paracl, format('PARAMETER %s', parname) FROM pg_parameter_acl
  UNION ALL
  SELECT 'large object', '', oid::text, '', lomowner, lomacl, format('LARGE OBJECT %s', oid) FROM pg_largeobject_metadata
  UNION ALL
  SELECT 'server', '', srvname, '', srvowner, srvacl, format('FOREIGN SERVER %I', srvname) FROM pg_foreign_server
)
SELECT s.rolname, coalesce(r.rolname, ''), o.owner = g.role, o.object, o.schema, o.name, o."column", x.privilege_type, x.is_grantable, o.sql,
  CASE WHEN x.grantor = o.owner THEN '' ELSE x.grantor::regrole::text END,
  CASE WHEN x.grantor = o.owner THEN '' ELSE format(CASE WHEN w.rolsuper THEN 'BEGIN; ALTER ROLE %1$I NOSUPERUSER; ' ELSE '' END || 'SET ROLE %1$I; ', w.rolname) END,
  CASE WHEN x.grantor = o.owner THEN '' ELSE format(' RESET ROLE;' || CASE WHEN w.rolsuper THEN ' ALTER ROLE %I SUPERUSER; COMMIT;' ELSE '' END, w.rolname) END
FROM objects o CROSS JOIN LATERAL aclexplode(o.acl) x
JOIN grantees g ON g.role = x.grantee JOIN pg_roles s ON s.oid = g.subject LEFT JOIN pg_roles r ON r.oid = g.role
JOIN pg_roles w ON w.oid = x.grantor
WHERE g.role <> 0 OR o.object <> 'function' AND o.schema NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 4, 5, 6, 7, 8, 2, 11;

-- Functions that one of them may not execute: role, schema, name; as SQL.
SELECT r.rolname, n.nspname, p.proname, format('ROUTINE %s', p.oid::regprocedure)
FROM json_array_elements_text(current_setting('pgchaperone.doctor')::json->'subjects') s (role) JOIN pg_roles r ON r.rolname = s.role
CROSS JOIN pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proacl IS NOT NULL AND NOT has_function_privilege(r.oid, p.oid, 'EXECUTE')
ORDER BY 1, 2, 3, 4
