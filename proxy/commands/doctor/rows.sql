-- Row-level security beneath the policy. Rows as in broker.sql; "tables" are those that the policy shows, with what it
-- says of their rows, and "subjects" the roles that hold them.

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'rls-off', 'danger', format('table %I.%I', t->>0, t->>1),
  'The policy leaves its rows to row-level security (enforce: rls), and that is off: every row is shown.',
  format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY;', t->>0, t->>1)
FROM asked, json_array_elements(j->'tables') t
JOIN pg_class c ON c.relname = t->>1 JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = t->>0
WHERE (t->>2)::bool AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
ORDER BY 3;

WITH RECURSIVE asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
subjects AS (SELECT r.oid, r.rolname FROM asked, json_array_elements_text(j->'subjects') s (role) JOIN pg_roles r ON r.rolname = s.role),
held (subject, role) AS (
  SELECT oid, oid FROM subjects
  UNION
  SELECT held.subject, m.roleid FROM held JOIN pg_auth_members m ON m.member = held.role
),
shown AS (
  SELECT c.oid, n.nspname, c.relname, c.relowner, c.relforcerowsecurity, (t->>2)::bool AS rls, t->>3 AS role
  FROM asked, json_array_elements(j->'tables') t
  JOIN pg_class c ON c.relname = t->>1 JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = t->>0
  WHERE c.relrowsecurity
),
applying AS (
  SELECT s.oid AS relation, s.role, p.polname, p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid) AS condition
  FROM shown s JOIN subjects r ON r.rolname = s.role JOIN pg_policy p ON p.polrelid = s.oid
  WHERE EXISTS (SELECT FROM unnest(p.polroles) g (role) LEFT JOIN held h ON h.role = g.role AND h.subject = r.oid
    WHERE g.role = 0 OR h.role IS NOT NULL)
)
SELECT 'rls-gives-nothing', 'warning', format('table %I.%I', s.nspname, s.relname),
  format('Row-level security is on, and no policy of it applies to %I: what the policy shows reads as an empty table.', s.role),
  CASE WHEN s.rls THEN (SELECT j->>'broker_sql' FROM asked)
    ELSE format('CREATE POLICY %I ON %I.%I FOR SELECT TO %I USING (true); -- or the rows that it ought to see', s.role, s.nspname, s.relname, s.role) END
FROM shown s JOIN subjects r ON r.rolname = s.role JOIN pg_roles g ON g.oid = r.oid
WHERE NOT g.rolsuper AND NOT g.rolbypassrls AND s.relowner <> r.oid
  AND NOT EXISTS (SELECT FROM applying a WHERE a.relation = s.oid AND a.role = s.role AND a.polpermissive AND a.polcmd IN ('r', '*'))
UNION ALL
SELECT 'rls-owner-passes', 'danger', format('table %I.%I', s.nspname, s.relname),
  format('The policy leaves its rows to row-level security, which %I passes as the owner of the table.', s.role),
  format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY;', s.nspname, s.relname)
FROM shown s JOIN subjects r ON r.rolname = s.role WHERE s.rls AND s.relowner = r.oid AND NOT s.relforcerowsecurity
UNION ALL
SELECT 'rls-shows-all', 'danger', format('table %I.%I', s.nspname, s.relname),
  format('The policy leaves its rows to row-level security, and the policy %I there shows %I every row; policies of row-level '
    'security add up.', a.polname, s.role),
  CASE WHEN (SELECT (j->>'leases')::bool FROM asked) THEN (SELECT j->>'broker_sql' FROM asked)
    ELSE format('DROP POLICY %I ON %I.%I;', a.polname, s.nspname, s.relname) END
FROM shown s JOIN applying a ON a.relation = s.oid AND a.role = s.role
WHERE s.rls AND a.polpermissive AND a.polcmd IN ('r', '*') AND coalesce(a.condition, 'true') = 'true' AND NOT EXISTS (
  SELECT FROM applying r WHERE r.relation = s.oid AND r.role = s.role AND NOT r.polpermissive AND r.polcmd IN ('r', '*'))
UNION ALL
SELECT 'rls-by-setting', 'warning', format('table %I.%I', s.nspname, s.relname),
  format('The policy %I there shows rows by a setting, and whoever holds a login can set it as it likes.', a.polname),
  CASE WHEN (SELECT (j->>'leases')::bool FROM asked) THEN (SELECT j->>'broker_sql' FROM asked)
    ELSE format('DROP POLICY %I ON %I.%I;', a.polname, s.nspname, s.relname) END
FROM shown s JOIN applying a ON a.relation = s.oid AND a.role = s.role
WHERE s.rls AND a.polpermissive AND a.polcmd IN ('r', '*') AND a.condition ~ 'current_setting\(' AND NOT EXISTS (
  SELECT FROM applying r WHERE r.relation = s.oid AND r.role = s.role AND NOT r.polpermissive AND r.polcmd IN ('r', '*'))
ORDER BY 1, 3;

-- The policies that broker sql makes.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
needed AS (
  SELECT w->>0 AS schema, w->>1 AS relation, w->>2 AS name, w->>3 AS role, w->>4 AS command, (w->>5)::bool AS restrictive, (w->>6)::bool AS by_lease
  FROM asked, json_array_elements(j->'policies') w
)
SELECT CASE WHEN p.oid IS NULL THEN 'rls-policy-missing' ELSE 'rls-policy-altered' END, 'danger', format('table %I.%I', w.schema, w.relation),
  CASE WHEN p.oid IS NULL THEN format('The policy %I that shows %I its rows, and no others, is not there.', w.name, w.role)
    ELSE format('The policy %I that shows %I its rows, and no others, is not the one that was made for this policy.', w.name, w.role) END,
  (SELECT j->>'broker_sql' FROM asked)
FROM needed w JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation
JOIN pg_roles r ON r.rolname = w.role
LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = w.name
WHERE p.oid IS NULL OR p.polpermissive = w.restrictive OR p.polroles <> ARRAY[r.oid]
  OR p.polcmd <> CASE w.command WHEN 'SELECT' THEN 'r' WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' WHEN 'DELETE' THEN 'd' ELSE '*' END
  OR w.by_lease AND coalesce(pg_get_expr(p.polqual, p.polrelid), '') || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') !~ 'lease_parameter'
ORDER BY 3, 4;

-- Policies of others for the same roles. While the restrictive ones of broker sql stand they open nothing.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
secured AS (
  SELECT DISTINCT c.oid, n.nspname, c.relname, r.oid AS role, r.rolname
  FROM asked, json_array_elements(j->'tables') t
  JOIN pg_class c ON c.relname = t->>1 JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = t->>0
  JOIN pg_roles r ON r.rolname = t->>3
  WHERE (j->>'leases')::bool AND EXISTS (SELECT FROM json_array_elements(j->'policies') w WHERE w->>0 = t->>0 AND w->>1 = t->>1)
)
SELECT 'rls-policy-of-others', CASE WHEN bool_or(s.role = ANY (p.polroles)) THEN 'warning' ELSE 'note' END,
  format('table %I.%I', s.nspname, s.relname),
  format('The policy %I there, which broker sql did not make, lets %s pass as well: it opens nothing for as long as the restrictive '
    'policies of broker sql stand, and all that it says without them.', p.polname, string_agg(DISTINCT quote_ident(s.rolname), ', ')),
  format('DROP POLICY %I ON %I.%I; -- or ALTER POLICY .. TO the roles that it is for', p.polname, s.nspname, s.relname)
FROM secured s JOIN pg_policy p ON p.polrelid = s.oid AND p.polpermissive AND (0 = ANY (p.polroles) OR s.role = ANY (p.polroles))
WHERE p.polname <> 'chaperone_others' AND NOT EXISTS (
  SELECT FROM asked, json_array_elements(j->'policies') w WHERE w->>0 = s.nspname AND w->>1 = s.relname AND w->>2 = p.polname)
GROUP BY s.nspname, s.relname, p.polname
ORDER BY 3, 4;

-- A view reads with the rights of its owner, and the rules of its tables do not reach through it.
WITH RECURSIVE asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
named AS (
  SELECT DISTINCT c.oid, c.relkind, n.nspname, c.relname, c.reloptions, (t->>4)::bool AS narrowed
  FROM asked, json_array_elements(j->'tables') t
  JOIN pg_class c ON c.relname = t->>1 JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = t->>0
),
reads (view, relation) AS (
  SELECT n.oid, d.refobjid FROM named n JOIN pg_rewrite w ON w.ev_class = n.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
  WHERE n.relkind IN ('v', 'm')
  UNION
  SELECT r.view, d.refobjid FROM reads r JOIN pg_rewrite w ON w.ev_class = r.relation
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT DISTINCT 'view-over-narrowed-table', 'warning', format('view %I.%I', v.nspname, v.relname),
  format('The policy shows it, and narrows %I.%I, which it reads: the rows and masks of that table do not reach through a view.',
    t.nspname, t.relname),
  'the same `rows` and `mask` under the view in the policy, or the view out of it'
FROM named v JOIN reads r ON r.view = v.oid JOIN named t ON t.oid = r.relation AND t.narrowed
WHERE v.oid <> t.oid AND NOT v.narrowed
ORDER BY 3, 4
