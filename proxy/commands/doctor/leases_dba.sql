-- The lease functions' own tables, which are their owner's alone. Rows as in broker.sql.

-- Whatever stands there can be given to a lease by whoever holds the broker's login.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT CASE WHEN c.role ~ '^agc_' THEN 'capability-left-over' ELSE 'capability-foreign' END,
  CASE WHEN c.role ~ '^agc_' THEN 'warning' ELSE 'danger' END, format('role %I', c.role),
  CASE WHEN c.role ~ '^agc_' THEN 'No capability of the policy has this name, and whoever holds the broker''s login can still give its role to a lease.'
    ELSE 'It is no capability role, and whoever holds the broker''s login can give it to a lease.' END,
  format('DELETE FROM chaperone.capabilities WHERE role = %L;', c.role)
FROM asked, chaperone.capabilities c
WHERE NOT EXISTS (SELECT FROM json_array_elements_text(j->'subjects') s (role) WHERE s.role = c.role)
ORDER BY 3;

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'capability-not-granted', 'danger', format('role %I', s.role),
  'The lease functions may not give it to a lease, so that every session of an agent that has it is refused.', j->>'broker_sql'
FROM asked, json_array_elements_text(j->'subjects') s (role)
WHERE NOT EXISTS (SELECT FROM chaperone.capabilities c WHERE c.role = s.role)
ORDER BY 3;

SELECT 'lease-unknown', 'danger', format('role %I', r.rolname),
  'It is named like a lease, and the lease functions did not make it: nothing ends it.',
  CASE WHEN EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o')
    THEN format('CREATE ROLE %2$I; REASSIGN OWNED BY %1$I TO %2$I; ', r.rolname, left('left_by_' || r.rolname, 63)) ELSE '' END
    || format('DROP OWNED BY %1$I; DROP ROLE %1$I;', r.rolname)
FROM pg_roles r WHERE r.rolname ~ '^agp_' AND NOT EXISTS (SELECT FROM chaperone.leases l WHERE l.role = r.rolname)
ORDER BY 3;

-- The conditions of the policies of row-level security: as broker sql made them, and as this policy asks for.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
found AS (
  SELECT n.nspname, c.relname, p.polname, w->>7 AS digest, (w->>6)::bool AS by_lease, m.digest AS made_of, m.printed,
    format('USING (%s) WITH CHECK (%s)', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS now
  FROM asked, json_array_elements(j->'policies') w
  JOIN pg_namespace n ON n.nspname = w->>0 JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w->>1
  JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = w->>2
  LEFT JOIN chaperone.row_policies m ON m.relation = c.oid AND m.policy = p.polname
)
SELECT CASE WHEN f.printed IS DISTINCT FROM f.now THEN 'rls-policy-altered' ELSE 'rls-policy-outdated' END, 'danger',
  format('table %I.%I', f.nspname, f.relname),
  CASE WHEN f.printed IS NULL THEN format('The policy %I there is not one that broker sql made.', f.polname)
    WHEN f.printed <> f.now THEN format('Somebody has altered the policy %I since broker sql made it. Now it says %s', f.polname, f.now)
    ELSE format('What rows the policy %I there shows is not what pgchaperone''s policy says now: that was changed, and broker sql not '
      'run again.', f.polname) END,
  (SELECT j->>'broker_sql' FROM asked)
FROM found f
WHERE (f.printed IS DISTINCT FROM f.now OR f.made_of <> f.digest)
  AND NOT (f.by_lease AND f.now !~ 'lease_parameter') -- told by rows.sql, to everybody
ORDER BY 3, 4
