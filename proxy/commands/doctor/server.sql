-- Ways around pgchaperone, what lies around, and settings of the server. Rows as in broker.sql; any role may ask.

-- An agent's name that can log in by itself is a way past the proxy with the agent's own name on it. (Where agents log in
-- under their own names, pgchaperone itself needs it.)
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'agent-can-login', 'warning', format('role %I', r.rolname),
  'An agent of the policy is a role that can log in to the database itself, where no policy holds it.',
  format('ALTER ROLE %I NOLOGIN;', r.rolname)
FROM asked, json_array_elements_text(j->'agents') a (name) JOIN pg_roles r ON r.rolname = a.name
WHERE r.rolcanlogin AND r.rolname <> j->>'role' AND NOT (j->>'own_names')::bool
ORDER BY 3;

-- Other roles with what a capability holds.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'capability-shared', 'warning', format('role %s', m.roleid::regrole),
  format('%s is a member of it and is no lease: it has what the policy gives, for good and without a record.', m.member::regrole),
  format('REVOKE %s FROM %s;', m.roleid::regrole, m.member::regrole)
FROM asked, json_array_elements_text(j->'subjects') s (role) JOIN pg_roles c ON c.rolname = s.role
JOIN pg_auth_members m ON m.roleid = c.oid JOIN pg_roles r ON r.oid = m.member
WHERE (j->>'leases')::bool AND r.rolname !~ '^agp_' AND r.rolname <> 'pgchaperone_owner' AND NOT r.rolsuper
ORDER BY 3, 5;

-- People and applications go to the database directly; it is worth knowing who they are.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j),
direct AS (
  SELECT r.rolname, r.rolsuper FROM pg_roles r, asked
  WHERE r.rolcanlogin AND r.oid <> 10 AND r.rolvaliduntil IS NULL AND r.rolname !~ '^(agp_|agc_|pg_)'
    AND r.rolname NOT IN (j->>'role', 'pgchaperone_owner')
    AND NOT EXISTS (SELECT FROM json_array_elements_text(j->'agents') a (name) WHERE a.name = r.rolname)
    AND (r.rolsuper OR EXISTS (
      SELECT FROM json_array_elements(j->'tables') t JOIN pg_class c ON c.relname = t->>1
      JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = t->>0
      WHERE has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')))
)
SELECT 'direct-login', 'note', format('role %I', rolname),
  format('It reaches %s directly, with a password that does not expire, and leaves no record here. An agent that gets hold of it is past the policy.',
    CASE WHEN rolsuper THEN 'everything, as a superuser,' ELSE 'tables of the policy' END),
  format('ALTER ROLE %I VALID UNTIL %L; -- and pg_hba.conf lines that let it in from where it belongs', rolname, (now() + interval '90 days')::date)
FROM direct ORDER BY rolsuper DESC, rolname;

-- Lease roles.
SELECT 'lease-orphan', 'warning', format('role %I', r.rolname),
  format('A lease that ended on %s is still there, without a session.', r.rolvaliduntil::date),
  format('DROP OWNED BY %1$I; DROP ROLE %1$I;', r.rolname)
FROM pg_roles r
WHERE r.rolname ~ '^agp_[a-z0-9-]+_[a-z2-7]{16}$' AND r.rolvaliduntil < now() - interval '1 minute'
  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.usesysid = r.oid)
ORDER BY 3;

-- Whoever can log in can leave one where max_prepared_transactions allows it; the end of his session does not end it.
SELECT 'lease-prepared', 'danger', format('prepared transaction %L', x.gid),
  format('%s left it on %s: it keeps its locks, and its changes wait to be committed; until it ends the role may stay.',
    CASE WHEN x.owner IS NULL THEN 'A role that is gone' ELSE format('The lease %I', x.owner) END, x.prepared::timestamptz(0)),
  format('ROLLBACK PREPARED %L;', x.gid)
FROM pg_prepared_xacts x WHERE (x.owner ~ '^agp_' OR x.owner IS NULL) AND x.database = current_database()
ORDER BY 3;

SELECT 'lease-without-end', 'danger', format('role %I', r.rolname),
  'A lease role that can log in and never expires is a credential that lasts.',
  format('ALTER ROLE %I NOLOGIN;', r.rolname)
FROM pg_roles r WHERE r.rolname ~ '^agp_' AND r.rolcanlogin AND coalesce(r.rolvaliduntil, 'infinity') = 'infinity'
ORDER BY 3;

SELECT 'lease-too-strong', 'danger', format('role %I', r.rolname),
  'A lease role has an attribute or a membership that no capability has.',
  format('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %1$L; DROP OWNED BY %1$I; DROP ROLE %1$I;', r.rolname)
FROM pg_roles r
WHERE r.rolname ~ '^agp_' AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls OR EXISTS (
  SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid AND g.rolname !~ '^agc_'))
ORDER BY 3;

SELECT 'authid-bloat', 'warning', 'table pg_catalog.pg_authid',
  format('It holds %s dead rows of past leases (%s): logins get slower, and something keeps VACUUM from removing them.',
    s.n_dead_tup, pg_size_pretty(pg_relation_size(s.relid))),
  'VACUUM pg_catalog.pg_authid, pg_catalog.pg_auth_members; -- and pg_stat_activity for the oldest backend_xmin'
FROM pg_stat_sys_tables s WHERE s.relname = 'pg_authid' AND (s.n_dead_tup > 20000 OR pg_relation_size(s.relid) > 16 << 20);

-- Settings.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'too-few-connections', 'warning', 'setting max_connections',
  format('The server takes %s connections besides those it keeps for superusers, and limits.connections is %s: beyond that agents are refused by '
    'the server, and so is everybody else.', v.free, j->>'connections'),
  format('limits: {connections: %s}', greatest(v.free - 10, 1))
FROM asked, LATERAL (SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  - coalesce(current_setting('reserved_connections', true)::int, 0)) v (free)
WHERE (j->>'connections')::int > v.free;

SELECT 'password-encryption', 'warning', 'setting password_encryption',
  'New passwords are kept as MD5 hashes, which are as good as the password to whoever reads one.',
  'ALTER SYSTEM SET password_encryption = ''scram-sha-256''; SELECT pg_reload_conf();'
WHERE current_setting('password_encryption') <> 'scram-sha-256';

WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'ssl-off', 'warning', 'setting ssl',
  'The server speaks no TLS, and is reached over the network: statements, rows and logins can be read and changed on the way.',
  'ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf(); -- with ssl_cert_file and ssl_key_file'
FROM asked WHERE current_setting('ssl') = 'off' AND NOT (j->>'local')::bool;

SELECT 'listens-widely', CASE WHEN current_setting('ssl') = 'off' THEN 'warning' ELSE 'note' END, 'setting listen_addresses',
  format('It listens on every address (%s): whoever reaches one of them is past pgchaperone, held back by pg_hba.conf alone.', s.setting),
  'ALTER SYSTEM SET listen_addresses = ''127.0.0.1''; -- or the address that pgchaperone reaches; needs a restart'
FROM pg_settings s WHERE s.name = 'listen_addresses' AND s.setting ~ '(^|[ ,])(\*|0\.0\.0\.0|::)([ ,]|$)';

SELECT 'log-holds-values', 'note', format('setting %s', v.name),
  format('The server''s log holds statements of agents with their values (%s = %s), whatever audit.values says here.', v.name, v.setting),
  format('ALTER SYSTEM RESET %I; SELECT pg_reload_conf();', v.name)
FROM pg_settings v
WHERE v.name = 'log_statement' AND v.setting IN ('mod', 'all')
  OR v.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND v.setting <> '-1'
  OR v.name = 'log_parameter_max_length_on_error' AND v.setting <> '0'
  OR v.name IN ('debug_print_parse', 'debug_print_rewritten', 'debug_print_plan') AND v.setting = 'on'
ORDER BY 3
