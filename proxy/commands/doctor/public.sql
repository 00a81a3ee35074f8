-- What every role may do, a lease's too, whatever it was granted. Rows as in broker.sql. Privileges of PUBLIC on tables are
-- compared with the policy elsewhere (doctor_grants.cpp).

SELECT 'public-create', CASE WHEN p.place IS NOT NULL THEN 'danger' ELSE 'warning' END, format('schema %I', n.nspname),
  CASE WHEN p.place IS NOT NULL
    THEN 'PUBLIC may create in a schema of the search_path: a function or an operator put there takes the place of the one that is meant.'
    ELSE 'PUBLIC may create tables and functions in it, and a lease role is part of PUBLIC.' END,
  format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC;', n.nspname)
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
LEFT JOIN json_array_elements_text(current_setting('pgchaperone.search_path')::json) p (place) ON p.place = n.nspname
WHERE x.grantee = 0 AND x.privilege_type = 'CREATE' AND n.nspname !~ '^pg_(toast_)?temp_'
ORDER BY 3;

SELECT 'public-' || CASE x.privilege_type WHEN 'TEMPORARY' THEN 'temp' ELSE 'create' END, 'warning', format('database %I', d.datname),
  CASE x.privilege_type WHEN 'TEMPORARY'
    THEN 'PUBLIC may make temporary tables, which stand in front of those of the same name in every search_path.'
    ELSE 'PUBLIC may create schemas in it, and owns what it puts there.' END,
  format('REVOKE %s ON DATABASE %I FROM PUBLIC;', x.privilege_type, d.datname)
FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
WHERE d.datname = current_database() AND x.grantee = 0 AND x.privilege_type IN ('TEMPORARY', 'CREATE');

SELECT 'public-connect', 'warning', format('database %I', d.datname),
  'Every role may connect to it, a lease role of another database too, and what PUBLIC may do there is outside the policy.',
  format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC;', d.datname)
FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
WHERE d.datname <> current_database() AND d.datallowconn AND x.grantee = 0 AND x.privilege_type = 'CONNECT'
ORDER BY 3;

-- Functions with the rights of their owner, but for those that the policy names.
SELECT 'public-security-definer', CASE WHEN o.rolsuper THEN 'danger' ELSE 'warning' END, format('function %s', p.oid::regprocedure),
  format('Every role may run it, and it runs with the rights of %I%s.', o.rolname, CASE WHEN o.rolsuper THEN ', a superuser' ELSE '' END),
  format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC;', p.oid::regprocedure)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner
CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
WHERE p.prosecdef AND x.grantee = 0 AND x.privilege_type = 'EXECUTE' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'chaperone')
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND NOT EXISTS (
    SELECT FROM json_array_elements(current_setting('pgchaperone.doctor')::json->'functions') f
    WHERE f->>0 = n.nspname AND f->>1 = p.proname)
ORDER BY 3;

-- Functions that PostgreSQL or an extension kept from PUBLIC when they were made, those that open connections of their own,
-- and those in languages that reach the operating system.
SELECT 'public-dangerous-function', 'danger', format('function %s', p.oid::regprocedure),
  CASE
    WHEN NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') THEN
      format('Every role may run it, and it is written in %s, which nothing keeps from the files and programs of the server.', l.lanname)
    WHEN p.proname ~ '^dblink' THEN
      'Every role may run it, and it opens connections from the server itself, past pgchaperone and every rule about addresses.'
    ELSE 'Every role may run it, although it is one that PostgreSQL gives to superusers alone, for what it reaches.' END,
  format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC;', p.oid::regprocedure)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN pg_init_privs i ON i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass AND i.objsubid = 0
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x WHERE x.grantee = 0 AND x.privilege_type = 'EXECUTE')
  AND (NOT EXISTS (SELECT FROM aclexplode(coalesce(i.initprivs, acldefault('f', p.proowner))) x WHERE x.grantee = 0)
    OR e.extname = 'dblink' AND p.proname IN ('dblink', 'dblink_connect', 'dblink_exec', 'dblink_open', 'dblink_send_query')
    OR NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c')
      AND NOT EXISTS (SELECT FROM pg_language h WHERE p.oid IN (h.lanplcallfoid, h.laninline, h.lanvalidator)))
ORDER BY 3;

SELECT 'untrusted-language', 'note', format('language %I', l.lanname),
  'Functions in it reach the files and programs of the server; whoever may change one of them may do so too.',
  CASE WHEN e.extname IS NULL THEN format('DROP LANGUAGE %I;', l.lanname) ELSE format('DROP EXTENSION %I;', e.extname) END
FROM pg_language l
LEFT JOIN pg_depend d ON d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE l.lanispl AND NOT l.lanpltrusted;

SELECT 'public-foreign-server', 'warning', format('server %I', s.srvname),
  'Every role may use it: a way to another server that pgchaperone does not see.',
  format('REVOKE USAGE ON FOREIGN SERVER %I FROM PUBLIC;', s.srvname)
FROM pg_foreign_server s CROSS JOIN LATERAL aclexplode(coalesce(s.srvacl, acldefault('S', s.srvowner))) x WHERE x.grantee = 0
UNION ALL
SELECT 'public-foreign-server', 'warning', format('wrapper %I', w.fdwname),
  'Every role may make servers of it: ways to other servers that pgchaperone does not see.',
  format('REVOKE USAGE ON FOREIGN DATA WRAPPER %I FROM PUBLIC;', w.fdwname)
FROM pg_foreign_data_wrapper w CROSS JOIN LATERAL aclexplode(coalesce(w.fdwacl, acldefault('F', w.fdwowner))) x WHERE x.grantee = 0
UNION ALL
SELECT 'public-user-mapping', 'warning', format('server %I', srvname),
  'Every role logs in there with the same credentials.',
  format('DROP USER MAPPING FOR PUBLIC SERVER %I;', srvname)
FROM pg_user_mappings WHERE umuser = 0;

SELECT 'default-privileges', 'warning',
  format('%s that %s makes%s', lower(v.what), d.defaclrole::regrole, CASE WHEN n.oid IS NULL THEN '' ELSE format(' in schema %I', n.nspname) END),
  format('What is made from now on is granted to %s by itself (%s), whether the policy shows it or not.',
    g.name, lower(string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type))),
  format('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON %s FROM %s;', d.defaclrole::regrole,
    CASE WHEN n.oid IS NULL THEN '' ELSE format(' IN SCHEMA %I', n.nspname) END, v.what, g.name)
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL aclexplode(d.defaclacl) x
CROSS JOIN LATERAL (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END) g (name)
JOIN (VALUES ('r'::"char", 'TABLES'), ('S', 'SEQUENCES'), ('n', 'SCHEMAS')) v (kind, what) ON v.kind = d.defaclobjtype
WHERE x.grantee <> d.defaclrole AND (x.grantee = 0 OR x.grantee IN (
  SELECT r.oid FROM pg_roles r JOIN json_array_elements_text(current_setting('pgchaperone.doctor')::json->'subjects') s (role) ON s.role = r.rolname))
GROUP BY d.defaclrole, n.oid, n.nspname, v.what, g.name
ORDER BY 3, 4;

SELECT 'public-parameter', 'danger', format('setting %s', p.parname),
  'Every role may set it, although PostgreSQL keeps it from all but superusers.',
  format('REVOKE ALL ON PARAMETER %s FROM PUBLIC;', p.parname)
FROM pg_parameter_acl p WHERE EXISTS (SELECT FROM aclexplode(p.paracl) x WHERE x.grantee = 0);

SELECT 'public-large-object', 'warning', format('large object %s', l.oid),
  'Every role may read or write it, and no policy speaks of large objects.',
  format('REVOKE ALL ON LARGE OBJECT %s FROM PUBLIC;', l.oid)
FROM pg_largeobject_metadata l WHERE EXISTS (SELECT FROM aclexplode(l.lomacl) x WHERE x.grantee = 0)
UNION ALL
SELECT 'public-large-object', 'danger', 'setting lo_compat_privileges',
  'Every role may read and write every large object.',
  'ALTER SYSTEM SET lo_compat_privileges = off; SELECT pg_reload_conf();'
WHERE current_setting('lo_compat_privileges') = 'on'

ORDER BY 3;

-- PostgreSQL's own tables, as far as it kept them from PUBLIC: pg_authid holds the passwords.
SELECT 'public-catalog', 'danger', format('table %I.%I', n.nspname, c.relname),
  'Every role may read or write it, although PostgreSQL gives it to superusers alone.',
  format('REVOKE %s ON TABLE %I.%I FROM PUBLIC;', string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type), n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) x
LEFT JOIN pg_init_privs i ON i.objoid = c.oid AND i.classoid = 'pg_class'::regclass AND i.objsubid = 0
WHERE n.nspname = 'pg_catalog' AND x.grantee = 0 AND NOT EXISTS (
  SELECT FROM aclexplode(i.initprivs) p WHERE p.grantee = 0 AND p.privilege_type = x.privilege_type)
GROUP BY n.nspname, c.relname
ORDER BY 3
