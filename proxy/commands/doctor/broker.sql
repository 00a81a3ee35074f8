-- Roles that are stronger than their task: the role that pgchaperone logs in as, the owner of the lease functions, and
-- the capability roles. Each row is a finding: id, severity, object, risk, what mends it. What was asked for is in the
-- setting pgchaperone.doctor (doctor_database.cpp); any role may ask.

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'broker-missing', 'danger', format('role %I', j->>'role'),
  'The configuration logs in as a role that is not there, so that no session can begin.',
  CASE WHEN (j->>'leases')::bool THEN j->>'broker_sql' ELSE format('CREATE ROLE %I LOGIN;', j->>'role') END
FROM asked
WHERE j->>'role' <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = j->>'role');

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'capability-role-missing', 'danger', format('role %I', s.role),
  'No lease can hold this capability, so that every session of an agent that has it is refused.',
  j->>'broker_sql'
FROM asked, json_array_elements_text(j->'subjects') s (role)
WHERE (j->>'leases')::bool AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = s.role);

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
named AS (
  SELECT j->>'role' AS role, 'broker' AS kind FROM asked WHERE j->>'role' <> ''
  UNION
  SELECT s.role, CASE WHEN (j->>'leases')::bool THEN 'capability' ELSE 'broker' END FROM asked, json_array_elements_text(j->'subjects') s (role)
  UNION
  SELECT 'pgchaperone_owner', 'owner' FROM asked WHERE (j->>'leases')::bool
)
SELECT n.kind || '-' || v.id, 'danger', format('role %I', r.rolname), v.risk, format('ALTER ROLE %I %s;', r.rolname, v.mend)
FROM named n JOIN pg_roles r ON r.rolname = n.role,
LATERAL (VALUES
  ('superuser', r.rolsuper, 'It is a superuser: whoever holds it reads every file of the server and runs programs there.', 'NOSUPERUSER'),
  ('createrole', r.rolcreaterole AND n.kind <> 'owner',
    CASE WHEN current_setting('server_version_num')::int < 160000
      THEN 'CREATEROLE on this version is as good as operating-system commands: it can grant itself pg_execute_server_program.'
      ELSE 'CREATEROLE makes roles that outlive every lease, past the lease functions.' END, 'NOCREATEROLE'),
  ('createdb', r.rolcreatedb, 'CREATEDB lets it make databases in which it owns everything, out of reach of the policy.', 'NOCREATEDB'),
  ('replication', r.rolreplication, 'REPLICATION streams the whole cluster, every table and every password verifier included.', 'NOREPLICATION'),
  ('bypassrls', r.rolbypassrls, 'BYPASSRLS makes every row-level-security policy void.', 'NOBYPASSRLS'),
  ('login', r.rolcanlogin AND n.kind <> 'broker', 'It can log in, so that a password for it would be a credential that lasts.', 'NOLOGIN')
) v (id, found, risk, mend)
WHERE v.found;

-- Memberships. A broker of leases and a capability role need none; of a role that all agents share only the strong ones
-- are told, as what the others grant is compared with the policy. The owner of the lease functions ends sessions, and hands
-- out leases and capabilities.
WITH RECURSIVE asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
named AS (
  SELECT j->>'role' AS role, 'broker' AS kind, (j->>'leases')::bool AS leases FROM asked WHERE j->>'role' <> ''
  UNION
  SELECT s.role, CASE WHEN (j->>'leases')::bool THEN 'capability' ELSE 'broker' END, (j->>'leases')::bool
  FROM asked, json_array_elements_text(j->'subjects') s (role)
  UNION
  SELECT 'pgchaperone_owner', 'owner', true FROM asked WHERE (j->>'leases')::bool
),
reached (kind, leases, member, direct, role) AS (
  SELECT n.kind, n.leases, r.oid, m.roleid, m.roleid
  FROM named n JOIN pg_roles r ON r.rolname = n.role JOIN pg_auth_members m ON m.member = r.oid
  WHERE n.kind <> 'owner' OR m.roleid::regrole::text !~ '^"?(agp_|agc_)|^pg_signal_backend$'
  UNION
  SELECT reached.kind, reached.leases, reached.member, reached.direct, m.roleid
  FROM reached JOIN pg_auth_members m ON m.member = reached.role
),
strong AS (
  SELECT oid FROM pg_roles WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolname ~ '^pg_'
  UNION
  SELECT relowner FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')
)
SELECT r.kind || '-member', CASE WHEN count(s.oid) > 0 THEN 'danger' ELSE 'warning' END, format('role %s', r.member::regrole),
  CASE WHEN count(s.oid) > 0
    THEN format('It is a member of %s, which is more than any policy: it reads or changes what the policy does not show.',
      r.direct::regrole)
    ELSE format('It is a member of %s, and may do whatever that may do.', r.direct::regrole) END,
  format('REVOKE %s FROM %s;', r.direct::regrole, r.member::regrole)
FROM reached r LEFT JOIN strong s ON s.oid = r.role
GROUP BY r.kind, r.leases, r.member, r.direct
HAVING r.leases OR count(s.oid) > 0
ORDER BY 3, 5;

-- What they own they may alter, grant and drop.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
named AS (
  SELECT j->>'role' AS role, 'broker' AS kind FROM asked WHERE j->>'role' <> ''
  UNION
  SELECT s.role, CASE WHEN (j->>'leases')::bool THEN 'capability' ELSE 'broker' END FROM asked, json_array_elements_text(j->'subjects') s (role)
),
owned AS (
  SELECT n.kind, r.oid AS role, r.rolname, d.classid, pg_describe_object(d.classid, d.objid, 0) AS object
  FROM named n JOIN pg_roles r ON r.rolname = n.role JOIN pg_shdepend d ON d.refobjid = r.oid AND d.refclassid = 'pg_authid'::regclass
  WHERE d.deptype = 'o' AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND d.classid NOT IN ('pg_type'::regclass, 'pg_default_acl'::regclass)
)
SELECT kind || '-owns', 'danger', format('role %s', role::regrole),
  format('It owns %s%s: an owner grants itself every privilege, passes row-level security and may drop what is its own.',
    (array_agg(object ORDER BY object))[1], CASE WHEN count(*) > 1 THEN format(' and %s more', count(*) - 1) ELSE '' END),
  -- Not to who runs it: a function, a view or an index would do there what its maker wrote into it.
  CASE WHEN bool_and(classid = 'pg_largeobject'::regclass)
    THEN format('SELECT count(lo_unlink(oid)) FROM (SELECT oid FROM pg_largeobject_metadata WHERE lomowner = %L::regrole LIMIT 500) own;',
      role::regrole)
    ELSE format('CREATE ROLE %2$I; REASSIGN OWNED BY %1$I TO %2$I; -- look at it before it gets another owner', rolname,
      left('left_by_' || rolname, 63)) END
FROM owned GROUP BY kind, role, rolname;

-- A broker of leases needs nothing but the lease functions.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
broker AS (SELECT oid FROM pg_roles, asked WHERE rolname = j->>'role' AND (j->>'leases')::bool),
held AS (
  SELECT format('TABLE %I.%I', n.nspname, c.relname) AS object, c.relacl AS acl
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION ALL
  SELECT format('SEQUENCE %I.%I', n.nspname, c.relname), c.relacl
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'
  UNION ALL
  SELECT format('TABLE %I.%I', n.nspname, c.relname), a.attacl
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attacl IS NOT NULL
  UNION ALL
  SELECT format('SCHEMA %I', nspname), nspacl FROM pg_namespace WHERE nspname <> 'chaperone'
  UNION ALL
  SELECT format('ROUTINE %s', p.oid::regprocedure), p.proacl
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> 'chaperone'
)
SELECT DISTINCT 'broker-holds', 'danger', lower(left(h.object, strpos(h.object, ' ') - 1)) || substr(h.object, strpos(h.object, ' ')),
  format('The broker holds privileges of its own on it, which whoever steals its login has for good; it needs the lease functions alone.'),
  format('REVOKE ALL ON %s FROM %s;', h.object, b.oid::regrole)
FROM broker b, held h, aclexplode(h.acl) x WHERE x.grantee = b.oid
ORDER BY 3;

-- Who is a member of the owner can become it.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'owner-members', 'danger', 'role pgchaperone_owner',
  format('%s is a member of it, so that it can replace the lease functions and make roles of its own.', m.member::regrole),
  format('REVOKE pgchaperone_owner FROM %s;', m.member::regrole)
FROM asked, pg_auth_members m JOIN pg_roles r ON r.oid = m.member
WHERE (j->>'leases')::bool AND m.roleid = (SELECT oid FROM pg_roles WHERE rolname = 'pgchaperone_owner') AND NOT r.rolsuper;

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'broker-password-expires', CASE WHEN r.rolvaliduntil < now() THEN 'danger' ELSE 'warning' END, format('role %I', r.rolname),
  format('Its password %s %s, after which no session can begin.',
    CASE WHEN r.rolvaliduntil < now() THEN 'has expired on' ELSE 'expires on' END, r.rolvaliduntil::date),
  format('ALTER ROLE %I PASSWORD ''..'' VALID UNTIL ''infinity''; -- and the password file of the configuration', r.rolname)
FROM asked, pg_roles r
WHERE r.rolname = j->>'role' AND r.rolvaliduntil < now() + interval '30 days'
