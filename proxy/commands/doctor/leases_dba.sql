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
  format('REASSIGN OWNED BY %1$I TO CURRENT_USER; DROP OWNED BY %1$I; DROP ROLE %1$I;', r.rolname)
FROM pg_roles r WHERE r.rolname ~ '^agp_' AND NOT EXISTS (SELECT FROM chaperone.leases l WHERE l.role = r.rolname)
ORDER BY 3
